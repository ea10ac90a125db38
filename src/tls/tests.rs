use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;
use crate::time::Moment;

const NOW: Moment = Moment::from_seconds(1_800_000_000);

fn pair(until: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") }
}

fn write(files: &TlsFiles, (certificate, key): &(String, String)) {
    std::fs::write(&files.certificate, certificate).unwrap();
    std::fs::write(&files.key, key).unwrap();
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn fault(files: &TlsFiles) -> (TlsFile, TlsProblem) {
    let mut faults = Certificate::load(files.clone(), NOW).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    let fault = faults.remove(0);
    assert!(fault.to_string().contains(".pem: "), "{fault}");
    assert!(!fault.fix().is_empty());
    (fault.file, fault.problem)
}

#[test]
fn a_good_pair_is_taken_and_its_end_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let (leaf, key) = pair(2040);
    write(&files, &(format!("{leaf}{}", pair(2050).0), key));
    let certificate = Certificate::load(files, NOW).unwrap();
    assert_eq!(certificate.not_after().to_rfc3339_seconds(), "2040-01-01T00:00:00Z", "the first certificate counts");
    assert_eq!(certificate.server_config().unwrap().alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
}

#[test]
fn each_fault_has_its_file_and_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let good = pair(2040);
    let both = Certificate::load(files.clone(), NOW).unwrap_err();
    assert!(matches!(&both[..], [first, second] if first.file == TlsFile::Certificate && second.file == TlsFile::Key), "{both:?}");
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    let rows = [
        ((String::new(), good.1.clone()), (TlsFile::Certificate, TlsProblem::NotPem("CERTIFICATE"))),
        ((garbage.clone(), good.1.clone()), (TlsFile::Certificate, TlsProblem::BadCertificate(1))),
        ((format!("{}{garbage}", good.0), good.1.clone()), (TlsFile::Certificate, TlsProblem::BadCertificate(2))),
        ((good.0.clone(), good.0.clone()), (TlsFile::Key, TlsProblem::NotPem("PRIVATE KEY"))),
        ((good.0.clone(), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_owned()), (TlsFile::Key, TlsProblem::BadKey)),
        ((good.0.clone(), pair(2040).1), (TlsFile::Key, TlsProblem::Mismatch)),
        (pair(2025), (TlsFile::Certificate, TlsProblem::Expired(Moment::from_seconds(1_735_689_600)))),
    ];
    for (texts, expected) in rows {
        write(&files, &texts);
        assert_eq!(fault(&files), expected);
    }
    write(&files, &good);
    for mode in [0o604, 0o620] {
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(fault(&files), (TlsFile::Key, TlsProblem::TooOpen { mode }));
    }
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(Certificate::load(files, NOW).is_ok(), "secrets that are mounted are read through their group");
}

#[test]
fn a_pipe_or_a_folder_in_the_place_of_a_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    write(&files, &pair(2040));
    std::fs::remove_file(&files.certificate).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&files.certificate).status().unwrap().success());
    assert_eq!(fault(&files), (TlsFile::Certificate, TlsProblem::Unreadable("it is not a file".to_owned())));
    std::fs::remove_file(&files.certificate).unwrap();
    std::fs::create_dir(&files.certificate).unwrap();
    assert_eq!(fault(&files), (TlsFile::Certificate, TlsProblem::Unreadable("it is not a file".to_owned())));
}

#[test]
fn a_bad_new_pair_leaves_the_old_one_and_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let (old, new) = (pair(2040), pair(2041));
    write(&files, &old);
    let certificate = Certificate::load(files.clone(), NOW).unwrap();
    assert!(matches!(certificate.reload(NOW, false), Reload::Unchanged));
    write(&files, &(new.0.clone(), old.1));
    assert!(matches!(certificate.reload(NOW, false), Reload::Refused(_)), "half of a new pair");
    assert!(matches!(certificate.reload(NOW, false), Reload::Unchanged), "it was told already");
    assert!(matches!(certificate.reload(NOW, true), Reload::Refused(_)), "unless somebody asks");
    assert!(certificate.not_after().to_rfc3339_seconds().starts_with("2040"));
    write(&files, &new);
    assert!(matches!(certificate.reload(NOW, false), Reload::Taken));
    assert!(certificate.not_after().to_rfc3339_seconds().starts_with("2041"));
    std::fs::remove_file(&files.key).unwrap();
    assert!(matches!(certificate.reload(NOW, false), Reload::Refused(_)));
    assert!(matches!(certificate.reload(NOW, false), Reload::Unchanged));
    assert!(certificate.not_after().to_rfc3339_seconds().starts_with("2041"));
}
