//! The stage of every story: Posta, the sandbox, a customer's webhook endpoint, and a proxy before
//! the platform that can misbehave. Time stands still until a story moves it.

#[cfg(debug_assertions)]
mod doomed;
mod hook;
mod logs;
mod proxy;

#[path = "../../../../store/tests/support/postgres.rs"]
mod postgres;

use std::collections::BTreeMap;
use std::time::Duration;

use posta::app::App;
use posta::config::{Environment, Layers};
use posta::flows::keys::{NewKey, make, workspace};
use posta::{boot, workers};
use posta_core::chance::Chance;
use posta_core::id::Ids;
use posta_core::time::{Clock, Timestamp, pause};
use posta_platforms::sandbox::Sandbox;
use posta_store::Db;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

pub(crate) use hook::Hook;
pub(crate) use proxy::{Fault, Proxy};

/// When every story begins: 2026-01-01, noon.
pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_767_268_800_000);

/// The app at the platform.
pub(crate) const CLIENT_ID: &str = "990000000000001";
/// Its secret.
pub(crate) const CLIENT_SECRET: &str = "client-secret-that-must-never-be-logged";
/// What the platform says when it asks whether the webhook URL is ours.
pub(crate) const VERIFY_TOKEN: &str = "verify-token-that-must-never-be-logged";

/// Tells a story on SQLite and on Postgres.
macro_rules! story {
    ($(#[$doc:meta])* async fn $name:ident($stage:ident: Stage) $body:block) => {
        $(#[$doc])*
        async fn $name($stage: &mut Stage) $body

        mod $name {
            use crate::support::Stage;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                crate::support::in_time(async {
                    let mut stage = Stage::sqlite().await;
                    super::$name(&mut stage).await;
                    stage.finish().await;
                })
                .await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                crate::support::in_time(async {
                    let Some(mut stage) = Stage::postgres().await else { return };
                    super::$name(&mut stage).await;
                    stage.finish().await;
                })
                .await;
            }
        }
    };
}
pub(crate) use story;

/// How long a story may take by the wall clock: far longer than any needs, so that one that hangs
/// fails under its name.
const PATIENCE: Duration = Duration::from_mins(5);

/// How long a story may wait for calm, before it says what is not calm.
const CALM: Duration = Duration::from_mins(3);

/// Tells a story, and gives up on one that hangs.
pub(crate) async fn in_time(story: impl Future<Output = ()>) {
    let watch = Clock::system();
    let ended = watch.timeout(PATIENCE, story).await;
    assert!(
        ended.is_some(),
        "the story did not end in {PATIENCE:?}; it or what it waits for hangs"
    );
}

/// Where the story's data is; gone with it.
enum Place {
    Sqlite(tempfile::TempDir),
    Postgres(Box<postgres::Database>),
}

impl Place {
    fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("posta.db").display()),
            Self::Postgres(database) => database.url(),
        }
    }
}

/// Everything a story needs.
pub(crate) struct Stage {
    /// The server.
    pub(crate) app: App,
    /// Where it listens.
    pub(crate) posta: Url,
    /// The time that Posta and the sandbox share.
    pub(crate) clock: Clock,
    /// The pretend platform.
    pub(crate) sandbox: Sandbox,
    /// Where it listens.
    pub(crate) sandbox_url: Url,
    /// What stands between Posta and the platform's Graph API.
    pub(crate) proxy: Proxy,
    /// The customer's webhook endpoint.
    pub(crate) hook: Hook,
    /// The API key.
    pub(crate) key: String,
    /// The default profile.
    pub(crate) profile: String,
    /// The connected account, once there is one.
    pub(crate) account: String,
    http: reqwest::Client,
    secrets: Vec<String>,
    settings: Vec<(&'static str, &'static str)>,
    logs_since: usize,
    server: TaskTracker,
    scenery: TaskTracker,
    end: CancellationToken,
    place: Place,
    media: tempfile::TempDir,
    numbers: Vec<(&'static str, i64)>,
    nodes: Vec<(App, TaskTracker)>,
    #[cfg(debug_assertions)]
    doomed: Option<doomed::Doomed>,
}

/// An answer of Posta's.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: BTreeMap<String, String>,
    /// The body, null when it is not JSON.
    pub(crate) body: Value,
    /// The body as text.
    pub(crate) text: String,
}

