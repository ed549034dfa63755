//! The tour: an account is connected, a customer writes, the receiver replies, the echo is matched.

use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use serde_json::{Value, json};
use url::Url;

use super::calls::{api, control, control_get, get, location, send, text};
use super::receiver::Seen;
use super::stage::{Interrupted, Stage};
use super::transcript::Transcript;
use crate::telemetry::Stopwatch;

/// How long one step may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// The customer of the tour, one of the sandbox's cast.
const CUSTOMER: &str = "mira.demo";

/// What the customer writes.
const QUESTION: &str = "Hi! Are you open on Sunday? ☕";

/// What the tour leaves to play with.
pub(super) struct Shown {
    /// The connected account.
    pub(super) account: String,
    /// Our id of the conversation.
    pub(super) conversation: String,
}

/// Plays the tour.
pub(super) async fn run(stage: &Stage, transcript: &Transcript) -> anyhow::Result<Shown> {
    let tour = Tour { stage, transcript };
    tour.open().await?;
    let profile = tour.profile().await?;
    tour.endpoint().await?;
    let account = tour.connect(&profile).await?;
    let written = tour.customer_writes(&account).await?;
    let reply = tour.receiver_replies(&written).await?;
    tour.customer_sees(&reply).await?;
    tour.echo_is_matched(&account, &written, &reply).await?;
    Ok(Shown { account, conversation: written.conversation })
}

struct Tour<'a> {
    stage: &'a Stage,
    transcript: &'a Transcript,
}

/// A message of the customer's that reached the receiver.
struct Written {
    event: String,
    message: String,
    conversation: String,
}

