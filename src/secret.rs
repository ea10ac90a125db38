//! Values that must never be seen: not printed, not serialised, wiped when dropped, compared in constant time.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// A secret of any shape. Its content is reached only through [`Secret::expose`], which a reader can search for.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes a value into custody.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Lends the content to `use_it`.
    pub fn expose<R>(&self, use_it: impl FnOnce(&T) -> R) -> R {
        use_it(&self.0)
    }
}

impl<T: Zeroize + AsRef<[u8]>> PartialEq for Secret<T> {
    /// Takes as long for a near miss as for a far one; only the length shows.
    fn eq(&self, other: &Self) -> bool {
        bool::from((*self.0).as_ref().ct_eq((*other.0).as_ref()))
    }
}

impl<T: Zeroize + AsRef<[u8]>> Eq for Secret<T> {}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// An address without the user and password that may stand in it, for whoever is told of it.
pub fn without_user(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        assert_eq!(without_user("https://ops:pass@word@id.example/"), "https://…@id.example/");
        assert_eq!(without_user("ftp://id.example"), "ftp://id.example");
        assert_eq!(without_user("somebody@id.example"), "somebody@id.example");
    }

    #[test]
    fn a_secret_does_not_print_and_compares_by_content() {
        let secret = Secret::new("canary".to_owned());
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert!(secret == Secret::new("canary".to_owned()));
        assert!(secret != Secret::new("Canary".to_owned()));
        assert_eq!(secret.expose(String::len), 6);
    }
}
