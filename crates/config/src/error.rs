//! Everything that can be wrong with a configuration, one variant per cause.
//!
//! Each message says what is wrong, where it was read, and what to do. None holds a secret: the value of a secret
//! key is left out, and of a file that does not parse only the line number is given.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::keys::Key;
use crate::sources::Source;

/// One problem.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no place for the home directory.
    #[error("neither TB_HOME nor HOME is set, so there is no home directory; name one with --home")]
    NoHome,
    /// A named configuration file that is not there.
    #[error("{} does not exist; put it back, check the path given with --config, or make a file with: tb init", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The disk refused.
    #[error("{} cannot be read ({cause}); check that it is a file and who may read it", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A file beyond its bound.
    #[error("{} is larger than {bytes_max} bytes; it is not the file that is wanted here", path.display())]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        bytes_max: u64,
    },
    /// A file that is not text.
    #[error("{} is not UTF-8 text; save it as text", path.display())]
    FileText {
        /// The file.
        path: PathBuf,
    },
    /// A file that is not TOML.
    #[error("{}, line {line}: {reason}; correct the line (texts stand in double quotes)", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser said, without the line itself.
        reason: String,
    },
    /// A file of profiles that breaks a rule of them.
    #[error("{}: {reason}; config/defaults/mainnet.toml shows a sound file", path.display())]
    Profile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A line of an `.env` file.
    #[error("{}, line {line}: {reason}; write NAME=value, or NAME='value' for a value with signs", path.display())]
    DotEnv {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A key that does not exist.
    #[error("unknown key `{key}` ({origin}); the nearest key is `{nearest}`. docs/configuration.md lists all of them")]
    UnknownKey {
        /// What was given.
        key: String,
        /// Where.
        origin: Source,
        /// The most similar name of the table.
        nearest: &'static str,
    },
    /// A key of a feature that is not there yet.
    #[error("`{key}` ({origin}) is not there yet: {reason}; remove it")]
    Later {
        /// The key.
        key: String,
        /// Where.
        origin: Source,
        /// What is missing.
        reason: &'static str,
    },
    /// The same key under two names in one source.
    #[error("`{key}` is given twice ({origin}), once under another name; keep one of them")]
    Twice {
        /// The key.
        key: &'static str,
        /// Where.
        origin: Source,
    },
    /// A value that its key does not take.
    #[error("`{}`{given} ({origin}) {reason}; give {}", key.name, key.expected())]
    Value {
        /// The key.
        key: &'static Key,
        /// ` = value`, or nothing for a secret.
        given: String,
        /// Where.
        origin: Source,
        /// What is wrong.
        reason: String,
    },
    /// A secret on a command line.
    #[error(
        "`{key}` is a secret, and a secret on a command line stays in the history of the shell; write it into {} by \
         hand, or name a file that holds it", path.display()
    )]
    SecretGiven {
        /// The key.
        key: &'static str,
        /// The configuration file.
        path: PathBuf,
    },
    /// What should be a table of the file is a value.
    #[error("{}: `{table}` is not a table, so `{key}` has no place in it; correct the file first", path.display())]
    NoTable {
        /// The key.
        key: &'static str,
        /// The name that is taken.
        table: String,
        /// The configuration file.
        path: PathBuf,
    },
    /// The disk refused the new file; the old one is as it was.
    #[error("{} cannot be replaced ({cause}) and is as it was; check who may write there and that the disk has room", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A rule of the mempool.
    #[error(transparent)]
    Mempool(#[from] mempool::MempoolConfigError),
    /// Two keys that exclude each other.
    #[error("`{first}` and `{second}` are both set; keep one of them")]
    Both {
        /// One key.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A key that says nothing without another.
    #[error("`{key}` needs `{needed}` as well; set both or none")]
    Needs {
        /// The key that is set.
        key: &'static str,
        /// The one that is missing.
        needed: &'static str,
    },
    /// A line of the file of `rpc.tokens_file` cannot serve.
    #[error("`rpc.tokens_file`: {} {reason}; a line is `scope,scope name token` with the scopes read, submit and operate, and the file has mode 0600", path.display())]
    TokensFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        reason: String,
    },
    /// A batch of spans that could never be full.
    #[error(
        "`rollout.telemetry.batch_size` = {batch} is larger than `rollout.telemetry.queue_size` = {queue}; raise the queue or lower the batch"
    )]
    Batch {
        /// Spans of a batch.
        batch: usize,
        /// Spans of the queue.
        queue: usize,
    },
    /// Two services on one port.
    #[error("`{first}` and `{second}` both listen on {place}; give one of them another port")]
    Port {
        /// One key.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// Address and port.
        place: String,
    },
    /// The file of one token cannot serve.
    #[error("`{key}`: {} {reason}; put one line of 1 to 256 visible ASCII characters into it, with mode 0600", path.display())]
    TokenFile {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A gate of the chain that the local file sets otherwise.
    #[error(
        "rollout.feature_gates.{gate} is {local} here, but the genesis file says {chain}; every node of a chain must \
         agree on it. Remove the line, or use the genesis file of the chain that was meant"
    )]
    GateDisagrees {
        /// The gate.
        gate: &'static str,
        /// What the local configuration says.
        local: bool,
        /// What genesis says.
        chain: bool,
    },
    /// An archive that is at no place.
    #[error("`reconstruction.archive` = {address} {reason}; give the path of a folder, or s3://BUCKET/PREFIX")]
    ArchivePlace {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A store that would be asked without TLS.
    #[error(
        "`reconstruction.s3_endpoint` = {endpoint} is not encrypted; use https, or set reconstruction.s3_allow_http = true"
    )]
    PlainS3 {
        /// The endpoint.
        endpoint: String,
    },
    /// The key of a bucket cannot serve.
    #[error(
        "the key of the archive's bucket: {place} {reason}; `reconstruction.s3_credentials_file` names a file of mode 0600 with the lines aws_access_key_id = … and aws_secret_access_key = …"
    )]
    S3Key {
        /// The file, or the environment.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no key for a bucket.
    #[error(
        "the archive is in a bucket and there is no key for it; set reconstruction.s3_credentials_file, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
    )]
    NoS3Key,
}

/// All problems of a configuration; at least one.
#[derive(Debug)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => one.fmt(f),
            many => {
                write!(f, "the configuration has {} problems:", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
            }
        }
    }
}

impl std::error::Error for ConfigErrors {}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}
