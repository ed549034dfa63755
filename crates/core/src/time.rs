//! Points in time and the clock that tells them; the only file that reads the wall clock or sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::watch;

/// A point in time: whole milliseconds since 1970-01-01 UTC.
///
/// Stored as BIGINT, written in JSON as RFC 3339 with `Z` and three decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct Timestamp(i64);

/// The first time of the year 0, and the first that is too late to be written in every zone.
const YEAR_0: i64 = -62_167_219_200_000;
const TOO_LATE: i64 = 253_402_207_200_001;

impl Timestamp {
    /// Makes a timestamp from milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Reads a platform's number of seconds or milliseconds, telling them apart by magnitude; `None`
    /// when no year of four digits has such a time, so that it could not be written.
    #[must_use]
    pub const fn from_seconds_or_millis(number: i64) -> Option<Self> {
        // 10^11 seconds lie in the year 5138, 10^11 milliseconds in 1973.
        let millis = if number.unsigned_abs() < 100_000_000_000 { number * 1000 } else { number };
        if YEAR_0 <= millis && millis < TOO_LATE { Some(Self(millis)) } else { None }
    }

    /// Reads the time of an HTTP header, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
    #[must_use]
    pub fn from_http(text: &str) -> Option<Self> {
        let time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(Self(time.as_millisecond()))
    }

    /// Returns milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns whole seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Returns the time `duration` later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// Returns the time `duration` earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// Returns how long after `earlier` this is, or zero if it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// Reads how long something lasts: `90s`, `25h`, `1d 2h`, `7 days`. A day has 24 hours.
///
/// # Errors
/// When the text is none of these, counts months or years, which differ in length, or is negative.
pub fn duration(text: &str) -> Result<Duration, String> {
    let unreadable = || format!("{text:?} is no duration such as 90s, 25h or 7d");
    let span: jiff::Span = text.parse().map_err(|_| unreadable())?;
    let lasts = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours());
    Duration::try_from(lasts.map_err(|_| unreadable())?).map_err(|_| unreadable())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            // Only years outside -9999..9999 get here; a number is still an answer.
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

impl std::str::FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.parse::<jiff::Timestamp>()?.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
                utoipa::openapi::KnownFormat::DateTime,
            )))
            .examples(["2026-11-23T08:00:00.000Z"])
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {
    fn name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }
}

/// What time it is, and how to wait. Clones share the same time.
///
/// [`Clock::system`] follows the wall clock, [`Clock::running`] goes beside it, and [`Clock::fixed`]
/// stands still. All move when told to
/// by [`Clock::advance`], and whoever sleeps on them wakes when the moved time is reached.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    fixed: Option<Timestamp>,
    offset: AtomicI64,
    moved: watch::Sender<()>,
}

impl Clock {
    /// The wall clock.
    #[must_use]
    pub fn system() -> Self {
        Self::new(None)
    }

    /// A clock that stands at `start` until it is advanced.
    #[must_use]
    pub fn fixed(start: Timestamp) -> Self {
        Self::new(Some(start))
    }

    /// A clock that shows `start` now, and goes on from there as time does.
    #[must_use]
    pub fn running(start: Timestamp) -> Self {
        let clock = Self::system();
        let offset = start.0.saturating_sub(wall().0);
        clock.0.offset.store(offset, Ordering::SeqCst);
        clock
    }

    fn new(fixed: Option<Timestamp>) -> Self {
        Self(Arc::new(Inner { fixed, offset: AtomicI64::new(0), moved: watch::Sender::new(()) }))
    }

