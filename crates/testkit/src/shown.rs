//! The record that a test showed a row of the contract.
//!
//! `cargo xtask test` empties a folder, names it in [`CONTRACT_DIR_VARIABLE`] and runs the tests. Each guard
//! that is dropped without a panic appends one line to `<id>.ran` in that folder:
//!
//! ```text
//! S000-030 <tab> state::tests::supply_is_conserved <tab> crates/state/src/tests.rs:12
//! ```
//!
//! A test that needs a program which the machine lacks says so in `<id>.lacks` instead, and the row stays as it was:
//!
//! ```text
//! S000-064 <tab> promtool <tab> monitoring/src/tests/promtool.rs:12
//! ```
//!
//! A test that shows no row says it in `unseen`, by its place, so that a run without the program does not look like one with it:
//!
//! ```text
//! chromium <tab> tb/tests/it/browser.rs:151
//! ```
//!
//! What must never happen, not even once in many runs, is written to `violations`, so that a second try of the test cannot
//! hide it:
//!
//! ```text
//! two blocks at height 7 <tab> tb/tests/it/cluster.rs:336
//! ```
//!
//! Without the variable nothing is written. Lines are appended in one write each, so tests of several
//! processes can name the same id.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::{env, thread};

/// The environment variable that names the folder of the records, as an absolute path.
pub const CONTRACT_DIR_VARIABLE: &str = "TB_CONTRACT_DIR";

/// The file of what must never happen.
pub const VIOLATIONS: &str = "violations";

/// The file of tests that lacked a program.
pub const UNSEEN: &str = "unseen";

/// A guard that records its contract id when its test ends well. Made by [`contract!`](crate::contract).
#[derive(Debug)]
#[must_use = "bind the guard to a name (`let _shown = …`), or it is dropped before the test has run"]
pub struct Shown {
    id: &'static str,
    test: String,
    place: &'static str,
}

impl Shown {
    /// A guard for `id`, made at `place` in the function whose inner item has the path `inner`.
    pub fn new(id: &'static str, inner: &str, place: &'static str) -> Self {
        Self { id, test: test_name(inner), place }
    }

    /// Appends the record to `<id>.ran` in `folder`.
    pub(crate) fn record(&self, folder: &Path) -> std::io::Result<()> {
        append(folder, self.id, "ran", &format!("{}\t{}", self.test, self.place))
    }
}

/// Says that `program`, which the test at `place` needs for row `id`, is not on this machine; made by
/// [`lacks!`](crate::lacks).
pub fn lack(id: &'static str, program: &str, place: &'static str) {
    eprintln!("{place}: {id} is not shown, because this machine lacks {program}");
    if let Some(folder) = env::var_os(CONTRACT_DIR_VARIABLE) {
        append(Path::new(&folder), id, "lacks", &format!("{program}\t{place}"))
            .expect("the folder in TB_CONTRACT_DIR can be written");
    }
}

/// Says that the test at `place` shows nothing here, because `program` is not on this machine; made by
/// [`lacks!`](crate::lacks).
pub fn unseen(program: &str, place: &'static str) {
    eprintln!("{place}: this test shows nothing, because this machine lacks {program}");
    if let Some(folder) = env::var_os(CONTRACT_DIR_VARIABLE) {
        record_line(Path::new(&folder), UNSEEN, program, place).expect("the folder in TB_CONTRACT_DIR can be written");
    }
}

/// Keeps what must never happen in the record of the run; made by [`safety!`](crate::safety).
pub fn violated(what: &str, place: &str) {
    if let Some(folder) = env::var_os(CONTRACT_DIR_VARIABLE) {
        record_line(Path::new(&folder), VIOLATIONS, what, place).expect("the folder in TB_CONTRACT_DIR can be written");
    }
}

/// Appends a line to this file of `folder`.
pub(crate) fn record_line(folder: &Path, name: &str, what: &str, place: &str) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join(name))?;
    let line = what.split_whitespace().collect::<Vec<_>>().join(" ");
    file.write_all(format!("{line}\t{place}\n").as_bytes())
}

fn append(folder: &Path, id: &str, kind: &str, columns: &str) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join(format!("{id}.{kind}")))?;
    file.write_all(format!("{id}\t{columns}\n").as_bytes())
}

impl Drop for Shown {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        if let Some(folder) = env::var_os(CONTRACT_DIR_VARIABLE) {
            self.record(Path::new(&folder)).expect("the folder in TB_CONTRACT_DIR can be written");
        }
    }
}

/// The path of the test function around the item at `inner`: without the item itself and without the marks
/// of closures, which is what an async test or a helper closure adds.
fn test_name(inner: &str) -> String {
    let mut parts: Vec<&str> = inner.split("::").collect();
    parts.pop();
    parts.retain(|part| *part != "{{closure}}");
    parts.join("::")
}

/// Whether `text` has the shape of a contract id, `S00d-ddd`. Usable in constants.
pub const fn is_contract_id(text: &str) -> bool {
    let [b'S', b'0', b'0', guide, b'-', hundreds, tens, ones] = text.as_bytes() else {
        return false;
    };
    guide.is_ascii_digit() && hundreds.is_ascii_digit() && tens.is_ascii_digit() && ones.is_ascii_digit()
}
