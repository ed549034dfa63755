//! The doctor: each thing that stops everything without an error is found, and named.

use std::time::Duration;

use posta::app::token_owner;
use posta::boot;
use posta::config::{Environment, Layers};
use posta::flows::doctor;
use posta_core::chance::Chance;
use posta_core::id::RemoteAccount;
use posta_core::secret::Secret;
use posta_store::Db;
use posta_store::accounts::{self, Account};
use serde_json::{Value, json};

use crate::support::{CLIENT_ID, Fault, Stage, VERIFY_TOKEN, query, story};

const MIRA: &str = "1099900000000101";
const LUMEN: &str = "17841499900000001";

impl Stage {
    /// What the doctor finds.
    async fn diagnosis(&self) -> Value {
        self.get(&format!("accounts/{}/doctor", self.account)).await.expect(200)
    }

    /// What the doctor finds of one check, which must be of this severity.
    #[track_caller]
    fn found(report: &Value, check: &str, severity: &str) -> Value {
        let all = ["findings", "server"].map(|part| report[part].as_array().unwrap());
        let mut all = all.into_iter().flatten();
        let found = all.find(|one| one["check"] == check && one["severity"] == severity);
        found.unwrap_or_else(|| panic!("{check} is not {severity} in {report:#}")).clone()
    }

    /// Changes an account in the database, as a mistake would.
    async fn meddle(&self, change: impl FnOnce(&mut Account)) -> Account {
        let mut tx = self.db().write().await.unwrap();
        let mut account =
            accounts::list_everywhere(&mut tx, Some(&self.account)).await.unwrap().remove(0);
        change(&mut account);
        let id = accounts::upsert(&mut tx, &account).await.unwrap();
        tx.commit().await.unwrap();
        Account { id, ..account }
    }

    /// Opens Posta once more with other settings, as the command line does.
    async fn examined_with(&self, other: &[(&str, &str)]) -> Value {
        let mut layers = Layers::read(None, &Environment::default()).unwrap();
        for (key, value) in self.settings() {
            layers.set(key, value).unwrap();
        }
        for (key, value) in other {
            layers.set(key, (*value).to_owned()).unwrap();
        }
        let config = layers.config().unwrap();
        let app = boot::build(config, self.clock.clone(), Chance::system()).await.unwrap();
        let report = doctor::examine(&app, &[]).await.unwrap();
        let mut report = json!(report);
        report["findings"] = json!([]);
        report
    }
}

fn says(finding: &Value, field: &str, words: &str) {
    let text = finding[field].as_str().unwrap_or_default();
    assert!(text.contains(words), "`{words}` is not in the {field} of {finding:#}");
}

story! {
    /// When all is well, the doctor finds nothing, and says what it looked at.
    async fn a_healthy_account_is_fine(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        let report = stage.diagnosis().await;
        assert_eq!(report["severity"], "fine", "{report:#}");
        assert_eq!(report["username"], "lumen.cafe.demo");
        for check in [
            "master_key", "public_url", "app", "reachable", "verification", "redirect_uri",
            "callback", "connection", "renewal", "scopes", "token", "clock", "identity", "subscription", "message_access", "last_event",
        ] {
            Stage::found(&report, check, "fine");
        }
        let other = "accounts/0123456789abcdef01234567/doctor";
        stage.get(other).await.expect_error(404, "account_not_found");
        let (stranger, _) = crate::support::key_of(&stage.app, "stranger").await;
        let auth = format!("Bearer {stranger}");
        let path = format!("accounts/{}/doctor", stage.account);
        let headers = [("authorization", auth.as_str())];
        let foreign = stage.call(reqwest::Method::GET, &path, None, &headers).await;
        foreign.expect_error(404, "account_not_found");
    }
}

story! {
    /// A dead token is named with the failing call, the reason, and what helps.
    async fn a_dead_token_is_named_with_its_reason(stage: Stage) {
        stage.connect().await;
        for (reason, subcode, words) in [
            ("password_changed", 460, "password"),
            ("checkpoint", 459, "checkpoint"),
            ("app_removed", 458, "removed the app"),
        ] {
            let body = json!({"account": LUMEN, "reason": reason});
            stage.control("instagram/tokens/revoke", &body).await;
            let token = Stage::found(&stage.diagnosis().await, "token", "error");
            assert_eq!(token["call"]["method"], "GET");
            assert_eq!((&token["call"]["code"], &token["call"]["subcode"]), (&json!(190), &json!(subcode)));
            says(&token["call"], "url", "/v25.0/me");
            says(&token, "cause", words);
            says(&token, "remedy", "onnect");
            Stage::found(&stage.diagnosis().await, "identity", "skipped");
        }
    }
}

