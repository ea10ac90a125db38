use std::io;
use std::os::unix::fs::PermissionsExt as _;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

/// What is logged meanwhile.
fn logged(during: impl FnOnce()) -> String {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, during);
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn write_pair(files: &TlsFiles, until: i32) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = date_time_ymd(until, 1, 1);
    std::fs::write(&files.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn an_end_that_is_near_is_said_once_a_day_until_a_new_certificate_comes() {
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    write_pair(&files, 2040);
    let end = Moment::parse_rfc3339_seconds("2040-01-01T00:00:00Z").unwrap();
    let metrics = Arc::new(Metrics::new("tests"));
    let job = CertificateJob::load(files.clone(), metrics.clone(), end.minus(100 * DAY)).unwrap();
    assert!(metrics.render().contains("mintage_tls_certificate_not_after_seconds{namespace=\"tests\"} 2208988800"));

    let run = |before_end: Duration| logged(|| job.run(end.minus(before_end), false));
    assert_eq!(run(15 * DAY), "", "not near yet");
    let said = run(14 * DAY);
    assert!(said.contains("WARN") && said.contains("ends soon") && said.contains("2040-01-01T00:00:00Z"), "{said}");
    assert_eq!(run(14 * DAY - Duration::from_secs(60)), "", "it was said a minute ago");
    assert!(run(13 * DAY).contains("ends soon"), "a day later");
    assert!(run(Duration::ZERO).contains("is over"));

    write_pair(&files, 2041);
    let said = logged(|| job.run(end, false));
    assert!(said.contains("taken up") && !said.contains("WARN"), "{said}");
    assert!(metrics.render().contains("mintage_tls_certificate_not_after_seconds{namespace=\"tests\"} 2240611200"));

    std::fs::write(&files.certificate, "").unwrap();
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = logged(|| job.run(end, false));
    let faults = ["cert.pem: there is no CERTIFICATE in it", "key.pem: others may use it (mode 0644): run: chmod 600"];
    assert!(faults.iter().all(|fault| said.contains(fault)) && said.contains("still shown"), "{said}");
    assert!(metrics.render().contains("mintage_tls_reloads_total{namespace=\"tests\",outcome=\"refused\"} 1"));
}
