//! Bringing a store of an older schema to the one of this build.
//!
//! ```text
//!   lock ─► audit ─► schema known? ─► chain ─► tip against mark ─► every value ─► step 4 → 5 ─► … ─► this build's
//! ```
//!
//! Rules
//! - A store is verified as at every start before anything in it changes; one that is damaged is refused and stays as it is.
//! - A step is a sequence of atomic batches of which the last one writes the schema. A crash leaves the schema before or after it, so
//!   the same command goes on where it ended, and does nothing when there is nothing to do.
//! - A schema that no step begins with is refused by number. A newer one is never brought back.
//! - A step that is there stays: what was ever shipped can be read.
//! - Each schema has a home that the program of its time wrote, `fixtures/home_schema_<number>`. A layout that changes without a new
//!   number fails on that of the present one (`tb/tests/it/migrate.rs`).
//!
//! | from | to | what changes |
//! |---|---|---|
//! | 4 | 5 | a column for headers of pruned heights, empty until something is pruned |

use std::path::Path;

use primitives::Hash;

use crate::columns::{Column, SCHEMA, SCHEMA_VERSION};
use crate::commit::{Step, put};
use crate::crash::{CrashPoint, reach};
use crate::error::StorageError;
use crate::open::{Store, StoreConfig, Verify};

/// The oldest schema that is brought forward.
pub const SCHEMA_OLDEST: u32 = 4;

/// What a migration found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The schema before.
    pub found: u32,
    /// The schema of this build.
    pub wanted: u32,
    /// Whether the store has it now.
    pub is_done: bool,
}

impl Store {
    /// Brings the store in `path` to the schema of this build, or says what would be done. Nobody else may use it meanwhile.
    /// `progress` is told how many of how many values of heights are verified, one after another.
    ///
    /// # Errors
    /// As [`Store::open`]: among them a store in use, damaged, of another chain, or of a schema that no step begins with.
    pub fn migrate(
        path: &Path,
        genesis: &Hash,
        dry_run: bool,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Migration, StorageError> {
        let config = StoreConfig::Disk { path: path.to_owned(), verify: Verify::Full };
        Self::migrate_in(&config, genesis, dry_run, progress)
    }

    /// The same for a store of any kind.
    ///
    /// # Errors
    /// As [`Store::migrate`].
    pub fn migrate_in(
        config: &StoreConfig,
        genesis: &Hash,
        dry_run: bool,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Migration, StorageError> {
        let (store, found) = Self::open_of_schema(config, genesis, SCHEMA_OLDEST..=SCHEMA_VERSION, progress)?;
        let wanted = SCHEMA_VERSION;
        if !dry_run && found < wanted {
            // Every step so far adds columns that begin empty, so the schema alone is written.
            let ops = vec![put(Column::Meta, SCHEMA, &wanted.to_le_bytes())];
            let mut writer = store.writer()?;
            store.durable_beyond_limit(&mut writer, ops, store.head(), |step| {
                reach(match step {
                    Step::BeforeWrite => CrashPoint::MigrateBeforeWrite,
                    Step::AfterWrite => CrashPoint::MigrateAfterWrite,
                    Step::AfterSync => CrashPoint::MigrateAfterSync,
                    Step::AfterHead => CrashPoint::MigrateAfterHead,
                });
            })?;
        }
        Ok(Migration { found, wanted, is_done: !dry_run || found == wanted })
    }
}
