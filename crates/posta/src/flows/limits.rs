//! How many requests a workspace may make: a window that slides over one minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use posta_core::id::WorkspaceId;
use posta_core::time::Timestamp;

const WINDOW: Duration = Duration::from_mins(1);

/// Counts requests in memory, per process.
#[derive(Debug)]
pub struct RateLimiter {
    limit: u32,
    windows: Mutex<HashMap<WorkspaceId, Window>>,
}

/// The sliding window is approximated by this minute's count and a share of the last one's.
#[derive(Debug)]
struct Window {
    began: Timestamp,
    count: u32,
    previous: u32,
}

/// Where a workspace stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How many requests per minute are allowed.
    pub limit: u32,
    /// How many are left now.
    pub remaining: u32,
    /// When all of them are free again.
    pub reset: Timestamp,
    /// When the next one is free, if this request is one too many.
    pub next_free: Timestamp,
    /// Whether this request is one too many.
    pub is_exceeded: bool,
}

impl RateLimiter {
    /// Allows `limit` requests per minute to each workspace.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self { limit, windows: Mutex::default() }
    }

    /// Returns where somebody stands who is not counted.
    #[must_use]
    pub fn untouched(&self, now: Timestamp) -> Standing {
        let reset = now.plus(WINDOW);
        Standing {
            limit: self.limit,
            remaining: self.limit,
            reset,
            next_free: now,
            is_exceeded: false,
        }
    }

    /// Counts a request.
    pub fn count(&self, workspace: &WorkspaceId, now: Timestamp) -> Standing {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Window { began: now, count: 0, previous: 0 };
        let window = windows.entry(workspace.clone()).or_insert_with(fresh);
        let age = now.since(window.began);
        if age >= WINDOW * 2 {
            *window = fresh();
        } else if age >= WINDOW {
            window.previous = std::mem::take(&mut window.count);
            window.began = window.began.plus(WINDOW);
        }
        let age = now.since(window.began).as_millis();
        let share = WINDOW.as_millis().saturating_sub(age);
        let carried = u128::from(window.previous) * share / WINDOW.as_millis();
        let used = window.count.saturating_add(u32::try_from(carried).unwrap_or(u32::MAX));
        let is_exceeded = used >= self.limit;
        if !is_exceeded {
            window.count += 1;
        }
        Standing {
            limit: self.limit,
            remaining: self.limit.saturating_sub(used + 1),
            reset: window.began.plus(WINDOW * 2),
            next_free: window.next_free(self.limit),
            is_exceeded,
        }
    }
}

impl Window {
    /// When this minute's count and the fading share of the last one's leave room for a request.
    fn next_free(&self, limit: u32) -> Timestamp {
        let end = self.began.plus(WINDOW);
        let room = limit.saturating_sub(self.count);
        if room == 0 || self.previous == 0 {
            return end;
        }
        let share = WINDOW.saturating_mul(room).checked_div(self.previous).unwrap_or(WINDOW);
        self.began.plus(WINDOW.saturating_sub(share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(limiter: &RateLimiter, millis: i64) -> Standing {
        let workspace = "0123456789abcdef01234567".parse().unwrap();
        limiter.count(&workspace, Timestamp::from_millis(millis))
    }

    #[test]
    fn the_limit_holds_and_the_window_slides() {
        let limiter = RateLimiter::new(10);
        let left: Vec<u32> = (0..10).map(|_| counted(&limiter, 0).remaining).collect();
        assert_eq!(left, (0..10).rev().collect::<Vec<_>>());
        let refused = counted(&limiter, 59_999);
        assert!(refused.is_exceeded);
        assert_eq!(refused.next_free.as_millis(), 60_000);
        // Half of the next minute has passed, so half of the last one's count still weighs.
        assert_eq!(counted(&limiter, 90_000).remaining, 4);
        // Four more fit, and the next one a moment later, when less than half of it weighs.
        let refused = (0..5).map(|_| counted(&limiter, 90_000)).last().unwrap();
        assert!(refused.is_exceeded);
        assert_eq!(refused.next_free.as_millis(), 90_000);
        assert_eq!(counted(&limiter, 300_000).remaining, 9);
    }
}
