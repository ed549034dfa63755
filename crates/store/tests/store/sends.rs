//! Messages that we send.

use posta_core::id::{RemoteComment, RemoteMessage};
use posta_store::conversations::Conversation;
use posta_store::messages::{self, Message, Status};
use posta_store::sends;
use serde_json::json;

use crate::support::{Store, at, both};

both! {
    a_request_that_became_several_messages_is_one,
    an_echo_may_turn_out_to_be_a_private_reply,
    what_waits_can_be_given_up,
}

async fn conversation(store: &Store) -> Conversation {
    let account = store.account().await;
    store.conversation(&account, "t1").await
}

async fn a_request_that_became_several_messages_is_one(store: &Store) {
    let conversation = conversation(store).await;
    let first = store.new_outgoing(&conversation, "one");
    let other = store.new_outgoing(&conversation, "another");
    let mut parts = vec![first.clone()];
    assert!(store.insert(&first).await && store.insert(&other).await);
    for text in ["two", "three"] {
        let mut part = store.new_outgoing(&conversation, text);
        part.part_of = Some(first.id.clone());
        assert!(store.insert(&part).await);
        parts.push(part);
    }
    let mut tx = store.write().await;
    let list = sends::list(&mut tx, &first.workspace_id, &first.id).await.unwrap();
    let ids = |list: &[Message]| list.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&list), ids(&parts));
    assert!(sends::list(&mut tx, &store.id(), &first.id).await.unwrap().is_empty());
    assert!(messages::update_sending(&mut tx, &parts[1].id).await.unwrap());
    let error = json!({"code": "x"});
    assert_eq!(sends::update_rest_failed(&mut tx, &first.id, &error).await.unwrap().len(), 1);
    tx.commit().await.unwrap();
    assert_eq!(store.get(&parts[1]).await.status, Status::Sending);
    let last = store.get(&parts[2]).await;
    assert_eq!((last.status, last.error.unwrap().0), (Status::Failed, error));
}

async fn an_echo_may_turn_out_to_be_a_private_reply(store: &Store) {
    let conversation = conversation(store).await;
    let message = store.new_incoming(&conversation, "m1", at(3));
    assert!(store.insert(&message).await);
    let comment = RemoteComment::new("c1");
    let mut tx = store.write().await;
    for (remote, is_it) in [("m2", false), ("m1", true)] {
        let remote = RemoteMessage::new(remote);
        sends::update_private_reply(&mut tx, &message.account_id, &remote, &comment).await.unwrap();
        let found = messages::find(&mut tx, &message.workspace_id, &message.id).await.unwrap();
        let found = found.unwrap();
        assert_eq!(found.comment_id.is_some(), is_it);
        assert_eq!(found.sent_via.is_some(), is_it);
    }
}

async fn what_waits_can_be_given_up(store: &Store) {
    let conversation = conversation(store).await;
    let waits = store.new_outgoing(&conversation, "one");
    let mut sent = store.new_outgoing(&conversation, "two");
    sent.status = Status::Sent;
    let came = store.new_incoming(&conversation, "m1", at(3));
    assert!(store.insert(&waits).await && store.insert(&sent).await && store.insert(&came).await);
    let mut tx = store.write().await;
    assert_eq!(sends::give_up_queued(&mut tx, &json!({"code": "x"})).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(store.get(&waits).await.status, Status::Unknown);
    assert_eq!(store.get(&sent).await.status, Status::Sent);
    assert_eq!(store.get(&came).await.status, Status::Received);
}
