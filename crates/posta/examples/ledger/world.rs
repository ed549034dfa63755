//! Everything that runs: the pretend networks, the servers behind one address, the customer's program;
//! and calls to them, over HTTP only.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, anyhow, ensure};
use posta_core::chance::Chance;
use posta_core::secret::KeyRing;
use posta_core::time::{Clock, Timestamp};
use posta_platforms::contract::Platform;
use posta_platforms::http::{Http, Reply, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::clock::ServerClock;
use crate::database::Database;
use crate::load::Fate;
use crate::nodes::{Process, Program, built, free};
use crate::proxy::Proxy;
use crate::receiver::{ALL, Receiver};
use crate::{Arguments, Kind};

/// What the endpoints hear of.
pub(crate) const EVENTS: [&str; 4] =
    ["message.received", "message.sent", "conversation.started", "account.connected"];

/// Deliveries are given up within minutes, not days, so that parked ones are seen, too.
pub(crate) const SCHEDULE: [&str; 8] = ["1s", "2s", "3s", "5s", "8s", "13s", "21s", "34s"];

/// How many people write.
pub(crate) const PEOPLE: usize = 24;

/// What was done to a server, its clock or its database.
#[derive(Debug)]
pub(crate) struct Blow {
    /// From when.
    pub(crate) from: Timestamp,
    /// Until all was there again.
    pub(crate) until: Timestamp,
    /// The deliveries that were under way when it fell or when it was over: endpoint and event.
    pub(crate) under_way: BTreeSet<(String, String)>,
    /// Whether it was the clock's, which stops nobody, so that more may have been under way.
    pub(crate) is_leap: bool,
}

/// What is written down while all runs.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// The platform's ids of what people wrote.
    pub(crate) written: BTreeSet<String>,
    /// Every text in the webhooks that the servers answered with 200.
    pub(crate) told: BTreeSet<String>,
    /// The webhooks that were looked at.
    pub(crate) seen: BTreeSet<u64>,
    /// How many webhooks the pretend network still has to hand over.
    pub(crate) owed: usize,
    /// What became of each reply that was asked for, by the event that it answers.
    pub(crate) replies: BTreeMap<String, Fate>,
    /// How many requests that took.
    pub(crate) requests: u64,
    /// The tries at which webhooks were answered with 503.
    pub(crate) refused: BTreeSet<(u64, usize)>,
    /// Webhooks that were answered with something else, and with what.
    pub(crate) wrong: BTreeSet<(u64, u64)>,
    /// What was done to servers and database.
    pub(crate) blows: Vec<Blow>,
}

/// Everything that runs.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) http: Http,
    pub(crate) platform: &'static dyn Platform,
    pub(crate) sandbox: Process,
    pub(crate) nodes: Vec<Process>,
    /// The address under which all servers are reached.
    pub(crate) front: Proxy,
    pub(crate) database: Database,
    /// What the servers take for the time.
    pub(crate) server_clock: ServerClock,
    pub(crate) receiver: Receiver,
    /// The events that the steady endpoint took.
    pub(crate) received: Mutex<Option<mpsc::UnboundedReceiver<Value>>>,
    pub(crate) key: String,
    /// Our id of the account, and its name at the platform.
    pub(crate) account: String,
    pub(crate) username: String,
    /// The ids of the endpoints, by name.
    pub(crate) endpoints: BTreeMap<String, String>,
    pub(crate) end: CancellationToken,
    notes: Mutex<Notes>,
    tasks: TaskTracker,
    folder: TempDir,
}

