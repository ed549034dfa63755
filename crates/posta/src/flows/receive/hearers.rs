//! Who hears of a webhook's events.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use posta_core::event::{Event, What};
use posta_core::id::RemoteAccount;
use posta_core::time::Timestamp;
use posta_store::accounts::{self, Account};
use posta_store::events::Cause;
use posta_store::inbound::Inbound;
use posta_store::{Tx, workspaces};

use crate::app::App;

/// An event of a webhook.
pub(super) struct Heard<'a> {
    pub(super) row: &'a Inbound,
    pub(super) event: &'a Event,
    pub(super) cause: Cause,
    pub(super) traceparent: Option<&'a str>,
}

pub(super) fn heard<'a>(
    row: &'a Inbound,
    traceparent: Option<&'a str>,
    events: &'a [Event],
) -> impl Iterator<Item = Heard<'a>> {
    (0..).zip(events).map(move |(position, event)| {
        let cause = Cause { inbound_id: row.id.clone(), position };
        Heard { row, event, cause, traceparent }
    })
}

/// How exactly it is kept when an account last heard something.
const EXACT: Duration = Duration::from_secs(1);

/// The accounts that hear of events, by platform and its id of them.
pub(super) type Hearers<'a> = HashMap<(&'a str, &'a RemoteAccount), Vec<Account>>;

/// Finds the accounts that hear of events, locks their workspaces, and notes that they heard.
pub(super) async fn hearers<'a>(
    app: &App,
    tx: &mut Tx,
    all: &'a [Heard<'a>],
) -> posta_store::Result<Hearers<'a>> {
    let mut wanted = BTreeMap::<&str, HashSet<&RemoteAccount>>::new();
    for one in all.iter().filter(|one| one.event.what != What::TestSend) {
        wanted.entry(&one.row.platform).or_default().insert(&one.event.account);
    }
    let mut hearers = Hearers::new();
    for (platform, ids) in wanted {
        let remotes: Vec<_> = ids.iter().map(|id| (*id).clone()).collect();
        for account in accounts::list_by_remote(tx, platform, &remotes).await? {
            if let Some(id) = ids.get(&account.remote_id) {
                hearers.entry((platform, *id)).or_default().push(account);
            }
        }
    }
    let listening: BTreeSet<_> = all
        .iter()
        .flat_map(|one| listeners(&hearers, one))
        .map(|account| (account.workspace_id.clone(), account.id.clone(), account.last_event_at))
        .collect();
    let mut workspaces: Vec<_> =
        listening.iter().map(|(workspace, ..)| workspace.clone()).collect();
    workspaces.dedup();
    workspaces::lock_all(tx, &workspaces).await?;
    let now = app.clock.now();
    let is_old = |at: Option<Timestamp>| at.is_none_or(|at| at.plus(EXACT) <= now);
    let of_old = listening.into_iter().filter(|(.., last)| is_old(*last));
    let accounts: Vec<_> = of_old.map(|(_, account, _)| account).collect();
    if !accounts.is_empty() {
        accounts::update_last_event(tx, &accounts, now).await?;
    }
    Ok(hearers)
}

/// The accounts that hear of an event: only what was signed by the app they are connected through;
/// otherwise one customer's app secret could forge another's messages.
pub(super) fn listeners<'a>(
    hearers: &'a Hearers<'_>,
    heard: &'a Heard<'_>,
) -> impl Iterator<Item = &'a Account> {
    let accounts = hearers.get(&(heard.row.platform.as_str(), &heard.event.account));
    let accounts = accounts.into_iter().flatten();
    accounts.filter(|one| heard.row.verified_by.contains(&one.oauth_app_id))
}
