//! What integrators of Instagram get wrong, one story each; docs/instagram-pitfalls.md lists them.

use std::time::Duration;

use posta_store::accounts;
use posta_store::inbound::{self, State};
use serde_json::{Value, json};

use crate::inbound::signature;
use crate::support::{Answer, Stage};

mod connecting;
mod conversing;
mod receiving;

const MIRA: &str = "1099900000000101";
const LUMEN: &str = "17841499900000001";
const NOON: i64 = 1_767_268_800_000;
const DAY: Duration = Duration::from_hours(24);

impl Stage {
    /// Delivers a webhook as the platform would.
    async fn posted(&self, body: &str) -> Answer {
        let (signature, body) = (signature(body.as_bytes()), body.to_owned());
        let post = |http: &reqwest::Client, url| {
            http.post(url).header("x-hub-signature-256", signature).body(body)
        };
        self.plain(post, "webhooks/instagram").await
    }

    /// The account as it is stored.
    async fn account_row(&self) -> accounts::Account {
        let mut tx = self.db().read().await.unwrap();
        accounts::list_everywhere(&mut tx, Some(&self.account)).await.unwrap().remove(0)
    }

    async fn count_inbound(&self, state: State) -> i64 {
        let mut tx = self.db().read().await.unwrap();
        inbound::count(&mut tx, "instagram", state).await.unwrap()
    }

    /// The texts of the events of one kind that the customer got, in order.
    fn texts_told(&self, event: &str) -> Vec<String> {
        let events = self.hook.events(event);
        events
            .iter()
            .map(|one| one["message"]["text"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// A rule of what goes wrong.
    async fn make_wrong(&self, rule: &Value) -> u64 {
        self.control("faults", rule).await["id"].as_u64().unwrap()
    }

    /// How many times a rule struck.
    async fn times_struck(&self, rule: u64) -> u64 {
        let list = self.look("faults").await;
        let rules = list.as_array().or(list["faults"].as_array()).unwrap().clone();
        let found = rules.iter().find(|one| one["id"] == rule).unwrap();
        found["hits"].as_u64().unwrap()
    }
}

fn item(millis: i64, more: &Value) -> Value {
    let mut item = json!({
        "sender": {"id": MIRA}, "recipient": {"id": LUMEN}, "timestamp": NOON + millis,
    });
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    item
}

fn webhook(items: &[Value]) -> String {
    json!({"object": "instagram", "entry": [{"time": NOON, "id": LUMEN, "messaging": items}]})
        .to_string()
}

fn message(millis: i64, mid: &str, text: &str) -> Value {
    item(millis, &json!({"message": {"mid": mid, "text": text}}))
}
