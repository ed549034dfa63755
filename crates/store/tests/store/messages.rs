//! Messages.

use posta_core::event::{Attachment, AttachmentKind};
use posta_core::id::{MessageId, RemoteComment, RemoteMessage};
use posta_core::message::Content;
use posta_core::time::Timestamp;
use posta_store::conversations::{Conversation, Place};
use posta_store::messages::{self, Edition, Message, Origin, Reaction, Status};
use posta_store::{Json, Tx, message_changes};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Store, at, both};

both! {
    every_field_is_kept,
    a_message_comes_in_once_however_often_it_is_delivered,
    pages_are_complete_in_both_directions_even_when_times_are_equal,
    nobody_asks_the_platform_twice,
    a_settled_message_stays_settled,
    unknown_outcomes_are_listed_oldest_first,
    an_echo_that_came_first_gives_way_to_the_message_it_echoes,
    we_read_the_persons_messages_once,
    the_person_reads_up_to_a_time,
    what_happens_to_a_message_is_kept,
    media_is_given_out_anew,
    a_message_gets_the_platforms_id_later,
}

async fn a_message_gets_the_platforms_id_later(store: &Store) {
    let conversation = conversation(store).await;
    for (id, sent_at) in [("m1", 3), ("m2", 4), ("m3", 9)] {
        assert!(store.insert(&store.new_incoming(&conversation, id, at(sent_at))).await);
    }
    let mut tx = store.write().await;
    let near =
        message_changes::list_between(&mut tx, &conversation.id, at(3), at(8)).await.unwrap();
    assert_eq!(near.iter().map(|one| one.sent_at).collect::<Vec<_>>(), [at(3), at(4)]);
    let real = RemoteMessage::new("real");
    message_changes::update_remote(&mut tx, &near[1].id, &real).await.unwrap();
    let found = messages::find_remote(&mut tx, &conversation.account_id, &real).await.unwrap();
    assert_eq!(found.unwrap().id, near[1].id);
}

async fn media_is_given_out_anew(store: &Store) {
    let conversation = conversation(store).await;
    let message = outgoing(store, &conversation, "Hi", Status::Sent).await;
    let attachment = Attachment {
        kind: AttachmentKind::Image,
        original: None,
        url: Some("https://cdn.example/new".to_owned()),
        payload: json!({"url": "https://cdn.example/new"}),
    };
    let mut tx = store.write().await;
    assert_eq!(message_changes::find_media_minted(&mut tx, &message.id).await.unwrap(), None);
    let all = Json(vec![attachment]);
    message_changes::update_media(&mut tx, &message.id, &all, at(7)).await.unwrap();
    let minted = message_changes::find_media_minted(&mut tx, &message.id).await.unwrap();
    assert_eq!(minted, Some(at(7)));
    tx.commit().await.unwrap();
    assert_eq!(store.get(&message).await.attachments, all);
}

async fn conversation(store: &Store) -> Conversation {
    let account = store.account().await;
    store.conversation(&account, "t1").await
}

/// Adds an outgoing message that has come as far as `status`.
async fn outgoing(
    store: &Store,
    conversation: &Conversation,
    text: &str,
    status: Status,
) -> Message {
    let message = store.new_outgoing(conversation, text);
    assert!(store.insert(&message).await);
    if status != Status::Queued {
        let mut tx = store.write().await;
        assert!(messages::update_sending(&mut tx, &message.id).await.unwrap());
        match status {
            Status::Sent => assert!(sent(&mut tx, &message, text).await),
            Status::Failed | Status::Unknown => {
                assert!(unsent(&mut tx, &message, status).await);
            }
            Status::Received | Status::Queued | Status::Sending | Status::Cancelled => {}
        }
        tx.commit().await.unwrap();
    }
    message
}

async fn sent(tx: &mut Tx, message: &Message, remote: &str) -> bool {
    let remote = RemoteMessage::new(remote);
    messages::update_sent(tx, &message.id, &remote, at(9)).await.unwrap()
}

