//! Who is calling and what they may see. Everything a handler touches is loaded through [`Caller`].

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use posta_core::failure::Code;
use posta_core::id::{AccountId, ProfileId, WorkspaceId};
use posta_core::time::Timestamp;
use posta_store::Tx;
use posta_store::accounts::{self, Account, State as AccountState};
use posta_store::conversations::{self, Conversation};
use posta_store::endpoints::Endpoint;
use posta_store::events::Event;
use posta_store::keys::{self, Key};
use posta_store::profiles::{self, Profile};
use serde_json::json;

use super::error::{ApiError, Result};
use crate::app::App;
use crate::flows::keys::hash;
use crate::flows::limits::Standing;

/// The parts of the API that can be switched off for a key.
const GROUPS: [&str; 15] = [
    "publishing",
    "engagement",
    "messages",
    "contacts",
    "analytics",
    "ads",
    "telephony",
    "accounts",
    "billing",
    "webhooks",
    "commerce",
    "creator_campaigns",
    "money",
    "calendar",
    "files",
];

/// Refuses a list that names a part of the API that there is not.
pub(crate) fn check_groups(groups: &[String]) -> Result<()> {
    match groups.iter().find(|group| !GROUPS.contains(&group.as_str())) {
        Some(unknown) => {
            let problem = format!("knows no group {unknown}; there are {}", GROUPS.join(", "));
            Err(ApiError::bad_value("disabledResourceGroups", problem))
        }
        None => Ok(()),
    }
}

/// Somebody with a valid key.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    key: Key,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        // The layer in front of every route that asks for a caller has put it there.
        parts.extensions.get().cloned().ok_or_else(|| ApiError::plain(Code::MissingCredentials))
    }
}

/// Lets a request through if its key may make it, and counts it.
pub(crate) async fn authenticate(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let key = match find_key(&app, request.headers()).await {
        Ok(key) => key,
        Err(error) => return error.into_response(),
    };
    let now = app.clock.now();
    let standing = app.limiter.count(&key.workspace_id, now);
    let result = admit(&key, request.method(), request.uri().path(), &standing, now);
    let mut response = match result {
        Ok(()) => {
            request.extensions_mut().insert(Caller { key });
            next.run(request).await
        }
        Err(error) => error.into_response(),
    };
    response.extensions_mut().insert(standing);
    response
}

async fn find_key(app: &App, headers: &HeaderMap) -> Result<Key> {
    let header =
        headers.get(AUTHORIZATION).ok_or_else(|| ApiError::plain(Code::MissingCredentials))?;
    let text = header.to_str().unwrap_or_default();
    let (scheme, token) = text.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
        return Err(ApiError::plain(Code::InvalidCredentials));
    }
    let mut tx = app.db.read().await?;
    keys::find_by_hash(&mut tx, &hash(token.trim()))
        .await?
        .filter(|key| key.expires_at.is_none_or(|expires| expires > app.clock.now()))
        .ok_or_else(|| ApiError::plain(Code::InvalidCredentials))
}

fn admit(
    key: &Key,
    method: &Method,
    path: &str,
    standing: &Standing,
    now: Timestamp,
) -> Result<()> {
    if standing.is_exceeded {
        // Whole seconds, rounded up, so that a client that waits so long is let in.
        let wait = standing.next_free.since(now).as_secs() + 1;
        let error = ApiError::plain(Code::RateLimited);
        return Err(error.retry_after(i64::try_from(wait).unwrap_or(60)));
    }
    if key.is_read_only && method != Method::GET && method != Method::HEAD {
        let message = "this key may only read";
        return Err(ApiError::new(Code::InsufficientPermissions, message));
    }
    let group = group_of(path);
    if let Some(group) = group.filter(|group| key.disabled_groups.iter().any(|off| off == group)) {
        let message = format!("the resource group {group} is switched off for this key");
        return Err(ApiError::new(Code::InsufficientPermissions, message)
            .details(json!({"required_group": group})));
    }
    Ok(())
}

