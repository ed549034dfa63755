//! One call as it was made and answered, for whoever keeps a log of calls; and what of it may be kept.

use std::time::{Duration, Instant};

use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use posta_core::failure::PlatformSaid;
use serde_json::Value;
use url::Url;

use crate::contract::{Deed, Logbook, Platform};
use crate::http::Reply;

mod veil;

use veil::Veil;

/// A body that is longer is not read for the log.
const READ: usize = 64 << 10;

/// How much of the bodies is kept, once hidden is what has to be.
const SENT: usize = 5_000;
const ANSWERED: usize = 10_000;

/// Told of every call that a client makes.
pub trait Watch: Send + Sync {
    /// Hears of one. Whoever calls the platform waits meanwhile, so it has to be quick.
    fn saw(&self, exchange: Exchange);
}

/// One call. It holds secrets, so nothing of it is kept but its [`Transcript`].
pub struct Exchange {
    method: String,
    url: Url,
    is_file: bool,
    bearer: Option<String>,
    sent: Body,
    status: Option<u16>,
    headers: HeaderMap,
    answered: Body,
    /// Why there is no answer.
    silence: Option<String>,
    begun: Instant,
    took: Duration,
}

/// A body, if it is short enough to be read.
#[derive(Default)]
struct Body {
    kind: Option<String>,
    length: Option<usize>,
    bytes: Vec<u8>,
}

impl Body {
    fn of(headers: &HeaderMap, bytes: Option<&[u8]>) -> Self {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        Self {
            kind: kind.map(|kind| kind.split(';').next().unwrap_or(kind).trim().to_owned()),
            length: bytes.map(<[u8]>::len),
            bytes: bytes.filter(|bytes| bytes.len() <= READ).unwrap_or_default().to_vec(),
        }
    }

    fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.bytes).ok()
    }

    /// What there is to say of a body that is of no form we read.
    fn measure(&self) -> Option<String> {
        let kind = self.kind.as_deref().unwrap_or("an unknown kind");
        match self.length {
            Some(0) => None,
            Some(length) => Some(format!("[{length} bytes of {kind}]")),
            None => self.kind.as_ref().map(|kind| format!("[{kind}]")),
        }
    }
}

/// What may be kept of a call: the names of all fields, and only those texts that are known to say
/// nothing private.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    /// What was done.
    pub deed: Deed,
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// The path and the query.
    pub path: String,
    /// Whether it went well.
    pub is_success: bool,
    /// What the platform says of its refusal, and its id of the call.
    pub said: PlatformSaid,
    /// Why there is no answer, or none that can be understood.
    pub problem: Option<String>,
    /// The body that was sent.
    pub sent: Option<String>,
    /// The body of the answer.
    pub answered: Option<String>,
    /// How much of what the platform allows is used up, in its own words.
    pub usage: Option<String>,
    /// How long it took.
    pub took: Duration,
}

impl Exchange {
    /// Notes a request on its way out.
    #[expect(clippy::disallowed_methods, reason = "measuring needs a clock that nobody moves")]
    pub(crate) fn begin(request: &reqwest::Request, is_file: bool) -> Self {
        let bearer = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bytes = request.body().map(|body| body.as_bytes());
        let mut sent = Body::of(request.headers(), bytes.flatten());
        if bytes.is_none() {
            sent.length = Some(0);
        }
        Self {
            method: request.method().to_string(),
            url: request.url().clone(),
            is_file,
            bearer: bearer.and_then(|text| text.split_once(' ')).map(|(_, token)| token.to_owned()),
            sent,
            status: None,
            headers: HeaderMap::new(),
            answered: Body::default(),
            silence: None,
            begun: Instant::now(),
            took: Duration::ZERO,
        }
    }

    /// Notes the answer.
    pub(crate) fn answered(mut self, reply: &Reply) -> Self {
        self.answered = Body::of(&reply.headers, Some(&reply.body));
        self.opened(reply.status.as_u16(), &reply.headers)
    }

    /// Notes an answer whose body somebody else reads.
    pub(crate) fn opened(mut self, status: u16, headers: &HeaderMap) -> Self {
        self.status = Some(status);
        self.headers.clone_from(headers);
        self.took = self.begun.elapsed();
        self
    }