async fn unsent(tx: &mut Tx, message: &Message, status: Status) -> bool {
    let error = json!({"code": "x"});
    messages::update_unsent(tx, &message.id, status, &error).await.unwrap()
}

async fn every_field_is_kept(store: &Store) {
    let conversation = conversation(store).await;
    let mut message = store.new_incoming(&conversation, "m1", at(3));
    message.text = Some("Grüße 👋".into());
    message.tag = Some("HUMAN_AGENT".into());
    message.sent_via = Some("api".into());
    message.metadata =
        Some(Json(json!({"quickReply": "YES", "n": 1.5, "big": 9_007_199_254_740_993_i64})));
    message.is_read = true;
    message.attachments = Json(vec![Attachment {
        kind: AttachmentKind::Image,
        original: Some("ig_reel".into()),
        url: Some("https://cdn.example/1".into()),
        payload: json!({"sticker_id": 369_239_263_222_822_i64}),
    }]);
    message.content = Some(Json(Content::text("Grüße 👋")));
    message.origin = Origin::Reconcile;
    message.part_of = Some(store.id());
    message.comment_id = Some(RemoteComment::new("c1"));
    message.deleted_at = Some(at(4));
    message.edited_at = Some(at(5));
    message.edit_count = 2;
    let before =
        Edition { text: None, attachments: message.attachments.0.clone(), edited_at: at(5) };
    message.edit_history = Json(vec![before]);
    message.reactions =
        Json(vec![Reaction { emoji: "👋".into(), from_me: true, reacted_at: at(6) }]);
    assert!(store.insert(&message).await);
    assert_eq!(format!("{:?}", store.get(&message).await), format!("{message:?}"));

    let mut tx = store.read().await;
    let remote = RemoteMessage::new("m1");
    let found = messages::find_remote(&mut tx, &message.account_id, &remote).await.unwrap();
    assert_eq!(found.unwrap().id, message.id);
    let found = messages::find_remote(&mut tx, &store.id(), &remote).await.unwrap();
    assert!(found.is_none());
    let found = messages::find(&mut tx, &store.id(), &message.id).await.unwrap();
    assert!(found.is_none());
}

async fn a_message_comes_in_once_however_often_it_is_delivered(store: &Store) {
    let conversation = conversation(store).await;
    let mut tries = JoinSet::new();
    for _ in 0..8 {
        let db = store.db.clone();
        let message = store.new_incoming(&conversation, "m1", at(0));
        tries.spawn(async move {
            let mut tx = db.write().await.unwrap();
            let is_new = messages::insert(&mut tx, &message).await.unwrap();
            tx.commit().await.unwrap();
            is_new
        });
    }
    let new = tries.join_all().await.into_iter().filter(|is_new| *is_new);
    assert_eq!(new.count(), 1);

    // The same id on another account, and messages the platform has no id of yet, are others.
    let owner = &conversation.workspace_id;
    let profile = store.profile(owner, "B").await;
    let other = store.new_account(owner, &profile, "2");
    store.upsert(&other).await;
    let elsewhere = store.conversation(&other, "t1").await;
    assert!(store.insert(&store.new_incoming(&elsewhere, "m1", at(0))).await);
    assert!(store.insert(&store.new_outgoing(&conversation, "a")).await);
    assert!(store.insert(&store.new_outgoing(&conversation, "a")).await);
}

async fn pages_are_complete_in_both_directions_even_when_times_are_equal(store: &Store) {
    let conversation = conversation(store).await;
    let mut expected = Vec::new();
    for number in 0..11 {
        let message = store.new_incoming(&conversation, &number.to_string(), at(number / 4));
        store.insert(&message).await;
        expected.push(message.id);
    }
    let mut tx = store.read().await;
    for is_ascending in [true, false] {
        let (mut seen, mut after): (Vec<MessageId>, Option<Place>) = (Vec::new(), None);
        loop {
            let page = messages::list(&mut tx, &conversation.id, is_ascending, after.as_ref(), 3);
            let page = page.await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(Place { at: last.sent_at, id: last.id.as_str().into() });
            seen.extend(page.into_iter().map(|one| one.id));
        }
        assert_eq!(seen, expected, "{is_ascending}");
        expected.reverse();
    }
}

