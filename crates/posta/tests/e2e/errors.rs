//! Every error of the platform: the sandbox produces it, the connector classes it, the API reports it.
//!
//! The table is written from the platform's pages and knows nothing of the connector's.

use std::time::Duration;

use posta::flows::line::Line;
use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::id::{MessageId, RemotePerson};
use posta_core::message::{Content, Outgoing, Recipient};
use posta_store::messages::{self, Message, Status};
use posta_store::{accounts, conversations};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Stage, story};

const MIRA: &str = "1099900000000101";

/// What follows from an error of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Another try, several times.
    Transient,
    /// One more try, and no other.
    Once,
    /// Another try once the limit allows.
    Limit,
    /// Only a new login helps.
    Account,
    /// Never again.
    Permanent,
    /// Nobody knows whether it went out.
    Unknown,
}
use Class::{Account, Limit, Once, Permanent, Transient, Unknown};

/// Code, subcode, and what follows for a send. Where a person has to act (configuration, permission),
/// the message itself is lost for good.
#[rustfmt::skip]
const TABLE: &[(i64, Option<i64>, Class)] = &[
    (1, None, Unknown), (1, Some(99), Permanent), (1, Some(1_357_046), Unknown),
    (2, None, Unknown), (2, Some(1_545_133), Transient), (3, None, Permanent),
    (4, None, Limit), (4, Some(2_207_051), Permanent), (9, Some(2_207_042), Limit),
    (10, None, Permanent), (10, Some(2_534_022), Permanent), (10, Some(2_018_278), Permanent),
    (10, Some(2_018_065), Permanent), (10, Some(2_018_108), Permanent), (10, Some(1_893_063), Limit),
    (10, Some(2_534_048), Permanent), (10, Some(2_534_077), Permanent), (10, Some(2_018_300), Permanent),
    (17, None, Limit), (24, Some(2_207_006), Once), (24, Some(2_207_008), Once),
    (25, Some(2_207_050), Account), (27, None, Permanent), (32, None, Limit),
    (100, None, Permanent), (100, Some(33), Permanent), (100, Some(2_018_001), Permanent),
    (100, Some(2_018_008), Once), (100, Some(2_018_014), Permanent), (100, Some(2_018_047), Permanent),
    (100, Some(2_018_074), Permanent), (100, Some(2_018_109), Permanent), (100, Some(2_018_294), Once),
    (100, Some(2_018_320), Permanent), (100, Some(2_018_328), Permanent), (100, Some(2_534_001), Permanent),
    (100, Some(2_534_013), Permanent), (100, Some(2_534_014), Permanent), (100, Some(2_534_015), Permanent),
    (100, Some(2_534_025), Permanent), (100, Some(2_534_029), Permanent), (100, Some(2_534_037), Permanent),
    (102, None, Account), (190, None, Account), (190, Some(458), Account), (190, Some(459), Account),
    (190, Some(460), Account), (190, Some(463), Account), (190, Some(464), Account),
    (190, Some(467), Account), (190, Some(492), Account),
    (200, None, Permanent), (200, Some(1_545_041), Permanent), (200, Some(2_018_028), Permanent),
    (200, Some(2_534_041), Permanent), (200, Some(2_534_048), Permanent), (200, Some(2_534_066), Permanent),
    (210, None, Permanent), (299, None, Permanent), (230, None, Permanent), (341, None, Limit),
    (352, Some(2_207_026), Permanent), (368, None, Limit), (506, None, Permanent),
    (551, None, Permanent), (551, Some(1_545_041), Permanent),
    (613, None, Limit), (613, Some(1996), Limit), (613, Some(2_018_338), Limit), (613, Some(2_534_040), Limit),
    (2_018_300, None, Permanent), (9004, Some(2_207_052), Permanent), (9007, Some(2_207_027), Transient),
    (9010, None, Permanent), (10_900, None, Permanent), (10_903, None, Permanent),
    (10_904, Some(1_893_050), Permanent), (1_609_005, None, Permanent), (36_103, None, Permanent),
    (80_001, None, Limit), (80_002, None, Limit), (80_006, None, Limit), (9_000_001, None, Permanent),
    (-2, Some(2_207_003), Transient), (-2, Some(2_207_020), Transient), (-1, Some(2_207_001), Transient),
    (-1, Some(2_207_032), Transient), (-1, Some(2_207_053), Transient),
    (36_000, Some(2_207_004), Permanent), (36_001, Some(2_207_005), Permanent),
    (36_003, Some(2_207_009), Permanent), (36_004, Some(2_207_010), Permanent),
    (100, Some(2_207_023), Permanent), (100, Some(2_207_028), Permanent), (100, Some(2_207_040), Permanent),
];

