//! Traces: what a webhook or a request sets going, step by step and across the queue, for a collector of
//! OpenTelemetry. Without one nothing is made, kept or sent.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context as _;
use opentelemetry::propagation::TextMapPropagator;
pub use opentelemetry::trace::SpanKind as Kind;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, Status, TraceContextExt, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, Span};
use posta_core::time::{Clock, Timestamp};
use posta_platforms::http::Http;
use tokio::runtime::Handle;
use tokio_util::context::TokioContext;
use tokio_util::sync::CancellationToken;

use crate::config::Telemetry;
use crate::telemetry::Stopwatch;

/// The header that tells a place in a trace (w3.org/TR/trace-context).
pub const TRACEPARENT: &str = "traceparent";

/// How long the collector may take, and how long while the server stops.
const PATIENCE: Duration = Duration::from_secs(5);
const LAST_PATIENCE: Duration = Duration::from_millis(500);

/// The longest answer of the collector that is read.
const ANSWER: usize = 64 << 10;

/// A place in a trace. What others carry along with it (`tracestate`) ends here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(SpanContext);

impl Place {
    /// Reads it as W3C Trace Context writes it.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let carrier = HashMap::from([(TRACEPARENT.to_owned(), text.to_owned())]);
        let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
        let place = context.span().span_context().clone();
        place.is_valid().then_some(Self(place))
    }

    /// Writes it so.
    #[must_use]
    pub fn written(&self) -> String {
        let mut carrier = HashMap::new();
        TraceContextPropagator::new().inject_context(&self.context(), &mut carrier);
        carrier.remove(TRACEPARENT).unwrap_or_default()
    }

    fn context(&self) -> Context {
        Context::new().with_remote_span_context(self.0.clone())
    }
}

/// Where steps are begun; clones share it.
#[derive(Clone)]
pub struct Traces(Option<Arc<Inner>>);

struct Inner {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    clock: Clock,
    gone: CancellationToken,
}

impl Traces {
    /// Makes what takes steps to the collector, if there is one.
    ///
    /// # Errors
    /// When one of the `OTEL_` variables of the environment asks for what is not there.
    pub fn new(config: &Telemetry, http: &Http, clock: &Clock) -> anyhow::Result<Self> {
        let Some(url) = &config.otlp_endpoint else { return Ok(Self(None)) };
        let gone = CancellationToken::new();
        let client = Client { http: http.clone(), runtime: Handle::current(), gone: gone.clone() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(url.as_str())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(PATIENCE)
            .build()
            .context(
                "traces cannot be exported: see telemetry.otlp_endpoint and OTEL_EXPORTER_OTLP_*",
            )?;
        // Whoever began a trace has decided whether all of it is kept.
        let ratio = Sampler::TraceIdRatioBased(f64::from(config.sample_percent) / 100.0);
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder().with_service_name("posta").with_attribute(version);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(ratio)))
            .with_resource(resource.build())
            .build();
        let tracer = provider.tracer("posta");
        Ok(Self(Some(Arc::new(Inner { provider, tracer, clock: clock.clone(), gone }))))
    }

    /// Whether there is a collector.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Begins a step: of the trace that `parent` is a place in, or of a new one.
    #[must_use]
    pub fn begin(&self, kind: Kind, name: impl FnOnce() -> String, parent: Option<&Place>) -> Step {
        self.begun(kind, name, parent, Duration::ZERO)
    }

    /// The same for a step that began some time ago.
    #[must_use]
    pub fn begun(
        &self,
        kind: Kind,
        name: impl FnOnce() -> String,
        parent: Option<&Place>,
        ago: Duration,
    ) -> Step {
        let Some(inner) = &self.0 else { return Step(None) };
        let begun = inner.clock.now().minus(ago);
        let builder =
            SpanBuilder::from_name(name()).with_kind(kind).with_start_time(UNIX_EPOCH + age(begun));
        let parent = parent.map_or_else(Context::new, Place::context);
        let span = inner.tracer.build_with_context(builder, &parent);
        Step(Some(Box::new(Open { span, begun, ago, watch: Stopwatch::start() })))
    }

    /// Sends what waits, for half a second at most, and ends.
    pub async fn stop(&self) {
        let Some(inner) = self.0.clone() else { return };
        let provider = inner.provider.clone();
        let flushing =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_PATIENCE));
        if !matches!(flushing.await, Ok(Ok(()))) {
            tracing::warn!("the collector did not take the last traces; they are dropped");
        }
        inner.gone.cancel();
    }
}

