//! The database of the servers: a file, or a server of its own behind a proxy; on a disk that can be filled
//! where this may mount one.

use std::path::{Path, PathBuf};

use anyhow::Context;
use posta_core::id::{EndpointId, EventId};
use posta_store::{Db, Open, deliveries};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Kind;
use crate::disk::Disk;
use crate::nodes::free;
use crate::postgres::Postgres;
use crate::proxy::Proxy;

/// The file's name, and that of what stands in it already and not yet in the file.
const FILE: &str = "posta.db";
const LOG: &str = "posta.db-wal";

/// The database.
pub(crate) struct Database {
    /// The servers' URL of it.
    pub(crate) url: String,
    /// What stands in front of the database server, and the server.
    pub(crate) server: Option<(Proxy, Postgres)>,
    /// Where it lies, and the disk that is mounted there.
    folder: PathBuf,
    pub(crate) disk: Option<Disk>,
    /// Why there is none.
    pub(crate) no_disk: String,
}

impl Database {
    /// Makes it in a folder.
    pub(crate) async fn start(
        kind: Kind,
        around: &Path,
        tasks: &TaskTracker,
        end: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let folder = around.join("data");
        std::fs::create_dir(&folder)?;
        let (disk, no_disk) = match Disk::mount(around, &folder) {
            Ok(disk) => (Some(disk), String::new()),
            Err(error) => (None, format!("{error:#}")),
        };
        let mut database = Self { url: String::new(), server: None, folder, disk, no_disk };
        if kind == Kind::Sqlite {
            database.url = format!("sqlite:{}", database.folder.join(FILE).display());
        } else {
            let server = Postgres::start(&database.folder, free()?)?;
            let proxy = Proxy::start(vec![server.address], tasks, end).await?;
            database.url = Postgres::url(proxy.address);
            database.server = Some((proxy, server));
        }
        Ok(database)
    }

    /// Lists what has been tried and is not noted as delivered: what is under way is among it. After a file's
    /// only server was killed, a copy is read, so that the next one finds the file as it was left.
    pub(crate) async fn under_way(
        &self,
        is_left: bool,
    ) -> anyhow::Result<Vec<(EndpointId, EventId)>> {
        let copy = tempfile::tempdir()?;
        let open = match &self.server {
            Some((_, server)) => Open::Postgres(Postgres::url(server.address)),
            None if is_left => {
                for name in [FILE, LOG] {
                    let from = self.folder.join(name);
                    if from.exists() {
                        std::fs::copy(from, copy.path().join(name))?;
                    }
                }
                Open::Sqlite(copy.path().join(FILE))
            }
            None => Open::Sqlite(self.folder.join(FILE)),
        };
        let db = Db::open(&open).await.context("cannot look into the database")?;
        let mut tx = db.read().await?;
        let tried = deliveries::list_tried(&mut tx).await?;
        drop(tx);
        db.close().await;
        Ok(tried)
    }

    /// Stops the server as a crash would, and starts it again.
    pub(crate) async fn crash_and_recover(&self) -> anyhow::Result<()> {
        if let Some((_, server)) = self.server.clone() {
            tokio::task::spawn_blocking(move || server.crash_and_recover()).await??;
        }
        Ok(())
    }

    /// Ends it.
    pub(crate) fn stop(&self, is_wanted: bool) -> anyhow::Result<()> {
        if let Some((_, server)) = &self.server {
            server.down();
        }
        self.disk.as_ref().map_or(Ok(()), |disk| disk.unmount(is_wanted))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // What was ended already cannot be ended again.
        let _ = self.stop(false);
    }
}