impl Stage {
    async fn fault(&self, count: u64, fault: &Value) {
        let url = self.sandbox_url.join("_sandbox/faults").unwrap();
        let cleared = crate::support::plain_client().delete(url).send().await.unwrap();
        assert_eq!(cleared.status(), 200);
        let rule = json!({"route": "messages", "count": count, "fault": fault});
        self.control("faults", &rule).await;
    }

    /// What the connector makes of a send.
    async fn judged(&self) -> ConnectorError {
        let mut tx = self.db().read().await.unwrap();
        let account =
            accounts::list_everywhere(&mut tx, Some(&self.account)).await.unwrap().remove(0);
        drop(tx);
        let line = Line::open(&self.app, &account).await.unwrap();
        let id: MessageId = self.app.ids.next();
        let content = Content::Text { text: "Hello".to_owned(), quick_replies: Vec::new() };
        let to = Recipient::Person(RemotePerson::new(MIRA));
        let message = Outgoing { id, to, content, tag: None };
        line.platform.messages().unwrap().send(&line.cx(&self.app), &message).await.unwrap_err()
    }

    /// Sends through the API while time goes on.
    async fn sends_patiently(&self, text: &str) {
        let body = json!({"accountId": self.account, "message": text});
        let path = format!("inbox/conversations/{MIRA}/messages");
        let before = self.proxy.sends();
        let answer = self.call(Method::POST, &path, Some(&body), &[]);
        let time = async {
            while self.proxy.sends() == before || !posta::workers::is_idle(&self.app).await.unwrap()
            {
                tokio::task::yield_now().await;
            }
            self.clock.advance(Duration::from_secs(21));
        };
        let (answer, ()) = tokio::join!(answer, time);
        assert!(matches!(answer.status, 200 | 202), "{}", answer.text);
        // A try that has begun must not seem to have been given up.
        self.settle().await;
    }

    /// The newest message as it is stored.
    async fn newest(&self) -> Message {
        let mut tx = self.db().read().await.unwrap();
        let account =
            accounts::list_everywhere(&mut tx, Some(&self.account)).await.unwrap().remove(0);
        let owner = &account.workspace_id;
        let found = conversations::find(&mut tx, owner, &account.id, MIRA).await.unwrap().unwrap();
        messages::list(&mut tx, &found.id, false, None, 1).await.unwrap().remove(0)
    }
}

fn class(error: &ConnectorError) -> Class {
    match error.retry {
        Retry::Permanent => Permanent,
        Retry::Transient if error.again.is_some_and(|again| again.tries == 2) => Once,
        Retry::Transient => Transient,
        Retry::RateLimited { .. } => Limit,
        Retry::Auth => Account,
        Retry::Unknown => Unknown,
    }
}

/// The API's answer names our code, what to do, and the platform's own words.
fn reported(body: &Value, error: &ConnectorError, row: &str) {
    // By our own books the window is open, so the platform's word for it is not passed on as it is.
    let code = match error.code {
        Code::OutsideMessagingWindow => Code::WindowDisputed,
        code => code,
    };
    assert_eq!(body["code"], code.as_str(), "{row}: {body:#}");
    let (said, kept) = (error.said.as_ref().unwrap(), &body["platformError"]);
    assert_eq!(
        (&kept["code"], &kept["subcode"]),
        (&json!(said.code), &json!(said.subcode)),
        "{row}"
    );
    assert_eq!(kept["message"], json!(said.message), "{row}");
    let remedy = match code {
        Code::WindowDisputed => "Check that the app is live and has advanced access to messaging",
        code => error.remedy.unwrap_or(code.remedy()),
    };
    assert!(body["error"].as_str().unwrap().contains(remedy), "{row}: no `{remedy}` in {body:#}");
}

/// The rows of a class, each as the fault that makes it, with its name.
fn rows(wanted: Class) -> impl Iterator<Item = (String, Value)> {
    let rows = TABLE.iter().filter(move |row| row.2 == wanted);
    rows.map(|&(code, subcode, _)| {
        let mut fault = json!({"kind": "error", "code": code});
        if let Some(subcode) = subcode {
            fault["subcode"] = json!(subcode);
        }
        (format!("{code}/{subcode:?}"), fault)
    })
}

/// Lets the connector meet the error, which it must class so. Returns what it makes of it, and how
/// many messages there are.
async fn classed(
    stage: &mut Stage,
    expected: Class,
    row: &str,
    fault: &Value,
) -> (ConnectorError, usize) {
    // Keeps the reply window open and the limits away.
    stage.pass(Duration::from_secs(61)).await;
    stage.writes("mira.demo", "What about this one?").await;
    stage.settle().await;
    stage.fault(1, fault).await;
    let error = stage.judged().await;
    assert_eq!(class(&error), expected, "{row}: {error:?}");
    let said = error.said.as_ref().unwrap();
    let numbers = (json!(said.code), json!(said.subcode));
    assert_eq!(numbers, (fault["code"].clone(), fault["subcode"].clone()), "{row}");
    assert!(said.message.is_some() && said.trace_id.is_some(), "{row}: {said:?}");
    assert!(error.remedy.is_some(), "{row} has no remedy");
    (error, stage.thread("mira.demo").await.len())
}

