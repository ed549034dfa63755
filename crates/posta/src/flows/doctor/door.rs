//! The way from outside to this server: its public URL, the platform's question whether that is
//! ours, and the page where accounts are connected.

use std::time::Duration;

use posta_core::failure::PlatformSaid;
use posta_core::finding::{Call, Finding};
use posta_platforms::contract::{Ask, Platform};
use posta_platforms::cx::{AppCredentials, Cx};
use posta_platforms::http::Reply;
use posta_store::verifications::{self, Verification};
use url::Url;

use super::ago;
use crate::app::App;
use crate::config::PlatformConfig;
use crate::flows::connect::callback_url;

/// What our own questions and their answers are signed for.
const ASKED: &str = "doctor asks";
const REACHED: &str = "doctor reached";

/// How long anything may take that we ask for, and how much of it is read.
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_BODY: usize = 64 << 10;

/// Answers a question of our own, to show that a URL leads to this installation; `None` when it is
/// somebody else's.
#[must_use]
pub fn answer(app: &App, question: &str) -> Option<String> {
    is_own(app, question).then(|| app.ring.sign(REACHED, question))
}

/// How many digits of a question of ours are random; the rest shows that it is ours.
const RANDOM: usize = 16;

/// Makes a question that [`is_own`] knows again.
fn nonce(app: &App) -> String {
    let random = app.chance.hex::<{ RANDOM / 2 }>();
    let signature = app.ring.sign(ASKED, &random);
    random + &signature
}

/// Whether this text is a question of a doctor of this installation.
#[must_use]
pub fn is_own(app: &App, text: &str) -> bool {
    text.split_at_checked(RANDOM)
        .is_some_and(|(random, signature)| app.ring.is_signed(ASKED, random, signature))
}

pub(super) async fn findings(app: &App) -> posta_store::Result<Vec<Finding>> {
    let (reached, is_reached) = reached(app).await;
    let mut findings = vec![reached];
    for platform in posta_platforms::ALL {
        let section = app.config.platforms.get(platform.name());
        let Some(section) = section.filter(|section| section.has_app()) else {
            continue;
        };
        if !is_reached {
            findings.push(Finding::skipped("verification", "the public URL does not lead here"));
        } else if let Some(finding) = verification(app, *platform, section).await {
            findings.push(finding);
        }
        let mut tx = app.db.read().await?;
        let door = verifications::find(&mut tx, platform.name()).await?;
        drop(tx);
        findings.extend(door.and_then(|door| wrong_token(app, *platform, &door)));
        findings.extend(redirect_uri(app, *platform, section).await);
    }
    Ok(findings)
}

/// Asks ourselves, the long way round. The answer is signed, so only this installation can give it.
async fn reached(app: &App) -> (Finding, bool) {
    let nonce = nonce(app);
    let url = own(app, &["webhooks", "reached", &nonce]);
    let (call, reply) = ask(app, url.clone()).await;
    let reply = match reply {
        Ok(reply) => reply,
        Err(why) => return (unreached(&url, call, &why), false),
    };
    let text = String::from_utf8_lossy(&reply.body);
    if reply.status.is_success() && app.ring.is_signed(REACHED, &nonce, text.trim()) {
        let seen = format!("{} leads here, asked from this machine", app.config.public_url);
        return (Finding::fine("reachable", seen), true);
    }
    let location = reply.headers.get("location").and_then(|value| value.to_str().ok());
    let finding = match location {
        Some(location) => {
            Finding::error("reachable", format!("{call}, and redirects to {location}"))
                .cause("Platforms do not follow redirects.")
        }
        None => Finding::error("reachable", call.to_string()).cause(
            "Something else answers at the public URL, or a server with another master key.",
        ),
    };
    let remedy = "Let the proxy pass /webhooks/ and /connect/ on to this server unchanged.";
    (finding.call(call).remedy(remedy), false)
}

fn unreached(url: &Url, call: Call, why: &str) -> Finding {
    let host = url.host_str().unwrap_or_default();
    let cause = format!(
        "The server does not run, or {host} does not lead to it, or its certificate is not valid."
    );
    Finding::error("reachable", format!("{call}: {why}")).call(call).cause(cause).remedy(
        "Start `posta serve`, and see that the host name, the proxy and the certificate are right; \
         from outside, `curl` shows the same.",
    )
}

