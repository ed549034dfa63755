//! The networks in a box: pretend platforms on HTTP, each with state and rules of its own.

mod control;
pub(crate) mod deed;
pub(crate) mod deliver;
pub(crate) mod hub;
mod lapse;
pub(crate) mod posts;
pub(crate) mod seed;
pub(crate) mod world;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::uri::{PathAndQuery, Uri};
use axum::middleware::{self, Next};
use axum::response::Response;
use futures_util::future::BoxFuture;
use posta_core::chance::Chance;
use posta_core::time::{Clock, Timestamp};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::http::Http;

pub use self::deed::{Deed, Doer, Done, Refused};
pub use self::deliver::{Notice, Packed};
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

    /// Lets somebody do something in a thread, and tells the apps that asked to be told.
    fn act(&self, sandbox: &Sandbox, deed: &Deed) -> Result<Done, Refused>;

    /// Returns what the dashboard's button for testing a webhook field would send.
    fn sample(&self, field: &str, envelope: Option<&str>) -> Result<Notice, Refused>;

    /// Makes an id for a new post or comment.
    fn post_id(&self, chance: &Chance) -> String;

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
    outbox: deliver::Outbox,
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
            outbox: deliver::Outbox::new(),
            clock,
            chance,
            http: Http::new(),
            root: OnceLock::new(),
        }))
    }

    /// Returns everything that answers, for a listener that the outside knows as `root`.
    pub fn router(&self, root: &Url) -> Router {
        let _ = self.0.root.set(root.clone());
        let mut inner = control::routes(root);
        for platform in crate::ALL {
            inner = inner.merge(platform.sandbox().routes());
        }
        let inner = inner.with_state(self.clone());
        // The layer has to see a request before it is routed, hence a router around the router.
        Router::new()
            .fallback_service(inner)
            .layer(middleware::from_fn_with_state(Hosts::new(root), by_host))
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
        let served = axum::serve(listener, self.router(&root))
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

    fn outbox(&self) -> &deliver::Outbox {
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
