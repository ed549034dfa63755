//! Windows that are about to close.

use posta_store::windows;
use posta_store::{conversations, messages};

use crate::support::{Store, at, both};

both! {
    a_window_is_told_of_once_and_again_when_it_was_opened_anew,
    only_what_was_sent_since_is_an_answer,
}

async fn a_window_is_told_of_once_and_again_when_it_was_opened_anew(store: &Store) {
    let account = store.account().await;
    let owner = &account.workspace_id;
    let mut conversation = store.conversation(&account, "t1").await;
    store.conversation(&account, "t2").await;
    let mut tx = store.write().await;
    assert_eq!(windows::find_next_due(&mut tx).await.unwrap(), None);
    conversation.window_due_at = Some(at(10));
    conversations::update_activity(&mut tx, &[&conversation]).await.unwrap();
    assert_eq!(windows::find_next_due(&mut tx).await.unwrap(), Some(at(10)));
    assert!(windows::list_due(&mut tx, at(9), 5).await.unwrap().is_empty());
    assert!(!windows::take_due(&mut tx, owner, &conversation.id, at(9)).await.unwrap());
    let due = windows::list_due(&mut tx, at(10), 5).await.unwrap();
    assert_eq!(due, [(owner.clone(), conversation.id.clone())]);
    assert!(windows::take_due(&mut tx, owner, &conversation.id, at(10)).await.unwrap());
    assert!(!windows::take_due(&mut tx, owner, &conversation.id, at(10)).await.unwrap());
    assert!(windows::list_due(&mut tx, at(99), 5).await.unwrap().is_empty());
    conversation.window_due_at = Some(at(20));
    conversations::update_activity(&mut tx, &[&conversation]).await.unwrap();
    assert!(windows::take_due(&mut tx, owner, &conversation.id, at(20)).await.unwrap());
}

async fn only_what_was_sent_since_is_an_answer(store: &Store) {
    let account = store.account().await;
    let conversation = store.conversation(&account, "t1").await;
    let is_answered = async |since| {
        let mut tx = store.read().await;
        windows::is_answered(&mut tx, &conversation.id, at(since)).await.unwrap()
    };
    let mut heard = store.new_incoming(&conversation, "m1", at(5));
    store.insert(&heard).await;
    let queued = store.new_outgoing(&conversation, "Hi");
    store.insert(&queued).await;
    assert!(!is_answered(0).await, "it is still on its way");
    heard.id = store.id();
    heard.remote_id = Some(posta_core::id::RemoteMessage::new("m2"));
    heard.direction = posta_core::event::Direction::Outgoing;
    heard.status = messages::Status::Sent;
    heard.sent_at = at(7);
    store.insert(&heard).await;
    assert!(is_answered(7).await);
    assert!(!is_answered(8).await);
}
