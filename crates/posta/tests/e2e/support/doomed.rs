//! A runtime of the server's own, which can be thrown away with all that is under way in it.

use std::sync::Arc;
use std::time::Duration;

use posta_core::time::pause;
use posta_store::crash::{Plan, Side};
use tokio::runtime::{Builder, Runtime};

/// A runtime that dies by a plan.
pub(crate) struct Doomed {
    runtime: Option<Runtime>,
    plan: Arc<Plan>,
}

impl Doomed {
    pub(super) fn new(side: Side) -> Self {
        let plan = Plan::new(side);
        let given = Arc::clone(&plan);
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().on_thread_start(move || given.install());
        Self { runtime: Some(builder.build().unwrap()), plan }
    }

    /// Does something in it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        self.runtime.as_ref().unwrap().spawn(work).await.unwrap()
    }

    /// Lets it end at this commit, counted from now.
    pub(crate) fn arm(&self, last: i64) {
        self.plan.arm(last);
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.plan.is_over()
    }

    /// Waits until it has ended.
    pub(crate) fn over(&self) -> impl Future<Output = ()> + use<> {
        let plan = Arc::clone(&self.plan);
        async move {
            while !plan.is_over() {
                pause(Duration::from_millis(1)).await;
            }
        }
    }

    /// Throws away whatever is under way in it.
    pub(super) async fn kill(mut self) {
        let runtime = self.runtime.take().unwrap();
        let end = move || runtime.shutdown_timeout(Duration::from_secs(10));
        tokio::task::spawn_blocking(end).await.unwrap();
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
