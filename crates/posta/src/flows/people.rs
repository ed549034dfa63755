//! Who writes to an account: profiles, read after the message is stored. A profile that cannot be
//! read harms nothing.

use std::time::Duration;

use posta_core::capability::CallClass;
use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::id::{ConversationId, RemotePerson, WorkspaceId};
use posta_core::time::Timestamp;
use posta_platforms::contract::{Profile, Withheld};
use posta_store::accounts::{self, Account};
use posta_store::conversations::{self, Conversation};
use posta_store::{Tx, people, workspaces};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::line::Line;
use super::{FlowError, budget, disconnect, refusal};
use crate::app::App;

/// How long a profile is good: pictures die after a few days.
const FRESH: Duration = Duration::from_hours(48);

/// How long after a refusal another message of the person leads to another try.
const PATIENCE: Duration = Duration::from_mins(10);

/// How long what was read last is good enough for whoever asks for the newest.
const JUST_NOW: Duration = Duration::from_mins(1);

/// How often a read that failed is tried, and the wait before the second try; it quadruples.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_secs(30);

/// What is known of a person, as it stands in the row of their conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Known {
    /// Whether they follow the account.
    pub is_follower: Option<bool>,
    /// Whether the account follows them.
    pub is_following: Option<bool>,
    /// How many people follow them.
    pub follower_count: Option<i64>,
    /// Whether the platform vouches for who they are.
    pub is_verified: Option<bool>,
    /// When this was read; `None` as long as it never was.
    pub fetched_at: Option<Timestamp>,
    /// Why the last read gave nothing.
    pub unavailable_reason: Option<Unavailable>,
    /// When that was.
    pub tried_at: Option<Timestamp>,
    /// How often it has failed in a row.
    pub tries: u32,
}

/// Why there is no profile, in the words of the unified API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unavailable {
    /// The person has not written to the account yet.
    ConsentRequired,
    /// The account's owner keeps messages from apps.
    DmAccessDisabled,
    /// The platform knows nobody by this id, or the person wants nothing of the account.
    NotMessageable,
    /// The read failed.
    Error,
}

/// Who a person is towards an account, as the unified API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FollowBlock {
    /// Whether they follow the account.
    pub is_follower: Option<bool>,
    /// Whether the account follows them.
    pub is_following: Option<bool>,
    /// How many people follow them.
    pub follower_count: Option<i64>,
    /// Whether the platform vouches for who they are.
    pub is_verified: Option<bool>,
    /// When this was read.
    pub fetched_at: Timestamp,
}

impl Known {
    /// Reads what stands in a conversation.
    #[must_use]
    pub fn of(conversation: &Conversation) -> Self {
        let stored = conversation.profile.as_ref();
        stored.and_then(|json| Self::deserialize(&json.0).ok()).unwrap_or_default()
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let tried = self.tried_at.is_none_or(|tried| tried.plus(PATIENCE) <= now);
        tried && self.fetched_at.is_none_or(|fetched| fetched.plus(FRESH) <= now)
    }
}

/// Shows what is known of the person in a conversation; `None` as long as nothing was read.
#[must_use]
pub fn follow_block(conversation: &Conversation) -> Option<FollowBlock> {
    let known = Known::of(conversation);
    Some(FollowBlock {
        is_follower: known.is_follower,
        is_following: known.is_following,
        follower_count: known.follower_count,
        is_verified: known.is_verified,
        fetched_at: known.fetched_at?,
    })
}

/// Notes that the person has written: their profile is read soon, unless it is known well enough.
/// The caller stores the conversation.
pub fn wrote(app: &App, account: &Account, conversation: &mut Conversation) {
    let platform = posta_platforms::get(&account.platform);
    let has_people = platform.is_some_and(|platform| platform.people().is_some());
    let now = app.clock.now();
    if has_people && conversation.profile_due_at.is_none() && Known::of(conversation).is_due(now) {
        conversation.profile_due_at = Some(now);
    }
}

/// Reads the profile of the person in a claimed conversation, and notes what came of it.
///
/// # Errors
/// When the database failed; the conversation is then taken up again later.
pub async fn read(app: &App, owner: &WorkspaceId, id: &ConversationId) -> posta_store::Result<()> {
    let mut tx = app.db.read().await?;
    let Some(conversation) = conversations::find_by_id(&mut tx, owner, id).await? else {
        return Ok(());
    };
    let account = accounts::find(&mut tx, owner, &conversation.account_id).await?;
    let account = account.ok_or(posta_store::Error::RowNotFound)?;
    drop(tx);
    let answer = if account.state == accounts::State::Connected {
        match budget::take(app, &account, CallClass::Other).await? {
            Ok(()) => call(app, &account, &conversation.participant_id).await,
            Err(until) => Err(too_many(until)),
        }
    } else {
        Err(disconnected(&account))
    };
    note(app, &account, id, &answer).await
}

