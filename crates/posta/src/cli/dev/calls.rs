//! Calls that the tour makes, as a customer's program, a browser, or the sandbox's stage hand.

use anyhow::{Context, anyhow, ensure};
use posta_platforms::http::{Reply, RequestBuilder};
use serde_json::Value;
use url::Url;

use super::stage::Stage;

/// Calls Posta's API as a customer's program does.
pub(super) async fn api(
    stage: &Stage,
    method: &str,
    path: &str,
    body: Option<&mut Value>,
) -> anyhow::Result<Value> {
    let url = stage.posta.join(&format!("v1/{path}"))?;
    let request = match method {
        "POST" => stage.http.post(url),
        "DELETE" => stage.http.delete(url),
        _ => stage.http.get(url),
    };
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    let reply = send(stage, request.bearer_auth(stage.key.expose())).await?;
    let answer: Value = reply.json().unwrap_or_default();
    ensure!(reply.status.is_success(), "{method} /v1/{path} answered {}: {answer}", reply.status);
    Ok(answer)
}

pub(super) async fn control(stage: &Stage, path: &str, body: &Value) -> anyhow::Result<Value> {
    let url = stage.sandbox.join(&format!("_sandbox/{path}"))?;
    let reply = send(stage, stage.http.post(url).json(body)).await?;
    let answer: Value = reply.json().unwrap_or_default();
    ensure!(reply.status.is_success(), "the sandbox answered {}: {answer}", reply.status);
    Ok(answer)
}

pub(super) async fn control_get(stage: &Stage, path: &str) -> anyhow::Result<Value> {
    let reply = get(stage, stage.sandbox.join(&format!("_sandbox/{path}"))?).await?;
    ensure!(reply.status.is_success(), "the sandbox answered {}", reply.status);
    Ok(reply.json().unwrap_or_default())
}

pub(super) async fn get(stage: &Stage, url: Url) -> anyhow::Result<Reply> {
    send(stage, stage.http.get(url)).await
}

pub(super) async fn send(stage: &Stage, request: RequestBuilder) -> anyhow::Result<Reply> {
    stage.http.send(request).await.map_err(|no_reply| anyhow!("no answer: {no_reply:?}"))
}

pub(super) fn location(reply: &Reply) -> anyhow::Result<Url> {
    ensure!(reply.status.is_redirection(), "a redirect was expected, not {}", reply.status);
    let header = reply.headers.get("location").context("the redirect has no location")?;
    Ok(header.to_str()?.parse()?)
}

pub(super) fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(ToOwned::to_owned).with_context(|| format!("there is no {pointer} in {value}"))
}
