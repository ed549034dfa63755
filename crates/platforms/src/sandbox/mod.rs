//! The networks in a box: pretend platforms on HTTP, each with state and rules of its own.

mod access;
mod control;
mod coverage;
pub(crate) mod deed;
pub(crate) mod deliver;
mod faults;
pub(crate) mod fetch;
mod gate;
pub(crate) mod hub;
mod lapse;
mod limits;
mod outbox;
pub(crate) mod posts;
pub(crate) mod seed;
mod wire;
pub(crate) mod world;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::DATE;
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use posta_core::chance::Chance;
use posta_core::time::{Clock, Timestamp};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::http::Http;

pub use self::coverage::{Covered, Extent};
pub use self::deed::{Deed, Doer, Done, Refused};
pub use self::deliver::{Notice, Packed};
pub use self::gate::{Ask, Turned};
pub use self::limits::{Limit, Usage};
pub use self::seed::{Cast, CastAccount, CastPerson, CastPost, IdForm};
use self::world::World;
pub use self::world::{App, Draft, Webhook};

/// A platform's pretend self.
pub trait Face: Sync {
    /// Returns where the platform's base URLs are, by role, in a sandbox that listens at `root`.
    ///
    /// The paths are below a folder with the platform's name, and end without a slash.
    fn urls(&self, root: &Url) -> BTreeMap<String, Url>;

    /// Returns what answers at those URLs, with paths from the root of the listener.
    fn routes(&self) -> Router<Sandbox>;

    /// Returns who lives there at first, and what can be set about it.
    fn cast(&self) -> &'static Cast;

    /// Reads a call, as far as rules and limits care.
    fn ask<'a>(&'a self, _: &'a Sandbox, request: Request) -> BoxFuture<'a, Ask> {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        Box::pin(async { Ask { method, path, ..Ask::default() } })
    }

    /// Refuses a call with an error of the platform, by its numbers.
    fn turn_away(&self, _: &Sandbox, _: &Ask, turned: Turned) -> Response {
        (StatusCode::BAD_REQUEST, format!("error {}", turned.code)).into_response()
    }

    /// Writes into an answer how much of the limits is used.
    fn tell_usage(&self, _: &Ask, _: Usage, _: &mut HeaderMap) {}

    /// Says what a webhook tells of.
    fn event_of(&self, _: &Notice) -> &'static str {
        "other"
    }

    /// Returns how much of the platform is pretended, section by section.
    fn coverage(&self) -> &'static [Covered] {
        &[]
    }

    /// Returns the code and subcode of every error that the platform is known for.
    fn errors(&self) -> Vec<(i64, Option<i64>)> {
        Vec::new()
    }

    /// Lets somebody do something in a thread, and tells the apps that asked to be told.
    fn act(&self, sandbox: &Sandbox, deed: &Deed) -> Result<Done, Refused>;

    /// Returns what the dashboard's button for testing a webhook field would send.
    fn sample(&self, field: &str, envelope: Option<&str>) -> Result<Notice, Refused>;

    /// Makes an id for a new post or comment.
    fn post_id(&self, chance: &Chance) -> String;

    /// Writes the form that tells an app's callback which account's owner has left, by the id that
    /// the account has towards the app.
    fn departure(&self, app: &App, scoped_id: &str, now: Timestamp) -> Vec<(&'static str, String)>;

    /// Writes one webhook of these entries, oldest first.
    fn pack(&self, app: &App, entries: &[Vec<Notice>], now: Timestamp) -> Packed;

    /// Asks a callback whether it is the app's own; the error says what was wrong with its answer.
    fn verify<'a>(
        &'a self,
        sandbox: &'a Sandbox,
        webhook: &'a Webhook,
    ) -> BoxFuture<'a, Result<(), String>>;
}

/// The pretend platforms: what exists in them, and what they have to tell. Clones share it all.
#[derive(Clone, Debug)]
pub struct Sandbox(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    world: Mutex<World>,
    outbox: outbox::Outbox,
    faults: faults::Faults,
    limits: limits::Limits,
    clock: Clock,
    chance: Chance,
    http: Http,
    /// Where it is reached, once that is known.
    root: OnceLock<Url>,
}

impl Sandbox {
    /// Makes an empty one. The clock should be its own, for its users may move it.
    #[must_use]
    pub fn new(clock: Clock, chance: Chance) -> Self {
        Self(Arc::new(Inner {
            world: Mutex::default(),
            outbox: outbox::Outbox::new(),
            faults: faults::Faults::default(),
            limits: limits::Limits::default(),
            clock,
            chance,
            http: Http::new(),
            root: OnceLock::new(),
        }))
    }

