//! One call to a Graph API: sending it, telling a good answer from a refusal, reading loose values.

use std::time::Duration;

use http::HeaderMap;
use posta_core::time::Timestamp;
use reqwest::RequestBuilder;
use serde_json::Value;

use super::errors::{Failed, Refusal};
use crate::contract::Page;
use crate::cx::{Cx, Usage};
use crate::http::Reply;

/// The longest that a usage header is believed: the window it speaks of is 24 hours
/// (developers.facebook.com/docs/graph-api/overview/rate-limiting, read 2026-11-23).
const LONGEST_REGAIN: u64 = 24 * 60;

/// Sends a request and returns the JSON of a good answer.
pub(crate) async fn call(cx: &Cx<'_>, request: RequestBuilder) -> Result<Value, Failed> {
    let reply = cx.http.send(request).await.map_err(Failed::NoReply)?;
    if let (Some(gauge), Some(usage)) = (cx.gauge, usage(cx, &reply.headers)) {
        gauge.show(usage);
    }
    read(reply)
}

/// Tells a good answer from a refusal.
pub(crate) fn read(reply: Reply) -> Result<Value, Failed> {
    let body: Option<Value> = reply.json();
    if let Some(refusal) = body.as_ref().and_then(|body| Refusal::read(&reply, body)) {
        return Err(Failed::Refused(Box::new(refusal)));
    }
    match body {
        Some(body) if reply.status.is_success() => Ok(body),
        _ => Err(Failed::Wordless(Box::new(reply))),
    }
}

/// Reads how much is used up.
fn usage(cx: &Cx<'_>, headers: &HeaderMap) -> Option<Usage> {
    let percent = percent(cx.account.map(|account| account.id.as_str()), headers)?;
    Some(Usage { percent, regain: time_to_regain_access(headers) })
}

/// Reads the highest of the app's own figures and those of the account, in percent
/// (developers.facebook.com/docs/graph-api/overview/rate-limiting, read 2026-11-24). Good answers
/// carry them too, once there is enough traffic.
fn percent(account: Option<&str>, headers: &HeaderMap) -> Option<u64> {
    let read = |name| serde_json::from_slice(headers.get(name)?.as_bytes()).ok();
    let of_app: Option<Value> = read("x-app-usage");
    let of_cases: Option<Value> = read("x-business-use-case-usage");
    if of_app.is_none() && of_cases.is_none() {
        return None;
    }
    let cases = of_cases.as_ref().and_then(Value::as_object);
    // Which id stands for an account is not documented for Instagram Login; where ours is not among
    // them, all count.
    let ours = cases.zip(account).and_then(|(cases, account)| cases.get(account));
    let lists = match ours {
        Some(list) => vec![list],
        None => cases.map(|cases| cases.values().collect()).unwrap_or_default(),
    };
    let figures = lists.into_iter().filter_map(Value::as_array).flatten().chain(&of_app);
    let percent = figures
        .flat_map(|of| ["call_count", "total_time", "total_cputime"].map(|name| of.get(name)))
        .filter_map(|figure| figure?.as_f64())
        .fold(0.0, f64::max);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is not negative, and one that does not fit is as good as the largest"
    )]
    Some(percent.ceil() as u64)
}

/// Reads how long the usage header asks us to stay away, at most a day.
pub(crate) fn time_to_regain_access(headers: &HeaderMap) -> Option<Duration> {
    let usage = headers.get("x-business-use-case-usage")?;
    let usage: Value = serde_json::from_slice(usage.as_bytes()).ok()?;
    let uses = usage.as_object()?.values().filter_map(Value::as_array);
    let minutes = uses
        .flatten()
        .filter_map(|of| of.get("estimated_time_to_regain_access")?.as_u64())
        .max()?;
    Some(Duration::from_mins(minutes.min(LONGEST_REGAIN)))
}

/// Reads where the next page of a list begins; `None` at the end, which is where `next` is missing.
pub(crate) fn next(list: &Value) -> Option<String> {
    let paging = list.get("paging")?;
    let next = text(paging, "next")?;
    let after = paging.get("cursors").and_then(|cursors| text(cursors, "after"));
    let in_url = || {
        let url = url::Url::parse(&next).ok()?;
        url.query_pairs().find(|(key, _)| key == "after").map(|(_, after)| after.into_owned())
    };
    after.or_else(in_url)
}

