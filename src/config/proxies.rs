//! Who is believed about where a request comes from.

use std::net::IpAddr;

use ipnet::IpNet;

use super::fault::Problem;
use super::section::Section;
use super::settings::ProxyHeader;

/// Reads `trusted_proxies` and `proxy_header`: the one has no meaning without the other.
pub(super) fn read(top: &mut Section<'_>) -> (Vec<IpNet>, ProxyHeader) {
    let places = top.places();
    let named = top.texts("trusted_proxies").unwrap_or_default();
    let words = [("x-forwarded-for", ProxyHeader::XForwardedFor), ("forwarded", ProxyHeader::Forwarded)];
    let header = top.choice("proxy_header", &words);
    let mut trusted = Vec::new();
    for name in named {
        match network(&name.value) {
            Some(network) if network.prefix_len() > 0 => trusted.push(network),
            Some(_) => {
                let fix = "name the networks of your proxies only: whoever is trusted can claim any address";
                top.findings.fault(name.place, name.key, Problem::OutOfRange(format!("{:?}", name.value)), fix);
            }
            None => {
                let fix = "write a network or an address, such as \"10.0.0.0/8\" or \"192.0.2.7\"";
                top.findings.fault(name.place, name.key, Problem::Malformed(name.value), fix);
            }
        }
    }
    match (places.get("trusted_proxies"), places.get("proxy_header")) {
        (Some(place), None) if !trusted.is_empty() => {
            let fix = "write \"x-forwarded-for\" or \"forwarded\": the one header to which your proxies append whom they speak for";
            top.findings.fault(place.clone(), "proxy_header", Problem::Missing, fix);
        }
        (None, Some(place)) => {
            let problem = Problem::Conflict("is set, but no proxy is trusted".to_owned());
            top.findings.fault(place.clone(), "proxy_header", problem, "name the proxies in trusted_proxies, or leave proxy_header out");
        }
        _ => {}
    }
    (trusted, header.unwrap_or_default())
}

/// A network without bits beyond its prefix, or one address.
fn network(text: &str) -> Option<IpNet> {
    match text.parse::<IpNet>() {
        Ok(network) => (network.addr() == network.network()).then_some(network),
        Err(_) => text.parse::<IpAddr>().ok().map(IpNet::from),
    }
}
