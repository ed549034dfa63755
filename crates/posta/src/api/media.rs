//! Files: handing them in to be sent, and fetching them and the copies of what people sent.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use posta_core::failure::Code;
use serde::Serialize;
use tower::ServiceExt;
use tower_http::services::ServeFile;
use utoipa::ToSchema;

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::Segment;
use super::form::{Form, Part};
use crate::app::App;
use crate::flows::media;

/// A form with a file.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes a form that is read field by field")]
pub(crate) struct UploadForm {
    /// The file, of 25 MB at most.
    #[schema(format = Binary, value_type = String)]
    file: Vec<u8>,
    /// What it is, such as `image/jpeg`; the file's own bytes have the last word.
    content_type: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UploadAnswer {
    /// Where it can be fetched, for 7 days; use it as `attachmentUrl`.
    url: String,
    /// What you call it.
    filename: String,
    /// What it is.
    content_type: String,
    /// How many bytes it has.
    size: i64,
}

/// Takes in a file to be sent.
///
/// It is kept for 7 days, under a URL that cannot be guessed and that the platform fetches it from.
#[utoipa::path(post, path = "/v1/media/upload-direct", operation_id = "upload_media_direct",
    tag = "Inbox", request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 200, body = UploadAnswer)))]
pub(crate) async fn upload(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Json<UploadAnswer>> {
    let mut form = Form::read(request).await?;
    let (mut file, mut declared) = (None, None);
    while let Some(part) = form.next("file").await? {
        match part {
            Part::File(one) => file = Some(one.take_in(&app, &caller).await?),
            Part::Text(name, text) if name == "contentType" => declared = Some(text),
            Part::Text(..) => {}
        }
    }
    let file = file.ok_or_else(|| ApiError::missing("file"))?;
    let file = file.finish(&app, declared.as_deref()).await?;
    Ok(Json(UploadAnswer {
        url: media::url(&app, &file),
        filename: file.filename,
        content_type: file.content_type.unwrap_or_default(),
        size: file.size,
    }))
}

/// Would give a URL to upload a larger file to.
#[utoipa::path(post, path = "/v1/media/presign", operation_id = "get_media_presigned_url",
    tag = "Inbox", responses((status = 501, body = super::error::ErrorBody)))]
pub(crate) async fn presign(_: Caller) -> ApiError {
    let message = "uploading by a signed URL is not built; use POST /v1/media/upload-direct";
    ApiError::new(Code::FeatureNotAvailable, message)
}

/// Hands out a file to whoever knows its name.
pub(crate) async fn serve(
    State(app): State<App>,
    Segment(name): Segment,
    request: Request,
) -> Result<Response> {
    let missing =
        || ApiError::new(Code::ResourceNotFound, "there is no such file, or not any more");
    let id = name.split_once('.').map_or(name.as_str(), |(id, _)| id);
    if !media::is_name(id) {
        return Err(missing());
    }
    let mut tx = app.db.read().await?;
    let file = media::find(&app, &mut tx, id).await?.ok_or_else(missing)?;
    drop(tx);
    let served = ServeFile::new(media::path(&app, &file.id)).oneshot(request).await;
    let mut response = served.map_err(ApiError::internal)?.into_response();
    if response.status() == axum::http::StatusCode::NOT_FOUND {
        return Err(missing());
    }
    let headers = response.headers_mut();
    let content_type = file.content_type.unwrap_or_default();
    let way = if media::is_shown(&content_type) { "inline" } else { "attachment" };
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(way));
    let content_type = HeaderValue::from_str(&content_type).map_err(ApiError::internal)?;
    headers.insert(CONTENT_TYPE, content_type);
    // A file of a stranger's must never run in a browser as if it were a page of ours.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = "default-src 'none'; sandbox";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    // Short, so that what was taken back or deleted does not stay readable elsewhere.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=300"));
    Ok(response)
}
