//! Dying at a chosen commit, for tests; not part of a release build. A runtime whose threads were
//! given a plan stands still before or after a commit that changes something: that one and all that
//! follow never end, until the runtime is thrown away, and with it everything that was under way.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::{Result, Tx};

thread_local! {
    static PLAN: RefCell<Option<Arc<Plan>>> = const { RefCell::new(None) };
}

/// On which side of a commit it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What was done is lost.
    Before,
    /// What was done is kept, and nobody has heard so.
    After,
}

/// When the runtime of some threads dies.
#[derive(Debug)]
pub struct Plan {
    side: Side,
    /// How many commits are left, when somebody counts.
    left: AtomicI64,
    is_over: AtomicBool,
    /// How many rows SQLite says that its one writing connection has changed.
    changed: AtomicI64,
}

impl Plan {
    /// A plan that begins with [`Plan::arm`].
    #[must_use]
    pub fn new(side: Side) -> Arc<Self> {
        let (left, changed) = (AtomicI64::new(i64::MAX), AtomicI64::new(0));
        Arc::new(Self { side, left, is_over: AtomicBool::new(false), changed })
    }

    /// Gives this thread the plan. Call it when the threads of a runtime start.
    pub fn install(self: &Arc<Self>) {
        PLAN.set(Some(Arc::clone(self)));
    }

    /// From now on the commits that change something are counted, and this one is the last.
    pub fn arm(&self, last: i64) {
        self.left.store(last, Ordering::SeqCst);
    }

    /// Whether the end has come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    async fn commit(&self, mut tx: Tx) -> Result<()> {
        let is_last = self.changes(&mut tx).await? && self.count() == 1;
        if is_last && self.side == Side::Before {
            self.is_over.store(true, Ordering::SeqCst);
            let _open = tx;
            return std::future::pending().await;
        }
        tx.finish().await?;
        if is_last {
            self.is_over.store(true, Ordering::SeqCst);
            return std::future::pending().await;
        }
        Ok(())
    }

    fn count(&self) -> i64 {
        self.left.fetch_sub(1, Ordering::SeqCst)
    }

    async fn changes(&self, tx: &mut Tx) -> Result<bool> {
        match tx {
            Tx::Sqlite(tx) => {
                let all = sqlx::query_scalar("SELECT total_changes()");
                let all = all.fetch_one(&mut **tx).await?;
                Ok(self.changed.swap(all, Ordering::SeqCst) != all)
            }
            Tx::Postgres(tx) => {
                let has = sqlx::query_scalar("SELECT pg_current_xact_id_if_assigned() IS NOT NULL");
                has.fetch_one(&mut **tx).await
            }
        }
    }
}

fn plan() -> Option<Arc<Plan>> {
    PLAN.with_borrow(Clone::clone)
}

/// Stands still if the end has come.
pub(crate) async fn stand_still() {
    if plan().is_some_and(|plan| plan.is_over()) {
        std::future::pending::<()>().await;
    }
}

/// Commits, unless this is where it ends.
pub(crate) async fn commit(tx: Tx) -> Result<()> {
    stand_still().await;
    match plan() {
        Some(plan) => plan.commit(tx).await,
        None => tx.finish().await,
    }
}
