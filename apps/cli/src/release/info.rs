//! What this program was built from and for.
//!
//! Rules
//! - The commit is stamped by `cargo xtask release` alone, which builds exactly that commit; any other build says that
//!   it has none.
//! - The stamp stands in the program as one text, so that it can be read without starting the program.
//! - Features are those that the code was compiled with: nothing else sets them.
//! - A program with the feature `prod` has nothing in it that is made for tests: anything else does not compile
//!   ([`Built::keeps_its_promise`]).

use primitives::actions::ProofSystemKind;
use primitives::defect;
use proof::REGISTRY;
use serde::{Deserialize, Serialize};

/// What stands before the commit in a stamp.
pub const STAMP_MARK: &str = "the-block-built-from-commit:";
/// Hexadecimal digits of a commit.
pub const COMMIT_DIGITS: usize = 40;
/// The variable of the build that holds the stamp.
const STAMP: Option<&str> = option_env!("TB_BUILD_STAMP");
/// A build for others.
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

/// What the code of a program was compiled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Built {
    /// With the feature `prod`: for others.
    pub prod: bool,
    /// With the defects of the simulator.
    pub seeded_bugs: bool,
    /// With validators that lie.
    pub dishonest_quorum: bool,
    /// With the checks of a debug build, which cost a validator its pace.
    pub debug: bool,
    /// Proof systems that it verifies.
    pub systems: &'static [ProofSystemKind],
}

impl Built {
    /// This program.
    pub const THIS: Self = Self {
        prod: cfg!(feature = "prod"),
        seeded_bugs: defect::IS_COMPILED,
        dishonest_quorum: cfg!(feature = "dishonest-quorum"),
        debug: cfg!(debug_assertions),
        systems: REGISTRY,
    };

    /// Whether a program with `prod` is one for others: nothing for tests is in it, and it can verify proofs.
    pub const fn keeps_its_promise(self) -> bool {
        !self.prod || (!self.seeded_bugs && !self.dishonest_quorum && !self.debug && !self.systems.is_empty())
    }

    /// The names of what it was compiled with, sorted.
    pub fn features(self) -> Vec<String> {
        let named = [(PRODUCTION, self.prod), (SEEDED_BUGS, self.seeded_bugs), (DISHONEST, self.dishonest_quorum)];
        let mut features: Vec<String> =
            self.systems.iter().map(|system| format!("backend-{}", system.name())).collect();
        features.extend(named.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name.to_owned()));
        features.sort();
        features
    }
}

const _: () = assert!(
    Built::THIS.keeps_its_promise(),
    "the feature `prod` goes with --release and a proof system, and not with seeded-bugs or dishonest-quorum"
);

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
        let needed = CPU_FEATURES.iter().filter(|(_, is_needed)| *is_needed);
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: commit.map(str::to_owned),
            platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            features: Built::THIS.features(),
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
