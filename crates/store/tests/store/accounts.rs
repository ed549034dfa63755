//! Accounts.

use posta_core::id::RemoteAccount;
use posta_store::Json;
use posta_store::accounts::{self, Account, Filter, Reason, State};
use serde_json::json;

use crate::support::{Store, at, both};

async fn find(store: &Store, account: &Account) -> Account {
    let mut tx = store.read().await;
    let found = accounts::find(&mut tx, &account.workspace_id, &account.id).await;
    found.unwrap().unwrap()
}

async fn take_out(store: &Store, account: &Account, state: State) -> bool {
    let mut tx = store.write().await;
    let (owner, id) = (&account.workspace_id, &account.id);
    let reason = Reason { text: "revoked", code: "app_removed" };
    let done = accounts::update_unusable(&mut tx, owner, id, state, reason, at(7)).await;
    tx.commit().await.unwrap();
    done.unwrap()
}

both! {
    connecting_again_keeps_id_and_history,
    connecting_at_once_makes_one_account,
    a_removed_account_is_hidden_and_its_token_gone,
    a_dead_account_can_still_be_removed,
    a_webhook_finds_the_account_in_every_workspace,
    the_newest_token_is_found_in_whatever_workspace,
    lists_are_narrowed_and_paged,
    an_account_is_found_by_any_of_its_names_everywhere,
    accounts_move_between_profiles,
}

async fn connecting_again_keeps_id_and_history(store: &Store) {
    let account = store.account().await;
    assert_eq!(format!("{:?}", find(store, &account).await), format!("{account:?}"));
    let conversation = store.conversation(&account, "t1").await;
    let mut tx = store.write().await;
    accounts::update_rate_limited(&mut tx, &account.id, at(50)).await.unwrap();
    accounts::update_last_event(&mut tx, std::slice::from_ref(&account.id), at(40)).await.unwrap();
    tx.commit().await.unwrap();
    let busy = find(store, &account).await;
    assert_eq!((busy.rate_limited_until, busy.last_event_at), (Some(at(50)), Some(at(40))));
    assert!(take_out(store, &account, State::Removed).await);

    let again = Account {
        id: store.id(),
        profile_id: store.profile(&account.workspace_id, "B").await,
        app_scoped_id: None,
        username: "ana2".into(),
        display_name: None,
        picture: Some("https://example.com/p".into()),
        profile_url: None,
        followers: Some(13),
        kind: None,
        metadata: Json(json!({})),
        scopes: Some(Json(Vec::new())),
        token: Some(store.seal("new")),
        token_expires_at: Some(at(9_000)),
        token_issued_at: Some(at(8_000)),
        state_since: at(8_000),
        created_at: at(8_000),
        ..account.clone()
    };
    assert_eq!(store.upsert(&again).await, account.id);
    let expected = Account {
        id: account.id.clone(),
        created_at: at(0),
        last_event_at: Some(at(40)),
        ..again.clone()
    };
    let found = find(store, &account).await;
    assert_eq!(found.token, again.token);
    assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    assert_eq!(store.conversation(&account, "t1").await.id, conversation.id);
}

async fn connecting_at_once_makes_one_account(store: &Store) {
    let account = store.account().await;
    let remote = "17841400000000009";
    let new = |_| store.new_account(&account.workspace_id, &account.profile_id, remote);
    let [a, b, c] = [0; 3].map(new);
    let (first, second, third) = tokio::join!(store.upsert(&a), store.upsert(&b), store.upsert(&c));
    assert_eq!(first, second);
    assert_eq!(second, third);
}

async fn a_removed_account_is_hidden_and_its_token_gone(store: &Store) {
    let account = store.account().await;
    let (owner, profile) = (&account.workspace_id, &account.profile_id);
    let kept = store.new_account(owner, profile, "2");
    store.upsert(&kept).await;
    assert!(take_out(store, &account, State::Removed).await);
    assert!(!take_out(store, &account, State::Removed).await);
    assert!(!take_out(store, &account, State::Dead).await);

    let found = find(store, &account).await;
    assert_eq!(found.state, State::Removed);
    assert_eq!(found.state_reason.as_deref(), Some("revoked"));
    assert_eq!(found.state_code.as_deref(), Some("app_removed"));
    assert_eq!((found.state_since, found.token, found.token_expires_at), (at(7), None, None));

    let mut tx = store.write().await;
    let remote = &account.remote_id;
    let found = accounts::find_remote(&mut tx, owner, "instagram", remote).await.unwrap();
    assert_eq!(found.unwrap().id, account.id);
    let listed =
        accounts::list_by_remote(&mut tx, "instagram", std::slice::from_ref(remote)).await.unwrap();
    assert!(listed.is_empty());
    let listed = accounts::list(&mut tx, owner, &Filter::default(), None, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, kept.id);
    let removed = Filter { state: Some(State::Removed), ..Filter::default() };
    assert!(accounts::list(&mut tx, owner, &removed, None, 10).await.unwrap().is_empty());
    assert_eq!(accounts::count_for_profile(&mut tx, owner, profile).await.unwrap(), 1);
}

async fn a_dead_account_can_still_be_removed(store: &Store) {
    let account = store.account().await;
    assert!(take_out(store, &account, State::Dead).await);
    assert!(!take_out(store, &account, State::Dead).await);
    assert!(take_out(store, &account, State::Removed).await);
}

