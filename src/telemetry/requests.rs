//! What is answered at one address.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use super::Metrics;

/// Counts the requests of one route. After the first of each method and status nothing is looked up by its labels any more.
pub struct Requests {
    route: &'static str,
    metrics: Arc<Metrics>,
    series: RwLock<Vec<Series>>,
}

struct Series {
    method: &'static str,
    status: u16,
    count: Counter,
    duration: Histogram,
}

impl Requests {
    /// For the route of this pattern.
    pub fn new(route: &'static str, metrics: Arc<Metrics>) -> Self {
        Self { route, metrics, series: RwLock::default() }
    }

    /// The pattern.
    pub fn route(&self) -> &'static str {
        self.route
    }

    /// A request was answered. `method` is one of a closed list.
    pub fn answered(&self, method: &'static str, status: u16, after: Duration) {
        if self.counted(method, status, after) {
            return;
        }
        let (count, duration) = self.metrics.requests(method, self.route, status);
        self.series.write().unwrap_or_else(PoisonError::into_inner).push(Series { method, status, count, duration });
        self.counted(method, status, after);
    }

    /// The first one that fits: where two requests made one each, they count in the same place.
    fn counted(&self, method: &'static str, status: u16, after: Duration) -> bool {
        let all = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let series = all.iter().find(|series| series.status == status && series.method == method);
        if let Some(Series { count, duration, .. }) = series {
            count.inc();
            duration.observe(after.as_secs_f64());
        }
        series.is_some()
    }
}
