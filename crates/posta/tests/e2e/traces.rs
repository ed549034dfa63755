//! Traces: one from the webhook to the delivery, one from the API to the platform, both across a restart,
//! and a collector that does no harm.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use posta::telemetry::Stopwatch;
use prost::Message;
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{Stage, story};

const MIRA: &str = "1099900000000101";
const CALLER: &str = "00f067aa0ba902b7";

/// A collector that takes OTLP over HTTP.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    /// Starts it, and has Posta send traces there.
    async fn start(stage: &mut Stage) -> Self {
        let collector = Self::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        stage.beside(async move { axum::serve(listener, router).await.unwrap() });
        stage.restart_with("telemetry.otlp_endpoint", url.leak()).await;
        collector
    }

    /// The last span of this name and trace among those that have come.
    fn span(&self, name: &str, trace: &str) -> Span {
        let spans = self.0.lock().unwrap();
        let found = spans.iter().rfind(|span| span.name == name && hex(&span.trace_id) == trace);
        found.unwrap_or_else(|| panic!("no {name} in {trace} among {spans:#?}")).clone()
    }
}

async fn take(State(collector): State<Collector>, body: Bytes) {
    let sent = ExportTraceServiceRequest::decode(body).unwrap();
    for one in sent.resource_spans {
        let resource = format!("{:?}", one.resource);
        assert!(resource.contains("service.name") && resource.contains("posta"), "{resource}");
        let spans = one.scope_spans.into_iter().flat_map(|scope| scope.spans);
        collector.0.lock().unwrap().extend(spans);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn status(span: &Span) -> Option<i64> {
    let found = span.attributes.iter().find(|one| one.key == "http.response.status_code")?;
    match found.value.clone()?.value? {
        Value::IntValue(status) => Some(status),
        _ => None,
    }
}

impl Stage {
    /// The places in a trace that deliveries of an event told, in order: trace and step.
    fn traced(&self, event: &str) -> Vec<(String, String)> {
        let came = self.hook.came();
        let came = came.iter().filter(|one| one.event["event"] == event);
        came.map(|one| {
            let place = one.headers["traceparent"].to_str().unwrap();
            let parts: Vec<_> = place.split('-').collect();
            assert_eq!((parts[0], parts[3]), ("00", "01"), "{place}");
            (parts[1].to_owned(), parts[2].to_owned())
        })
        .collect()
    }

    /// Asks for a message as part of a caller's trace.
    async fn ask(&mut self, traceparent: &str, text: &str, more: serde_json::Value) -> u16 {
        self.keep_secret(text);
        let mut body = more;
        body["accountId"] = self.account.as_str().into();
        body["message"] = text.into();
        let path = format!("inbox/conversations/{MIRA}/messages");
        self.call(Method::POST, &path, Some(&body), &[("traceparent", traceparent)]).await.status
    }
}

story! {
    /// Mira writes, and the endpoint's copy belongs to the trace that her webhook began. We answer later,
    /// and the platform's part belongs to the caller's trace.
    async fn one_trace_leads_across_the_queue_and_a_restart(stage: Stage) {
        stage.connect().await;
        let collector = Collector::start(stage).await;
        stage.hook.forget();
        stage.hook.fail(500);
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        let later = json!({"sendAt": "2026-01-01T13:00:00Z"});
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let wanted = format!("00-{trace}-{CALLER}-01");
        assert_eq!(stage.ask(&wanted, "Until six", later.clone()).await, 202);
        let other = "7".repeat(32);
        let unwanted = format!("00-{other}-{CALLER}-00");
        assert_eq!(stage.ask(&unwanted, "Or seven", later).await, 202);
        stage.crash().await;
        stage.hook.recover();
        stage.restart().await;
        stage.pass(Duration::from_hours(1)).await;
        // What has not been sent by then is sent by whoever stops.
        stage.crash().await;

        let told = stage.traced("message.received");
        let [first, second] = &told[..] else { panic!("{told:?}") };
        assert_eq!(first.0, second.0);
        assert_ne!(first.1, second.1);
        let webhook = collector.span("POST /webhooks/{platform}", &first.0);
        let received = collector.span("receive", &first.0);
        let delivered = collector.span("deliver message.received", &first.0);
        assert_eq!((hex(&webhook.parent_span_id), status(&webhook)), (String::new(), Some(200)));
        assert_eq!(received.parent_span_id, webhook.span_id);
        assert_eq!(delivered.parent_span_id, received.span_id);
        assert_eq!((hex(&delivered.span_id), status(&delivered)), (second.1.clone(), Some(200)));
        assert_eq!(delivered.status.unwrap_or_default().code, 0);
        let begun = stage.clock.now().as_millis().unsigned_abs() * 1_000_000;
        assert_eq!(delivered.start_time_unix_nano, begun, "it is told when it was done");

        let asked = collector.span("POST /v1/inbox/conversations/{conversationId}/messages", trace);
        let sent = collector.span("send", trace);
        let called = collector.span("POST instagram", trace);
        assert_eq!(hex(&asked.parent_span_id), CALLER);
        assert_eq!(sent.parent_span_id, asked.span_id);
        assert_eq!(called.parent_span_id, sent.span_id);
        assert_eq!(status(&called), Some(200));
        collector.span("deliver message.sent", trace);

        let all = format!("{:?}", collector.0.lock().unwrap());
        let secrets = ["Are you open?", "Until six", "mira", "token", &stage.key];
        for never in secrets {
            assert!(!all.contains(never), "{never} in {all}");
        }
        let spans = collector.0.lock().unwrap().clone();
        assert!(spans.iter().all(|span| hex(&span.trace_id) != other), "its caller keeps nothing");
        let failed = spans.iter().find(|span| hex(&span.span_id) == first.1).unwrap();
        assert_eq!(failed.status.clone().unwrap().message, "it answered 500");
        stage.restart().await;
    }
}

story! {
    /// A collector that takes the call and never answers.
    async fn a_collector_that_hangs_delays_nothing(stage: Stage) {
        stage.connect().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        stage.restart_with("telemetry.otlp_endpoint", url.leak()).await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        stage.send(MIRA, "Yes", &[]).await.expect(200);
        stage.settle().await;
        assert!(stage.hook.names().contains(&"message.received".to_owned()));
        let watch = Stopwatch::start();
        stage.crash().await;
        assert!(watch.elapsed() < Duration::from_secs(3), "{:?}", watch.elapsed());
        stage.restart().await;
    }
}
