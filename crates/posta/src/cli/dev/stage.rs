//! What the tour plays on: the data folder, the three listeners, and who knows which secret.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use posta_core::chance::Chance;
use posta_core::id::Ids;
use posta_core::secret::{KeyRing, Secret};
use posta_platforms::contract::Platform;
use posta_platforms::http::Http;
use posta_platforms::sandbox::Sandbox;
use posta_store::keys as rows;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::Arguments;
use super::receiver::Receiver;
use super::transcript::Transcript;
use crate::app::App;
use crate::boot;
use crate::cli::LOOPBACK;
use crate::config::Layers;
use crate::flows::keys::{NewKey, hash, make, workspace};

/// What to do when the data folder is of no use.
const ELSEWHERE: &str = "choose a folder that you may write to with --data-dir";

/// Everything that `dev` starts.
pub(super) struct Stage {
    /// The platform the tour is on.
    pub(super) platform: &'static dyn Platform,
    /// Where Posta is.
    pub(super) posta: Url,
    /// Where the sandbox is.
    pub(super) sandbox: Url,
    /// The customer's program.
    pub(super) receiver: Receiver,
    /// The API key.
    pub(super) key: Secret,
    /// The file that keeps it.
    pub(super) key_file: PathBuf,
    /// Whether the key was made just now.
    pub(super) is_new_key: bool,
    /// The app at the platform.
    pub(super) identity: AppIdentity,
    /// A client for the tour, as a customer's program would use one.
    pub(super) http: Http,
    /// Told when it is time to stop.
    pub(super) stop: CancellationToken,
    /// The server itself.
    pub(super) app: App,
    network: Sandbox,
    listeners: Mutex<Option<Listeners>>,
}

/// The app at the platform: what Posta's settings and the sandbox both know.
pub(super) struct AppIdentity {
    /// Its public id.
    pub(super) client_id: &'static str,
    /// Its secret.
    pub(super) client_secret: Secret,
    /// What the platform says when it asks whether the webhook URL is ours.
    pub(super) verify_token: Secret,
}

impl AppIdentity {
    fn new(chance: &Chance) -> Self {
        Self {
            client_id: "990000000000001",
            client_secret: Secret::new(chance.hex::<16>()),
            verify_token: Secret::new(chance.hex::<16>()),
        }
    }

    fn enter(
        &self,
        layers: &mut Layers,
        platform: &dyn Platform,
        sandbox: &Url,
    ) -> anyhow::Result<()> {
        let section = format!("platforms.{}", platform.name());
        layers.set(&format!("{section}.client_id"), self.client_id)?;
        layers.set(&format!("{section}.client_secret"), self.client_secret.expose())?;
        layers.set(&format!("{section}.verify_token"), self.verify_token.expose())?;
        for (role, url) in platform.sandbox().urls(sandbox) {
            layers.set(&format!("{section}.urls.{role}"), url.as_str())?;
        }
        Ok(())
    }
}

struct Listeners {
    posta: TcpListener,
    sandbox: TcpListener,
    receiver: TcpListener,
}

impl Stage {
    pub(super) async fn build(
        mut layers: Layers,
        arguments: &Arguments,
        transcript: &Transcript,
    ) -> anyhow::Result<Self> {
        let chance = Chance::system();
        let platform = *posta_platforms::ALL.first().context("this build speaks no platform")?;
        let listeners = Listeners {
            posta: boot::bind(arguments.listen, "--listen").await?,
            sandbox: boot::bind(arguments.sandbox_listen, "--sandbox-listen").await?,
            receiver: TcpListener::bind("127.0.0.1:0")
                .await
                .context("cannot listen on loopback")?,
        };
        let posta = base(&listeners.posta)?;
        let sandbox = base(&listeners.sandbox)?;
        let folder = &arguments.data_dir;
        make_private(folder)
            .with_context(|| format!("cannot make the folder {}: {ELSEWHERE}", folder.display()))?;
        let identity = AppIdentity::new(&chance);
        let (master_key, _) = kept(&folder.join("master.key"), || KeyRing::generate(&chance))?;
        layers.set("listen", listeners.posta.local_addr()?.to_string())?;
        layers.set("public_url", posta.as_str())?;
        layers.set("database.url", format!("sqlite:{}", folder.join("posta.db").display()))?;
        layers.set("master_key", master_key.expose())?;
        if layers.is_default("outbound.allow") {
            layers.set("outbound.allow", LOOPBACK)?;
        }
        identity.enter(&mut layers, platform, &sandbox)?;
        let config = layers.config()?;
        let db = boot::open(&config.database.url).await?;
        db.migrate().await.context("the database could not be brought up to this version")?;
        db.close().await;
        // One clock for both, so that a window that is moved shut is shut on both sides.
        let clock = super::super::clock();
        let app = boot::build(config, clock.clone(), chance.clone()).await?;
        let key_file = folder.join("dev-api-key");
        let (key, is_new_key) = api_key(&app, &key_file).await?;
        transcript.note(&format!("data is kept in {}", folder.display()));
        let receiver = Receiver::new(base(&listeners.receiver)?, posta.clone(), key.clone());
        Ok(Self {
            platform,
            posta,
            sandbox,
            receiver,
            key,
            key_file,
            is_new_key,
            identity,
            http: Http::new(),
            stop: app.stop.clone(),
            network: Sandbox::new(clock, chance),
            app,
            listeners: Mutex::new(Some(listeners)),
        })
    }

