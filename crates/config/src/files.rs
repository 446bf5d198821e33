//! Reading files whole, up to a bound, and replacing one whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
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

/// Replaces what `path` holds, or makes it: a new file beside it is written, made durable and renamed, so whoever reads sees
/// the old text or the new one, also after a crash. The permissions stay; a new file is its owner's alone.
///
/// # Errors
/// What the system says; `path` is as it was.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link stays a link: its target is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let beside = folder.join(format!(".{name}.{}.new", std::process::id()));
    let written = write_beside(&beside, &path, text).and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        // What is left of the attempt is in nobody's way; the failure itself is what is reported.
        let _ = fs::remove_file(&beside);
        return written;
    }
    File::open(folder)?.sync_all()
}

fn write_beside(beside: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(beside)?;
    if let Ok(old) = fs::metadata(path) {
        file.set_permissions(old.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
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
