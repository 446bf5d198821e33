//! Exporters against a collector that decodes what is on the wire.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use testkit::certificates::{Authority, Use};
use testkit::collector::{Collector, Manner, text};
use tokio::sync::watch;

use super::logging::Sink;
use crate::logging;
use crate::otlp::span::{ATTRIBUTES_MAX, is_sampled, new_id, new_trace};
use crate::otlp::{Attribute, Exporter, OtlpError, Scrape, Settings, Span, metrics_request};

const PATIENCE: Duration = Duration::from_secs(10);

fn http(ca: Option<&[u8]>) -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder().no_proxy();
    if let Some(pem) = ca {
        builder = builder.tls_certs_only([reqwest::Certificate::from_pem(pem).unwrap()]);
    }
    builder.build().unwrap()
}

fn settings(endpoint: Option<&str>) -> Settings {
    Settings {
        endpoint: endpoint.map(str::to_owned),
        http_endpoint: None,
        secondary_endpoint: None,
        timeout: Duration::from_millis(500),
        queue_size: 4_096,
        batch_size: 512,
        sample_ppm: 1_000_000,
        grpc_ca: None,
        http: http(None),
        token: None,
        resource: vec![("service.name", "the-block".to_owned())],
    }
}

fn start(settings: &Settings) -> Exporter {
    let nothing: Scrape = Arc::new(|| Box::pin(async { None }));
    Exporter::start(settings, nothing, watch::channel(Duration::from_secs(60)).1).unwrap()
}

fn span(name: &'static str) -> Span {
    let attributes = vec![("height", 7_u64.into()), ("stage", "finalized".into())];
    Span { name, trace: new_trace(), id: new_id(), parent: None, start_ns: 1_000, end_ns: 2_000, attributes }
}

