//! A release: what this program was built from, and whether a folder of a release is what its signer made.
//!
//! ```text
//! DIR/tb                     the program
//! DIR/tb.cdx.json            its parts (CycloneDX 1.6)
//! DIR/the-block_….deb        the Debian package, where one was made
//! DIR/SHA256SUMS             sums of these
//! DIR/provenance.json        commit, toolchain, flags, the record of the tests, and the sums again (in-toto statement, SLSA provenance)
//! DIR/provenance.json.sig    signer and signature over the bytes of provenance.json
//! ```
//! `cargo xtask release` writes the folder; it signs with [`sign`] of the program that it has just built.
//!
//! Rules of [`verify`], in this order
//! - Every file is there, is a plain file, and is not larger than its bound.
//! - The signature holds, and its signer is on the list of accepted ones.
//! - The provenance names one commit. A record of tests in it is of that commit, and says that all passed; a release without one
//!   is good, and says so.
//! - The provenance and `SHA256SUMS` name the program and the list of parts, with the sums of the files, and at most one package
//!   more. A package that is in the folder has the sum that is listed; a machine with releases keeps none.
//! - The list of parts is CycloneDX 1.6 and about this very program.
//! - The commit inside the program is the commit of the provenance.
//!
//! The program of the folder is never started.
//!
//! Read next: [`attest`] for the program that runs, [`installed`] for the releases of a machine, [`info`] for what is inside a program, [`provenance`] for the statement,
//! [`record`] for the tests.

pub mod attest;
pub mod files;
pub mod info;
pub mod installed;
pub mod provenance;
pub mod record;
pub mod sign;
pub mod verify;

pub use files::{PARTS, PROGRAM, PROVENANCE, SIGNATURE, SUMS};
