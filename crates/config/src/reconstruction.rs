//! How a node gives pruned blocks again.
//!
//! Read next: `node.rs`, which reads it from the settings.

use std::path::PathBuf;

/// Reconstruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconstructionConfig {
    /// Whether the gate `reconstruction` is on; with false a pruned height is answered as pruned.
    pub is_on: bool,
    /// The folder of bodies.
    pub archive: Option<PathBuf>,
}
