//! Forms with a file, as uploads read them: the same however the network cuts them, and whole.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use futures_util::{FutureExt, stream};
use posta::api::error::Result;
use posta::api::form::{Form, Part};
use posta::flows::media;
use posta_core::event::AttachmentKind;
use posta_core::failure::Code;

const BOUNDARY: &str = "b0undary";

/// The first byte says how the rest is cut up: as a form, and as what stands in one.
pub(crate) fn run(data: &[u8]) {
    let (size, body) = data.split_first().map_or((1, data), |(size, body)| (*size, body));
    let size = usize::from(size).max(1);
    any_form(size, body);
    in_a_form(size, body);
    any_file(body);
}

/// A part of a form, read whole.
#[derive(Debug, PartialEq)]
enum Seen {
    Text(String, String),
    File(String, Option<String>, Vec<u8>),
}

fn any_form(size: usize, body: &[u8]) {
    let (whole, cut) = (read(body, body.len().max(1)), read(body, size));
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => assert_eq!(whole, cut),
        (Err(whole), Err(cut)) => {
            assert_eq!(whole.code, cut.code, "{} {}", whole.message, cut.message);
            let codes = [Code::InvalidContent, Code::InvalidFieldValue, Code::BodyTooLarge];
            assert!(codes.contains(&whole.code) && !whole.message.is_empty(), "{}", whole.message);
        }
        (whole, cut) => panic!("it depends on how it is cut: {whole:?} {cut:?}"),
    }
}

/// Any bytes in a file, and any text in a field, come out as they went in.
fn in_a_form(size: usize, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let name: String =
        text.chars().filter(|one| !one.is_control() && !"\"\\%".contains(*one)).collect();
    if text.contains(BOUNDARY) || bytes.windows(BOUNDARY.len()).any(|at| at == BOUNDARY.as_bytes())
    {
        return;
    }
    let head =
        |rest: &str| format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {rest}\r\n\r\n");
    let mut body = head("name=\"contentType\"").into_bytes();
    body.extend(text.bytes());
    body.extend(b"\r\n");
    body.extend(
        head(&format!("name=\"file\"; filename=\"{name}\"\r\nContent-Type: image/png")).bytes(),
    );
    body.extend(bytes);
    body.extend(format!("\r\n--{BOUNDARY}--\r\n").bytes());
    let seen = read(&body, size).expect("it is a form");
    let field = Seen::Text("contentType".to_owned(), text.into_owned());
    let file = Seen::File(name, Some("image/png".to_owned()), bytes.to_vec());
    assert_eq!(seen, [field, file]);
}

/// What a file is, is told from its bytes and never from what somebody says alone.
fn any_file(bytes: &[u8]) {
    let head = &bytes[..bytes.len().min(media::HEAD)];
    let found = media::settle(head, None);
    if let Ok(found) = &found {
        assert_ne!(media::extension(found), "bin");
    }
    for declared in ["image/png", "video/mp4", "text/html", "application/octet-stream", ""] {
        let settled = media::settle(head, Some(declared));
        assert!(settled.is_err() || found.is_ok(), "{declared} alone does not do");
    }
    for kind in [AttachmentKind::Image, AttachmentKind::Audio, AttachmentKind::File] {
        let settled = media::settle_received(head, kind, Some("text/html"));
        let is_harmless = |name: &String| !name.contains("xml") && !name.contains("html");
        assert!(settled.as_ref().is_ok_and(is_harmless) || settled.is_err(), "{settled:?}");
    }
}

fn read(body: &[u8], size: usize) -> Result<Vec<Seen>> {
    let pieces: Vec<_> = body.chunks(size).map(Bytes::copy_from_slice).collect();
    let stream = stream::iter(pieces.into_iter().map(Ok::<_, Infallible>));
    let request = Request::post("/")
        .header(CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(Body::from_stream(stream))
        .expect("it is a request");
    // All of it has come, so nothing is waited for.
    parts(request).now_or_never().expect("reading waits for the network alone")
}

async fn parts(request: Request) -> Result<Vec<Seen>> {
    let mut form = Form::read(request).await?;
    let mut seen = Vec::new();
    while let Some(part) = form.next("file").await? {
        match part {
            Part::Text(name, text) => seen.push(Seen::Text(name, text)),
            Part::File(mut file) => {
                let mut bytes = Vec::new();
                while let Some(chunk) = file.chunk().await? {
                    bytes.extend_from_slice(&chunk);
                }
                seen.push(Seen::File(file.filename, file.content_type, bytes));
            }
        }
    }
    Ok(seen)
}
