//! The declarations of all metrics, one file per area.
//!
//! ```text
//! "What it says" field: HandleType = Metric::kind("name")…;
//! ```
//! makes a field of the area's struct and a row of the catalogue. The handle must fit the kind and the number of
//! labels; a test makes every area, so a declaration that does not fit cannot be merged.

/// Declares the metrics of one area.
macro_rules! area {
    ($(#[$doc:meta])* $area:ident { $( $help:literal $field:ident : $handle:ty = $metric:expr; )* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $area {
            $( #[doc = $help] pub $field: $handle, )*
        }

        impl $area {
            /// The rows of the catalogue.
            pub const METRICS: &'static [$crate::metric::Metric] = &[ $( $metric.help($help), )* ];

            /// Makes and registers the cells of every row.
            pub(crate) fn register(registry: &mut prometheus_client::registry::Registry) -> Self {
                Self { $( $field: $crate::registry::cells::<$handle>(&$metric.help($help), registry), )* }
            }
        }
    };
}

mod consensus;
mod mempool;
mod node;
mod p2p;
mod partition_watch;
mod pipeline;
mod proofs;
mod pruning;
mod remote_signer;
mod rollout;
mod rpc;
mod snapshots;
mod standing;
mod state_sync;
mod storage;

pub use consensus::Consensus;
pub use mempool::Mempool;
pub use node::Node;
pub use p2p::P2p;
pub use partition_watch::PartitionWatch;
pub use pipeline::Pipeline;
pub use proofs::Proofs;
pub use pruning::Pruning;
pub use remote_signer::RemoteSigner;
pub use rollout::{Rollout, SIGNALS};
pub use rpc::Rpc;
pub use snapshots::Snapshots;
pub use standing::Standing;
pub use state_sync::StateSync;
pub use storage::Storage;

/// Bounds for what takes microseconds to a second: requests, commits.
pub(crate) const FAST: &[f64] =
    &[0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// Bounds for what takes a good part of a block interval, and for several rounds of it.
pub(crate) const BLOCKS: &[f64] =
    &[0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 8.0, 13.0, 30.0, 60.0];

/// Bounds for numbers of things in a block.
pub(crate) const COUNTS: &[f64] = &[0.0, 1.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0];

/// Bounds for sizes up to the largest block.
pub(crate) const SIZES: &[f64] =
    &[1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 2_097_152.0, 4_194_304.0, 8_388_608.0];