    /// Serves all three until the stop.
    pub(super) async fn serve(&self) -> anyhow::Result<()> {
        let Some(listeners) = self.listeners.lock().await.take() else {
            return Ok(());
        };
        // The sandbox and the receiver stop last, so that nothing under way loses its other end.
        let after = CancellationToken::new();
        let posta = async {
            let served = boot::serve(self.app.clone(), listeners.posta).await;
            after.cancel();
            served
        };
        let network = self.network.clone().serve(listeners.sandbox, after.clone());
        let receiver = self.receiver.serve(listeners.receiver, after.clone());
        let (posta, network, receiver) = tokio::join!(posta, network, receiver);
        network.context("the sandbox's listener failed")?;
        receiver.context("the receiver's listener failed")?;
        posta
    }

    /// Waits until the sandbox has told everything that is due.
    pub(super) async fn settle_sandbox(&self) {
        self.network.settle().await;
    }

    /// Whether the tour ended because somebody stopped the program in its middle.
    pub(super) fn was_interrupted(&self, result: &anyhow::Result<()>) -> bool {
        result.as_ref().is_err_and(anyhow::Error::is::<Interrupted>)
    }
}

/// Somebody stopped the program in the middle of the tour.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub(super) struct Interrupted;

fn base(listener: &TcpListener) -> anyhow::Result<Url> {
    Ok(Url::parse(&format!("http://{}/", listener.local_addr()?))?)
}

/// Reads a secret from a file that only its owner can read, or makes both.
fn kept(path: &Path, make: impl FnOnce() -> Secret) -> anyhow::Result<(Secret, bool)> {
    match std::fs::read_to_string(path) {
        Ok(text) => return Ok((Secret::new(text.trim()), false)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => bail!("cannot read {}: {ELSEWHERE}: {error}", path.display()),
    }
    let secret = make();
    write(path, &secret)?;
    Ok((secret, true))
}

/// Makes a folder that only its owner can look into: it will hold messages and keys.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

fn write(path: &Path, secret: &Secret) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options
        .open(path)
        .with_context(|| format!("cannot write {}: {ELSEWHERE}", path.display()))?;
    writeln!(file, "{}", secret.expose())?;
    Ok(())
}

/// Takes the API key of an earlier run if it still works, else makes one with its workspace.
async fn api_key(app: &App, path: &Path) -> anyhow::Result<(Secret, bool)> {
    let ids = Ids::new(app.clock.clone(), app.chance.clone());
    let mut tx = app.db.write().await?;
    if let Ok(text) = std::fs::read_to_string(path) {
        let text = text.trim();
        if rows::find_by_hash(&mut tx, &hash(text)).await?.is_some() {
            return Ok((Secret::new(text), false));
        }
    }
    let owner = workspace(&ids, &mut tx, "dev").await?;
    let new = NewKey {
        name: "dev".to_owned(),
        profile_ids: None,
        is_read_only: false,
        disabled_groups: Vec::new(),
        expires_at: None,
    };
    let (_, key) = make(&ids, &mut tx, &owner.id, new).await?;
    tx.commit().await?;
    write(path, &key)?;
    Ok((key, true))
}
