//! Every row has its class, and every answer without a row too.

use std::fmt::Write;

use reqwest::header::HeaderMap;

use super::table::{ANY, TABLE};
use super::*;
use crate::http::NoReply;

const NOW: Timestamp = Timestamp::from_millis(1_767_182_410_000);

fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: body.as_bytes().to_vec(),
    }
}

fn envelope(code: i64, subcode: Option<i64>) -> Reply {
    // A wrong type and a foreign language, which must not matter.
    let error = json!({"error": {
        "message": "メッセージ", "type": "OAuthException", "code": code,
        "error_subcode": subcode, "fbtrace_id": "A1",
    }});
    reply(400, &error.to_string())
}

fn fail(reply: Reply, call: Call) -> ConnectorError {
    let refusal = reply.json().and_then(|body| Refusal::read(&reply, &body));
    let failed = match refusal {
        Some(refusal) => Failed::Refused(Box::new(refusal)),
        None => Failed::Wordless(Box::new(reply)),
    };
    judge(failed, call, NOW)
}

fn class(error: &ConnectorError) -> String {
    match error.retry {
        Retry::Permanent => "permanent".to_owned(),
        Retry::Transient => match error.again {
            Some(again) => format!("transient, {} tries, {} s", again.tries, again.seconds),
            None => "transient".to_owned(),
        },
        Retry::Auth => "auth".to_owned(),
        Retry::Unknown => "unknown".to_owned(),
        Retry::RateLimited { until } => format!("wait {} s", until.since(NOW).as_secs()),
    }
}

#[test]
fn every_row_has_its_outcome() {
    let mut text = String::new();
    for &(code, subcode, expected, ..) in TABLE {
        let sent = if code == ANY { 100 } else { code };
        let once = fail(envelope(sent, subcode), Call::Once);
        let again = fail(envelope(sent, subcode), Call::Repeatable);
        assert_eq!(once.code, expected, "{code}/{subcode:?}");
        let of = subcode.map_or_else(String::new, |subcode| format!("/{subcode}"));
        write!(text, "{sent}{of}: {}, {}", once.code, class(&once)).unwrap();
        if again.retry != once.retry {
            write!(text, " (repeatable: {}, {})", again.code, class(&again)).unwrap();
        }
        if let Some(details) = &once.details {
            write!(text, " {details}").unwrap();
        }
        writeln!(text, "\n    {}", once.remedy.unwrap()).unwrap();
    }
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!("table", text);
    });
}

/// The classes as the published tables have them, typed from there and not from ours.
#[test]
fn classes_agree_with_the_published_tables() {
    let classes = [
        ("transient, 5 tries", "2/1545133 9007/2207027"),
        ("transient, 2 tries", "24/2207006 24/2207008 100/2018008 100/2018294"),
        ("wait", "4 9/2207042 10/1893063 17 32 341 368 613 613/1996 613/2018338 613/2534040"),
        ("wait", "80001 80002 80006"),
        ("auth", "25/2207050 102 190 190/458 190/459 190/460 190/463 190/464 190/467 190/492"),
        ("unknown", "1 1/1357046 2"),
        ("permanent", "1/99 3 4/2207051 10 10/2534022 10/2018278 10/2018065 10/2018108"),
        ("permanent", "10/2534048 10/2534077 10/2018300 27 100 100/33 100/2018001 100/2018014"),
        ("permanent", "100/2018047 100/2018074 100/2018109 100/2018320 100/2018328"),
        ("permanent", "100/2534001 100/2534013 100/2534014 100/2534015 100/2534025"),
        ("permanent", "100/2534029 100/2534037 200 200/1545041 200/2018028 200/2534041"),
        ("permanent", "200/2534048 200/2534066 210 299 230 352/2207026 506 551 551/1545041"),
        ("permanent", "2018300 9004/2207052 9010 10900 10903 10904/1893050 1609005 36103"),
        ("permanent", "9000001 10/2534001 10/777 12345"),
    ];
    for (class_of_all, codes) in classes {
        for text in codes.split(' ') {
            let (code, subcode) = text.split_once('/').unwrap_or((text, ""));
            let reply = envelope(code.parse().unwrap(), subcode.parse().ok());
            let retry = class(&fail(reply, Call::Once));
            assert!(retry.starts_with(class_of_all), "{text}: {retry}");
        }
    }
}

