//! How long requests took, and how busy each end was meanwhile.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

/// What the kernel counts processor time in (`USER_HZ`), everywhere.
const TICK: Duration = Duration::from_millis(10);

/// Processor time that a process has used so far, all threads together.
pub(crate) fn processor_time(pid: u32) -> Result<Duration, String> {
    let file = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&file).map_err(|why| format!("{file}: {why}"))?;
    // The name of the program may hold anything; behind its last bracket come the third field and those that follow.
    let fields = text.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect::<Vec<_>>()).unwrap_or_default();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok());
    match (ticks(11), ticks(12)) {
        (Some(user), Some(system)) => Ok(TICK * (user + system)),
        _ => Err(format!("{file}: not as expected")),
    }
}

/// `server` and `driver`: processor time that each used within `window`.
pub(crate) fn line(mut latencies: Vec<Duration>, window: Duration, server: Duration, driver: Duration) -> Result<Value, String> {
    latencies.sort_unstable();
    let count = u32::try_from(latencies.len()).map_err(|why| why.to_string())?;
    let rank = |part: f64| latencies.get((f64::from(count) * part) as usize).or(latencies.last()).copied();
    let (Some(p50), Some(p99), Some(max)) = (rank(0.5), rank(0.99), latencies.last().copied()) else {
        return Err("no request was answered in time".to_owned());
    };
    let millis = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    Ok(json!({
        "requests": count,
        "per_second": f64::from(count) / window.as_secs_f64(),
        "p50_ms": millis(p50),
        "p99_ms": millis(p99),
        "max_ms": millis(max),
        "server_us_each": millis(server) * 1_000.0 / f64::from(count),
        "server_busy": server.as_secs_f64() / window.as_secs_f64(),
        "driver_busy": driver.as_secs_f64() / window.as_secs_f64(),
    }))
}
