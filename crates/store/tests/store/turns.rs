//! Turns of machines in a conversation.

use posta_core::event::Direction;
use posta_store::messages::Status;
use posta_store::turns;

use crate::support::{Store, at, both};

both! {
    turns_are_kept_by_conversation,
    what_was_written_last_is_found,
}

async fn turns_are_kept_by_conversation(store: &Store) {
    let account = store.account().await;
    let one = store.conversation(&account, "t1").await;
    let two = store.conversation(&account, "t2").await;
    let mut tx = store.write().await;
    for turns in [3, 3, 0, 1] {
        turns::update(&mut tx, &one.id, turns).await.unwrap();
        assert_eq!(turns::get(&mut tx, &one.id).await.unwrap(), turns);
    }
    assert_eq!(turns::get(&mut tx, &two.id).await.unwrap(), 0);
}

async fn what_was_written_last_is_found(store: &Store) {
    let account = store.account().await;
    let conversation = store.conversation(&account, "t1").await;
    let incoming = store.new_incoming(&conversation, "m1", at(5));
    assert!(store.insert(&incoming).await);
    for (status, sent_at) in [(Status::Sent, 3), (Status::Failed, 8), (Status::Sending, 7)] {
        let mut message = store.new_outgoing(&conversation, "One");
        (message.status, message.sent_at) = (status, at(sent_at));
        assert!(store.insert(&message).await);
    }
    let mut tx = store.read().await;
    let silent = store.conversation(&account, "t2").await;
    let last = turns::list_last(&mut tx, &[&silent.id, &conversation.id]).await.unwrap();
    let [last] = last.as_slice() else { panic!("{last:?}") };
    assert_eq!(last.conversation_id, conversation.id);
    assert_eq!((last.direction, last.sent_at), (Direction::Outgoing, at(7)));
    assert_eq!(last.sent_via.as_deref(), Some("api"));
    assert!(turns::list_last(&mut tx, &[]).await.unwrap().is_empty());
}