async fn until(what: &str, mut look: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !look() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn spans_arrive_over_grpc_with_what_is_known_of_them_and_the_token() {
    let _token = testkit::contract!("S000-068");
    let collector = Collector::grpc(None, Manner::Takes).await;
    let settings = Settings { token: Some("s3cret".to_owned()), ..settings(Some(&collector.url)) };
    let exporter = start(&settings);
    let root = span("transaction");
    let child = Span { parent: Some(root.id), trace: root.trace, ..span("transaction.decided") };
    exporter.record(root.clone());
    exporter.record(child.clone());
    until("both spans", || collector.spans().len() == 2).await;
    let spans = collector.spans();
    assert_eq!((spans[0].name.as_str(), spans[1].name.as_str()), ("transaction", "transaction.decided"));
    assert_eq!((&spans[0].trace_id, &spans[0].span_id), (&root.trace.to_vec(), &root.id.to_vec()));
    assert_eq!((&spans[1].parent_span_id, &spans[1].trace_id), (&spans[0].span_id, &spans[0].trace_id));
    assert!(spans[0].parent_span_id.is_empty());
    assert_eq!((spans[0].start_time_unix_nano, spans[0].end_time_unix_nano), (1_000, 2_000));
    assert_eq!(text(&spans[0].attributes, "height").as_deref(), Some("7"));
    assert_eq!(collector.resource("service.name").as_deref(), Some("the-block"));
    assert_eq!(collector.received().tokens, [Some("Bearer s3cret".to_owned())], "one batch, with the token");
    let (counts, route) = exporter.traces();
    assert_eq!((counts.exported(), counts.dropped(), counts.failures()), (2, 0, 0));
    assert_eq!(route.map(|route| route.protocol), Some("grpc"));
    assert!(!format!("{exporter:?}").contains("s3cret"));
}

#[tokio::test]
async fn what_waits_is_bounded_and_each_loss_is_counted_and_warned_of() {
    let _queue = testkit::contract!("S000-051");
    let _warning = testkit::contract!("S000-057");
    let sink = Sink::default();
    let (subscriber, _) = logging::subscriber(&logging::Settings::default(), sink.clone()).unwrap();
    let _logged = tracing::subscriber::set_default(subscriber);
    let warnings = || sink.text().lines().filter(|line| line.contains("spans were dropped")).count();
    let mut lost = Vec::new();
    for queue_size in [4, 64] {
        // A collector that lags: the first batch is with it for as long as an export may take.
        let collector = Collector::grpc(None, Manner::Sleeps).await;
        let lagging = Settings { queue_size, batch_size: 4, ..settings(Some(&collector.url)) };
        let exporter = start(&lagging);
        for _ in 0..4 {
            exporter.record(span("first"));
        }
        // The task takes the first batch out of the queue.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let before = warnings();
        for _ in 0..64 {
            exporter.record(span("more"));
        }
        lost.push(exporter.traces().0.dropped());
        until("a warning", || warnings() > before).await;
        // Nobody ever took a batch, so in the end all of it is lost, and counted.
        assert!(exporter.traces().0.failures() >= 1);
        let reason = exporter.traces().0.last_failure().unwrap_or_default();
        assert!(reason.contains("500 ms") || reason.contains("Timeout expired"), "{reason}");
    }
    assert_eq!(lost, [60, 0], "a longer queue loses less");
}

#[tokio::test]
async fn a_batch_is_never_longer_than_it_may_be() {
    let _shown = testkit::contract!("S000-052");
    let mut requests = Vec::new();
    for batch_size in [10, 50] {
        let collector = Collector::grpc(None, Manner::Takes).await;
        let exporter = start(&Settings { batch_size, ..settings(Some(&collector.url)) });
        for _ in 0..100 {
            exporter.record(span("one"));
        }
        until("all of them", || collector.spans().len() == 100).await;
        let received = collector.received();
        let lengths = received.traces.iter().map(|request| request.resource_spans[0].scope_spans[0].spans.len());
        assert!(lengths.clone().all(|length| length <= batch_size), "{:?}", lengths.collect::<Vec<_>>());
        requests.push(received.traces.len());
        assert_eq!(exporter.traces().0.dropped(), 0);
    }
    assert!(requests[0] > requests[1], "a longer batch needs fewer exports: {requests:?}");
}

#[tokio::test]
async fn the_second_collector_takes_what_the_first_did_not() {
    for manner in [Manner::Refuses, Manner::Sleeps] {
        let (first, second) = (Collector::grpc(None, manner).await, Collector::grpc(None, Manner::Takes).await);
        let secondary_endpoint = Some(second.url.clone());
        let exporter = start(&Settings { secondary_endpoint, ..settings(Some(&first.url)) });
        exporter.record(span("lost by the first"));
        until("the span", || second.spans().len() == 1).await;
        assert!(first.spans().is_empty());
        until("the count", || exporter.traces().0.exported() == 1).await;
        assert_eq!(exporter.traces().0.dropped(), 0);
        assert!(exporter.traces().0.failures() >= 1);
    }
    // What a collector says that it rejected is lost, and counted.
    let picky = Collector::grpc(None, Manner::Rejects(2)).await;
    let exporter = start(&settings(Some(&picky.url)));
    (0..5).for_each(|_| exporter.record(span("some")));
    until("the answer", || exporter.traces().0.exported() == 3).await;
    assert_eq!(exporter.traces().0.dropped(), 2);
}

#[tokio::test]
async fn the_ratio_decides_by_the_trace_alone_and_can_be_changed() {
    let _shown = testkit::contract!("S000-050");
    let collector = Collector::grpc(None, Manner::Takes).await;
    let exporter = start(&Settings { sample_ppm: 0, ..settings(Some(&collector.url)) });
    (0..100).for_each(|_| exporter.record(span("none")));
    exporter.set_sample_ppm(1_000_000);
    (0..100).for_each(|_| exporter.record(span("all")));
    until("the second hundred", || collector.spans().len() >= 100).await;
    exporter.stop().await;
    assert!(collector.spans().iter().all(|span| span.name == "all"));
    assert_eq!(collector.spans().len(), 100);
    assert_eq!(exporter.traces().0.dropped(), 0, "what is not sampled is not lost");

    // Heights in a row are as good as any: a quarter of them is chosen, the same by everybody.
    let trace = |height: u64| {
        let mut trace = [9; 16];
        trace[8..].copy_from_slice(&height.to_be_bytes());
        trace
    };
    let chosen = |ppm: u32| (0..10_000).filter(|height| is_sampled(&trace(*height), ppm)).count();
    assert_eq!((chosen(0), chosen(1_000_000)), (0, 10_000));
    assert!((2_200..2_800).contains(&chosen(250_000)), "{}", chosen(250_000));
    assert!((0..10_000).all(|height| !is_sampled(&trace(height), 100_000) || is_sampled(&trace(height), 200_000)));
}

#[tokio::test]
async fn a_collector_outside_the_named_authorities_is_refused_over_grpc() {
    let _shown = testkit::contract!("S000-055");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let [ours, foreign] = ["ours", "foreign"].map(|name| Authority::new(folder.path(), name));
    let pair = ours.issue("collector", Use::Server);
    let collector = Collector::grpc(Some(&pair), Manner::Takes).await;
    let with = |ca: &Authority| {
        let grpc_ca = Some(std::fs::read(&ca.ca).unwrap());
        Settings { grpc_ca, ..settings(Some(&collector.url)) }
    };
    let trusting = start(&with(&ours));
    trusting.record(span("trusted"));
    until("the span", || collector.spans().len() == 1).await;
    let refusing = start(&with(&foreign));
    refusing.record(span("refused"));
    until("the loss", || refusing.traces().0.dropped() == 1).await;
    let reason = refusing.traces().0.last_failure().unwrap();
    assert!(reason.contains("certificate") || reason.contains("UnknownIssuer"), "{reason}");
    assert_eq!(collector.spans().len(), 1);
}

#[tokio::test]
async fn metrics_travel_over_http_or_grpc_as_they_stand_in_a_scrape() {
    let http = Collector::http(Manner::Takes).await;
    let exporter = metrics_arrive(&http, Settings { http_endpoint: Some(http.url.clone()), ..settings(None) }).await;
    assert_eq!(exporter.traces().1.map(|route| route.protocol), Some("http"), "spans take the way there is");
    let grpc = Collector::grpc(None, Manner::Takes).await;
    let exporter = metrics_arrive(&grpc, settings(Some(&grpc.url))).await;
    assert_eq!(exporter.metrics().1.map(|route| route.protocol), Some("grpc"));

    let refusing = Collector::http(Manner::Refuses).await;
    let exporter = start(&Settings { http_endpoint: Some(refusing.url.clone()), ..settings(None) });
    exporter.record(span("refused"));
    until("the loss", || exporter.traces().0.dropped() == 1).await;
    assert!(exporter.traces().0.last_failure().unwrap().contains("status 400"));
}

/// Exports a scrape and a span to a collector, and compares what arrived.
async fn metrics_arrive(collector: &Collector, settings: Settings) -> Exporter {
    let metrics = crate::Metrics::new();
    metrics.consensus.finality.observe(Duration::from_millis(700));
    metrics.consensus.finality.observe(Duration::from_millis(20));
    metrics.consensus.finalized_height.set(12);
    metrics.rollout.samples.add(3);
    metrics.rollout.channel.set(["te\"st\\net".to_owned()]);
    let scraped = metrics.render();
    let scrape: Scrape = Arc::new(move || {
        let text = scraped.clone();
        Box::pin(async move { Some(text) })
    });
    let (interval, every) = watch::channel(Duration::from_secs(3_600));
    let token = Some("s3cret".to_owned());
    let exporter = Exporter::start(&Settings { token, ..settings }, scrape, every).unwrap();
    interval.send_replace(Duration::from_millis(20));
    until("metrics", || !collector.metrics().is_empty()).await;
    let metrics = collector.metrics();
    let named = |name: &str| metrics.iter().find(|metric| metric.name == name).and_then(|metric| metric.data.clone());
    let Some(Data::Sum(samples)) = named("telemetry_samples_total") else { panic!("a sum") };
    assert!(samples.is_monotonic && samples.data_points[0].value == Some(Value::AsDouble(3.0)), "{samples:?}");
    let Some(Data::Gauge(height)) = named("consensus_finalized_height") else { panic!("a gauge") };
    assert_eq!(height.data_points[0].value, Some(Value::AsDouble(12.0)));
    assert!(named("block_height_total").is_some(), "aliases travel as well");
    let Some(Data::Gauge(channel)) = named("rollout_channel_info") else { panic!("a gauge") };
    assert_eq!(text(&channel.data_points[0].attributes, "channel").as_deref(), Some("te\"st\\net"));
    let Some(Data::Histogram(finality)) = named("consensus_finality_seconds") else { panic!("a histogram") };
    let point = &finality.data_points[0];
    assert_eq!((point.count, point.bucket_counts.iter().sum::<u64>()), (2, 2));
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    assert!(point.sum.is_some_and(|sum| (sum - 0.72).abs() < 1e-9), "{point:?}");
    let unit = |name: &str| metrics.iter().find(|metric| metric.name == name).map(|metric| metric.unit.as_str());
    let units = ["telemetry_samples_total", "consensus_finality_seconds", "cometbft_mempool_size_bytes"].map(unit);
    assert_eq!(units, [Some("1"), Some("s"), Some("By")], "of counters, histograms and aliases");
    exporter.record(span("beside metrics"));
    until("the span", || collector.spans().len() == 1).await;
    assert!(collector.received().tokens.iter().all(|token| token.as_deref() == Some("Bearer s3cret")));
    exporter
}

#[tokio::test]
async fn a_stop_exports_the_metrics_once_more() {
    let collector = Collector::grpc(None, Manner::Takes).await;
    let metrics = crate::Metrics::new();
    metrics.consensus.finalized_height.set(12);
    metrics.pipeline.latency.with(["proven"]).observe_count(90_000);
    let scrape: Scrape = Arc::new(move || {
        let text = metrics.render();
        Box::pin(async move { Some(text) })
    });
    let (_interval, every) = watch::channel(Duration::from_secs(3_600));
    let exporter = Exporter::start(&settings(Some(&collector.url)), scrape, every).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(collector.metrics().is_empty(), "the first interval is not over");
    exporter.stop().await;
    let metrics = collector.metrics();
    assert_eq!(metrics.iter().filter(|metric| metric.name == "consensus_finalized_height").count(), 1);
    let latency = metrics.iter().find(|metric| metric.name == "pipeline_stage_latency_ms").unwrap();
    assert_eq!(latency.unit, "ms");
}

#[test]
fn text_that_is_no_scrape_becomes_no_metric_and_no_panic() {
    for junk in
        ["", "{", "a{b", "a{b=\"", "# TYPE", "# TYPE x histogram\nx_bucket{le=\"", "# TYPE x gauge\nx{a=\"\\", "x NaN"]
    {
        let request = metrics_request(junk, Default::default(), (1, 2));
        assert!(request.resource_metrics[0].scope_metrics[0].metrics.is_empty(), "{junk}");
    }
    let odd = "# TYPE x gauge\nx +Inf\nx{a=\"1\"} 2\n# EOF\n";
    assert_eq!(metrics_request(odd, Default::default(), (1, 2)).resource_metrics[0].scope_metrics[0].metrics.len(), 1);
}

#[tokio::test]
async fn endpoints_and_tokens_that_cannot_serve_are_refused_at_the_start() {
    let nothing: Scrape = Arc::new(|| Box::pin(async { None }));
    let refused = |settings: Settings| {
        Exporter::start(&settings, Arc::clone(&nothing), watch::channel(PATIENCE).1).map(|_| ()).unwrap_err()
    };
    assert!(matches!(refused(settings(Some("http://[broken"))), OtlpError::Endpoint { .. }));
    let ca = Settings { grpc_ca: Some(b"no pem".to_vec()), ..settings(Some("https://localhost:1")) };
    let told = Exporter::start(&ca, Arc::clone(&nothing), watch::channel(PATIENCE).1);
    assert!(told.is_err() || told.is_ok_and(|exporter| exporter.traces().1.is_some()));
    let token = Settings { token: Some("line\nbreak".to_owned()), ..settings(Some("http://localhost:1")) };
    assert_eq!(refused(token), OtlpError::Token);
}

#[tokio::test]
async fn a_span_with_too_much_is_cut_and_a_stop_sends_what_waits() {
    let collector = Collector::grpc(None, Manner::Takes).await;
    let exporter = start(&settings(Some(&collector.url)));
    let attributes = vec![("long", Attribute::Text("é".repeat(10_000))); 100];
    exporter.record(Span { attributes, ..span("large") });
    exporter.stop().await;
    let spans = collector.spans();
    assert_eq!(spans[0].attributes.len(), ATTRIBUTES_MAX);
    assert_eq!(text(&spans[0].attributes, "long").map(|text| text.chars().count()), Some(256));
    exporter.record(span("after the end"));
    assert_eq!(exporter.traces().0.dropped(), 1);
}

#[tokio::test]
async fn spans_of_the_program_keep_their_order_and_hide_their_secrets() {
    let collector = Collector::grpc(None, Manner::Takes).await;
    let exporter = start(&settings(Some(&collector.url)));
    exporter.install();
    // The log hears nothing; what is exported has its own filter.
    let quiet = logging::Settings { filter: "off".to_owned(), ..logging::Settings::default() };
    let (subscriber, _) = logging::subscriber(&quiet, Sink::default()).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        let outer = tracing::info_span!(target: "trace::test", "outer", count = 3, api_token = "s3cret", late = tracing::field::Empty);
        let _entered = outer.enter();
        tracing::info_span!(target: "node::test", "inner", ready = true).in_scope(|| {});
        tracing::info_span!(target: "libp2p_swarm", "library").in_scope(|| {});
        tracing::debug_span!(target: "node::test", "detail").in_scope(|| {});
        outer.record("late", "said");
    });
    until("two spans", || collector.spans().len() == 2).await;
    exporter.stop().await;
    let spans = collector.spans();
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {spans:?}"));
    let (outer, inner) = (named("outer"), named("inner"));
    assert_eq!((&inner.parent_span_id, &inner.trace_id), (&outer.span_id, &outer.trace_id));
    assert_eq!(text(&outer.attributes, "late").as_deref(), Some("said"));
    assert_eq!(text(&outer.attributes, "api_token"), None, "secrets stay here");
    assert!(outer.start_time_unix_nano <= inner.start_time_unix_nano);
    assert_eq!(spans.len(), 2, "spans of libraries and details stay here");
}