/// A step under way; it ends when it is dropped.
pub struct Step(Option<Box<Open>>);

struct Open {
    span: Span,
    begun: Timestamp,
    ago: Duration,
    watch: Stopwatch,
}

impl Step {
    /// A step that nobody hears of.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Returns where it is; `None` without a collector.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let place = self.0.as_ref()?.span.span_context();
        place.is_valid().then(|| Place(place.clone()))
    }

    /// Returns the same as it is kept with rows.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.place().as_ref().map(Place::written)
    }

    /// Notes the id of what it is about. Ids, statuses and codes only; nothing that somebody wrote.
    pub fn about(&mut self, name: &'static str, id: impl fmt::Display) {
        self.note(name, || id.to_string().into());
    }

    /// Notes the status of an answer.
    pub fn status(&mut self, status: u16) {
        self.note("http.response.status_code", || i64::from(status).into());
    }

    /// Notes that it did not end well.
    pub fn fail(&mut self, why: impl FnOnce() -> String) {
        if let Some(open) = &mut self.0
            && open.span.is_recording()
        {
            open.span.set_status(Status::error(why()));
        }
    }

    fn note(&mut self, name: &'static str, value: impl FnOnce() -> Value) {
        if let Some(open) = &mut self.0
            && open.span.is_recording()
        {
            open.span.set_attribute(KeyValue::new(name, value()));
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let took = self.ago + self.watch.elapsed();
        self.span.end_with_timestamp(UNIX_EPOCH + age(self.begun) + took);
    }
}

fn age(time: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(0))
}

/// The client that exports, from a thread that is none of the runtime's.
#[derive(Debug)]
struct Client {
    http: Http,
    runtime: Handle,
    gone: CancellationToken,
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let url = parts.uri.to_string().parse()?;
        let request = self.http.request(parts.method, url).headers(parts.headers);
        let request = request.timeout(PATIENCE).body(body);
        let exchange = TokioContext::new(self.http.probe(request, ANSWER), self.runtime.clone());
        let reply = tokio::select! {
            biased;
            () = self.gone.cancelled() => return Err("the server has stopped".into()),
            reply = exchange => reply,
        };
        let is_taken = reply.as_ref().is_ok_and(|reply| reply.status.is_success());
        let outcome = if is_taken { "taken" } else { "failed" };
        metrics::counter!("posta_trace_exports_total", "outcome" => outcome).increment(1);
        let reply = reply?;
        let mut answer = Response::new(Bytes::from(reply.body));
        *answer.status_mut() = reply.status;
        *answer.headers_mut() = reply.headers;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_place_is_read_as_it_is_written() {
        for flags in ["00", "01"] {
            let text = format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
            assert_eq!(Place::read(&text).unwrap().written(), text);
        }
        for bad in ["", "r-1", "00-1-1", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"]
        {
            assert_eq!(Place::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn without_a_collector_nothing_is_made() {
        let traces = Traces(None);
        let mut step = traces.begin(Kind::Client, || panic!("nobody asks for a name"), None);
        step.fail(|| panic!("nor for a reason"));
        assert_eq!((step.place(), traces.is_on()), (None, false));
    }

    #[tokio::test]
    async fn whoever_begins_a_trace_decides_whether_it_is_kept() {
        let traces = |sample_percent| {
            let url = Some("http://127.0.0.1:9/v1/traces".parse().unwrap());
            let clock = Clock::fixed(Timestamp::from_millis(0));
            let config = Telemetry { otlp_endpoint: url, sample_percent };
            Traces::new(&config, &Http::new(), &clock).unwrap()
        };
        let mut steps = Vec::new();
        let mut place = |traces: &Traces, parent: Option<&Place>| {
            steps.push(traces.begin(Kind::Client, || "x".to_owned(), parent));
            steps.last().and_then(Step::place).unwrap()
        };
        let (none, all) = (traces(0), traces(100));
        let (no, yes) = (place(&none, None), place(&all, None));
        assert!(!no.0.is_sampled() && yes.0.is_sampled());
        assert!(!place(&all, Some(&no)).0.is_sampled());
        let child = place(&none, Some(&yes));
        assert!(child.0.is_sampled());
        assert_eq!(child.0.trace_id(), yes.0.trace_id());
        assert_ne!(child.0.span_id(), yes.0.span_id());
        // Before the steps end, so that nothing is sent.
        all.stop().await;
        none.stop().await;
    }
}
