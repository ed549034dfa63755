//! The log of calls to platforms.

use posta_core::capability::CallClass;
use posta_core::id::{ProfileId, WorkspaceId};
use posta_store::calls::{self, Call, Filter};

use crate::support::{Store, at, both};

both! {
    every_field_is_kept,
    calls_are_found_by_what_is_known_of_them,
    pages_follow_each_other_and_counts_end,
    old_calls_go_a_handful_at_a_time,
}

fn new(store: &Store, owner: &WorkspaceId) -> Call {
    Call {
        id: store.id(),
        workspace_id: owner.clone(),
        profile_id: Some(store.id()),
        account_id: Some(store.id()),
        platform: "instagram".into(),
        area: "messaging".into(),
        action: "send_message".into(),
        class: Some(CallClass::Text),
        method: "POST".into(),
        host: "graph.example".into(),
        path: "/v1/17/messages".into(),
        is_success: false,
        status: Some(400),
        code: Some(100),
        subcode: Some(2_534_014),
        kind: Some("OAuthException".into()),
        words: Some("No matching user: 100% sure\u{FFFD}".into()),
        trace_id: Some("Abc".into()),
        request_id: Some("r-1".into()),
        message_id: Some(store.id()),
        sent: Some("{}".into()),
        answered: Some("{}".into()),
        usage: Some("{}".into()),
        duration_ms: 12,
        created_at: at(5),
    }
}

async fn insert(store: &Store, calls: &[Call]) {
    let mut tx = store.write().await;
    calls::insert_all(&mut tx, calls).await.unwrap();
    tx.commit().await.unwrap();
}

async fn every_field_is_kept(store: &Store) {
    let owner = store.workspace("acme").await;
    let call = new(store, &owner);
    let with_nul = Call { words: Some("No matching user: 100% sure\0".into()), ..call.clone() };
    insert(store, &[with_nul]).await;
    let mut tx = store.read().await;
    let found = calls::list(&mut tx, &owner, &Filter::default(), 9, 0).await.unwrap();
    assert_eq!(found, [call]);
    let others = calls::list(&mut tx, &store.id(), &Filter::default(), 9, 0).await.unwrap();
    assert!(others.is_empty());
}

async fn calls_are_found_by_what_is_known_of_them(store: &Store) {
    let owner = store.workspace("acme").await;
    let (one, mut other) = (new(store, &owner), new(store, &owner));
    other.platform = "another".into();
    other.area = "connections".into();
    other.action = "renew_token".into();
    other.is_success = true;
    other.status = Some(200);
    other.code = None;
    other.words = Some("100x sure".into());
    other.trace_id = None;
    other.request_id = Some("r-2".into());
    insert(store, &[one.clone(), other]).await;
    let profiles: &[ProfileId] = &[one.profile_id.clone().unwrap()];
    let filters = [
        Filter { profiles: Some(profiles), ..Filter::default() },
        Filter { account: one.account_id.as_ref(), ..Filter::default() },
        Filter { message: one.message_id.as_ref(), ..Filter::default() },
        Filter { request: Some("r-1"), ..Filter::default() },
        Filter { platform: Some("instagram"), ..Filter::default() },
        Filter { area: Some("messaging"), ..Filter::default() },
        Filter { action: Some("send_message"), ..Filter::default() },
        Filter { is_success: Some(false), ..Filter::default() },
        Filter { status: Some(400), ..Filter::default() },
        Filter { code: Some(100), ..Filter::default() },
        Filter { search: Some("MATCHING"), ..Filter::default() },
        Filter { search: Some("100% sure"), ..Filter::default() },
        Filter { search: Some("abc"), ..Filter::default() },
    ];
    let mut tx = store.read().await;
    for filter in &filters {
        let found = calls::list(&mut tx, &owner, filter, 9, 0).await.unwrap();
        assert_eq!(found.iter().map(|call| &call.id).collect::<Vec<_>>(), [&one.id], "{filter:?}");
    }
    for none in [
        Filter { profiles: Some(&[]), ..Filter::default() },
        Filter { search: Some("m_tching"), ..Filter::default() },
        Filter { since: Some(at(1 << 40)), ..Filter::default() },
        Filter { until: Some(at(0)), ..Filter::default() },
    ] {
        assert_eq!(calls::count(&mut tx, &owner, &none, 9).await.unwrap(), 0, "{none:?}");
    }
    let good = Filter { is_success: Some(true), since: Some(at(0)), ..Filter::default() };
    assert_eq!(calls::count(&mut tx, &owner, &good, 9).await.unwrap(), 1);
}

async fn pages_follow_each_other_and_counts_end(store: &Store) {
    let owner = store.workspace("acme").await;
    let all: Vec<_> = (0..1_003).map(|_| new(store, &owner)).collect();
    insert(store, &all).await;
    let mut tx = store.read().await;
    let filter = Filter { before: Some(all[1_001].id.as_str()), ..Filter::default() };
    let found = calls::list(&mut tx, &owner, &filter, 2, 0).await.unwrap();
    assert_eq!([&found[0].id, &found[1].id], [&all[1_000].id, &all[999].id]);
    let found = calls::list(&mut tx, &owner, &Filter::default(), 2, 1_002).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id, all[0].id);
    let count = calls::count(&mut tx, &owner, &Filter::default(), 1_000).await.unwrap();
    assert_eq!(count, 1_000);
}

async fn old_calls_go_a_handful_at_a_time(store: &Store) {
    let (owner, other) = (store.workspace("acme").await, store.workspace("other").await);
    let all: Vec<_> = (0..3).map(|_| new(store, &owner)).collect();
    insert(store, &all).await;
    insert(store, &[new(store, &other)]).await;
    let mut tx = store.write().await;
    assert_eq!(calls::delete_old(&mut tx, &owner, at(0), 2).await.unwrap(), 0);
    let later = at(1 << 40);
    assert_eq!(calls::delete_old(&mut tx, &owner, later, 2).await.unwrap(), 2);
    let left = calls::list(&mut tx, &owner, &Filter::default(), 9, 0).await.unwrap();
    assert_eq!(left.iter().map(|call| &call.id).collect::<Vec<_>>(), [&all[2].id]);
    assert_eq!(calls::delete_old(&mut tx, &owner, later, 2).await.unwrap(), 1);
    assert_eq!(calls::count(&mut tx, &other, &Filter::default(), 9).await.unwrap(), 1);
}
