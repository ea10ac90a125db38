//! Counters, gauges and histograms, in the OpenMetrics text form. Labels are words of closed lists, so their number is bounded.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The node's metrics. Every name begins with `mintage_`, every series is labelled with the namespace.
pub struct Metrics {
    registry: Registry,
    refreshes: Count<1>,
    opened: Counter,
    ended: Count<1>,
    minted: Count<2>,
    denials: Count<1>,
    refusals: Count<1>,
    revocations: Count<1>,
    requests: Count<3>,
    durations: Family<Labels<2>, Histogram, fn() -> Histogram>,
    connections: Gauge,
    connections_refused: Counter,
    connections_shed: Counter,
    tls_handshakes: Count<1>,
    tls_reloads: Count<1>,
    tls_not_after: Gauge,
    view_age: Gauge<f64, AtomicU64>,
    view_entries: Gauge,
    store_calls: Count<1>,
    store_queue: Gauge,
    store_up: Gauge,
    heartbeats: Count<1>,
    audit_interrupted: Counter,
    audit_lost: Gauge,
    audit_syncs: Gauge,
    swept: Count<1>,
}

/// `N` labels, each a name and a word of a closed list.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Labels<const N: usize>([(&'static str, Cow<'static, str>); N]);

type Count<const N: usize> = Family<Labels<N>, Counter>;

impl<const N: usize> EncodeLabelSet for Labels<N> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), fmt::Error> {
        EncodeLabelSet::encode(&self.0, encoder)
    }
}

/// In seconds: from what memory answers to what a client gives up on.
const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

fn latency() -> Histogram {
    Histogram::new(BUCKETS)
}

impl Metrics {
    /// Metrics that begin at zero, labelled `namespace`.
    pub fn new(namespace: &str) -> Self {
        let labels = [("namespace".into(), namespace.to_owned().into())];
        let mut metrics = Self {
            registry: Registry::with_prefix_and_labels("mintage", labels.into_iter()),
            refreshes: Count::default(),
            opened: Counter::default(),
            ended: Count::default(),
            minted: Count::default(),
            denials: Count::default(),
            refusals: Count::default(),
            revocations: Count::default(),
            requests: Count::default(),
            durations: Family::new_with_constructor(latency as fn() -> Histogram),
            connections: Gauge::default(),
            connections_refused: Counter::default(),
            connections_shed: Counter::default(),
            tls_handshakes: Count::default(),
            tls_reloads: Count::default(),
            tls_not_after: Gauge::default(),
            view_age: Gauge::default(),
            view_entries: Gauge::default(),
            store_calls: Count::default(),
            store_queue: Gauge::default(),
            store_up: Gauge::default(),
            heartbeats: Count::default(),
            audit_interrupted: Counter::default(),
            audit_lost: Gauge::default(),
            audit_syncs: Gauge::default(),
            swept: Count::default(),
        };
        metrics.register_verbs();
        metrics.register_machinery();
        metrics.register_doors();
        metrics
    }

    fn register_verbs(&mut self) {
        let all = &mut self.registry;
        all.register("refreshes", "Refreshes of sessions, by outcome of the rotation rule", self.refreshes.clone());
        all.register("sessions_opened", "Sessions opened", self.opened.clone());
        all.register("sessions_ended", "Sessions ended by a request, by reason", self.ended.clone());
        all.register("tokens_minted", "Access tokens minted, by grant and format", self.minted.clone());
        all.register("denials", "Access tokens found not good, by denial", self.denials.clone());
        all.register("refusals", "Requests refused, by code", self.refusals.clone());
        all.register("revocations", "Revocations carried out, by target", self.revocations.clone());
    }

    fn register_machinery(&mut self) {
        let all = &mut self.registry;
        all.register("http_requests", "HTTP requests answered, by method, route and status", self.requests.clone());
        all.register_with_unit("http_request_duration", "From the head of a request to its answer", Unit::Seconds, self.durations.clone());
        all.register_with_unit("view_age", "Age of the view of revocations", Unit::Seconds, self.view_age.clone());
        all.register("view_entries", "Entries in the view of revocations", self.view_entries.clone());
        all.register("store_calls", "Calls of the store, by operation", self.store_calls.clone());
        all.register("store_queue", "Operations waiting for the store now", self.store_queue.clone());
        all.register(
            "store_up",
            "1 while the store can be used, 0 once its disk has failed: restart after mending it",
            self.store_up.clone(),
        );
        all.register("heartbeats", "Heartbeats of this node, by outcome", self.heartbeats.clone());
        all.register("audit_interrupted", "Effects that the run before had begun and not ended", self.audit_interrupted.clone());
        all.register("audit_lost", "Lines of the audit trail given up since the start", self.audit_lost.clone());
        all.register("audit_syncs", "How often the audit trail was brought to disk since the start", self.audit_syncs.clone());
        all.register("swept", "What the sweep forgot (sessions, entries) and sessions whose end it wrote down (ended)", self.swept.clone());
    }

