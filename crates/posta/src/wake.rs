//! Bells: a worker sleeps until its own rings, on this node or on another of the same database.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use posta_core::id::MessageId;
use tokio::sync::{Notify, watch};

/// How many messages one text tells of at most; Postgres carries 8,000 bytes. Whoever waits for
/// another one looks after a second.
const MOST: usize = 250;

/// The name under which those are told who read the log of events.
const LISTEN: &str = "listen";

/// A worker's bell.
#[derive(Debug)]
pub struct Bell {
    name: &'static str,
    here: Notify,
    beyond: Arc<Beyond>,
}

impl Bell {
    fn new(name: &'static str, beyond: &Arc<Beyond>) -> Self {
        Self { name, here: Notify::new(), beyond: Arc::clone(beyond) }
    }

    /// Tells of work, after its transaction was committed.
    pub fn notify_one(&self) {
        self.here.notify_one();
        self.beyond.add(|rung| {
            rung.bells.insert(self.name);
        });
    }

    /// Tells only the worker of this node, because it has room again or was told by another.
    pub fn again(&self) {
        self.here.notify_one();
    }
}

impl Deref for Bell {
    type Target = Notify;

    fn deref(&self) -> &Notify {
        &self.here
    }
}

/// What was rung here and other nodes have not been told.
#[derive(Debug, Default)]
struct Beyond {
    rung: Mutex<Rung>,
    is_there: Notify,
}

#[derive(Debug, Default)]
struct Rung {
    bells: BTreeSet<&'static str>,
    settled: Vec<MessageId>,
}

impl Beyond {
    fn add(&self, what: impl FnOnce(&mut Rung)) {
        what(&mut self.rung.lock().unwrap_or_else(PoisonError::into_inner));
        self.is_there.notify_one();
    }
}

/// One bell per worker.
#[derive(Debug)]
pub struct Wake {
    /// There are raw webhooks to work off.
    pub receive: Bell,
    /// There are messages to fetch.
    pub fetch: Bell,
    /// There are messages to send.
    pub send: Bell,
    /// There are deliveries to make.
    pub deliver: Bell,
    /// There is a part of the log to bring once more.
    pub replay: Bell,
    /// There are subscriptions to look at.
    pub subscriptions: Bell,
    /// There is data to delete.
    pub erase: Bell,
    /// There are profiles to read.
    pub people: Bell,
    /// There are conversations to walk through.
    pub walk: Bell,
    /// There are parts of messages to keep.
    pub keep: Bell,
    /// There are files to delete.
    pub sweep: Bell,
    /// There are words to take out of raw webhooks.
    pub purge: Bell,
    /// There are events to read in the log; wakes all who listen.
    pub listen: watch::Sender<()>,
    beyond: Arc<Beyond>,
}

impl Default for Wake {
    fn default() -> Self {
        let beyond = Arc::default();
        let bell = |name| Bell::new(name, &beyond);
        Self {
            receive: bell("receive"),
            fetch: bell("fetch"),
            send: bell("send"),
            deliver: bell("deliver"),
            replay: bell("replay"),
            subscriptions: bell("subscriptions"),
            erase: bell("erase"),
            people: bell("people"),
            walk: bell("walk"),
            keep: bell("keep"),
            sweep: bell("sweep"),
            purge: bell("purge"),
            listen: watch::Sender::default(),
            beyond,
        }
    }
}

impl Wake {
    /// Tells everybody who has to do with what came in.
    pub fn of_news(&self) {
        self.announced();
        for bell in [&self.fetch, &self.people, &self.keep, &self.sweep, &self.purge] {
            bell.notify_one();
        }
    }

    /// Tells of events that were announced, after their transaction was committed.
    pub fn announced(&self) {
        self.deliver.notify_one();
        self.listen.send_replace(());
        self.beyond.add(|rung| {
            rung.bells.insert(LISTEN);
        });
    }

    /// Tells other nodes of a message's outcome, for which nobody waits here.
    pub fn settled(&self, id: &MessageId) {
        self.beyond.add(|rung| {
            if rung.settled.len() < MOST {
                rung.settled.push(id.clone());
            }
        });
    }

