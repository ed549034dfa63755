//! Connecting by Instagram Login: authorize, code, short token, long token, account; and refresh.

use std::collections::BTreeSet;
use std::time::Duration;

use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::id::RemoteAccount;
use posta_core::secret::Secret;
use posta_core::time::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::{Instagram, errors};
use crate::contract::{Answer, AppVerdict, Ask, Auth, Grant, Identity, ScopeArea, Token};
use crate::cx::Cx;
use crate::meta::errors::Call;
use crate::meta::graph::{self, integer, text};

static SCOPES: &[ScopeArea] = &[
    area(None, &["instagram_business_basic"]),
    area(Some("posting"), &["instagram_business_content_publish"]),
    area(Some("analytics"), &["instagram_business_manage_insights"]),
    area(Some("comments"), &["instagram_business_manage_comments"]),
    area(Some("messaging"), &["instagram_business_manage_messages"]),
];

const fn area(area: Option<&'static str>, scopes: &'static [&'static str]) -> ScopeArea {
    ScopeArea { area, scopes }
}

/// What is read of a new account. `user_id` is the id that webhooks carry, `id` the app's own.
const ME: &str = "user_id,id,username,name,account_type,profile_picture_url,followers_count";

/// How long a long-lived token lives when the answer does not say
/// (developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/business-login,
/// read 2026-11-23).
const LONG_LIFE: Duration = Duration::from_hours(60 * 24);

impl Auth for Instagram {
    fn scopes(&self) -> &'static [ScopeArea] {
        SCOPES
    }

    fn start(&self, cx: &Cx<'_>, ask: &Ask<'_>) -> Url {
        let mut url = cx.site.url("authorize", &["oauth", "authorize"]);
        let mut query = url.query_pairs_mut();
        query
            .append_pair("client_id", &cx.app.client_id)
            .append_pair("redirect_uri", ask.redirect.as_str())
            .append_pair("response_type", "code")
            .append_pair("scope", &ask.scopes.join(","))
            .append_pair("state", ask.state);
        if ask.force_login {
            query.append_pair("force_reauth", "true");
        }
        drop(query);
        url
    }

    fn finish<'a>(&'a self, cx: &'a Cx<'a>, code: &'a str, redirect: &'a Url) -> Answer<'a, Grant> {
        Box::pin(async move {
            let short = redeem(cx, code, redirect).await?;
            let token = prolong(cx, &short.token).await.map_err(|error| {
                spent(error, Code::TokenExchangeFailed, "prolong its token for 60 days")
            })?;
            let me = me(cx, &token.secret).await;
            let me =
                me.map_err(|error| spent(error, Code::ConnectionFailed, "read the account"))?;
            Ok(Grant { identity: identity(&me, short.user)?, token, scopes: short.scopes })
        })
    }

    fn refresh<'a>(&'a self, cx: &'a Cx<'a>) -> Answer<'a, Token> {
        Box::pin(async {
            let query = [
                ("grant_type", "ig_refresh_token"),
                ("access_token", cx.account()?.token.expose()),
            ];
            let url = cx.site.url("graph", &["refresh_access_token"]);
            lasting(cx, url, &query).await
        })
    }

    fn identify<'a>(&'a self, cx: &'a Cx<'a>) -> Answer<'a, Identity> {
        Box::pin(async { identity(&me(cx, &cx.account()?.token).await?, None) })
    }

    fn try_app<'a>(&'a self, cx: &'a Cx<'a>, redirect: &'a Url) -> Answer<'a, AppVerdict> {
        Box::pin(async move {
            match redeem(cx, "made-up-to-try-the-app", redirect).await {
                Ok(_) => Ok(AppVerdict::Unclear("a made-up code was taken".to_owned())),
                Err(error) => verdict(error),
            }
        })
    }
}

/// Which of id, secret and code a refused exchange is about: its code is 400 for everything, so only
/// its English words tell, and where they do not, nothing is claimed.
fn verdict(error: ConnectorError) -> Result<AppVerdict, ConnectorError> {
    let words = error.said.as_ref().and_then(|said| said.message.clone());
    let Some(words) = words else {
        return Err(error);
    };
    let has = |part: &str| words.to_ascii_lowercase().contains(part);
    Ok(if has("client secret") || has("client_secret") || has("platform app") || has("client_id") {
        AppVerdict::Refused(words)
    } else if has("redirect_uri") || has("authorization code") || has("matching code") {
        AppVerdict::Accepted
    } else {
        AppVerdict::Unclear(words)
    })
}

/// What a code is worth: a token for an hour.
struct Short {
    token: Secret,
    user: Option<String>,
    scopes: Option<BTreeSet<String>>,
}

/// Redeems the code, which works once. Everything the answer lacks or words differently is
/// tolerated, because by then there is no second try.
async fn redeem(cx: &Cx<'_>, code: &str, redirect: &Url) -> Result<Short, ConnectorError> {
    let form = [
        ("client_id", cx.app.client_id.as_str()),
        ("client_secret", cx.app.client_secret.expose()),
        ("grant_type", "authorization_code"),
        ("redirect_uri", redirect.as_str()),
        // Instagram appends `#_` to the redirect; who copies the whole URL brings it along.
        ("code", code.strip_suffix("#_").unwrap_or(code)),
    ];
    let url = cx.site.url("token", &["oauth", "access_token"]);
    let answer = graph::call(cx, cx.http.post(url).form(&form)).await;
    let answer = answer.map_err(|failed| errors::judge_exchange(failed, cx.clock.now()))?;
    let answer = unwrapped(&answer);
    let token = text(answer, "access_token").ok_or_else(|| {
        let error = unreadable("the answer to the code carries no token");
        spent(error, Code::TokenExchangeFailed, "read its token")
    })?;
    Ok(Short {
        token: Secret::new(token),
        user: text(answer, "user_id"),
        scopes: permissions(answer.get("permissions")),
    })
}

