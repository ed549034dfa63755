//! What the doctor says of the way to this server.

use std::time::Duration;

use posta_store::Db;
use serde_json::json;

use super::says;
use crate::support::{CLIENT_ID, Stage, VERIFY_TOKEN, story};

story! {
    /// Webhooks that another secret signs are refused, and the doctor knows of them.
    async fn a_secret_that_does_not_match_is_named(stage: Stage) {
        stage.connect().await;
        let other = json!({"client_id": CLIENT_ID, "client_secret": "the secret of the whole Meta app"});
        stage.control("instagram/apps", &other).await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        let report = stage.diagnosis().await;
        let found = report["server"].as_array().unwrap().iter().find(|one| one["check"] == "signature").unwrap();
        assert_eq!(found["severity"], "error");
        says(found, "remedy", "webhook_secrets");
        let of_account = report["findings"].as_array().unwrap().iter().find(|one| one["check"] == "signature").unwrap();
        says(of_account, "seen", "claims to be about this account");
    }
}

story! {
    /// The way to this server: nobody there, somebody else there, another verify token.
    async fn the_way_to_the_server_is_tried(stage: Stage) {
        let gone = stage.examined_with(&[("public_url", "http://127.0.0.1:9")]).await;
        let found = Stage::found(&gone, "reachable", "error");
        says(&found, "seen", "refused");
        says(&found, "cause", "does not run");
        Stage::found(&gone, "verification", "skipped");

        let elsewhere = stage.sandbox_url.to_string();
        let other = stage.examined_with(&[("public_url", &elsewhere)]).await;
        says(&Stage::found(&other, "reachable", "error"), "cause", "Something else");

        let token = stage.examined_with(&[("platforms.instagram.verify_token", "another")]).await;
        says(&Stage::found(&token, "verification", "error"), "cause", "another verify token");

        // What the doctor asked says nothing of the platform.
        stage.connect().await;
        assert_eq!(stage.diagnosis().await["severity"], "fine");
        let wrong = "webhooks/instagram?hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1";
        stage.clock.advance(Duration::from_secs(1));
        stage.plain(reqwest::Client::get, wrong).await.expect_error(403, "verification_refused");
        let found = Stage::found(&stage.diagnosis().await, "verification", "warning");
        says(&found, "remedy", "verify token");
        stage.clock.advance(Duration::from_secs(1));
        let right = format!("webhooks/instagram?hub.mode=subscribe&hub.verify_token={VERIFY_TOKEN}&hub.challenge=1");
        assert_eq!(stage.plain(reqwest::Client::get, &right).await.status, 200);
        assert_eq!(stage.diagnosis().await["severity"], "fine");
    }
}

story! {
    /// A redirect URI that is not registered is refused before the login, and found.
    async fn a_redirect_uri_that_is_not_registered_is_found(stage: Stage) {
        let uris = json!({"client_id": CLIENT_ID, "redirect_uris": ["https://elsewhere.example/"]});
        stage.control("instagram/apps", &uris).await;
        let report = stage.examined_with(&[]).await;
        let found = Stage::found(&report, "redirect_uri", "error");
        says(&found, "remedy", "connect/instagram/callback");
    }
}

story! {
    /// A callback URL that nobody has entered is noticed, and so is a long silence.
    async fn a_platform_that_never_calls_is_noticed(stage: Stage) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("new.db").display());
        let db = Db::open(&url.parse().unwrap()).await.unwrap();
        db.migrate().await.unwrap();
        db.close().await;
        let report = stage.examined_with(&[("database.url", &url)]).await;
        let found = Stage::found(&report, "callback", "warning");
        says(&found, "seen", "never asked");
        says(&found, "remedy", "webhooks/instagram");
        says(&found, "remedy", "messaging_postbacks");

        // The sandbox has verified the URL of the stage's own server.
        stage.connect().await;
        Stage::found(&stage.diagnosis().await, "callback", "fine");
        stage.pass(Duration::from_hours(25)).await;
        let found = Stage::found(&stage.diagnosis().await, "last_event", "warning");
        says(&found, "remedy", "the app is live");
    }
}
