//! `evidence.toml`: what people say about a step to the next stage.
//!
//! ```toml
//! [acknowledgements]
//! "tb1…" = "2026-03-03 09:00 UTC, agreed by …"
//! ```
//! Rules
//! - Only what no machine can know stands here. That the tests passed is in the signed provenance of the release.
//! - A part that is missing leaves its question open; an unknown key refuses the file.

use std::collections::BTreeMap;
use std::path::Path;

use primitives::Address;
use rpc::ExitCode;
use serde::Deserialize;

use crate::exit::Failure;

/// Largest evidence or baseline file that is read, bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// What was said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Who agreed to the time of the upgrade, and in which words.
    #[serde(default)]
    pub acknowledgements: BTreeMap<Address, String>,
}

/// Reads a file up to the bound.
///
/// # Errors
/// [`Failure`] naming the file.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    let size = std::fs::metadata(path).map_err(|cause| Failure::disk(path, &cause))?.len();
    if size > FILE_BYTES_MAX {
        let hint = "name the file that was meant";
        let what = format!("{} is larger than {FILE_BYTES_MAX} bytes", path.display());
        return Err(Failure::new(ExitCode::Config, "file_too_large", what, hint));
    }
    std::fs::read_to_string(path).map_err(|cause| Failure::disk(path, &cause))
}

impl Evidence {
    /// Reads `evidence.toml`.
    ///
    /// # Errors
    /// [`Failure`] for a file that cannot be read or has anything else in it.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        toml::from_str(&read_text(path)?).map_err(|error| {
            let what = format!("{}: {}", path.display(), error.message().lines().next().unwrap_or("no TOML"));
            Failure::new(
                ExitCode::Config,
                "evidence",
                what,
                "docs/deployment/staged_rollout.md shows what may stand in it",
            )
        })
    }
}
