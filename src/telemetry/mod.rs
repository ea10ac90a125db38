//! What the node says of itself: every metric's name and every log's shape stand here and nowhere else.
//!
//! No token, secret or subject is ever a label or a log field: a token is its `jti`, a session its `sid`.

mod logs;
mod metrics;
mod requests;

pub use logs::{LogFormat, LogSettings, write_logs_to_stderr};
pub use metrics::Metrics;
pub use requests::Requests;
