//! Faults that make alerts fire on a running network, and the runbooks whose commands mend them.
//!
//! Model: data only. What happens to the processes is in `alert_ground.rs`, the commands are read from the runbooks by
//! `alert_remedies.rs`.

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// One validator gets SIGKILL.
    Killed,
    /// Two validators are cut off, each for itself: nobody has a quorum.
    Partition,
    /// The disk of a validator has less room than its floor.
    DiskFull,
    /// Every validator gets SIGKILL.
    AllKilled,
    /// A node with another genesis file is watched under the same job.
    OtherGenesis,
    /// A prover reports that it failed.
    ProverFails,
    /// The prover gets SIGKILL, and windows close.
    ProverStopped,
    /// Proofs that prove something else are handed in.
    TamperedProofs,
    /// The clock of a validator is an hour ahead.
    ClockAhead,
    /// A block rots on the disk of a stopped validator, and all others give wrong answers about it.
    Quarantined,
    /// A block rots on the disk of a running validator.
    Rotten,
    /// While the chain stands still, a validator loses its data and keeps its guard.
    LostData,
    /// A second process signs with the key of a validator.
    SignsTwice,
    /// A validator cannot write the log of its consensus.
    LogUnwritable,
    /// A node cannot read the tables of its store.
    TablesUnreadable,
    /// A node runs a program whose verifier accepts everything.
    VerifierUnsound,
    /// Nobody brings proofs to a chain whose blocks get lighter for it.
    ProofsLag,
}

/// What stands still with a chain, or with the connections of a node.
const STANDSTILL: [&str; 5] = ["ChainHalted", "HeightStalled", "PartitionSuspected", "NoPeers", "ConsensusAlone"];
/// The same, where processes are down as well.
const STANDSTILL_AND_DOWN: [&str; 6] =
    ["ChainHalted", "HeightStalled", "PartitionSuspected", "NoPeers", "ConsensusAlone", "NodeDown"];

impl Fault {
    /// All, in the order in which one network bears them: who signed twice does not come back. The last one has a network of its own.
    pub const ALL: [Self; 17] = [
        Self::Killed,
        Self::Partition,
        Self::DiskFull,
        Self::AllKilled,
        Self::OtherGenesis,
        Self::ProverFails,
        Self::ProverStopped,
        Self::TamperedProofs,
        Self::VerifierUnsound,
        Self::LogUnwritable,
        Self::TablesUnreadable,
        Self::ClockAhead,
        Self::Quarantined,
        Self::Rotten,
        Self::LostData,
        Self::SignsTwice,
        Self::ProofsLag,
    ];

    /// The alerts that it must make fire.
    pub fn alerts(self) -> &'static [&'static str] {
        match self {
            Self::Killed => &["NodeDown"],
            Self::Partition => &STANDSTILL,
            Self::DiskFull => &["DiskRoomLow"],
            Self::AllKilled => &["TelemetryStalled"],
            Self::OtherGenesis => &["GenesisDiffers"],
            Self::ProverFails => &["ProverFailing"],
            Self::ProverStopped => &["ProofsBehind"],
            Self::TamperedProofs => &["ProofBackendFailing"],
            Self::ClockAhead => &["InvalidProposals", "ClockOff"],
            Self::Quarantined => &["StoreQuarantined"],
            Self::Rotten => &["ScrubFoundDamage"],
            Self::LostData => &["SigningRefused"],
            Self::SignsTwice => &["DoubleSign"],
            Self::LogUnwritable => &["EngineStopped"],
            Self::TablesUnreadable => &["StorageFault"],
            Self::VerifierUnsound => &["TamperedProofAccepted"],
            Self::ProofsLag => &["BlocksHeldDownByProofs"],
        }
    }

    /// Other critical alerts that may fire meanwhile, because what they say is so too. No others may.
    pub fn also(self) -> &'static [&'static str] {
        match self {
            Self::Killed | Self::OtherGenesis | Self::SignsTwice => &[],
            Self::ProverFails | Self::ProverStopped | Self::TamperedProofs => &[],
            // The drill itself starts nodes again.
            Self::Partition | Self::DiskFull | Self::ClockAhead | Self::Quarantined => &["NodeDown"],
            Self::TablesUnreadable | Self::VerifierUnsound => &["NodeDown"],
            // A node whose engine has stopped finalizes nothing and has no connections of consensus.
            Self::LogUnwritable => &["HeightStalled", "ConsensusAlone"],
            // A damaged height is set aside until a peer gives it back.
            Self::Rotten => &["NodeDown", "StoreQuarantined"],
            Self::AllKilled => &["NodeDown"],
            Self::LostData | Self::ProofsLag => &STANDSTILL_AND_DOWN,
        }
    }

    /// What it is, for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Killed => "kill -9 of one validator",
            Self::Partition => "two of four validators are cut off from everybody",
            Self::DiskFull => "the disk of a validator has less free room than disk_free_min_bytes",
            Self::AllKilled => "kill -9 of all validators",
            Self::OtherGenesis => "a node with another genesis file under the same job",
            Self::ProverFails => "a prover reports that it ran out of memory",
            Self::ProverStopped => "kill -9 of the only prover while windows close",
            Self::TamperedProofs => "proofs of another window are handed in as those of the next one",
            Self::ClockAhead => "the clock of a validator is an hour ahead",
            Self::Quarantined => {
                "a block rots on the disk of a stopped validator, and every peer gives a wrong one for it"
            }
            Self::Rotten => "a bit of a block flips on the disk of a running validator",
            Self::LostData => "the chain stands still, and a validator loses its data folder",
            Self::SignsTwice => "a second process with the key and an old guard of a validator",
            Self::LogUnwritable => "writes to the log of a validator's consensus fail with EIO within a height",
            Self::TablesUnreadable => "reads of the tables of the store fail with EIO on a running node",
            Self::VerifierUnsound => "a node whose verifier of window proofs accepts everything",
            Self::ProofsLag => "no prover, on a chain whose blocks get lighter when proofs lag",
        }
    }
}
