//! Searching for words in messages.

use posta_core::event::Direction;
use posta_core::id::RemoteMessage;
use posta_store::accounts::{self, Account, State};
use posta_store::conversations::{Conversation, Place};
use posta_store::people::{self, Known};
use posta_store::search::{self, Filter};

use crate::support::{Store, at, both};

both! {
    words_are_found_in_any_case_and_script,
    pages_of_hits_are_complete,
    hits_are_narrowed,
    people_are_found_by_name_and_handle,
}

async fn says(store: &Store, conversation: &Conversation, text: &str, when: i64) {
    let mut message =
        store.new_incoming(conversation, &format!("{}-{when}", conversation.id), at(when));
    message.text = Some(text.to_owned());
    assert!(store.insert(&message).await);
}

async fn found(store: &Store, account: &Account, filter: &Filter<'_>) -> Vec<(String, i64)> {
    let mut tx = store.read().await;
    let hits = search::conversations(&mut tx, &account.workspace_id, filter, 50).await.unwrap();
    hits.into_iter().map(|hit| (hit.conversation_id.to_string(), hit.matches)).collect()
}

async fn words_are_found_in_any_case_and_script(store: &Store) {
    let account = store.account().await;
    let conversation = store.conversation(&account, "t1").await;
    let said = [
        "Wo ist meine BESTELLUNG?",
        "Schöne GRÜSSE aus Köln",
        "Добрый День",
        "100% _sure_ 'quoted'",
        "ΚΑΛΗΜΈΡΑ",
        "a\0b",
    ];
    for (when, text) in (1..).zip(said) {
        says(store, &conversation, text, when).await;
    }
    for (words, expected) in [
        ("bestellung", 1),
        ("grüsse AUS", 1),
        ("ДОБРЫЙ день", 1),
        ("100%", 1),
        ("%", 1),
        ("_", 1),
        ("s", 3),
        ("'QUOTED", 1),
        ("καλημέρα", 1),
        ("a\0b", 1),
        ("nothing", 0),
    ] {
        let filter = Filter { words, ..Filter::default() };
        let hits = found(store, &account, &filter).await;
        let matches: i64 = hits.iter().map(|hit| hit.1).sum();
        assert_eq!(matches, expected, "{words}");
        let mut tx = store.read().await;
        let shown = search::messages(&mut tx, &conversation.id, &filter, 3).await.unwrap();
        assert_eq!(i64::try_from(shown.len()).unwrap(), expected.min(3), "{words}");
        assert!(shown.is_sorted_by(|one, next| one.sent_at > next.sent_at), "newest first");
    }
}

