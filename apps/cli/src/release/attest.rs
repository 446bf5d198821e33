//! What attests the program that runs: the files of a release beside it, and whether they hold.
//!
//! Rules
//! - Nothing beside the program attests it: that is how a build of one's own, or a package, starts. It is told and refuses nothing.
//! - Valid is what [`super::verify`] accepts with the signers of this machine; one missing file is enough for it to be not valid.

use std::path::Path;

use super::sign::read_signers;
use super::verify::verify;
use super::{PARTS, PROVENANCE, SIGNATURE, SUMS};
use crate::commands::release::{SIGNERS_VARIABLE, signers_list};

/// The files that attest a program.
const ATTESTATIONS: [&str; 4] = [PARTS, SUMS, PROVENANCE, SIGNATURE];

/// What attests a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// Files beside it that attest it.
    pub seen: usize,
    /// Such files that are missing.
    pub missing: usize,
    /// Whether they hold, and an accepted signer made them.
    pub valid: bool,
    /// Why not, where some are there.
    pub why: Option<String>,
}

/// What attests the program that runs here, by the signers that the environment names, else those of the project or the machine.
pub fn of_this_program() -> Attested {
    let program = std::env::current_exe().unwrap_or_default();
    let signers = signers_list(std::env::var_os(SIGNERS_VARIABLE).as_deref().map(Path::new));
    of(program.parent().unwrap_or(Path::new(".")), &signers)
}

/// What attests the program in `folder`, by the list of signers in a file.
pub fn of(folder: &Path, signers: &Path) -> Attested {
    let seen = ATTESTATIONS.iter().filter(|name| folder.join(name).is_file()).count();
    let missing = ATTESTATIONS.len().saturating_sub(seen);
    if seen == 0 {
        return Attested { seen, missing, valid: false, why: None };
    }
    let judged = read_signers(signers).and_then(|signers| verify(folder, &signers, None));
    let why = judged.err().map(|failure| failure.error.error);
    Attested { seen, missing, valid: why.is_none(), why }
}
