//! What a scenario plays on: a Posta and a sandbox of its own, or ones that run already.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use posta_core::chance::Chance;
use posta_core::id::Ids;
use posta_core::secret::{KeyRing, Secret};
use posta_core::time::{Clock, Timestamp};
use posta_platforms::contract::Platform;
use posta_platforms::http::{Http, Reply, RequestBuilder};
use posta_platforms::sandbox::Sandbox;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::file::Scenario;
use super::inbox::Inbox;
use crate::app::App;
use crate::cli::LOOPBACK;
use crate::config::{Environment, Layers};
use crate::flows::announce::ANNOUNCED;
use crate::flows::keys::{NewKey, make, workspace};
use crate::telemetry::Stopwatch;
use crate::{boot, workers};

/// How long something may take that is expected to happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait before looking again.
const LOOK: Duration = Duration::from_millis(50);

/// A Posta that runs already, and the sandbox that it uses.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) posta: Url,
    pub(super) key: Secret,
    pub(super) sandbox: Url,
}

/// What a scenario plays on.
pub(super) struct Stage {
    pub(super) platform: &'static dyn Platform,
    pub(super) posta: Url,
    pub(super) sandbox: Url,
    pub(super) inbox: Inbox,
    /// The client id of the app at the platform.
    pub(super) client_id: String,
    /// The profile that accounts are connected to.
    pub(super) profile: String,
    pub(super) receiver: Url,
    key: Secret,
    http: Http,
    endpoint: String,
    own: Option<Own>,
    tasks: TaskTracker,
    end: CancellationToken,
}

struct Own {
    app: App,
    network: Sandbox,
    _folder: TempDir,
}

