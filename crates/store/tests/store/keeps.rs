//! Parts of messages to be kept, the copies made of them, and what becomes of both.

use posta_core::event::{Attachment, AttachmentKind};
use posta_core::id::WorkspaceId;
use posta_core::time::Timestamp;
use posta_store::keeps::{self, Keep};
use posta_store::media::{self, Media};
use posta_store::messages::Message;
use posta_store::{Json, conversations, erasures, message_changes};
use serde_json::{Value, json};

use crate::support::{Store, at, both};

both! {
    a_part_is_asked_for_once_and_taken_by_one,
    only_who_took_a_part_last_ends_it,
    a_part_and_its_copy_go_with_the_message,
    a_part_has_one_copy,
    links_of_copies_are_written,
    all_files_of_a_workspace_are_counted,
    uploads_go_with_the_last_account_that_sent_them,
    a_file_that_cannot_be_deleted_is_found_by_nobody,
    rows_are_looked_up_together,
}

async fn message(store: &Store) -> Message {
    let account = store.account().await;
    let conversation = store.conversation(&account, "t").await;
    let message = store.new_incoming(&conversation, "m1", at(0));
    assert!(store.insert(&message).await);
    message
}

fn part(message: &Message, place: i64, due: i64) -> Keep {
    Keep {
        message_id: message.id.clone(),
        place,
        workspace_id: message.workspace_id.clone(),
        account_id: message.account_id.clone(),
        attempts: 0,
        due_at: at(due),
        created_at: at(0),
    }
}

fn name(digit: char) -> String {
    digit.to_string().repeat(40)
}

fn file(owner: &WorkspaceId, id: &str, size: i64) -> Media {
    Media {
        id: id.to_owned(),
        workspace_id: owner.clone(),
        filename: String::new(),
        content_type: Some("image/png".into()),
        size,
        sha256: Some("ab".into()),
        created_at: at(0),
        expires_at: at(1000),
        message_id: None,
        place: None,
    }
}

fn copy(message: &Message, id: &str, place: i64) -> Media {
    let message_id = Some(message.id.clone());
    Media { message_id, place: Some(place), ..file(&message.workspace_id, id, 3) }
}

async fn a_part_is_asked_for_once_and_taken_by_one(store: &Store) {
    let message = message(store).await;
    let mut tx = store.write().await;
    assert_eq!(keeps::find_next_due(&mut tx).await.unwrap(), None);
    for (place, due) in [(0, 20), (-1, 10), (0, 5)] {
        keeps::insert(&mut tx, &part(&message, place, due)).await.unwrap();
    }
    assert_eq!(keeps::find_next_due(&mut tx).await.unwrap(), Some(at(10)));
    let taken = keeps::claim(&mut tx, at(10), at(99), 9).await.unwrap();
    assert_eq!(taken, [Keep { attempts: 1, due_at: at(99), ..part(&message, -1, 10) }]);
    assert_eq!(keeps::claim(&mut tx, at(98), at(99), 9).await.unwrap().len(), 1);
    assert!(keeps::claim(&mut tx, at(98), at(99), 9).await.unwrap().is_empty());
    assert_eq!(keeps::claim(&mut tx, at(99), at(200), 1).await.unwrap().len(), 1);
}

async fn only_who_took_a_part_last_ends_it(store: &Store) {
    let message = message(store).await;
    let mut tx = store.write().await;
    keeps::insert(&mut tx, &part(&message, 0, 0)).await.unwrap();
    let first = keeps::claim(&mut tx, at(0), at(10), 1).await.unwrap().remove(0);
    let second = keeps::claim(&mut tx, at(10), at(20), 1).await.unwrap().remove(0);
    assert!(!keeps::delete(&mut tx, &first).await.unwrap());
    keeps::update_due(&mut tx, &first, at(500)).await.unwrap();
    assert_eq!(keeps::find_next_due(&mut tx).await.unwrap(), Some(at(20)));
    keeps::update_due(&mut tx, &second, at(400)).await.unwrap();
    assert_eq!(keeps::find_next_due(&mut tx).await.unwrap(), Some(at(400)));
    assert!(keeps::delete(&mut tx, &second).await.unwrap());
    keeps::insert(&mut tx, &part(&message, 0, 0)).await.unwrap();
    keeps::delete_all(&mut tx, &message.id).await.unwrap();
    assert_eq!(keeps::find_next_due(&mut tx).await.unwrap(), None);
}

async fn a_part_and_its_copy_go_with_the_message(store: &Store) {
    let message = message(store).await;
    let (one, two) = (name('1'), name('2'));
    let mut tx = store.write().await;
    keeps::insert(&mut tx, &part(&message, 1, 0)).await.unwrap();
    for (id, place) in [(&one, 0), (&two, 2)] {
        media::insert(&mut tx, &copy(&message, id, place)).await.unwrap();
    }
    assert_eq!(media::find(&mut tx, &one).await.unwrap(), Some(copy(&message, &one, 0)));
    assert_eq!(media::find_next_due(&mut tx).await.unwrap(), Some(at(1000)));
    let owner = &message.workspace_id;
    conversations::delete(&mut tx, owner, &message.conversation_id).await.unwrap();
    assert_eq!(keeps::find_next_due(&mut tx).await.unwrap(), None);
    assert_eq!(media::find(&mut tx, &one).await.unwrap(), None);
    assert!(!media::update_whole(&mut tx, &copy(&message, &one, 0)).await.unwrap());
    let at_once = Some(Timestamp::from_millis(0));
    assert_eq!(media::find_next_due(&mut tx).await.unwrap(), at_once);
    assert_eq!(media::update_left_over(&mut tx, at(7)).await.unwrap(), 2);
    assert_eq!(media::update_left_over(&mut tx, at(8)).await.unwrap(), 0);
    assert_eq!(media::list_expired(&mut tx, at(7), 9).await.unwrap(), [one, two]);
}

