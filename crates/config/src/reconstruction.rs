//! How a node gives pruned blocks again: the archive, and how a bucket is reached.
//!
//! ```text
//! reconstruction.archive = "archive"              a folder, below the home directory
//! reconstruction.archive = "s3://blocks/main"     objects below `main/` in the bucket `blocks`
//! ```
//! Rules
//! - The key of a bucket is read when the archive is opened, from a file of mode 0600 or from the environment. It is no key of the
//!   configuration, so nothing that shows the configuration can show it.
//! - Names of buckets and prefixes are those that need no escaping in a URL.
//!
//! Read next: `node.rs`, which reads this from the settings; `archive`, which uses it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::ConfigError;
use crate::files::{open_to_others, read_text};
use crate::secret::Secret;

/// Begins the address of a bucket.
const BUCKET_SCHEME: &str = "s3://";
/// Shortest and longest name of a bucket.
const BUCKET_NAME: (usize, usize) = (3, 63);
/// Longest prefix in a bucket.
const PREFIX_MAX: usize = 256;
/// Largest file of a key, bytes.
const KEY_FILE_BYTES_MAX: u64 = 16 * 1_024;
/// Longest part of a key; tokens of sessions have more than a thousand characters.
const KEY_TEXT_MAX: usize = 4_096;
/// The lines of the file, and the names in the environment, of id, secret and token.
const KEY_NAMES: [(&str, &str); 3] = [
    ("aws_access_key_id", "AWS_ACCESS_KEY_ID"),
    ("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"),
    ("aws_session_token", "AWS_SESSION_TOKEN"),
];

/// Reconstruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconstructionConfig {
    /// Whether the gate `reconstruction` is on; with false a pruned height is answered as pruned.
    pub is_on: bool,
    /// Where bodies are looked for before peers are asked.
    pub archive: Option<ArchivePlace>,
    /// How a bucket is reached.
    pub s3: S3Config,
}

/// Where an archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchivePlace {
    /// A folder.
    Folder(PathBuf),
    /// A part of a bucket.
    Bucket {
        /// Its name.
        bucket: String,
        /// What every object's name begins with, without a slash at either end; may be empty.
        prefix: String,
    },
}

/// How the bucket of an archive is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Config {
    /// URL of an S3-compatible store; none: that of Amazon in the region.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// Whether the bucket's name stands in the path instead of in the name of the host.
    pub path_style: bool,
    /// Whether an endpoint may be asked without TLS.
    pub allow_http: bool,
    /// The authorities that vouch for the endpoint; none: those of the web.
    pub ca: Option<PathBuf>,
    /// File of the key; none: the environment.
    pub credentials_file: Option<PathBuf>,
}

/// The key of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Key {
    /// Its id, which is no secret.
    pub id: String,
    /// The secret.
    pub secret: Secret,
    /// The token of a key that ends.
    pub token: Option<Secret>,
    /// Whether it came out of the environment, where other programs of this user can read it.
    pub from_environment: bool,
}

impl fmt::Display for ArchivePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Bucket { bucket, prefix } if prefix.is_empty() => write!(f, "{BUCKET_SCHEME}{bucket}"),
            Self::Bucket { bucket, prefix } => write!(f, "{BUCKET_SCHEME}{bucket}/{prefix}"),
        }
    }
}

impl ArchivePlace {
    /// Reads `text`; `folder` makes the path of one that is a folder.
    ///
    /// # Errors
    /// The end of a sentence that starts with the address.
    pub fn parse(text: &str, folder: impl Fn(&str) -> PathBuf) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix(BUCKET_SCHEME) else {
            if text.contains("://") {
                return Err("is neither a folder nor s3://BUCKET/PREFIX".to_owned());
            }
            return Ok(Self::Folder(folder(text)));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        let in_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
        if !(BUCKET_NAME.0..=BUCKET_NAME.1).contains(&bucket.len()) || !bucket.bytes().all(in_name) {
            return Err("names no bucket: 3 to 63 small letters, digits, `.` and `-`".to_owned());
        }
        let in_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let is_part = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(in_part);
        if prefix.len() > PREFIX_MAX || (!prefix.is_empty() && !prefix.split('/').all(is_part)) {
            return Err(format!(
                "has a prefix with other parts than letters, digits, `.`, `_` and `-`, or of more than {PREFIX_MAX} characters"
            ));
        }
        Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl S3Config {
    /// An endpoint that would be asked without TLS although nobody allowed it.
    pub fn plain_endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref().filter(|url| url.starts_with("http://") && !self.allow_http)
    }

    /// The key: out of the file where one is named, else out of the environment.
    ///
    /// # Errors
    /// [`ConfigError::S3Key`] for a file that cannot serve, [`ConfigError::NoS3Key`] where there is no key.
    pub fn key(&self, environment: impl Fn(&str) -> Option<String>) -> Result<S3Key, ConfigError> {
        let Some(path) = &self.credentials_file else {
            let [id, secret, token] = KEY_NAMES.map(|(_, name)| environment(name).filter(|text| !text.is_empty()));
            let refused = |reason| ConfigError::S3Key { place: "the environment".to_owned(), reason };
            return match (id, secret) {
                (Some(id), Some(secret)) => key_of([Some(id), Some(secret), token], true).map_err(refused),
                _ => Err(ConfigError::NoS3Key),
            };
        };
        let refused = |reason: String| ConfigError::S3Key { place: path.display().to_string(), reason };
        let text = read_text(path, KEY_FILE_BYTES_MAX)?.ok_or_else(|| refused("does not exist".to_owned()))?;
        check_mode(path).map_err(refused)?;
        key_of(lines(&text), false).map_err(refused)
    }
}

fn check_mode(path: &Path) -> Result<(), String> {
    open_to_others(path).map_or(Ok(()), |mode| Err(format!("can be used by others (mode {mode:o})")))
}

/// The three values of the file's part `default`, or of a file without parts.
fn lines(text: &str) -> [Option<String>; 3] {
    let mut values = [None, None, None];
    let mut is_ours = true;
    for line in text.lines().map(str::trim) {
        if let Some(part) = line.strip_prefix('[') {
            is_ours = part.trim_end_matches(']').trim() == "default";
        } else if let Some((name, value)) = line.split_once('=').filter(|_| is_ours && !line.starts_with(['#', ';']))
            && let Some(index) = KEY_NAMES.iter().position(|(known, _)| *known == name.trim())
        {
            values[index] = Some(value.trim().to_owned());
        }
    }
    values
}

fn key_of([id, secret, token]: [Option<String>; 3], from_environment: bool) -> Result<S3Key, String> {
    let checked = |(name, _): (&str, &str), text: Option<String>| match text {
        None => Ok(None),
        Some(text) if text.is_empty() || text.len() > KEY_TEXT_MAX || !text.bytes().all(|b| b.is_ascii_graphic()) => {
            Err(format!("has no {name} of 1 to {KEY_TEXT_MAX} visible ASCII characters"))
        }
        Some(text) => Ok(Some(text)),
    };
    let id = checked(KEY_NAMES[0], id)?.ok_or_else(|| format!("has no {}", KEY_NAMES[0].0))?;
    let secret = checked(KEY_NAMES[1], secret)?.ok_or_else(|| format!("has no {}", KEY_NAMES[1].0))?;
    let token = checked(KEY_NAMES[2], token)?.map(Secret::new);
    Ok(S3Key { id, secret: Secret::new(secret), token, from_environment })
}