story! {
    /// A token that nobody renewed is warned of, and then named.
    async fn a_token_that_is_not_renewed_is_seen_coming(stage: Stage) {
        stage.connect().await;
        stage.proxy.refuse(Some("/refresh_access_token"));
        stage.pass(Duration::from_hours(24 * 55)).await;
        let report = stage.diagnosis().await;
        says(&Stage::found(&report, "renewal", "warning"), "cause", "failed for days");
        assert_eq!(report["severity"], "warning", "{report:#}");
        stage.proxy.refuse(None);
    }
}

story! {
    /// The app-scoped id stored in place of the account's own is the classic silence.
    async fn a_wrong_stored_id_is_named(stage: Stage) {
        stage.connect().await;
        let app = stage.app.clone();
        let right = stage.meddle(|_| {}).await;
        let token = app.token(&right).unwrap();
        let wrong = stage.meddle(|account| {
            account.id = app.ids.next();
            account.remote_id = RemoteAccount::new(account.app_scoped_id.clone().unwrap());
            account.token = Some(app.ring.seal(&token_owner(account), &token));
        }).await;
        // Not through the API, which would end the subscription as well.
        let mut tx = stage.db().write().await.unwrap();
        let gone = accounts::Reason { text: "gone", code: "gone" };
        let (owner, id, now) = (&right.workspace_id, &right.id, stage.clock.now());
        accounts::update_unusable(&mut tx, owner, id, accounts::State::Removed, gone, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        stage.account = wrong.id.to_string();
        stage.writes("mira.demo", "Is anybody there?").await;
        stage.settle().await;
        let report = stage.diagnosis().await;
        let identity = Stage::found(&report, "identity", "error");
        says(&identity, "seen", LUMEN);
        says(&identity, "cause", "`id` of /me");
        let routing = Stage::found(&report, "routing", "error");
        says(&routing, "seen", &format!("about {LUMEN} found no account"));
        says(&routing, "cause", "another id than webhooks carry");
    }
}

story! {
    /// A token of the other stack is known by its look, before anybody puzzles over 190.
    async fn a_token_of_the_other_stack_is_named(stage: Stage) {
        stage.connect().await;
        let app = stage.app.clone();
        stage.meddle(|account| {
            let token = Secret::new("EAAfacebooklogintoken");
            account.token = Some(app.ring.seal(&token_owner(account), &token));
        }).await;
        let host = Stage::found(&stage.diagnosis().await, "host", "error");
        says(&host, "cause", "graph.facebook.com");
    }
}

story! {
    /// Scopes that the owner left out are named by what does not come.
    async fn missing_scopes_are_named(stage: Stage) {
        let end = stage.press("allow", &[("grant", "instagram_business_basic")]).await;
        stage.account = query(&end, "accountId").unwrap();
        let report = stage.diagnosis().await;
        let scopes = Stage::found(&report, "scopes", "error");
        says(&scopes, "seen", "instagram_business_manage_messages");
        says(&scopes, "remedy", "allow every permission");
        says(&Stage::found(&report, "scopes", "warning"), "seen", "instagram_business_manage_comments");
    }
}

story! {
    /// An app in development mode deals with its testers only: sends to others say so.
    async fn development_mode_is_named_from_its_symptoms(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        stage.control("instagram/apps", &json!({"client_id": CLIENT_ID, "live": false})).await;
        let refused = stage.send(MIRA, "Hello Mira", &[]).await;
        assert_eq!(refused.status, 403, "{}", refused.text);
        let found = Stage::found(&stage.diagnosis().await, "access_level", "error");
        says(&found, "cause", "development mode");
        says(&found, "remedy", "role on the app");
        says(&found, "seen", "POST");
    }
}

story! {
    /// The owner's switch "Allow access to messages" is found by the refusal that it makes.
    async fn switched_off_message_access_is_named(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        let off = json!({"username": "lumen.cafe.demo", "message_access": false});
        stage.control("instagram/accounts", &off).await;
        stage.send(MIRA, "Hello Mira", &[]).await.expect_error(403, "platform_permission_missing");
        let found = Stage::found(&stage.diagnosis().await, "message_access", "error");
        assert_eq!(found["call"]["subcode"], 2_534_041);
        says(&found, "cause", "Allow access to messages");
    }
}

story! {
    /// Refusals that say one thing and mean another are told with what they mean.
    async fn refused_sends_are_explained(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        let cases = [
            (r#"{"error":{"message":"x","code":100,"error_subcode":2534037}}"#, "thread_control", "warning", "another app"),
            (r#"{"error":{"message":"x","code":10,"error_subcode":2534022}}"#, "window", "error", "Advanced Access"),
            (r#"{"error":{"message":"x","code":10,"error_subcode":2534048}}"#, "access_level", "error", "development mode"),
            (r#"{"error":{"message":"x","code":200}}"#, "restriction", "error", "restricted"),
            (r#"{"error":{"message":"x","code":100,"error_subcode":2534014}}"#, "recipient", "warning", "another account"),
        ];
        for (answer, check, severity, words) in cases {
            stage.proxy.will(&[Fault::Answer(400, answer)]);
            stage.send(MIRA, "What comes of this one?", &[]).await;
            let found = Stage::found(&stage.diagnosis().await, check, severity);
            assert!(found["cause"].as_str().unwrap().to_lowercase().contains(&words.to_lowercase()), "{found:#}");
            assert_eq!(found["call"]["method"], "POST");
        }
        // Once connected again, what was refused before is history.
        stage.pass(Duration::from_secs(5)).await;
        stage.press("allow", &[]).await;
        let report = stage.diagnosis().await;
        assert_eq!(report["severity"], "fine", "{report:#}");
    }
}

story! {
    /// A subscription that the platform ended makes no error, and is found.
    async fn a_lost_subscription_is_found(stage: Stage) {
        stage.connect().await;
        let lost = json!({"account": LUMEN});
        stage.control("instagram/subscriptions/lose", &lost).await;
        let found = Stage::found(&stage.diagnosis().await, "subscription", "error");
        says(&found, "seen", "no field at all");
        says(&found["call"], "url", "/subscribed_apps");
    }
}

story! {
    /// Someone wrote, and no webhook told: an app that is not live, and one that lacks access.
    async fn a_silence_is_found_by_what_the_platform_has(stage: Stage) {
        stage.connect().await;
        for change in [
            json!({"client_id": CLIENT_ID, "live": false}),
            json!({"client_id": CLIENT_ID, "live": true, "standard_access": ["instagram_business_manage_messages"]}),
        ] {
            stage.control("instagram/apps", &change).await;
            stage.pass(Duration::from_mins(10)).await;
            let done = stage.control("instagram/people/mira.demo/write", &json!({"text": "Silence"})).await;
            assert_eq!(done["told"], 0, "{change}");
            stage.pass(Duration::from_mins(1)).await;
            let found = Stage::found(&stage.diagnosis().await, "silence", "error");
            says(&found, "cause", "not live");
            says(&found, "remedy", "Advanced Access");
        }
    }
}

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

story! {
    /// The command: exit code by severity, nothing but text when piped, usage errors apart.
    async fn the_command_reports(stage: Stage) {
        stage.connect().await;
        let settings = stage.settings();
        let run = |arguments: &[&str], settings: &[(&'static str, String)]| {
            let variables = settings.iter().map(|(key, value)| {
                (format!("POSTA_{}", key.to_uppercase().replace('.', "_")), value.clone())
            });
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_posta"));
            command.arg("doctor").args(arguments).envs(variables);
            let output = tokio::task::block_in_place(|| command.output()).unwrap();
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
        };
        // The command has the clock of this machine, and the sandbox its own: a great skew.
        let (code, text, _) = run(&["lumen.cafe.demo"], &settings);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("error     clock"), "{text}");
        assert!(text.contains("remedy  Let the machine's clock be set by NTP."), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        let names = [stage.account.clone(), LUMEN.to_owned()];
        for name in &names {
            let (code, text, _) = run(&[name.as_str(), "--json"], &settings);
            let report: Value = serde_json::from_str(&text).unwrap();
            assert_eq!((code, &report["accounts"][0]["accountId"]), (2, &json!(stage.account)));
        }
        let (code, _, told) = run(&["nobody"], &settings);
        assert_eq!(code, 64);
        assert!(told.contains("there is no account nobody"), "{told}");
        assert_eq!(run(&["--frobnicate"], &settings).0, 64);

        let mut broken = settings.clone();
        broken.retain(|(key, _)| *key != "master_key");
        let (code, text, _) = run(&[], &broken);
        assert!(code == 2 && text.contains("posta keys master"), "{text}");
        broken.push(("public_url", "nonsense".to_owned()));
        let (code, text, _) = run(&[], &broken);
        assert!(code == 2 && text.contains("settings"), "{text}");
    }
}
