//! Where a request comes from, also where proxies stand before the door.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use super::arrival::Arrival;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that a request comes from: the connection's other end; or, where that is a trusted proxy, whom the proxies name. An
/// IPv4 address in IPv6 clothes is the IPv4 address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientAddress(pub IpAddr);

/// Which proxies are believed, and where they write whom they speak for. None are by default: then no header is read.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Proxies {
    /// Their networks.
    pub trusted: Vec<IpNet>,
    /// Their header. The other one is never read: a client could have written it.
    pub header: ProxyHeader,
}

/// A header in which proxies name whom they speak for; each appends to what it was sent.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`: addresses with commas between them.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239): its `for` parameters.
    Forwarded,
}

/// Whose failures and connections count together: an IPv4 address, or the 64 bits of an IPv6 address that name a network (RFC 7421),
/// within which one host takes new addresses as it likes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Network {
    V4(u32),
    V6(u64),
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6(address.to_bits().wrapping_shr(64) as u64),
        }
    }
}

/// The other end of a connection, as the listener sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Finds out where a request comes from, for whoever asks later.
pub(super) fn locate(proxies: &Proxies, request: &mut Request) {
    let peer = Arrival::of_mut(request).peer.map_or(NOWHERE, |Peer(address)| address.ip());
    Arrival::of_mut(request).from = proxies.client(peer, request.headers());
}

impl Proxies {
    /// From the right, the first address that is no trusted proxy's; the leftmost where all are. What cannot be read is not believed:
    /// the request then comes from the connection's other end.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return ClientAddress(peer);
        }
        let named = match self.header {
            ProxyHeader::XForwardedFor => x_forwarded_for(headers),
            ProxyHeader::Forwarded => forwarded(headers),
        };
        let mut client = peer;
        for hop in named.unwrap_or_default().iter().rev() {
            match hop {
                Some(address) => client = *address,
                None => return ClientAddress(peer),
            }
            if !self.trusts(client) {
                break;
            }
        }
        ClientAddress(client)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Default for ClientAddress {
    fn default() -> Self {
        Self(NOWHERE)
    }
}

/// The address of a request that came through no listener.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The hops of a header, the nearest last; `None` for one that is no address.
type Hops = Vec<Option<IpAddr>>;

fn x_forwarded_for(headers: &HeaderMap) -> Option<Hops> {
    Some(line(headers, &X_FORWARDED_FOR)?.split(',').map(|hop| node(hop.trim())).collect())
}

/// RFC 7239 §4. `None` where the header does not follow its grammar: a quotation mark that a stranger left open would swallow what the
/// proxy wrote after it.
fn forwarded(headers: &HeaderMap) -> Option<Hops> {
    let text = line(headers, &header::FORWARDED)?;
    let hop = |element: &str| -> Option<Option<IpAddr>> {
        let mut named = None;
        for pair in split_unquoted(element, ';')? {
            let (name, value) = pair.split_once('=')?;
            if name.trim().eq_ignore_ascii_case("for") && named.replace(value.trim()).is_some() {
                return None;
            }
        }
        Some(named.and_then(|value| node(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))))
    };
    split_unquoted(&text, ',')?.into_iter().map(hop).collect()
}

/// All lines of a header as one (RFC 9110 §5.3).
fn line(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Option<Vec<_>> = headers.get_all(name).iter().map(|value| value.to_str().ok()).collect();
    lines.filter(|lines| !lines.is_empty()).map(|lines| lines.join(","))
}

fn split_unquoted(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut quoted = false;
    let mut escaped = false;
    let parts = text.split(|letter: char| {
        let was_escaped = std::mem::take(&mut escaped);
        match letter {
            '"' if !was_escaped => quoted = !quoted,
            '\\' if quoted && !was_escaped => escaped = true,
            _ => {}
        }
        letter == separator && !quoted
    });
    let parts: Vec<_> = parts.collect();
    (!quoted).then_some(parts)
}

