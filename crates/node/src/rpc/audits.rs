//! The newest audit records, as the files hold them.

use rpc::types::{AuditPage, AuditQuery, AuditStream};

use super::server::Server;

/// Records when the query names no limit.
const LIMIT_DEFAULT: u64 = 200;

/// `/observability/audits/{stream}`: a limit above what is kept is cut, not refused.
pub fn page(server: &Server, stream: AuditStream, query: AuditQuery) -> AuditPage {
    let limit = usize::try_from(query.limit.unwrap_or(LIMIT_DEFAULT)).unwrap_or(usize::MAX);
    AuditPage { stream, records: server.shared.audits.newest(stream, limit) }
}