async fn nobody_asks_the_platform_twice(store: &Store) {
    let conversation = conversation(store).await;
    let message = outgoing(store, &conversation, "a", Status::Queued).await;
    let mut tries = JoinSet::new();
    for _ in 0..8 {
        let (db, id) = (store.db.clone(), message.id.clone());
        tries.spawn(async move {
            let mut tx = db.write().await.unwrap();
            let is_mine = messages::update_sending(&mut tx, &id).await.unwrap();
            tx.commit().await.unwrap();
            is_mine
        });
    }
    let mine = tries.join_all().await.into_iter().filter(|is_mine| *is_mine);
    assert_eq!(mine.count(), 1);

    let mut tx = store.write().await;
    assert!(messages::is_any_sending(&mut tx, &conversation.id).await.unwrap());
    messages::update_queued(&mut tx, &message.id).await.unwrap();
    assert!(!messages::is_any_sending(&mut tx, &conversation.id).await.unwrap());
    assert!(messages::update_sending(&mut tx, &message.id).await.unwrap());
}

async fn a_settled_message_stays_settled(store: &Store) {
    let conversation = conversation(store).await;
    for (status, may_be_sent, may_fail, may_begin) in [
        (Status::Queued, false, true, true),
        (Status::Sending, true, true, false),
        (Status::Unknown, true, false, false),
        (Status::Sent, false, false, false),
        (Status::Failed, false, false, false),
    ] {
        let name = format!("{status:?}");
        let message = outgoing(store, &conversation, &name, status).await;
        assert_eq!(store.get(&message).await.status, status);
        let mut tx = store.write().await;
        let begun = messages::update_sending(&mut tx, &message.id).await.unwrap();
        assert_eq!(begun, may_begin, "{name} begins");
        drop(tx);
        let mut tx = store.write().await;
        assert_eq!(sent(&mut tx, &message, "m").await, may_be_sent, "{name} is sent");
        drop(tx);
        let mut tx = store.write().await;
        let failed = unsent(&mut tx, &message, Status::Failed).await;
        assert_eq!(failed, may_fail, "{name} fails");
        drop(tx);
        let mut tx = store.write().await;
        messages::update_queued(&mut tx, &message.id).await.unwrap();
        tx.commit().await.unwrap();
        let expected = if status == Status::Sending { Status::Queued } else { status };
        assert_eq!(store.get(&message).await.status, expected, "{name} is put back");
    }
}

async fn unknown_outcomes_are_listed_oldest_first(store: &Store) {
    let conversation = conversation(store).await;
    let first = outgoing(store, &conversation, "Hi", Status::Unknown).await;
    let second = outgoing(store, &conversation, "hi", Status::Unknown).await;
    outgoing(store, &conversation, "Hi", Status::Queued).await;
    let found = store.get(&first).await;
    assert_eq!(found.error, Some(Json(json!({"code": "x"}))));
    for expected in [vec![&first.id, &second.id], vec![&second.id]] {
        let mut tx = store.write().await;
        let found = message_changes::list_unknown(&mut tx, &conversation.id).await.unwrap();
        let ids: Vec<_> = found.iter().map(|one| &one.id).collect();
        assert_eq!(ids, expected);
        assert!(sent(&mut tx, &found[0], found[0].id.as_str()).await);
        tx.commit().await.unwrap();
    }
    let mut tx = store.read().await;
    let found = message_changes::list_unknown(&mut tx, &conversation.id).await.unwrap();
    assert!(found.is_empty());
    let found = store.get(&first).await;
    assert_eq!((found.status, found.sent_at, found.error), (Status::Sent, at(9), None));
}

