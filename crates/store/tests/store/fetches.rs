//! Messages to be fetched.

use posta_core::id::RemoteMessage;
use posta_store::accounts::Account;
use posta_store::fetches::{self, Fetch};

use crate::support::{Store, at, both};

both! {
    a_message_is_asked_for_once,
    what_is_due_is_claimed_for_a_while,
    what_is_given_up_stays_and_is_counted,
    a_newer_text_takes_the_place_of_what_was_asked_for,
}

fn new(store: &Store, account: &Account, message: &str, due: i64) -> Fetch {
    Fetch {
        account_id: account.id.clone(),
        message_id: RemoteMessage::new(message),
        workspace_id: account.workspace_id.clone(),
        is_standby: true,
        announced_at: at(1),
        inbound_id: Some(store.id()),
        inbound_position: Some(2),
        attempts: 0,
        due_at: Some(at(due)),
        created_at: at(2),
        edit_count: None,
    }
}

async fn a_message_is_asked_for_once(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    let fetch = new(store, &account, "m1", 10);
    assert!(fetches::insert(&mut tx, &fetch).await.unwrap());
    assert!(!fetches::insert(&mut tx, &fetch).await.unwrap());
    assert_eq!(fetches::find_next_due(&mut tx).await.unwrap(), Some(at(10)));
    fetches::delete(&mut tx, &account.id, &fetch.message_id).await.unwrap();
    assert_eq!(fetches::find_next_due(&mut tx).await.unwrap(), None);
}

async fn what_is_due_is_claimed_for_a_while(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    for (message, due) in [("late", 30), ("second", 20), ("first", 10)] {
        assert!(fetches::insert(&mut tx, &new(store, &account, message, due)).await.unwrap());
    }
    let claimed = fetches::claim(&mut tx, at(20), at(99), 1).await.unwrap();
    let expected = Fetch { attempts: 1, due_at: Some(at(99)), ..new(store, &account, "first", 10) };
    let expected = Fetch { inbound_id: claimed[0].inbound_id.clone(), ..expected };
    assert_eq!(format!("{claimed:?}"), format!("{:?}", [expected]));
    let claimed = fetches::claim(&mut tx, at(20), at(99), 5).await.unwrap();
    let names: Vec<_> = claimed.iter().map(|one| one.message_id.as_str()).collect();
    assert_eq!(names, ["second"]);
    let claimed = fetches::claim(&mut tx, at(99), at(200), 5).await.unwrap();
    assert_eq!(claimed.len(), 3, "a claim that was not finished is taken over");
}

async fn what_is_given_up_stays_and_is_counted(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    let (first, second) = (new(store, &account, "m1", 10), new(store, &account, "m2", 10));
    assert!(fetches::insert(&mut tx, &first).await.unwrap());
    assert!(fetches::insert(&mut tx, &second).await.unwrap());
    fetches::update_due(&mut tx, &first, None, "a\0b").await.unwrap();
    fetches::update_due(&mut tx, &second, Some(at(40)), "later").await.unwrap();
    assert_eq!(fetches::count(&mut tx).await.unwrap(), (1, 1));
    assert_eq!(fetches::find_next_due(&mut tx).await.unwrap(), Some(at(40)));
    assert!(fetches::claim(&mut tx, at(39), at(99), 5).await.unwrap().is_empty());
    assert!(!fetches::insert(&mut tx, &first).await.unwrap());
}

async fn a_newer_text_takes_the_place_of_what_was_asked_for(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    let announced = new(store, &account, "m1", 10);
    assert!(fetches::insert(&mut tx, &announced).await.unwrap());
    fetches::update_due(&mut tx, &announced, None, "gone").await.unwrap();
    let edited = |count, due| Fetch { edit_count: Some(count), ..new(store, &account, "m1", due) };
    assert!(fetches::insert(&mut tx, &edited(2, 20)).await.unwrap());
    assert!(!fetches::insert(&mut tx, &edited(1, 30)).await.unwrap());
    assert!(!fetches::insert(&mut tx, &edited(2, 30)).await.unwrap());
    assert!(!fetches::insert(&mut tx, &announced).await.unwrap());
    let claimed = fetches::claim(&mut tx, at(20), at(99), 9).await.unwrap();
    assert_eq!((claimed.len(), claimed[0].edit_count, claimed[0].attempts), (1, Some(2), 1));
}
