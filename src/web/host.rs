//! Which host a request names (RFC 9112 §3.2). We answer by none of them, but what stands before us may, and must read the same.

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Version};

use super::problem::Refused;
use crate::api::Code;

/// Refuses requests of HTTP/1.1 without a host, and any with two, or with one that is none.
pub(super) fn must_name_one_host(request: &Request) -> Result<(), Refused> {
    if names_one_host(request.version(), request.headers()) {
        Ok(())
    } else {
        Err(Refused::field(Code::InvalidRequest, "/Host", Code::Malformed))
    }
}

fn names_one_host(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => version != Version::HTTP_11,
        (Some(host), None) => Authority::try_from(host.as_bytes()).is_ok_and(|host| !host.as_str().contains('@')),
        (Some(_), Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn is_taken(version: Version, hosts: &[&'static str]) -> bool {
        names_one_host(version, &hosts.iter().map(|host| (HOST, HeaderValue::from_static(host))).collect())
    }

    #[test]
    fn one_host_is_named_and_is_one() {
        for good in ["localhost", "127.0.0.1:8080", "[::1]:8080", "auth.example"] {
            assert!(is_taken(Version::HTTP_11, &[good]), "{good}");
        }
        for bad in ["", "a b", "a/b", "user@host", "http://a"] {
            assert!(!is_taken(Version::HTTP_11, &[bad]), "{bad}");
        }
        assert!(!is_taken(Version::HTTP_11, &[]) && !is_taken(Version::HTTP_11, &["a", "a"]) && !is_taken(Version::HTTP_2, &["a", "b"]));
        assert!(is_taken(Version::HTTP_10, &[]) && is_taken(Version::HTTP_2, &[]));
    }
}
