//! What happened at the door.

use posta_core::id::RemoteAccount;
use posta_store::verifications::{self, Verification};

use crate::support::{Store, at, both};

both! {
    questions_and_refusals_are_kept_per_platform,
}

async fn questions_and_refusals_are_kept_per_platform(store: &Store) {
    let mut tx = store.write().await;
    assert_eq!(verifications::find(&mut tx, "instagram").await.unwrap(), None);
    verifications::update_challenge(&mut tx, "instagram", false, at(1)).await.unwrap();
    verifications::update_challenge(&mut tx, "instagram", true, at(2)).await.unwrap();
    let (first, second) = (RemoteAccount::new("17"), RemoteAccount::new("18"));
    verifications::add_refused(&mut tx, "instagram", 1, &first, at(3)).await.unwrap();
    verifications::add_refused(&mut tx, "instagram", 4, &second, at(4)).await.unwrap();
    verifications::add_refused(&mut tx, "other", 2, &first, at(5)).await.unwrap();
    let found = verifications::find(&mut tx, "instagram").await.unwrap().unwrap();
    let expected = Verification {
        challenge_passed_at: Some(at(2)),
        challenge_failed_at: Some(at(1)),
        refused_count: 5,
        refused_at: Some(at(4)),
        refused_about: Some(second),
    };
    assert_eq!(found, expected);
    let other = verifications::find(&mut tx, "other").await.unwrap().unwrap();
    assert_eq!((other.refused_count, other.challenge_passed_at), (2, None));
}
