//! What holds of windows whatever people do, and in whatever order we hear of it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::*;
use super::{conversation, instagram};
use crate::seeded::seeded;

const MILLI: Duration = Duration::from_millis(1);
const SENDERS: [Sender; 3] = [Sender::Person, Sender::Program, Sender::Automation];

/// Times within a month, and the far ends of time.
fn times() -> impl Strategy<Value = Timestamp> {
    let month = 30 * 24 * 3_600_000_i64;
    prop_oneof![
        8 => 0..month,
        1 => Just(i64::MIN),
        1 => Just(i64::MAX),
    ]
    .prop_map(Timestamp::from_millis)
}

fn opened_at(at: Option<Timestamp>) -> Conversation {
    Conversation { window_opened_at: at, ..conversation(Some(Opener::Message)) }
}

fn window(at: Option<Timestamp>, now: Timestamp) -> Window {
    of(instagram(), &opened_at(at), now).unwrap()
}

/// What is on record after all of this was heard of, at the time that it was.
fn told(heard: &[(Timestamp, Timestamp)]) -> Option<Timestamp> {
    heard.iter().fold(None, |newest, (at, now)| moved(newest, *at, *now).or(newest))
}

/// How much may be sent in a state.
fn freedom(state: State) -> u8 {
    match state {
        State::Closed => 0,
        State::HumanAgent => 1,
        State::Open => 2,
    }
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn a_state_ends_at_its_boundary_and_not_a_millisecond_sooner(opened in 0..i64::MAX / 2) {
        let opened = Timestamp::from_millis(opened);
        let state = |now| window(Some(opened), now).state;
        let whole = window(Some(opened), opened);
        let (closes, until) = (whole.closes_at.unwrap(), whole.human_agent_until.unwrap());
        prop_assert!(opened < closes && closes < until);
        prop_assert_eq!(state(opened), State::Open);
        prop_assert_eq!(state(closes.minus(MILLI)), State::Open);
        prop_assert_eq!(state(closes), State::HumanAgent);
        prop_assert_eq!(state(until.minus(MILLI)), State::HumanAgent);
        prop_assert_eq!(state(until), State::Closed);
    }

    #[test]
    fn time_alone_opens_nothing(opened in times(), first in times(), second in times()) {
        let (sooner, later) = (first.min(second), first.max(second));
        let free = |now| freedom(window(Some(opened), now).state);
        prop_assert!(free(sooner) >= free(later));
    }

    #[test]
    fn a_permit_holds_until_the_time_that_it_names_and_no_longer(
        opened in 0..i64::MAX / 2, age in 0..8 * 86_400_000_i64, sender in select(&SENDERS[..]), tagged: bool,
    ) {
        let (opened, tag) = (Timestamp::from_millis(opened), tagged.then_some(Tag::HumanAgent));
        let conversation = opened_at(Some(opened));
        let asked = |now| permits(instagram(), &conversation, sender, tag, now);
        let now = Timestamp::from_millis(opened.as_millis() + age);
        match asked(now) {
            Ok(permit) => {
                let until = permit.until.unwrap();
                prop_assert!(until > now);
                prop_assert_eq!(asked(until.minus(MILLI)).unwrap(), permit);
                prop_assert!(asked(until).ok() != Some(permit));
            }
            // Time does not help, so that nothing is held back for it.
            Err(error) => {
                prop_assert!(error.retry == posta_core::failure::Retry::Permanent);
                prop_assert!(asked(now.plus(MILLI)).is_err());
            }
        }
    }

    #[test]
    fn the_order_in_which_we_hear_of_openings_does_not_matter(
        heard in vec(times(), 0..8), order in any::<prop::sample::Index>(), now in times(),
    ) {
        let known: Vec<_> = heard.iter().map(|at| (*at, now)).collect();
        let (mut turned, mut backwards) = (known.clone(), known.clone());
        turned.rotate_left(if known.is_empty() { 0 } else { order.index(known.len()) });
        backwards.reverse();
        let newest = heard.iter().map(|at| (*at).min(now)).max();
        for heard in [known, turned, backwards] {
            prop_assert_eq!(told(&heard), newest);
        }
    }

    #[test]
    fn what_opens_a_window_never_shortens_it(
        before in prop::option::of(times()), at in times(), now in times(), later in times(),
    ) {
        let after = moved(before, at, now).or(before);
        prop_assert!(after >= before && after >= Some(at.min(now)));
        prop_assert!(moved(after, at, now).is_none(), "heard of twice, it counts once");
        let (old, new) = (window(before, later), window(after, later));
        prop_assert!(new.closes_at >= old.closes_at);
        prop_assert!(new.human_agent_until >= old.human_agent_until);
        prop_assert!(freedom(new.state) >= freedom(old.state));
    }

    #[test]
    fn no_clock_of_a_platform_opens_a_window_ahead_of_ours(
        before in times(), at in times(), now in times(),
    ) {
        if let Some(moved) = moved(Some(before), at, now) {
            prop_assert!(moved <= now && moved > before);
        }
    }

    #[test]
    fn the_end_is_told_of_before_it_comes_and_after_now(
        opened in times(), now in times(), lead in 0..=1_440_u64,
    ) {
        let lengths = instagram().limits().reply_window.unwrap();
        let lead = Duration::from_mins(lead);
        let closes = opened.plus(lengths.standard);
        match due_at(opened, lengths.standard, lead, now) {
            Some(due) => {
                prop_assert!(now < due && due < closes);
                prop_assert_eq!(due, closes.minus(lead));
            }
            None => prop_assert!(lead.is_zero() || closes.minus(lead) <= now),
        }
    }
}
