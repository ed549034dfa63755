//! Subscriptions.

use posta_store::accounts;
use posta_store::subscriptions::{self, Found};

use crate::support::{Store, at, both};

both! {
    a_subscription_is_looked_at_by_one,
}

async fn a_subscription_is_looked_at_by_one(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    assert_eq!(subscriptions::find_next_due(&mut tx).await.unwrap(), None);
    subscriptions::update_due(&mut tx, &account.id, at(10)).await.unwrap();
    assert!(subscriptions::claim(&mut tx, at(9), at(20), 5).await.unwrap().is_empty());
    let taken = subscriptions::claim(&mut tx, at(10), at(20), 5).await.unwrap();
    assert_eq!(taken.iter().map(|one| &one.id).collect::<Vec<_>>(), [&account.id]);
    assert!(subscriptions::claim(&mut tx, at(19), at(30), 5).await.unwrap().is_empty());
    assert_eq!(subscriptions::find_next_due(&mut tx).await.unwrap(), Some(at(20)));
    assert_eq!(subscriptions::count_failure(&mut tx, &account.id).await.unwrap(), 1);
    assert_eq!(subscriptions::count_failure(&mut tx, &account.id).await.unwrap(), 2);

    let fields = ["messages".to_owned()];
    let found = Found { account: &account.id, fields: &fields, checked_at: at(20), due_at: at(99) };
    subscriptions::update_found(&mut tx, found).await.unwrap();
    assert_eq!(subscriptions::find_next_due(&mut tx).await.unwrap(), Some(at(99)));
    assert_eq!(subscriptions::count_failure(&mut tx, &account.id).await.unwrap(), 1, "anew");
    let owner = &account.workspace_id;
    let found = accounts::find(&mut tx, owner, &account.id).await.unwrap().unwrap();
    assert_eq!(found.subscribed_fields.unwrap().0, fields);

    let reason = accounts::Reason { text: "revoked", code: "app_removed" };
    let state = accounts::State::Dead;
    accounts::update_unusable(&mut tx, owner, &account.id, state, reason, at(9)).await.unwrap();
    assert_eq!(subscriptions::find_next_due(&mut tx).await.unwrap(), None);
}