/// An answer of Posta's or the sandbox's.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Stage {
    /// Starts, or finds, all that a scenario needs.
    pub(super) async fn build(
        scenario: &Scenario,
        running: Option<&Running>,
    ) -> anyhow::Result<Self> {
        let platform = match &scenario.platform {
            None => *posta_platforms::ALL.first().context("this build speaks no platform")?,
            Some(name) => posta_platforms::get(name)
                .with_context(|| format!("there is no platform {name}"))?,
        };
        let (tasks, end, inbox) = (TaskTracker::new(), CancellationToken::new(), Inbox::default());
        let (listener, receiver) = listen().await?;
        serve(&tasks, &end, axum::serve(listener, inbox.router()));
        let (own, found) = match running {
            Some(running) => (None, running.clone()),
            None => {
                let (own, found) = Own::start(scenario, platform, &tasks, &end).await?;
                (Some(own), found)
            }
        };
        let mut stage = Self {
            platform,
            posta: found.posta,
            sandbox: found.sandbox,
            inbox,
            client_id: String::new(),
            profile: String::new(),
            receiver,
            key: found.key,
            http: Http::new(),
            endpoint: String::new(),
            own,
            tasks,
            end,
        };
        stage.prepare().await?;
        Ok(stage)
    }

    /// Finds the app and the profile, and registers where events are delivered to.
    async fn prepare(&mut self) -> anyhow::Result<()> {
        let name = self.platform.name();
        if self.own.is_none() {
            self.control("seed", Some(&json!({"platform": name}))).await?.good("the sandbox")?;
        }
        let apps = self.control(&format!("{name}/apps"), None).await?.good("the sandbox")?;
        let apps = apps["apps"].as_array().context("the sandbox has no apps")?;
        let has_webhook = |app: &&Value| app["webhook"]["active"] == true;
        let app = apps.iter().find(has_webhook);
        let app =
            app.context("no app in the sandbox has an active webhook: see docs/sandbox.md")?;
        self.client_id = app["client_id"].as_str().unwrap_or_default().to_owned();
        let profiles = self.api("GET", "/v1/profiles", &[], None).await?.good("Posta")?;
        let profile = profiles["profiles"][0]["_id"].as_str();
        self.profile = profile.context("the key sees no profile")?.to_owned();
        let wanted = json!({
            "name": "scenario", "url": self.receiver.join("hook")?, "events": ANNOUNCED,
        });
        let made = self.api("POST", "/v1/webhooks/settings", &[], Some(&wanted)).await?;
        let made = made.good("Posta")?;
        let text = |name: &str| made["webhook"][name].as_str().unwrap_or_default().to_owned();
        self.inbox.learn(Secret::new(text("secret")));
        self.endpoint = text("_id");
        Ok(())
    }

    /// Returns how long something may take that is expected to happen. With a Posta of its own,
    /// nothing is under way any more when that is asked.
    pub(super) fn patience(&self) -> Duration {
        if self.own.is_some() { PATIENCE / 4 } else { PATIENCE }
    }

    /// Calls Posta.
    pub(super) async fn api(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let url = self.posta.join(path.trim_start_matches('/'))?;
        let mut request = self.http.request(method.parse()?, url);
        request = request.bearer_auth(self.key.expose());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        Answer::of(&self.send(request).await?)
    }

    /// Calls the control API, with a body to change something.
    pub(super) async fn control(&self, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let url = self.sandbox.join(&format!("_sandbox/{}", path.trim_start_matches('/')))?;
        let request = match body {
            Some(body) => self.http.post(url).json(body),
            None => self.http.get(url),
        };
        Answer::of(&self.send(request).await?)
    }

    /// Takes all rules of the fault dial back.
    pub(super) async fn calm(&self) -> anyhow::Result<Answer> {
        let url = self.sandbox.join("_sandbox/faults")?;
        Answer::of(&self.send(self.http.delete(url)).await?)
    }

    /// Sends something as a browser does: without a key, following nothing.
    pub(super) async fn browse(
        &self,
        url: Url,
        form: Option<&[(String, String)]>,
    ) -> anyhow::Result<Url> {
        let request = match form {
            Some(form) => self.http.post(url.clone()).form(form),
            None => self.http.get(url.clone()),
        };
        let reply = self.send(request).await?;
        let location = reply.headers.get("location").and_then(|value| value.to_str().ok());
        let location = location.with_context(|| {
            let page = String::from_utf8_lossy(&reply.body);
            format!("{} answered {} and no redirect: {page}", url.path(), reply.status)
        })?;
        Ok(url.join(location)?)
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Reply> {
        let reply = self.http.send(request).await;
        reply.map_err(|_| anyhow::anyhow!("there was no answer in time"))
    }

    /// Returns what time it is on the platform.
    pub(super) async fn now(&self) -> Option<Timestamp> {
        let clock = self.control("clock", None).await.ok()?;
        clock.body["now"].as_str()?.parse().ok()
    }

    /// Waits until nothing is under way or due.
    pub(super) async fn settle(&self) -> anyhow::Result<()> {
        let (watch, mut calm) = (Stopwatch::start(), 0);
        // Each side can wake another, so all have to be calm more than once.
        while calm < 3 && watch.elapsed() < PATIENCE {
            let deliveries = self.control("deliveries", None).await?.good("the sandbox")?;
            let is_idle = match &self.own {
                Some(own) => {
                    workers::is_idle(&own.app).await? && own.network.pending_deliveries() == 0
                }
                None => true,
            };
            calm = if is_idle && deliveries["pending"] == 0 { calm + 1 } else { 0 };
            pause().await;
        }
        Ok(())
    }

    /// Takes everything down.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        if self.own.is_none() {
            let path = format!("/v1/webhooks/settings?id={}", self.endpoint);
            self.api("DELETE", &path, &[], None).await?.good("Posta")?;
        }
        if let Some(own) = &self.own {
            own.app.stop.cancel();
        }
        self.end.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        Ok(())
    }
}

/// Waits a moment of real time.
pub(super) async fn pause() {
    super::super::clock().sleep(LOOK).await;
}

impl Answer {
    fn of(reply: &Reply) -> anyhow::Result<Self> {
        Ok(Self { status: reply.status.as_u16(), body: reply.json().unwrap_or_default() })
    }

    /// Insists on a success.
    pub(super) fn good(self, who: &str) -> anyhow::Result<Value> {
        ensure!((200..300).contains(&self.status), "{who} answered {}: {}", self.status, self.body);
        Ok(self.body)
    }
}

