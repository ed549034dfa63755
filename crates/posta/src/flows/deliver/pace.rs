//! How much is under way to each endpoint at once: more while it answers quickly, half as much when it
//! does not. One slow endpoint thereby takes little from the others.

use std::collections::HashMap;

use posta_core::id::EndpointId;

use super::Tried;

/// How much is sent at once to an endpoint of which nothing is known, if the settings allow so much.
const FIRST: f64 = 8.0;

/// An answer is slow when it takes this many times as long as the quickest, and so much more.
const SLOW_TIMES: f64 = 4.0;
const SLOW_MS: f64 = 250.0;

/// How fast the quickest answer is forgotten, for endpoints that have become slower for good.
const FORGET: f64 = 1.01;

/// What is under way, and how much may be.
#[derive(Debug)]
pub struct Paces {
    lanes: HashMap<EndpointId, Pace>,
    most: f64,
    most_in_all: usize,
    in_flight: usize,
}

#[derive(Debug)]
struct Pace {
    limit: f64,
    in_flight: usize,
    quickest_ms: f64,
    /// Whether nothing has gone wrong yet, so that the limit may grow quickly.
    is_starting: bool,
    /// How many answers to wait for before the limit falls again: they are to things sent before.
    deaf_for: usize,
}

impl Paces {
    /// Begins with nothing under way: so much at most to one endpoint, and so much to all.
    #[must_use]
    pub fn new(most: usize, most_in_all: usize) -> Self {
        let most = f64::from(u32::try_from(most).unwrap_or(u32::MAX));
        Self { lanes: HashMap::new(), most, most_in_all, in_flight: 0 }
    }

    /// How much more may be sent to an endpoint now.
    #[must_use]
    pub fn room(&self, endpoint: &EndpointId) -> usize {
        let (limit, in_flight) =
            self.lanes.get(endpoint).map_or((self.first(), 0), |pace| (pace.limit, pace.in_flight));
        let room = whole(limit).saturating_sub(in_flight);
        room.min(self.most_in_all.saturating_sub(self.in_flight))
    }

    /// How much is sent at once to an endpoint of which nothing is known.
    fn first(&self) -> f64 {
        FIRST.min(self.most)
    }

    /// How much is under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Notes that so much was sent to an endpoint.
    pub fn sent(&mut self, endpoint: &EndpointId, count: usize) {
        self.in_flight += count;
        let limit = self.first();
        let pace = self.lanes.entry(endpoint.clone()).or_insert(Pace {
            limit,
            in_flight: 0,
            quickest_ms: f64::INFINITY,
            is_starting: true,
            deaf_for: 0,
        });
        pace.in_flight += count;
    }

    /// Learns from a try that has ended.
    pub fn back(&mut self, tried: &Tried) {
        let attempt = &tried.attempt;
        let ms = f64::from(u32::try_from(attempt.response_ms).unwrap_or(u32::MAX));
        self.learn(&attempt.endpoint_id, ms, attempt.is_success);
    }

    fn learn(&mut self, endpoint: &EndpointId, ms: f64, is_success: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let Some(pace) = self.lanes.get_mut(endpoint) else {
            return;
        };
        pace.in_flight = pace.in_flight.saturating_sub(1);
        pace.deaf_for = pace.deaf_for.saturating_sub(1);
        let is_slow = ms > pace.quickest_ms * SLOW_TIMES + SLOW_MS;
        pace.quickest_ms = (pace.quickest_ms * FORGET).min(ms.max(1.0));
        if !is_success || is_slow {
            if pace.deaf_for == 0 {
                pace.limit = (pace.limit / 2.0).max(1.0);
                pace.deaf_for = pace.in_flight + 1;
            }
            pace.is_starting = false;
        } else if pace.is_starting {
            pace.limit = (pace.limit + 1.0).min(self.most);
        } else {
            pace.limit = (pace.limit + 1.0 / pace.limit).min(self.most);
        }
        // What is idle and as at the beginning need not be remembered.
        if pace.in_flight == 0 && pace.is_starting && self.lanes.len() > FORGOTTEN_FROM {
            self.lanes.remove(endpoint);
        }
    }
}