impl Answer {
    /// Insists on a status and hands out the body.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// Insists on a failure with this status and code and hands out the body.
    #[track_caller]
    pub(crate) fn expect_error(self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.text
        );
        self.body
    }
}

#[expect(clippy::disallowed_methods, reason = "stories speak with nothing of our client code")]
pub(crate) fn plain_client() -> reqwest::Client {
    let no_redirects = reqwest::redirect::Policy::none();
    // A server that was restarted has closed what an idle connection would be used for.
    let client = reqwest::Client::builder().redirect(no_redirects).pool_max_idle_per_host(0);
    client.build().unwrap()
}

async fn listen() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    (listener, url)
}

impl Stage {
    pub(crate) async fn sqlite() -> Self {
        Self::build(Place::Sqlite(tempfile::tempdir().unwrap())).await
    }

    pub(crate) async fn postgres() -> Option<Self> {
        Some(Self::build(Place::Postgres(Box::new(postgres::Database::create().await?))).await)
    }

    async fn build(place: Place) -> Self {
        let logs_since = logs::start();
        let clock = Clock::fixed(NOON);
        let (end, scenery) = (CancellationToken::new(), TaskTracker::new());
        let (listener, sandbox_url) = listen().await;
        let sandbox = Sandbox::new(clock.clone(), Chance::seeded(1));
        let network = sandbox.clone().serve(listener, end.clone());
        scenery.spawn(async { network.await.unwrap() });
        let proxy = Proxy::start(&scenery, &end, &sandbox_url).await;
        let hook = Hook::start(&scenery, &end).await;
        let (listener, posta) = listen().await;
        let media = tempfile::tempdir().unwrap();
        let mut layers = layers(&place.url(), &posta, &sandbox_url, &proxy.url);
        layers.set("media.directory", media.path().to_str().unwrap()).unwrap();
        let app = open(&layers, &clock).await;
        let (key, profile) = first_key(&app).await;
        let server = serve(&app, listener);
        let mut stage = Self {
            app,
            posta,
            clock,
            sandbox,
            sandbox_url,
            proxy,
            hook,
            key: key.clone(),
            profile,
            account: String::new(),
            http: plain_client(),
            settings: Vec::new(),
            logs_since,
            secrets: vec![key, CLIENT_SECRET.to_owned(), VERIFY_TOKEN.to_owned()],
            server,
            scenery,
            end,
            place,
            media,
            numbers: Vec::new(),
            nodes: Vec::new(),
            #[cfg(debug_assertions)]
            doomed: None,
        };
        stage.seed().await;
        stage
    }

    async fn seed(&mut self) {
        let seed = json!({
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uris": [self.posta.join("connect/instagram/callback").unwrap()],
            "webhook": {
                "callback_url": self.posta.join("webhooks/instagram").unwrap(),
                "verify_token": VERIFY_TOKEN,
            },
        });
        self.control("seed", &seed).await;
    }

    /// Registers the hook for all events and connects the first account.
    pub(crate) async fn connect(&mut self) {
        self.listen_to(&[
            "message.received",
            "message.sent",
            "message.read",
            "message.failed",
            "message.edited",
            "message.deleted",
            "reaction.received",
            "referral.received",
            "comment.received",
            "conversation.started",
            "conversation.control_changed",
            "account.connected",
            "account.disconnected",
            "account.token_expiring",
            "account.recovered",
            "subscription.repaired",
        ])
        .await;
        self.allow().await;
    }

    /// Connects the account with an endpoint that hears only these events. Returns its id.
    pub(crate) async fn connect_hearing(&mut self, events: &[&str]) -> String {
        let id = self.listen_to(events).await;
        self.allow().await;
        id
    }

