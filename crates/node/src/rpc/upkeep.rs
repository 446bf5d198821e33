//! How the store is looked after, over RPC.

use primitives::Height;
use rpc::ApiError;
use rpc::types::{ScrubFinding, StorageStatus};

use super::errors;
use super::server::Server;
use crate::upkeep::scrub::Activity;

/// Most heights and findings that are listed.
const LISTED_MAX: usize = 100;

/// `GET /status/storage`.
///
/// # Errors
/// `not_ready` and the like, for a store that is closed.
pub fn status(server: &Server) -> Result<StorageStatus, ApiError> {
    let shared = &server.shared;
    let (upkeep, quarantined) = (&shared.upkeep, shared.store.quarantined());
    let (activity, position) = (upkeep.scrub.activity(), upkeep.scrub.position());
    let journal_bytes = shared.store.journal_bytes().map_err(|error| errors::of_storage(shared, &error))?;
    let finding = |finding: storage::Finding| ScrubFinding {
        height: finding.height,
        column: finding.column.to_owned(),
        reason: finding.reason,
    };
    Ok(StorageStatus {
        scrub: activity.name().to_owned(),
        failure: match activity {
            Activity::Failed(reason) => Some(reason),
            _ => None,
        },
        next_height: position.next.max(Height(1)),
        passes: position.passes,
        passed_at_ms: position.passed.map(|time| time.0),
        scrubbed_bytes: upkeep.scrub.bytes(),
        findings_total: upkeep.scrub.findings_total(),
        findings: upkeep.scrub.findings().into_iter().map(finding).collect(),
        quarantined_total: u64::try_from(quarantined.len()).unwrap_or(u64::MAX),
        quarantined: quarantined.into_iter().map(|one| one.height).take(LISTED_MAX).collect(),
        refetched: upkeep.refetched(),
        refused: upkeep.refused(),
        mended_from: upkeep.found.mended_from.as_ref().map(|path| path.display().to_string()),
        rebuilt_from: upkeep.found.rebuilt.as_ref().map(|one| one.aside.store.display().to_string()),
        rebuilt_by: upkeep.found.rebuilt.as_ref().map(|one| one.by.name().to_owned()),
        journal_bytes,
        journal_bytes_max: shared.config.storage.journal_bytes_max,
    })
}
