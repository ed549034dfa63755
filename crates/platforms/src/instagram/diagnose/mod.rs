//! Finding out what stops an account: what Instagram says when asked, and what its refusals mean.

mod comments;
mod refused;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures_util::future::BoxFuture;
use http::HeaderMap;
use posta_core::failure::{ConnectorError, PlatformSaid, Retry};
use posta_core::finding::{Call as Seen, Finding};
use posta_core::id::RemoteAccount;
use posta_core::secret::Secret;
use posta_core::time::Timestamp;
use serde_json::Value;

use super::subscribe::ours;
use super::{Instagram, errors};
use crate::contract::{Diagnosis, Examination, Happening, Known, Refused};
use crate::cx::Cx;
use crate::meta::errors::{Call, Failed};
use crate::meta::graph::{self, text};
use crate::meta::sign;

/// From where on two clocks differ so much that tokens and windows end at another time.
const SKEW: Duration = Duration::from_mins(1);
const GREAT_SKEW: Duration = Duration::from_mins(10);

impl Diagnosis for Instagram {
    fn question(&self, verify_token: &Secret, nonce: &str) -> Vec<(&'static str, String)> {
        sign::question(verify_token, nonce)
    }

    fn examine<'a>(&'a self, cx: &'a Cx<'a>, known: &'a Known<'a>) -> BoxFuture<'a, Examination> {
        Box::pin(examine(cx, known))
    }

    fn explain(&self, account: &RemoteAccount, refused: &[Refused]) -> Vec<Finding> {
        refused::explain(account, refused)
    }
}

async fn examine(cx: &Cx<'_>, known: &Known<'_>) -> Examination {
    let Ok(account) = cx.account() else {
        return Examination::default();
    };
    let mut findings = Vec::new();
    findings.extend(other_stack(cx, &account.token));
    let me = ask(cx, &["me"], &[("fields", "user_id,id,username,account_type")]).await;
    findings.extend(me.date.map(|theirs| clock(&me.call, theirs, cx.clock.now())));
    let me = match me {
        Asked { call, result: Err(error), .. } => {
            findings.push(refusal("token", call, &error));
            for check in ["identity", "subscription", "message_access", "comments"] {
                findings.push(Finding::skipped(check, "the account itself could not be read"));
            }
            return Examination { findings, ..Examination::default() };
        }
        Asked { call, result: Ok(me), .. } => {
            findings.push(Finding::fine("token", format!("{call}")));
            super::auth::unwrapped(&me).clone()
        }
    };
    findings.push(identity(&me, &account.id, known));
    findings.push(subscription(cx).await);
    let (access, newest) = message_access(cx).await;
    findings.push(access);
    let mut comments = Vec::new();
    if comments::is_granted(known) {
        let (finding, newest) = comments::newest(cx).await;
        findings.push(finding);
        comments = newest;
    }
    let account = text(&me, "user_id").map(RemoteAccount::new);
    Examination { findings, account, newest, comments }
}

/// A question and its answer.
struct Asked {
    call: Seen,
    date: Option<Timestamp>,
    result: Result<Value, ConnectorError>,
}

/// Asks for something that is only read.
async fn ask(cx: &Cx<'_>, path: &[&str], query: &[(&str, &str)]) -> Asked {
    let mut segments = vec![cx.site.version()];
    segments.extend(path);
    let url = cx.site.url("graph", &segments);
    let shown = format!("{}{}", url.authority(), url.path());
    let token = cx.account.map_or("", |account| account.token.expose());
    let request = cx.http.get(url).bearer_auth(token).query(query);
    let reply = cx.http.send(request).await;
    let now = cx.clock.now();
    let mut call = Seen { method: "GET", url: shown, said: PlatformSaid::default() };
    let (date, answer) = match reply {
        Ok(reply) => {
            call.said.status = Some(reply.status.as_u16());
            (date(&reply.headers), graph::read(reply))
        }
        Err(why) => (None, Err(Failed::NoReply(why))),
    };
    let result = answer.map_err(|failed| errors::judge(failed, Call::Repeatable, now));
    if let Err(ConnectorError { said: Some(said), .. }) = &result {
        call.said.clone_from(said);
    }
    Asked { call, date, result }
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    Timestamp::from_http(headers.get("date")?.to_str().ok()?)
}

/// Turns a refused question into a finding.
fn refusal(check: &'static str, call: Seen, error: &ConnectorError) -> Finding {
    let (code, subcode) = (call.said.code, call.said.subcode);
    let finding = match error.retry {
        Retry::RateLimited { .. } | Retry::Transient => Finding::warning(check, call.to_string()),
        _ => Finding::error(check, call.to_string()),
    };
    let cause = match code {
        Some(code) => refused::cause(code, subcode),
        None if call.said.status.is_none() => Some("This machine cannot reach Instagram now."),
        None => None,
    };
    Finding {
        cause: cause.map(str::to_owned).or_else(|| Some(error.code.means().to_owned())),
        ..finding.call(call).remedy(error.remedy.unwrap_or(error.code.remedy()))
    }
}

