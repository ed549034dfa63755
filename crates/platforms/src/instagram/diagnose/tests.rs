//! What the doctor says of an account.

use posta_core::finding::Severity;
use posta_core::time::Timestamp;
use serde_json::json;

use super::*;
use crate::contract::Disputed;

const STORED: &str = "17841499900000001";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_767_268_800_000 + seconds * 1000)
}

fn identified(me: &Value) -> Finding {
    let known = Known { app_scoped: None, username: "lumen", scopes: None };
    identity(me, &RemoteAccount::new(STORED), &known)
}

#[test]
fn a_clock_may_be_a_minute_off() {
    let call = Seen::default();
    for (seconds, expected) in [
        (0, Severity::Fine),
        (59, Severity::Fine),
        (-59, Severity::Fine),
        (60, Severity::Warning),
        (-61, Severity::Warning),
        (600, Severity::Error),
        (-9_999, Severity::Error),
    ] {
        assert_eq!(clock(&call, at(0), at(seconds)).severity, expected, "{seconds}");
    }
}

#[test]
fn the_id_that_webhooks_carry_is_told_from_the_apps_own() {
    let mine = identified(&json!({"user_id": STORED, "id": "27", "username": "lumen"}));
    assert_eq!(mine.severity, Severity::Fine);
    let renamed = identified(&json!({"user_id": STORED, "id": "27", "username": "lux"}));
    assert_eq!(
        (renamed.severity, renamed.seen.as_str()),
        (Severity::Fine, "lumen is now called lux")
    );
    let scoped = identified(&json!({"user_id": "17841400000000009", "id": STORED}));
    assert!(
        scoped.severity == Severity::Error && scoped.seen.contains("app's own id"),
        "{scoped:?}"
    );
    let other = identified(&json!({"user_id": "17841400000000009", "id": "27"}));
    assert!(other.severity == Severity::Error && other.seen.contains("belongs to"), "{other:?}");
    let private =
        identified(&json!({"user_id": STORED, "username": "lumen", "account_type": "PERSONAL"}));
    assert_eq!(private.severity, Severity::Error);
    assert_eq!(identified(&json!({})).severity, Severity::Error);
}

fn refused(code: i64, subcode: Option<i64>, seconds: i64) -> Refused {
    let said = PlatformSaid { code: Some(code), subcode, ..PlatformSaid::default() };
    Refused { said, at: at(seconds), disputed: None }
}

#[test]
fn refusals_of_one_cause_are_one_finding_with_the_newest() {
    let account = RemoteAccount::new(STORED);
    let found = refused::explain(
        &account,
        &[
            refused(10, Some(2_534_048), 1),
            refused(200, Some(2_018_028), 3),
            refused(200, Some(2_018_028), 2),
            refused(100, Some(2_534_037), 4),
            // These say nothing of the whole account.
            refused(100, None, 5),
            refused(613, Some(2_534_040), 5),
        ],
    );
    let seen: Vec<_> = found.iter().map(|one| (one.check, one.severity)).collect();
    assert_eq!(seen, [("access_level", Severity::Error), ("thread_control", Severity::Warning)]);
    assert!(found[0].seen.starts_with("3 message(s) refused"), "{}", found[0].seen);
    assert_eq!(found[0].call.as_ref().unwrap().said.subcode, Some(2_018_028));
    assert!(found.iter().all(|one| one.cause.is_some() && one.remedy.is_some()));
}

#[test]
fn a_closed_window_is_odd_only_if_it_was_open_for_us() {
    let account = RemoteAccount::new(STORED);
    for subcode in [2_534_022, 2_018_278, 2_018_065] {
        let closed = refused(10, Some(subcode), 0);
        assert!(refused::explain(&account, std::slice::from_ref(&closed)).is_empty());
        let disputed = Disputed { cause: "The clock is slow.".to_owned(), remedy: "Set it." };
        let odd = Refused { disputed: Some(disputed), ..closed };
        let found = refused::explain(&account, &[odd]).remove(0);
        assert_eq!(found.check, "window");
        assert_eq!(found.cause.as_deref(), Some("The clock is slow."));
        assert_eq!(found.remedy.as_deref(), Some("Set it."));
        assert_eq!(found.call.unwrap().said.subcode, Some(subcode));
    }
}

#[test]
fn every_refusal_that_is_explained_has_a_remedy() {
    for (code, subcode, check, _) in refused::TABLE {
        let remedy = errors::remedy(*code, *subcode);
        assert!(remedy.is_some(), "{code}/{subcode:?} of {check}");
    }
}
