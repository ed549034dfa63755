//! The one client for calls to platforms and customers: time-outs, no redirects, nothing logged but
//! method, host, status and time. For customers' URLs it has a [`Guard`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use posta_core::failure::{Code, ConnectorError, Retry};
pub use reqwest::RequestBuilder;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use url::Url;

use crate::exchange::{Exchange, Watch};
use crate::guard::{Guard, Refusal};

/// How long a platform may take to answer a call.
pub const PLATFORM_TIMEOUT: Duration = Duration::from_secs(25);

/// The longest answer of a platform that is read.
const PLATFORM_BODY: usize = 8 << 20;

/// A cheap handle on the outbound client; clones share connections.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    recorder: Option<Recorder>,
    guard: Option<Guard>,
    watcher: Option<Watcher>,
}

/// Who is told of every call.
#[derive(Clone)]
struct Watcher(Arc<dyn Watch>);

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watcher")
    }
}

/// An answer read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// Reads the body as JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// An answer whose body is read piece by piece.
#[derive(Debug)]
pub struct Opened {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    response: reqwest::Response,
}

impl Opened {
    /// Reads the next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// When the rest does not come.
    pub async fn piece(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, NoReply> {
        self.response.chunk().await.map_err(|_| NoReply::Unanswered)
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoReply {
    /// The connection was never made, so the request certainly did not arrive.
    NotSent,
    /// The request left, or part of it; whether it was taken is not known.
    Unanswered,
}

impl NoReply {
    /// The failure of a call that only reads, and so may be repeated.
    #[must_use]
    pub fn of_read(self) -> ConnectorError {
        let message = match self {
            Self::NotSent => "the platform cannot be reached",
            Self::Unanswered => "the platform did not answer in time",
        };
        ConnectorError::new(Code::PlatformUnavailable, Retry::Transient, message)
    }

    /// The failure of a call that changes something at the platform.
    #[must_use]
    pub fn of_write(self) -> ConnectorError {
        match self {
            Self::NotSent => self.of_read(),
            Self::Unanswered => ConnectorError::new(
                Code::OutcomeUnknown,
                Retry::Unknown,
                "the request left and no answer came back; the platform may have acted on it",
            ),
        }
    }
}

/// What a test may look at: each request as it would leave.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    /// Returns the requests so far: method, path with query, headers of interest, blank line, body.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record(&self, request: &reqwest::Request) {
        let url = request.url();
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut text = format!("{} {}{query}\n", request.method(), url.path());
        for name in ["authorization", "content-type"] {
            if let Some(value) = request.headers().get(name).and_then(|value| value.to_str().ok()) {
                text.push_str(&format!("{name}: {value}\n"));
            }
        }
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        text.push_str(&format!("\n{}", String::from_utf8_lossy(body)));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl Http {
    /// Makes the client.
    ///
    /// # Panics
    /// When the system's TLS roots cannot be read, which is a broken installation.
    #[must_use]
    pub fn new() -> Self {
        Self::of(build(client()), None)
    }

    /// Makes a client for URLs that customers gave: it goes only where the guard lets it.
    ///
    /// # Panics
    /// When the system's TLS roots cannot be read, which is a broken installation.
    #[must_use]
    pub fn guarded(guard: Guard) -> Self {
        // A proxy would ask for the addresses of names itself, and not look at them.
        let client = client().no_proxy().dns_resolver(Arc::new(guard.clone()));
        Self::of(build(client), Some(guard))
    }

    /// Makes a client that also remembers every request, for tests.
    #[must_use]
    pub fn recording() -> (Self, Recorder) {
        let recorder = Recorder::default();
        (Self { recorder: Some(recorder.clone()), ..Self::new() }, recorder)
    }

    fn of(client: reqwest::Client, guard: Option<Guard>) -> Self {
        Self { client, recorder: None, guard, watcher: None }
    }

    /// Tells somebody of every call that is made by what is returned; connections are shared.
    #[must_use]
    pub fn watched(&self, by: Arc<dyn Watch>) -> Self {
        Self { watcher: Some(Watcher(by)), ..self.clone() }
    }

    /// Looks at a URL before anything is sent to it; the addresses of a name are looked at then.
    ///
    /// # Errors
    /// What is wrong with it, to follow its name.
    pub fn check(&self, url: &str) -> Result<(), String> {
        let url: Url = url.parse().map_err(|_| "must be a URL".to_owned())?;
        let verdict = self.guard.as_ref().map_or(Ok(()), |guard| guard.check(&url));
        verdict.map_err(|refusal| refusal.to_string())
    }

    /// Starts a request of any method.
    pub fn request(&self, method: reqwest::Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Starts a GET request.
    pub fn get(&self, url: Url) -> RequestBuilder {
        self.client.get(url)
    }

    /// Starts a POST request.
    pub fn post(&self, url: Url) -> RequestBuilder {
        self.client.post(url)
    }

    /// Starts a DELETE request.
    pub fn delete(&self, url: Url) -> RequestBuilder {
        self.client.delete(url)
    }

    /// Sends a request and reads the answer, within [`PLATFORM_TIMEOUT`] unless it has its own.
    pub async fn send(&self, request: RequestBuilder) -> Result<Reply, NoReply> {
        self.send_bounded(request, PLATFORM_BODY).await
    }

    /// Like [`Http::send`], keeping at most `max_body` bytes of the answer's body.
    pub async fn send_bounded(
        &self,
        request: RequestBuilder,
        max_body: usize,
    ) -> Result<Reply, NoReply> {
        self.exchange(request, max_body).await.map_err(|error| no_reply(&error))
    }

    /// Sends a request and leaves the answer's body to be read piece by piece, all of it within the
    /// request's time.
    ///
    /// # Errors
    /// Why there is no answer, without the URL.
    pub async fn open(&self, request: RequestBuilder) -> Result<Opened, String> {
        let request = request.build().map_err(|error| words(&error))?;
        let seen = self.watcher.as_ref().map(|by| (by, Exchange::begin(&request, true)));
        let started = self.start(request).await.map_err(|error| error.words());
        if let Some((by, seen)) = seen {
            by.0.saw(match &started {
                Ok(response) => seen.opened(response.status().as_u16(), response.headers()),
                Err(why) => seen.silent(why.clone()),
            });
        }
        let response = started?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Opened { status, headers, response })
    }

    /// Like [`Http::send_bounded`], for whoever looks into why there is no answer: says it in words.
    ///
    /// # Errors
    /// Why there is no answer, without the URL.
    pub async fn probe(&self, request: RequestBuilder, max_body: usize) -> Result<Reply, String> {
        self.exchange(request, max_body).await.map_err(|error| error.words())
    }

    async fn start(&self, request: reqwest::Request) -> Result<reqwest::Response, Failed> {
        if let Some(guard) = &self.guard {
            guard.check(request.url())?;
        }
        if let Some(recorder) = &self.recorder {
            recorder.record(&request);
        }
        Ok(self.client.execute(request).await?)
    }

    async fn exchange(&self, request: RequestBuilder, max_body: usize) -> Result<Reply, Failed> {
        let request = request.build()?;
        let seen = self.watcher.as_ref().map(|by| (by, Exchange::begin(&request, false)));
        let result = self.carry_out(request, max_body).await;
        if let Some((by, seen)) = seen {
            by.0.saw(match &result {
                Ok(reply) => seen.answered(reply),
                Err(error) => seen.silent(error.words()),
            });
        }
        result
    }

    async fn carry_out(&self, request: reqwest::Request, max_body: usize) -> Result<Reply, Failed> {
        let mut response = self.start(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            let room = max_body - body.len();
            body.extend_from_slice(&chunk[..room.min(chunk.len())]);
            if body.len() == max_body {
                break;
            }
        }
        Ok(Reply { status, headers, body })
    }
}

/// Why an exchange did not end.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Exchange(#[from] reqwest::Error),
}

impl Failed {
    fn words(&self) -> String {
        match self {
            Self::Refused(refusal) => format!("the URL {refusal}"),
            Self::Exchange(error) => words(error),
        }
    }
}

/// A request that cannot be built carries a header or URL that cannot exist: it never left.
fn no_reply(error: &Failed) -> NoReply {
    match error {
        Failed::Exchange(error) if !error.is_connect() && !error.is_builder() => {
            NoReply::Unanswered
        }
        Failed::Exchange(_) | Failed::Refused(_) => NoReply::NotSent,
    }
}

/// The innermost reason, for the outer ones say only what was being done.
fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    // Not the error itself, which prints the URL and what is secret in it.
    let mut reason = std::error::Error::source(error);
    while let Some(inner) = reason.and_then(std::error::Error::source) {
        reason = Some(inner);
    }
    match reason {
        Some(reason) if reason.is::<Refusal>() => format!("the URL {reason}"),
        Some(reason) => reason.to_string(),
        None => "the request could not be made".to_owned(),
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that builds a client")]
fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("Posta/", env!("CARGO_PKG_VERSION")))
        .timeout(PLATFORM_TIMEOUT)
        .connect_timeout(Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none())
}

fn build(client: reqwest::ClientBuilder) -> reqwest::Client {
    client.build().expect("the TLS roots are readable")
}