impl Tour<'_> {
    /// Plays one step: times it, bounds it, and names it when it fails.
    async fn step<T>(
        &self,
        name: &str,
        action: impl Future<Output = anyhow::Result<(T, String)>>,
    ) -> anyhow::Result<T> {
        let watch = Stopwatch::start();
        let result = tokio::select! {
            biased;
            () = self.stage.stop.cancelled() => return Err(Interrupted.into()),
            result = self.stage.app.clock.timeout(PATIENCE, action) => result,
        };
        let result =
            result.unwrap_or_else(|| Err(anyhow!("nothing happened for {} s", PATIENCE.as_secs())));
        match result {
            Ok((value, text)) => {
                self.transcript.step(name, watch.elapsed(), &text);
                Ok(value)
            }
            Err(error) => {
                self.transcript.failed(name, &format!("{error:#}"));
                Err(error.context(format!("the tour failed at the step {name}")))
            }
        }
    }

    async fn open(&self) -> anyhow::Result<()> {
        let stage = self.stage;
        self.step("posta_ready", async {
            get(stage, stage.posta.join("readyz")?).await?;
            Ok(((), format!("Posta listens on {}, with SQLite", stage.posta)))
        })
        .await?;
        self.step("sandbox_ready", async {
            let platform = stage.platform.name();
            let callback = stage.posta.join(&format!("connect/{platform}/callback"))?;
            let hook = stage.posta.join(&format!("webhooks/{platform}"))?;
            let seed = json!({
                "platform": platform,
                "client_id": stage.identity.client_id,
                "client_secret": stage.identity.client_secret.expose(),
                "redirect_uris": [callback],
                "webhook": {"callback_url": hook, "verify_token": stage.identity.verify_token.expose()},
            });
            control(stage, "seed", &seed).await?;
            let title = stage.platform.title();
            Ok((
                (),
                format!(
                    "A pretend {title} listens on {}, and has verified Posta's webhook URL",
                    stage.sandbox
                ),
            ))
        })
        .await
    }

    async fn profile(&self) -> anyhow::Result<String> {
        let stage = self.stage;
        self.step("api_key", async {
            let list = api(stage, "GET", "profiles", None).await?;
            let profile = text(&list, "/profiles/0/_id")?;
            let file = stage.key_file.display();
            let said = if stage.is_new_key {
                format!(
                    "Workspace, profile and API key are made: {} (kept in {file})",
                    stage.key.expose()
                )
            } else {
                format!("The API key is the one of the last run, kept in {file}")
            };
            Ok((profile, said))
        })
        .await
    }

    /// Registers the receiver, or tells an earlier registration where the receiver is now.
    async fn endpoint(&self) -> anyhow::Result<()> {
        const NAME: &str = "dev receiver";
        let stage = self.stage;
        self.step("webhook_endpoint", async {
            let url = stage.receiver.url.join("hook")?;
            let mut wanted = json!({
                "name": NAME, "url": url, "isActive": true,
                "events": ["message.received", "message.sent", "message.read",
                    "conversation.started", "account.connected", "account.disconnected"],
            });
            let list = api(stage, "GET", "webhooks/settings", None).await?;
            let earlier = list["webhooks"].as_array().into_iter().flatten();
            for one in earlier.filter(|one| one["name"] == NAME) {
                let path = format!("webhooks/settings?webhookId={}", text(one, "/_id")?);
                api(stage, "DELETE", &path, None).await?;
            }
            let made = api(stage, "POST", "webhooks/settings", Some(&mut wanted)).await?;
            let secret = text(&made, "/webhook/secret")?;
            stage.receiver.learn(posta_core::secret::Secret::new(secret));
            Ok(((), format!("A webhook endpoint is registered: {url}")))
        })
        .await
    }

    async fn connect(&self, profile: &str) -> anyhow::Result<String> {
        let (stage, name) = (self.stage, self.stage.platform.name());
        let auth_url = self
            .step("connect_url", async {
                let mut query = url::form_urlencoded::Serializer::new(String::new());
                query.append_pair("profileId", profile);
                let end = stage.receiver.url.join("connected?from=tour")?;
                query.append_pair("redirect_url", end.as_str());
                let path = format!("connect/{name}?{}", query.finish());
                let started = api(stage, "GET", &path, None).await?;
                let url: Url = text(&started, "/authUrl")?.parse()?;
                Ok((url, "Posta says where the account's owner can allow it".to_owned()))
            })
            .await?;
        let back = self
            .step("authorize", async {
                let page = get(stage, auth_url.clone()).await?;
                ensure!(page.status.is_success(), "the authorize page answered {}", page.status);
                let mut form: Vec<(String, String)> = auth_url.query_pairs().into_owned().collect();
                form.push(("decision".to_owned(), "allow".to_owned()));
                let mut bare = auth_url.clone();
                bare.set_query(None);
                let pressed = send(stage, stage.http.post(bare).form(&form)).await?;
                let location = location(&pressed)?;
                ensure!(location.query_pairs().any(|(key, _)| key == "code"), "no code came back");
                Ok((
                    location,
                    "The owner has pressed Allow; the browser goes back with a code".to_owned(),
                ))
            })
            .await?;
        self.step("connected", async {
            let answer = get(stage, back).await?;
            let end = location(&answer)?;
            let value = |name: &str| {
                let found = end.query_pairs().find(|(key, _)| key == name);
                found.map(|(_, value)| value.into_owned())
            };
            if let Some(slug) = value("error") {
                bail!("{slug}: {}", value("error_message").unwrap_or_default());
            }
            let account = value("accountId").context("no account came back")?;
            let username = value("username").unwrap_or_default();
            Ok((account, format!(
                "{username} is connected: code and tokens exchanged, events subscribed, token sealed"
            )))
        })
        .await
    }

    async fn customer_writes(&self, account: &str) -> anyhow::Result<Written> {
        let stage = self.stage;
        let mut follow = stage.receiver.follow();
        let message = self
            .step("customer_writes", async {
                let deed = json!({"text": QUESTION});
                let path = format!("{}/people/{CUSTOMER}/write", stage.platform.name());
                let done = control(stage, &path, &deed).await?;
                ensure!(done["told"] == 1, "the sandbox has nobody to tell");
                let message = text(&done, "/message_id")?;
                Ok((message, format!("{CUSTOMER} writes: {QUESTION}")))
            })
            .await?;
        self.step("message_received", async {
            let event = seen(&mut follow, |seen| {
                let mut events = seen.events.iter().map(|(event, _)| event);
                events
                    .find(|one| {
                        one["event"] == "message.received"
                            && one["message"]["platformMessageId"] == message.as_str()
                    })
                    .cloned()
            })
            .await?;
            ensure!(event["account"]["id"] == account, "the event is another account's");
            ensure!(
                event["message"]["text"] == QUESTION,
                "the text is another: {}",
                event["message"]["text"]
            );
            let written = Written {
                event: text(&event, "/id")?,
                message,
                conversation: text(&event, "/conversation/id")?,
            };
            Ok((
                written,
                "Posta has verified, stored and delivered it: message.received, signature good"
                    .to_owned(),
            ))
        })
        .await
    }

    async fn receiver_replies(&self, written: &Written) -> anyhow::Result<String> {
        let mut follow = self.stage.receiver.follow();
        self.step("reply_sent", async {
            let (answer, took) = seen(&mut follow, |seen| {
                let mut replies = seen.replies.iter();
                let found = replies.find(|(caused_by, ..)| *caused_by == written.event);
                found.map(|(_, answer, took)| (answer.clone(), *took))
            })
            .await?;
            ensure!(answer["success"] == true, "the API answered {answer}");
            let millis = took.as_secs_f64() * 1000.0;
            let text_ = format!(
                "The receiver replies through the API; the platform took it within {millis:.1} ms"
            );
            Ok((text(&answer, "/data/messageId")?, text_))
        })
        .await
    }

    async fn customer_sees(&self, reply: &str) -> anyhow::Result<()> {
        let stage = self.stage;
        self.step("customer_sees", async {
            let platform = stage.platform.name();
            let accounts = control_get(stage, &format!("{platform}/accounts")).await?;
            let account =
                text(&accounts, "/0/id").or_else(|_| text(&accounts, "/accounts/0/id"))?;
            let path = format!("{platform}/accounts/{account}/threads/{CUSTOMER}");
            let thread = control_get(stage, &path).await?;
            let messages = thread["messages"].as_array().context("the thread has no messages")?;
            let seen = messages.iter().find(|one| one["id"] == reply);
            let seen = seen.context("the customer's thread lacks the reply")?;
            Ok(((), format!("{CUSTOMER} sees: {}", seen["text"].as_str().unwrap_or_default())))
        })
        .await
    }

    async fn echo_is_matched(
        &self,
        account: &str,
        written: &Written,
        reply: &str,
    ) -> anyhow::Result<()> {
        let stage = self.stage;
        let mut follow = stage.receiver.follow();
        self.step("echo_matched", async {
            seen(&mut follow, |seen| {
                let mut events = seen.events.iter().map(|(event, _)| event);
                let is_ours = |one: &&Value| one["message"]["platformMessageId"] == reply;
                events.find(|one| one["event"] == "message.sent" && is_ours(one)).map(|_| ())
            })
            .await?;
            stage.echoes_done().await?;
            let path = format!(
                "inbox/conversations/{}/messages?accountId={account}&sortOrder=desc",
                written.conversation
            );
            let list = api(stage, "GET", &path, None).await?;
            let messages = list["messages"].as_array().context("the list has no messages")?;
            for id in [written.message.as_str(), reply] {
                let count = messages.iter().filter(|one| one["id"] == id).count();
                ensure!(count == 1, "the conversation has the message {count} times");
            }
            Ok((
                (),
                "The platform's echo has come back and is the same message, not a second one"
                    .to_owned(),
            ))
        })
        .await
    }
}

impl Stage {
    /// Waits until the sandbox has told everything and Posta has worked it off.
    async fn echoes_done(&self) -> anyhow::Result<()> {
        self.settle_sandbox().await;
        while !crate::workers::is_idle(&self.app).await? {
            self.app.clock.sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }
}

/// Waits until the receiver has seen what is looked for.
async fn seen<T>(
    follow: &mut tokio::sync::watch::Receiver<Seen>,
    look: impl Fn(&Seen) -> Option<T>,
) -> anyhow::Result<T> {
    loop {
        if let Some(found) = look(&follow.borrow_and_update()) {
            return Ok(found);
        }
        follow.changed().await?;
    }
}
