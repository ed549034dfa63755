//! Conversations.

use posta_core::id::AccountId;
use posta_store::accounts;
use posta_store::conversations::{self, Conversation, Filter, Place, Status};
use posta_store::{Json, messages};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Store, at, both};

both! {
    the_same_thread_is_one_conversation_however_many_hear_of_it,
    activity_is_written_and_the_person_stays,
    a_conversation_is_found_by_either_id,
    a_handle_is_noted_once,
    pages_are_complete_in_both_directions_even_when_times_are_equal,
    lists_are_narrowed,
    conversations_of_removed_accounts_are_hidden,
    deleting_takes_the_messages_along,
    a_message_that_arrives_while_its_conversation_is_deleted_goes_with_it,
    what_an_owner_changes_undoes_nothing_that_arrives_meanwhile,
    what_arrives_undoes_nothing_that_an_owner_changed_meanwhile,
    what_nobody_answered_is_counted,
}

async fn a_handle_is_noted_once(store: &Store) {
    let account = store.account().await;
    let new = Conversation { participant_username: None, ..store.new_conversation(&account, "t1") };
    let mut tx = store.write().await;
    conversations::insert_or_get(&mut tx, std::slice::from_ref(&new)).await.unwrap().remove(0);
    for name in ["ana", "other"] {
        conversations::update_username(&mut tx, &account.id, &new.remote_id, name).await.unwrap();
    }
    let found = conversations::get(&mut tx, &account.workspace_id, &new.id).await.unwrap();
    assert_eq!(found.participant_username.as_deref(), Some("ana"));
}

async fn the_same_thread_is_one_conversation_however_many_hear_of_it(store: &Store) {
    let account = store.account().await;
    let mut tries = JoinSet::new();
    for _ in 0..8 {
        let (db, new) = (store.db.clone(), store.new_conversation(&account, "t1"));
        tries.spawn(async move {
            let mut tx = db.write().await.unwrap();
            let mut mine = conversations::insert_or_get(&mut tx, std::slice::from_ref(&new))
                .await
                .unwrap()
                .remove(0);
            // The row is locked, so that counting on it loses nothing.
            mine.unread_count += 1;
            conversations::update_activity(&mut tx, &[&mine]).await.unwrap();
            tx.commit().await.unwrap();
            mine.id
        });
    }
    let mut ids = tries.join_all().await;
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let mut tx = store.read().await;
    let found = conversations::get(&mut tx, &account.workspace_id, &ids[0]).await;
    assert_eq!(found.unwrap().unread_count, 8);
}

async fn activity_is_written_and_the_person_stays(store: &Store) {
    let account = store.account().await;
    let mut new = store.new_conversation(&account, "t1");
    new.participant_name = Some("Bo".into());
    new.participant_username = Some("bo".into());
    new.participant_picture = Some("https://example.com/bo".into());
    new.metadata = Some(Json(json!({"ad": {"id": "7"}})));
    let mut tx = store.write().await;
    let mut made =
        conversations::insert_or_get(&mut tx, std::slice::from_ref(&new)).await.unwrap().remove(0);
    assert_eq!(format!("{made:?}"), format!("{new:?}"));

    made.status = Status::Archived;
    made.last_message = Some("Bye".into());
    made.last_message_at = Some(at(5));
    made.window_opened_at = Some(at(4));
    made.unread_count = 3;
    made.metadata = None;
    made.updated_at = at(6);
    conversations::update_activity(&mut tx, &[&made]).await.unwrap();
    let again = store.new_conversation(&account, "t1");
    let found = conversations::insert_or_get(&mut tx, std::slice::from_ref(&again))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(format!("{found:?}"), format!("{made:?}"));
}

async fn a_conversation_is_found_by_either_id(store: &Store) {
    let account = store.account().await;
    let other = store.new_account(&account.workspace_id, &account.profile_id, "2");
    store.upsert(&other).await;
    let conversation = store.conversation(&account, "t1").await;
    let twin = store.conversation(&other, "t1").await;
    let owner = &account.workspace_id;
    let mut tx = store.read().await;
    for (of, id, expected) in [
        (&account, "t1", Some(&conversation)),
        (&account, conversation.id.as_str(), Some(&conversation)),
        (&other, "t1", Some(&twin)),
        (&other, conversation.id.as_str(), None),
        (&account, "t2", None),
    ] {
        let found = conversations::find(&mut tx, owner, &of.id, id).await;
        let found = found.unwrap().map(|one| one.id);
        assert_eq!(found.as_ref(), expected.map(|one| &one.id), "{id}");
    }
    let found = conversations::get(&mut tx, owner, &twin.id).await.unwrap();
    assert_eq!(found.account_id, other.id);
}