fn disconnected(account: &Account) -> ConnectorError {
    let message = format!("{} is disconnected", account.username);
    *refusal(Code::AccountDisconnected, message)
}

fn too_many(until: Timestamp) -> ConnectorError {
    let message = "the account has used up the calls that are made for it in this time";
    ConnectorError::new(Code::PlatformRateLimited, Retry::RateLimited { until }, message)
}

type Answer = Result<Result<Profile, Withheld>, ConnectorError>;

async fn call(app: &App, account: &Account, person: &RemotePerson) -> Answer {
    let line = Line::open(app, account).await?;
    match line.platform.people() {
        Some(people) => people.profile(&line.cx(app), person).await,
        None => Err(*refusal(Code::PlatformNotSupported, "its people have no profiles")),
    }
}

async fn note(
    app: &App,
    account: &Account,
    id: &ConversationId,
    answer: &Answer,
) -> posta_store::Result<()> {
    let outcome = match answer {
        Ok(Ok(_)) => "read",
        Ok(Err(_)) => "withheld",
        Err(error) => error.code.as_str(),
    };
    metrics::counter!("posta_profiles_total", "outcome" => outcome).increment(1);
    let mut tx = app.db.write().await?;
    // Whoever changes this row for another reason holds this too, and would write over it.
    workspaces::lock(&mut tx, &account.workspace_id).await?;
    let conversation = conversations::find_by_id(&mut tx, &account.workspace_id, id).await?;
    if let Some(conversation) = conversation {
        match answer {
            Ok(answer) => heard(app, &mut tx, &conversation, answer).await?,
            Err(error) => failed(app, &mut tx, account, &conversation, error).await?,
        }
    }
    tx.commit().await?;
    app.wake.announced();
    Ok(())
}

async fn heard(
    app: &App,
    tx: &mut Tx,
    conversation: &Conversation,
    answer: &Result<Profile, Withheld>,
) -> posta_store::Result<()> {
    let now = app.clock.now();
    match answer {
        Ok(profile) => {
            let known = Known {
                is_follower: profile.is_follower,
                is_following: profile.is_following,
                follower_count: profile.followers,
                is_verified: profile.is_verified,
                fetched_at: Some(now),
                tried_at: Some(now),
                ..Known::default()
            };
            let known = people::Known {
                profile: &json!(known),
                name: profile.name.as_deref(),
                username: profile.username.as_deref(),
                picture: profile.picture.as_deref(),
                due_at: None,
            };
            let (owner, id) = (&conversation.workspace_id, &conversation.id);
            people::update_profile(tx, owner, id, &known).await
        }
        Err(why) => keep(tx, conversation, Some(unavailable(*why)), now, 0, None).await,
    }
}

fn unavailable(why: Withheld) -> Unavailable {
    match why {
        Withheld::NoConsent => Unavailable::ConsentRequired,
        Withheld::NoAccess => Unavailable::DmAccessDisabled,
        Withheld::Nobody => Unavailable::NotMessageable,
    }
}

/// What happens after each class of failure: what was known before stays.
async fn failed(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    conversation: &Conversation,
    error: &ConnectorError,
) -> posta_store::Result<()> {
    tracing::info!(
        account.id = %account.id, platform = account.platform, error.code = %error.code,
        retry = ?error.retry, "profile not read"
    );
    let now = app.clock.now();
    let tries = Known::of(conversation).tries + 1;
    let reason = Some(Unavailable::Error);
    match error.retry {
        // What is refused counts as well, so the account's others wait along.
        Retry::RateLimited { until } => {
            people::update_due_of_account(tx, &account.id, until).await?;
            keep(tx, conversation, None, now, tries - 1, Some(until)).await
        }
        Retry::Auth => {
            disconnect::lose(app, tx, account, error).await?;
            keep(tx, conversation, reason, now, 0, None).await
        }
        // What somebody asked for is not tried again by itself.
        Retry::Transient | Retry::Unknown
            if tries < TRIES && conversation.profile_due_at.is_some() =>
        {
            let wait = FIRST_WAIT * 4_u32.saturating_pow(tries - 1);
            let again = now.plus(super::again::jittered(app, wait));
            keep(tx, conversation, reason, now, tries, Some(again)).await
        }
        Retry::Transient | Retry::Unknown | Retry::Permanent => {
            keep(tx, conversation, reason, now, 0, None).await
        }
    }
}

