//! Why a signer does not start, and why it does not sign.

use std::io;
use std::path::PathBuf;

use primitives::{Hash, Height, PublicKey, Round};

use super::{Position, SignedStep};

/// Why the signer does not start. The node must not vote without it.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// Another process signs with this guard file.
    #[error(
        "{} is locked by {holder}: another process signs with this key; stop it first, \
         and never run two validators with one key", path.display()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, as far as the file tells.
        holder: String,
    },
    /// The file is not there although the key may have signed before.
    #[error(
        "the double-sign guard {} is missing: without it this key could sign twice and be slashed; next: put its newest \
         copy back, or its newest export with: tb validator slashing import, and with neither use a new key in a home of its \
         own: tb init --mode validator", path.display()
    )]
    Missing {
        /// Where it would be.
        path: PathBuf,
    },
    /// A guard is missing, and what is to take its place may be older than what the key has signed.
    #[error(
        "there is no double-sign guard {}, and the file knows of signatures up to {}: this key may have signed since; next: \
         find the newest guard or export, or, where this key signs nowhere else and the chain is past all that it has signed, give \
         the reason with --override-guard REASON, which is kept in {}", path.display(), known(highest.as_ref()),
         super::overrides::overrides_path(path).display()
    )]
    Old {
        /// Where the guard would be.
        path: PathBuf,
        /// The highest place that the file knows of; none when it holds nothing.
        highest: Option<Position>,
    },
    /// The bytes are not what was written.
    #[error(
        "the double-sign guard {} is damaged: {reason}; do not delete it: check the disk, then restore a copy \
         made while the node was stopped, or replace the validator key", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Another format version.
    #[error("the double-sign guard {} has format version {version}, this build reads 1; use a newer build", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        version: u8,
    },
    /// The file belongs to another key.
    #[error(
        "the double-sign guard {} belongs to key {found}, this validator has {wanted}; name the guard of this key",
        path.display()
    )]
    OtherKey {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: PublicKey,
        /// Whose it should be.
        wanted: PublicKey,
    },
    /// The file belongs to another chain.
    #[error(
        "the double-sign guard {} belongs to the chain with genesis {found}, this node runs {wanted}; \
         use one home directory per chain", path.display()
    )]
    OtherChain {
        /// The file.
        path: PathBuf,
        /// The genesis hash in it.
        found: Hash,
        /// The genesis hash of this node.
        wanted: Hash,
    },
    /// The key has signed higher than the file knows.
    #[error(
        "the double-sign guard {} ends at height {highest} but this key's signature stands at height {signed}: \
         an old copy was restored; restore the newest one, or replace the validator key", path.display()
    )]
    Behind {
        /// The file.
        path: PathBuf,
        /// The highest height it holds; 0 when it is empty.
        highest: Height,
        /// Where a signature of this key was seen.
        signed: Height,
    },
    /// The key has signed higher than the file knows: its message stands in the consensus log.
    #[error(
        "the double-sign guard {} {}, but this key's {logged} stands in the consensus log: an old copy was \
         restored; restore the newest one, or replace the validator key", path.display(), ends(highest.as_ref())
    )]
    BehindLog {
        /// The file.
        path: PathBuf,
        /// The highest place it holds; none when it is empty.
        highest: Option<Position>,
        /// The place of the message in the log.
        logged: Position,
    },
    /// The consensus log holds a message of this key that the file does not know, or knows otherwise.
    #[error(
        "the double-sign guard {} does not know this key's {logged} that stands in the consensus log: it is not \
         the guard that this log was written with; restore the one that belongs to it, or replace the validator \
         key, and never run two validators with one key", path.display()
    )]
    Differs {
        /// The file.
        path: PathBuf,
        /// The place of the message in the log.
        logged: Position,
    },
    /// A file that is no slashing protection.
    #[error("{} is no slashing protection that can be used: {reason}; export it again", path.display())]
    Protection {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Two files of one key know different messages for one place.
    #[error(
        "the double-sign guard {} and the file know different messages of this key for {place}: it has signed twice \
         already; stop using this key, and replace it", path.display()
    )]
    TwoMessages {
        /// The guard.
        path: PathBuf,
        /// Where.
        place: Position,
    },
    /// A guard stands in two places between which it was to be moved.
    #[error(
        "a double-sign guard stands at {} and at {}: one of them is older, and signing with it could sign twice; find out \
         which home signed last, and move the other guard aside", first.display(), second.display()
    )]
    TwoGuards {
        /// One.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The disk refused.
    #[error("{}: {cause}; check permissions and free space", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}

fn known(highest: Option<&Position>) -> String {
    highest.map_or("none at all".to_owned(), ToString::to_string)
}

fn ends(highest: Option<&Position>) -> String {
    highest.map_or("is empty".to_owned(), |highest| format!("ends at {highest}"))
}

/// Why there is no signature. After any of these the node abstains from this step and keeps running, except
/// after [`SignRefusal::Poisoned`], where it must be restarted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignRefusal {
    /// Other bytes are signed at exactly this place.
    #[error("refused to sign twice: another message is already signed at {0}; abstaining")]
    Conflict(Position),
    /// The place lies below the highest one and its record is not kept.
    #[error("refused to sign at {asked}: this key has already signed at {highest}; abstaining")]
    Below {
        /// Where a signature was asked for.
        asked: Position,
        /// The highest place that is signed.
        highest: Position,
    },
    /// The consensus log has lost the precommit that bound this key to one block of the height.
    #[error(
        "refused to sign at {asked}: this key precommitted for another block at {locked} and the consensus log \
         does not know it; abstaining until the height is decided"
    )]
    Held {
        /// Where a signature was asked for.
        asked: Position,
        /// The precommit that binds it.
        locked: Position,
    },
    /// The bytes are not this validator's message for the step, height and round they were offered for.
    #[error("refused to sign: the bytes are not this validator's {step} of height {height}, round {round}")]
    WrongMessage {
        /// The step asked for.
        step: SignedStep,
        /// The height asked for.
        height: Height,
        /// The round asked for.
        round: Round,
    },
    /// A vote, proposal or transaction was offered as something else.
    #[error("refused to sign: votes, proposals and transactions are never signed without the guard")]
    Guarded,
    /// An earlier write failed: what is on disk is not known.
    #[error("the double-sign guard stopped after a failed write ({0}); free the disk and restart the node")]
    Poisoned(String),
}
