//! Webhooks that came and were not taken, and why.

use std::collections::BTreeMap;

use posta_core::finding::Finding;
use posta_core::id::{OauthAppId, RemoteAccount};
use posta_core::time::Timestamp;
use posta_platforms::contract::Platform;
use posta_store::inbound::{self, State};
use posta_store::{Tx, verifications};

use super::ago;
use crate::app::App;

/// How many webhooks that found no account are looked into, the newest first.
const LOOKED_INTO: i64 = 100;

pub(super) async fn findings(app: &App) -> posta_store::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut tx = app.db.read().await?;
    for platform in posta_platforms::ALL {
        if platform.inbound().is_some() {
            findings.extend(callback(app, &mut tx, *platform).await?);
            findings.extend(refused(app, &mut tx, *platform).await?);
            findings.extend(unparsed(&mut tx, *platform).await?);
            findings.extend(unrouted(&mut tx, *platform).await?);
        }
    }
    Ok(findings)
}

/// Whether the platform has ever called.
async fn callback(
    app: &App,
    tx: &mut Tx,
    platform: &dyn Platform,
) -> posta_store::Result<Option<Finding>> {
    let (name, title) = (platform.name(), platform.title());
    let newest = inbound::find_newest(tx, name).await?;
    let door = verifications::find(tx, name).await?;
    if let Some(newest) = newest {
        let when = ago(newest.received_at, app.clock.now());
        let seen = format!("the last webhook of {title} came {when}");
        return Ok(Some(Finding::fine("callback", seen)));
    }
    if !app.config.platforms.get(name).is_some_and(crate::config::PlatformConfig::has_app) {
        return Ok(None);
    }
    if door.is_some_and(|door| door.challenge_passed_at.is_some()) {
        let seen = format!("{title} has made sure that the callback URL is ours; nothing came yet");
        return Ok(Some(Finding::fine("callback", seen)));
    }
    let seen = format!("{title} has never asked for the callback URL");
    let cause = "The callback URL is not entered in the dashboard, or another one is.";
    let remedy = format!(
        "In the app's dashboard, enter {}webhooks/{name} and the verify token. {}",
        app.config.public_url,
        fields(platform)
    );
    Ok(Some(Finding::warning("callback", seen).cause(cause).remedy(remedy)))
}

/// Says what the app has to be subscribed to in the platform's dashboard.
pub(super) fn fields(platform: &dyn Platform) -> String {
    let fields = platform.inbound().map(|inbound| inbound.subscription().fields.join(", "));
    format!("Subscribe the app there to {}.", fields.unwrap_or_default())
}

async fn refused(
    app: &App,
    tx: &mut Tx,
    platform: &dyn Platform,
) -> posta_store::Result<Option<Finding>> {
    let door = verifications::find(tx, platform.name()).await?;
    let Some((door, last)) = door.and_then(|door| door.refused_at.map(|at| (door, at))) else {
        return Ok(None);
    };
    let title = platform.title();
    let newest = inbound::find_newest(tx, platform.name()).await?;
    let when = ago(last, app.clock.now());
    let seen = format!(
        "{} webhook(s) in {title}'s form were refused, the last {when}: no secret that Posta has signed them",
        door.refused_count
    );
    let is_over = newest.is_some_and(|newest| newest.received_at > last);
    let finding = if is_over {
        Finding::fine("signature", format!("{seen}; those since then are signed rightly"))
    } else {
        Finding::error("signature", seen)
            .cause(
                "The dashboard's secret is another: the app was given a new one, or webhooks are signed \
                 with another secret of the same app than calls are.",
            )
            .remedy(
                "Compare client_secret with the dashboard, and add the other secret of the same app \
                 to webhook_secrets. What was refused comes again for some hours.",
            )
    };
    Ok(Some(finding))
}

async fn unparsed(tx: &mut Tx, platform: &dyn Platform) -> posta_store::Result<Option<Finding>> {
    let count = inbound::count(tx, platform.name(), State::Unparsed).await?;
    let seen =
        format!("{count} webhook(s) were signed rightly and are not of a form that is known");
    Ok((count > 0).then(|| {
        Finding::warning("unparsed", seen)
            .cause("The platform sends something new, or something else has the secret.")
            .remedy("`posta inbound list` and `show` have them; after an upgrade, `posta inbound retry --state unparsed`.")
    }))
}

async fn unrouted(tx: &mut Tx, platform: &dyn Platform) -> posta_store::Result<Option<Finding>> {
    let count = inbound::count(tx, platform.name(), State::Unrouted).await?;
    let seen = format!("{count} webhook(s) spoke of accounts that are not connected here");
    Ok((count > 0).then(|| {
        Finding::warning("unrouted", seen)
            .cause("The account was never connected or was removed, or was stored under another id, or is connected through another app than the one that signed.")
            .remedy("Look at each account below, connect what is missing, then `posta inbound retry --state unrouted`.")
    }))
}

/// Webhooks that found no account, by the account they spoke of.
#[derive(Debug, Default)]
pub(super) struct Lost(BTreeMap<RemoteAccount, Strays>);

/// Webhooks that spoke of one account.
#[derive(Debug, Default)]
pub(super) struct Strays {
    /// How many there are among the newest.
    pub(super) count: usize,
    /// When the last of them came.
    pub(super) last: Option<Timestamp>,
    /// The apps that signed it.
    pub(super) signed_by: Vec<Option<OauthAppId>>,
}

impl Lost {
    /// Looks into the newest webhooks that found no account.
    pub(super) async fn read(tx: &mut Tx, platform: &dyn Platform) -> posta_store::Result<Self> {
        let mut lost = Self::default();
        let Some(reader) = platform.inbound() else { return Ok(lost) };
        for listed in inbound::list(tx, State::Unrouted, LOOKED_INTO).await? {
            if listed.platform != platform.name() {
                continue;
            }
            let Some(row) = inbound::find(tx, &listed.id).await? else { continue };
            for event in reader.parse(&row.body).unwrap_or_default() {
                let strays = lost.0.entry(event.account).or_default();
                strays.count += 1;
                if strays.last.is_none_or(|last| last < row.received_at) {
                    strays.last = Some(row.received_at);
                    strays.signed_by.clone_from(&row.verified_by.0);
                }
            }
        }
        Ok(lost)
    }

    /// Those that spoke of this account.
    pub(super) fn of(&self, account: &RemoteAccount) -> Option<&Strays> {
        self.0.get(account)
    }
}
