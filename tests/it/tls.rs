//! The door with TLS: what it speaks, what it refuses, and that a new certificate costs nobody a connection.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mintage::outbound::{HttpClient, OutboundFault, OutboundLimits};
use mintage::remote::RemoteFault;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::app::{ADMIN_SECRET, TestApp};
use crate::wire::read_raw;

const TLS: &str = "[tls]\ncert_file = \"{dir}/cert.pem\"\nkey_file = \"{dir}/key.pem\"\n";

/// An authority of the test's own, as a company has one.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        Self { issuer }
    }

    /// Certificate and key for this machine, good until the first day of a year.
    fn pair(&self, until: i32) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_after = date_time_ymd(until, 1, 1);
        (params.signed_by(&key, &self.issuer).expect("a certificate").pem(), key.serialize_pem())
    }

    fn connector(&self, versions: &[&'static SupportedProtocolVersion], alpn: &[&[u8]]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.issuer.pem().as_bytes()).expect("PEM")).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).expect("versions");
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }

    async fn connect(&self, app: &TestApp) -> TlsStream<TcpStream> {
        self.connector(&[&rustls::version::TLS13], &[]).connect(localhost(), tcp(app).await).await.expect("hands are shaken")
    }

    /// The whole answer to a request on a connection of its own.
    async fn ask(&self, app: &TestApp, method: &str, path: &str, more: &str) -> String {
        let mut stream = self.connect(app).await;
        let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{more}");
        stream.write_all(request.as_bytes()).await.expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer, and a close_notify");
        answer
    }
}

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("a name")
}

fn write_pair(folder: &Path, (certificate, key): &(String, String)) {
    std::fs::write(folder.join("cert.pem"), certificate).expect("written");
    std::fs::write(folder.join("key.pem"), key).expect("written");
    std::fs::set_permissions(folder.join("key.pem"), std::fs::Permissions::from_mode(0o600)).expect("owner only");
}

async fn node(pair: &(String, String), more: &str) -> TestApp {
    let issuer = "issuer = \"https://127.0.0.1:8080\"\n";
    TestApp::with_files(&format!("{issuer}{more}{TLS}"), &[("cert.pem", &pair.0), ("key.pem", &pair.1)]).await
}

async fn tcp(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.url.trim_start_matches("https://")).await.expect("the node listens")
}

fn end_entity(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().expect("a chain")[0].clone().into_owned()
}