    async fn allow(&mut self) {
        let end = self.press("allow", &[]).await;
        self.account = query(&end, "accountId").unwrap_or_else(|| panic!("not connected: {end}"));
        self.settle().await;
    }

    /// Registers the hook for some events.
    pub(crate) async fn listen_to(&mut self, events: &[&str]) -> String {
        let wanted = json!({"name": "shop", "url": self.hook.url, "events": events});
        let made = self.post("webhooks/settings", &wanted).await.expect(200);
        let secret = made["webhook"]["secret"].as_str().unwrap().to_owned();
        self.hook.learn(&secret);
        self.keep_secret(&secret);
        made["webhook"]["_id"].as_str().unwrap().to_owned()
    }

    /// Does something for as long as the story goes on.
    pub(crate) fn beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        let end = self.end.clone();
        self.scenery.spawn(async move {
            tokio::select! {
                () = work => {}
                () = end.cancelled() => {}
            }
        });
    }

    /// Starts a second customer's endpoint, with settings beside its name and URL. Returns its id.
    pub(crate) async fn another_hook(&mut self, more: &Value) -> (Hook, String) {
        let hook = Hook::start(&self.scenery, &self.end).await;
        let mut wanted = more.clone();
        wanted["name"] = "another".into();
        wanted["url"] = hook.url.clone().into();
        let made = self.post("webhooks/settings", &wanted).await.expect(200);
        let secret = made["webhook"]["secret"].as_str().unwrap().to_owned();
        hook.learn(&secret);
        self.keep_secret(&secret);
        (hook, made["webhook"]["_id"].as_str().unwrap().to_owned())
    }

    /// Goes through the consent page, pressing `allow` or `deny`, and returns where the browser ends.
    pub(crate) async fn press(&mut self, decision: &str, more: &[(&str, &str)]) -> Url {
        let back = self.consent(decision, more).await;
        self.follow(back).await
    }

    /// Goes as far as the redirect that brings the browser back to Posta.
    pub(crate) async fn consent(&mut self, decision: &str, more: &[(&str, &str)]) -> Url {
        let path = format!(
            "connect/instagram?profileId={}&redirect_url=https%3A%2F%2Fshop.example%2Fdone%3Ftab%3D2",
            self.profile
        );
        let started = self.get(&path).await.expect(200);
        let auth_url: Url = started["authUrl"].as_str().unwrap().parse().unwrap();
        self.press_at(&auth_url, decision, more).await
    }

    /// Presses a button on the consent page at this URL.
    pub(crate) async fn press_at(
        &self,
        auth_url: &Url,
        decision: &str,
        more: &[(&str, &str)],
    ) -> Url {
        let mut form: Vec<(String, String)> = auth_url.query_pairs().into_owned().collect();
        form.push(("decision".to_owned(), decision.to_owned()));
        form.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let mut bare = auth_url.clone();
        bare.set_query(None);
        let reply = self.http.post(bare).form(&form).send().await.unwrap();
        assert_eq!(reply.status(), 302);
        reply.headers()["location"].to_str().unwrap().parse().unwrap()
    }

    /// Lets the browser go where it was sent and returns where Posta sends it on.
    pub(crate) async fn follow(&mut self, back: Url) -> Url {
        if let Some(code) = query(&back, "code") {
            self.keep_secret(&code);
        }
        let reply = self.http.get(back).send().await.unwrap();
        assert_eq!(reply.status(), 303, "{}", reply.text().await.unwrap());
        reply.headers()["location"].to_str().unwrap().parse().unwrap()
    }

    /// Asks Posta's API as the key's owner.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(body), &[]).await
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let url = self.posta.join(&format!("v1/{path}")).unwrap();
        let mut request = self.http.request(method, url);
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.bearer_auth(&self.key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request).await
    }

    /// Calls anything of Posta's without a key.
    pub(crate) async fn plain(
        &self,
        request: impl FnOnce(&reqwest::Client, Url) -> reqwest::RequestBuilder,
        path: &str,
    ) -> Answer {
        answer(request(&self.http, self.posta.join(path).unwrap())).await
    }

    /// Moves somebody in the sandbox.
    pub(crate) async fn control(&self, path: &str, body: &Value) -> Value {
        let url = self.sandbox_url.join(&format!("_sandbox/{path}")).unwrap();
        answer(self.http.post(url).json(body)).await.expect(200)
    }

    /// Looks at something in the sandbox.
    pub(crate) async fn look(&self, path: &str) -> Value {
        let url = self.sandbox_url.join(&format!("_sandbox/{path}")).unwrap();
        answer(self.http.get(url)).await.expect(200)
    }

    /// A customer writes. Returns the platform's id of the message.
    pub(crate) async fn writes(&mut self, person: &str, text: &str) -> String {
        self.keep_secret(text);
        let path = format!("instagram/people/{person}/write");
        let done = self.control(&path, &json!({"text": text})).await;
        done["message_id"].as_str().unwrap().to_owned()
    }

    /// Sends a text into the conversation with a person, by the platform's id of them.
    pub(crate) async fn send(
        &mut self,
        person: &str,
        text: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.keep_secret(text);
        let body = json!({"accountId": self.account, "message": text});
        let path = format!("inbox/conversations/{person}/messages");
        self.call(Method::POST, &path, Some(&body), headers).await
    }

    /// Sends anything into the conversation with a person.
    pub(crate) async fn send_form(&self, person: &str, more: Value) -> Answer {
        let mut body = more;
        body["accountId"] = self.account.as_str().into();
        self.post(&format!("inbox/conversations/{person}/messages"), &body).await
    }

    /// Sends a form with a file in it.
    pub(crate) async fn upload(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        (name, file_name, bytes): (&str, &str, &[u8]),
        headers: &[(&str, &str)],
    ) -> Answer {
        const BOUNDARY: &str = "a-boundary-that-stands-in-no-file";
        let mut body = Vec::new();
        let begin = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; \
             filename=\"{file_name}\"\r\n\r\n"
        );
        body.extend_from_slice(begin.as_bytes());
        body.extend_from_slice(bytes);
        for (name, value) in fields {
            let field = format!(
                "\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}"
            );
            body.extend_from_slice(field.as_bytes());
        }
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let url = self.posta.join(&format!("v1/{path}")).unwrap();
        let form = format!("multipart/form-data; boundary={BOUNDARY}");
        let mut request = self.http.post(url).bearer_auth(&self.key).header("content-type", form);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.body(body)).await
    }

    /// The files that Posta keeps.
    pub(crate) fn files(&self) -> usize {
        std::fs::read_dir(self.media.path()).unwrap().count()
    }

    /// What the person sees in the conversation with the account, oldest first.
    pub(crate) async fn thread(&self, person: &str) -> Vec<Value> {
        let path = format!("instagram/accounts/lumen.cafe.demo/threads/{person}");
        self.look(&path).await["messages"].as_array().cloned().unwrap_or_default()
    }

    /// What Posta has of the conversation with a person, oldest first.
    pub(crate) async fn messages(&self, person: &str) -> Vec<Value> {
        let path = format!("inbox/conversations/{person}/messages?accountId={}", self.account);
        self.get(&path).await.expect(200)["messages"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until nothing is under way and nothing is due.
    pub(crate) async fn settle(&self) {
        let watch = Clock::system();
        let latest = watch.now().plus(CALM);
        let mut calm = 0;
        // Each of the three can wake another, so all have to be calm more than once.
        while calm < 3 {
            assert!(watch.now() < latest, "no calm: {}", self.find_unrest().await.unwrap_or("?"));
            calm = if self.find_unrest().await.is_none() { calm + 1 } else { 0 };
            if calm == 0 {
                // Whoever works needs the processor more than we do.
                pause(Duration::from_millis(1)).await;
            }
        }
    }

    /// Names what is due or under way.
    async fn find_unrest(&self) -> Option<&'static str> {
        if self.sandbox.pending_deliveries() > 0 {
            return Some("the platform's webhooks");
        }
        let mut work = workers::find_work(&self.app).await.unwrap();
        for (node, _) in &self.nodes {
            work = work.or(workers::find_work(node).await.unwrap());
        }
        work.or_else(|| {
            (self.sandbox.pending_deliveries() > 0).then_some("the platform's webhooks")
        })
    }

    /// Lets time pass, then waits until what fell due is done.
    pub(crate) async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.settle().await;
    }

    /// Notes a text that must never be logged.
    pub(crate) fn keep_secret(&mut self, text: &str) {
        self.secrets.push(text.to_owned());
    }

    /// The settings of the server, by key.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        settings(&self.place.url(), &self.posta, &self.sandbox_url, &self.proxy.url)
    }

    /// Opens the database beside the server.
    pub(crate) fn db(&self) -> &Db {
        &self.app.db
    }

    /// Lets the database fail: nobody gets at the file, or the server throws everybody out.
    pub(crate) async fn break_database(&self) {
        match &self.place {
            Place::Sqlite(_) => self.db().close().await,
            Place::Postgres(database) => database.shut().await,
        }
    }

    /// Makes the database well again. A file that is gone for a server is so until its next start.
    pub(crate) async fn mend_database(&mut self) {
        match &self.place {
            Place::Sqlite(_) => {
                self.crash().await;
                self.restart().await;
            }
            Place::Postgres(database) => database.open().await,
        }
    }

    /// Ends the server: work under way has its time to end, and what takes longer is cut off.
    pub(crate) async fn crash(&mut self) {
        self.server.close();
        self.app.stop.cancel();
        self.server.wait().await;
    }

    /// Starts the server again with another setting.
    pub(crate) async fn restart_with(&mut self, key: &'static str, value: &'static str) {
        self.settings.push((key, value));
        self.crash().await;
        self.restart().await;
    }

    /// Starts the server again on the same data and address.
    pub(crate) async fn restart(&mut self) {
        let address = self.address();
        let listener = TcpListener::bind(address).await.unwrap();
        self.app = open(&self.layers(), &self.clock).await;
        self.server = serve(&self.app, listener);
    }

    /// Starts another server on the same data, which ends with the story.
    pub(crate) async fn another_node(&mut self) -> App {
        let (listener, _) = listen().await;
        let app = open(&self.layers(), &self.clock).await;
        let server = serve(&app, listener);
        self.nodes.push((app.clone(), server));
        app
    }

    fn address(&self) -> std::net::SocketAddr {
        self.posta.socket_addrs(|| None).unwrap()[0]
    }

    fn layers(&self) -> Layers {
        let mut layers = layers(&self.place.url(), &self.posta, &self.sandbox_url, &self.proxy.url);
        for (key, value) in &self.settings {
            layers.set(key, *value).unwrap();
        }
        layers.set("media.directory", self.media.path().to_str().unwrap()).unwrap();
        for (key, number) in &self.numbers {
            layers.set(key, *number).unwrap();
        }
        layers
    }

    /// Starts the server again, in a runtime that can die by a plan.
    #[cfg(debug_assertions)]
    pub(crate) async fn rise(&mut self, side: posta_store::crash::Side) {
        let doomed = doomed::Doomed::new(side);
        let (layers, clock, address) = (self.layers(), self.clock.clone(), self.address());
        let start = async move {
            let listener = TcpListener::bind(address).await.unwrap();
            let app = open(&layers, &clock).await;
            let server = serve(&app, listener);
            (app, server)
        };
        (self.app, self.server) = doomed.run(start).await;
        self.doomed = Some(doomed);
    }

    /// The runtime of the server.
    #[cfg(debug_assertions)]
    pub(crate) fn doomed(&self) -> &doomed::Doomed {
        self.doomed.as_ref().unwrap()
    }

    /// Ends the server as SIGKILL would: nothing of it goes on.
    #[cfg(debug_assertions)]
    pub(crate) async fn die(&mut self) {
        self.doomed.take().unwrap().kill().await;
    }

    /// Starts the server again with another number in its settings.
    pub(crate) async fn restart_with_number(&mut self, key: &'static str, number: i64) {
        self.numbers.push((key, number));
        self.crash().await;
        self.restart().await;
    }

    /// Ends the story: nothing may be left over, nothing may have been logged that must not be.
    pub(crate) async fn finish(mut self) {
        self.settle().await;
        let tokens = self.look("instagram/tokens").await["tokens"].clone();
        for token in tokens.as_array().unwrap() {
            self.secrets.push(token["token"].as_str().unwrap().to_owned());
        }
        assert!(self.account.is_empty() || self.secrets.len() > 4, "no token to look for");
        self.nodes.push((self.app.clone(), self.server.clone()));
        for (node, server) in &self.nodes {
            node.stop.cancel();
            server.close();
            server.wait().await;
        }
        self.end.cancel();
        self.scenery.close();
        self.scenery.wait().await;
        logs::check(self.logs_since, &self.secrets);
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let reply = request.send().await.unwrap();
    let status = reply.status().as_u16();
    let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap_or_default().to_owned())
    };
    let headers = reply.headers().iter().map(header).collect();
    let text = reply.text().await.unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text }
}