    /// Waits until there is something to tell other nodes, and puts it into a text.
    pub async fn rung(&self) -> String {
        loop {
            self.beyond.is_there.notified().await;
            let mut rung = self.beyond.rung.lock().unwrap_or_else(PoisonError::into_inner);
            let rung = std::mem::take(&mut *rung);
            if !rung.bells.is_empty() || !rung.settled.is_empty() {
                let ids: Vec<&str> = rung.settled.iter().map(MessageId::as_str).collect();
                let bells: Vec<&str> = rung.bells.into_iter().collect();
                return format!("{} {}", bells.join(","), ids.join(","));
            }
        }
    }

    /// Rings here what another node has told, and returns the messages whose outcome it told of.
    /// What this version does not know is another version's.
    pub fn hear(&self, text: &str) -> Vec<MessageId> {
        let (bells, settled) = text.split_once(' ').unwrap_or((text, ""));
        for name in bells.split(',') {
            if name == LISTEN {
                self.listen.send_replace(());
            }
            self.bells().into_iter().filter(|bell| bell.name == name).for_each(Bell::again);
        }
        settled.split(',').filter_map(|id| id.parse().ok()).collect()
    }

    /// Rings everything here, for some of what others rang may have been missed.
    pub fn all(&self) {
        self.listen.send_replace(());
        self.bells().into_iter().for_each(Bell::again);
    }

    fn bells(&self) -> [&Bell; 12] {
        [
            &self.receive,
            &self.fetch,
            &self.send,
            &self.deliver,
            &self.replay,
            &self.subscriptions,
            &self.erase,
            &self.people,
            &self.walk,
            &self.keep,
            &self.sweep,
            &self.purge,
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use posta_core::chance::Chance;
    use posta_core::id::Ids;
    use posta_core::time::{Clock, Timestamp};

    use super::*;

    #[tokio::test]
    async fn what_rings_here_rings_there_once_and_comes_back_to_nobody() {
        let (here, there) = (Wake::default(), Wake::default());
        let ids = Ids::new(Clock::fixed(Timestamp::from_millis(0)), Chance::seeded(1));
        let id: MessageId = ids.next();
        here.send.notify_one();
        here.send.notify_one();
        here.announced();
        here.settled(&id);
        let text = here.rung().await;
        assert_eq!(text, format!("deliver,listen,send {id}"));
        let mut ear = there.listen.subscribe();
        assert_eq!(there.hear(&text), [id]);
        assert!(there.send.notified().now_or_never().is_some());
        assert!(there.deliver.notified().now_or_never().is_some());
        assert!(there.fetch.notified().now_or_never().is_none());
        assert!(ear.changed().now_or_never().is_some());
        assert!(there.rung().now_or_never().is_none(), "no echo");
        assert!(here.rung().now_or_never().is_none(), "told once");
    }

    #[tokio::test]
    async fn every_bell_can_be_rung_from_afar() {
        let (here, there) = (Wake::default(), Wake::default());
        for (bell, rung) in here.bells().into_iter().zip(there.bells()) {
            bell.notify_one();
            there.hear(&here.rung().await);
            assert!(rung.notified().now_or_never().is_some(), "{}", bell.name);
        }
        there.all();
        assert!(there.bells().iter().all(|bell| bell.notified().now_or_never().is_some()));
        assert!(there.hear("of_another_version,, not-an-id").is_empty());
    }

    #[tokio::test]
    async fn a_text_is_never_too_long_to_be_carried() {
        let wake = Wake::default();
        let clock = Clock::fixed(Timestamp::from_millis(0));
        let ids = Ids::new(clock.clone(), Chance::seeded(1));
        for bell in wake.bells() {
            bell.notify_one();
        }
        wake.announced();
        for _ in 0..1000 {
            clock.advance(Duration::from_millis(1));
            wake.settled(&ids.next());
        }
        assert!((6_000..7_900).contains(&wake.rung().await.len()));
    }
}
