//! A served sandbox, a webhook receiver beside it, and a bare HTTP client.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use posta_core::chance::Chance;
use posta_core::time::{Clock, Timestamp};
use posta_platforms::sandbox::Sandbox;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) const NOW: i64 = 1_767_182_410_000;
pub(crate) const CLIENT_ID: &str = "990000000000001";
pub(crate) const SECRET: &str = "posta-fixture-instagram-app-secret";
pub(crate) const ACCOUNT: &str = "17841499900000001";
pub(crate) const OTHER_ACCOUNT: &str = "17841499900000002";
pub(crate) const MIRA: &str = "1099900000000101";
pub(crate) const REDIRECT: &str = "https://posta.example/connect/instagram/callback";
pub(crate) const BASIC: &str = "instagram_business_basic";
pub(crate) const MESSAGES: &str = "instagram_business_manage_messages";
pub(crate) const COMMENTS: &str = "instagram_business_manage_comments";

/// An answer read to its end.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Returns the JSON of an answer that must be a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }
}

/// The sandbox on a port of its own, at a time that stands still.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) receiver: Receiver,
    root: String,
    client: reqwest::Client,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Stage {
    /// Starts an empty one.
    pub(crate) async fn empty() -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let clock = Clock::fixed(Timestamp::from_millis(NOW));
        let sandbox = Sandbox::new(clock, Chance::seeded(7));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let served = sandbox.clone().serve(listener, stop.clone());
        tasks.spawn(async move { served.await.unwrap() });
        let receiver = Receiver::start(&tasks, &stop).await;
        Self { sandbox, receiver, root, client: client(), tasks, stop }
    }

    /// Starts one with the default cast, and the webhook receiver registered.
    pub(crate) async fn seeded() -> Self {
        let stage = Self::empty().await;
        let seed = json!({
            "client_secret": SECRET,
            "redirect_uris": [REDIRECT],
            "webhook": stage.receiver.webhook(),
        });
        stage.control("seed", &seed).await;
        stage
    }

    /// Starts one with a subscribed account whose lasting token is returned too.
    pub(crate) async fn connected() -> (Self, String) {
        let stage = Self::seeded().await;
        let token = stage.token(ACCOUNT, &[BASIC, MESSAGES]).await;
        let path = format!("/instagram/graph/v25.0/me/subscribed_apps?access_token={token}");
        let fields = [("subscribed_fields", "messages,message_echoes")];
        stage.post_form(&path, &fields).await.ok();
        (stage, token)
    }

    /// Has the platform's dashboard make a lasting token.
    pub(crate) async fn token(&self, account: &str, scopes: &[&str]) -> String {
        let body = json!({"client_id": CLIENT_ID, "account": account, "scopes": scopes});
        let made = self.control("instagram/tokens", &body).await;
        made["token"].as_str().unwrap().to_owned()
    }

    /// Has a person write to the first account. Returns the message's id.
    pub(crate) async fn write(&self, person: &str, text: &str) -> String {
        let path = format!("instagram/people/{person}/write");
        let done = self.control(&path, &json!({"account": ACCOUNT, "text": text})).await;
        done["message_id"].as_str().unwrap().to_owned()
    }

    /// Serves files, by the ending of their names; a number is how many bytes there are.
    pub(crate) async fn files(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let stop = self.stop.clone().cancelled_owned();
        let routes = Router::new().route("/{name}", get(file));
        let served = axum::serve(listener, routes).with_graceful_shutdown(stop);
        self.tasks.spawn(async move { served.await.unwrap() });
        root
    }

    /// Starts one more receiver.
    pub(crate) async fn another_receiver(&self) -> Receiver {
        Receiver::start(&self.tasks, &self.stop).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.root))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Reply {
        let response = request.send().await.unwrap();
        Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post_form(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        self.send(self.request(Method::POST, path).form(form)).await
    }

    pub(crate) async fn post_json(&self, path: &str, token: &str, body: &Value) -> Reply {
        self.send(self.request(Method::POST, path).bearer_auth(token).json(body)).await
    }

    /// Calls the control API, which must agree.
    #[track_caller]
    pub(crate) fn control(&self, path: &str, body: &Value) -> impl Future<Output = Value> {
        let request = self.request(Method::POST, &format!("/_sandbox/{path}")).json(body);
        async { self.send(request).await.ok() }
    }

    pub(crate) async fn advance(&self, duration: Duration) {
        let body = json!({"advance": duration.as_secs()});
        self.control("clock", &body).await;
    }

    /// Stops everything and waits for it.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[expect(clippy::disallowed_methods, reason = "these tests are not Posta; they call it nothing")]
fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// What the receiver was sent.
#[derive(Clone)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A webhook receiver that remembers everything and answers as it is told.
#[derive(Clone)]
pub(crate) struct Receiver {
    url: String,
    state: Arc<Mutex<Memory>>,
    arrived: watch::Sender<()>,
}

#[derive(Default)]
struct Memory {
    questions: Vec<String>,
    received: Vec<Received>,
    answers: VecDeque<u16>,
    words: String,
    hangs: bool,
}

impl Receiver {
    async fn start(tasks: &TaskTracker, stop: &CancellationToken) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let receiver = Self { url, state: Arc::default(), arrived: watch::Sender::new(()) };
        let routes =
            Router::new().route("/hook", get(question).post(take)).with_state(receiver.clone());
        let served =
            axum::serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned());
        tasks.spawn(async move { served.await.unwrap() });
        receiver
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Says this with every answer from now on.
    pub(crate) fn say(&self, words: &Value) {
        self.state.lock().unwrap().words = words.to_string();
    }

    pub(crate) fn webhook(&self) -> Value {
        json!({"callback_url": self.url, "verify_token": "the right token"})
    }

    /// Answers the next deliveries with these statuses, and then with 200 again.
    pub(crate) fn answer(&self, statuses: &[u16]) {
        self.state.lock().unwrap().answers.extend(statuses);
    }

    /// Takes deliveries from now on without ever answering.
    pub(crate) fn hang(&self) {
        self.state.lock().unwrap().hangs = true;
    }

    /// Waits until this many deliveries have come.
    pub(crate) async fn wait_for(&self, count: usize) {
        let mut arrived = self.arrived.subscribe();
        while self.received().len() < count {
            arrived.changed().await.unwrap();
        }
    }

    pub(crate) fn questions(&self) -> Vec<String> {
        self.state.lock().unwrap().questions.clone()
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }
}