async fn pages_are_complete_in_both_directions_even_when_times_are_equal(store: &Store) {
    let account = store.account().await;
    let mut expected = Vec::new();
    for number in 0..11 {
        let mut one = store.new_conversation(&account, &number.to_string());
        one.updated_at = at(number / 4);
        let mut tx = store.write().await;
        conversations::insert_or_get(&mut tx, std::slice::from_ref(&one)).await.unwrap().remove(0);
        tx.commit().await.unwrap();
        expected.push(one.id);
    }
    for is_ascending in [true, false] {
        for by_account in [None, Some(&account.id)] {
            let seen = pages(store, &account, is_ascending, by_account).await;
            assert_eq!(seen, expected, "{is_ascending} {by_account:?}");
        }
        expected.reverse();
    }
}

async fn pages(
    store: &Store,
    account: &accounts::Account,
    is_ascending: bool,
    by_account: Option<&AccountId>,
) -> Vec<posta_core::id::ConversationId> {
    let (mut seen, mut after) = (Vec::new(), None);
    let mut tx = store.read().await;
    loop {
        let filter = Filter {
            account: by_account,
            is_ascending,
            after: after.as_ref(),
            ..Filter::default()
        };
        let page = conversations::list(&mut tx, &account.workspace_id, &filter, 3).await;
        let page = page.unwrap();
        let Some(last) = page.last() else { return seen };
        after = Some(Place { at: last.updated_at, id: last.id.as_str().into() });
        seen.extend(page.into_iter().map(|one| one.id));
    }
}

/// The filter that shows everything but for one change.
fn but<'a>(change: impl FnOnce(&mut Filter<'a>)) -> Filter<'a> {
    let mut filter = Filter::default();
    change(&mut filter);
    filter
}

