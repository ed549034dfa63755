//! How a server starts: from settings to an [`App`] with workers and a listener.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, bail};
use posta_core::chance::Chance;
use posta_core::secret::KeyRing;
use posta_core::time::Clock;
use posta_platforms::cx::Site;
use posta_platforms::http::Http;
use posta_store::{Db, Open, Schema, accounts};
use tokio::net::TcpListener;
use tower::make::Shared;

use crate::app::{App, Foundation, token_owner};
use crate::config::Config;
use crate::flows::calls;
use crate::traces::Traces;
use crate::{router, telemetry, workers};

/// Builds the app: opens the database and makes sure that this version can use it.
///
/// # Errors
/// When the database cannot be opened, its schema is not this version's, or the master key is none
/// or not the one in use. Each says what to do.
pub async fn build(config: Config, clock: Clock, chance: Chance) -> anyhow::Result<App> {
    let ring = KeyRing::parse(&config.master_key, chance.clone()).map_err(|error| {
        anyhow::anyhow!(
            "{error}: set POSTA_MASTER_KEY to what `posta keys master` prints, and keep it safe; \
             without it no stored token can be read"
        )
    })?;
    let db = open(&config.database.url).await?;
    check_schema(&db, &config.database.url).await?;
    check_master_key(&db, &ring).await?;
    let sites = sites(&config)?;
    let http = Http::new();
    let traces = Traces::new(&config.telemetry, &http, &clock)?;
    Ok(App::new(Foundation { config, db, http, clock, chance, ring, sites, traces }))
}

/// Opens the database named in the settings.
///
/// # Errors
/// When it cannot be opened; the message names it without its password.
pub async fn open(url: &Open) -> anyhow::Result<Db> {
    Db::open(url).await.with_context(|| {
        let remedy = match url {
            Open::Sqlite(_) => "its folder must exist, and this user must be able to write to both",
            Open::Postgres(_) => "see that it runs and that address, user and password are right",
        };
        format!("cannot open {}: {remedy}", name(url))
    })
}

/// Names a database without its password.
fn name(url: &Open) -> String {
    match url {
        Open::Sqlite(path) => format!("the SQLite file {}", path.display()),
        Open::Postgres(_) => "the Postgres server in database.url".to_owned(),
    }
}

/// Makes sure that the database, opened from this URL, is at this version.
///
/// # Errors
/// When it is not; the message says what to do.
pub async fn check_schema(db: &Db, url: &Open) -> anyhow::Result<()> {
    let schema = db.schema().await.context("cannot read the database's schema")?;
    let name = name(url);
    refuse_unknown(&schema, &name)?;
    if schema.missing > 0 {
        let missing = schema.missing;
        bail!("{name} lacks {missing} migration(s) of this version: run `posta migrate`");
    }
    Ok(())
}

/// Makes sure that a schema holds nothing that this version does not know: a newer one has been here,
/// and only a server that was running then may go on.
///
/// # Errors
/// When it does; the message says what to do.
pub fn refuse_unknown(schema: &Schema, name: &str) -> anyhow::Result<()> {
    if schema.unknown.is_empty() {
        return Ok(());
    }
    let unknown: Vec<_> = schema.unknown.iter().map(|one| format!("{one:04}")).collect();
    bail!(
        "{name} has migration(s) that Posta {} does not know: {}. A newer version has been used on \
         it: start that one, or go back to a backup from before it",
        env!("CARGO_PKG_VERSION"),
        unknown.join(", ")
    )
}

/// Makes sure that the newest token can be opened: with another key each send would fail for good.
///
/// # Errors
/// When it cannot.
pub async fn check_master_key(db: &Db, ring: &KeyRing) -> anyhow::Result<()> {
    let mut tx = db.read().await?;
    let newest = accounts::find_with_token(&mut tx).await?;
    drop(tx);
    if let Some(account) = &newest
        && let Some(token) = &account.token
    {
        ring.open(&token_owner(account), token).context(
            "POSTA_MASTER_KEY cannot open the stored tokens: give the key that they were sealed \
             with, after a comma if a new key is to replace it",
        )?;
    }
    Ok(())
}

fn sites(config: &Config) -> anyhow::Result<BTreeMap<&'static str, Site>> {
    let mut sites = BTreeMap::new();
    for platform in posta_platforms::ALL {
        let name = platform.name();
        let section = config.platforms.get(name).with_context(|| format!("no section {name}"))?;
        let site = Site::new(*platform, &section.urls, Some(&section.version))
            .map_err(|problem| anyhow::anyhow!("platforms.{name}.urls: {problem}"))?;
        sites.insert(name, site);
    }
    Ok(sites)
}

/// Binds a listener.
///
/// # Errors
/// When the address is taken or not ours; the message names the flag or setting to change.
pub async fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            bail!("{address} is in use by another program: choose another address with {setting}")
        }
        Err(error) => {
            Err(error).with_context(|| format!("cannot listen on {address}, set by {setting}"))
        }
    }
}

/// Serves until [`App`]'s `stop` is told, then finishes what is under way, within
/// [`workers::GRACE`], and closes the database.
///
/// # Errors
/// When the listener fails.
pub async fn serve(app: App, listener: TcpListener) -> anyhow::Result<()> {
    telemetry::count();
    workers::start(&app);
    let service = router::service(&app);
    let stop = app.stop.clone();
    let serving = axum::serve(listener, Shared::new(service))
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .into_future();
    let mut serving = std::pin::pin!(serving);
    let failed = tokio::select! {
        ended = &mut serving => Some(ended),
        () = app.stop.cancelled() => None,
    };
    app.stop.cancel();
    app.tasks.close();
    let rest = async {
        let ended = match failed {
            Some(ended) => ended,
            None => serving.await,
        };
        app.tasks.wait().await;
        // Calls of the last requests, which the worker that writes them down did not wait for.
        if app.calls.waiting() > 0 {
            calls::run(app.clone()).await;
        }
        ended
    };
    let ended = app.clock.timeout(workers::GRACE, rest).await;
    if ended.is_none() {
        // Work cut off here is taken up again at the next start; see workers. A request cut off
        // here has not been answered, so its client knows no more than after any lost connection.
        tracing::warn!("stopped before all requests and background work had ended");
    }
    app.traces.stop().await;
    app.db.close().await;
    ended.unwrap_or(Ok(())).context("the listener failed")
}
