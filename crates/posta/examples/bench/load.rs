//! The load: requests that were made beforehand, over connections that stay open. The same load falls
//! on Posta, on the floors and on the rivals.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::ensure;
use posta::telemetry::Stopwatch;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::wire::Connection;

/// Requests, ready to be written to a socket.
pub(crate) type Requests = Arc<[Box<[u8]>]>;

/// Times, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// The time that so many of a thousand stay below, in milliseconds.
    pub(crate) fn ms(&self, per_mille: usize) -> f64 {
        let index = (self.0.len() * per_mille / 1000).min(self.0.len().saturating_sub(1));
        self.0.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
    }
}

/// What came of a load.
pub(crate) struct Done {
    /// How many requests were answered with a success in a second.
    pub(crate) per_second: f64,
    pub(crate) times: Times,
}

/// Sends all requests, on each connection the next when the one before is answered.
pub(crate) async fn closed(
    at: SocketAddr,
    connections: usize,
    requests: Requests,
) -> anyhow::Result<Done> {
    let mut opened = Vec::with_capacity(connections);
    for _ in 0..connections {
        opened.push(Connection::open(at).await?);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let watch = Stopwatch::start();
    let mut set = JoinSet::new();
    for mut connection in opened {
        let (next, requests) = (Arc::clone(&next), Arc::clone(&requests));
        set.spawn(async move {
            let mut times = Vec::with_capacity(requests.len() / connections + 1);
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                let watch = Stopwatch::start();
                let status = connection.ask(request).await?;
                times.push(watch.elapsed());
                ensure!((200..300).contains(&status), "answered {status}");
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::with_capacity(requests.len());
    while let Some(one) = set.join_next().await {
        times.extend(one??);
    }
    Ok(Done { per_second: rate(times.len(), watch.elapsed()), times: Times::new(times) })
}

/// Sends requests at an even rate, whether those before are answered or not. Returns when each was
/// due on the watch, which is what its time counts from.
pub(crate) async fn open(
    at: SocketAddr,
    connections: usize,
    every: Duration,
    watch: Stopwatch,
    requests: Requests,
) -> anyhow::Result<Vec<Duration>> {
    let (sender, receiver) = mpsc::unbounded_channel::<usize>();
    let receiver = Arc::new(Mutex::new(receiver));
    let mut set = JoinSet::new();
    for _ in 0..connections {
        let mut connection = Connection::open(at).await?;
        let (receiver, requests) = (Arc::clone(&receiver), Arc::clone(&requests));
        set.spawn(async move {
            loop {
                let next = receiver.lock().await.recv().await;
                let Some(index) = next else { return anyhow::Ok(()) };
                let status = connection.ask(&requests[index]).await?;
                ensure!((200..300).contains(&status), "answered {status}");
            }
        });
    }
    let count = requests.len();
    // A thread of its own: the runtime's timer knows whole milliseconds only.
    let clock = std::thread::spawn(move || {
        let mut due = watch.elapsed() + Duration::from_millis(100);
        let mut all = Vec::with_capacity(count);
        for index in 0..count {
            std::thread::sleep(due.saturating_sub(watch.elapsed()));
            // The connections are gone after a failure, which they tell.
            let _ = sender.send(index);
            all.push(due);
            due += every;
        }
        all
    });
    while let Some(one) = set.join_next().await {
        one??;
    }
    clock.join().map_err(|_| anyhow::anyhow!("the clock failed"))
}

/// How many in a second.
pub(crate) fn rate(count: usize, took: Duration) -> f64 {
    number(count) / took.as_secs_f64()
}

/// A count to calculate with.
pub(crate) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The one in the middle.
pub(crate) fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}
