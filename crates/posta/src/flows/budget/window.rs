//! The arithmetic of a budget: a window that slides, in hundredths of its length.
//!
//! Calls of the same hundredth are one entry, so an entry per call is never needed. A call counts
//! until a whole window and at least one hundredth have gone by: that much earlier or later than
//! its neighbours may a call arrive, and the platform still never sees more than it allows. It
//! costs at most two hundredths of the rate.

use posta_core::capability::Rate;
use posta_core::time::Timestamp;
use posta_store::budgets::Class;

/// In how many parts a window is counted.
const PARTS: i64 = 100;

/// After how many parts a call no longer counts, that of the call included.
const COUNTED: i64 = PARTS + 2;

/// How many calls of a class may be made at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// So many, and not none.
    For(u32),
    /// None before this time.
    From(Timestamp),
}

fn part(rate: Rate) -> i64 {
    // Rounded up, so that all parts together are never shorter than the window.
    let part = rate.per.as_millis().div_ceil(PARTS.unsigned_abs().into());
    i64::try_from(part).map_or(i64::MAX / COUNTED, |part| part.clamp(1, i64::MAX / COUNTED))
}

/// Rounds a time down to the beginning of its part.
fn begin(rate: Rate, at: Timestamp) -> i64 {
    let part = part(rate);
    at.as_millis().div_euclid(part) * part
}

/// When calls that were noted at `begin` no longer count.
fn end(rate: Rate, begin: i64) -> i64 {
    begin.saturating_add(part(rate) * COUNTED)
}

/// How many more calls may be made at this moment.
pub(super) fn room(spent: &mut Class, rate: Option<Rate>, now: Timestamp) -> Room {
    spent.stopped_until = spent.stopped_until.filter(|until| *until > now.as_millis());
    if let Some(until) = spent.stopped_until {
        return Room::From(Timestamp::from_millis(until));
    }
    let Some(rate) = rate else {
        spent.calls.clear();
        return Room::For(u32::MAX);
    };
    // A clock that was set back leaves entries that lie ahead; they count no longer than others.
    let latest = begin(rate, now);
    for call in &mut spent.calls {
        call.0 = call.0.min(latest);
    }
    spent.calls.retain(|(begin, _)| end(rate, *begin) > now.as_millis());
    let made: u32 = spent.calls.iter().map(|(_, calls)| *calls).sum();
    if made < rate.calls {
        return Room::For(rate.calls - made);
    }
    // A rate that was lowered may leave more entries than one to wait for.
    let mut left = made;
    for (begin, calls) in &spent.calls {
        left -= calls;
        if left < rate.calls {
            return Room::From(Timestamp::from_millis(end(rate, *begin)));
        }
    }
    Room::From(now.plus(rate.per))
}

/// Notes calls that are made at this moment. There was room for them.
pub(super) fn add(spent: &mut Class, rate: Option<Rate>, calls: u32, now: Timestamp) {
    let Some(rate) = rate.filter(|_| calls > 0) else { return };
    let begin = begin(rate, now);
    match spent.calls.last_mut() {
        Some(last) if last.0 == begin => last.1 += calls,
        _ => spent.calls.push((begin, calls)),
    }
}

/// Moves a call that was noted earlier to the moment at which it is made. As it counted until now,
/// no window then holds more calls than before.
///
/// # Errors
/// When it no longer counted, and there is no room for another: from when there is.
pub(super) fn put_off(
    spent: &mut Class,
    rate: Rate,
    noted: Timestamp,
    now: Timestamp,
) -> Result<(), Timestamp> {
    let room = room(spent, Some(rate), now);
    let at = begin(rate, noted);
    let kept = spent.calls.iter_mut().find(|(begin, calls)| *begin == at && *calls > 0);
    match (kept, room) {
        (Some(kept), _) => kept.1 -= 1,
        (None, Room::For(_)) => {}
        (None, Room::From(until)) => return Err(until),
    }
    spent.calls.retain(|(_, calls)| *calls > 0);
    add(spent, Some(rate), 1, now);
    Ok(())
}

/// Whether a call that was noted at one time and is made at another has to be moved.
pub(super) fn is_moved(rate: Rate, noted: Timestamp, now: Timestamp) -> bool {
    begin(rate, noted) != begin(rate, now)
}

