//! The files of the project as one value, so that every rule is a pure function of text.
//!
//! A file counts when git tracks it or would offer to add it; ignored files do not. In an unpacked archive, where
//! git knows nothing, every file counts except those below the folders that builds and runs make. Files that
//! are not UTF-8 text, or are larger than [`TEXT_BYTES_MAX`], are known by path only.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::process::{Workspace, output_of};

/// The largest file that is read as text, in bytes.
const TEXT_BYTES_MAX: u64 = 4 << 20;

/// Folders of the root that hold no source, for where git is not asked.
const UNTRACKED: [&str; 2] = ["target", ".tb"];

/// All files of the project, by path relative to the root with `/` between parts.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    files: BTreeMap<String, Option<String>>,
}

impl Snapshot {
    /// Reads the files of `workspace`.
    pub(crate) fn read(workspace: &Workspace) -> Result<Self> {
        let listed =
            if workspace.root().join(".git").exists() { by_git(workspace)? } else { by_walking(workspace.root())? };
        let mut files = BTreeMap::new();
        for path in listed {
            let full = workspace.root().join(&path);
            // A tracked file may be deleted in the working tree.
            let Ok(facts) = fs::metadata(&full) else {
                continue;
            };
            if !facts.is_file() {
                continue;
            }
            let text = if facts.len() <= TEXT_BYTES_MAX {
                let bytes = fs::read(&full).with_context(|| format!("{path} cannot be read"))?;
                String::from_utf8(bytes).ok()
            } else {
                None
            };
            files.insert(path, text);
        }
        Ok(Self { files })
    }

    /// A project made of these files, for tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned())));
        Self { files: files.collect() }
    }

    /// Every path, in order.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Every text file as (path, text), in order of path.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// The text of the file at `path`.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Every Rust file as (path, text).
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(|(path, _)| path.ends_with(".rs"))
    }
}

/// The paths that git lists: tracked, or new and not ignored.
fn by_git(workspace: &Workspace) -> Result<Vec<String>> {
    let mut list = workspace.program("git");
    // A checkout that belongs to another user, as in a container, is listed like any other.
    list.args(["-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z"]);
    let listed = String::from_utf8(output_of(&mut list)?).context("a file name in the project is not UTF-8")?;
    let paths = listed.split('\0').filter(|path| !path.is_empty());
    Ok(paths.map(str::to_owned).collect())
}

/// The paths of all files below `root` that are not below a folder of [`UNTRACKED`]. Links are not followed.
fn by_walking(root: &Path) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(root.join(&folder)).with_context(|| format!("the folder {folder:?} cannot be read"))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("the folder {folder:?} cannot be read"))?;
            let name = entry.file_name();
            let name = name.to_str().context("a file name in the project is not UTF-8")?;
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            let kind = entry.file_type().with_context(|| format!("{path} cannot be read"))?;
            if !kind.is_dir() {
                paths.push(path);
            } else if !UNTRACKED.contains(&path.as_str()) {
                folders.push(path);
            }
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::by_walking;

    #[test]
    fn an_unpacked_archive_is_walked_without_what_builds_leave() {
        let root = env::temp_dir().join(format!("xtask-{}-walk", std::process::id()));
        for path in ["a.md", "src/b/c.rs", "src/target/d.rs", "target/e", ".tb/f"] {
            let full = root.join(path);
            fs::create_dir_all(full.parent().unwrap()).unwrap();
            fs::write(full, "").unwrap();
        }
        let mut paths = by_walking(&root).unwrap();
        paths.sort();
        assert_eq!(paths, ["a.md", "src/b/c.rs", "src/target/d.rs"]);
        fs::remove_dir_all(root).unwrap();
    }
}
