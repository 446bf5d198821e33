//! Reading files whole, up to a bound.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::ConfigError;

/// Largest configuration, `.env` or token file that is read, bytes.
pub const FILE_BYTES_MAX: u64 = 256 * 1024;

/// The text of `path`; `None` when there is no such file.
///
/// # Errors
/// [`ConfigError::File`] for what the disk says, [`ConfigError::FileTooLarge`] and [`ConfigError::FileText`].
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> Result<Option<String>, ConfigError> {
    let mut bytes = Vec::new();
    let taken = File::open(path).and_then(|file| file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes));
    match taken {
        Ok(count) if u64::try_from(count).unwrap_or(u64::MAX) > bytes_max => {
            Err(ConfigError::FileTooLarge { path: path.to_owned(), bytes_max })
        }
        Ok(_) => {
            let text = String::from_utf8(bytes).map_err(|_| ConfigError::FileText { path: path.to_owned() })?;
            Ok(Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(ConfigError::File { path: path.to_owned(), cause }),
    }
}

/// The permission bits of `path` when somebody other than its owner may do anything with it.
pub(crate) fn open_to_others(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
        (mode & 0o077 != 0).then_some(mode)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}
