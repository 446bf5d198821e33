//! What tests of every crate share: random values that can be repeated, and the record of which
//! promises a test has shown.
//!
//! - [`Seed`] is the only source of randomness in a test. It prints itself when it is made, so a
//!   failing run can be repeated with `TB_TEST_SEED=<value> cargo test …`.
//! - [`certificates`] makes authorities and certificates for tests of TLS.
//! - `bucket`, a feature, takes what archives in an object store send, and checks the signature of every request.
//! - `collector`, a feature, takes what exporters of telemetry send.
//! - [`contract!`] ties a test to rows of `docs/contract.tsv`. The record is written when the guard
//!   is dropped, so a test that panics, or that returns before the guard is made, shows nothing.
//!
//! - [`safety!`] asserts what a second try of a test must not hide.
//!
//! Rules: nothing here reads a clock, and no crate may depend on this one outside
//! `[dev-dependencies]`. The table itself is kept by `xtask/src/contract.rs`.

#[cfg(feature = "bucket")]
pub mod bucket;
pub mod certificates;
#[cfg(feature = "collector")]
pub mod collector;
mod seed;
mod shown;

#[cfg(test)]
mod tests;

pub use seed::{SEED_VARIABLE, Seed};
pub use shown::{CONTRACT_DIR_VARIABLE, Shown, UNSEEN, VIOLATIONS, is_contract_id, lack, unseen, violated};

/// Says that the test it stands in shows the whole text of one row of `docs/contract.tsv`.
///
/// Bind the result, or it is dropped at once and counts for a test that has not run yet:
///
/// ```no_run
/// let _shown = testkit::contract!("S000-030");
/// ```
///
/// One call names one id; a test that shows several rows makes several calls. An id of another shape than
/// `S00d-ddd` does not compile.
#[macro_export]
macro_rules! contract {
    ($id:literal) => {{
        const { assert!($crate::is_contract_id($id), "a contract id looks like S000-030") };
        // A function item knows the path it is declared at, which is the path of the test.
        fn here() {}
        $crate::Shown::new($id, ::core::any::type_name_of_val(&here), concat!(file!(), ":", line!()))
    }};
}

/// Says that a test cannot show a row here, because the machine lacks a program that it needs. The row keeps the status
/// that it has in the table, and the run names it. Only for programs that the project does not build itself.
///
/// Without a row it says the same of the whole test, which the run names by its place.
///
/// ```no_run
/// testkit::lacks!("S000-064", "promtool");
/// testkit::lacks!("chromium");
/// ```
#[macro_export]
macro_rules! lacks {
    ($program:expr) => {
        $crate::unseen($program, concat!(file!(), ":", line!()))
    };
    ($id:literal, $program:expr) => {{
        const { assert!($crate::is_contract_id($id), "a contract id looks like S000-030") };
        $crate::lack($id, $program, concat!(file!(), ":", line!()))
    }};
}

/// Asserts what must hold in every run: no fork, no double signature, nothing lost, no panic. It fails the test, and the
/// whole run with it, also when the test passes at a second try.
///
/// ```no_run
/// # let (one, other) = (1, 1);
/// testkit::safety!(one == other, "two blocks at height {}", 7);
/// ```
#[macro_export]
macro_rules! safety {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            let what = format!($($what)+);
            $crate::violated(&what, concat!(file!(), ":", line!()));
            panic!("{what}");
        }
    };
}
