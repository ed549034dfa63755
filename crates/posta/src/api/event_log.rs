//! The event log: everything that was announced, in one order, to be read from any place on.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use futures_util::{Stream, StreamExt, stream};
use posta_core::failure::Code;
use posta_core::id::{AccountId, EventId, ProfileId};
use posta_core::time::Timestamp;
use posta_store::Tx;
use posta_store::events::{self, Filter, Placed};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::Query;
use super::{page, webhook_change};
use crate::app::App;
use crate::flows::log::{self, Part, Reader};

/// How many events a stream reads at once.
const HANDFUL: i64 = 100;

/// How long a stream lasts; clients come back by themselves, with the last place they know.
const LASTS: Duration = Duration::from_hours(1);

/// How long a client of a stream waits before it comes back.
const COME_BACK: Duration = Duration::from_secs(2);

/// What goes down a stream; once it has begun, trouble ends it without a word.
type Listened = std::result::Result<Sent, Infallible>;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// Only what came after this sequence. Without it and `since`, a page begins with the oldest
    /// event that is kept, and a stream with the next one.
    after: Option<i64>,
    /// Only what was announced at this time or later, as RFC 3339.
    since: Option<Timestamp>,
    /// Only these events, separated by commas, such as `message.received,comment.received`.
    types: Option<String>,
    /// Only those of this account.
    account_id: Option<AccountId>,
    /// Only those of this profile.
    profile_id: Option<ProfileId>,
    /// How many at most, up to 500; of a page only.
    limit: Option<i64>,
    /// How long to wait for an event when there is none, in seconds, up to 30; of a page only.
    wait: Option<u64>,
}

/// An event in its place.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoggedShape {
    /// Its place in the order of the workspace, counted from 1.
    sequence: i64,
    /// Its id, the same in every delivery.
    #[schema(value_type = String)]
    id: EventId,
    /// What happened, such as `message.received`.
    r#type: String,
    /// The profile it concerns.
    profile_id: Option<ProfileId>,
    /// The account it concerns.
    account_id: Option<AccountId>,
    /// When it was announced.
    created_at: Timestamp,
    /// What webhook endpoints get.
    #[schema(value_type = Object)]
    payload: Box<RawValue>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventPage {
    events: Vec<LoggedShape>,
    /// What to send as `after` to go on, also when nothing matched.
    next: i64,
    /// Whether there is more by now.
    has_more: bool,
}

fn shape(placed: Placed) -> Result<LoggedShape> {
    let event = placed.event;
    Ok(LoggedShape {
        sequence: placed.seq,
        id: event.id,
        r#type: event.kind,
        profile_id: event.profile_id,
        account_id: event.account_id,
        created_at: event.created_at,
        payload: RawValue::from_string(event.body).map_err(ApiError::internal)?,
    })
}

/// What somebody may read of what they asked for.
async fn filter(tx: &mut Tx, caller: &Caller, query: &LogQuery) -> Result<Filter> {
    let names = query.types.as_deref().unwrap_or_default().split(',').map(str::trim);
    let kinds: Vec<_> = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if !kinds.is_empty() {
        webhook_change::checked_events(&kinds).map_err(|error| error.param("types"))?;
    }
    if let Some(account) = &query.account_id {
        caller.account(tx, account).await?;
    }
    let mut profiles = caller.profiles().map(<[ProfileId]>::to_vec);
    if let Some(profile) = &query.profile_id {
        caller.profile(tx, profile).await?;
        profiles = Some(vec![profile.clone()]);
    }
    Ok(Filter { kinds, profiles, account: query.account_id.clone() })
}

/// Where reading begins when a place or a time was named.
async fn beginning(tx: &mut Tx, caller: &Caller, query: &LogQuery) -> Result<Option<i64>> {
    match (query.after, query.since) {
        (Some(_), Some(_)) => Err(ApiError::bad_value("since", "cannot be given beside after")),
        (Some(after), None) if after < 0 => {
            Err(ApiError::bad_value("after", "must not be negative"))
        }
        (after, None) => Ok(after),
        (None, Some(since)) => {
            let first = events::find_since(tx, caller.workspace(), since).await?;
            let newest = events::get_newest(tx, caller.workspace()).await?;
            Ok(Some(first.map_or(newest, |first| first - 1)))
        }
    }
}

