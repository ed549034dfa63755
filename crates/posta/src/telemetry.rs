//! Logs and metrics: what is written and counted, and how. Never tokens, bodies or names of people.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use posta_core::failure::Code;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::{Log, LogFormat};

/// Starts logging to the standard error stream.
///
/// # Errors
/// When the level is not one, or logging was started before.
pub fn start(log: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&log.level)
        .with_context(|| format!("log.level is not a level or filter: {}", log.level))?;
    let is_pretty = match log.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::NONE)
        .with_writer(std::io::stderr);
    let started = if is_pretty {
        builder.compact().with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("logging was started before: {error}"))
}

/// Returns what has been counted in this process, in the text format of Prometheus.
///
/// # Panics
/// When another part of the program has set up a recorder of its own.
#[must_use]
pub fn counted() -> String {
    recorder().render()
}

/// Begins to count. What is counted before is lost.
pub fn count() {
    recorder();
    // An alert watches for the first of these, and from nothing to one is no rise.
    for platform in posta_platforms::ALL.iter().map(|platform| platform.name()) {
        let unknown = Code::OutcomeUnknown.as_str();
        metrics::counter!("posta_sends_total", "platform" => platform, "outcome" => unknown)
            .increment(0);
        metrics::counter!("posta_webhooks_total", "platform" => platform, "outcome" => "not_stored")
            .increment(0);
    }
}

/// The bounds that times and sizes are sorted by.
const BUCKETS: &[(&str, &[f64])] = &[
    ("posta_ingest_commit_seconds", &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0]),
    ("posta_ingest_batch_rows", &[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0]),
    ("posta_platform_call_seconds", &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0]),
    ("posta_delivery_seconds", &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]),
];

/// How long a gauge is shown that nobody sets; all but those of lanes are set whenever they are shown.
const FORGOTTEN: Duration = Duration::from_secs(5);

fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        // A lane that is no longer behind is no longer told of.
        let mut builder =
            PrometheusBuilder::new().idle_timeout(MetricKindMask::GAUGE, Some(FORGOTTEN));
        for (name, buckets) in BUCKETS {
            let name = Matcher::Full((*name).to_owned());
            builder = builder.set_buckets_for_metric(name, buckets).expect("there are buckets");
        }
        builder.install_recorder().expect("nobody else sets up a recorder")
    })
}

/// Measures how long something takes, for logs and reports; nothing is decided by it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "measuring needs a clock that nobody moves")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time since the start.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Returns whole milliseconds since the start.
    #[must_use]
    pub fn millis(self) -> i64 {
        i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}
