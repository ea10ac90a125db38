//! Looking into the audit trail.

use super::{Bearer, Fault, Issuer, Refusal, Unavailable};
use crate::api::Code;
use crate::audit::{Page, Query};
use crate::registry::management;

const MOST_IN_A_PAGE: usize = 200;

impl Issuer {
    /// A page of this node's own trail, the newest first; what ended before this call is seen. No store call. Looking leaves no line.
    pub async fn audit(&self, by: &Bearer, query: Query) -> Result<Page, Fault> {
        by.must_have(management::AUDIT)?;
        if !(1..=MOST_IN_A_PAGE).contains(&query.limit) {
            return Err(Refusal::invalid("/limit", Code::OutOfRange).into());
        }
        let trail = self.audit.as_ref().ok_or(Refusal::NoAuditTrail)?;
        trail.find(query).await.map_err(|fault| Unavailable::AuditTrail(fault.to_string()).into())
    }
}
