//! One account: its grant, what the platform says of it, and what came of it.

use std::time::Duration;

use posta_core::finding::Finding;
use posta_core::id::RemoteAccount;
use posta_core::time::Timestamp;
use posta_platforms::contract::{Auth, Diagnosis, Examination, Known, Platform, Refused};
use posta_store::accounts::{Account, State};
use posta_store::conversations::{Conversation, Filter};
use posta_store::failures::{self, Failure};
use posta_store::{conversations, oauth_apps, verifications};

use super::webhooks::Lost;
use super::{ago, silence};
use crate::app::App;
use crate::flows::events::Owner;
use crate::flows::line::Line;
use crate::flows::receive::Control;
use crate::flows::window;

/// How far back refused sends are looked at, and how many.
const RECENT: Duration = Duration::from_hours(3 * 24);
const FAILURES: i64 = 200;

/// Tokens are renewed a week before they end; from here on that has failed for days.
const LATE: Duration = Duration::from_hours(6 * 24);

/// How many conversations are looked at for who holds them, those where something happened last.
const CONVERSATIONS: i64 = 200;

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
    let filter = Filter { account: Some(&account.id), ..Filter::default() };
    let mut tx = app.db.read().await?;
    let conversations =
        conversations::list(&mut tx, &account.workspace_id, &filter, CONVERSATIONS).await?;
    drop(tx);
    if let Some(diagnosis) = platform.diagnosis() {
        let examination = examine(app, account, diagnosis).await;
        findings.extend(examination.findings);
        ids.extend(examination.account);
        let newest = examination.newest;
        let silent =
            newest.and_then(|one| silence::of_messages(platform, account, &conversations, one));
        findings.extend(silent);
        let comments = examination.comments;
        findings.extend(silence::of_comments(app, platform, account, comments).await?);
        findings.extend(refused(app, account, diagnosis).await?);
    }
    findings.extend(held(platform, &conversations));
    findings.extend(limits(account, app.clock.now()));
    findings.extend(forgotten(app, platform, account).await?);
    ids.extend(account.app_scoped_id.clone().map(RemoteAccount::new));
    ids.dedup();
    findings.extend(routing(app, platform, account, &ids).await?);
    findings.push(silence::last_event(app, platform, account));
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
    let known = Known {
        app_scoped: account.app_scoped_id.as_deref(),
        username: &account.username,
        scopes: account.scopes.as_ref().map(|scopes| scopes.0.as_slice()),
    };
    diagnosis.examine(&line.cx(app), &known).await
}

/// Conversations that by the platform's word another app holds, whether or not we tried to write.
fn held(platform: &dyn Platform, newest: &[Conversation]) -> Option<Finding> {
    let held = newest.iter().filter_map(Control::of).filter(|one| one.owner == Owner::Other);
    let held: Vec<Control> = held.collect();
    let last = held.iter().max_by_key(|control| control.changed_at)?;
    let whose = last.owner_app_id.as_ref().map(|id| format!(", by app {id}")).unwrap_or_default();
    let seen = format!(
        "{} of the last {} conversation(s) are held by another app, the last since {}{whose}",
        held.len(),
        newest.len(),
        last.changed_at
    );
    let title = platform.title();
    Some(
        Finding::warning("thread_control", seen)
            .cause(format!("{title} said so: what is written there comes as standby, and what is sent there is refused."))
            .remedy("Make this app the one that conversations are routed to in the account's settings, or let the other app pass them on."),
    )
}

/// Calls that are put off because the platform wants it so.
fn limits(account: &Account, now: Timestamp) -> Option<Finding> {
    let until = account.rate_limited_until.max(account.paused_until).filter(|at| *at > now)?;
    let seen = format!("calls for this account are put off until {until}");
    Some(
        Finding::warning("limits", seen)
            .cause("The platform said that what it allows the account or the app is used up, or nearly.")
            .remedy("Wait; what was sent goes out by itself then. If it comes often, see which other program uses the same app."),
    )
}

/// Conversations that the platform's lists no longer have, so that neither an import nor a comparison
/// sees them. That stops nothing that is written from now on.
async fn forgotten(
    app: &App,
    platform: &'static dyn Platform,
    account: &Account,
) -> posta_store::Result<Option<Finding>> {
    let Some(life) = platform.limits().request_life else {
        return Ok(None);
    };
    let mut tx = app.db.read().await?;
    let before = app.clock.now().minus(life);
    let count = conversations::count_unanswered(&mut tx, &account.id, before).await?;
    if count == 0 {
        return Ok(None);
    }
    let days = life.as_secs() / 86_400;
    let seen = format!("{count} conversation(s), silent for {days} days, were never answered");
    Ok(Some(
        Finding::fine("requests", seen)
            .cause("Such conversations may still be in the owner's folder of requests, and the platform no longer lists them there.")
            .remedy("Answer requests in time. What Posta has of them stays; what it missed in them cannot be read any more."),
    ))
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
    let refused: Vec<_> = failed.iter().filter_map(as_refused).collect();
    Ok(diagnosis.explain(&account.remote_id, &refused))
}

fn as_refused(failure: &Failure) -> Option<Refused> {
    let error = &failure.error.as_ref()?.0;
    let said = serde_json::from_value(error.get("platformError")?.clone()).ok()?;
    Some(Refused { said, at: failure.created_at, disputed: window::disputed(error) })
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