    fn register_doors(&mut self) {
        let all = &mut self.registry;
        all.register("http_connections", "Connections open now", self.connections.clone());
        all.register(
            "http_connections_refused",
            "Connections closed at once, because every place was taken by one that was being served",
            self.connections_refused.clone(),
        );
        all.register(
            "http_connections_shed",
            "Connections closed to make room for others, or because they asked for too much at once",
            self.connections_shed.clone(),
        );
        all.register("tls_handshakes", "TLS handshakes, by outcome", self.tls_handshakes.clone());
        all.register("tls_reloads", "Readings of a changed certificate, by outcome", self.tls_reloads.clone());
        all.register_with_unit(
            "tls_certificate_not_after",
            "When the certificate ends, since 1970",
            Unit::Seconds,
            self.tls_not_after.clone(),
        );
    }

    /// A refresh came out as `outcome` (`rotated`, `kept`, `retried`, `healed`, `reused`, `foreign`, `gone`, `refused`).
    pub fn refreshed(&self, outcome: &'static str) {
        add(&self.refreshes, [("outcome", outcome)]);
    }

    /// A session was opened.
    pub fn opened(&self) {
        self.opened.inc();
    }

    /// A session was ended for `reason`.
    pub fn ended(&self, reason: &'static str) {
        add(&self.ended, [("reason", reason)]);
    }

    /// An access token was minted by `grant` in `format`.
    pub fn minted(&self, grant: &'static str, format: &'static str) {
        add(&self.minted, [("grant", grant), ("format", format)]);
    }

    /// An access token was found not good.
    pub fn denied(&self, denial: &'static str) {
        add(&self.denials, [("denial", denial)]);
    }

    /// A request was refused with `code`.
    pub fn refused(&self, code: &'static str) {
        add(&self.refusals, [("code", code)]);
    }

    /// A revocation of a `target` was carried out.
    pub fn revoked(&self, target: &'static str) {
        add(&self.revocations, [("target", target)]);
    }

    /// Where requests with these labels are counted. `route` is the pattern that matched, never the address as sent; likewise `method` is one
    /// that we know.
    pub(super) fn requests(&self, method: &'static str, route: &'static str, status: u16) -> (Counter, Histogram) {
        let (method, route) = (("method", Cow::Borrowed(method)), ("route", Cow::Borrowed(route)));
        let duration = self.durations.get_or_create_owned(&Labels([method.clone(), route.clone()]));
        (self.requests.get_or_create_owned(&Labels([method, route, ("status", Cow::Owned(status.to_string()))])), duration)
    }

    /// A connection was accepted.
    pub fn connected(&self) {
        self.connections.inc();
    }

    /// A connection has ended.
    pub fn disconnected(&self) {
        self.connections.dec();
    }

    /// A connection was closed at once, because every place was taken by one that was being served.
    pub fn connection_refused(&self) {
        self.connections_refused.inc();
    }

    /// A connection was closed to make room for another, or because it asked for too much at once.
    pub fn connection_shed(&self) {
        self.connections_shed.inc();
    }

    /// A TLS handshake came out as `outcome` (`done`, `failed`, `timed_out`, `shed`, `not_tls`).
    pub fn tls_handshake(&self, outcome: &'static str) {
        add(&self.tls_handshakes, [("outcome", outcome)]);
    }

    /// A changed certificate came out as `outcome` (`taken`, `refused`).
    pub fn tls_reloaded(&self, outcome: &'static str) {
        add(&self.tls_reloads, [("outcome", outcome)]);
    }

    /// When the certificate ends, in seconds since the Unix epoch.
    pub fn tls_not_after(&self, seconds: u64) {
        self.tls_not_after.set(whole(seconds));
    }

    /// How the view stands. `None`: it has never been complete; its age is then shown as infinite.
    pub fn view(&self, age: Option<Duration>, entries: usize) {
        self.view_age.set(age.map_or(f64::INFINITY, |age| age.as_secs_f64()));
        self.view_entries.set(whole(entries));
    }

    /// Whether the store can be used.
    pub fn store_up(&self, is_up: bool) {
        self.store_up.set(is_up.into());
    }

