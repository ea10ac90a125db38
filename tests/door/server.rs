//! The binary as a process of its own, so that its memory can be told from the test's.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair, SanType};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::honest::Caller;
use crate::say;

/// The administrator's.
pub(crate) const SECRET: &str = "mcs_kT3vQ9xZ7mB2rL8wJ5nC1hF6yD4sG0pA";

pub(crate) struct Server {
    child: Child,
    url: String,
    certificate: Option<Vec<u8>>,
    _folder: TempDir,
}

impl Server {
    /// Starts with 1,024 open files, as many service managers have it: the node raises that itself.
    pub(crate) fn start(connections: &str, tls: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let connections = if connections.is_empty() { "head = \"5s\"\nbody = \"5s\"\n" } else { connections };
        let mut file = format!("[log]\nlevel = \"warn\"\n[connections]\n{connections}");
        let certificate = tls.then(|| {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::new(Vec::new()).expect("no names");
            params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
            let certificate = params.self_signed(&key).expect("a certificate").pem();
            std::fs::write(folder.path().join("cert.pem"), &certificate).expect("written");
            std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).expect("written");
            file += "[tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n";
            certificate.into_bytes()
        });
        std::fs::write(folder.path().join("mintage.toml"), file).expect("written");
        let script =
            "umask 077; chmod 600 *.pem 2>/dev/null; ulimit -Sn 1024; exec \"$0\" serve --config mintage.toml --listen 127.0.0.1:0";
        let mut child = Command::new("sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_mintage")])
            .current_dir(folder.path())
            .env("MINTAGE_ADMIN_SECRET", SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell");
        let (send, url) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
        std::thread::spawn(move || {
            for line in lines {
                match line.strip_prefix("listening on ") {
                    Some(url) => drop(send.send(url.to_owned())),
                    None => say(&format!("door: the node says: {line}")),
                }
            }
        });
        let url = url.recv_timeout(Duration::from_secs(60)).expect("it listens");
        Self { child, url, certificate, _folder: folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.url.split_once("://").expect("a URL").1.parse().expect("an address")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// In KiB.
    pub(crate) fn resident(&self) -> u64 {
        resident(self.id())
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller { base: self.url.clone(), certificate: self.certificate.clone() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The highest that is seen until `over`, in KiB.
pub(crate) async fn peak(process: u32, over: CancellationToken) -> u64 {
    let mut peak = resident(process);
    while !over.is_cancelled() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        peak = peak.max(resident(process));
    }
    peak
}

fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// As many connections as wanted, or as this machine lets a process open; says so when that is fewer.
pub(crate) fn places(wanted: usize) -> usize {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limits.maximum, maximum: limits.maximum };
    setrlimit(Resource::Nofile, raised).expect("a soft limit may be raised");
    let most = limits.maximum.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX)).saturating_sub(512);
    if most < wanted {
        say(&format!("door: this machine allows {most} connections instead of {wanted} (ulimit -Hn)"));
    }
    most.min(wanted)
}