/// `192.0.2.1`, `192.0.2.1:443`, `[2001:db8::1]`, `[2001:db8::1]:443`, and as `X-Forwarded-For` has it, `2001:db8::1`.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn seen(header: ProxyHeader, peer: &str, lines: &[(&'static str, &str)]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()).to_vec();
        Proxies { trusted, header }.client(peer.parse().unwrap(), &headers(lines)).to_string()
    }

    fn x(peer: &str, sent: &str) -> String {
        seen(ProxyHeader::XForwardedFor, peer, &[("x-forwarded-for", sent)])
    }

    fn f(sent: &str) -> String {
        seen(ProxyHeader::Forwarded, "10.0.0.1", &[("forwarded", sent)])
    }

    #[test]
    fn whoever_is_no_trusted_proxy_names_nobody() {
        assert_eq!(x("203.0.113.9", "192.0.2.1"), "203.0.113.9");
        assert_eq!(x("::ffff:203.0.113.9", "192.0.2.1"), "203.0.113.9");
        let nobody = Proxies::default();
        assert_eq!(nobody.client("10.0.0.1".parse().unwrap(), &headers(&[("x-forwarded-for", "192.0.2.1")])).to_string(), "10.0.0.1");
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxys_counts() {
        assert_eq!(x("10.0.0.1", "192.0.2.1"), "192.0.2.1");
        assert_eq!(x("::ffff:10.0.0.1", "192.0.2.1:4711"), "192.0.2.1");
        assert_eq!(x("10.0.0.1", "198.51.100.7, 192.0.2.1, 10.9.9.9"), "192.0.2.1", "what the client wrote itself is not believed");
        assert_eq!(x("10.0.0.1", "junk, 192.0.2.1"), "192.0.2.1");
        assert_eq!(x("10.0.0.1", "10.0.0.3, 10.0.0.2"), "10.0.0.3");
        assert_eq!(x("fd00::1", "2001:db8::1, [fd00::2]:443"), "2001:db8::1");
        let lines = [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(seen(ProxyHeader::XForwardedFor, "10.0.0.1", &lines), "192.0.2.1", "lines are read as one");
    }

    #[test]
    fn what_cannot_be_read_is_not_believed() {
        for junk in ["", "unknown", "192.0.2.1, junk", "192.0.2.1,", "192.0.2", "http://192.0.2.1", "192.0.2.1 10.0.0.2"] {
            assert_eq!(x("10.0.0.1", junk), "10.0.0.1", "{junk:?}");
        }
        for junk in
            ["", "for=_hidden", "for=unknown", "192.0.2.1", "for=192.0.2.1, for=\"", "for=\", for=192.0.2.1", "for=192.0.2.1;for=192.0.2.2"]
        {
            assert_eq!(f(junk), "10.0.0.1", "{junk:?}");
        }
        assert_eq!(f("for=\"\\\", for=192.0.2.1"), "10.0.0.1", "a quotation mark left open swallows nothing");
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_has_it() {
        assert_eq!(f("for=192.0.2.43, For=\"[2001:db8:cafe::17]:4711\""), "2001:db8:cafe::17");
        assert_eq!(f("for=192.0.2.60;proto=http;by=203.0.113.43"), "192.0.2.60");
        assert_eq!(f("for=192.0.2.1;host=\"a,b;c\", for=10.0.0.7"), "192.0.2.1");
        assert_eq!(f("proto=https, for=10.0.0.7"), "10.0.0.1", "a hop that names nobody ends the walk");
    }

    #[test]
    fn the_header_that_is_not_configured_is_not_read() {
        let both = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.2")];
        assert_eq!(seen(ProxyHeader::XForwardedFor, "10.0.0.1", &both), "192.0.2.1");
        assert_eq!(seen(ProxyHeader::Forwarded, "10.0.0.1", &both), "192.0.2.2");
        assert_eq!(seen(ProxyHeader::Forwarded, "10.0.0.1", &both[..1]), "10.0.0.1");
    }
}