async fn a_webhook_finds_the_account_in_every_workspace(store: &Store) {
    let account = store.account().await;
    let other = store.workspace("other").await;
    let profile = store.profile(&other, "A").await;
    let twin = store.new_account(&other, &profile, account.remote_id.as_str());
    store.upsert(&twin).await;
    let mut tx = store.read().await;
    let remote = &account.remote_id;
    let found =
        accounts::list_by_remote(&mut tx, "instagram", std::slice::from_ref(remote)).await.unwrap();
    let ids: Vec<_> = found.into_iter().map(|account| account.id).collect();
    assert_eq!(ids, [account.id.clone(), twin.id.clone()]);
    assert!(
        accounts::list_by_remote(&mut tx, "facebook", std::slice::from_ref(remote))
            .await
            .unwrap()
            .is_empty()
    );
    let unknown = RemoteAccount::new("0");
    let found = accounts::find_remote(&mut tx, &other, "instagram", &unknown).await;
    assert!(found.unwrap().is_none());
    assert!(accounts::find(&mut tx, &other, &account.id).await.unwrap().is_none());
    let scoped = account.app_scoped_id.as_deref().unwrap();
    let found = accounts::list_by_app_scoped(&mut tx, "instagram", scoped).await.unwrap();
    let ids: Vec<_> = found.into_iter().map(|account| account.id).collect();
    assert_eq!(ids, [account.id.clone(), twin.id.clone()]);
    assert!(accounts::list_by_app_scoped(&mut tx, "facebook", scoped).await.unwrap().is_empty());
}

async fn the_newest_token_is_found_in_whatever_workspace(store: &Store) {
    let found = async || {
        let found = accounts::find_with_token(&mut store.read().await).await.unwrap();
        found.map(|account| account.id)
    };
    assert_eq!(found().await, None);
    let account = store.account().await;
    let other = store.workspace("other").await;
    let profile = store.profile(&other, "A").await;
    let newer = store.new_account(&other, &profile, "2");
    store.upsert(&newer).await;
    assert_eq!(found().await, Some(newer.id.clone()));
    assert!(take_out(store, &newer, State::Removed).await);
    assert_eq!(found().await, Some(account.id));
}

/// The filter that shows everything but for one change.
fn but<'a>(change: impl FnOnce(&mut Filter<'a>)) -> Filter<'a> {
    let mut filter = Filter::default();
    change(&mut filter);
    filter
}

async fn lists_are_narrowed_and_paged(store: &Store) {
    let first = store.account().await;
    let owner = &first.workspace_id;
    let other = store.profile(owner, "B").await;
    let mut second = store.new_account(owner, &other, "2");
    second.platform = "facebook".into();
    store.upsert(&second).await;
    let third = store.new_account(owner, &first.profile_id, "3");
    store.upsert(&third).await;
    assert!(take_out(store, &third, State::Dead).await);

    let (one, both) = ([other.clone()], [first.profile_id.clone(), other.clone()]);
    let cases = [
        (Filter::default(), vec![&first, &second, &third]),
        (but(|f| f.profiles = Some(&one)), vec![&second]),
        (but(|f| f.profiles = Some(&both)), vec![&first, &second, &third]),
        (but(|f| f.profiles = Some(&[])), vec![]),
        (but(|f| f.platform = Some("instagram")), vec![&first, &third]),
        (but(|f| f.state = Some(State::Dead)), vec![&third]),
    ];
    let mut tx = store.read().await;
    for (filter, expected) in cases {
        let mut seen = Vec::new();
        loop {
            let page = accounts::list(&mut tx, owner, &filter, seen.last(), 1).await.unwrap();
            let Some(account) = page.into_iter().next() else {
                break;
            };
            seen.push(account.id);
        }
        let expected: Vec<_> = expected.into_iter().map(|one| one.id.clone()).collect();
        assert_eq!(seen, expected, "{filter:?}");
    }
}

async fn accounts_move_between_profiles(store: &Store) {
    let account = store.account().await;
    let owner = &account.workspace_id;
    let gone = store.new_account(owner, &account.profile_id, "2");
    store.upsert(&gone).await;
    assert!(take_out(store, &gone, State::Removed).await);
    let other = store.profile(owner, "B").await;
    let mut tx = store.write().await;
    accounts::move_removed(&mut tx, owner, &account.profile_id, &other).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(find(store, &gone).await.profile_id, other);
    assert_eq!(find(store, &account).await.profile_id, account.profile_id);
    let mut tx = store.write().await;
    accounts::update_profile(&mut tx, owner, &account.id, &other).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(find(store, &account).await.profile_id, other);
}

async fn an_account_is_found_by_any_of_its_names_everywhere(store: &Store) {
    let account = store.account().await;
    let owner = store.workspace("other").await;
    let profile = store.profile(&owner, "Other").await;
    let second = store.new_account(&owner, &profile, "18");
    store.upsert(&second).await;
    let removed = store.new_account(&owner, &profile, "19");
    store.upsert(&removed).await;
    assert!(take_out(store, &removed, State::Removed).await);
    let mut tx = store.read().await;
    let mut found = async |name: Option<&str>| -> Vec<_> {
        let rows = accounts::list_everywhere(&mut tx, name).await.unwrap();
        rows.into_iter().map(|one| one.id).collect()
    };
    assert_eq!(found(None).await, [account.id.clone(), second.id.clone()]);
    let app_scoped = second.app_scoped_id.clone().unwrap();
    for name in [second.id.as_str(), "18", &second.username, &app_scoped] {
        assert_eq!(found(Some(name)).await, std::slice::from_ref(&second.id), "{name}");
    }
    assert!(found(Some("19")).await.is_empty());
    assert!(found(Some("nobody")).await.is_empty());
}
