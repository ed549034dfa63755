//! Messages that were not sent.

use posta_store::messages::{self, Status};
use posta_store::{Json, failures};
use serde_json::json;

use crate::support::{Store, at, both};

both! {
    failed_messages_are_listed_newest_first_with_the_reason,
}

async fn failed_messages_are_listed_newest_first_with_the_reason(store: &Store) {
    let account = store.account().await;
    let conversation = store.conversation(&account, "t1").await;
    let mut tx = store.write().await;
    for (millis, status) in
        [(1, Status::Failed), (5, Status::Failed), (6, Status::Unknown), (9, Status::Failed)]
    {
        let message =
            messages::Message { created_at: at(millis), ..store.new_outgoing(&conversation, "Hi") };
        messages::insert(&mut tx, &message).await.unwrap();
        let error = json!({"code": millis});
        messages::update_unsent(&mut tx, &message.id, status, &error).await.unwrap();
    }
    let found = failures::list(&mut tx, &account.id, at(2), 10).await.unwrap();
    let seen: Vec<_> = found.iter().map(|one| one.error.clone().unwrap()).collect();
    assert_eq!(seen, [Json(json!({"code": 9})), Json(json!({"code": 5}))]);
    assert_eq!(found[0].created_at, at(9));
    assert_eq!(failures::list(&mut tx, &account.id, at(2), 1).await.unwrap().len(), 1);
}