/// Insists that nothing is missing behind a place up to which somebody has read.
async fn complete(tx: &mut Tx, reader: &Reader) -> Result<()> {
    let Some(horizon) = reader.missed(tx).await? else {
        return Ok(());
    };
    let message = format!(
        "events after {} and up to {horizon} are no longer kept: go on with after={horizon}, and read \
         from the conversations what was missed",
        reader.after
    );
    Err(ApiError::new(Code::EventsExpired, message).param("after"))
}

/// Lists events in their order, oldest first. With `wait` it answers as soon as there is one.
#[utoipa::path(get, path = "/v1/events", operation_id = "list_events", tag = "Events",
    params(LogQuery), responses((status = 200, body = EventPage)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<LogQuery>,
) -> Result<Json<EventPage>> {
    let limit = page::limit(query.limit, 100, 500)?;
    let wait = Duration::from_secs(query.wait.unwrap_or(0).min(30));
    let mut tx = app.db.read().await?;
    let filter = filter(&mut tx, &caller, &query).await?;
    let after = beginning(&mut tx, &caller, &query).await?.unwrap_or(0);
    let mut reader = Reader { owner: caller.workspace().clone(), filter, after };
    if query.after.is_some_and(|after| after > 0) {
        complete(&mut tx, &reader).await?;
    }
    drop(tx);
    let part = await_part(&app, &caller, &mut reader, limit, wait).await?;
    let events = part.events.into_iter().map(shape).collect::<Result<_>>()?;
    Ok(Json(EventPage { events, next: reader.after, has_more: part.has_more }))
}

/// Streams events as they are announced, as Server-Sent Events: `id` is the sequence, `event` the
/// type, `data` what webhook endpoints get. `Last-Event-ID` says where to go on. A stream ends
/// after an hour, and when its key is revoked.
#[utoipa::path(get, path = "/v1/events/stream", operation_id = "stream_events", tag = "Events",
    params(LogQuery, ("Last-Event-ID" = Option<i64>, Header,
        description = "The last sequence that was read; wins over `after`.")),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(crate) async fn stream(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(mut query): Query<LogQuery>,
) -> Result<Sse<impl Stream<Item = Listened>>> {
    if let Some(last) = headers.get("last-event-id") {
        let last = last.to_str().ok().and_then(|text| text.trim().parse().ok());
        let bad = || ApiError::bad_value("Last-Event-ID", "is not a sequence");
        (query.after, query.since) = (Some(last.ok_or_else(bad)?), None);
    }
    let mut tx = app.db.read().await?;
    let filter = filter(&mut tx, &caller, &query).await?;
    let after = match beginning(&mut tx, &caller, &query).await? {
        Some(after) => after,
        None => events::get_newest(&mut tx, caller.workspace()).await?,
    };
    let reader = Reader { owner: caller.workspace().clone(), filter, after };
    if query.after.is_some_and(|after| after > 0) {
        complete(&mut tx, &reader).await?;
    }
    drop(tx);
    let opening = Sent::default().retry(COME_BACK).comment("listening");
    let events = stream::unfold((app, caller, reader), next).flat_map(stream::iter);
    let whole = stream::once(async { Ok(opening) }).chain(events);
    Ok(Sse::new(whole).keep_alive(KeepAlive::default()))
}

/// The next handful of events for a stream; the end, when there is none for long or no right to it.
async fn next(
    (app, caller, mut reader): (App, Caller, Reader),
) -> Option<(Vec<Listened>, (App, Caller, Reader))> {
    let part = await_part(&app, &caller, &mut reader, HANDFUL, LASTS).await.ok()?;
    if part.events.is_empty() {
        return None;
    }
    let sent = part.events.into_iter().map(|placed| {
        let sent = Sent::default().id(placed.seq.to_string()).event(placed.event.kind);
        Ok(sent.data(placed.event.body))
    });
    let sent = sent.collect();
    Some((sent, (app, caller, reader)))
}

/// Reads the next part as soon as there is one; an empty one when the time is up.
async fn await_part(
    app: &App,
    caller: &Caller,
    reader: &mut Reader,
    limit: i64,
    patience: Duration,
) -> Result<Part> {
    let until = app.clock.now().plus(patience);
    // Before the first look, so that nothing written meanwhile is slept over.
    let mut ear = app.wake.listen.subscribe();
    loop {
        let now = app.clock.now();
        let mut tx = app.db.read().await?;
        caller.still(&mut tx, now).await?;
        let part = reader.read(&mut tx, limit).await?;
        drop(tx);
        if !part.events.is_empty() || now >= until || app.stop.is_cancelled() {
            return Ok(part);
        }
        log::listen(app, &mut ear, until).await;
    }
}