    /// Returns the current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let base = self.0.fixed.unwrap_or_else(wall);
        Timestamp(base.0.saturating_add(self.0.offset.load(Ordering::SeqCst)))
    }

    /// Moves the clock forward and wakes everybody whose time has come.
    pub fn advance(&self, duration: Duration) {
        self.0.offset.fetch_add(millis(duration), Ordering::SeqCst);
        self.0.moved.send_replace(());
    }

    /// Waits until `duration` has passed on this clock.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now().plus(duration)).await;
    }

    /// Waits until this clock shows `deadline`.
    pub async fn sleep_until(&self, deadline: Timestamp) {
        let mut moved = self.0.moved.subscribe();
        loop {
            let left = deadline.since(self.now());
            if left.is_zero() {
                return;
            }
            let moves = async {
                // The sender lives in this clock, so the channel cannot close under us.
                let _ = moved.changed().await;
            };
            if self.0.fixed.is_some() {
                moves.await;
            } else {
                tokio::select! { () = moves => {}, () = real_sleep(left) => {} }
            }
        }
    }

    /// Runs `future` for at most `duration`; `None` when the time ran out first.
    pub async fn timeout<F: Future>(&self, duration: Duration, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = self.sleep(duration) => None,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
fn wall() -> Timestamp {
    let since_epoch = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("the system clock stands after 1970");
    Timestamp(millis(since_epoch))
}

/// Waits for something of this machine, such as a database that is to come back: in real time, where
/// what happens in the world goes by a [`Clock`].
pub async fn pause(duration: Duration) {
    real_sleep(duration).await;
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that sleeps")]
async fn real_sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_header_is_read() {
        let read = |text: &str| Timestamp::from_http(text).map(Timestamp::as_seconds);
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(read("tomorrow"), None);
    }

    #[test]
    fn json_form_is_rfc3339_with_three_decimals() {
        let time = Timestamp::from_millis(1_767_182_410_007);
        assert_eq!(time.to_string(), "2025-12-31T12:00:10.007Z");
        assert_eq!(serde_json::to_string(&time).unwrap(), "\"2025-12-31T12:00:10.007Z\"");
        assert_eq!("2025-12-31T13:00:10.007+01:00".parse::<Timestamp>().unwrap(), time);
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn seconds_and_milliseconds_are_told_apart() {
        let expected = Some(Timestamp::from_millis(1_767_182_410_000));
        assert_eq!(Timestamp::from_seconds_or_millis(1_767_182_410), expected);
        assert_eq!(Timestamp::from_seconds_or_millis(1_767_182_410_000), expected);
    }

    #[test]
    fn a_number_that_is_no_time_is_none() {
        let read = |number| Timestamp::from_seconds_or_millis(number).map(|time| time.to_string());
        assert_eq!(read(YEAR_0).as_deref(), Some("0000-01-01T00:00:00.000Z"));
        assert_eq!(read(TOO_LATE - 1).as_deref(), Some("9999-12-30T22:00:00.000Z"));
        for number in [YEAR_0 - 1, TOO_LATE, i64::MIN, i64::MAX] {
            assert_eq!(read(number), None, "{number}");
        }
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("90s", 90),
            ("25h", 90_000),
            ("1d 2h", 93_600),
            ("7 days", 604_800),
            ("2w", 1_209_600),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for text in ["", "soon", "5", "-1h", "1 month"] {
            assert!(duration(text).unwrap_err().contains("is no duration"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_fixed_clock_wakes_sleepers_only_when_moved_far_enough() {
        let clock = Clock::fixed(Timestamp::from_millis(1_000));
        let sleeper = {
            let clock = clock.clone();
            async move {
                clock.sleep(Duration::from_hours(24)).await;
                clock.now()
            }
        };
        let mover = async {
            clock.advance(Duration::from_hours(23));
            tokio::task::yield_now().await;
            clock.advance(Duration::from_hours(2));
        };
        let (woke_at, ()) = tokio::join!(sleeper, mover);
        assert_eq!(woke_at, Timestamp::from_millis(1_000).plus(Duration::from_hours(25)));
    }

    #[tokio::test]
    async fn a_running_clock_goes_on_from_its_start() {
        let start = Timestamp::from_millis(1_000);
        let clock = Clock::running(start);
        clock.sleep(Duration::from_millis(5)).await;
        let passed = clock.now().since(start);
        assert!((5..60_000).contains(&passed.as_millis()), "{passed:?}");
        clock.advance(Duration::from_hours(1));
        assert!(clock.now().since(start) >= Duration::from_hours(1));
    }

    #[tokio::test]
    async fn a_timeout_gives_up_on_the_clock() {
        let clock = Clock::fixed(Timestamp::from_millis(0));
        assert_eq!(clock.timeout(Duration::from_secs(1), async { 5 }).await, Some(5));
        let never = clock.timeout(Duration::from_secs(1), std::future::pending::<()>());
        let (output, ()) = tokio::join!(never, async { clock.advance(Duration::from_secs(1)) });
        assert_eq!(output, None);
    }
}