async fn file(axum::extract::Path(name): axum::extract::Path<String>) -> Response {
    let (kind, mut bytes) = match name.rsplit_once('.').unwrap().1 {
        "png" => ("image/png", b"\x89PNG\r\n\x1a\n".to_vec()),
        "mp4" => ("video/mp4", b"\0\0\0\x18ftypmp42".to_vec()),
        "pdf" => ("application/octet-stream", b"%PDF-1.4".to_vec()),
        "aac" => ("audio/aac", vec![0xff, 0xf1]),
        "txt" => ("text/plain", b"Hello".to_vec()),
        _ => return reqwest::StatusCode::NOT_FOUND.into_response(),
    };
    let size = name.split('.').next().unwrap().parse().unwrap_or(bytes.len());
    bytes.resize(size, 0);
    ([("content-type", kind)], bytes).into_response()
}

async fn question(
    State(receiver): State<Receiver>,
    RawQuery(query): RawQuery,
) -> (reqwest::StatusCode, String) {
    let query = query.unwrap_or_default();
    receiver.state.lock().unwrap().questions.push(query.clone());
    let pairs: Vec<(String, String)> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let value =
        |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    if value("hub.verify_token").as_deref() == Some("the right token") {
        (reqwest::StatusCode::OK, value("hub.challenge").unwrap_or_default())
    } else {
        (reqwest::StatusCode::FORBIDDEN, String::new())
    }
}

async fn take(
    State(receiver): State<Receiver>,
    headers: HeaderMap,
    body: Bytes,
) -> (reqwest::StatusCode, String) {
    let (status, words) = {
        let mut state = receiver.state.lock().unwrap();
        state.received.push(Received { headers, body });
        let status = (!state.hangs).then(|| state.answers.pop_front().unwrap_or(200));
        (status, state.words.clone())
    };
    receiver.arrived.send_replace(());
    match status {
        Some(status) => (reqwest::StatusCode::from_u16(status).unwrap(), words),
        None => std::future::pending().await,
    }
}