async fn lists_are_narrowed(store: &Store) {
    let account = store.account().await;
    let owner = &account.workspace_id;
    let mut other = store.new_account(owner, &store.profile(owner, "B").await, "2");
    other.platform = "facebook".into();
    store.upsert(&other).await;
    let active = store.conversation(&account, "t1").await;
    let mut archived = store.conversation(&account, "t2").await;
    archived.status = Status::Archived;
    let mut tx = store.write().await;
    conversations::update_activity(&mut tx, &[&archived]).await.unwrap();
    tx.commit().await.unwrap();
    let elsewhere = store.conversation(&other, "t3").await;

    let one = [other.profile_id.clone()];
    let all = vec![&elsewhere, &archived, &active];
    let cases: Vec<(Filter<'_>, Vec<&Conversation>)> = vec![
        (Filter::default(), all.clone()),
        (but(|f| f.is_ascending = true), all.into_iter().rev().collect()),
        (but(|f| f.profiles = Some(&one)), vec![&elsewhere]),
        (but(|f| f.profiles = Some(&[])), vec![]),
        (but(|f| f.platform = Some("instagram")), vec![&archived, &active]),
        (but(|f| f.account = Some(&other.id)), vec![&elsewhere]),
        (but(|f| f.status = Some(Status::Archived)), vec![&archived]),
    ];
    let mut tx = store.read().await;
    for (filter, expected) in cases {
        let found = conversations::list(&mut tx, owner, &filter, 10).await;
        let found: Vec<_> = found.unwrap().into_iter().map(|one| one.id).collect();
        let expected: Vec<_> = expected.into_iter().map(|one| one.id.clone()).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    let foreign = store.id();
    let found = conversations::list(&mut tx, &foreign, &Filter::default(), 10).await;
    assert!(found.unwrap().is_empty());
}

async fn conversations_of_removed_accounts_are_hidden(store: &Store) {
    let account = store.account().await;
    store.conversation(&account, "t1").await;
    let (owner, id) = (&account.workspace_id, &account.id);
    let mut tx = store.write().await;
    for (state, shown) in [(accounts::State::Dead, 1), (accounts::State::Removed, 0)] {
        let reason = accounts::Reason { text: "x", code: "x" };
        let done = accounts::update_unusable(&mut tx, owner, id, state, reason, at(1)).await;
        assert!(done.unwrap());
        let found = conversations::list(&mut tx, owner, &Filter::default(), 10).await;
        assert_eq!(found.unwrap().len(), shown);
    }
}

async fn deleting_takes_the_messages_along(store: &Store) {
    let account = store.account().await;
    let conversation = store.conversation(&account, "t1").await;
    let kept = store.conversation(&account, "t2").await;
    let survivor = store.new_incoming(&kept, "m9", at(0));
    store.insert(&survivor).await;
    for number in 0..3 {
        let message = store.new_incoming(&conversation, &number.to_string(), at(0));
        store.insert(&message).await;
    }
    let foreign = store.workspace("other").await;
    let mut tx = store.write().await;
    for (owner, count) in [(&foreign, 0), (&account.workspace_id, 3), (&account.workspace_id, 0)] {
        let deleted = conversations::delete(&mut tx, owner, &conversation.id).await;
        assert_eq!(deleted.unwrap(), count);
    }
    tx.commit().await.unwrap();
    assert_eq!(store.number("SELECT COUNT(*) FROM messages").await, 1);
    assert_eq!(store.number("SELECT COUNT(*) FROM conversations").await, 1);
}

async fn a_message_that_arrives_while_its_conversation_is_deleted_goes_with_it(store: &Store) {
    let account = store.account().await;
    let conversation = store.conversation(&account, "t1").await;
    let message = store.new_outgoing(&conversation, "late");
    let mut arriving = store.write().await;
    assert!(messages::insert(&mut arriving, &message).await.unwrap());
    let deleting = async {
        let mut tx = store.write().await;
        let deleted = conversations::delete(&mut tx, &account.workspace_id, &conversation.id).await;
        tx.commit().await.unwrap();
        deleted.unwrap()
    };
    let (_, ()) = tokio::join!(deleting, async {
        store.until_somebody_waits().await;
        arriving.commit().await.unwrap();
    });
    assert_eq!(store.number("SELECT COUNT(*) FROM messages").await, 0);
}

async fn what_an_owner_changes_undoes_nothing_that_arrives_meanwhile(store: &Store) {
    let account = store.account().await;
    let conversation = store.conversation(&account, "t1").await;
    let owner = &account.workspace_id;
    let mut arriving = store.write().await;
    let mut seen = conversations::get_locked(&mut arriving, owner, &conversation.id).await.unwrap();
    seen.unread_count += 1;
    seen.last_message = Some("Are you open?".into());
    seen.window_opened_at = Some(at(7));
    seen.updated_at = at(9);
    conversations::update_activity(&mut arriving, &[&seen]).await.unwrap();
    let changing = async {
        let mut tx = store.write().await;
        // What the owner saw before it changed anything is old by then.
        let id = &conversation.id;
        conversations::update_all_read(&mut tx, id).await.unwrap();
        let status = Status::Archived;
        let time = conversations::update_status(&mut tx, id, status, at(8)).await.unwrap();
        tx.commit().await.unwrap();
        time
    };
    let (time, ()) = tokio::join!(changing, async {
        store.until_somebody_waits().await;
        arriving.commit().await.unwrap();
    });
    assert_eq!(time, at(9), "time does not go back");
    let mut tx = store.read().await;
    let kept = conversations::get(&mut tx, owner, &conversation.id).await.unwrap();
    let expected = Conversation { unread_count: 0, status: Status::Archived, ..seen };
    assert_eq!(format!("{kept:?}"), format!("{expected:?}"));
}

async fn what_arrives_undoes_nothing_that_an_owner_changed_meanwhile(store: &Store) {
    let account = store.account().await;
    let conversation = store.conversation(&account, "t1").await;
    let owner = &account.workspace_id;
    let mut changing = store.write().await;
    let (id, status) = (&conversation.id, Status::Archived);
    conversations::update_status(&mut changing, id, status, at(8)).await.unwrap();
    let arriving = async {
        let mut tx = store.write().await;
        let mut seen = conversations::get_locked(&mut tx, owner, id).await.unwrap();
        seen.last_message = Some("Four cakes".into());
        conversations::update_activity(&mut tx, &[&seen]).await.unwrap();
        tx.commit().await.unwrap();
    };
    tokio::join!(arriving, async {
        store.until_somebody_waits().await;
        changing.commit().await.unwrap();
    });
    let mut tx = store.read().await;
    let kept = conversations::get(&mut tx, owner, id).await.unwrap();
    assert_eq!((kept.status, kept.updated_at), (Status::Archived, at(8)));
    assert_eq!(kept.last_message.as_deref(), Some("Four cakes"));
}

async fn what_nobody_answered_is_counted(store: &Store) {
    let account = store.account().await;
    let asked = store.conversation(&account, "asked").await;
    let answered = store.conversation(&account, "answered").await;
    store.insert(&store.new_incoming(&asked, "m-1", at(0))).await;
    store.insert(&store.new_outgoing(&answered, "Hi")).await;
    let later = asked.updated_at.plus(std::time::Duration::from_secs(1));
    let mut tx = store.read().await;
    for (before, expected) in [(asked.updated_at, 0), (later, 1)] {
        let count = conversations::count_unanswered(&mut tx, &account.id, before).await.unwrap();
        assert_eq!(count, expected);
    }
    assert_eq!(conversations::count_unanswered(&mut tx, &store.id(), later).await.unwrap(), 0);
}
