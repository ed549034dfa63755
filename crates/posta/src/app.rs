//! What every part of a running Posta shares.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use posta_core::chance::Chance;
use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::id::{Ids, MessageId};
use posta_core::secret::{KeyRing, Sealed, Secret};
use posta_core::time::Clock;
use posta_platforms::contract::Platform;
use posta_platforms::cx::Site;
use posta_platforms::guard::Guard;
use posta_platforms::http::Http;
use posta_store::Db;
use posta_store::accounts::Account;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::flows::budget::Budget;
use crate::flows::calls::Calls;
use crate::flows::comments::Shelf;
use crate::flows::ingest::Ingest;
use crate::flows::knocks::Knocks;
use crate::flows::limits::RateLimiter;
use crate::flows::outcome::Waiters;
use crate::flows::signers::Signers;
use crate::traces::Traces;
use crate::wake::Wake;

/// A handle on the running server; clones share it.
#[derive(Clone)]
pub struct App(Arc<Parts>);

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The parts of a running server.
pub struct Parts {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// The outbound client.
    pub http: Http,
    /// The outbound client for URLs that customers gave.
    pub guarded: Http,
    /// What time it is.
    pub clock: Clock,
    /// Randomness.
    pub chance: Chance,
    /// Makes ids.
    pub ids: Ids,
    /// Seals and opens secrets.
    pub ring: KeyRing,
    /// Where each platform is.
    pub sites: BTreeMap<&'static str, Site>,
    /// Where raw webhooks are handed in.
    pub ingest: Ingest,
    /// Which secrets sign a platform's webhooks.
    pub signers: Signers,
    /// Webhooks that were refused and are not noted yet.
    pub knocks: Knocks,
    /// How many requests each workspace has made.
    pub limiter: RateLimiter,
    /// How many calls each account has made to its platform.
    pub budget: Budget,
    /// Where calls to platforms are handed in to be logged.
    pub calls: Calls,
    /// Where the steps of traces are begun.
    pub traces: Traces,
    /// The posts that were read last.
    pub shelf: Shelf,
    /// Requests that wait for their message's outcome.
    pub waiters: Waiters,
    /// Tells workers that there is something to do.
    pub wake: Wake,
    /// How much background work is under way.
    pub under_way: UnderWay,
    /// Background work; shutting down waits for it.
    pub tasks: TaskTracker,
    /// Told when it is time to stop.
    pub stop: CancellationToken,
    // A token is sealed anew whenever it is stored, so the sealed form names the plain one.
    tokens: moka::sync::Cache<Sealed, Secret>,
}

/// How many decrypted tokens are held, and how long after their last use.
const TOKENS: u64 = 10_000;
const TOKEN_IDLE: Duration = Duration::from_mins(10);

/// Counts work that has been taken and not finished.
#[derive(Clone, Debug, Default)]
pub struct UnderWay(Arc<()>);

/// One piece of work; it is over when the last clone of this is dropped.
#[derive(Clone, Debug)]
pub struct Busy(#[expect(dead_code, reason = "it counts by being held")] Arc<()>);

impl UnderWay {
    /// Notes that a piece of work begins.
    #[must_use]
    pub fn enter(&self) -> Busy {
        Busy(Arc::clone(&self.0))
    }

    /// Whether no work is under way.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// What [`App::new`] is made of.
pub struct Foundation {
    /// The settings.
    pub config: Config,
    /// The database, migrated.
    pub db: Db,
    /// The outbound client.
    pub http: Http,
    /// What time it is.
    pub clock: Clock,
    /// Randomness.
    pub chance: Chance,
    /// Seals and opens secrets.
    pub ring: KeyRing,
    /// Where each platform is.
    pub sites: BTreeMap<&'static str, Site>,
    /// Where the steps of traces are begun.
    pub traces: Traces,
}

impl App {
    /// Puts the parts together. Nothing runs yet.
    #[must_use]
    pub fn new(foundation: Foundation) -> Self {
        let Foundation { config, db, http, clock, chance, ring, sites, traces } = foundation;
        let outbound = &config.outbound;
        let guard = Guard::new(outbound.allow.clone(), outbound.ports.clone(), outbound.schemes);
        Self(Arc::new(Parts {
            guarded: Http::guarded(guard),
            ids: Ids::new(clock.clone(), chance.clone()),
            ingest: Ingest::new(),
            signers: Signers::default(),
            knocks: Knocks::default(),
            limiter: RateLimiter::new(config.api.requests_per_minute),
            budget: Budget::new(&config.platforms, clock.clone()),
            calls: Calls::new(config.logs.keep_days > 0, clock.clone(), chance.clone()),
            shelf: Shelf::default(),
            waiters: Waiters::default(),
            wake: Wake::default(),
            under_way: UnderWay::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            tokens: moka::sync::Cache::builder()
                .max_capacity(TOKENS)
                .time_to_idle(TOKEN_IDLE)
                .build(),
            config,
            db,
            http,
            clock,
            chance,
            ring,
            sites,
            traces,
        }))
    }

    /// Tells whoever waits for a message's outcome, on this node or on another.
    pub fn settled(&self, id: &MessageId) {
        if !self.waiters.wake(id) {
            self.wake.settled(id);
        }
    }

    /// Returns where a platform is.
    ///
    /// # Panics
    /// Never: there is a site for every platform in the list.
    #[must_use]
    pub fn site(&self, platform: &dyn Platform) -> &Site {
        self.sites.get(platform.name()).expect("boot makes a site for every platform")
    }

    /// Opens an account's token.
    ///
    /// # Errors
    /// When the account has none, or it cannot be opened with the master keys given.
    pub fn token(&self, account: &Account) -> Result<Secret, ConnectorError> {
        let Some(sealed) = &account.token else {
            let message = format!("the account {} is disconnected", account.username);
            return Err(ConnectorError::new(Code::AccountDisconnected, Retry::Auth, message));
        };
        if let Some(token) = self.tokens.get(sealed) {
            return Ok(token);
        }
        let owner = token_owner(account);
        let token = self.ring.open(&owner, sealed).map_err(|error| {
            let message = format!("the token of {} cannot be opened: {error}", account.username);
            ConnectorError::new(Code::ApiError, Retry::Permanent, message)
        })?;
        self.tokens.insert(sealed.clone(), token.clone());
        Ok(token)
    }
}

/// Names the row that an account's token belongs to. Not by our id, which is not known before the
/// row is written.
#[must_use]
pub fn token_owner(account: &Account) -> String {
    format!("accounts/{}/{}/{}", account.workspace_id, account.platform, account.remote_id)
}
