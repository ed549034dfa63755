//! The event log: read from any place on, in one order, until its time is over.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Stage, plain_client, story};

async fn page(stage: &Stage, query: &str) -> Value {
    stage.get(&format!("events?{query}")).await.expect(200)
}

fn types(page: &Value) -> Vec<&str> {
    page["events"].as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect()
}

story! {
    /// Whoever reads page by page gets every event once, in order, as endpoints get it.
    async fn the_log_is_read_page_by_page(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "One").await;
        stage.writes("mira.demo", "Two").await;
        stage.settle().await;

        let whole = page(stage, "").await;
        let expected = ["account.connected", "conversation.started", "message.received", "message.received"];
        assert_eq!(types(&whole), expected);
        assert_eq!((&whole["next"], &whole["hasMore"]), (&json!(4), &json!(false)));
        let delivered: Vec<_> = stage.hook.came().into_iter().map(|one| one.event).collect();
        assert!(delivered.contains(&whole["events"][3]["payload"]));

        let (mut after, mut read) = (0, Vec::new());
        for round in 0..3 {
            let part = page(stage, &format!("after={after}&limit=2")).await;
            read.extend(part["events"].as_array().unwrap().iter().map(|one| one["sequence"].clone()));
            after = part["next"].as_i64().unwrap();
            assert_eq!(part["hasMore"], round == 0, "{part}");
        }
        assert_eq!(read, [1, 2, 3, 4]);

        let two = page(stage, "types=message.received,account.connected&after=1").await;
        assert_eq!(types(&two), ["message.received", "message.received"]);
        let none = page(stage, "types=comment.received").await;
        assert_eq!((types(&none).len(), &none["next"]), (0, &json!(4)), "the place moves on all the same");
        let (account, profile) = (stage.account.clone(), stage.profile.clone());
        assert_eq!(types(&page(stage, &format!("accountId={account}&profileId={profile}")).await), expected);

        stage.pass(Duration::from_secs(3600)).await;
        let since = stage.clock.now();
        stage.writes("mira.demo", "Three").await;
        stage.settle().await;
        assert_eq!(types(&page(stage, &format!("since={since}")).await), ["message.received"]);
        assert_eq!(page(stage, "since=2099-01-01T00:00:00Z").await["next"], 5);
    }
}

story! {
    /// What cannot be asked for is refused by its name, and a key sees only its profiles.
    async fn the_log_refuses_and_hides(stage: Stage) {
        stage.connect().await;
        let somewhere = "0123456789abcdef01234567";
        for (query, status, param) in [
            ("after=-1", 400, "after"),
            ("after=x", 400, "after"),
            ("since=yesterday", 400, "since"),
            ("after=1&since=2026-01-01T00:00:00Z", 400, "since"),
            ("types=Everything", 400, "types"),
            ("limit=0", 400, "limit"),
            (&format!("accountId={somewhere}"), 404, "accountId"),
            (&format!("profileId={somewhere}"), 404, "profileId"),
        ] {
            let answer = stage.get(&format!("events?{query}")).await;
            assert_eq!((answer.status, answer.body["param"].as_str()), (status, Some(param)), "{query}");
        }
        let bad = stage.call(Method::GET, "events/stream", None, &[("last-event-id", "x")]).await;
        assert_eq!(bad.expect_error(400, "invalid_field_value")["param"], "Last-Event-ID");

        let other = stage.post("profiles", &json!({"name": "Other"})).await.expect(201);
        let wanted = json!({"name": "narrow", "scope": "profiles", "profileIds": [other["profile"]["_id"]]});
        let key = stage.post("api-keys", &wanted).await.expect(201)["apiKey"]["key"].clone();
        let bearer = format!("Bearer {}", key.as_str().unwrap());
        let seen = stage.call(Method::GET, "events", None, &[("authorization", &bearer)]).await;
        assert_eq!(types(&seen.expect(200)).len(), 0);
    }
}

story! {
    /// Whoever waits for the next event is answered when it comes, and not before.
    async fn a_page_can_wait_for_the_next_event(stage: Stage) {
        stage.connect().await;
        let newest = page(stage, "").await["next"].clone();
        let path = format!("v1/events?after={newest}&wait=30");
        let url = stage.posta.join(&path).unwrap();
        let waiting = plain_client().get(url).bearer_auth(&stage.key).send();
        let (answer, _) = tokio::join!(waiting, stage.writes("mira.demo", "Hello?"));
        let answer: Value = answer.unwrap().json().await.unwrap();
        assert_eq!(types(&answer), ["conversation.started", "message.received"]);
    }
}