async fn pages_of_hits_are_complete(store: &Store) {
    let account = store.account().await;
    let mut expected = Vec::new();
    for number in 0..7 {
        let conversation = store.conversation(&account, &number.to_string()).await;
        says(store, &conversation, "Hello", number / 3).await;
        expected.push(conversation.id);
    }
    expected.reverse();
    let (mut seen, mut after) = (Vec::new(), None::<Place>);
    loop {
        let filter = Filter { words: "hello", after: after.as_ref(), ..Filter::default() };
        let mut tx = store.read().await;
        let owner = &account.workspace_id;
        let page = search::conversations(&mut tx, owner, &filter, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(Place { at: last.newest, id: last.conversation_id.to_string() });
        seen.extend(page.into_iter().map(|hit| hit.conversation_id));
    }
    assert_eq!(seen, expected);
}

async fn hits_are_narrowed(store: &Store) {
    let account = store.account().await;
    let other = store.new_account(&account.workspace_id, &account.profile_id, "2");
    store.upsert(&other).await;
    let here = store.conversation(&account, "t1").await;
    let there = store.conversation(&other, "t1").await;
    says(store, &here, "Hello", 1).await;
    says(store, &there, "Hello", 2).await;
    let mut answer = store.new_outgoing(&here, "Hello yourself");
    answer.remote_id = Some(RemoteMessage::new("a1"));
    answer.sent_at = at(3);
    store.insert(&answer).await;
    let words = Filter { words: "hello", ..Filter::default() };
    let (here, there) = (here.id.to_string(), there.id.to_string());
    let both = [(here.clone(), 2), (there.clone(), 1)];
    assert_eq!(found(store, &account, &words).await, both);
    let incoming = Filter { direction: Some(Direction::Incoming), ..words.clone() };
    assert_eq!(found(store, &account, &incoming).await, [(there.clone(), 1), (here.clone(), 1)]);
    let outgoing = Filter { direction: Some(Direction::Outgoing), ..words.clone() };
    assert_eq!(found(store, &account, &outgoing).await, [(here.clone(), 1)]);
    let of_other = Filter { account: Some(&other.id), ..words.clone() };
    assert_eq!(found(store, &account, &of_other).await, [(there.clone(), 1)]);
    let elsewhere = Filter { platform: Some("elsewhere"), ..words.clone() };
    assert!(found(store, &account, &elsewhere).await.is_empty());
    let nowhere = Filter { profiles: Some(&[]), ..words.clone() };
    assert!(found(store, &account, &nowhere).await.is_empty());
    let mut tx = store.write().await;
    let stranger = store.id();
    let hits = search::conversations(&mut tx, &stranger, &words, 50).await.unwrap();
    assert!(hits.is_empty(), "another workspace's");
    let (owner, id) = (&other.workspace_id, &other.id);
    let reason = accounts::Reason { text: "gone", code: "removed" };
    accounts::update_unusable(&mut tx, owner, id, State::Removed, reason, at(9)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(found(store, &account, &words).await, [(here, 2)]);
}

async fn people_are_found_by_name_and_handle(store: &Store) {
    let account = store.account().await;
    let owner = &account.workspace_id;
    let other = store.new_account(owner, &account.profile_id, "2");
    store.upsert(&other).await;
    let mut ids = Vec::new();
    for (number, (name, username)) in
        [("Mira Ölçer", "mira.demo"), ("Theo", "theo_100%"), ("Noor", "noor")].iter().enumerate()
    {
        let conversation = store.conversation(&account, &number.to_string()).await;
        let mut tx = store.write().await;
        let known = Known {
            profile: &serde_json::json!({}),
            name: Some(name),
            username: Some(username),
            picture: None,
            due_at: None,
        };
        people::update_profile(&mut tx, owner, &conversation.id, &known).await.unwrap();
        tx.commit().await.unwrap();
        ids.push(conversation.id.to_string());
        says(store, &conversation, "Is Noor there?", number.try_into().unwrap()).await;
    }
    for (words, whom, matches) in
        [("mira", 0, 0), ("MIRA.DEMO", 0, 0), ("Ölçer", 0, 0), ("heo", 1, 0), ("_100%", 1, 0)]
    {
        let filter = Filter { words, ..Filter::default() };
        let hits = found(store, &account, &filter).await;
        assert_eq!(hits, [(ids[whom].clone(), matches)], "{words}");
    }
    let noor = Filter { words: "noor", ..Filter::default() };
    let mut hits = found(store, &account, &noor).await;
    hits.sort();
    let mut all: Vec<_> = ids.iter().map(|id| (id.clone(), 1)).collect();
    all.sort();
    assert_eq!(hits, all, "once, with its messages, whether the name fits or not");
    let theo = Filter { words: "theo", ..Filter::default() };
    for filter in [
        Filter { direction: Some(Direction::Incoming), ..theo.clone() },
        Filter { account: Some(&other.id), ..theo.clone() },
        Filter { profiles: Some(&[]), ..theo.clone() },
        Filter { platform: Some("elsewhere"), ..theo.clone() },
    ] {
        assert!(found(store, &account, &filter).await.is_empty(), "{filter:?}");
    }
    let mut tx = store.read().await;
    let hits = search::conversations(&mut tx, &store.id(), &theo, 50).await.unwrap();
    assert!(hits.is_empty(), "another workspace's");
}
