//! One account: its grant, what the platform says of it, and what came of it.

use std::time::Duration;

use posta_core::failure::PlatformSaid;
use posta_core::finding::Finding;
use posta_core::id::RemoteAccount;
use posta_core::time::Timestamp;
use posta_platforms::contract::{Auth, Diagnosis, Examination, Known, Platform, Refused};
use posta_store::accounts::{Account, State};
use posta_store::failures::{self, Failure};
use posta_store::{oauth_apps, verifications};

use super::ago;
use super::webhooks::{Lost, fields};
use crate::app::App;
use crate::flows::line::Line;

/// How far back refused sends are looked at, and how many.
const RECENT: Duration = Duration::from_hours(3 * 24);
const FAILURES: i64 = 200;

/// Tokens are renewed a week before they end; from here on that has failed for days.
const LATE: Duration = Duration::from_hours(6 * 24);

/// From when on it is odd that no event has come.
const ODD: Duration = Duration::from_hours(24);

/// How much later than things happen webhooks may come.
const LAG: Duration = Duration::from_mins(5);

const RECONNECT: &str = "Connect the account again.";

/// Looks at everything about one account.
pub(super) async fn findings(app: &App, account: &Account) -> posta_store::Result<Vec<Finding>> {
    let Some(platform) = posta_platforms::get(&account.platform) else {
        let seen = format!("this version does not speak {}", account.platform);
        return Ok(vec![Finding::error("platform", seen)]);
    };
    let mut findings = vec![connection(account)];
    findings.extend(renewal(account, app.clock.now()));
    findings.extend(scopes(platform, account));
    let mut ids = vec![account.remote_id.clone()];
    if let Some(diagnosis) = platform.diagnosis() {
        let examination = examine(app, account, diagnosis).await;
        findings.extend(examination.findings);
        ids.extend(examination.account);
        findings.extend(examination.newest_at.and_then(|at| silence(platform, account, at)));
        findings.extend(refused(app, account, diagnosis).await?);
    }
    ids.extend(account.app_scoped_id.clone().map(RemoteAccount::new));
    ids.dedup();
    findings.extend(routing(app, platform, account, &ids).await?);
    findings.push(last_event(app, platform, account));
    Ok(tidied(findings))
}

/// What was asked and what is on record may say the same; the worse one is kept.
fn tidied(findings: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        let same = kept.iter_mut().find(|one| {
            one.check == finding.check && (one.cause == finding.cause || one.cause.is_none())
        });
        match same {
            Some(one) if one.severity < finding.severity => *one = finding,
            Some(_) => {}
            None => kept.push(finding),
        }
    }
    kept
}

fn connection(account: &Account) -> Finding {
    let since = account.state_since;
    if account.state == State::Connected {
        return Finding::fine("connection", format!("connected since {since}"));
    }
    let reason =
        account.state_reason.as_deref().unwrap_or("the platform no longer accepts its token");
    Finding::error("connection", format!("disconnected since {since}"))
        .cause(reason)
        .remedy(RECONNECT)
}

fn renewal(account: &Account, now: Timestamp) -> Option<Finding> {
    let ends = account.token_expires_at.filter(|_| account.state == State::Connected)?;
    let issued =
        account.token_issued_at.map_or(String::new(), |at| format!(", issued {}", ago(at, now)));
    let left = ends.since(now);
    let seen = format!("the token ends at {ends}{issued}");
    Some(if left.is_zero() {
        Finding::error("renewal", seen)
            .cause("Nobody renewed it in time; an ended token cannot be renewed.")
            .remedy(RECONNECT)
    } else if left < LATE {
        Finding::warning("renewal", seen)
            .cause(
                "Renewing it has failed for days; the log says why, under \"token not renewed\".",
            )
            .remedy(
                "See that a server runs and reaches the platform, or connect the account again.",
            )
    } else {
        Finding::fine("renewal", seen)
    })
}

/// What the owner granted, against what the inbox needs.
fn scopes(platform: &dyn Platform, account: &Account) -> Vec<Finding> {
    let Some(auth) = platform.auth() else { return Vec::new() };
    let Some(granted) = &account.scopes else {
        return vec![Finding::skipped("scopes", "the platform did not say what was granted")];
    };
    let missing = |area: Option<&str>| -> Vec<&str> {
        let areas = auth.scopes().iter().filter(|one| one.area == area);
        let all = areas.flat_map(|one| one.scopes).copied();
        all.filter(|scope| !granted.0.iter().any(|has| has == scope)).collect()
    };
    let remedy = "Connect the account again and allow every permission that is asked for.";
    let mut findings = Vec::new();
    let mut needed = missing(None);
    needed.extend(missing(Some("messaging")));
    if !needed.is_empty() {
        let seen = format!("not granted: {}", needed.join(", "));
        let cause = "The owner left it out. Without it no message comes, without an error.";
        findings.push(Finding::error("scopes", seen).cause(cause).remedy(remedy));
    }
    let comments = missing(Some("comments"));
    if !comments.is_empty() {
        let seen = format!("not granted: {}", comments.join(", "));
        let cause = "The owner left it out. Without it no comment comes, without an error.";
        findings.push(Finding::warning("scopes", seen).cause(cause).remedy(remedy));
    }
    if findings.is_empty() {
        let names = names_of(auth, granted.0.as_slice());
        findings.push(Finding::fine("scopes", format!("granted: {names}")));
    }
    findings
}

fn names_of(auth: &dyn Auth, granted: &[String]) -> String {
    let known = auth.scopes().iter().flat_map(|one| one.scopes).copied();
    let names: Vec<_> = known.filter(|scope| granted.iter().any(|has| has == scope)).collect();
    names.join(", ")
}