fn group_of(path: &str) -> Option<&'static str> {
    let mut segments = path.trim_start_matches("/v1/").split('/');
    match segments.next().unwrap_or_default() {
        "inbox" | "events" | "logs" | "media" => Some("messages"),
        "accounts" if segments.nth(1) == Some("queue") => Some("messages"),
        "accounts" | "connect" | "profiles" => Some("accounts"),
        "webhooks" => Some("webhooks"),
        _ => None,
    }
}

impl Caller {
    /// The workspace the key opens.
    pub(crate) fn workspace(&self) -> &WorkspaceId {
        &self.key.workspace_id
    }

    /// The key itself.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// The profiles the key is restricted to; `None` when it sees all.
    pub(crate) fn profiles(&self) -> Option<&[ProfileId]> {
        self.key.profile_ids.as_ref().map(|ids| ids.0.as_slice())
    }

    /// Insists that the key is what it was when the request began: for those that take long.
    pub(crate) async fn still(&self, tx: &mut Tx, now: Timestamp) -> Result<()> {
        let found = keys::find_by_hash(tx, &self.key.hash).await?;
        found
            .filter(|key| key.expires_at.is_none_or(|expires| expires > now))
            .map(|_| ())
            .ok_or_else(|| ApiError::plain(Code::InvalidCredentials))
    }

    /// Refuses a key that is restricted in any way.
    pub(crate) fn unrestricted(&self, what: &str) -> Result<()> {
        if self.key.profile_ids.is_none() && self.key.disabled_groups.is_empty() {
            return Ok(());
        }
        let message = format!("{what} needs a key without restrictions");
        Err(ApiError::new(Code::InsufficientPermissions, message))
    }

    /// Narrows the profiles the key sees to one that a request names.
    pub(crate) fn narrow(&self, wanted: Option<ProfileId>) -> Option<Vec<ProfileId>> {
        match (wanted, self.profiles()) {
            (Some(wanted), Some(seen)) if !seen.contains(&wanted) => Some(Vec::new()),
            (Some(wanted), _) => Some(vec![wanted]),
            (None, seen) => seen.map(<[_]>::to_vec),
        }
    }

    fn sees(&self, profile: &ProfileId) -> bool {
        self.profiles().is_none_or(|seen| seen.contains(profile))
    }

    /// Whether the key may see an endpoint: one that gets events of its profiles only.
    pub(crate) fn sees_endpoint(&self, endpoint: &Endpoint) -> bool {
        self.profiles().is_none_or(|seen| {
            !endpoint.profile_ids.is_empty()
                && endpoint.profile_ids.iter().all(|profile| seen.contains(profile))
        })
    }

    /// Whether the key may see an event: one of its profiles.
    pub(crate) fn sees_event(&self, event: &Event) -> bool {
        event.profile_id.as_ref().map_or(self.profiles().is_none(), |profile| self.sees(profile))
    }

    /// Gets a profile that the key may see.
    pub(crate) async fn profile(&self, tx: &mut Tx, id: &ProfileId) -> Result<Profile> {
        let profile = profiles::find(tx, self.workspace(), id).await?;
        profile.filter(|profile| self.sees(&profile.id)).ok_or_else(|| {
            ApiError::new(Code::ProfileNotFound, format!("there is no profile {id}"))
                .param("profileId")
        })
    }

    /// Gets an account that the key may see.
    pub(crate) async fn account(&self, tx: &mut Tx, id: &AccountId) -> Result<Account> {
        let account = accounts::find(tx, self.workspace(), id).await?;
        account
            .filter(|one| one.state != AccountState::Removed && self.sees(&one.profile_id))
            .ok_or_else(|| {
                ApiError::new(Code::AccountNotFound, format!("there is no account {id}"))
                    .param("accountId")
            })
    }

    /// Gets a conversation of an account that the key may see, by our id or the platform's.
    pub(crate) async fn conversation(
        &self,
        tx: &mut Tx,
        account: &AccountId,
        either_id: &str,
    ) -> Result<(Account, Conversation)> {
        let account = self.account(tx, account).await?;
        let conversation =
            conversations::find(tx, self.workspace(), &account.id, either_id).await?;
        let conversation = conversation.ok_or_else(|| {
            let message = format!("{} has no conversation {either_id}", account.username);
            ApiError::new(Code::ConversationNotFound, message).param("conversationId")
        })?;
        Ok((account, conversation))
    }
}