    /// Returns everything that answers, for a listener that the outside knows as `root`.
    fn router(&self, root: &Url, stop: &CancellationToken) -> Router {
        let _ = self.0.root.set(root.clone());
        let mut inner = control::routes(root);
        for platform in crate::ALL {
            let (name, face) = (platform.name(), platform.sandbox());
            let (sandbox, stop) = (self.clone(), stop.clone());
            let gate = gate::Gate { sandbox, platform: name, face, stop };
            let routes = face.routes().layer(middleware::from_fn_with_state(gate, gate::pass));
            inner = inner.merge(routes);
        }
        let inner = inner.with_state(self.clone());
        // The layer has to see a request before it is routed, hence a router around the router.
        Router::new()
            .fallback_service(inner)
            .layer(middleware::from_fn_with_state(Hosts::new(root), by_host))
            .layer(middleware::map_response_with_state(self.clone(), dated))
    }

    /// Answers on the listener and delivers webhooks, until it is stopped.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
        let root = format!("http://{}/", listener.local_addr()?);
        let root = Url::parse(&root).map_err(io::Error::other)?;
        let stop = stop.child_token();
        let tasks = TaskTracker::new();
        tasks.spawn(deliver::run(self.clone(), stop.clone()));
        let router = self.router(&root, &stop);
        let router = router.into_make_service_with_connect_info::<wire::Knife>();
        let served = axum::serve(wire::Wire(listener), router)
            .with_graceful_shutdown(stop.clone().cancelled_owned())
            .await;
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        served
    }

    /// Returns how many webhooks are due or under way. Those that wait for a later try, or are
    /// held, do not count.
    #[must_use]
    pub fn pending_deliveries(&self) -> usize {
        self.0.outbox.pending(self.0.clock.now())
    }

    /// Waits until no webhook is due or under way. Somebody has to be serving.
    pub async fn settle(&self) {
        let mut changed = self.0.outbox.watch();
        while self.pending_deliveries() > 0 {
            // The sender lives in this sandbox, so the channel cannot close under us.
            let _ = changed.changed().await;
        }
    }

    /// Returns the clock of the pretend platforms.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn chance(&self) -> &Chance {
        &self.0.chance
    }

    pub(crate) fn http(&self) -> &Http {
        &self.0.http
    }

    /// Returns where the platform's base URL of this role is, as the outside knows it.
    pub(crate) fn url(&self, platform: &str, role: &str) -> Option<Url> {
        face(platform)?.urls(self.0.root.get()?).remove(role)
    }

    fn faults(&self) -> &faults::Faults {
        &self.0.faults
    }

    fn limits(&self) -> &limits::Limits {
        &self.0.limits
    }

    /// Forgets what an account is subscribed to, for one app or for all. Returns how many apps hear
    /// nothing of it any more.
    fn lose_subscriptions(&self, platform: &str, account: &str, client_id: Option<&str>) -> usize {
        let mut world = self.world();
        let grants = world.network(platform).grants.iter_mut().filter(|grant| {
            grant.account == account
                && client_id.is_none_or(|client_id| client_id == grant.client_id)
                && !grant.subscribed_fields.is_empty()
        });
        grants.map(|grant| grant.subscribed_fields.clear()).count()
    }

    fn outbox(&self) -> &outbox::Outbox {
        &self.0.outbox
    }

    /// Opens the world. Nothing may wait for anything while it is open.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn face(platform: &str) -> Option<&'static dyn Face> {
    crate::get(platform).map(crate::contract::Platform::sandbox)
}

/// Dates an answer by the pretend platforms' clock, as a real one's answers are by its own.
async fn dated(State(sandbox): State<Sandbox>, mut response: Response) -> Response {
    let now = jiff::Timestamp::from_millisecond(sandbox.clock().now().as_millis());
    let text = now.map(|now| now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    if let Some(value) = text.ok().and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(DATE, value);
    }
    response
}

/// The platforms' real host names, each with the path where it is pretended.
#[derive(Clone, Debug)]
struct Hosts(Arc<BTreeMap<String, String>>);

impl Hosts {
    fn new(root: &Url) -> Self {
        let mut hosts = BTreeMap::new();
        for platform in crate::ALL {
            let pretended = platform.sandbox().urls(root);
            for (role, real) in platform.urls() {
                let host = Url::parse(real).ok().and_then(|url| url.host_str().map(str::to_owned));
                if let (Some(host), Some(url)) = (host, pretended.get(*role)) {
                    hosts.insert(host, url.path().to_owned());
                }
            }
        }
        Self(Arc::new(hosts))
    }
}

/// Sends a request for a real host to the path where that host is pretended.
async fn by_host(State(hosts): State<Hosts>, mut request: Request, next: Next) -> Response {
    let host = request.headers().get("host").and_then(|host| host.to_str().ok());
    let name = host.and_then(|host| host.split(':').next()).unwrap_or_default();
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let moved = hosts.0.get(name).map(|prefix| format!("{prefix}{path}"));
    if let Some(uri) = moved.and_then(|moved| moved.parse::<Uri>().ok()) {
        *request.uri_mut() = uri;
    }
    next.run(request).await
}
