//! Forms with a file in them, read part by part; the file goes straight to disk.

use axum::body::Bytes;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use posta_core::failure::Code;
use posta_store::media::Media;

use super::auth::Caller;
use super::error::{ApiError, Result};
use crate::app::App;
use crate::flows::media::{Incoming, LARGEST};
use crate::router::LARGEST_BODY;

/// A form that is being read.
#[derive(Debug)]
pub struct Form(Multipart);

/// A part of a form.
#[derive(Debug)]
pub enum Part<'a> {
    /// A field and its text.
    Text(String, String),
    /// The file.
    File(Box<Coming<'a>>),
}

/// A file whose bytes are still to be read.
#[derive(Debug)]
pub struct Coming<'a> {
    /// What its owner calls it.
    pub filename: String,
    /// What its part of the form says that it is.
    pub content_type: Option<String>,
    field: Field<'a>,
}

/// A file that has come in and is not checked yet.
pub(crate) struct File {
    incoming: Incoming,
    filename: String,
    content_type: Option<String>,
}

impl File {
    /// Ends the file. What `declared` says of its type goes before what its part of the form says.
    pub(crate) async fn finish(self, app: &App, declared: Option<&str>) -> Result<Media> {
        let declared = declared.or(self.content_type.as_deref());
        Ok(self.incoming.finish(app, &self.filename, declared).await?)
    }
}

impl Form {
    /// Begins to read a form.
    ///
    /// # Errors
    /// When the request is none.
    pub async fn read(mut request: Request) -> Result<Self> {
        let largest = usize::try_from(LARGEST).unwrap_or(usize::MAX).saturating_add(LARGEST_BODY);
        DefaultBodyLimit::max(largest).apply(&mut request);
        let multipart = Multipart::from_request(request, &()).await;
        multipart
            .map(Self)
            .map_err(|rejection| ApiError::new(Code::InvalidContent, rejection.body_text()))
    }

    /// Whether a request is a form.
    pub(crate) fn is_in(request: &Request) -> bool {
        let content_type = request.headers().get(CONTENT_TYPE);
        let text = content_type.and_then(|value| value.to_str().ok());
        text.is_some_and(|text| text.to_ascii_lowercase().starts_with("multipart/"))
    }

    /// Reads to the end and returns the text of one part, if it is there.
    pub(crate) async fn only(mut self, name: &str) -> Result<Option<String>> {
        let mut found = None;
        while let Some(field) = self.0.next_field().await.map_err(|error| broken(&error))? {
            if field.name() == Some(name) {
                found = Some(text(field, name).await?);
            }
        }
        Ok(found)
    }

    /// Reads the next part; the one named `file` is the file.
    ///
    /// # Errors
    /// When the form is broken, or a field of it is too long or not UTF-8.
    pub async fn next(&mut self, file: &str) -> Result<Option<Part<'_>>> {
        let Some(field) = self.0.next_field().await.map_err(|error| broken(&error))? else {
            return Ok(None);
        };
        let name = field.name().unwrap_or_default().to_owned();
        if name != file {
            return text(field, &name).await.map(|text| Some(Part::Text(name, text)));
        }
        let filename = field.file_name().unwrap_or("file").to_owned();
        let content_type = field.content_type().map(ToOwned::to_owned);
        Ok(Some(Part::File(Box::new(Coming { filename, content_type, field }))))
    }
}

impl Coming<'_> {
    /// Reads the next bytes of the file; `None` at its end.
    ///
    /// # Errors
    /// When the form is broken or too large.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        self.field.chunk().await.map_err(|error| broken(&error))
    }

    /// Takes the whole file in.
    pub(crate) async fn take_in(mut self: Box<Self>, app: &App, caller: &Caller) -> Result<File> {
        let mut incoming = Incoming::begin(app, caller.workspace()).await?;
        loop {
            let failed = match self.chunk().await {
                Ok(Some(chunk)) => match incoming.write(app, &chunk).await {
                    Ok(()) => continue,
                    Err(error) => ApiError::from(error),
                },
                Ok(None) => {
                    let Self { filename, content_type, .. } = *self;
                    return Ok(File { incoming, filename, content_type });
                }
                Err(error) => error,
            };
            incoming.discard(app).await?;
            return Err(failed);
        }
    }
}

async fn text(mut field: Field<'_>, name: &str) -> Result<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        if bytes.len() + chunk.len() > LARGEST_BODY {
            let message = format!("{name} has more than {LARGEST_BODY} bytes");
            return Err(ApiError::new(Code::BodyTooLarge, message).param(name));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| ApiError::bad_value(name, "is not UTF-8"))
}

fn broken(error: &MultipartError) -> ApiError {
    let code = match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
        _ => Code::InvalidContent,
    };
    ApiError::new(code, error.body_text())
}
