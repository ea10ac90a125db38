//! The process environment: nothing else in the crate reads it.
#![expect(clippy::disallowed_methods, reason = "this file is the one that reads the environment")]

use crate::secret::Secret;

/// What every variable of ours begins with.
pub(super) const PREFIX: &str = "MINTAGE_";

/// Variables that are no settings of the service: the command line's own, and the first run's secret.
const OTHERS: [&str; 7] = ["URL", "CLIENT_ID", "CLIENT_SECRET", "CA_FILE", "CONFIG", "ADMIN_SECRET", "ADMIN_SECRET_FILE"];

/// Every `MINTAGE_…` variable of this process. One that is not UTF-8 is given with replacement characters, so that it is refused
/// where it is read.
pub fn variables() -> Vec<(String, String)> {
    let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).filter(|(name, _)| name.starts_with(PREFIX)).collect()
}

/// Where a running deployment is and how the command line presents itself to it.
#[derive(Clone, Default, Debug)]
pub struct Remote {
    /// `MINTAGE_URL`.
    pub url: Option<String>,
    /// `MINTAGE_CLIENT_ID`.
    pub client_id: Option<String>,
    /// `MINTAGE_CA_FILE`.
    pub ca_file: Option<String>,
    /// `MINTAGE_CLIENT_SECRET`.
    pub client_secret: Option<Secret<String>>,
}

impl Remote {
    /// Picks them from variables.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut remote = Self::default();
        for (name, value) in variables.into_iter().filter(|(_, value)| !value.is_empty()) {
            match name.as_str() {
                "MINTAGE_URL" => remote.url = Some(value),
                "MINTAGE_CLIENT_ID" => remote.client_id = Some(value),
                "MINTAGE_CA_FILE" => remote.ca_file = Some(value),
                "MINTAGE_CLIENT_SECRET" => remote.client_secret = Some(Secret::new(value)),
                _ => {}
            }
        }
        remote
    }
}

/// The path of keys that a variable sets: `MINTAGE_DEFAULTS__ROTATION_PAUSE` is `defaults.rotation_pause`. `None` for variables
/// that are not settings.
pub(super) fn key_path(name: &str) -> Option<Vec<String>> {
    let rest = name.strip_prefix(PREFIX)?;
    if OTHERS.contains(&rest) {
        return None;
    }
    Some(rest.split("__").map(str::to_ascii_lowercase).collect())
}

/// The variable that sets a key.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_ascii_uppercase())
}