/// Reads a stream until it holds so many events, and returns their lines.
async fn listen(answer: &mut reqwest::Response, count: usize) -> Vec<(i64, String, Value)> {
    let mut text = String::new();
    loop {
        let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
        let blocks: Vec<_> = whole.split("\n\n").filter(|block| block.contains("data:")).collect();
        if blocks.len() >= count {
            return blocks.into_iter().map(read_block).collect();
        }
        let chunk = answer.chunk().await.unwrap().expect("the stream goes on");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

fn read_block(block: &str) -> (i64, String, Value) {
    let field = |name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_start().to_owned()
    };
    let payload = serde_json::from_str(&field("data:")).unwrap();
    (field("id:").parse().unwrap(), field("event:"), payload)
}

story! {
    /// A stream tells of events as they come; whoever comes back goes on where they were.
    async fn a_stream_tells_of_events_and_is_taken_up_again(stage: Stage) {
        stage.connect().await;
        let url = stage.posta.join("v1/events/stream?types=message.received").unwrap();
        let open = |last: Option<i64>| {
            let request = plain_client().get(url.clone()).bearer_auth(&stage.key);
            last.into_iter().fold(request, |request, last| request.header("last-event-id", last)).send()
        };
        let mut stream = open(None).await.unwrap();
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
        let again = open(Some(1));
        stage.writes("mira.demo", "One").await;
        stage.settle().await;
        let heard = listen(&mut stream, 1).await;
        assert_eq!((heard[0].0, heard[0].1.as_str()), (3, "message.received"));
        assert_eq!(heard[0].2["message"]["text"], "One");
        drop(stream);

        stage.writes("mira.demo", "Two").await;
        stage.settle().await;
        let mut stream = again.await.unwrap();
        let texts: Vec<_> =
            listen(&mut stream, 2).await.into_iter().map(|one| one.2["message"]["text"].clone()).collect();
        assert_eq!(texts, ["One", "Two"], "from the place it named");
    }
}

story! {
    /// A stream ends when its key is revoked, before it tells anything more.
    async fn a_revoked_key_hears_nothing_more(stage: Stage) {
        stage.connect().await;
        let made = stage.post("api-keys", &json!({"name": "short"})).await.expect(201)["apiKey"].clone();
        let url = stage.posta.join("v1/events/stream").unwrap();
        let mut stream =
            plain_client().get(url).bearer_auth(made["key"].as_str().unwrap()).send().await.unwrap();
        let path = format!("api-keys/{}", made["id"].as_str().unwrap());
        stage.call(Method::DELETE, &path, None, &[]).await.expect(200);
        stage.writes("mira.demo", "Not for you").await;
        let mut text = String::new();
        while let Some(chunk) = stream.chunk().await.unwrap() {
            text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        assert!(!text.contains("data:"), "{text}");
    }
}

story! {
    /// The log forgets what has had its time, but nothing that an endpoint has not got, and says so
    /// to whoever comes back too late.
    async fn the_log_forgets_and_says_so(stage: Stage) {
        stage.connect().await;
        stage.restart_with("events.keep_days_of", "account=365").await;
        stage.writes("mira.demo", "Delivered").await;
        stage.settle().await;
        let raw = page(stage, "types=message.received").await["events"][0]["id"].clone();
        let raw = format!("events/{}/raw", raw.as_str().unwrap());
        stage.get(&raw).await.expect(200);
        stage.hook.answer(&[500; 40]);
        stage.writes("mira.demo", "Refused for good").await;
        stage.settle().await;
        for _ in 0..8 {
            stage.pass(Duration::from_hours(30)).await;
        }
        stage.pass(Duration::from_hours(24 * 31)).await;

        let mut left = page(stage, "").await;
        // Nobody waits for the cleaning, which has no due time of its own.
        for _ in 0..500 {
            if types(&left).len() == 2 {
                break;
            }
            stage.settle().await;
            left = page(stage, "").await;
        }
        assert_eq!(types(&left), ["account.connected", "message.received"]);
        assert_eq!(left["events"][1]["payload"]["message"]["text"], "Refused for good");
        stage.get(&raw).await.expect_error(404, "resource_not_found");
        let late = stage.get("events?after=1&types=message.received").await.expect_error(410, "events_expired");
        assert_eq!(late["param"], "after");
        assert!(late["error"].as_str().unwrap().contains("after=3"), "{late}");
        // Nothing of what this one wants has gone.
        page(stage, "after=1&types=account.connected").await;
        page(stage, "after=3&types=message.received").await;
        let stream = [("last-event-id", "1")];
        stage.call(Method::GET, "events/stream", None, &stream).await.expect_error(410, "events_expired");
    }
}
