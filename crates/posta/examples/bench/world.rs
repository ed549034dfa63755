//! A Posta with the rows that a bench needs: its database on the disk, written before it starts, and
//! the built server on it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use posta::app::token_owner;
use posta::flows::deliver::endpoint_owner;
use posta::flows::keys::{NewKey, make, workspace};
use posta_core::chance::Chance;
use posta_core::id::{AccountId, EndpointId, Ids, ProfileId, RemoteAccount, WorkspaceId};
use posta_core::secret::{KeyRing, Secret};
use posta_core::time::Clock;
use posta_platforms::contract::Platform;
use posta_store::accounts::{self, Account, State};
use posta_store::endpoints::{self, Endpoint};
use posta_store::{Db, Json, Open, Tx, profiles, renewals};
use serde_json::json;
use tempfile::TempDir;

use crate::Database;
use crate::postgres::Postgres;
use crate::process::{Process, free};
use crate::webhook::{self, SECRET};

/// The secret of every endpoint.
pub(crate) const ENDPOINT_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// When tokens are renewed: later than any bench ends.
const RENEW_IN: Duration = Duration::from_hours(24 * 30);

/// A customer.
pub(crate) struct Owner {
    pub(crate) workspace: WorkspaceId,
    profile: ProfileId,
}

impl Owner {
    async fn make(ids: &Ids, tx: &mut Tx, name: &str) -> anyhow::Result<Self> {
        let workspace = workspace(ids, tx, name).await?.id;
        let all = profiles::list(tx, &workspace, &profiles::Filter::default(), 1, 0).await?;
        let profile = all.first().context("a workspace has a profile")?.id.clone();
        Ok(Self { workspace, profile })
    }
}

/// A database, and what is needed to serve it.
pub(crate) struct World {
    pub(crate) platform: &'static dyn Platform,
    pub(crate) db: Db,
    pub(crate) owner: Owner,
    pub(crate) key: String,
    pub(crate) ids: Ids,
    ring: KeyRing,
    settings: Vec<(String, OsString)>,
    // Before the folder that it stands in.
    _place: Place,
    folder: TempDir,
}

impl World {
    /// Makes an empty one.
    pub(crate) async fn new(database: Database) -> anyhow::Result<Self> {
        let folder = folder()?;
        let place = Place::new(database, folder.path())?;
        let db = Db::open(&place.open).await?;
        db.migrate().await?;
        let platform = *posta_platforms::ALL.first().context("this build speaks no platform")?;
        let chance = Chance::system();
        let ids = Ids::new(Clock::system(), chance.clone());
        let mut tx = db.write().await?;
        let owner = Owner::make(&ids, &mut tx, "bench").await?;
        let new = NewKey {
            name: "bench".to_owned(),
            profile_ids: None,
            is_read_only: false,
            disabled_groups: Vec::new(),
            expires_at: None,
        };
        let (_, key) = make(&ids, &mut tx, &owner.workspace, new).await?;
        tx.commit().await?;
        let master = KeyRing::generate(&chance);
        let ring = KeyRing::parse(&master, chance).context("a master key")?;
        let settings = settings(platform, &place.open, &master);
        let key = key.expose().to_owned();
        Ok(Self { platform, db, owner, key, ids, ring, settings, _place: place, folder })
    }

