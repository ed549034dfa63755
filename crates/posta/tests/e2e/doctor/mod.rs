//! The doctor: each thing that stops everything without an error is found, and named.

use posta::boot;
use posta::config::{Environment, Layers};
use posta::flows::doctor;
use posta_core::chance::Chance;
use posta_store::accounts::{self, Account};
use serde_json::{Value, json};

use crate::support::{Stage, story};

mod door;
mod silence;
mod token;

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
