//! Parameters of a call, wherever it carries them: query, form, multipart form or JSON body.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use serde_json::Value;
use url::form_urlencoded;

/// The largest body that is read.
const MAX_BODY: usize = 1 << 20;

/// Named values in the order they came. The platform does not mind where each one stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Params {
    all: Vec<(String, Value)>,
    /// How many of them, at the start, stand in the query.
    in_query: usize,
}

impl Params {
    /// Reads all parameters of a request; the error says what cannot be read.
    pub(super) async fn read(request: Request) -> Result<Self, String> {
        let mut params = Self::default();
        params.take_form(request.uri().query().unwrap_or_default().as_bytes());
        params.in_query = params.all.len();
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        if kind.starts_with("multipart/form-data") {
            params.take_multipart(request).await?;
            return Ok(params);
        }
        let body = to_bytes(request.into_body(), MAX_BODY).await;
        let body = body.map_err(|_| "The request body is too long".to_owned())?;
        if kind.starts_with("application/json") {
            params.take_json(&body)?;
        } else {
            params.take_form(&body);
        }
        Ok(params)
    }

    fn take_form(&mut self, form: &[u8]) {
        let pairs = form_urlencoded::parse(form).into_owned();
        self.all.extend(pairs.map(|(name, value)| (name, Value::String(value))));
    }

    async fn take_multipart(&mut self, request: Request) -> Result<(), String> {
        let unreadable = |_| "The multipart body cannot be read".to_owned();
        let form = Multipart::from_request(request, &()).await;
        let mut form = form.map_err(|_| "The multipart body cannot be read".to_owned())?;
        while let Some(field) = form.next_field().await.map_err(unreadable)? {
            let name = field.name().unwrap_or_default().to_owned();
            self.all.push((name, Value::String(field.text().await.map_err(unreadable)?)));
        }
        Ok(())
    }

    fn take_json(&mut self, body: &[u8]) -> Result<(), String> {
        if body.is_empty() {
            return Ok(());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => {
                self.all.extend(object);
                Ok(())
            }
            _ => Err("The request body is not a JSON object".to_owned()),
        }
    }

    /// Returns a parameter that was given and is neither null nor empty.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        let mut all = self.all.iter();
        let (_, value) = all.find(|(known, _)| known == name)?;
        (!value.is_null() && value.as_str() != Some("")).then_some(value)
    }

    /// Returns a parameter that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Returns a parameter that stands in the query.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let mut query = self.all[..self.in_query].iter();
        query.find(|(known, _)| known == name).and_then(|(_, value)| value.as_str())
    }

    /// Returns a parameter that is JSON, or text that holds JSON.
    pub(super) fn json(&self, name: &str) -> Option<Value> {
        match self.get(name)? {
            Value::String(text) => serde_json::from_str(text).ok(),
            other => Some(other.clone()),
        }
    }

    /// Returns every value of a parameter that may be repeated.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.all.iter().filter(move |(known, _)| known == name).map(|(_, value)| value)
    }

    /// Returns the items of a list: repeated, with `[]` or an index, with commas, or as JSON.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        let is_item = |known: &str| {
            known.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
        };
        let mut given = false;
        let mut items = Vec::new();
        for (_, value) in self.all.iter().filter(|(known, _)| is_item(known)) {
            given = true;
            let parsed = match value {
                Value::String(text) => serde_json::from_str(text).unwrap_or(Value::Null),
                other => other.clone(),
            };
            match (parsed, value) {
                (Value::Array(list), _) => items.extend(list.iter().map(plain)),
                (_, Value::String(text)) => items.extend(text.split(',').map(str::to_owned)),
                (_, other) => items.push(plain(other)),
            }
        }
        items.retain_mut(|item| {
            *item = item.trim().to_owned();
            !item.is_empty()
        });
        given.then_some(items)
    }
}

/// Writes a value without the quotes of a text.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