/// Lets a send fail for good, which the API must report, and which must not be repeated.
async fn refused(stage: &mut Stage, expected: Class, row: &str, fault: &Value) {
    let (error, seen) = classed(stage, expected, row, fault).await;
    stage.fault(1, fault).await;
    let answer = stage.send(MIRA, "What comes of this?", &[]).await;
    assert!(answer.status >= 400, "{row}: {}", answer.text);
    reported(&answer.body, &error, row);
    let status = if expected == Unknown { Status::Unknown } else { Status::Failed };
    assert_eq!(stage.newest().await.status, status, "{row}");
    let list = stage.get("accounts?status=disconnected").await.expect(200);
    let lost = list["accounts"].as_array().unwrap().len();
    assert_eq!(lost, usize::from(expected == Account), "{row}: {list:#}");
    stage.pass(Duration::from_hours(1)).await;
    assert_eq!(stage.thread("mira.demo").await.len(), seen, "{row} was sent again");
}

story! {
    /// What is refused for good fails, and is reported in the platform's words with our remedy.
    async fn permanent_errors_are_classed_and_reported(stage: Stage) {
        stage.connect().await;
        for (row, fault) in rows(Permanent) {
            refused(stage, Permanent, &row, &fault).await;
        }
    }
}

story! {
    /// Where nobody knows whether it went out, nobody sends again, and the API says so.
    async fn errors_of_unknown_outcome_are_classed_and_reported(stage: Stage) {
        stage.connect().await;
        for (row, fault) in rows(Unknown) {
            refused(stage, Unknown, &row, &fault).await;
        }
    }
}

story! {
    /// What ends the grant disconnects the account, until it is connected again.
    async fn errors_of_the_grant_are_classed_and_reported(stage: Stage) {
        stage.connect().await;
        for (row, fault) in rows(Account) {
            refused(stage, Account, &row, &fault).await;
            stage.press("allow", &[]).await;
        }
    }
}

story! {
    /// What passes by is tried again, and reported once it has not passed by.
    async fn passing_errors_are_classed_and_repeated(stage: Stage) {
        stage.connect().await;
        let all = [(Transient, 5), (Once, 2)];
        let all = all.into_iter().flat_map(|(class, tries)| {
            rows(class).map(move |(row, fault)| (class, tries, row, fault))
        });
        for (class, tries, row, fault) in all {
            let (error, seen) = classed(stage, class, &row, &fault).await;
            stage.fault(10, &fault).await;
            let before = stage.proxy.sends();
            stage.sends_patiently("What comes of this?").await;
            for _ in 0..6 {
                stage.pass(Duration::from_mins(20)).await;
            }
            assert_eq!(stage.proxy.sends() - before, tries, "{row}");
            let kept = stage.newest().await;
            assert_eq!(kept.status, Status::Failed, "{row}: {kept:?}");
            let kept = kept.error.unwrap().0;
            assert_eq!(kept["code"], error.code.as_str(), "{row}");
            assert_eq!(kept["remedy"], json!(error.remedy), "{row}");
            assert_eq!(kept["platformError"]["code"], fault["code"], "{row}");
            assert_eq!(stage.thread("mira.demo").await.len(), seen, "{row}");
        }
    }
}

story! {
    /// What was too much waits until the limit allows, and goes out once.
    async fn limits_are_classed_and_waited_for(stage: Stage) {
        stage.connect().await;
        for (row, fault) in rows(Limit) {
            let (_, seen) = classed(stage, Limit, &row, &fault).await;
            stage.fault(1, &fault).await;
            stage.sends_patiently("What comes of this?").await;
            stage.pass(Duration::from_hours(5)).await;
            assert_eq!(stage.newest().await.status, Status::Sent, "{row}");
            assert_eq!(stage.thread("mira.demo").await.len(), seen + 1, "{row}");
        }
    }
}

story! {
    /// No answer, or one without the platform's envelope: a send may have happened.
    async fn an_answer_that_never_came_is_of_unknown_outcome(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        for fault in [
            json!({"kind": "cut", "effect": "before"}),
            json!({"kind": "status", "status": 500}),
            json!({"kind": "status", "status": 503}),
        ] {
            stage.fault(1, &fault).await;
            let error = stage.judged().await;
            assert_eq!(class(&error), Unknown, "{fault}: {error:?}");
            stage.fault(1, &fault).await;
            let answer = stage.send(MIRA, "Did it go out?", &[]).await;
            answer.expect_error(502, "outcome_unknown");
            assert_eq!(stage.newest().await.status, Status::Unknown, "{fault}");
            stage.pass(Duration::from_hours(1)).await;
            assert_eq!(stage.thread("mira.demo").await.len(), 1, "{fault} was sent again");
        }
    }
}