/// Asks the platform's own question.
async fn verification(
    app: &App,
    platform: &dyn Platform,
    section: &PlatformConfig,
) -> Option<Finding> {
    let diagnosis = platform.diagnosis()?;
    if section.verify_token.is_empty() {
        return Some(Finding::skipped("verification", "there is no verify token"));
    }
    let nonce = nonce(app);
    let mut url = own(app, &["webhooks", platform.name()]);
    url.query_pairs_mut().extend_pairs(diagnosis.question(&section.verify_token, &nonce));
    let (call, reply) = ask(app, url).await;
    let is_right =
        reply.is_ok_and(|reply| reply.status.is_success() && reply.body == nonce.as_bytes());
    if is_right {
        let seen = format!("{} is answered as {} wants it", call.url, platform.title());
        return Some(Finding::fine("verification", seen));
    }
    let seen = format!("{call}, asked with the verify token of this configuration");
    Some(
        Finding::error("verification", seen)
            .call(call)
            .cause("The running server has another verify token, or the proxy drops the query.")
            .remedy("Restart the server with this configuration, and let the proxy keep queries."),
    )
}

fn wrong_token(app: &App, platform: &dyn Platform, door: &Verification) -> Option<Finding> {
    let failed = door.challenge_failed_at?;
    if door.challenge_passed_at.is_some_and(|passed| passed >= failed) {
        return None;
    }
    let when = ago(failed, app.clock.now());
    let seen = format!("somebody asked with another verify token, {when}, and was refused");
    let remedy = format!(
        "Enter the verify token of this configuration in {}'s dashboard, beside the callback URL {}.",
        platform.title(),
        own(app, &["webhooks", platform.name()])
    );
    let cause = "The dashboard has another verify token than this server.";
    Some(Finding::warning("verification", seen).cause(cause).remedy(remedy))
}

/// Looks at the page where accounts are connected, as far as it shows without a login.
async fn redirect_uri(
    app: &App,
    platform: &dyn Platform,
    section: &PlatformConfig,
) -> Option<Finding> {
    let auth = platform.auth()?;
    let client = AppCredentials {
        client_id: section.client_id.clone(),
        client_secret: section.client_secret.clone(),
    };
    let cx = Cx {
        http: &app.http,
        clock: &app.clock,
        site: app.site(platform),
        app: &client,
        account: None,
        gauge: None,
    };
    let redirect = callback_url(app, platform.name());
    let always: Vec<_> = auth
        .scopes()
        .iter()
        .filter(|one| one.area.is_none())
        .flat_map(|one| one.scopes)
        .copied()
        .collect();
    let wanted = Ask { scopes: &always, redirect: &redirect, state: "doctor", force_login: false };
    let (call, reply) = ask(app, auth.start(&cx, &wanted)).await;
    let title = platform.title();
    match reply {
        Ok(reply) if reply.status.is_client_error() => Some(
            Finding::error("redirect_uri", format!("{call}, for the redirect URI {redirect}"))
                .call(call)
                .cause("The client id is not known, or the redirect URI is not registered.")
                .remedy(format!(
                    "Register {redirect} in {title}'s dashboard, to the character: a slash at the end makes another."
                )),
        ),
        Ok(_) => Some(Finding::fine(
            "redirect_uri",
            format!("{title} does not refuse {redirect} before the login; it has to be registered to the character"),
        )),
        Err(why) => Some(Finding::warning("redirect_uri", format!("{call}: {why}")).call(call)),
    }
}

/// A URL of our own, as the outside has it.
fn own(app: &App, path: &[&str]) -> Url {
    let mut url = app.config.public_url.clone();
    url.path_segments_mut().expect("the public URL is a base").pop_if_empty().extend(path);
    url
}

async fn ask(app: &App, url: Url) -> (Call, Result<Reply, String>) {
    let mut call = Call {
        method: "GET",
        url: format!("{}{}", url.authority(), url.path()),
        said: PlatformSaid::default(),
    };
    let reply = app.http.probe(app.http.get(url).timeout(PATIENCE), MAX_BODY).await;
    if let Ok(reply) = &reply {
        call.said.status = Some(reply.status.as_u16());
    }
    (call, reply)
}
