//! HTTP out: small, bounded in time and size, no redirects followed, certificates checked against the system's roots.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use zeroize::Zeroizing;

/// How long and how much a client waits for and takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutboundLimits {
    /// From the name lookup to an open connection.
    pub connect: Duration,
    /// From the first byte sent to the last byte of the answer's body.
    pub whole: Duration,
    /// The largest body that is taken, in bytes.
    pub body: usize,
}

impl Default for OutboundLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), whole: Duration::from_secs(30), body: 4 << 20 }
    }
}

/// An HTTP client for `http` and `https`.
#[derive(Clone, Debug)]
pub struct HttpClient {
    inner: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    limits: OutboundLimits,
}

/// A whole answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; wiped when dropped, for tokens stand in some.
    pub body: Zeroizing<Vec<u8>>,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OutboundFault {
    /// Not an `http` or `https` URL with a host.
    BadUrl,
    /// TLS cannot be set up at all.
    Tls(String),
    /// No connection, or one that broke.
    Unreachable(String),
    /// The other side shows a certificate that is not to be trusted, and why.
    Untrusted(String),
    /// It took longer than the limits allow.
    TimedOut,
    /// The body is larger than the limits allow.
    TooLarge,
    /// What came could not be kept.
    NotKept(String),
}

impl HttpClient {
    /// A client with the system's roots. Where the system has none, `https` fails at every certificate.
    ///
    /// # Errors
    /// [`OutboundFault::Tls`] when the cryptography cannot be set up.
    pub fn new(limits: OutboundLimits) -> Result<Self, OutboundFault> {
        let builder = tls_builder()?;
        let tls = match builder.clone().with_native_roots() {
            Ok(with_roots) => with_roots.with_no_client_auth(),
            Err(_) => builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
        };
        Ok(Self::with_tls(limits, tls))
    }

    /// A client that trusts the certificates in `pem`, and those that they have signed, and no others.
    ///
    /// # Errors
    /// [`OutboundFault::Tls`] when there is none, or one that is no certificate.
    pub fn trusting(limits: OutboundLimits, pem: &[u8]) -> Result<Self, OutboundFault> {
        let refused = |why: &dyn fmt::Display| OutboundFault::Tls(why.to_string());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate.map_err(|why| refused(&why))?).map_err(|why| refused(&why))?;
        }
        if roots.is_empty() {
            return Err(refused(&"there is no PEM certificate"));
        }
        Ok(Self::with_tls(limits, tls_builder()?.with_root_certificates(roots).with_no_client_auth()))
    }

    fn with_tls(limits: OutboundLimits, tls: ClientConfig) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(limits.connect));
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(connector);
        Self { inner: Client::builder(TokioExecutor::new()).build(connector), limits }
    }

    /// Sends a request and takes the whole answer. A redirect is an answer like any other.
    ///
    /// # Errors
    /// When there is no whole answer within the limits. Whether the other side has done what was asked is then unknown.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Answer, OutboundFault> {
        let whole = async {
            let (head, body) = self.ask(request).await?;
            self.take_whole(head, body).await
        };
        self.within(whole).await?
    }

    /// Sends a request and hands the answer's body over as it comes, however long it is; [`OutboundLimits::whole`] is for each part of
    /// it. An answer that is no success is taken whole instead.
    ///
    /// # Errors
    /// When the body does not come to its end, or `take` refuses a part: what has been handed over is then not the whole.
    pub async fn download(
        &self,
        request: Request<Vec<u8>>,
        take: &mut (dyn FnMut(&[u8]) -> std::io::Result<()> + Send),
    ) -> Result<Option<Answer>, OutboundFault> {
        let (head, mut body) = self.within(self.ask(request)).await??;
        if !head.status.is_success() {
            return self.within(self.take_whole(head, body)).await?.map(Some);
        }
        loop {
            let part = self.within(body.frame()).await?;
            let Some(part) = part else { return Ok(None) };
            let part = part.map_err(|error| OutboundFault::Unreachable(whole_story(&error)))?;
            if let Some(bytes) = part.data_ref() {
                take(bytes).map_err(|error| OutboundFault::NotKept(error.to_string()))?;
            }
        }
    }

    /// Fetches a URL.
    ///
    /// # Errors
    /// As [`HttpClient::send`].
    pub async fn get(&self, url: &str) -> Result<Answer, OutboundFault> {
        self.send(Request::get(url).body(Vec::new()).map_err(|_| OutboundFault::BadUrl)?).await
    }

    async fn within<T>(&self, step: impl Future<Output = T>) -> Result<T, OutboundFault> {
        tokio::time::timeout(self.limits.whole, step).await.map_err(|_| OutboundFault::TimedOut)
    }

    /// The answer as far as its head; the body is still to come.
    async fn ask(&self, request: Request<Vec<u8>>) -> Result<(http::response::Parts, Incoming), OutboundFault> {
        if !is_web_url(request.uri()) {
            return Err(OutboundFault::BadUrl);
        }
        let asked = self.inner.request(request.map(|body| Full::new(Bytes::from(body)))).await;
        Ok(asked.map_err(|error| unanswered(&error))?.into_parts())
    }

    async fn take_whole(&self, head: http::response::Parts, body: Incoming) -> Result<Answer, OutboundFault> {
        let body = Limited::new(body, self.limits.body).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { OutboundFault::TooLarge } else { OutboundFault::Unreachable(whole_story(&*error)) }
        })?;
        Ok(Answer { status: head.status, headers: head.headers, body: Zeroizing::new(body.to_bytes().to_vec()) })
    }
}

