//! The home directory of a node: which file lies where.
//!
//! ```text
//! <home>/
//!   genesis.json          the start of the chain
//!   node.toml             configuration of this node          (or another file, see Home::with_config)
//!   .env                  environment of this node
//!   validator_key.json    secrets of a validator
//!   vrf_key.json          what is left of them here where a remote signer has the key
//!   signer/               certificates between the two
//!   node_key              secret of the node on the network: 32 bytes in hexadecimal, mode 0600
//!   keys/                 wallets
//!   overlay/ peer_db …    remembered peers                    (p2p.*_path)
//!   proof_tracker         what the light client has verified  (proof_tracker_path)
//!   data/                 the chain                           (data_dir)
//!     store/  wal/  guard/
//! ```
//!
//! Rule: a relative path in the configuration lies below the home directory, wherever the node was started from.

use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::ConfigError;

/// The environment variable that names the home directory.
pub const HOME_VARIABLE: &str = "TB_HOME";
/// Name of the home directory below the user's own, where [`HOME_VARIABLE`] is not set.
pub const HOME_NAME: &str = ".the_block";
/// Folders of the home directory are closed to other users.
#[cfg(unix)]
const FOLDER_MODE: u32 = 0o700;

/// The home directory of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
    config: Option<PathBuf>,
    env_file: Option<PathBuf>,
}

impl Home {
    /// The home directory `root`. Nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), config: None, env_file: None }
    }

    /// The same with another configuration file, which then must exist.
    #[must_use]
    pub fn with_config(mut self, file: impl Into<PathBuf>) -> Self {
        self.config = Some(file.into());
        self
    }

    /// The same with a second `.env` file, for example that of the folder a command was started in. It need not
    /// exist, and `<home>/.env` is stronger.
    #[must_use]
    pub fn with_env_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.env_file = Some(file.into());
        self
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The configuration file.
    pub fn node_toml(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| self.root.join("node.toml"))
    }

    /// Whether the configuration file was named, so that it must be there.
    pub fn is_config_named(&self) -> bool {
        self.config.is_some()
    }

    /// The `.env` files, the stronger one first.
    pub fn env_files(&self) -> Vec<PathBuf> {
        let own = self.root.join(".env");
        let other = self.env_file.clone().filter(|file| *file != own);
        std::iter::once(own).chain(other).collect()
    }

    /// The genesis file.
    pub fn genesis_json(&self) -> PathBuf {
        self.root.join("genesis.json")
    }

    /// The secrets of a validator.
    pub fn validator_key(&self) -> PathBuf {
        self.root.join("validator_key.json")
    }

    /// The VRF secret of a validator whose key is with a remote signer.
    pub fn vrf_key(&self) -> PathBuf {
        self.root.join("vrf_key.json")
    }

    /// Certificates between a node and its remote signer, in the home of either.
    pub fn signer_folder(&self) -> PathBuf {
        self.root.join("signer")
    }

    /// The highest challenge that a remote signer has answered, beside its guard.
    pub fn heartbeat_mark(&self) -> PathBuf {
        self.root.join("guard").join("heartbeats.json")
    }

    /// How often signers were looked for from this home, and found.
    pub fn signer_discovery(&self) -> PathBuf {
        self.root.join("signer_discovery.json")
    }

    /// The secret of the node on the network.
    pub fn node_key(&self) -> PathBuf {
        self.root.join("node_key")
    }

    /// The double-sign guard of the validator key. It lies beside the key and not with the chain data: data that is
    /// moved aside or restored must not take the memory of what was signed with it.
    pub fn guard(&self) -> PathBuf {
        self.root.join("guard").join("guard.log")
    }

    /// The folder of wallets.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// `path`, below the home directory when it is relative.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Makes the home directory and the folder of wallets, closed to other users, unless they are there.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(&self) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, FOLDER_MODE);
        builder.create(self.keys())
    }
}

/// The home directory of a command that names none: `$TB_HOME`, else `~/.the_block`.
///
/// # Errors
/// [`ConfigError::NoHome`] when neither `TB_HOME` nor `HOME` is set.
pub fn default_root(environment: impl Fn(&str) -> Option<String>) -> Result<PathBuf, ConfigError> {
    let set = |name: &str| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set(HOME_VARIABLE).or_else(|| set("HOME").map(|user| user.join(HOME_NAME))).ok_or(ConfigError::NoHome)
}
