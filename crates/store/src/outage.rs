//! When the database cannot be had: telling that from a query that is wrong, and knocking gently
//! until it is back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use posta_core::time::{Clock, pause};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgDatabaseError};
use sqlx::sqlite::SqliteError;
use sqlx::{Connection, Error};

/// Whether the database failed as a whole, so that the same may succeed later: it cannot be
/// reached, is full, locked or read-only, or had to give up a transaction for another one's sake.
#[must_use]
pub fn is_outage(error: &Error) -> bool {
    match error {
        Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed
        | Error::BeginFailed => true,
        Error::Database(told) => {
            let code = told.code().unwrap_or_default();
            if told.try_downcast_ref::<SqliteError>().is_some() {
                code.parse().is_ok_and(|code: i32| SQLITE.contains(&(code & 0xff)))
            } else {
                told.try_downcast_ref::<PgDatabaseError>().is_some()
                    && POSTGRES.iter().any(|class| code.starts_with(class))
            }
        }
        _ => false,
    }
}

/// Busy, locked, out of memory, read-only, failing disk, full, not to be opened:
/// <https://www.sqlite.org/rescode.html>. The low byte is the code, the others refine it.
const SQLITE: [i32; 7] = [5, 6, 7, 8, 10, 13, 14];

/// Classes and codes: connection lost, not let in, read-only, no such database, rolled back for
/// another's sake, full, not ready, ended from outside, failing disk:
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
const POSTGRES: [&str; 10] = ["08", "28", "25006", "3D", "40001", "40P01", "53", "55", "57", "58"];

/// How long whoever knocked in vain waits before the next one may knock.
const BREATH: Duration = Duration::from_millis(500);

/// How long a look at the server may take.
const LOOK: Duration = Duration::from_secs(2);

/// What stands before a pool of connections to a server: while that is away, one caller at a time
/// knocks and all others are refused at once, instead of all knocking until their time runs out.
#[derive(Debug)]
pub(crate) struct Door {
    server: PgConnectOptions,
    is_shut: AtomicBool,
    is_taken: AtomicBool,
}

/// The right to knock, until it is dropped.
struct Turn<'a>(&'a AtomicBool);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Door {
    pub(crate) fn new(server: PgConnectOptions) -> Self {
        Self { server, is_shut: AtomicBool::new(false), is_taken: AtomicBool::new(false) }
    }

    /// Goes through, by what takes a connection from the pool.
    pub(crate) async fn pass<T>(
        &self,
        take: impl Future<Output = crate::Result<T>>,
    ) -> crate::Result<T> {
        let turn = if self.is_shut.load(Ordering::SeqCst) {
            Some(self.turn().ok_or(Error::PoolTimedOut)?)
        } else {
            None
        };
        let error = match take.await {
            Ok(taken) => {
                self.is_shut.store(false, Ordering::SeqCst);
                return Ok(taken);
            }
            // Boxed, for it is large and rare.
            Err(Error::PoolTimedOut) if turn.is_none() => Box::pin(self.look()).await,
            Err(error) => error,
        };
        let is_away = !matches!(error, Error::PoolTimedOut | Error::PoolClosed);
        if is_away && is_outage(&error) {
            self.is_shut.store(true, Ordering::SeqCst);
        }
        if turn.is_some() {
            pause(BREATH).await;
        }
        Err(error)
    }

    fn turn(&self) -> Option<Turn<'_>> {
        (!self.is_taken.swap(true, Ordering::SeqCst)).then(|| Turn(&self.is_taken))
    }

    /// Finds out why the pool gave nothing: it only says that it waited in vain. If the server takes
    /// connections, all of ours are in use.
    async fn look(&self) -> Error {
        let Some(_turn) = self.turn() else {
            return Error::PoolTimedOut;
        };
        let connect = async { PgConnection::connect_with(&self.server).await?.close().await };
        match Clock::system().timeout(LOOK, connect).await {
            Some(Ok(())) => Error::PoolTimedOut,
            Some(Err(error)) => error,
            None => Error::Io(std::io::ErrorKind::TimedOut.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> impl Future<Output = crate::Result<()>> {
        std::future::ready(Err(Error::Io(std::io::ErrorKind::ConnectionRefused.into())))
    }

    #[tokio::test]
    async fn while_the_server_is_away_one_knocks_for_all() {
        let door = Door::new(PgConnectOptions::new_without_pgpass());
        door.pass(async { Ok(()) }).await.unwrap();
        assert!(matches!(door.pass(refused()).await, Err(Error::Io(_))));
        let others = async {
            let mut knocks = 0;
            for _ in 0..100 {
                let result = door.pass(async {
                    knocks += 1;
                    Ok(())
                });
                assert!(matches!(result.await, Err(Error::PoolTimedOut)));
            }
            assert_eq!(knocks, 0);
        };
        let (first, ()) = tokio::join!(door.pass(refused()), others);
        assert!(matches!(first, Err(Error::Io(_))), "whoever knocks hears why");
        door.pass(async { Ok(()) }).await.unwrap();
        let all = tokio::join!(door.pass(async { Ok(1) }), door.pass(async { Ok(2) }));
        assert!(matches!(all, (Ok(1), Ok(2))), "it is back, for everybody");
    }

    #[tokio::test]
    async fn what_says_nothing_about_the_server_shuts_nobody_out() {
        let door = Door::new(PgConnectOptions::new_without_pgpass());
        for error in [Error::PoolClosed, Error::RowNotFound] {
            assert!(door.pass::<()>(async { Err(error) }).await.is_err());
            assert!(!door.is_shut.load(Ordering::SeqCst));
        }
    }
}
