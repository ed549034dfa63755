//! The queue of an account: what is in it, and what is called off.

use posta_core::capability::CallClass;
use posta_core::id::{AccountId, ConversationId, MessageId};
use posta_store::accounts::Account;
use posta_store::jobs::{self, Job};
use posta_store::messages::{self, Message, Status};
use posta_store::queue;

use crate::support::{Store, at, both};

both! {
    a_queue_shows_what_waits_for_its_account_in_order,
    a_message_is_called_off_with_what_follows_it,
    what_is_being_sent_is_not_called_off,
    only_one_of_sending_and_calling_off_succeeds,
}

struct Scene {
    account: AccountId,
    conversation: ConversationId,
    messages: Vec<Message>,
}

/// Three messages wait; the third is a further part of the second.
async fn scene(store: &Store, account: &Account, thread: &str) -> Scene {
    let conversation = store.conversation(account, thread).await;
    let mut messages: Vec<_> =
        ["One", "Two", "Three"].map(|text| store.new_outgoing(&conversation, text)).into();
    messages[2].part_of = Some(messages[1].id.clone());
    for message in &messages {
        assert!(store.insert(message).await);
        let job = Job {
            id: store.id(),
            kind: "send".into(),
            lane: conversation.id.to_string(),
            workspace_id: account.workspace_id.clone(),
            subject: message.id.to_string(),
            attempts: 0,
            due_at: at(0),
            created_at: at(0),
            hold_until: None,
            account_id: account.id.clone(),
            class: CallClass::Text,
            priority: 1,
            send_at: None,
            origin: None,
            traceparent: None,
        };
        let mut tx = store.write().await;
        jobs::insert(&mut tx, &job).await.unwrap();
        tx.commit().await.unwrap();
    }
    Scene { account: account.id.clone(), conversation: conversation.id, messages }
}

async fn listed(store: &Store, scene: &Scene, after: Option<&MessageId>) -> Vec<queue::Queued> {
    let owner = &scene.messages[0].workspace_id;
    queue::list(&mut store.read().await, owner, &scene.account, after, 9).await.unwrap()
}

async fn cancel(store: &Store, scene: &Scene, which: usize) -> Vec<MessageId> {
    let message = &scene.messages[which];
    let first = message.part_of.as_ref().unwrap_or(&message.id);
    let mut tx = store.write().await;
    let done = queue::cancel(&mut tx, &scene.account, &message.id, first).await.unwrap();
    tx.commit().await.unwrap();
    done
}

async fn statuses(store: &Store, scene: &Scene) -> Vec<Status> {
    let mut all = Vec::new();
    for message in &scene.messages {
        all.push(store.get(message).await.status);
    }
    all
}

async fn a_queue_shows_what_waits_for_its_account_in_order(store: &Store) {
    let scene = scene(store, &store.account().await, "t1").await;
    let all = listed(store, &scene, None).await;
    let ids: Vec<_> = all.iter().map(|one| &one.message_id).collect();
    assert_eq!(ids, scene.messages.iter().map(|one| &one.id).collect::<Vec<_>>());
    let first = scene.messages[0].id.as_str();
    assert!(all.iter().all(|one| one.first == first && one.status == Status::Queued), "{all:?}");
    assert_eq!(
        (all[0].conversation_id.clone(), all[0].due_at),
        (scene.conversation.clone(), at(0))
    );
    assert_eq!(listed(store, &scene, Some(&scene.messages[0].id)).await.len(), 2);
    let owner = store.workspace("other").await;
    let foreign = queue::list(&mut store.read().await, &owner, &scene.account, None, 9).await;
    assert!(foreign.unwrap().is_empty());
}

async fn a_message_is_called_off_with_what_follows_it(store: &Store) {
    let scene = scene(store, &store.account().await, "t1").await;
    let ids = [scene.messages[1].id.clone(), scene.messages[2].id.clone()];
    assert_eq!(cancel(store, &scene, 1).await, ids);
    let left = [Status::Queued, Status::Cancelled, Status::Cancelled];
    assert_eq!(statuses(store, &scene).await, left);
    assert_eq!(listed(store, &scene, None).await.len(), 1);
    assert!(cancel(store, &scene, 1).await.is_empty(), "it is called off");
    let mut tx = store.write().await;
    let claimed =
        jobs::claim(&mut tx, (&scene.account, CallClass::Text), at(0), at(60), 9).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert!(!messages::update_sending(&mut tx, &ids[0]).await.unwrap());
}

async fn what_is_being_sent_is_not_called_off(store: &Store) {
    let scene = scene(store, &store.account().await, "t1").await;
    let mut tx = store.write().await;
    assert!(messages::update_sending(&mut tx, &scene.messages[1].id).await.unwrap());
    tx.commit().await.unwrap();
    assert!(cancel(store, &scene, 1).await.is_empty());
    assert_eq!(statuses(store, &scene).await, [Status::Queued, Status::Sending, Status::Queued]);
    assert_eq!(listed(store, &scene, None).await.len(), 3);
    // What follows it can be.
    assert_eq!(cancel(store, &scene, 2).await.len(), 1);
}

/// A job that was claimed is not being sent yet: whoever changes the message first, wins.
async fn only_one_of_sending_and_calling_off_succeeds(store: &Store) {
    let account = store.account().await;
    for turn in 0..8 {
        let scene = scene(store, &account, &turn.to_string()).await;
        let mut tx = store.write().await;
        assert_eq!(
            jobs::claim(&mut tx, (&scene.account, CallClass::Text), at(0), at(60), 1)
                .await
                .unwrap()
                .len(),
            1
        );
        tx.commit().await.unwrap();
        let send = async {
            let mut tx = store.write().await;
            let is_ours = messages::update_sending(&mut tx, &scene.messages[0].id).await.unwrap();
            tokio::task::yield_now().await;
            tx.commit().await.unwrap();
            is_ours
        };
        let (is_sent, called_off) = if turn % 2 == 0 {
            tokio::join!(send, cancel(store, &scene, 0))
        } else {
            let (called_off, is_sent) = tokio::join!(cancel(store, &scene, 0), send);
            (is_sent, called_off)
        };
        assert_ne!(is_sent, !called_off.is_empty(), "{is_sent} {called_off:?}");
        let expected = if is_sent { Status::Sending } else { Status::Cancelled };
        assert_eq!(statuses(store, &scene).await[0], expected);
        let mut tx = store.write().await;
        for message in &scene.messages {
            queue::cancel(&mut tx, &scene.account, &message.id, &message.id).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
}
