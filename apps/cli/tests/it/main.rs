//! Tests of the command line that need no node: arguments, help, output, planning, folders, counting, proofs.
//!
//! Commands against real nodes are tested with the program itself, in `tb/tests`.

mod alias;
mod bench;
mod devnet;
mod doctor;
mod drill;
mod forged;
mod help;
mod light;
mod masked;
mod offline;
mod output;
mod planning;
mod proof;
mod proof_tracker;
mod release;
mod rollout;
mod status_line;
mod units;