    /// How many calls of each operation the store has had since the start.
    pub fn store_calls(&self, calls: impl IntoIterator<Item = (&'static str, u64)>) {
        for (operation, total) in calls {
            self.store_calls.get_or_create(&Labels([("operation", operation.into())])).inner().store(total, Ordering::Relaxed);
        }
    }

    /// How many operations wait for the store.
    pub fn store_queue(&self, waiting: usize) {
        self.store_queue.set(whole(waiting));
    }

    /// A heartbeat was written (`written`), or could not be (`failed`).
    pub fn heartbeat(&self, outcome: &'static str) {
        add(&self.heartbeats, [("outcome", outcome)]);
    }

    /// A start found `effects` that the run before had begun and not ended.
    pub fn audit_interrupted(&self, effects: usize) {
        self.audit_interrupted.inc_by(effects as u64);
    }

    /// How often the audit trail was brought to disk since the start.
    pub fn audit_syncs(&self, times: u64) {
        self.audit_syncs.set(whole(times));
    }

    /// How many lines of the audit trail were given up since the start.
    pub fn audit_lost(&self, lines: u64) {
        self.audit_lost.set(whole(lines));
    }

    /// A step of the sweep did something to so many of `what` (`sessions`, `entries`, `ended`).
    pub fn swept(&self, what: &'static str, count: u32) {
        self.swept.get_or_create(&Labels([("what", what.into())])).inc_by(count.into());
    }

    /// Everything, as `application/openmetrics-text; version=1.0.0; charset=utf-8`.
    pub fn render(&self) -> String {
        let mut page = String::new();
        // Writing to a string fails only where a metric of ours does not encode, which a test would have shown.
        let _ = encode(&mut page, &self.registry);
        page
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

fn add<const N: usize>(family: &Count<N>, labels: [(&'static str, &'static str); N]) {
    family.get_or_create(&Labels(labels.map(|(name, word)| (name, Cow::Borrowed(word))))).inc();
}

fn whole(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_counted_shows_with_its_namespace() {
        let metrics = Metrics::new("tests");
        metrics.refreshed("rotated");
        metrics.opened();
        metrics.ended("logged_out");
        metrics.minted("refresh_token", "jwt");
        metrics.denied("expired");
        metrics.refused("not_found");
        metrics.revoked("session");
        let (requests, durations) = metrics.requests("GET", "/v1/keys", 200);
        requests.inc();
        durations.observe(0.002);
        metrics.view(Some(Duration::from_millis(500)), 3);
        metrics.store_calls([("rotate", 7)]);
        metrics.store_queue(2);
        metrics.heartbeat("written");
        metrics.audit_interrupted(2);
        metrics.audit_lost(1);
        metrics.audit_syncs(3);
        metrics.swept("sessions", 4);
        metrics.store_up(true);
        let page = metrics.render();
        for line in [
            "mintage_refreshes_total{namespace=\"tests\",outcome=\"rotated\"} 1",
            "mintage_sessions_opened_total{namespace=\"tests\"} 1",
            "mintage_sessions_ended_total{namespace=\"tests\",reason=\"logged_out\"} 1",
            "mintage_tokens_minted_total{namespace=\"tests\",grant=\"refresh_token\",format=\"jwt\"} 1",
            "mintage_denials_total{namespace=\"tests\",denial=\"expired\"} 1",
            "mintage_refusals_total{namespace=\"tests\",code=\"not_found\"} 1",
            "mintage_revocations_total{namespace=\"tests\",target=\"session\"} 1",
            "mintage_http_requests_total{namespace=\"tests\",method=\"GET\",route=\"/v1/keys\",status=\"200\"} 1",
            "mintage_view_age_seconds{namespace=\"tests\"} 0.5",
            "mintage_view_entries{namespace=\"tests\"} 3",
            "mintage_store_calls_total{namespace=\"tests\",operation=\"rotate\"} 7",
            "mintage_store_queue{namespace=\"tests\"} 2",
            "mintage_heartbeats_total{namespace=\"tests\",outcome=\"written\"} 1",
            "mintage_audit_interrupted_total{namespace=\"tests\"} 2",
            "mintage_audit_lost{namespace=\"tests\"} 1",
            "mintage_audit_syncs{namespace=\"tests\"} 3",
            "mintage_store_up{namespace=\"tests\"} 1",
            "mintage_swept_total{namespace=\"tests\",what=\"sessions\"} 4",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
        assert!(page.ends_with("# EOF\n"));
    }
}