    /// Notes that there is no answer.
    pub(crate) fn silent(mut self, why: String) -> Self {
        self.silence = Some(why);
        self.took = self.begun.elapsed();
        self
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The status of the answer, when there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// How long it took.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.took
    }

    /// How many bytes it takes up, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        1_000 + self.sent.bytes.len() + self.answered.bytes.len()
    }

    /// Hides what is private and tells the rest.
    #[must_use]
    pub fn transcript(&self, platform: &dyn Platform) -> Transcript {
        let logbook = platform.logbook();
        let mut veil = Veil::new(logbook.map(Logbook::shown).unwrap_or_default());
        veil.hide(self.bearer.as_deref());
        let is_known = logbook.is_some() && !self.is_file;
        let (path, sent) = (self.path(&mut veil, is_known), self.request_body(&mut veil));
        let (asked, answer) = (self.sent.json(), self.answered.json());
        let told = logbook.map(|book| book.told(&self.headers, answer.as_ref()));
        let told = told.unwrap_or_default();
        let is_good = self.status.is_some_and(|status| status < 400) && told.refusal.is_none();
        let mut said = told.refusal.unwrap_or_default();
        said.status = self.status;
        said.trace_id = said.trace_id.or(told.trace_id);
        said.message = said.message.map(|words| cut(veil.clean(&words), SENT));
        let deed = match logbook {
            _ if self.is_file => Deed::DOWNLOAD,
            Some(book) => book.deed(&self.method, self.url.path(), asked.as_ref()),
            None => Deed::UNNAMED,
        };
        Transcript {
            deed,
            method: self.method.clone(),
            host: self.url.authority().to_owned(),
            path,
            is_success: is_good,
            said,
            problem: self.silence.clone(),
            sent: sent.map(|text| cut(text, SENT)),
            answered: answer
                .map(|answer| veil.answer(&answer).to_string())
                .or_else(|| self.answered.measure())
                .map(|text| cut(text, ANSWERED)),
            usage: told.usage,
            took: self.took,
        }
    }

    fn path(&self, veil: &mut Veil<'_>, is_known: bool) -> String {
        if !is_known {
            // Whoever has the link to a file has the file; and some platforms have the token in it.
            return "/…".to_owned();
        }
        let pairs: Vec<_> = self
            .url
            .query_pairs()
            .map(|(name, value)| format!("{name}={}", veil.text(&name, &value)))
            .collect();
        let mark = if pairs.is_empty() { "" } else { "?" };
        cut(format!("{}{mark}{}", self.url.path(), pairs.join("&")), SENT)
    }

    fn request_body(&self, veil: &mut Veil<'_>) -> Option<String> {
        if let Some(body) = self.sent.json() {
            return Some(veil.value("", &body).to_string());
        }
        if self.sent.kind.as_deref() != Some("application/x-www-form-urlencoded")
            || self.sent.bytes.is_empty()
        {
            return self.sent.measure();
        }
        let fields = url::form_urlencoded::parse(&self.sent.bytes);
        let fields = fields.map(|(name, value)| {
            let shown = Value::String(veil.text(&name, &value));
            (name.into_owned(), shown)
        });
        Some(Value::Object(fields.collect()).to_string())
    }
}

