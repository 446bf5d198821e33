//! Releases that a machine holds: which one runs, and which one ran before it.
//!
//! ```text
//! ROOT/releases/<commit>/     the files of a release, as they were checked; never changed
//! ROOT/current  ─► releases/<commit>      what the service starts: ROOT/current/tb
//! ROOT/previous ─► releases/<commit>      what it started before
//! ROOT/lock                   held while something is changed
//! ```
//! Rules
//! - A release is copied under another name, checked there, synced, and then gets its name: what runs is what was checked.
//! - Going back checks the older release once more: its signer may have left the list.
//! - A link is replaced in one step, so there is a whole program at ROOT/current at any moment.
//! - Nothing is started or stopped here: the service starts anew when its operator says so. A program that does not know the
//!   form of the store refuses to open it, so going back never hurts the data.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rpc::ExitCode;
use serde::Serialize;

use super::sign::Signer;
use super::verify::{Verified, verify};
use super::{PARTS, PROGRAM, PROVENANCE, SIGNATURE, SUMS};
use crate::exit::Failure;

/// Every file of a release.
const FILES: [&str; 5] = [PROGRAM, PARTS, SUMS, PROVENANCE, SIGNATURE];
const CURRENT: &str = "current";
const PREVIOUS: &str = "previous";

/// What a machine holds after a change.
#[derive(Debug, Serialize)]
pub struct Installed {
    /// The release that the service starts from now on.
    pub current: Verified,
    /// The commit of the release that it started before; none on a new machine.
    pub previous: Option<String>,
    /// The program.
    pub program: PathBuf,
}

/// Copies the release in `folder` below `root` and makes it the current one.
///
/// # Errors
/// [`Failure`] of the check, or of the disk; what was current stays so.
pub fn use_release(root: &Path, folder: &Path, signers: &[Signer]) -> Result<Installed, Failure> {
    let releases = root.join("releases");
    fs::create_dir_all(&releases).map_err(|cause| Failure::disk(&releases, &cause))?;
    let _lock = lock(root)?;
    let new = releases.join(".new");
    let made = copy(folder, &new).and_then(|()| verify(&new, signers, None));
    let verified = match made {
        Ok(verified) => verified,
        Err(failure) => {
            // The next one that is copied would remove it too.
            let _ = fs::remove_dir_all(&new);
            return Err(failure);
        }
    };
    let place = releases.join(&verified.commit);
    if exists(&place)? {
        fs::remove_dir_all(&new).map_err(|cause| Failure::disk(&new, &cause))?;
        verify(&place, signers, Some(&verified.commit))?;
    } else {
        fs::rename(&new, &place).and_then(|()| sync(&releases)).map_err(|cause| Failure::disk(&place, &cause))?;
    }
    let before = linked(root, CURRENT)?.filter(|commit| *commit != verified.commit);
    let previous = before.or(linked(root, PREVIOUS)?).filter(|commit| *commit != verified.commit);
    change(root, verified, previous)
}

/// Makes the previous release the current one, and the other way round.
///
/// # Errors
/// `no_previous`, or the [`Failure`] of the check or the disk; what was current stays so.
pub fn roll_back(root: &Path, signers: &[Signer]) -> Result<Installed, Failure> {
    let none = || {
        Failure::new(
            ExitCode::NotFound,
            "no_previous",
            format!("{} holds no release that ran before", root.display()),
            "put a release there with `tb release use DIR`",
        )
    };
    if !exists(root)? {
        return Err(none());
    }
    let _lock = lock(root)?;
    let (current, previous) = (linked(root, CURRENT)?, linked(root, PREVIOUS)?);
    let back = previous.ok_or_else(none)?;
    let verified = verify(&root.join("releases").join(&back), signers, Some(&back))?;
    change(root, verified, current)
}

/// Points both links; the current one last, because it is what counts.
fn change(root: &Path, current: Verified, previous: Option<String>) -> Result<Installed, Failure> {
    let points = [(PREVIOUS, previous.as_ref()), (CURRENT, Some(&current.commit))];
    for (name, commit) in points {
        if let Some(commit) = commit {
            let (link, new) = (root.join(name), root.join(format!(".{name}.new")));
            point(&link, &new, commit).map_err(|cause| Failure::disk(&link, &cause))?;
        }
    }
    sync(root).map_err(|cause| Failure::disk(root, &cause))?;
    Ok(Installed { current, previous, program: root.join(CURRENT).join(PROGRAM) })
}

fn point(link: &Path, new: &Path, commit: &str) -> io::Result<()> {
    match fs::remove_file(new) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    symlink(Path::new("releases").join(commit), new)?;
    fs::rename(new, link)
}

/// The commits of the release that is current and of the one before it.
///
/// # Errors
/// [`Failure`] of the disk.
pub fn commits(root: &Path) -> Result<(Option<String>, Option<String>), Failure> {
    Ok((linked(root, CURRENT)?, linked(root, PREVIOUS)?))
}

/// The commit that a link names; none where there is no link.
fn linked(root: &Path, name: &str) -> Result<Option<String>, Failure> {
    let link = root.join(name);
    match fs::read_link(&link) {
        Ok(target) => Ok(target.file_name().and_then(|name| name.to_str()).map(str::to_owned)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Failure::disk(&link, &cause)),
    }
}

/// Copies the files of a release into a new folder, and syncs them. What else lies there is left out.
fn copy(folder: &Path, new: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(new) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(Failure::disk(new, &cause)),
        _ => {}
    }
    fs::create_dir(new).map_err(|cause| Failure::disk(new, &cause))?;
    for name in FILES {
        // Bounded, and refused where it is not a plain file.
        let bytes = super::files::read(folder, name)?;
        let path = new.join(name);
        write(&path, &bytes, name == PROGRAM).map_err(|cause| Failure::disk(&path, &cause))?;
    }
    sync(new).map_err(|cause| Failure::disk(new, &cause))
}

fn write(path: &Path, bytes: &[u8], is_program: bool) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mode = if is_program { 0o755 } else { 0o644 };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn lock(root: &Path) -> Result<File, Failure> {
    let path = root.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.and_then(|file| file.lock().map(|()| file));
    file.map_err(|cause| Failure::disk(&path, &cause))
}

fn exists(path: &Path) -> Result<bool, Failure> {
    path.try_exists().map_err(|cause| Failure::disk(path, &cause))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
