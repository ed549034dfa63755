//! Subscriptions: asked for, looked at and ended; and the calls of owners who take the app away.

use std::collections::BTreeSet;

use http::Method;
use posta_core::failure::ConnectorError;
use posta_core::secret::Secret;
use reqwest::RequestBuilder;
use serde_json::Value;

use super::{Instagram, errors};
use crate::contract::{Answer, Callbacks, Inbound, SignedCall, Subscriptions};
use crate::cx::Cx;
use crate::meta::errors::Call;
use crate::meta::graph::{self, text};
use crate::meta::sign;

/// Returns the permission without which a field is refused.
fn permission(field: &str) -> &'static str {
    if field.ends_with("comments") {
        "instagram_business_manage_comments"
    } else {
        "instagram_business_manage_messages"
    }
}

impl Subscriptions for Instagram {
    fn wanted(&self, granted: Option<&BTreeSet<String>>) -> Vec<&'static str> {
        let is_granted = |field: &str| granted.is_none_or(|all| all.contains(permission(field)));
        let fields = self.subscription().fields.iter().copied();
        fields.filter(|field| is_granted(field)).collect()
    }

    fn subscribe<'a>(&'a self, cx: &'a Cx<'a>, fields: &'a [&'static str]) -> Answer<'a, ()> {
        Box::pin(async move {
            // Without a field the whole call would be refused.
            if fields.is_empty() {
                return Ok(());
            }
            let request = request(cx, &Method::POST)?;
            let request = request.query(&[("subscribed_fields", fields.join(","))]);
            ask(cx, request).await.map_err(unsubscribed)?;
            Ok(())
        })
    }

    fn subscribed<'a>(&'a self, cx: &'a Cx<'a>) -> Answer<'a, BTreeSet<String>> {
        Box::pin(async {
            let answer = ask(cx, request(cx, &Method::GET)?).await?;
            Ok(ours(&answer, &cx.app.client_id))
        })
    }

    fn unsubscribe<'a>(&'a self, cx: &'a Cx<'a>) -> Answer<'a, ()> {
        Box::pin(async {
            ask(cx, request(cx, &Method::DELETE)?).await?;
            Ok(())
        })
    }
}

fn request(cx: &Cx<'_>, method: &Method) -> Result<RequestBuilder, ConnectorError> {
    let account = cx.account()?;
    let url = cx.site.url("graph", &[cx.site.version(), account.id.as_str(), "subscribed_apps"]);
    let request = match *method {
        Method::POST => cx.http.post(url),
        Method::DELETE => cx.http.delete(url),
        _ => cx.http.get(url),
    };
    Ok(request.bearer_auth(account.token.expose()))
}

async fn ask(cx: &Cx<'_>, request: RequestBuilder) -> Result<Value, ConnectorError> {
    let answer = graph::call(cx, request).await;
    answer.map_err(|failed| errors::judge(failed, Call::Repeatable, cx.clock.now()))
}

/// Reads the fields of our app. The list names apps by an id that need not be the one we log people
/// in with; where it names none of ours and only one app, that one is ours, because the token is.
pub(super) fn ours(answer: &Value, client_id: &str) -> BTreeSet<String> {
    let apps = answer.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let ours = apps.iter().find(|app| text(app, "id").as_deref() == Some(client_id));
    let ours = ours.or(if let [only] = apps { Some(only) } else { None });
    let fields = ours.and_then(|app| app.get("subscribed_fields")).and_then(Value::as_array);
    let names = fields.into_iter().flatten().filter_map(|field| match field {
        Value::String(name) => Some(name.clone()),
        // The Page edge lists objects with a name.
        other => text(other, "name"),
    });
    names.collect()
}

/// Code 100 without a subcode names a field that this version of the API does not have.
fn unsubscribed(error: ConnectorError) -> ConnectorError {
    let is_field =
        error.said.as_ref().is_some_and(|said| said.code == Some(100) && said.subcode.is_none());
    let remedy = "Set the API version to one that has the webhook field Instagram names.";
    ConnectorError { remedy: if is_field { Some(remedy) } else { error.remedy }, ..error }
}

impl Callbacks for Instagram {
    fn read(&self, body: &[u8], secrets: &[Secret]) -> Result<SignedCall, String> {
        sign::signed_request(body, secrets)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_fields_of_our_app_are_read_in_every_form() {
        let read = |answer: &Value| ours(answer, "9").into_iter().collect::<Vec<_>>().join(" ");
        let listed = json!({"data": [
            {"id": "8", "subscribed_fields": ["standby"]},
            {"id": "9", "subscribed_fields": ["messages", {"name": "comments"}]},
        ]});
        assert_eq!(read(&listed), "comments messages");
        assert_eq!(read(&json!({"data": [{"subscribed_fields": ["messages"]}]})), "messages");
        for none in [
            json!({"data": []}),
            json!({}),
            json!({"data": [{"id": "7", "subscribed_fields": ["a"]}, {"id": "8"}]}),
            json!({"data": [{"id": "9"}]}),
        ] {
            assert_eq!(read(&none), "", "{none}");
        }
    }
}