impl Own {
    async fn start(
        scenario: &Scenario,
        platform: &'static dyn Platform,
        tasks: &TaskTracker,
        end: &CancellationToken,
    ) -> anyhow::Result<(Self, Running)> {
        let clock = scenario.at.map_or_else(Clock::system, Clock::running);
        let (chance, folder) = (Chance::system(), tempfile::tempdir()?);
        let (listener, sandbox) = listen().await?;
        let network = Sandbox::new(clock.clone(), Chance::seeded(1));
        serve(tasks, end, network.clone().serve(listener, end.clone()));
        let (listener, posta) = listen().await?;
        let client_secret = Secret::new(chance.hex::<16>());
        let mut layers = Layers::read(None, &Environment::default())?;
        layers
            .set("database.url", format!("sqlite:{}", folder.path().join("posta.db").display()))?;
        layers.set("public_url", posta.as_str())?;
        layers.set("master_key", KeyRing::generate(&chance).expose())?;
        let section = format!("platforms.{}", platform.name());
        let client_id = platform.sandbox().cast().client_id;
        layers.set(&format!("{section}.client_id"), client_id)?;
        layers.set(&format!("{section}.client_secret"), client_secret.expose())?;
        layers.set(&format!("{section}.verify_token"), client_secret.expose())?;
        for (role, url) in platform.sandbox().urls(&sandbox) {
            layers.set(&format!("{section}.urls.{role}"), url.as_str())?;
        }
        layers.set("outbound.allow", LOOPBACK)?;
        for (key, value) in &scenario.settings {
            let value: toml::Value = serde_json::from_value(value.clone())
                .with_context(|| format!("settings: {key} cannot have this value"))?;
            layers.set(key, value).map_err(|error| anyhow::anyhow!("settings: {error}"))?;
        }
        let config = layers.config()?;
        let db = boot::open(&config.database.url).await?;
        db.migrate().await?;
        db.close().await;
        let app = boot::build(config, clock, chance).await?;
        let key = first_key(&app).await?;
        serve(tasks, end, boot::serve(app.clone(), listener));
        let running = Running { posta, key, sandbox };
        let own = Self { app, network, _folder: folder };
        own.seed(platform.name(), &client_secret, &running).await?;
        Ok((own, running))
    }

    /// Makes the first world of the sandbox, with Posta as its app.
    async fn seed(&self, platform: &str, secret: &Secret, at: &Running) -> anyhow::Result<()> {
        let seed = json!({
            "platform": platform,
            "client_secret": secret.expose(),
            "redirect_uris": [at.posta.join(&format!("connect/{platform}/callback"))?],
            "webhook": {
                "callback_url": at.posta.join(&format!("webhooks/{platform}"))?,
                "verify_token": secret.expose(),
            },
        });
        let http = Http::new();
        let request = http.post(at.sandbox.join("_sandbox/seed")?).json(&seed);
        match http.send(request).await {
            Ok(reply) => Answer::of(&reply)?.good("the sandbox").map(|_| ()),
            Err(_) => bail!("the sandbox does not answer"),
        }
    }
}

async fn listen() -> anyhow::Result<(TcpListener, Url)> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen on loopback")?;
    let url = Url::parse(&format!("http://{}/", listener.local_addr()?))?;
    Ok((listener, url))
}

/// Serves beside the scenario, until its end.
fn serve<T, E>(
    tasks: &TaskTracker,
    end: &CancellationToken,
    served: impl IntoFuture<Output = Result<T, E>, IntoFuture: Send + 'static>,
) where
    T: Send + 'static,
    E: std::fmt::Display + Send + 'static,
{
    let (end, served) = (end.clone(), served.into_future());
    tasks.spawn(async move {
        tokio::select! {
            served = served => if let Err(error) = served {
                tracing::error!(%error, "a listener of the scenario failed");
            },
            () = end.cancelled() => {}
        }
    });
}

async fn first_key(app: &App) -> anyhow::Result<Secret> {
    let ids = Ids::new(app.clock.clone(), app.chance.clone());
    let mut tx = app.db.write().await?;
    let owner = workspace(&ids, &mut tx, "scenario").await?;
    let new = NewKey {
        name: "scenario".to_owned(),
        profile_ids: None,
        is_read_only: false,
        disabled_groups: Vec::new(),
        expires_at: None,
    };
    let (_, key) = make(&ids, &mut tx, &owner.id, new).await?;
    tx.commit().await?;
    Ok(key)
}