impl World {
    /// Starts everything and connects an account.
    pub(crate) async fn start(
        arguments: &Arguments,
        kind: Kind,
        nodes: usize,
    ) -> anyhow::Result<Self> {
        let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
        let (clock, http) = (Clock::system(), Http::new());
        let folder = tempfile::Builder::new().prefix("posta-ledger-").tempdir()?;
        open_to_all(folder.path())?;
        let platform = *posta_platforms::ALL.first().context("this build speaks no platform")?;
        let addresses = (0..nodes).map(|_| free()).collect::<anyhow::Result<Vec<_>>>()?;
        let front = Proxy::start(addresses.clone(), &tasks, &end).await?;
        let database = Database::start(kind, folder.path(), &tasks, &end).await?;
        let server_clock = ServerClock::build(folder.path())?;
        let path = arguments.posta.clone().map_or_else(built, |path| Ok(path.canonicalize()?))?;
        let mut program =
            Program { path, environment: Vec::new(), folder: folder.path().to_owned() };
        let at = free()?;
        let sandbox =
            Process::new(program.clone(), "sandbox", &["sandbox", "--listen", &at.to_string()], at);
        sandbox.start(&http, "_sandbox/clock").await?;
        let secret = Chance::seeded(arguments.seed).hex::<16>();
        program.environment = environment(platform, front.address, at, &database.url, &secret)?;
        program.environment.extend(server_clock.environment());
        program.run(&["migrate"])?;
        let key = program.run(&["keys", "create", "--name", "ledger", "--json"])?;
        let key: Value = serde_json::from_str(&key)?;
        let node = |(index, at): (usize, SocketAddr)| {
            let arguments = ["serve", "--listen", &at.to_string()];
            Process::new(program.clone(), &format!("node-{index}"), &arguments, at)
        };
        let nodes: Vec<_> = addresses.into_iter().enumerate().map(node).collect();
        for node in &nodes {
            node.start(&http, "readyz").await?;
        }
        let (receiver, received) = Receiver::start(clock.clone(), &tasks, &end).await?;
        let mut world = Self {
            clock,
            http,
            platform,
            sandbox,
            nodes,
            front,
            database,
            server_clock,
            receiver,
            received: Mutex::new(Some(received)),
            key: text(&key, "/key")?,
            account: String::new(),
            username: String::new(),
            endpoints: BTreeMap::new(),
            end,
            notes: Mutex::default(),
            tasks,
            folder,
        };
        world.people(&secret).await?;
        world.register().await?;
        world.connect().await?;
        Ok(world)
    }

    /// Makes the first world of the pretend network, with the servers as its app.
    async fn people(&self, secret: &str) -> anyhow::Result<()> {
        let name = self.platform.name();
        let seed = json!({
            "platform": name,
            "client_secret": secret,
            "redirect_uris": [self.at(&format!("connect/{name}/callback"))?],
            "webhook": {
                "callback_url": self.at(&format!("webhooks/{name}"))?, "verify_token": secret,
            },
        });
        self.control("seed", Some(&seed)).await?;
        for number in 0..PEOPLE {
            let person = json!({"username": person(number)});
            self.control(&format!("{name}/people"), Some(&person)).await?;
        }
        Ok(())
    }

    async fn register(&mut self) -> anyhow::Result<()> {
        for name in ALL {
            let wanted = json!({
                "name": name, "url": self.receiver.url.join(name)?, "events": EVENTS, "isActive": true,
            });
            let made = self.api("POST", "webhooks/settings", Some(&wanted)).await?;
            self.receiver.learn(name, text(&made, "/webhook/secret")?);
            self.endpoints.insert(name.to_owned(), text(&made, "/webhook/_id")?);
        }
        Ok(())
    }

    /// Connects an account by the platform's consent page, as a browser would.
    async fn connect(&mut self) -> anyhow::Result<()> {
        let profiles = self.api("GET", "profiles", None).await?;
        let profile = text(&profiles, "/profiles/0/_id")?;
        let path = format!("connect/{}?profileId={profile}", self.platform.name());
        let started = self.api("GET", &path, None).await?;
        let page: Url = text(&started, "/authUrl")?.parse()?;
        let mut form: Vec<(String, String)> = page.query_pairs().into_owned().collect();
        form.push(("decision".to_owned(), "allow".to_owned()));
        let mut bare = page.clone();
        bare.set_query(None);
        let pressed = self.send(self.http.post(bare).form(&form)).await?;
        let back: Url = location(&pressed)?.parse()?;
        let answer = self.send(self.http.get(back)).await?;
        ensure!(answer.status.as_u16() < 400, "the callback answered {}", answer.status);
        let accounts = self.api("GET", "accounts", None).await?;
        self.account = text(&accounts, "/accounts/0/_id")?;
        self.username = text(&accounts, "/accounts/0/username")?;
        Ok(())
    }

    /// Calls the servers as a customer's program does, and insists on a success.
    pub(crate) async fn api(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let mut request = self.http.request(method.parse()?, self.at(&format!("v1/{path}"))?);
        if let Some(body) = body {
            request = request.json(body);
        }
        let reply = self.send(request.bearer_auth(&self.key)).await?;
        let answer: Value = reply.json().unwrap_or_default();
        ensure!(reply.status.is_success(), "{method} /v1/{path}: {} {answer}", reply.status);
        Ok(answer)
    }