/// Keeps what was known, beside what came of the last try.
async fn keep(
    tx: &mut Tx,
    conversation: &Conversation,
    reason: Option<Unavailable>,
    now: Timestamp,
    tries: u32,
    due_at: Option<Timestamp>,
) -> posta_store::Result<()> {
    let before = Known::of(conversation);
    let reason = reason.or(before.unavailable_reason);
    let known = Known { unavailable_reason: reason, tried_at: Some(now), tries, ..before };
    let known = people::Known {
        profile: &json!(known),
        name: conversation.participant_name.as_deref(),
        username: conversation.participant_username.as_deref(),
        picture: conversation.participant_picture.as_deref(),
        due_at,
    };
    people::update_profile(tx, &conversation.workspace_id, &conversation.id, &known).await
}

/// What whoever asks after a person hears.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Their name.
    pub name: Option<String>,
    /// Their handle.
    pub username: Option<String>,
    /// What else is known.
    pub known: Known,
}

/// Looks up a person, whether or not they have a conversation with the account. What is known is
/// enough while it is fresh, or a minute old for whoever wants the newest.
///
/// # Errors
/// When the account cannot ask, or may not ask now and nothing is known. Or the database failed.
pub async fn look(
    app: &App,
    account: &Account,
    person: &RemotePerson,
    is_newest: bool,
) -> Result<Seen, FlowError> {
    let platform = posta_platforms::get(&account.platform);
    if platform.is_none_or(|platform| platform.people().is_none()) {
        let message = format!("people on {} have no profiles", account.platform);
        return Err(refusal(Code::PlatformNotSupported, message).into());
    }
    let conversation = find(app, account, person).await?;
    let now = app.clock.now();
    let known = conversation.as_ref().map(Known::of).unwrap_or_default();
    let is_enough = |since: Option<Timestamp>, age| since.is_some_and(|at| now < at.plus(age));
    let enough = if is_newest {
        is_enough(known.tried_at, JUST_NOW)
    } else {
        is_enough(known.fetched_at, FRESH) || is_enough(known.tried_at, PATIENCE)
    };
    if let Some(conversation) = conversation.as_ref().filter(|_| enough) {
        return Ok(seen(conversation));
    }
    if account.state != accounts::State::Connected {
        return Err(disconnected(account).into());
    }
    if let Err(until) = budget::take(app, account, CallClass::Other).await? {
        let nothing = || FlowError::from(too_many(until));
        let known = conversation.as_ref().filter(|_| known.fetched_at.is_some());
        return known.map(seen).ok_or_else(nothing);
    }
    let answer = call(app, account, person).await;
    if let Some(conversation) = conversation {
        note(app, account, &conversation.id, &answer).await?;
        return Ok(find(app, account, person).await?.as_ref().map(seen).unwrap_or_default());
    }
    if let Err(error) = &answer
        && error.retry == Retry::Auth
    {
        let mut tx = app.db.write().await?;
        disconnect::lose(app, &mut tx, account, error).await?;
        tx.commit().await?;
        app.wake.announced();
    }
    Ok(stranger(answer))
}

async fn find(
    app: &App,
    account: &Account,
    person: &RemotePerson,
) -> posta_store::Result<Option<Conversation>> {
    let mut tx = app.db.read().await?;
    let owner = &account.workspace_id;
    let found = conversations::find(&mut tx, owner, &account.id, person.as_str()).await?;
    Ok(found.filter(|one| one.participant_id == *person))
}

fn seen(conversation: &Conversation) -> Seen {
    Seen {
        name: conversation.participant_name.clone(),
        username: conversation.participant_username.clone(),
        known: Known::of(conversation),
    }
}

/// Shows an answer about somebody of whom no row is kept.
fn stranger(answer: Answer) -> Seen {
    let nothing = |reason| Seen {
        known: Known { unavailable_reason: Some(reason), ..Known::default() },
        ..Seen::default()
    };
    match answer {
        Ok(Ok(profile)) => Seen {
            name: profile.name,
            username: profile.username,
            known: Known {
                is_follower: profile.is_follower,
                is_following: profile.is_following,
                follower_count: profile.followers,
                is_verified: profile.is_verified,
                ..Known::default()
            },
        },
        Ok(Err(why)) => nothing(unavailable(why)),
        Err(_) => nothing(Unavailable::Error),
    }
}
