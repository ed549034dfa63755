//! Renewals.

use posta_store::accounts;
use posta_store::renewals::{self, Renewal};

use crate::support::{Store, at, both};

both! {
    a_token_is_renewed_by_one_and_only_in_place_of_its_own,
    a_warning_is_given_once_for_each_threshold,
}

async fn a_token_is_renewed_by_one_and_only_in_place_of_its_own(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    assert_eq!(renewals::find_next_due(&mut tx).await.unwrap(), None);
    renewals::update_due(&mut tx, &account.id, Some(at(10))).await.unwrap();
    assert_eq!(renewals::find_next_due(&mut tx).await.unwrap(), Some(at(10)));
    assert!(renewals::claim(&mut tx, at(9), at(20), 5).await.unwrap().is_empty());
    let taken = renewals::claim(&mut tx, at(10), at(20), 5).await.unwrap();
    assert_eq!(taken.iter().map(|one| &one.id).collect::<Vec<_>>(), [&account.id]);
    assert!(renewals::claim(&mut tx, at(19), at(30), 5).await.unwrap().is_empty());
    assert_eq!(renewals::claim(&mut tx, at(20), at(30), 5).await.unwrap().len(), 1);

    let new = store.seal("new");
    let renewal = Renewal {
        account: &account,
        token: &new,
        expires_at: Some(at(100)),
        issued_at: at(20),
        renew_at: Some(at(90)),
    };
    assert!(renewals::update_token(&mut tx, &renewal).await.unwrap());
    assert!(!renewals::update_token(&mut tx, &renewal).await.unwrap(), "it has another by now");
    let found = accounts::find(&mut tx, &account.workspace_id, &account.id).await.unwrap().unwrap();
    assert_eq!((found.token, found.token_expires_at), (Some(new), Some(at(100))));
    assert_eq!(renewals::find_next_due(&mut tx).await.unwrap(), Some(at(90)));
}

async fn a_warning_is_given_once_for_each_threshold(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    let mut told = Vec::new();
    for days in [7, 7, 3, 7, 1, 1] {
        told.push(renewals::update_warned(&mut tx, &account.id, days).await.unwrap());
    }
    assert_eq!(told, [true, false, true, false, true, false]);
    assert!(renewals::clear_warned(&mut tx, &account.id).await.unwrap());
    assert!(!renewals::clear_warned(&mut tx, &account.id).await.unwrap());
    assert!(renewals::update_warned(&mut tx, &account.id, 7).await.unwrap());
    tx.commit().await.unwrap();
    store.upsert(&account).await;
    let mut tx = store.write().await;
    assert!(!renewals::clear_warned(&mut tx, &account.id).await.unwrap(), "connected again");
}