/// Reads the items of a list, which stand in `data` or, where they are expanded, by themselves.
pub(crate) fn list(value: Option<&Value>) -> &[Value] {
    let inner = value.and_then(|value| value.get("data")).or(value);
    inner.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Reads a page of a list. One item of a form we do not know is left out, alone.
pub(crate) fn page<T>(whole: &Value, read: impl Fn(&Value) -> Option<T>) -> Page<T> {
    let items = list(Some(whole)).iter().filter_map(read).collect();
    Page { items, next: next(whole) }
}

/// Reads a time: samples write `2022-07-12T19:11:07+0000`, the prose of some pages says seconds.
pub(crate) fn time(value: &Value, key: &str) -> Option<Timestamp> {
    if let Some(number) = integer(value, key) {
        return Timestamp::from_seconds_or_millis(number);
    }
    text(value, key)?.parse().ok()
}

/// Reads an id or a text. A number becomes the digits it was written with, and never goes through a
/// float, which would change ids above 2^53.
pub(crate) fn text(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

/// Reads a whole number, also one that was sent as text.
pub(crate) fn integer(value: &Value, key: &str) -> Option<i64> {
    match value.get(key)? {
        Value::Number(number) => number.as_i64(),
        Value::String(digits) => digits.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_keep_every_digit() {
        let value: Value =
            serde_json::from_str(r#"{"n":27999000000000001,"s":"27","f":1.5}"#).unwrap();
        assert_eq!(text(&value, "n").as_deref(), Some("27999000000000001"));
        assert_eq!(text(&value, "s").as_deref(), Some("27"));
        assert_eq!(text(&value, "f"), None);
        assert_eq!(text(&value, "x"), None);
    }

    #[test]
    fn numbers_may_come_as_text() {
        let value = json!({"n": 5183944, "s": "1527459824", "x": "soon"});
        assert_eq!(integer(&value, "n"), Some(5_183_944));
        assert_eq!(integer(&value, "s"), Some(1_527_459_824));
        assert_eq!(integer(&value, "x"), None);
    }

    #[test]
    fn the_highest_figure_of_app_and_account_counts() {
        let read = |headers: &[(&'static str, &str)]| {
            let headers = headers
                .iter()
                .map(|(name, text)| (http::HeaderName::from_static(name), text.parse().unwrap()));
            percent(Some("1784"), &headers.collect())
        };
        let app = ("x-app-usage", r#"{"call_count":28,"total_time":25,"total_cputime":25}"#);
        let ours = (
            "x-business-use-case-usage",
            r#"{"1784":[{"type":"instagram","call_count":91,"total_cputime":20}],"9":[{"call_count":99}]}"#,
        );
        let others = ("x-business-use-case-usage", r#"{"9":[{"call_count":99.2}]}"#);
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[app]), Some(28));
        assert_eq!(read(&[app, ours]), Some(91), "not those of another account");
        assert_eq!(read(&[others]), Some(100), "whose id is not known");
        assert_eq!(read(&[("x-app-usage", "not json")]), None);
    }

    #[test]
    fn the_longest_wait_of_the_usage_header_counts_up_to_a_day() {
        let regain = |text: &str| {
            let name = http::HeaderName::from_static("x-business-use-case-usage");
            time_to_regain_access(&HeaderMap::from_iter([(name, text.parse().unwrap())]))
        };
        let use_of = |minutes: &str| {
            format!(
                r#"{{"1784":[{{"estimated_time_to_regain_access":0}},{{"estimated_time_to_regain_access":{minutes}}}]}}"#
            )
        };
        assert_eq!(regain(&use_of("19")), Some(Duration::from_mins(19)));
        assert_eq!(regain(&use_of("99999999999999999")), Some(Duration::from_hours(24)));
        assert_eq!(regain("not json"), None);
        assert_eq!(time_to_regain_access(&HeaderMap::new()), None);
    }
}