#[test]
fn no_pair_stands_in_the_table_twice() {
    let mut pairs: Vec<_> = TABLE.iter().map(|row| (row.0, row.1)).collect();
    let all = pairs.len();
    pairs.sort_unstable();
    pairs.dedup();
    assert_eq!(pairs.len(), all);
}

#[test]
fn the_platforms_words_are_kept() {
    let error = fail(envelope(10, Some(2_534_022)), Call::Once);
    assert!(error.message.ends_with("Instagram says: メッセージ"), "{error}");
    let said = error.said.unwrap();
    assert_eq!((said.status, said.code, said.subcode), (Some(400), Some(10), Some(2_534_022)));
    assert_eq!(said.kind.as_deref(), Some("OAuthException"));
    assert_eq!(said.trace_id.as_deref(), Some("A1"));
}

#[test]
fn the_usage_header_can_lengthen_a_wait_but_not_shorten_it() {
    let wait = |code, minutes: u64| {
        let mut reply = envelope(code, None);
        let usage = json!({"1784": [{"estimated_time_to_regain_access": minutes}]});
        let value = usage.to_string().parse().unwrap();
        reply.headers.insert("x-business-use-case-usage", value);
        class(&fail(reply, Call::Once))
    };
    assert_eq!(wait(80002, 19), "wait 1140 s");
    assert_eq!(wait(80002, 0), "wait 300 s");
    assert_eq!(wait(10, 19), "permanent");
}

#[test]
fn without_an_envelope_only_a_send_is_in_doubt() {
    let cases = [
        (200, "unknown", "transient"),
        (500, "unknown", "transient"),
        (503, "unknown", "transient"),
        (408, "unknown", "transient"),
        (302, "permanent", "permanent"),
        (401, "permanent", "permanent"),
        (429, "wait 60 s", "wait 60 s"),
    ];
    for (status, once, again) in cases {
        let page = || reply(status, "<html>");
        assert_eq!(class(&fail(page(), Call::Once)), once, "{status}");
        assert_eq!(class(&fail(page(), Call::Repeatable)), again, "{status}");
    }
    let no_reply = |why, call| class(&judge(Failed::NoReply(why), call, NOW));
    assert_eq!(no_reply(NoReply::Unanswered, Call::Once), "unknown");
    assert_eq!(no_reply(NoReply::Unanswered, Call::Repeatable), "transient");
    assert_eq!(no_reply(NoReply::NotSent, Call::Once), "transient");
}

#[test]
fn an_unlisted_code_is_in_doubt_only_if_the_platform_itself_is_in_trouble() {
    let error = |status, is_transient| {
        let body = json!({"error": {"code": 4711, "is_transient": is_transient}});
        class(&fail(reply(status, &body.to_string()), Call::Once))
    };
    assert_eq!(error(400, false), "permanent");
    assert_eq!(error(400, true), "unknown");
    assert_eq!(error(500, false), "unknown");
}

#[test]
fn a_refused_code_is_named_as_far_as_instagram_names_it() {
    let refused = |words: &str| {
        let body = json!({"error_type": "OAuthException", "code": 400, "error_message": words});
        judge_exchange(Failed::Wordless(Box::new(reply(400, &body.to_string()))), NOW)
    };
    let used = refused("Matching code was not found or was already used");
    assert_eq!((used.code, used.retry), (Code::CodeAlreadyRedeemed, Retry::Permanent));
    let wrong = refused("Invalid platform app");
    assert_eq!((wrong.code, wrong.retry), (Code::TokenExchangeFailed, Retry::Permanent));
    assert_eq!(wrong.said.unwrap().message.as_deref(), Some("Invalid platform app"));
    let lost = judge_exchange(Failed::NoReply(NoReply::Unanswered), NOW);
    assert_eq!((lost.code, lost.retry), (Code::TokenExchangeFailed, Retry::Unknown));
}
