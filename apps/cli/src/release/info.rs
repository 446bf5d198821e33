//! What this program was built from and for.
//!
//! Rules
//! - The commit is stamped by `cargo xtask release` alone, which builds exactly that commit; any other build says that
//!   it has none.
//! - The stamp stands in the program as one text, so that it can be read without starting the program.
//! - Features are facts about the code that is in the program: nothing else sets them.

use primitives::defect;
use proof::system::REGISTRY;
use serde::{Deserialize, Serialize};

/// What stands before the commit in a stamp.
pub const STAMP_MARK: &str = "the-block-built-from-commit:";
/// Hexadecimal digits of a commit.
pub const COMMIT_DIGITS: usize = 40;
/// The variable of the build that holds the stamp.
const STAMP: Option<&str> = option_env!("TB_BUILD_STAMP");
/// A build for others: stamped, and made with the checks of the release profile.
const PRODUCTION: &str = "prod";
/// Defects of the simulator, which no program for others may have.
const SEEDED_BUGS: &str = "seeded-bugs";
/// Validators that credit an account without an operation, which no program for others may have.
const DISHONEST: &str = "dishonest-quorum";
/// What `tb --version` says.
pub const VERSION: &str = if cfg!(feature = "dishonest-quorum") {
    concat!(env!("CARGO_PKG_VERSION"), " dishonest-quorum (validators of this build make coins; for tests only)")
} else {
    env!("CARGO_PKG_VERSION")
};

/// Processor features that change whether a program runs on another machine; true where the program needs them.
const CPU_FEATURES: [(&str, bool); 10] = [
    ("sse4.2", cfg!(target_feature = "sse4.2")),
    ("popcnt", cfg!(target_feature = "popcnt")),
    ("avx", cfg!(target_feature = "avx")),
    ("avx2", cfg!(target_feature = "avx2")),
    ("bmi2", cfg!(target_feature = "bmi2")),
    ("fma", cfg!(target_feature = "fma")),
    ("avx512f", cfg!(target_feature = "avx512f")),
    ("aes", cfg!(target_feature = "aes")),
    ("neon", cfg!(target_feature = "neon")),
    ("sve", cfg!(target_feature = "sve")),
];

/// Metadata of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildInfo {
    /// Version of the program.
    pub version: String,
    /// The commit it was built from; `None` for a build that is no release.
    pub commit: Option<String>,
    /// Architecture and system that it runs on.
    pub platform: String,
    /// What it was built with, sorted.
    pub features: Vec<String>,
    /// Processor features without which it does not run.
    pub cpu_features: Vec<String>,
}

impl BuildInfo {
    /// Of this program.
    pub fn of_this_program() -> Self {
        // Kept as a whole: a compiler that sees only the commit used would keep only the commit.
        let stamp = std::hint::black_box(STAMP);
        let commit = stamp.and_then(|stamp| stamp.strip_prefix(STAMP_MARK)).filter(|commit| is_commit(commit));
        let mut features: Vec<String> = REGISTRY.iter().map(|system| format!("backend-{}", system.name())).collect();
        if commit.is_some() && !cfg!(debug_assertions) {
            features.push(PRODUCTION.to_owned());
        }
        if defect::IS_COMPILED {
            features.push(SEEDED_BUGS.to_owned());
        }
        if cfg!(feature = "dishonest-quorum") {
            features.push(DISHONEST.to_owned());
        }
        features.sort();
        let needed = CPU_FEATURES.iter().filter(|(_, is_needed)| *is_needed);
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: commit.map(str::to_owned),
            platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            features,
            cpu_features: needed.map(|(name, _)| (*name).to_owned()).collect(),
        }
    }
}

/// Whether `text` is a commit in full.
pub fn is_commit(text: &str) -> bool {
    text.len() == COMMIT_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The commit that is stamped into the bytes of a program; `None` when there is none, or when there are two.
pub fn stamped_commit(program: &[u8]) -> Option<String> {
    let mark = STAMP_MARK.as_bytes();
    let mut found: Option<String> = None;
    for (at, _) in program.windows(mark.len()).enumerate().filter(|(_, bytes)| *bytes == mark) {
        let rest = program.get(at + mark.len()..).unwrap_or_default();
        let commit = rest.get(..COMMIT_DIGITS).and_then(|digits| std::str::from_utf8(digits).ok());
        let Some(commit) = commit.filter(|commit| is_commit(commit)) else { continue };
        match &found {
            Some(before) if before != commit => return None,
            _ => found = Some(commit.to_owned()),
        }
    }
    found
}
