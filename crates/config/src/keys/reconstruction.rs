//! The keys of reconstruction.
//!
//! Read next: [`super::KEYS`], where they stand in the order of the template; `spec/recovery.md`.

use super::entry::{Key, key};
use crate::value::Kind;

pub(super) const ARCHIVE: Key = key(
    "reconstruction.archive",
    &["TB_RECONSTRUCTION_ARCHIVE"],
    Kind::Path,
    "Folder of bodies, as `tb storage export` writes it, from which pruned blocks are given again while the gate `reconstruction` is on; peers are asked for what is not in it.",
)
.unset("peers alone are asked", "archive");
