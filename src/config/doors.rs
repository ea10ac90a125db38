//! `[tls]`, `[connections]`, and how the doors are shut.

use std::time::Duration;

use super::fault::Problem;
use super::section::{Placed, Section};
use super::settings::Connections;
use crate::tls::{TlsFile, TlsFiles};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The pair of files, read once so that `config check` says what a start would say. Whether the certificate is over depends on the clock
/// and is asked at the start.
pub(super) fn read_tls(top: &mut Section<'_>, issuer: Option<&Placed<String>>) -> Option<TlsFiles> {
    let mut section = top.section("tls");
    let was_named = |section: &Section<'_>, name: &str| section.places().contains_key(name);
    let (has_certificate, has_key) = (was_named(&section, "cert_file"), was_named(&section, "key_file"));
    let certificate = section.path("cert_file", "name a PEM file with the certificate and its chain");
    let key = section.path("key_file", "name a PEM file with the private key");
    if has_certificate && !has_key {
        section.missing("key_file", "name the certificate's private key too: TLS needs both");
    }
    if has_key && !has_certificate {
        section.missing("cert_file", "name the key's certificate too: TLS needs both");
    }
    let findings = section.findings;
    section.finish();
    let (certificate, key) = (certificate?, key?);
    if let Some(issuer) = issuer.filter(|issuer| issuer.value.starts_with("http://")) {
        let problem = Problem::Conflict(format!("the issuer is {} but TLS is on", issuer.value));
        findings.fault(issuer.place.clone(), issuer.key.clone(), problem, "write https:// there, or take [tls] out");
    }
    let files = TlsFiles { certificate: certificate.value.clone(), key: key.value.clone() };
    for fault in files.read().err().unwrap_or_default() {
        let (place, key) = match fault.file {
            TlsFile::Certificate => (&certificate.place, &certificate.key),
            TlsFile::Key => (&key.place, &key.key),
        };
        let fix = fault.fix();
        findings.fault(place.clone(), key.clone(), Problem::Tls { path: fault.path, problem: fault.problem }, fix);
    }
    Some(files)
}

pub(super) fn read_connections(top: &mut Section<'_>) -> Connections {
    let mut section = top.section("connections");
    let places = section.places();
    let mut time = |name, least, most, default| section.duration(name, least, most).map_or(default, |found| found.value);
    let small = Duration::from_millis(100);
    let (head, body) = (time("head", small, MINUTE, 10 * SECOND), time("body", small, 10 * MINUTE, 20 * SECOND));
    let (answer, idle) = (time("answer", small, 10 * MINUTE, 30 * SECOND), time("idle", small, HOUR, MINUTE));
    let age = time("age", SECOND, 24 * HOUR, HOUR);
    let most = section.number("most", 1, 1_000_000).unwrap_or(10_000);
    let per_address = section.number("per_address", 1, 1_000_000).unwrap_or(1_000);
    let connections = Connections { most, per_address, head, body, answer, idle, age };
    if idle < answer {
        let place = ["idle", "answer"].iter().find_map(|name| places.get(*name)).unwrap_or(&section.place).clone();
        let problem = Problem::Conflict("idle is below answer".to_owned());
        let fix = "raise idle or lower answer: a connection that waits for its answer must not be cut off as idle";
        section.findings.fault(place, "connections.idle", problem, fix);
    }
    section.finish();
    connections
}

/// The deadline and the delay of a stop.
pub(super) fn read_shutdown(top: &mut Section<'_>) -> (Duration, Duration) {
    let deadline = top.duration("shutdown_deadline", Duration::ZERO, 24 * HOUR).map_or(25 * SECOND, |found| found.value);
    let delay = top.duration("shutdown_delay", Duration::ZERO, HOUR).map_or(Duration::ZERO, |found| found.value);
    (deadline, delay)
}
