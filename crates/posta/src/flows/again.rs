//! How long to wait before something is tried again.

use std::time::Duration;

use posta_core::chance::Chance;

use crate::app::App;

/// The wait after so many tries: `first` after the first, then twice as long each time.
#[must_use]
pub(crate) fn doubled(first: Duration, tries: i64) -> Duration {
    first.saturating_mul(1 << tries.saturating_sub(1).clamp(0, 31))
}

/// Adds up to a fifth, so that what failed together does not come back together.
pub(crate) fn jittered(app: &App, wait: Duration) -> Duration {
    spread(&app.chance, wait)
}

/// The same with any chance.
pub(crate) fn spread(chance: &Chance, wait: Duration) -> Duration {
    let fifth = u64::try_from(wait.as_millis() / 5).unwrap_or(u64::MAX);
    wait.saturating_add(Duration::from_millis(chance.below(fifth.max(1))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seeded::seeded;

    fn waits() -> impl Strategy<Value = Duration> {
        prop_oneof![
            (0..=86_400_000_u64).prop_map(Duration::from_millis),
            any::<Duration>(),
            Just(Duration::MAX)
        ]
    }

    proptest! {
        #![proptest_config(seeded())]

        #[test]
        fn a_wait_doubles_from_the_first_and_never_wraps(first in waits(), tries: i64) {
            let (wait, next) = (doubled(first, tries), doubled(first, tries.saturating_add(1)));
            prop_assert!(first <= wait && wait <= next, "{wait:?} {next:?}");
            prop_assert!(next <= wait.saturating_mul(2));
            if (1..31).contains(&tries) {
                prop_assert_eq!(next, wait.saturating_mul(2));
            } else if tries < 1 {
                prop_assert_eq!(wait, first);
            }
        }

        #[test]
        fn doublings_are_those_of_the_table(tries in 1_i64..=20) {
            let second = Duration::from_secs(1);
            prop_assert_eq!(doubled(second, tries), second * 2_u32.pow(u32::try_from(tries - 1).unwrap()));
        }

        #[test]
        fn chance_adds_a_fifth_at_most_and_takes_nothing(wait in waits(), seed: u64) {
            let spread = spread(&Chance::seeded(seed), wait);
            prop_assert!(wait <= spread && spread <= wait.saturating_add(wait / 5), "{spread:?}");
        }
    }
}