/// The status line; the connection is kept.
async fn ask(stream: &mut TlsStream<TcpStream>, path: &str) -> String {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.expect("it is sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    let mut rest = [0; 8 * 1024];
    let _ = stream.read(&mut rest).await.expect("its rest");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_the_whole_surface_is_served_over_tls() {
    let authority = Authority::new();
    let app = node(&authority.pair(2040), "").await;
    assert!(app.url.starts_with("https://"), "{}", app.url);
    let metadata = authority.ask(&app, "GET", "/.well-known/oauth-authorization-server", "\r\n").await;
    assert!(metadata.contains("\"issuer\":\"https://127.0.0.1:8080\""), "{metadata}");
    let form = "grant_type=client_credentials&client_id=admin&client_secret=";
    let length = form.len() + ADMIN_SECRET.len();
    let more = format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}{ADMIN_SECRET}");
    let token = authority.ask(&app, "POST", "/oauth/token", &more).await;
    assert!(token.starts_with("HTTP/1.1 200") && token.contains("access_token"), "{token}");
    let end = authority.ask(&app, "GET", "/metrics", "\r\n").await;
    assert!(end.contains("mintage_tls_certificate_not_after_seconds{namespace=\"mintage\"} 2208988800"), "{end}");
    assert!(end.contains("mintage_tls_handshakes_total{namespace=\"mintage\",outcome=\"done\"} 3"), "{end}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_1_2_and_1_3_are_spoken_and_nothing_older() {
    let authority = Authority::new();
    let app = node(&authority.pair(2040), "").await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let stream = authority.connector(&[version], &[]).connect(localhost(), tcp(&app).await).await.expect("hands are shaken");
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
    }
    // A ClientHello of TLS 1.1 (RFC 4346 §7.4.1.2): version 3.2, one suite, no extensions.
    let hello = [&[1, 0, 0, 41, 3, 2][..], &[7; 32], &[0, 0, 2, 0xc0, 0x0a, 1, 0]].concat();
    let record = [&[0x16, 3, 1, 0, u8::try_from(hello.len()).expect("short")][..], &hello].concat();
    let mut stream = tcp(&app).await;
    stream.write_all(&record).await.expect("it is sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!(answer.first(), Some(&0x15), "an alert, no ServerHello: {answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn alpn_chooses_http_2_or_1_1_and_refuses_what_is_neither() {
    let authority = Authority::new();
    let app = node(&authority.pair(2040), "").await;
    let shake = async |names: &[&[u8]]| authority.connector(&[&rustls::version::TLS13], names).connect(localhost(), tcp(&app).await).await;
    let mut stream = shake(&[b"h2", b"http/1.1"]).await.expect("hands are shaken");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("it is sent");
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).await.expect("a frame");
    assert_eq!(frame[3], 4, "SETTINGS: {frame:?}");
    assert_eq!(shake(&[b"http/1.1"]).await.expect("hands are shaken").get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(shake(&[b"smtp"]).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_plainly_to_it_is_told_so_and_half_a_handshake_is_cut_off() {
    let authority = Authority::new();
    let app = node(&authority.pair(2040), "[connections]\nhead = \"3s\"\n").await;
    let mut plain = tcp(&app).await;
    plain.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("it is sent");
    let answer = read_raw(&mut plain).await.expect("an answer");
    assert!(answer.status == 400 && answer.text.ends_with("This port speaks TLS: use https://..."), "{}", answer.text);
    let mut halves = Vec::new();
    for opening in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        let mut half = tcp(&app).await;
        half.write_all(opening).await.expect("it is sent");
        halves.push(half);
    }
    for mut half in halves {
        assert!(read_raw(&mut half).await.is_none(), "closed");
    }
    let page = authority.ask(&app, "GET", "/metrics", "\r\n").await;
    for outcome in ["not_tls\"} 1", "timed_out\"} 2"] {
        assert!(page.contains(&format!("outcome=\"{outcome}")), "{outcome} is not in {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_client_trusts_the_authority_that_it_was_given_and_says_when_it_does_not() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let app = node(&authority.pair(2040), "").await;
    let keys = format!("{}/.well-known/jwks.json", app.url);
    let client = |trusted: &Authority| HttpClient::trusting(OutboundLimits::default(), trusted.issuer.pem().as_bytes()).expect("a client");
    assert_eq!(client(&authority).get(&keys).await.expect("an answer").status, 200);
    let fault = client(&stranger).get(&keys).await.expect_err("another authority");
    assert!(matches!(fault, OutboundFault::Untrusted(_)), "{fault:?}");
    let told = RemoteFault::Outbound("https://localhost".to_owned(), fault).to_string();
    assert!(told.contains("not trusted") && told.ends_with("with --ca or MINTAGE_CA_FILE"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_shown_at_the_next_handshake_and_drops_no_connection() {
    let authority = Authority::new();
    let (old, new) = (authority.pair(2040), authority.pair(2041));
    let app = node(&old, "").await;
    let mut standing = authority.connect(&app).await;
    assert_eq!(ask(&mut standing, "/healthz/live").await, "HTTP/1.1 204");
    let shown = end_entity(&standing);

    write_pair(app.folder(), &(new.0.clone(), old.1.clone()));
    app.tend().await;
    assert_eq!(end_entity(&authority.connect(&app).await), shown, "half of a new pair is not shown");
    write_pair(app.folder(), &new);
    app.tend().await;
    let mut fresh = authority.connect(&app).await;
    assert_ne!(end_entity(&fresh), shown);
    assert_eq!(ask(&mut fresh, "/healthz/live").await, "HTTP/1.1 204");
    assert_eq!(ask(&mut standing, "/healthz/live").await, "HTTP/1.1 204", "it goes on");

    let page = authority.ask(&app, "GET", "/metrics", "\r\n").await;
    for outcome in ["refused", "taken"] {
        assert!(page.contains(&format!("mintage_tls_reloads_total{{namespace=\"mintage\",outcome=\"{outcome}\"}} 1")), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_over_stops_the_start() {
    let authority = Authority::new();
    let mut app = node(&authority.pair(2040), "").await;
    app.stop().await;
    write_pair(app.folder(), &authority.pair(2025));
    let fault = app.try_begin().await.expect_err("it is refused");
    assert!(fault.contains("cert.pem: the certificate expired at 2025-01-01T00:00:00Z: renew it"), "{fault}");
    write_pair(app.folder(), &authority.pair(2040));
    app.try_begin().await.expect("it starts");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_door_speaks_plainly_and_says_first_that_the_node_stops() {
    let authority = Authority::new();
    let pair = authority.pair(2040);
    let mut app = node(&pair, "ops_listen = \"127.0.0.1:0\"\nshutdown_delay = \"5s\"\n").await;
    let ops = format!("http://{}", app.ops_address());
    let ready = || async { reqwest::get(format!("{ops}/healthz/ready")).await.expect("an answer") };
    assert_eq!(ready().await.status(), 200);
    assert!(authority.ask(&app, "GET", "/metrics", "\r\n").await.starts_with("HTTP/1.1 404"), "not for everybody");
    let mut standing = authority.connect(&app).await;
    let mut stopping = Box::pin(app.stop());
    let early = tokio::time::timeout(Duration::from_millis(100), &mut stopping).await;
    assert!(early.is_err(), "it waits for load balancers");
    let (answer, served, ()) = tokio::join!(ready(), ask(&mut standing, "/.well-known/jwks.json"), stopping);
    assert_eq!(answer.status(), 503);
    let body: serde_json::Value = answer.json().await.expect("JSON");
    assert_eq!(body, serde_json::json!({ "ready": false, "view": true, "store": true, "keys": true, "stopping": true }));
    assert_eq!(served, "HTTP/1.1 200", "what still comes is served");
    assert!(TcpStream::connect(ops.trim_start_matches("http://")).await.is_err());
}
