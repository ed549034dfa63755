//! Noting how platforms and we got on at the door, so that a doctor can tell why nothing comes in.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use posta_core::id::RemoteAccount;
use posta_core::time::Timestamp;
use posta_platforms::contract::Inbound;
use posta_store::verifications;

use super::doctor;
use crate::app::App;

/// Anybody can knock, so what is refused is looked into and written this often at most.
const SELDOM: Duration = Duration::from_secs(10);

/// The longest id that is believed to be an account's.
const LONGEST_ID: usize = 64;

/// What is refused at the door, counted and not yet written.
#[derive(Debug, Default)]
pub struct Knocks(Mutex<HashMap<(&'static str, Knock), Waiting>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Knock {
    Webhook,
    Question,
}

#[derive(Debug, Default)]
struct Waiting {
    count: i64,
    written_at: Option<Timestamp>,
}

impl Knocks {
    /// Counts a refusal, and returns how many are to be written now, if it is time to.
    fn count(&self, platform: &'static str, what: Knock, now: Timestamp) -> Option<i64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = all.entry((platform, what)).or_default();
        waiting.count += 1;
        if waiting.written_at.is_some_and(|then| now.since(then) < SELDOM) {
            return None;
        }
        waiting.written_at = Some(now);
        Some(std::mem::take(&mut waiting.count))
    }
}

/// Notes that a webhook was refused because no secret of ours signed it. Only one that has the
/// platform's form is worth a note: anything else is a stranger's.
pub async fn refused(app: &App, platform: &'static str, inbound: &dyn Inbound, body: &[u8]) {
    let now = app.clock.now();
    let Some(count) = app.knocks.count(platform, Knock::Webhook, now) else {
        return;
    };
    let events = inbound.parse(body).unwrap_or_default();
    let Some(about) = events.into_iter().map(|event| event.account).find(is_plausible) else {
        return;
    };
    let noted = async {
        let mut tx = app.db.write().await?;
        verifications::add_refused(&mut tx, platform, count, &about, now).await?;
        tx.commit().await
    };
    complain(platform, noted.await);
}

fn is_plausible(account: &RemoteAccount) -> bool {
    let id = account.as_str();
    !id.is_empty() && id.len() <= LONGEST_ID
}

/// Notes that somebody asked whether the URL is ours, with a verify token of ours or another. What
/// a doctor asked says nothing about the platform.
pub async fn asked(app: &App, platform: &'static str, query: &[(String, String)], is_passed: bool) {
    let now = app.clock.now();
    let is_doctor = query.iter().any(|(_, value)| doctor::is_own(app, value));
    if is_doctor || (!is_passed && app.knocks.count(platform, Knock::Question, now).is_none()) {
        return;
    }
    let noted = async {
        let mut tx = app.db.write().await?;
        verifications::update_challenge(&mut tx, platform, is_passed, now).await?;
        tx.commit().await
    };
    complain(platform, noted.await);
}

/// The note is a help for later; the answer does not depend on it.
fn complain(platform: &str, noted: posta_store::Result<()>) {
    if let Err(error) = noted {
        tracing::warn!(platform, %error, "what happened at the door is not noted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_refusals_make_few_notes_and_all_are_counted() {
        let knocks = Knocks::default();
        let at = |seconds: i64| Timestamp::from_millis(1_000_000 + seconds * 1000);
        let count = |platform, seconds| knocks.count(platform, Knock::Webhook, at(seconds));
        assert_eq!(count("a", 0), Some(1));
        assert_eq!(count("a", 1), None);
        assert_eq!(count("a", 9), None);
        assert_eq!(count("b", 9), Some(1));
        assert_eq!(knocks.count("a", Knock::Question, at(9)), Some(1));
        assert_eq!(count("a", 10), Some(3));
    }
}