/// Notes that the platform takes no more calls until then.
pub(super) fn stop(spent: &mut Class, until: Timestamp) {
    spent.stopped_until = spent.stopped_until.max(Some(until.as_millis()));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use posta_core::capability::CallClass;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::seeded::seeded;

    fn rate(calls: u32) -> Rate {
        Rate { class: CallClass::Text, calls, per: Duration::from_secs(1) }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    proptest! {
        #![proptest_config(seeded())]

        /// Whoever takes calls, at whatever times, and makes some of them later than taken.
        #[test]
        fn no_window_holds_more_than_the_rate_and_who_waits_waits_no_longer_than_needed(
            calls in 1_u32..=9,
            per in 100_u64..=5_000,
            steps in vec((0_i64..700, 0_u32..4, any::<bool>()), 1..80),
        ) {
            let per = Duration::from_millis(per);
            let rate = Rate { class: CallClass::Text, calls, per };
            let (most, length) = (usize::try_from(calls).unwrap(), i64::try_from(per.as_millis()).unwrap());
            let (mut spent, mut made, mut now) = (Class::default(), Vec::<i64>::new(), 1_000);
            for (pause, wanted, is_late) in steps {
                now += pause;
                if is_late && let Some(noted) = made.pop() {
                    match put_off(&mut spent, rate, at(noted), at(now)) {
                        Ok(()) => made.push(now),
                        // It is not made at all.
                        Err(until) => prop_assert!(until > at(now)),
                    }
                }
                match room(&mut spent, Some(rate), at(now)) {
                    Room::For(left) => {
                        prop_assert!((1..=calls).contains(&left));
                        let some = wanted.min(left);
                        add(&mut spent, Some(rate), some, at(now));
                        made.extend((0..some).map(|_| now));
                    }
                    Room::From(until) => {
                        let until = until.as_millis();
                        let later = |millis| room(&mut spent.clone(), Some(rate), at(millis));
                        prop_assert!(now < until, "{until}");
                        prop_assert!(matches!(later(until), Room::For(_)), "at {until}");
                        prop_assert_eq!(later(until - 1), Room::From(at(until)), "no sooner");
                        let first = made[made.len() - most];
                        prop_assert!(until <= first + part(rate) * COUNTED, "{first} {until}");
                    }
                }
                made.sort_unstable();
                for (index, last) in made.iter().enumerate().skip(most) {
                    prop_assert!(last - made[index - most] >= length, "{made:?}");
                }
            }
        }

        #[test]
        fn time_alone_only_makes_room(
            entries in vec((0_i64..5_000, 1_u32..5), 0..20),
            calls in 1_u32..=30,
            (first, second) in (0_i64..20_000, 0_i64..20_000),
        ) {
            let left = |now| {
                let mut spent = Class { calls: entries.clone(), ..Class::default() };
                spent.calls.sort_unstable();
                match room(&mut spent, Some(rate(calls)), at(now)) {
                    Room::For(left) => left,
                    Room::From(_) => 0,
                }
            };
            prop_assert!(left(first.min(second)) <= left(first.max(second)));
            prop_assert_eq!(left(30_000), calls);
        }
    }

    #[test]
    fn as_many_calls_are_made_as_are_allowed_and_the_next_after_the_window() {
        let (mut spent, two) = (Class::default(), Some(rate(2)));
        assert_eq!(room(&mut spent, two, at(5)), Room::For(2));
        add(&mut spent, two, 1, at(5));
        add(&mut spent, two, 1, at(409));
        assert_eq!(room(&mut spent, two, at(409)), Room::From(at(1_020)));
        assert_eq!(room(&mut spent, two, at(1_019)), Room::From(at(1_020)));
        assert_eq!(room(&mut spent, two, at(1_020)), Room::For(1));
        assert_eq!(room(&mut spent, two, at(1_420)), Room::For(2));
    }

    #[test]
    fn without_a_rate_there_is_no_end_and_a_stop_holds_all_the_same() {
        let mut spent = Class::default();
        add(&mut spent, None, 9, at(0));
        assert_eq!(
            (room(&mut spent, None, at(0)), &spent.calls[..]),
            (Room::For(u32::MAX), &[][..])
        );
        stop(&mut spent, at(50));
        stop(&mut spent, at(20));
        assert_eq!(room(&mut spent, None, at(49)), Room::From(at(50)));
        assert_eq!(room(&mut spent, None, at(50)), Room::For(u32::MAX));
    }

    #[test]
    fn what_is_made_later_than_noted_counts_from_then_on() {
        let (mut spent, two) = (Class::default(), rate(2));
        add(&mut spent, Some(two), 2, at(0));
        assert_eq!(put_off(&mut spent, two, at(0), at(700)), Ok(()));
        assert_eq!(room(&mut spent, Some(two), at(1_020)), Room::For(1));
        assert_eq!(room(&mut spent, Some(two), at(1_719)), Room::For(1));
        // What has left the window needs room like any other.
        add(&mut spent, Some(two), 1, at(1_030));
        assert_eq!(put_off(&mut spent, two, at(0), at(1_030)), Err(at(1_720)));
        assert_eq!(put_off(&mut spent, two, at(0), at(1_720)), Ok(()));
    }

    #[test]
    fn no_window_ever_holds_more_and_hardly_less() {
        for calls in [1, 2, 10, 100, 750] {
            let rate = rate(calls);
            let (mut spent, mut made) = (Class::default(), Vec::new());
            for now in 0..20_400 {
                if let Room::For(some) = room(&mut spent, Some(rate), at(now)) {
                    add(&mut spent, Some(rate), some, at(now));
                    made.extend((0..some).map(|_| now));
                }
            }
            let most = usize::try_from(calls).unwrap();
            for (index, first) in made.iter().enumerate().skip(most) {
                assert!(first - made[index - most] > 1_000, "{calls}");
            }
            assert!(made.len() * 100 >= 20 * most * 98, "{calls}: {}", made.len());
        }
    }

    #[test]
    fn a_clock_that_is_set_back_and_a_lower_rate_end_the_wait_in_time() {
        let (mut spent, five) = (Class::default(), Some(rate(5)));
        add(&mut spent, five, 3, at(9_000));
        add(&mut spent, five, 2, at(9_500));
        assert_eq!(room(&mut spent, five, at(100)), Room::From(at(1_120)));
        let mut spent = Class { calls: vec![(0, 3), (500, 2)], ..Class::default() };
        assert_eq!(room(&mut spent, Some(rate(1)), at(600)), Room::From(at(1_520)));
    }
}
