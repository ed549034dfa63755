//! The customer's program: takes deliveries, and notes of each when its first byte came.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::ensure;
use posta::telemetry::Stopwatch;
use posta_core::time::pause;
use tokio::task::JoinSet;

use crate::webhook::number_in;
use crate::wire::{Answer, Asked, serve};

/// How long the slow path takes.
const SLOW: Duration = Duration::from_millis(50);

/// The paths: one that answers at once, one that takes its time, one that never answers.
pub(crate) const INSTANT: &str = "instant";
pub(crate) const LATE: &str = "late";
pub(crate) const DEAD: &str = "dead";

/// The program.
pub(crate) struct Endpoint {
    at: SocketAddr,
    watch: Stopwatch,
    book: Arc<Book>,
    // Ends with this.
    _set: JoinSet<()>,
}

/// When each number came first, in microseconds on the watch; 0 for not yet.
struct Book {
    came: Box<[AtomicU64]>,
    count: AtomicUsize,
}

impl Endpoint {
    /// Starts it, for so many numbers.
    pub(crate) async fn start(watch: Stopwatch, numbers: usize) -> anyhow::Result<Self> {
        let came = (0..numbers).map(|_| AtomicU64::new(0)).collect();
        let book = Arc::new(Book { came, count: AtomicUsize::new(0) });
        let own = Arc::clone(&book);
        let (at, set) = serve(watch, move |asked| take(&own, asked)).await?;
        Ok(Self { at, watch, book, _set: set })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.at)
    }

    /// For how many numbers it is made.
    pub(crate) fn capacity(&self) -> usize {
        self.book.came.len()
    }

    /// How many different numbers have come.
    pub(crate) fn count(&self) -> usize {
        self.book.count.load(Ordering::Relaxed)
    }

    /// Waits until so many have come.
    pub(crate) async fn wait(&self, count: usize, patience: Duration) -> anyhow::Result<()> {
        let until = self.watch.elapsed() + patience;
        while self.count() < count {
            let came = self.count();
            ensure!(self.watch.elapsed() < until, "{came} of {count} came in {patience:?}");
            pause(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// When a number came, if it did.
    pub(crate) fn came(&self, number: usize) -> Option<Duration> {
        let micros = self.book.came.get(number)?.load(Ordering::Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros))
    }

    /// How long it took from the first to the last.
    pub(crate) fn span(&self) -> Duration {
        let all = (0..self.book.came.len()).filter_map(|number| self.came(number));
        let (first, last) =
            all.fold((Duration::MAX, Duration::ZERO), |(a, b), one| (a.min(one), b.max(one)));
        last.saturating_sub(first)
    }
}

fn take(book: &Book, asked: &Asked<'_>) -> Answer {
    let path = asked.head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    if path == DEAD {
        return Answer::Never;
    }
    let place = number_in(asked.body).and_then(|number| book.came.get(number));
    let came = u64::try_from(asked.came.as_micros()).unwrap_or(u64::MAX).max(1);
    let is_first = |place: &AtomicU64| {
        place.compare_exchange(0, came, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    };
    if place.is_some_and(is_first) {
        book.count.fetch_add(1, Ordering::Relaxed);
    }
    if path == LATE { Answer::After(SLOW) } else { Answer::Now("".into()) }
}
