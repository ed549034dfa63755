//! Files that are handed in to be sent.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::{Fault, Stage, story};

const MIRA: &str = "1099900000000101";

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0";

const GONE: &str = r#"{"error":{"message":"No such attachment","type":"OAuthException","code":100,
    "error_subcode":2018074}}"#;

async fn opened(stage: &mut Stage) {
    stage.connect().await;
    stage.writes("mira.demo", "Are you open?").await;
    stage.settle().await;
    stage.hook.forget();
}

async fn hand_in(stage: &Stage, name: &str, bytes: &[u8], kind: &str) -> crate::support::Answer {
    let file = ("file", name, bytes);
    stage.upload("media/upload-direct", &[("contentType", kind)], file, &[]).await
}

/// Fetches a URL of Posta's as a stranger.
async fn fetch(stage: &Stage, url: &str, headers: &[(&str, &str)]) -> crate::support::Answer {
    let path = url.strip_prefix(stage.posta.as_str()).unwrap().to_owned();
    let with = |http: &reqwest::Client, url: url::Url| {
        let request = http.get(url);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    stage.plain(with, &path).await
}

story! {
    /// A file is served to whoever knows its name, as what it is, whole or in part.
    async fn a_file_is_kept_and_served(stage: Stage) {
        opened(stage).await;
        let made = hand_in(stage, "../menu.png", PNG, "image/png").await.expect(200);
        assert_eq!(made["contentType"], "image/png");
        assert_eq!(made["size"], PNG.len());
        let url = made["url"].as_str().unwrap();
        assert!(url.ends_with(".png"), "{url}");
        let file = fetch(stage, url, &[]).await;
        assert_eq!(file.status, 200);
        assert_eq!(file.headers["content-type"], "image/png");
        assert_eq!(file.headers["content-length"], PNG.len().to_string());
        assert_eq!(file.headers["x-content-type-options"], "nosniff");
        let part = fetch(stage, url, &[("range", "bytes=1-3")]).await;
        assert_eq!((part.status, part.text.as_str()), (206, "PNG"));

        // The same file again is the same file, and its week begins anew.
        let again = hand_in(stage, "menu.png", PNG, "image/png").await.expect(200);
        assert_eq!(again["url"], made["url"]);
        assert_eq!(stage.files(), 1);
        stage.pass(Duration::from_secs(7 * 24 * 3600 + 3600)).await;
        assert_eq!(fetch(stage, url, &[]).await.status, 404);
        assert_eq!(stage.files(), 0, "its time is over");
    }
}

story! {
    /// Names that were not given out lead nowhere, however they are written.
    async fn nothing_else_is_served(stage: Stage) {
        let name = "0".repeat(40);
        for path in [
            name.as_str(), "..%2f..%2fetc%2fpasswd", "posta.db", "../posta.db", "a.png",
        ] {
            let answer = stage.plain(reqwest::Client::get, &format!("media/{path}")).await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        }
        // What lies in the folder and is not ours stays; what looks like ours and has no row goes.
        let folder = stage.app.config.media_directory();
        std::fs::write(folder.join("notes.txt"), "keep me").unwrap();
        std::fs::write(folder.join(&name), "an orphan").unwrap();
        stage.pass(Duration::from_secs(3601)).await;
        for _ in 0..1000 {
            if stage.files() == 1 { break; }
            tokio::task::yield_now().await;
            stage.settle().await;
        }
        assert_eq!(stage.files(), 1);
        assert!(folder.join("notes.txt").exists());
    }
}

story! {
    /// The bytes have the last word on what a file is; what nobody takes is not kept.
    async fn files_are_what_they_say(stage: Stage) {
        let error = hand_in(stage, "a.jpg", PNG, "image/jpeg").await;
        let error = error.expect_error(400, "invalid_field_value");
        assert_eq!(error["param"], "contentType");
        let page = b"<html><script>alert(1)</script></html>";
        hand_in(stage, "a.png", page, "image/png").await.expect_error(400, "invalid_field_value");
        hand_in(stage, "a.png", b"", "image/png").await.expect_error(400, "invalid_field_value");
        let large = [PNG, &vec![0; 25 << 20]].concat();
        let error = hand_in(stage, "a.png", &large, "image/png").await;
        assert_eq!(error.expect_error(413, "body_too_large")["param"], "file");
        let none = stage.call(Method::POST, "media/upload-direct", Some(&json!({})), &[]).await;
        none.expect_error(400, "invalid_content");
        assert_eq!(stage.files(), 0);
        let presign = stage.call(Method::POST, "media/presign", Some(&json!({})), &[]).await;
        presign.expect_error(501, "feature_not_available");
    }
}

story! {
    /// A file of ours is uploaded to the platform once, however often it is sent.
    async fn a_file_is_uploaded_to_the_platform_once(stage: Stage) {
        opened(stage).await;
        let made = hand_in(stage, "menu.png", PNG, "image/png").await.expect(200);
        let form = json!({"attachmentUrl": made["url"]});
        for _ in 0..3 {
            stage.send_form(MIRA, form.clone()).await.expect(200);
        }
        stage.settle().await;
        assert_eq!(stage.thread("mira.demo").await.len(), 4);
        assert_eq!(stage.proxy.calls("message_attachments"), 1);

        // The platform has forgotten it: it is handed in again, and sent once.
        stage.proxy.will(&[Fault::Answer(400, GONE)]);
        let answer = stage.send_form(MIRA, form.clone());
        let clock = stage.clock.clone();
        let proxy = stage.proxy.clone();
        let app = stage.app.clone();
        let time = async {
            while proxy.sends() < 4 || !posta::workers::is_idle(&app).await.unwrap() {
                tokio::task::yield_now().await;
            }
            clock.advance(Duration::from_secs(3));
        };
        let (answer, ()) = tokio::join!(answer, time);
        answer.expect(200);
        assert_eq!(stage.proxy.calls("message_attachments"), 2);
        assert_eq!(stage.thread("mira.demo").await.len(), 5);

        // An id that the sender brought along is not ours to replace.
        let form = json!({"attachmentId": "17", "attachmentType": "image"});
        stage.send_form(MIRA, form).await.expect_error(400, "attachment_unknown");
    }
}

story! {
    /// The file can come along with the message; a repeat of the request sends nothing twice.
    async fn a_file_comes_with_the_message(stage: Stage) {
        opened(stage).await;
        let account = stage.account.clone();
        let fields = [("accountId", account.as_str()), ("message", "Our menu"),
            ("quickReplies", r#"[{"title":"Yes","payload":"Y"}]"#)];
        let path = format!("inbox/conversations/{MIRA}/messages");
        let key = [("idempotency-key", "file-1")];
        let file = ("attachment", "menu.png", PNG);
        let first = stage.upload(&path, &fields, file, &key).await.expect(200);
        assert_eq!(first["data"]["messageIds"].as_array().unwrap().len(), 2);
        assert_eq!(first["data"]["attachments"][0]["type"], "image");
        let again = stage.upload(&path, &fields, file, &key).await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.expect(200)["data"], first["data"]);
        stage.settle().await;
        assert_eq!(stage.thread("mira.demo").await.len(), 3);
        let bad = [fields[0], ("quickReplies", "[{")];
        let error = stage.upload(&path, &bad, file, &[]).await;
        assert_eq!(error.expect_error(400, "invalid_field_value")["param"], "quickReplies");
    }
}

story! {
    /// A file that the platform does not take as what it is sent as is refused before the call.
    async fn a_file_is_held_against_the_limits(stage: Stage) {
        opened(stage).await;
        let made = hand_in(stage, "menu.png", PNG, "image/png").await.expect(200);
        let form = json!({"attachmentUrl": made["url"], "attachmentType": "video"});
        let error = stage.send_form(MIRA, form).await.expect_error(400, "invalid_field_value");
        assert_eq!(error["param"], "attachmentUrl");
        let large = [PNG, &vec![0; 9 << 20]].concat();
        let made = hand_in(stage, "large.png", &large, "image/png").await.expect(200);
        let form = json!({"attachmentUrl": made["url"]});
        stage.send_form(MIRA, form).await.expect_error(400, "invalid_field_value");
        let gone = format!("{}media/{}.png", stage.posta, "0".repeat(40));
        let error = stage.send_form(MIRA, json!({"attachmentUrl": gone})).await;
        assert_eq!(error.expect_error(400, "invalid_field_value")["param"], "attachmentUrl");
        // Another workspace's file is not there.
        let (key, _) = crate::support::key_of(&stage.app, "other").await;
        stage.keep_secret(&key);
        assert_eq!(stage.proxy.sends(), 0);
    }
}