async fn a_part_has_one_copy(store: &Store) {
    let message = message(store).await;
    let (one, two) = (name('1'), name('2'));
    let mut tx = store.write().await;
    media::insert(&mut tx, &copy(&message, &one, 0)).await.unwrap();
    assert_eq!(media::update_replaced(&mut tx, &message.id, 1).await.unwrap(), 0);
    assert_eq!(media::update_replaced(&mut tx, &message.id, 0).await.unwrap(), 1);
    media::insert(&mut tx, &copy(&message, &two, 0)).await.unwrap();
    assert_eq!(media::find(&mut tx, &one).await.unwrap(), None);
    assert!(media::find(&mut tx, &two).await.unwrap().is_some());
    // What was handed in is told apart from copies of the same content.
    let same = media::find_by_content(&mut tx, &message.workspace_id, "ab", at(0)).await.unwrap();
    assert_eq!(same, None);
    assert_eq!(media::update_released(&mut tx, &message.id).await.unwrap(), 1);
    assert_eq!(media::find(&mut tx, &two).await.unwrap(), None);
    media::insert(&mut tx, &copy(&message, &name('3'), 0)).await.unwrap();
    media::insert(&mut tx, &copy(&message, &name('4'), 0)).await.unwrap_err();
}

async fn links_of_copies_are_written(store: &Store) {
    let mut message = message(store).await;
    let (kind, url) = (AttachmentKind::Image, Some("https://p/media/1".to_owned()));
    message.attachments.0 = vec![Attachment { kind, original: None, url, payload: Value::Null }];
    message.metadata = Some(Json(json!({"storyReply": {"storyUrl": "https://p/media/2"}})));
    let mut tx = store.write().await;
    message_changes::update_kept(&mut tx, &message).await.unwrap();
    tx.commit().await.unwrap();
    let kept = store.get(&message).await;
    assert_eq!(kept.attachments.0, message.attachments.0);
    assert_eq!(kept.metadata.unwrap().0, message.metadata.unwrap().0);
}

async fn all_files_of_a_workspace_are_counted(store: &Store) {
    let message = message(store).await;
    let owner = &message.workspace_id;
    let other = store.workspace("others").await;
    let mut tx = store.write().await;
    assert_eq!(media::sum(&mut tx, owner).await.unwrap(), 0);
    media::insert(&mut tx, &copy(&message, &name('1'), 0)).await.unwrap();
    media::insert(&mut tx, &file(owner, &name('2'), 1 << 40)).await.unwrap();
    media::insert(&mut tx, &file(&other, &name('3'), 5)).await.unwrap();
    assert_eq!(media::sum(&mut tx, owner).await.unwrap(), (1 << 40) + 3);
}

async fn uploads_go_with_the_last_account_that_sent_them(store: &Store) {
    let account = store.account().await;
    let other = store.new_account(&account.workspace_id, &account.profile_id, "2");
    store.upsert(&other).await;
    let (own, shared) = (name('1'), name('2'));
    let mut tx = store.write().await;
    for id in [&own, &shared] {
        media::insert(&mut tx, &file(&account.workspace_id, id, 3)).await.unwrap();
        media::insert_use(&mut tx, &account.id, id).await.unwrap();
        media::insert_use(&mut tx, &account.id, id).await.unwrap();
    }
    media::insert_use(&mut tx, &other.id, &shared).await.unwrap();
    while erasures::delete_some(&mut tx, &account.id, 1).await.unwrap() > 0 {}
    assert_eq!(media::list_expired(&mut tx, at(1), 9).await.unwrap(), [own.as_str()]);
    assert_eq!(media::find(&mut tx, &own).await.unwrap().unwrap().content_type, None);
    while erasures::delete_some(&mut tx, &other.id, 1).await.unwrap() > 0 {}
    assert_eq!(media::list_expired(&mut tx, at(1), 9).await.unwrap(), [own, shared]);
}

async fn a_file_that_cannot_be_deleted_is_found_by_nobody(store: &Store) {
    let owner = store.workspace("files").await;
    let id = name('1');
    let mut tx = store.write().await;
    media::insert(&mut tx, &file(&owner, &id, 3)).await.unwrap();
    media::update_stuck(&mut tx, &id, at(2000)).await.unwrap();
    assert_eq!(media::find(&mut tx, &id).await.unwrap().unwrap().content_type, None);
    assert_eq!(media::find_by_content(&mut tx, &owner, "ab", at(0)).await.unwrap(), None);
    assert_eq!(media::find_next_due(&mut tx).await.unwrap(), Some(at(2000)));
}

async fn rows_are_looked_up_together(store: &Store) {
    let owner = store.workspace("files").await;
    let mut tx = store.write().await;
    media::insert(&mut tx, &file(&owner, &name('1'), 3)).await.unwrap();
    let known = media::list_known(&mut tx, &[name('1'), name('2')]).await.unwrap();
    assert_eq!(known, [name('1')]);
    assert!(media::list_known(&mut tx, &[]).await.unwrap().is_empty());
}