async fn an_echo_that_came_first_gives_way_to_the_message_it_echoes(store: &Store) {
    let conversation = conversation(store).await;
    let message = outgoing(store, &conversation, "Hi", Status::Unknown).await;
    let echo = Message {
        remote_id: Some(RemoteMessage::new("m1")),
        status: Status::Sent,
        ..store.new_outgoing(&conversation, "hi")
    };
    assert!(store.insert(&echo).await);
    let mut tx = store.write().await;
    let remote = RemoteMessage::new("m1");
    let elsewhere = store.id();
    for account in [&elsewhere, &message.account_id] {
        messages::delete_twin(&mut tx, account, &remote, &message.id).await.unwrap();
    }
    assert!(sent(&mut tx, &message, "m1").await);
    messages::delete_twin(&mut tx, &message.account_id, &remote, &message.id).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.read().await;
    let all = messages::list(&mut tx, &conversation.id, true, None, 9).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].id, message.id);
}

async fn we_read_the_persons_messages_once(store: &Store) {
    let conversation = conversation(store).await;
    let first = store.new_incoming(&conversation, "m1", at(1));
    store.insert(&first).await;
    store.insert(&store.new_incoming(&conversation, "m2", at(2))).await;
    outgoing(store, &conversation, "a", Status::Sent).await;
    let mut tx = store.write().await;
    assert_eq!(messages::update_read_by_us(&mut tx, &conversation.id).await.unwrap(), 2);
    assert_eq!(messages::update_read_by_us(&mut tx, &conversation.id).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert!(store.get(&first).await.is_read);
}

async fn the_person_reads_up_to_a_time(store: &Store) {
    let conversation = conversation(store).await;
    // What is sent counts as written at 9.
    let read = outgoing(store, &conversation, "a", Status::Sent).await;
    let queued = outgoing(store, &conversation, "b", Status::Queued).await;
    store.insert(&store.new_incoming(&conversation, "m1", at(1))).await;
    let mut counts = Vec::new();
    for (up_to, time) in [(8, 20), (9, 21), (30, 22)] {
        let mut tx = store.write().await;
        let id = &conversation.id;
        let done = messages::update_read_by_person(&mut tx, id, at(up_to), at(time)).await;
        tx.commit().await.unwrap();
        counts.push(done.unwrap());
    }
    assert_eq!(counts, [0, 1, 0]);
    let times: [Option<Timestamp>; 2] =
        [store.get(&read).await.read_at, store.get(&queued).await.read_at];
    assert_eq!(times, [Some(at(21)), None]);
}

async fn what_happens_to_a_message_is_kept(store: &Store) {
    let conversation = conversation(store).await;
    let mut message = store.new_incoming(&conversation, "m1", at(3));
    message.metadata = Some(Json(json!({"isSelf": true})));
    assert!(store.insert(&message).await);
    let other = store.new_incoming(&conversation, "m2", at(3));
    assert!(store.insert(&other).await);

    message.edit_history =
        Json(vec![Edition { text: message.text, attachments: Vec::new(), edited_at: at(5) }]);
    message.text = Some("a\0b".into());
    (message.edited_at, message.edit_count) = (Some(at(5)), 2);
    let mut tx = store.write().await;
    message_changes::update_edited(&mut tx, &message).await.unwrap();
    message.reactions =
        Json(vec![Reaction { emoji: "👋".into(), from_me: false, reacted_at: at(6) }]);
    message_changes::update_reactions(&mut tx, &message.id, &message.reactions).await.unwrap();
    tx.commit().await.unwrap();
    message.text = Some("a\u{FFFD}b".into());
    assert_eq!(format!("{:?}", store.get(&message).await), format!("{message:?}"));

    message.deleted_at = Some(at(7));
    (message.text, message.metadata) = (None, None);
    message.edit_history = Json(Vec::new());
    let mut tx = store.write().await;
    message_changes::update_deleted(&mut tx, &message).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(format!("{:?}", store.get(&message).await), format!("{message:?}"));
    assert_eq!(format!("{:?}", store.get(&other).await), format!("{other:?}"));
}