/// Cuts a text where it becomes too long.
fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let mut end = most;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, Method, StatusCode};
    use reqwest::Request;

    use super::*;

    const TOKEN: &str = "IGAAtoken0123456789";

    fn transcript(
        request: &Request,
        status: u16,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Transcript {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), value.parse().unwrap()));
        let reply = Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.collect(),
            body: body.as_bytes().to_vec(),
        };
        Exchange::begin(request, false).answered(&reply).transcript(crate::ALL[0])
    }

    fn request(method: Method, url: &str, kind: &str, body: &str) -> Request {
        let mut request = Request::new(method, url.parse().unwrap());
        let bearer = format!("Bearer {TOKEN}").parse().unwrap();
        request.headers_mut().insert(AUTHORIZATION, bearer);
        if !body.is_empty() {
            request.headers_mut().insert(CONTENT_TYPE, kind.parse().unwrap());
            *request.body_mut() = Some(body.to_owned().into());
        }
        request
    }

    #[test]
    fn a_refused_send_is_told_without_its_text() {
        let body = r#"{"recipient":{"id":"17841"},"message":{"text":"Meet me at noon"}}"#;
        let url = "https://graph.example/v1/me/messages";
        let answer = format!(
            r#"{{"error":{{"message":"(#100) {TOKEN} may not say Meet me at noon","type":"OAuthException","code":100,"error_subcode":2534014,"fbtrace_id":"Axyz"}}}}"#
        );
        let headers =
            [("x-app-usage", r#"{"call_count":7}"#), ("content-type", "application/json")];
        let told = transcript(
            &request(Method::POST, url, "application/json", body),
            400,
            &answer,
            &headers,
        );
        assert_eq!((told.deed.action, told.is_success), ("send_message", false));
        assert_eq!(told.path, "/v1/me/messages");
        let said = &told.said;
        assert_eq!((said.code, said.subcode, said.status), (Some(100), Some(2_534_014), Some(400)));
        assert_eq!(said.message.as_deref(), Some("(#100) [hidden] may not say [hidden]"));
        assert_eq!(said.trace_id.as_deref(), Some("Axyz"));
        let sent = r#"{"message":{"text":"[15 characters]"},"recipient":{"id":"17841"}}"#;
        assert_eq!(told.sent.as_deref(), Some(sent));
        assert_eq!(told.usage.as_deref(), Some(r#"{"x-app-usage":{"call_count":7}}"#));
        let everything = format!("{told:?}");
        assert!(!everything.contains(TOKEN) && !everything.contains("noon"), "{everything}");
    }

    #[test]
    fn an_exchange_of_secrets_keeps_none() {
        let form = "client_id=99&client_secret=hush-hush&grant_type=authorization_code&code=AQBx";
        let kind = "application/x-www-form-urlencoded";
        let url = "https://api.example/oauth/access_token?access_token=IGAAquery1234&fields=id";
        let answer = r#"{"access_token":"IGAAfresh123","user_id":178414,"permissions":["a"]}"#;
        let headers = [("x-fb-trace-id", "Bb1")];
        let told = transcript(&request(Method::POST, url, kind, form), 200, answer, &headers);
        assert_eq!((told.deed.action, told.is_success), ("exchange_code", true));
        assert_eq!(told.path, "/oauth/access_token?access_token=[13 characters]&fields=id");
        assert_eq!(told.said.trace_id.as_deref(), Some("Bb1"));
        let everything = format!("{told:?}");
        for secret in [TOKEN, "hush", "AQBx", "IGAA"] {
            assert!(!everything.contains(secret), "{everything}");
        }
        assert!(everything.contains("authorization_code") && everything.contains("178414"));
    }

    #[test]
    fn what_cannot_be_read_is_measured() {
        let url = "https://graph.example/v1/me";
        let page = "<html>try again</html>";
        let kind = [("content-type", "text/html; charset=utf-8")];
        let told = transcript(&request(Method::GET, url, "", ""), 502, page, &kind);
        assert_eq!(told.answered.as_deref(), Some("[22 bytes of text/html]"));
        assert_eq!((told.sent, told.is_success), (None, false));
        let long = format!(r#"{{"data":"{}"}}"#, "x".repeat(READ));
        let told = transcript(&request(Method::GET, url, "", ""), 200, &long, &kind);
        assert_eq!(told.answered.as_deref(), Some("[65547 bytes of text/html]"));
        let seen = Exchange::begin(&request(Method::GET, url, "", ""), true);
        let told = seen.silent("no answer in time".to_owned()).transcript(crate::ALL[0]);
        assert_eq!((told.path.as_str(), told.is_success), ("/…", false));
        assert_eq!(told.problem.as_deref(), Some("no answer in time"));
        assert_eq!(cut("aé".repeat(3_000), SENT).len(), SENT - 1 + '…'.len_utf8());
    }
}