    /// Calls the pretend network's control API, with a body to change something.
    pub(crate) async fn control(&self, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let url: Url = format!("http://{}/_sandbox/{path}", self.sandbox.address).parse()?;
        let request = match body {
            Some(body) => self.http.post(url).json(body),
            None => self.http.get(url),
        };
        let reply = self.send(request).await?;
        let answer: Value = reply.json().unwrap_or_default();
        ensure!(reply.status.is_success(), "/_sandbox/{path}: {} {answer}", reply.status);
        Ok(answer)
    }

    /// The URL of a path at the servers.
    pub(crate) fn at(&self, path: &str) -> anyhow::Result<Url> {
        Ok(format!("http://{}/{path}", self.front.address).parse()?)
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> anyhow::Result<Reply> {
        self.http.send(request).await.map_err(|error| anyhow!("no answer: {error:?}"))
    }

    /// What is written down.
    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists the deliveries under way: endpoint and event. `is_left` when no server runs on a file.
    pub(crate) async fn under_way(
        &self,
        is_left: bool,
    ) -> anyhow::Result<BTreeSet<(String, String)>> {
        let name = |id: &str| {
            let named = self.endpoints.iter().find(|(_, one)| *one == id);
            named.map(|(name, _)| name.clone())
        };
        let pairs = self.database.under_way(is_left).await?;
        let pairs = pairs.into_iter();
        Ok(pairs.filter_map(|(to, event)| Some((name(to.as_str())?, event.to_string()))).collect())
    }

    /// Notes a blow that is over now.
    pub(crate) fn struck(
        &self,
        from: Timestamp,
        under_way: BTreeSet<(String, String)>,
        is_leap: bool,
    ) {
        let until = self.clock.now();
        self.notes().blows.push(Blow { from, until, under_way, is_leap });
    }

    /// Ends everything. The folder with logs and database stays when it is needed to see what happened.
    pub(crate) async fn stop(&self, is_balanced: bool) -> Option<PathBuf> {
        self.end.cancel();
        self.nodes.iter().for_each(Process::kill);
        self.sandbox.kill();
        let stopped = self.database.stop(!is_balanced);
        self.tasks.close();
        self.tasks.wait().await;
        (!is_balanced || stopped.is_err()).then(|| self.save())
    }

    fn save(&self) -> PathBuf {
        let kept = self.folder.path().with_extension("kept");
        // What cannot be renamed is lost with the folder, which is no reason to hide the balance.
        let _ = std::fs::rename(self.folder.path(), &kept);
        kept
    }
}

/// The name of a person who writes.
pub(crate) fn person(number: usize) -> String {
    format!("writer.{number}")
}

/// A text in an answer.
pub(crate) fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(ToOwned::to_owned).with_context(|| format!("there is no {pointer} in {value}"))
}

fn location(reply: &Reply) -> anyhow::Result<String> {
    let header = reply.headers.get("location").and_then(|value| value.to_str().ok());
    header.map(ToOwned::to_owned).with_context(|| format!("no redirect, but {}", reply.status))
}

/// The settings of a server, as an operator would set them.
fn environment(
    platform: &dyn Platform,
    front: SocketAddr,
    sandbox: SocketAddr,
    database: &str,
    secret: &str,
) -> anyhow::Result<Vec<(String, String)>> {
    let root: Url = format!("http://{sandbox}/").parse()?;
    let section = format!("PLATFORMS_{}", platform.name().to_uppercase());
    let mut all = vec![
        ("PUBLIC_URL".to_owned(), format!("http://{front}")),
        ("DATABASE_URL".to_owned(), database.to_owned()),
        ("MASTER_KEY".to_owned(), KeyRing::generate(&Chance::system()).expose().to_owned()),
        ("OUTBOUND_ALLOW".to_owned(), "127.0.0.0/8".to_owned()),
        ("WEBHOOKS_RETRY_SCHEDULE".to_owned(), SCHEDULE.join(", ")),
        // Comparing with the platform would mend what the webhooks' way has lost.
        ("INBOX_IMPORT_THREADS".to_owned(), "0".to_owned()),
        ("INBOX_RECONCILE_MINUTES".to_owned(), "0".to_owned()),
        (format!("{section}_CLIENT_ID"), platform.sandbox().cast().client_id.to_owned()),
        (format!("{section}_CLIENT_SECRET"), secret.to_owned()),
        (format!("{section}_VERIFY_TOKEN"), secret.to_owned()),
    ];
    for (role, url) in platform.sandbox().urls(&root) {
        all.push((format!("{section}_URLS_{}", role.to_uppercase()), url.to_string()));
    }
    Ok(all.into_iter().map(|(name, value)| (format!("POSTA_{name}"), value)).collect())
}

/// The database server's own user has to pass through.
fn open_to_all(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711))
}