/// Tokens of Instagram Login begin with `IG`, those of Facebook Login with `EA` (reported by public
/// integrations; no page says so).
fn other_stack(cx: &Cx<'_>, token: &Secret) -> Option<Finding> {
    let host = cx.site.url("graph", &[]).host_str().unwrap_or_default().to_owned();
    let remedy = "Connect the account by Instagram Login (GET /v1/connect/instagram), and leave \
                  the base URL at https://graph.instagram.com.";
    if token.expose().starts_with("EA") {
        let seen = "the stored token begins with EA, as tokens of Facebook Login do";
        let cause = format!("It was made for graph.facebook.com; {host} cannot read it.");
        return Some(Finding::error("host", seen).cause(cause).remedy(remedy));
    }
    if host.ends_with("facebook.com") {
        let seen = format!("calls go to {host}");
        let cause = "Tokens of Instagram Login are read by graph.instagram.com only; any other \
                     host refuses them with code 190.";
        return Some(Finding::error("host", seen).cause(cause).remedy(remedy));
    }
    None
}

fn clock(call: &Seen, theirs: Timestamp, ours: Timestamp) -> Finding {
    let apart = ours.since(theirs).max(theirs.since(ours));
    let seen = format!("Instagram's answer says {theirs}, here it is {ours}");
    let finding = if apart < SKEW {
        return Finding::fine("clock", format!("{} s apart from Instagram's", apart.as_secs()));
    } else if apart < GREAT_SKEW {
        Finding::warning("clock", seen)
    } else {
        Finding::error("clock", seen)
    };
    finding
        .call(call.clone())
        .cause("This machine's clock is wrong, so reply windows and tokens seem to end at another time than they do.")
        .remedy("Let the machine's clock be set by NTP.")
}

/// `user_id` is the id that webhooks carry, `id` the app's own
/// (developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/get-started,
/// read 2026-11-24).
fn identity(me: &Value, stored: &RemoteAccount, known: &Known<'_>) -> Finding {
    let (user_id, id) = (text(me, "user_id"), text(me, "id"));
    let again = "Connect the account again; that stores the right id.";
    let Some(user_id) = user_id else {
        let seen = "/me has no user_id, the id that webhooks carry";
        return Finding::error("identity", seen).remedy("Set the API version to a current one.");
    };
    if user_id == stored.as_str() {
        let username = text(me, "username").unwrap_or_default();
        let kind = text(me, "account_type").unwrap_or_default();
        if !kind.is_empty() && !super::auth::is_professional(&kind) {
            let seen = format!("{username} is now an account of the kind {kind}");
            return Finding::error("identity", seen)
                .cause("The API serves accounts of businesses and creators only.")
                .remedy("Switch it to a professional account in the Instagram app.");
        }
        if username != known.username {
            let seen = format!("{} is now called {username}", known.username);
            return Finding::fine("identity", seen);
        }
        return Finding::fine("identity", format!("{user_id}, as in webhooks"));
    }
    if Some(stored.as_str()) == id.as_deref() {
        let seen = format!(
            "stored is {stored}, the app's own id of the account; webhooks carry {user_id}"
        );
        return Finding::error("identity", seen)
            .cause("The `id` of /me or the `user_id` of the code exchange was taken for the account's id, so every webhook speaks of an account that is not known.")
            .remedy(again);
    }
    let seen = format!("stored is {stored}, but the token belongs to {user_id}");
    Finding::error("identity", seen)
        .cause("The token is another account's, so no webhook about it finds this account.")
        .remedy(again)
}

/// An account that is subscribed to any field gets all that the app is subscribed to, so only none
/// at all is wrong (developers.facebook.com/docs/instagram-platform/webhooks, read 2026-11-24).
async fn subscription(cx: &Cx<'_>) -> Finding {
    let asked = ask(cx, &["me", "subscribed_apps"], &[]).await;
    let answer = match asked.result {
        Ok(answer) => answer,
        Err(error) => return doubt("subscription", asked.call, &error),
    };
    let fields = Vec::from_iter(ours(&answer, &cx.app.client_id));
    if fields.is_empty() {
        return Finding::error("subscription", format!("{}: no field at all", asked.call))
            .call(asked.call)
            .cause("The account is not subscribed: nothing about it is told, without an error. Instagram ends subscriptions after an hour of failed webhooks, and when the owner removes the app.")
            .remedy("Connect the account again; that subscribes it.");
    }
    Finding::fine("subscription", format!("subscribed to {}", fields.join(", ")))
}

/// Reading conversations is refused for the reasons that messages are. Also returns what last
/// happened in one.
async fn message_access(cx: &Cx<'_>) -> (Finding, Option<Happening>) {
    let query = [("platform", "instagram"), ("limit", "1")];
    let asked = ask(cx, &["me", "conversations"], &query).await;
    match asked.result {
        Ok(answer) => {
            let newest = answer.get("data").and_then(|list| list.get(0));
            let at = newest.and_then(|newest| graph::time(newest, "updated_time"));
            let finding = Finding::fine("message_access", asked.call.to_string());
            (finding, at.map(|at| Happening { at, call: asked.call }))
        }
        Err(error) => (doubt("message_access", asked.call, &error), None),
    }
}

/// A refused question is a finding of the check that it belongs to, or says nothing.
fn doubt(check: &'static str, call: Seen, error: &ConnectorError) -> Finding {
    if matches!(error.retry, Retry::RateLimited { .. }) {
        return Finding::skipped(check, call.to_string())
            .cause("Instagram takes no more of these calls at the moment; a doctor who looks twice within a second is enough.")
            .remedy("Look again in a few seconds.")
            .call(call);
    }
    match call.said.code.and_then(|code| refused::check(code, call.said.subcode)) {
        Some(check) => refusal(check, call, error),
        None => Finding::skipped(check, call.to_string()).call(call),
    }
}
