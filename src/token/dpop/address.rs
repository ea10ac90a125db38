//! Addresses of requests, as RFC 9449 §4.3 compares them: after the normalisation of RFC 3986 §6.2.2 and §6.2.3, without query and fragment.

use crate::registry::check::split_port;

/// The one spelling of an absolute `http` or `https` URL; `None` for anything else, and for one with user information.
pub(super) fn normalised(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    let (host, port) = split_port(authority.strip_suffix(':').unwrap_or(authority))?;
    let host_is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(host_is_good) {
        return None;
    }
    let mut out = format!("{scheme}://{}", host.to_ascii_lowercase());
    if let Some(port) = port.filter(|port| *port != default_port) {
        out.push_str(&format!(":{port}"));
    }
    out.push_str(&without_dots(&one_spelling(path)?));
    Some(out)
}

/// Percent-encoding in upper case, and only where it is needed.
fn one_spelling(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let byte = digit(bytes.next())? << 4 | digit(bytes.next())?;
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    out.push(char::from(byte));
                } else {
                    out.push_str(&format!("%{byte:02X}"));
                }
            }
            byte if byte.is_ascii_graphic() => out.push(char::from(byte)),
            _ => return None,
        }
    }
    Some(out)
}

/// Removes dot segments (RFC 3986 §5.2.4); an empty path is `/`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (at, &segment) in segments.iter().enumerate() {
        let is_last = at + 1 == segments.len();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_one() {
        let rows = [
            ("https://id.example/oauth/token", "https://id.example/oauth/token"),
            ("HTTPS://ID.Example:443/oauth/token?x=1#y", "https://id.example/oauth/token"),
            ("https://id.example:/oauth/./x/../%74oken", "https://id.example/oauth/token"),
            ("https://id.example", "https://id.example/"),
            ("https://id.example?x", "https://id.example/"),
            ("http://id.example:80/a", "http://id.example/a"),
            ("http://[::1]:8080/a%2fb", "http://[::1]:8080/a%2Fb"),
            ("https://id.example/../../a/..", "https://id.example/"),
            ("https://id.example/a/.", "https://id.example/a/"),
            ("https://id.example/a//b", "https://id.example/a//b"),
        ];
        for (text, one) in rows {
            assert_eq!(normalised(text).as_deref(), Some(one), "{text}");
            assert_eq!(normalised(one).as_deref(), Some(one), "{one}: normalising again changes nothing");
        }
    }

    #[test]
    fn different_addresses_stay_different() {
        let all = [
            "https://id.example/oauth/token",
            "http://id.example/oauth/token",
            "https://id.example:8443/oauth/token",
            "https://id.example/oauth/token/",
            "https://id.example/oauth%2Ftoken",
            "https://id.example/OAuth/token",
            "https://id.example./oauth/token",
        ];
        let seen: std::collections::BTreeSet<_> = all.iter().map(|text| normalised(text).unwrap()).collect();
        assert_eq!(seen.len(), all.len());
    }

    #[test]
    fn what_is_no_address_is_none() {
        for wrong in [
            "",
            "id.example/a",
            "//id.example/a",
            "ftp://id.example/",
            "https://",
            "https:///a",
            "https://user@id.example/",
            "https://id.example:0443/",
            "https://id.example:65536/",
            "https://id.example/%",
            "https://id.example/%4",
            "https://id.example/é",
            "https://id.example/ a",
            "https://id example/",
            "https://%69d.example/",
        ] {
            assert_eq!(normalised(wrong), None, "{wrong}");
        }
    }
}
