//! The program as people run it: real processes, real files, real sockets; never the engine inside the test.
//!
//! Model: a [`cluster::Cluster`] is a folder with the homes of some validators and the processes that were started
//! from them. Tests talk to them over HTTP and through the commands of `tb`, and hurt them with signals and
//! flipped bytes.
//!
//! Rules
//! - Two clusters at a time on this machine ([`cluster::Turn`]), also when every test is its own process; what needs
//!   all cores runs alone (`.config/nextest.toml`).
//! - Every process dies with its test: by [`Drop`], and by the end of its standard input when the test is killed.
//! - Nothing waits a fixed time for something to happen; [`cluster::until`] polls with a limit.
//! - When a test fails, the last lines of every node are printed.
//!
//! Read next: `cluster.rs`, `pay.rs`.

#![allow(clippy::panic, reason = "tests fail by panicking")]

mod absence;
mod alert_faults;
mod alert_ground;
mod alert_remedies;
mod alertmanager;
mod alerts;
mod audits;
mod auth;
mod backup;
mod bad_input;
mod bootstrap;
mod both_ways;
mod browser;
mod bucket;
mod chain_lies;
mod chain_proof;
mod cluster;
mod command;
mod damage;
mod deploy;
mod dev;
mod devnet;
mod diagnostics;
mod documents;
mod drills;
mod failing_disk;
mod faults;
mod fences;
mod floods;
mod heads;
mod https;
mod hurt_homes;
mod join;
mod key_cache;
mod kills;
mod large;
mod mempool;
mod mend;
mod migrate;
mod missing_proofs;
mod modes;
mod offences;
mod operator;
mod other_genesis;
mod otlp;
mod outsider;
mod package;
mod parts;
mod pay;
mod peer_sync;
mod peers;
mod pipeline;
mod portal;
mod postmortem;
mod probe;
mod prometheus;
mod proof_gossip;
mod proofs;
mod proxy;
mod pruning;
mod reads;
mod rebuild;
mod reconstruction;
mod recovery;
mod reload;
mod repair;
mod reversal;
mod rollout;
mod room;
mod scopes;
mod scrub;
mod signer;
mod signers;
mod simulate;
mod snapshots;
mod stages;
mod start;
mod state_at;
mod surface;
mod synced_proof;
mod too_old;
mod top;
mod ui;
mod unsound;
mod validators;
