//! Who asked for what is being done: known to the task that does it, and kept with rows that wait.

use std::future::Future;

use crate::traces::Place;

/// What something is done for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The id of the request of our API.
    pub request_id: Option<String>,
    /// The place in a trace.
    pub place: Option<Place>,
}

tokio::task_local! {
    static ORIGIN: Origin;
}

impl Origin {
    /// Returns what this task works for; nothing where nobody asked.
    #[must_use]
    pub fn current() -> Self {
        ORIGIN.try_with(Clone::clone).unwrap_or_default()
    }

    /// Returns the place in a trace that this task is at, for a row that waits.
    #[must_use]
    pub fn traceparent() -> Option<String> {
        ORIGIN.try_with(|origin| origin.place.as_ref().map(Place::written)).ok().flatten()
    }

    /// Does something on its behalf.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        ORIGIN.scope(self, work).await
    }
}
