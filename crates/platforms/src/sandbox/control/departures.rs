//! Owners who leave an app: it is told at the callbacks that it has for that.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::problem::{Body, Problem};
use super::{Answer, face};
use crate::sandbox::Sandbox;
use crate::sandbox::world::{App, Network, Revocation};

/// How long a callback may take.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Leave {
    /// The app; without it, the first that the owner has allowed something.
    client_id: Option<String>,
}

/// `POST /_sandbox/{platform}/accounts/{account}/owner/remove-app`
pub(super) async fn remove_app(
    State(sandbox): State<Sandbox>,
    Path((platform, account)): Path<(String, String)>,
    Body(leave): Body<Leave>,
) -> Answer {
    let (app, scoped_id) = parties(&sandbox, &platform, &account, leave)?;
    let ended = {
        let mut world = sandbox.world();
        let network = world.network(&platform);
        let account = find(network, &account)?;
        let is_its = |client_id: &str, of: &str| client_id == app.client_id && of == account;
        network.grants.retain(|grant| !is_its(&grant.client_id, &grant.account));
        let tokens = network.tokens.iter_mut();
        let live = tokens.filter(|token| token.revoked.is_none());
        let ended = live.filter(|token| is_its(&token.client_id, &token.account));
        ended.map(|token| token.revoked = Some(Revocation::AppRemoved)).count()
    };
    let callback = match app.deauthorize_url.clone() {
        Some(url) => tell(&sandbox, &platform, &app, &scoped_id, url).await?,
        None => Value::Null,
    };
    Ok(Json(json!({"ended": ended, "callback": callback})))
}

/// `POST /_sandbox/{platform}/accounts/{account}/owner/request-deletion`
pub(super) async fn request_deletion(
    State(sandbox): State<Sandbox>,
    Path((platform, account)): Path<(String, String)>,
    Body(leave): Body<Leave>,
) -> Answer {
    let (app, scoped_id) = parties(&sandbox, &platform, &account, leave)?;
    let url = app.data_deletion_url.clone();
    let url = url.ok_or_else(|| Problem::invalid("client_id", "has no data_deletion_url"))?;
    let mut callback = tell(&sandbox, &platform, &app, &scoped_id, url).await?;
    // What the platform shows to the owner; without it the request counts as failed.
    let answer = &callback["answer"];
    let is_link = answer["url"].as_str().is_some_and(|url| Url::parse(url).is_ok());
    let is_whole = is_link && answer["confirmation_code"].is_string();
    callback["accepted"] = (is_whole && callback["status"] == 200).into();
    Ok(Json(json!({ "callback": callback })))
}

fn find(network: &Network, account: &str) -> Result<String, Problem> {
    let known = network.account(account).ok_or_else(|| Problem::unknown("account", account))?;
    Ok(known.id.clone())
}

/// Finds the app that is meant, and the id of the account towards it.
fn parties(
    sandbox: &Sandbox,
    platform: &str,
    account: &str,
    leave: Leave,
) -> Result<(App, String), Problem> {
    let form = face(platform)?.cast().app_scoped_ids;
    let mut world = sandbox.world();
    let network = world.network(platform);
    let account = find(network, account)?;
    let client_id = match leave.client_id {
        Some(client_id) => client_id,
        None => {
            let mut grants = network.grants.iter();
            let grant = grants.find(|grant| grant.account == account);
            let nothing =
                || Problem::invalid("client_id", "is required; no app is allowed anything");
            grant.ok_or_else(nothing)?.client_id.clone()
        }
    };
    let app = network.app(&client_id).cloned();
    let app = app.ok_or_else(|| Problem::unknown("client_id", &client_id))?;
    let scoped_id = network.app_scoped_id(&account, &client_id, form, sandbox.chance());
    Ok((app, scoped_id))
}

/// Posts the form that the platform signs, once. Returns what came back.
async fn tell(
    sandbox: &Sandbox,
    platform: &str,
    app: &App,
    scoped_id: &str,
    url: Url,
) -> Result<Value, Problem> {
    let form = face(platform)?.departure(app, scoped_id, sandbox.clock().now());
    let request = sandbox.http().post(url.clone()).timeout(PATIENCE).form(&form);
    let reply = sandbox.http().send_bounded(request, 1 << 16).await;
    Ok(match reply {
        Ok(reply) => {
            let answer: Option<Value> = reply.json();
            json!({"url": url, "status": reply.status.as_u16(), "answer": answer})
        }
        Err(_) => json!({"url": url, "status": null, "answer": null}),
    })
}
