//! Apps, their webhooks and their tokens, and the seed that makes a whole first world.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::problem::{Body, Problem};
use super::{Answer, Root, face};
use crate::sandbox::world::{AccountKind, App, Network, Revocation, Token, Webhook};
use crate::sandbox::{Cast, Sandbox};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestSend {
    field: String,
    #[serde(default)]
    envelope: Option<String>,
}

/// `POST /_sandbox/{platform}/apps/{client_id}/test-send`: what the dashboard's test button sends.
pub(super) async fn test_send(
    State(sandbox): State<Sandbox>,
    Path((platform, client_id)): Path<(String, String)>,
    Body(body): Body<TestSend>,
) -> Answer {
    let face = face(&platform)?;
    let app = find(&sandbox, &platform, &client_id)?;
    let notice = face.sample(&body.field, body.envelope.as_deref())?;
    let told = usize::from(sandbox.notify(&platform, &app, notice));
    Ok(Json(json!({"told": told})))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AppBody {
    client_id: Option<String>,
    client_secret: Option<String>,
    name: Option<String>,
    redirect_uris: Option<Vec<String>>,
    webhook: Option<WebhookBody>,
    features: Option<BTreeSet<String>>,
    live: Option<bool>,
    testers: Option<BTreeSet<String>>,
    webhook_secret: Option<String>,
    standard_access: Option<BTreeSet<String>>,
    proof_required: Option<bool>,
    deauthorize_url: Option<Url>,
    data_deletion_url: Option<Url>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookBody {
    callback_url: Url,
    verify_token: String,
    fields: Option<BTreeSet<String>>,
}

/// Finds an app.
pub(super) fn find(sandbox: &Sandbox, platform: &str, client_id: &str) -> Result<App, Problem> {
    let mut world = sandbox.world();
    let app = world.network(platform).app(client_id).cloned();
    app.ok_or_else(|| Problem::unknown("client_id", client_id))
}

/// `GET /_sandbox/{platform}/apps`
pub(super) async fn list(State(sandbox): State<Sandbox>, Path(platform): Path<String>) -> Answer {
    face(&platform)?;
    Ok(Json(json!({"apps": sandbox.world().network(&platform).apps})))
}

/// `POST /_sandbox/{platform}/apps`: makes an app, or changes the one with this client id.
pub(super) async fn save(
    State(sandbox): State<Sandbox>,
    Path(platform): Path<String>,
    Body(body): Body<AppBody>,
) -> Answer {
    let cast = face(&platform)?.cast();
    let client_id = body.client_id.clone();
    let client_id = client_id.unwrap_or_else(|| cast.client_ids.mint(sandbox.chance()));
    let app = register(&sandbox, &platform, cast, client_id, body).await?;
    Ok(Json(json!(app)))
}

/// Writes an app down, then asks its callback whether it is its own.
async fn register(
    sandbox: &Sandbox,
    platform: &str,
    cast: &Cast,
    client_id: String,
    body: AppBody,
) -> Result<App, Problem> {
    let webhook = body.webhook.map(|webhook| webhook.check(cast)).transpose()?;
    {
        let mut world = sandbox.world();
        let network = world.network(platform);
        let place = network.apps.iter().position(|app| app.client_id == client_id);
        let place = place.unwrap_or_else(|| {
            let secret = sandbox.chance().hex::<16>();
            network.apps.push(cast.app(client_id.clone(), secret));
            network.apps.len() - 1
        });
        let app = &mut network.apps[place];
        app.client_secret = body.client_secret.unwrap_or(std::mem::take(&mut app.client_secret));
        app.name = body.name.unwrap_or(std::mem::take(&mut app.name));
        app.redirect_uris = body.redirect_uris.unwrap_or(std::mem::take(&mut app.redirect_uris));
        app.features = body.features.unwrap_or(std::mem::take(&mut app.features));
        app.testers = body.testers.unwrap_or(std::mem::take(&mut app.testers));
        app.deauthorize_url = body.deauthorize_url.or(app.deauthorize_url.take());
        app.data_deletion_url = body.data_deletion_url.or(app.data_deletion_url.take());
        app.proof_required = body.proof_required.unwrap_or(app.proof_required);
        app.standard_access =
            body.standard_access.unwrap_or(std::mem::take(&mut app.standard_access));
        app.webhook_secret = body.webhook_secret.or(app.webhook_secret.take());
        app.live = body.live.unwrap_or(app.live);
        app.webhook = webhook.clone().or(app.webhook.take());
    }
    if let Some(webhook) = webhook {
        let verified = face(platform)?.verify(sandbox, &webhook).await;
        verified.map_err(|why| Problem::unverified(&why))?;
        activate(sandbox, platform, &client_id, &webhook.callback_url);
    }
    find(sandbox, platform, &client_id)
}

impl WebhookBody {
    fn check(self, cast: &Cast) -> Result<Webhook, Problem> {
        if !matches!(self.callback_url.scheme(), "http" | "https") {
            return Err(Problem::invalid("callback_url", "must be http or https"));
        }
        let fields = self.fields.unwrap_or_else(|| cast.all_fields());
        if let Some(field) = fields.iter().find(|field| !cast.fields.contains(&field.as_str())) {
            return Err(Problem::invalid("fields", &format!("has no {field}")));
        }
        Ok(Webhook {
            callback_url: self.callback_url,
            verify_token: self.verify_token,
            fields,
            active: false,
        })
    }
}

fn activate(sandbox: &Sandbox, platform: &str, client_id: &str, callback_url: &Url) {
    let mut world = sandbox.world();
    let mut apps = world.network(platform).apps.iter_mut();
    let webhook = apps.find(|app| app.client_id == client_id);
    if let Some(webhook) = webhook.and_then(|app| app.webhook.as_mut())
        && webhook.callback_url == *callback_url
    {
        webhook.active = true;
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeedBody {
    #[serde(default = "first_platform")]
    platform: String,
    client_id: Option<String>,
    client_secret: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    webhook: Option<WebhookBody>,
}

fn first_platform() -> String {
    crate::ALL.first().map(|platform| platform.name()).unwrap_or_default().to_owned()
}

/// `POST /_sandbox/seed`: makes whatever is missing of the default world.
pub(super) async fn seed(
    State(sandbox): State<Sandbox>,
    Extension(root): Extension<Root>,
    Body(body): Body<SeedBody>,
) -> Answer {
    let platform = body.platform;
    let face = face(&platform)?;
    let cast = face.cast();
    let client_id = body.client_id.unwrap_or_else(|| cast.client_id.to_owned());
    cast.populate(sandbox.world().network(&platform), &client_id, sandbox.clock().now());
    let is_known = sandbox.world().network(&platform).app(&client_id).is_some();
    let secret = body.client_secret.or((!is_known).then(|| cast.client_secret.to_owned()));
    let app = AppBody {
        client_secret: secret,
        redirect_uris: Some(body.redirect_uris).filter(|uris| !uris.is_empty()),
        webhook: body.webhook,
        ..AppBody::default()
    };
    let app = register(&sandbox, &platform, cast, client_id, app).await?;
    let mut world = sandbox.world();
    let network = world.network(&platform);
    Ok(Json(json!({
        "platform": platform,
        "urls": face.urls(&root.0),
        "app": app,
        "accounts": network.accounts,
        "people": network.people,
    })))
}

/// `GET /_sandbox/{platform}/tokens`
pub(super) async fn list_tokens(
    State(sandbox): State<Sandbox>,
    Path(platform): Path<String>,
) -> Answer {
    face(&platform)?;
    let mut world = sandbox.world();
    let network = world.network(&platform);
    Ok(Json(json!({"tokens": network.tokens, "grants": network.grants})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IssueBody {
    client_id: String,
    account: String,
    scopes: BTreeSet<String>,
}

/// `POST /_sandbox/{platform}/tokens`: a lasting token, as a platform's dashboard makes it.
pub(super) async fn issue_token(
    State(sandbox): State<Sandbox>,
    Path(platform): Path<String>,
    Body(body): Body<IssueBody>,
) -> Answer {
    let cast = face(&platform)?.cast();
    find(&sandbox, &platform, &body.client_id)?;
    let mut world = sandbox.world();
    let network = world.network(&platform);
    let account = network.account(&body.account);
    let account = account.ok_or_else(|| Problem::unknown("account", &body.account))?;
    if account.kind == AccountKind::Personal {
        return Err(Problem::invalid("account", "is personal"));
    }
    let account = account.id.clone();
    network.grant_mut(&body.client_id, &account).scopes = body.scopes;
    let now = sandbox.clock().now();
    let token = Token {
        text: cast.token(sandbox.chance()),
        client_id: body.client_id,
        account,
        long_lived: true,
        issued_at: now,
        expires_at: now.plus(cast.token_life),
        revoked: None,
    };
    network.tokens.push(token.clone());
    Ok(Json(json!(token)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndBody {
    token: Option<String>,
    account: Option<String>,
    reason: Option<Revocation>,
}

/// `POST /_sandbox/{platform}/tokens/expire`
pub(super) async fn expire_tokens(
    State(sandbox): State<Sandbox>,
    Path(platform): Path<String>,
    Body(body): Body<EndBody>,
) -> Answer {
    face(&platform)?;
    let now = sandbox.clock().now();
    let mut world = sandbox.world();
    let network = world.network(&platform);
    let body = body.resolve(network)?;
    let meant = body.tokens(&mut network.tokens)?;
    let ended = meant.map(|token| token.expires_at = token.expires_at.min(now)).count();
    Ok(Json(json!({"ended": ended})))
}

/// `POST /_sandbox/{platform}/tokens/revoke`
pub(super) async fn revoke_tokens(
    State(sandbox): State<Sandbox>,
    Path(platform): Path<String>,
    Body(body): Body<EndBody>,
) -> Answer {
    face(&platform)?;
    let reason = body.reason.unwrap_or(Revocation::AppRemoved);
    let mut world = sandbox.world();
    let network = world.network(&platform);
    let body = body.resolve(network)?;
    let mut ended = Vec::new();
    for token in body.tokens(&mut network.tokens)? {
        token.revoked = Some(reason);
        ended.push((token.client_id.clone(), token.account.clone()));
    }
    if reason == Revocation::AppRemoved {
        // Whoever removes an app takes back all that it was allowed.
        let is_ended = |pair: (&String, &String)| ended.iter().any(|(a, b)| (a, b) == pair);
        network.grants.retain(|grant| !is_ended((&grant.client_id, &grant.account)));
    }
    Ok(Json(json!({"ended": ended.len()})))
}

/// `POST /_sandbox/{platform}/tokens/restore`: the owner passes the check that stopped them.
pub(super) async fn restore_tokens(
    State(sandbox): State<Sandbox>,
    Path(platform): Path<String>,
    Body(body): Body<EndBody>,
) -> Answer {
    face(&platform)?;
    let mut world = sandbox.world();
    let network = world.network(&platform);
    let body = body.resolve(network)?;
    let stopped = body.tokens(&mut network.tokens)?;
    let stopped = stopped.filter(|token| token.revoked == Some(Revocation::Checkpoint));
    let restored = stopped.map(|token| token.revoked = None).count();
    Ok(Json(json!({"restored": restored})))
}

impl EndBody {
    /// Replaces a username by the account's id.
    fn resolve(mut self, network: &Network) -> Result<Self, Problem> {
        if let Some(key) = &self.account {
            let account = network.account(key);
            let account = account.ok_or_else(|| Problem::unknown("account", key))?;
            self.account = Some(account.id.clone());
        }
        Ok(self)
    }

    /// Finds the tokens that are meant: one by its text, or all of an account.
    fn tokens<'a>(
        &'a self,
        tokens: &'a mut [Token],
    ) -> Result<impl Iterator<Item = &'a mut Token>, Problem> {
        let is_meant = |token: &Token| {
            self.token.as_ref().is_none_or(|text| *text == token.text)
                && self.account.as_ref().is_none_or(|account| *account == token.account)
        };
        if self.token.is_none() && self.account.is_none() {
            return Err(Problem::invalid("token", "or account is required"));
        }
        if !tokens.iter().any(is_meant) {
            let name = self.token.as_deref().or(self.account.as_deref()).unwrap_or_default();
            return Err(Problem::unknown("token", name));
        }
        Ok(tokens.iter_mut().filter(move |token| is_meant(token)))
    }
}