/// A parameter of a URL.
pub(crate) fn query(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn settings(
    database: &str,
    posta: &Url,
    sandbox: &Url,
    proxy: &Url,
) -> Vec<(&'static str, String)> {
    let platform = posta_platforms::get("instagram").unwrap();
    let urls = platform.sandbox().urls(sandbox);
    vec![
        ("database.url", database.to_owned()),
        ("public_url", posta.to_string()),
        ("master_key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned()),
        ("platforms.instagram.client_id", CLIENT_ID.to_owned()),
        ("platforms.instagram.client_secret", CLIENT_SECRET.to_owned()),
        ("platforms.instagram.verify_token", VERIFY_TOKEN.to_owned()),
        ("platforms.instagram.urls.authorize", urls["authorize"].to_string()),
        ("platforms.instagram.urls.token", urls["token"].to_string()),
        ("platforms.instagram.urls.graph", proxy.to_string()),
    ]
}

fn layers(database: &str, posta: &Url, sandbox: &Url, proxy: &Url) -> Layers {
    let mut layers = Layers::read(None, &Environment::default()).unwrap();
    for (key, value) in settings(database, posta, sandbox, proxy) {
        layers.set(key, value).unwrap();
    }
    layers.set("outbound.allow", "127.0.0.0/8").unwrap();
    // Stories that are about them switch them on; in others they would only add calls.
    layers.set("inbox.import_threads", 0_i64).unwrap();
    layers.set("inbox.reconcile_minutes", 0_i64).unwrap();
    layers
}

async fn open(layers: &Layers, clock: &Clock) -> App {
    let config = layers.config().unwrap();
    let db = Db::open(&config.database.url).await.unwrap();
    db.migrate().await.unwrap();
    db.close().await;
    boot::build(config, clock.clone(), Chance::system()).await.unwrap()
}

fn serve(app: &App, listener: TcpListener) -> TaskTracker {
    let server = TaskTracker::new();
    let app = app.clone();
    server.spawn(async move { boot::serve(app, listener).await.unwrap() });
    server
}

/// Makes a key in a workspace of its own, and returns it with the workspace's profile.
pub(crate) async fn key_of(app: &App, name: &str) -> (String, String) {
    let ids = Ids::new(app.clock.clone(), Chance::system());
    let mut tx = app.db.write().await.unwrap();
    let owner = workspace(&ids, &mut tx, name).await.unwrap();
    let new = NewKey {
        name: name.to_owned(),
        profile_ids: None,
        is_read_only: false,
        disabled_groups: Vec::new(),
        expires_at: None,
    };
    let (_, key) = make(&ids, &mut tx, &owner.id, new).await.unwrap();
    let filter = posta_store::profiles::Filter::default();
    let profiles = posta_store::profiles::list(&mut tx, &owner.id, &filter, 1, 0).await.unwrap();
    tx.commit().await.unwrap();
    (key.expose().to_owned(), profiles[0].id.to_string())
}

async fn first_key(app: &App) -> (String, String) {
    key_of(app, "story").await
}