fn tls_builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, OutboundFault> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    builder.map_err(|error| OutboundFault::Tls(error.to_string()))
}

fn is_web_url(url: &http::Uri) -> bool {
    matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some_and(|host| !host.is_empty())
}

fn unanswered(error: &(dyn std::error::Error + 'static)) -> OutboundFault {
    let mut behind = Some(error);
    while let Some(error) = behind {
        if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref() {
            return OutboundFault::Untrusted(why.to_string());
        }
        // What an input or output error was made from is not its source.
        let made_from = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        behind = made_from.map(|error| error as &(dyn std::error::Error + 'static)).or_else(|| error.source());
    }
    OutboundFault::Unreachable(whole_story(error))
}

/// An error and what is behind it: the outermost alone says only "client error (Connect)".
fn whole_story(error: &(dyn std::error::Error + 'static)) -> String {
    let mut story = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        story.push_str(": ");
        story.push_str(&error.to_string());
        behind = error.source();
    }
    story
}

impl fmt::Display for OutboundFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadUrl => f.write_str("not an http or https URL"),
            Self::Tls(why) => write!(f, "TLS cannot be set up: {why}"),
            Self::Unreachable(why) => f.write_str(why),
            Self::Untrusted(why) => write!(f, "its certificate is not trusted: {why}"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::TooLarge => f.write_str("the answer is too large"),
            Self::NotKept(why) => write!(f, "what came cannot be written: {why}"),
        }
    }
}

impl std::error::Error for OutboundFault {}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that gives one connection this answer, and says at which URL.
    async fn server(answer: &'static [u8], then: Duration) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = connection.read(&mut request).await;
            connection.write_all(answer).await.unwrap();
            tokio::time::sleep(then).await;
        });
        url
    }

    fn client() -> HttpClient {
        HttpClient::new(OutboundLimits { connect: Duration::from_secs(1), whole: Duration::from_millis(500), body: 16 }).unwrap()
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let url = server(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nok", Duration::ZERO).await;
        let answer = client().get(&url).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (302, b"ok".as_slice()));
    }

    #[tokio::test]
    async fn answers_are_bounded_in_size_and_time() {
        let large = server(b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n01234567890123456", Duration::ZERO).await;
        assert_eq!(client().get(&large).await.unwrap_err(), OutboundFault::TooLarge);
        let slow = server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", Duration::from_secs(5)).await;
        assert_eq!(client().get(&slow).await.unwrap_err(), OutboundFault::TimedOut);
    }

    #[tokio::test]
    async fn what_is_no_web_url_is_refused_before_any_connection() {
        for url in ["ftp://127.0.0.1/", "127.0.0.1:80", "/v1/keys", "http://"] {
            assert_eq!(client().get(url).await.unwrap_err(), OutboundFault::BadUrl, "{url}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_said_with_the_reason() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let fault = client().get(&format!("http://{free}/")).await.unwrap_err();
        assert!(fault.to_string().contains("refused"), "{fault}");
    }
}