/// How many endpoints are remembered before idle ones are forgotten.
const FORGOTTEN_FROM: usize = 10_000;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a limit is at least 1 and at most what the settings allow"
)]
fn whole(limit: f64) -> usize {
    limit as usize
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::seeded::seeded;

    fn endpoint(digit: char) -> EndpointId {
        digit.to_string().repeat(24).parse().unwrap()
    }

    fn exchange(paces: &mut Paces, endpoint: &EndpointId, rounds: usize, ms: f64, good: bool) {
        for _ in 0..rounds {
            let room = paces.room(endpoint).max(1);
            paces.sent(endpoint, room);
            for _ in 0..room {
                paces.learn(endpoint, ms, good);
            }
        }
    }

    proptest! {
        #![proptest_config(seeded())]

        #[test]
        fn whatever_endpoints_do_each_has_room_for_one_and_never_for_more_than_the_most(
            most in 1_usize..=600,
            in_all in 1_usize..=2_000,
            steps in vec((0_usize..3, 0_usize..40, 0_u32..20_000, any::<bool>()), 0..60),
        ) {
            let mut paces = Paces::new(most, in_all);
            let endpoints = ['a', 'b', 'c'].map(endpoint);
            let mut under_way = [0_usize; 3];
            for (who, count, ms, good) in steps {
                let one = &endpoints[who];
                let sent = count.min(paces.room(one));
                paces.sent(one, sent);
                under_way[who] += sent;
                if under_way[who] > 0 && count % 3 > 0 {
                    paces.learn(one, f64::from(ms), good);
                    under_way[who] -= 1;
                }
                let all: usize = under_way.iter().sum();
                prop_assert_eq!(paces.in_flight(), all);
                prop_assert!(all <= in_all);
                for (one, under_way) in endpoints.iter().zip(under_way) {
                    prop_assert!(under_way <= most);
                    prop_assert!(paces.room(one) <= most - under_way);
                    prop_assert!(under_way > 0 || all >= in_all || paces.room(one) > 0);
                    let limit = paces.lanes.get(one).map_or(1.0, |pace| pace.limit);
                    prop_assert!((1.0..=f64::from(u32::try_from(most).unwrap())).contains(&limit));
                }
            }
        }
    }

    #[test]
    fn one_failure_halves_what_few_settings_allow() {
        let (mut paces, one) = (Paces::new(4, 1000), endpoint('a'));
        exchange(&mut paces, &one, 1, 10.0, false);
        assert_eq!(paces.room(&one), 2);
    }

    #[test]
    fn a_quick_endpoint_gets_more_and_never_more_than_the_most() {
        let (mut paces, one) = (Paces::new(100, 1000), endpoint('a'));
        assert_eq!(paces.room(&one), 8);
        exchange(&mut paces, &one, 3, 10.0, true);
        assert_eq!(paces.room(&one), 64, "it doubles with each round");
        exchange(&mut paces, &one, 5, 10.0, true);
        assert_eq!((paces.room(&one), paces.in_flight()), (100, 0));
    }

    #[test]
    fn failures_and_slowness_halve_it_once_a_round() {
        for (ms, good) in [(10.0, false), (2000.0, true)] {
            let (mut paces, one) = (Paces::new(100, 1000), endpoint('a'));
            exchange(&mut paces, &one, 8, 10.0, true);
            exchange(&mut paces, &one, 1, ms, good);
            assert_eq!(paces.room(&one), 50);
            exchange(&mut paces, &one, 20, ms, false);
            assert_eq!(paces.room(&one), 1, "there is always a way back");
            exchange(&mut paces, &one, 3, 10.0, true);
            assert!((2..8).contains(&paces.room(&one)), "which is gone slowly");
        }
    }

    #[test]
    fn one_that_hangs_leaves_room_for_the_others() {
        let (mut paces, dead, good) = (Paces::new(100, 120), endpoint('a'), endpoint('b'));
        paces.sent(&dead, paces.room(&dead));
        assert_eq!((paces.room(&dead), paces.room(&good)), (0, 8));
        exchange(&mut paces, &good, 8, 10.0, true);
        assert_eq!(paces.room(&good), 100);
        paces.sent(&good, 100);
        assert_eq!(paces.room(&endpoint('c')), 8);
        paces.sent(&endpoint('c'), 8);
        assert_eq!(paces.room(&endpoint('d')), 4, "of all together there is no more");
    }
}