async fn examine(app: &App, account: &Account, diagnosis: &dyn Diagnosis) -> Examination {
    let alone = |finding| Examination { findings: vec![finding], ..Examination::default() };
    if account.state != State::Connected {
        let skipped =
            Finding::skipped("token", "the account is disconnected, so nothing was asked");
        return alone(skipped);
    }
    let line = match Line::open(app, account).await {
        Ok(line) => line,
        Err(error) => {
            let finding = Finding::error("token", error.message)
                .cause("The master key is another than the token was sealed with, or the app's secret is gone.")
                .remedy("Start with the master key that was in use, or connect the account again.");
            return alone(finding);
        }
    };
    let known = Known { app_scoped: account.app_scoped_id.as_deref(), username: &account.username };
    diagnosis.examine(&line.cx(app), &known).await
}

/// What the sends of the last days have in common that the platform refused. Those from before the
/// account was last connected are history.
async fn refused(
    app: &App,
    account: &Account,
    diagnosis: &dyn Diagnosis,
) -> posta_store::Result<Vec<Finding>> {
    let since = app.clock.now().minus(RECENT).max(account.state_since);
    let mut tx = app.db.read().await?;
    let failed = failures::list(&mut tx, &account.id, since, FAILURES).await?;
    drop(tx);
    let window = posta_platforms::get(&account.platform).and_then(|one| one.limits().reply_window);
    let refused: Vec<_> = failed
        .iter()
        .filter_map(|failure| {
            let was_open = window.is_some_and(|window| {
                failure.window_opened_at.is_some_and(|opened| {
                    opened <= failure.created_at
                        && failure.created_at < opened.plus(window.standard)
                })
            });
            Some(Refused { said: said(failure)?, at: failure.created_at, was_open })
        })
        .collect();
    Ok(diagnosis.explain(&account.remote_id, &refused))
}

fn said(failure: &Failure) -> Option<PlatformSaid> {
    let error = &failure.error.as_ref()?.0;
    serde_json::from_value(error.get("platformError")?.clone()).ok()
}

/// Webhooks about the account that found their way to the door and no further.
async fn routing(
    app: &App,
    platform: &'static dyn Platform,
    account: &Account,
    ids: &[RemoteAccount],
) -> posta_store::Result<Vec<Finding>> {
    let mut tx = app.db.read().await?;
    let lost = Lost::read(&mut tx, platform).await?;
    let door = verifications::find(&mut tx, platform.name()).await?;
    let mut findings = Vec::new();
    for id in ids {
        let Some(strays) = lost.of(id) else { continue };
        let when = strays.last.map(|last| ago(last, app.clock.now())).unwrap_or_default();
        let seen =
            format!("{} webhook(s) about {id} found no account, the last {when}", strays.count);
        let finding = Finding::error("routing", seen);
        findings.push(if *id != account.remote_id {
            finding
                .cause(format!("The account is stored under {}, another id than webhooks carry.", account.remote_id))
                .remedy("Connect the account again, then `posta inbound retry --state unrouted`.")
        } else if strays.signed_by.contains(&account.oauth_app_id) {
            finding
                .cause("They came while the account was not connected.")
                .remedy("`posta inbound retry --state unrouted` takes them in.")
        } else {
            let own = match &account.oauth_app_id {
                Some(id) => oauth_apps::find(&mut tx, &account.workspace_id, id).await?,
                None => None,
            };
            let own = own.map_or("the configured app".to_owned(), |own| own.label);
            finding
                .cause(format!("The account is connected through {own}, and another app's secret signed them."))
                .remedy("Subscribe only the app that the account is connected through, or connect it again through the other one.")
        });
    }
    if let Some(door) = door
        && let (Some(about), Some(at)) = (door.refused_about, door.refused_at)
        && ids.contains(&about)
        && account.last_event_at.is_none_or(|last| last < at)
    {
        let when = ago(at, app.clock.now());
        let seen =
            format!("the last webhook that was refused, {when}, claims to be about this account");
        findings.push(
            Finding::error("signature", seen)
                .cause("No secret that Posta has signed it.")
                .remedy("Add the secret that the dashboard shows to webhook_secrets."),
        );
    }
    Ok(findings)
}

/// What happened at the platform, and no webhook has told of.
fn silence(platform: &dyn Platform, account: &Account, newest_at: Timestamp) -> Option<Finding> {
    let heard = account.last_event_at.unwrap_or(account.state_since).max(account.state_since);
    if newest_at.since(heard) < LAG {
        return None;
    }
    let title = platform.title();
    let seen = format!(
        "{title} has a conversation in which something happened at {newest_at}; the last it told was at {heard}"
    );
    let cause = format!(
        "Webhooks do not come. If no other finding says why, it is what {title} tells nobody: the app \
         is not live or lacks Advanced Access, so that only what people with a role on it write is \
         told; or the app itself is not subscribed in the dashboard."
    );
    let remedy =
        format!("Publish the app, get Advanced Access by App Review. {}", fields(platform));
    Some(Finding::error("silence", seen).cause(cause).remedy(remedy))
}

fn last_event(app: &App, platform: &dyn Platform, account: &Account) -> Finding {
    let now = app.clock.now();
    match account.last_event_at {
        Some(at) => Finding::fine("last_event", format!("{at}, {}", ago(at, now))),
        None if now.since(account.state_since) < ODD => {
            Finding::fine("last_event", "none yet; the account was connected not long ago")
        }
        None => Finding::warning("last_event", format!("none since {}", account.state_since))
            .cause("Nobody has written, or webhooks do not come. What the platform does not tell an \
                    app: whether it is live, and which fields it is subscribed to in the dashboard.")
            .remedy(format!(
                "Write to the account from another one and look again. See in the dashboard that \
                 the app is live. {}",
                fields(platform)
            )),
    }
}