/// The pages print answers inside `data: […]`, live ones are flat.
pub(super) fn unwrapped(answer: &Value) -> &Value {
    match answer.get("data") {
        Some(Value::Array(list)) => list.first().unwrap_or(answer),
        Some(object @ Value::Object(_)) => object,
        _ => answer,
    }
}

/// The page prints a text with commas, live answers have a list.
fn permissions(value: Option<&Value>) -> Option<BTreeSet<String>> {
    let names: Vec<&str> = match value? {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        Value::String(text) => text.split([',', ' ']).collect(),
        _ => return None,
    };
    let names = names.into_iter().map(str::trim).filter(|name| !name.is_empty());
    Some(names.map(str::to_owned).collect())
}

async fn prolong(cx: &Cx<'_>, short: &Secret) -> Result<Token, ConnectorError> {
    let query = [
        ("grant_type", "ig_exchange_token"),
        ("client_secret", cx.app.client_secret.expose()),
        ("access_token", short.expose()),
    ];
    lasting(cx, cx.site.url("graph", &["access_token"]), &query).await
}

/// Asks a token endpoint, which takes no version, for a long-lived token.
async fn lasting(cx: &Cx<'_>, url: Url, query: &[(&str, &str)]) -> Result<Token, ConnectorError> {
    let answer = graph::call(cx, cx.http.get(url).query(query)).await;
    let now = cx.clock.now();
    let answer = answer.map_err(|failed| errors::judge(failed, Call::Repeatable, now))?;
    let token = text(&answer, "access_token");
    let token = token.ok_or_else(|| unreadable("the answer carries no token"))?;
    Ok(Token { secret: Secret::new(token), expires_at: Some(expiry(&answer, now)) })
}

fn expiry(answer: &Value, now: Timestamp) -> Timestamp {
    let seconds = integer(answer, "expires_in").and_then(|seconds| u64::try_from(seconds).ok());
    now.plus(seconds.map_or(LONG_LIFE, Duration::from_secs))
}

async fn me(cx: &Cx<'_>, token: &Secret) -> Result<Value, ConnectorError> {
    let request = cx
        .http
        .get(cx.site.url("graph", &[cx.site.version(), "me"]))
        .bearer_auth(token.expose())
        .query(&[("fields", ME)]);
    let answer = graph::call(cx, request).await;
    let answer =
        answer.map_err(|failed| errors::judge(failed, Call::Repeatable, cx.clock.now()))?;
    Ok(unwrapped(&answer).clone())
}

/// Reads who the account is. The exchange's `user_id` only stands in for a missing `id`: it is the
/// app's own id of the account and matches no webhook.
fn identity(me: &Value, user: Option<String>) -> Result<Identity, ConnectorError> {
    let kind = text(me, "account_type");
    let username = text(me, "username").unwrap_or_default();
    if kind.as_deref().is_some_and(|kind| !is_professional(kind)) {
        let code = Code::PersonalAccountNotSupported;
        return Err(ConnectorError {
            details: Some(json!({ "username": username, "accountType": kind })),
            ..ConnectorError::new(code, Retry::Permanent, code.means())
        });
    }
    let account = text(me, "user_id").ok_or_else(|| {
        let error = unreadable("the account has no `user_id`");
        spent(error, Code::ConnectionFailed, "read the account")
    })?;
    Ok(Identity {
        metadata: json!({"instagramScopedId": account}),
        account: RemoteAccount::new(account),
        app_scoped: text(me, "id").or(user),
        display_name: text(me, "name"),
        picture: text(me, "profile_picture_url"),
        profile_url: profile_url(&username),
        followers: integer(me, "followers_count"),
        kind,
        username,
    })
}

pub(super) fn is_professional(kind: &str) -> bool {
    ["business", "media_creator", "creator"].iter().any(|known| kind.eq_ignore_ascii_case(known))
}

fn profile_url(username: &str) -> Option<String> {
    let is_handle = !username.is_empty()
        && username.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'));
    is_handle.then(|| format!("https://www.instagram.com/{username}/"))
}

fn unreadable(message: &str) -> ConnectorError {
    ConnectorError::new(
        Code::PlatformUnavailable,
        Retry::Transient,
        format!("Instagram answered in a form that is not known: {message}"),
    )
}

/// Turns a failure after the code was redeemed into one that no repetition can mend.
fn spent(error: ConnectorError, code: Code, what: &str) -> ConnectorError {
    ConnectorError {
        code,
        retry: Retry::Permanent,
        message: format!("The code is spent, but Posta could not {what}: {}", error.message),
        remedy: Some("Start the connection again; the code cannot be used twice."),
        details: Some(json!({ "codeSpent": true })),
        ..error
    }
}
