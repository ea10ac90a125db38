//! URLs, put together.

use crate::registry::check::{is_loopback_host, split_port};

/// `https://host[:port]` without a slash at its end; `http` only on loopback.
pub(super) fn base(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/');
    let (authority, secure) = match text.strip_prefix("https://") {
        Some(rest) => (rest, true),
        None => (text.strip_prefix("http://")?, false),
    };
    let (host, _) = split_port(authority)?;
    let plain = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte));
    (plain && (secure || is_loopback_host(host))).then(|| text.to_owned())
}

/// Percent-encodes all but the unreserved characters of RFC 3986 §2.3.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// A path with the parameters that are there.
pub(super) fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut url = path.to_owned();
    for (name, value) in parameters {
        if let Some(value) = value {
            let separator = if url.contains('?') { '&' } else { '?' };
            url.push_str(&format!("{separator}{name}={}", encode(value)));
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_over_https_or_to_this_machine_only() {
        assert_eq!(base("https://id.example/").as_deref(), Some("https://id.example"));
        assert_eq!(base("http://127.0.0.1:8080").as_deref(), Some("http://127.0.0.1:8080"));
        assert_eq!(base("http://[::1]:8080").as_deref(), Some("http://[::1]:8080"));
        for wrong in ["http://id.example", "https://", "id.example", "https://a@b", "https://a/b", "http://127.0.0.1.example", ""] {
            assert_eq!(base(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_put_in_a_url_cannot_leave_its_place() {
        assert_eq!(encode("a b/../?é#%"), "a%20b%2F..%2F%3F%C3%A9%23%25");
        assert_eq!(with_query("/v1", &[("a", None), ("b", Some("x&c=1")), ("d", Some("y"))]), "/v1?b=x%26c%3D1&d=y");
    }
}
