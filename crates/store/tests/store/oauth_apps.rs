//! The customers' own apps.

use posta_core::id::WorkspaceId;
use posta_store::oauth_apps::{self, OauthApp};
use posta_store::{Json, accounts};

use crate::support::{Store, at, both};

fn new(store: &Store, owner: &WorkspaceId, client_id: &str) -> OauthApp {
    OauthApp {
        id: store.id(),
        workspace_id: owner.clone(),
        platform: "instagram".into(),
        label: "Ours".into(),
        client_id: client_id.into(),
        client_secret: store.seal("secret"),
        signing_app_id: None,
        signing_secret: None,
        verify_token: store.seal("verify"),
        scope_areas: None,
        checked_at: None,
        check_error: None,
        created_at: at(0),
    }
}

async fn insert(store: &Store, app: &OauthApp) -> bool {
    let mut tx = store.write().await;
    let is_new = oauth_apps::insert(&mut tx, app).await.unwrap();
    tx.commit().await.unwrap();
    is_new
}

both! {
    a_client_id_is_registered_once_per_workspace_and_platform,
    what_may_change_changes,
    pages_follow_one_another,
    a_deleted_app_leaves_its_accounts,
}

async fn a_client_id_is_registered_once_per_workspace_and_platform(store: &Store) {
    let owner = store.workspace("acme").await;
    let other = store.workspace("other").await;
    let app = new(store, &owner, "1");
    assert!(insert(store, &app).await);
    assert!(!insert(store, &new(store, &owner, "1")).await);
    assert!(insert(store, &new(store, &other, "1")).await);
    let elsewhere = OauthApp { platform: "facebook".into(), ..new(store, &owner, "1") };
    assert!(insert(store, &elsewhere).await);

    let mut tx = store.read().await;
    let all = oauth_apps::list_for_platform(&mut tx, "instagram").await.unwrap();
    let owners: Vec<_> = all.into_iter().map(|app| app.workspace_id).collect();
    assert_eq!(owners, [owner.clone(), other.clone()]);
    assert!(oauth_apps::find(&mut tx, &other, &app.id).await.unwrap().is_none());
}

async fn what_may_change_changes(store: &Store) {
    let owner = store.workspace("acme").await;
    let mut app = new(store, &owner, "1");
    assert!(insert(store, &app).await);
    app.label = "Theirs".into();
    app.client_secret = store.seal("new");
    app.signing_app_id = Some("9".into());
    app.signing_secret = Some(store.seal("signs"));
    app.scope_areas = Some(Json(vec!["messages".into()]));
    let mut tx = store.write().await;
    oauth_apps::update(&mut tx, &app).await.unwrap();
    let found = oauth_apps::find(&mut tx, &owner, &app.id).await.unwrap().unwrap();
    assert_eq!(found.client_secret, app.client_secret);
    assert_eq!(found.signing_secret, app.signing_secret);
    assert_eq!(found.verify_token, app.verify_token);
    assert_eq!(format!("{found:?}"), format!("{app:?}"));
}

async fn pages_follow_one_another(store: &Store) {
    let owner = store.workspace("acme").await;
    let mut made = Vec::new();
    for number in 0..5 {
        let app = new(store, &owner, &number.to_string());
        assert!(insert(store, &app).await);
        made.push(app.id);
    }
    let mut seen = Vec::new();
    let mut tx = store.read().await;
    loop {
        let page = oauth_apps::list(&mut tx, &owner, seen.last(), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|app| app.id));
    }
    assert_eq!(seen, made);
}

async fn a_deleted_app_leaves_its_accounts(store: &Store) {
    let mut account = store.account().await;
    let app = new(store, &account.workspace_id, "1");
    assert!(insert(store, &app).await);
    account.oauth_app_id = Some(app.id.clone());
    store.upsert(&account).await;
    let mut tx = store.write().await;
    let owner = &account.workspace_id;
    assert_eq!(accounts::list_for_app(&mut tx, owner, &app.id).await.unwrap().len(), 1);
    oauth_apps::delete(&mut tx, owner, &app.id).await.unwrap();
    assert!(oauth_apps::find(&mut tx, owner, &app.id).await.unwrap().is_none());
    assert!(accounts::list_for_app(&mut tx, owner, &app.id).await.unwrap().is_empty());
    let found = accounts::find(&mut tx, owner, &account.id).await.unwrap().unwrap();
    assert_eq!(found.oauth_app_id, None);
}