    /// Changes a setting; its name is that of the variable without `POSTA_`.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.settings.push((format!("POSTA_{name}"), value.into()));
    }

    /// The same of a setting of the platform's.
    pub(crate) fn set_platform(&mut self, name: &str, value: impl Into<OsString>) {
        let section = format!("PLATFORMS_{}_{name}", self.platform.name().to_uppercase());
        self.set(&section, value);
    }

    /// Lets as much be sent as the machine can.
    pub(crate) fn lift_limits(&mut self) {
        self.set_platform("RATES_TEXT", "100000/s");
        self.set("INBOX_AUTOMATED_TURNS", "0");
    }

    /// Adds connected accounts, numbered from 0 by the platform's ids of them.
    pub(crate) async fn accounts(&self, count: usize) -> anyhow::Result<Vec<AccountId>> {
        let mut tx = self.db.write().await?;
        let mut all = Vec::with_capacity(count);
        for number in 0..count {
            all.push(self.connect(&mut tx, &self.owner, number).await?);
        }
        tx.commit().await?;
        Ok(all)
    }

    /// Adds customers, each with one account, numbered alike, and one endpoint.
    pub(crate) async fn customers(
        &self,
        count: usize,
        url: impl Fn(usize) -> String,
    ) -> anyhow::Result<()> {
        let mut tx = self.db.write().await?;
        for number in 0..count {
            let owner = Owner::make(&self.ids, &mut tx, &format!("customer-{number}")).await?;
            self.connect(&mut tx, &owner, number).await?;
            self.add_endpoint(&mut tx, &owner, url(number)).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn connect(
        &self,
        tx: &mut Tx,
        owner: &Owner,
        number: usize,
    ) -> anyhow::Result<AccountId> {
        let id = accounts::upsert(tx, &self.account(owner, number)).await?;
        let at = self.ids.clock().now().plus(RENEW_IN);
        renewals::update_due(tx, &id, Some(at)).await?;
        Ok(id)
    }

    fn account(&self, owner: &Owner, number: usize) -> Account {
        let now = self.ids.clock().now();
        let mut account = Account {
            id: self.ids.next(),
            workspace_id: owner.workspace.clone(),
            profile_id: owner.profile.clone(),
            platform: self.platform.name().to_owned(),
            remote_id: RemoteAccount::new(webhook::account(number)),
            app_scoped_id: None,
            username: format!("business.{number}"),
            display_name: None,
            picture: None,
            profile_url: None,
            followers: None,
            kind: None,
            metadata: Json(json!({})),
            oauth_app_id: None,
            scopes: None,
            token: None,
            token_expires_at: Some(now.plus(RENEW_IN * 2)),
            token_issued_at: Some(now),
            state: State::Connected,
            state_reason: None,
            state_code: None,
            state_since: now,
            rate_limited_until: None,
            paused_until: None,
            restriction: None,
            subscribed_fields: None,
            last_event_at: None,
            created_at: now,
        };
        let token = Secret::new(format!("token-{number}"));
        account.token = Some(self.ring.seal(&token_owner(&account), &token));
        account
    }

    /// Adds a webhook endpoint for whatever is written to people.
    pub(crate) async fn endpoint(&self, url: String) -> anyhow::Result<EndpointId> {
        let mut tx = self.db.write().await?;
        let id = self.add_endpoint(&mut tx, &self.owner, url).await?;
        tx.commit().await?;
        Ok(id)
    }

    async fn add_endpoint(
        &self,
        tx: &mut Tx,
        owner: &Owner,
        url: String,
    ) -> anyhow::Result<EndpointId> {
        let id = self.ids.next();
        let endpoint = Endpoint {
            secret: self.ring.seal(&endpoint_owner(&id), &Secret::new(ENDPOINT_SECRET)),
            id,
            workspace_id: owner.workspace.clone(),
            name: "bench".to_owned(),
            url,
            previous_secret: None,
            previous_secret_until: None,
            events: Json(vec!["message.received".to_owned()]),
            is_active: true,
            custom_headers: None,
            disabled_groups: Json(Vec::new()),
            profile_ids: Json(Vec::new()),
            account_ids: Json(Vec::new()),
            keeps_order: false,
            max_per_second: None,
            failure_count: 0,
            failing_since: None,
            held_until: None,
            warned_percent: 0,
            disabled_reason: None,
            last_fired_at: None,
            created_at: self.ids.clock().now(),
        };
        endpoints::insert(tx, &endpoint).await?;
        Ok(endpoint.id)
    }

    /// Starts the server and waits until it is ready.
    pub(crate) async fn serve(&self) -> anyhow::Result<Process> {
        let at = free()?;
        let mut command = Command::new(built()?);
        command.args(["serve", "--listen", &at.to_string()]).current_dir(self.folder.path());
        // What is set for a server of the user's own must not reach this one.
        command.env_clear().envs(self.settings.iter().map(|(name, value)| (name, value)));
        Process::start(command, self.folder.path(), at, Some("readyz")).await
    }
}

/// Makes a folder that the database server's own user may pass through.
pub(crate) fn folder() -> anyhow::Result<TempDir> {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::Builder::new().prefix("posta-bench-").tempdir()?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))?;
    Ok(folder)
}

/// Where a database is: a file, or a server of its own that ends with this.
pub(crate) struct Place {
    pub(crate) open: Open,
    server: Option<Postgres>,
}

impl Place {
    pub(crate) fn new(database: Database, folder: &Path) -> anyhow::Result<Self> {
        if database == Database::Sqlite {
            return Ok(Self { open: Open::Sqlite(folder.join("posta.db")), server: None });
        }
        let server = Postgres::start(folder, free()?)?;
        Ok(Self { open: Open::Postgres(Postgres::url(server.address)), server: Some(server) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.down();
        }
    }
}

/// Finds the server that was built beside this program.
fn built() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let folder = this.parent().and_then(Path::parent).context("this lies in a folder")?;
    let path = folder.join("posta");
    ensure!(path.is_file(), "{} is not built: run cargo xtask bench", path.display());
    Ok(path)
}

/// The settings of a server, as an operator would set them: what is not here is as in any other.
fn settings(platform: &dyn Platform, open: &Open, master: &Secret) -> Vec<(String, OsString)> {
    let url = match open {
        Open::Sqlite(path) => format!("sqlite:{}", path.display()),
        Open::Postgres(url) => url.clone(),
    };
    let section = format!("POSTA_PLATFORMS_{}", platform.name().to_uppercase());
    let all = [
        ("POSTA_DATABASE_URL".to_owned(), url),
        ("POSTA_MASTER_KEY".to_owned(), master.expose().to_owned()),
        ("POSTA_OUTBOUND_ALLOW".to_owned(), "127.0.0.0/8".to_owned()),
        ("POSTA_API_REQUESTS_PER_MINUTE".to_owned(), "1000000".to_owned()),
        ("POSTA_INBOX_RECONCILE_MINUTES".to_owned(), "0".to_owned()),
        (format!("{section}_CLIENT_ID"), "990000000000001".to_owned()),
        (format!("{section}_CLIENT_SECRET"), SECRET.to_owned()),
    ];
    all.into_iter().map(|(name, value)| (name, value.into())).collect()
}
