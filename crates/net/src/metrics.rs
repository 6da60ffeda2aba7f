//! Figures about a server for Prometheus.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use capstan_rpc::vat::ConnectionStats;
use capstan_rpc::{ConnectionHandle, MethodName};
use http::header::{CONTENT_TYPE, HeaderValue};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::observe::Outcome;

/// What servers count, for [`Options::metrics`](crate::Options::metrics). Clones are the same figures, and
/// servers may share them.
///
/// `docs/servers.md` in the repository lists them.
#[derive(Clone)]
pub struct Metrics {
    figures: Arc<Figures>,
    registry: Option<Arc<Registry>>,
}

struct Figures {
    connections_total: Counter,
    calls: Family<CallLabels, Counter>,
    running: Gauge,
    seconds: Family<MethodLabels, Histogram>,
    traffic: Arc<Traffic>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Figures with a registry of their own.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let metrics = Self::registered(&mut registry);
        Self {
            registry: Some(Arc::new(registry)),
            ..metrics
        }
    }

    /// Figures in a registry of the program's, which also encodes them.
    #[must_use]
    pub fn registered(registry: &mut Registry) -> Self {
        let figures = Figures {
            connections_total: Counter::default(),
            calls: Family::default(),
            running: Gauge::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            traffic: Arc::default(),
        };
        let registry = registry.sub_registry_with_prefix("capstan");
        registry.register(
            "accepted_connections",
            "Connections that have begun",
            figures.connections_total.clone(),
        );
        registry.register(
            "calls",
            "Calls of clients that have ended, by how they did",
            figures.calls.clone(),
        );
        registry.register(
            "running_calls",
            "Calls of clients whose methods are running",
            figures.running.clone(),
        );
        registry.register_with_unit(
            "call_duration",
            "How long the methods of such calls ran",
            Unit::Seconds,
            figures.seconds.clone(),
        );
        registry.register_collector(Box::new(TrafficCollector(Arc::clone(&figures.traffic))));
        Self {
            figures: Arc::new(figures),
            registry: None,
        }
    }

    /// The text that Prometheus reads, in the format of OpenMetrics. Empty for [registered](Self::registered) ones.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if let Some(registry) = &self.registry
            && let Err(error) = prometheus_client::encoding::text::encode(&mut text, registry)
        {
            // Writing to a string does not fail.
            tracing::error!(%error, "metrics cannot be encoded");
        }
        text
    }

    /// [`encode`](Self::encode) as the response to a request; hyper and axum alike take it as it is.
    #[must_use]
    pub fn response(&self) -> http::Response<String> {
        let mut response = http::Response::new(self.encode());
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8"),
        );
        response
    }

    pub(crate) fn connected(&self, handle: &ConnectionHandle) -> Connected {
        self.figures.connections_total.inc();
        let traffic = Arc::clone(&self.figures.traffic);
        let key = traffic.add(handle.clone());
        Connected { traffic, key }
    }

    pub(crate) fn call(&self, name: Option<MethodName>) -> Counted {
        self.figures.running.inc();
        Counted {
            figures: Arc::clone(&self.figures),
            method: MethodLabels::of(name),
            begun: Instant::now(),
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Labels are names of the schema alone: what clients make up is one label, `unknown`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabels {
    interface: Cow<'static, str>,
    method: Cow<'static, str>,
}

impl MethodLabels {
    fn of(name: Option<MethodName>) -> Self {
        match name {
            Some(MethodName { interface, method }) => Self { interface, method },
            None => Self {
                interface: Cow::Borrowed("unknown"),
                method: Cow::Borrowed("unknown"),
            },
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    interface: Cow<'static, str>,
    method: Cow<'static, str>,
    outcome: &'static str,
}

/// A call that runs.
pub(crate) struct Counted {
    figures: Arc<Figures>,
    method: MethodLabels,
    begun: Instant,
}

impl Counted {
    pub(crate) fn ended(self, outcome: Outcome) {
        let Self {
            figures,
            method,
            begun,
        } = self;
        figures.running.dec();
        let seconds = begun.elapsed().as_secs_f64();
        figures.seconds.get_or_create(&method).observe(seconds);
        let MethodLabels { interface, method } = method;
        let labels = CallLabels {
            interface,
            method,
            outcome: outcome.text(),
        };
        figures.calls.get_or_create(&labels).inc();
    }
}

/// A connection that lasts.
pub(crate) struct Connected {
    traffic: Arc<Traffic>,
    key: u64,
}

impl Connected {
    pub(crate) fn received(&self, bytes: usize) {
        self.traffic
            .received
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.traffic.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.traffic.remove(self.key);
    }
}

#[derive(Default)]
struct Traffic {
    received: AtomicU64,
    sent: AtomicU64,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    connections: Vec<(u64, ConnectionHandle)>,
    next_key: u64,
}

impl Traffic {
    fn add(&self, handle: ConnectionHandle) -> u64 {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let key = open.next_key;
        open.next_key += 1;
        open.connections.push((key, handle));
        key
    }

    fn remove(&self, key: u64) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let place = open.connections.binary_search_by_key(&key, |(key, _)| *key);
        // Dropping the last handle of a connection ends it, which is not to happen here.
        let gone = place.ok().map(|place| open.connections.remove(place));
        drop(open);
        drop(gone);
    }

    /// What the connections that are open are doing.
    fn stats(&self) -> Vec<ConnectionStats> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let handles: Vec<_> = open
            .connections
            .iter()
            .map(|(_, handle)| handle.clone())
            .collect();
        drop(open);
        handles.iter().filter_map(ConnectionHandle::stats).collect()
    }
}

/// Looks at the connections when it is asked.
struct TrafficCollector(Arc<Traffic>);

impl fmt::Debug for TrafficCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrafficCollector")
    }
}

impl Collector for TrafficCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let bytes = Some(&Unit::Bytes);
        for (name, help, counter) in [
            (
                "received",
                "Bytes of messages that came from clients",
                &self.0.received,
            ),
            (
                "sent",
                "Bytes of messages that went to clients",
                &self.0.sent,
            ),
        ] {
            let counter = ConstCounter::new(counter.load(Ordering::Relaxed));
            let metric = encoder.encode_descriptor(name, help, bytes, counter.metric_type())?;
            counter.encode(metric)?;
        }
        let stats = self.0.stats();
        let sum = |of: fn(&ConnectionStats) -> u64| stats.iter().map(of).sum::<u64>();
        // Windows that nothing is in say nothing.
        let window = |stats: &ConnectionStats| match stats.streams {
            0 => 0,
            _ => stats.window_bytes,
        };
        for (name, help, unit, value) in [
            (
                "connections",
                "Connections that are open",
                None,
                stats.len() as u64,
            ),
            (
                "streams",
                "Streams to clients with calls in flight",
                None,
                sum(|stats| stats.streams as u64),
            ),
            (
                "stream_in_flight",
                "What streams to clients have in flight",
                bytes,
                sum(|stats| stats.in_flight_bytes),
            ),
            (
                "stream_window",
                "What the windows of such streams allow, of those connections that have any",
                bytes,
                sum(window),
            ),
            (
                "send_queue",
                "Messages to clients that wait for their sockets",
                bytes,
                sum(|stats| stats.queued_bytes as u64),
            ),
        ] {
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, unit, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}

/// From what never waits to what a person waits for.
const SECONDS: [f64; 11] = [
    0.000_01, 0.000_1, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0,
];
