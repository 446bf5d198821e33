//! Files in memory that break on demand, for tests and the simulator.
//!
//! Model: a [`FaultyFiles`] outlives the process that uses it, as a real disk does. A file holds what was written and what
//! of it was synced; a folder holds its names, and in their order the changes of names that were not synced. A crash
//! keeps some first part of those changes, and of a content that was not synced nothing, a torn first part, or all.
//!
//! ```text
//!   write_synced ─► content ─ sync ─► durable content        a name that was not synced may be gone, its content with it
//!   create, rename, remove ─► names ─ sync_folder ─► durable names
//!   reach(point) ─► the process is over: every later call fails and changes nothing, until `crash`
//! ```
//!
//! Rule: only renames within one folder exist here.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Files;
use crate::backend::faulty::Fault;
use crate::crash::CrashPoint;

/// What an armed fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileOperation {
    /// A read of a file or of the names in a folder.
    Read,
    /// A write, or the making of a folder.
    Write,
    /// The sync of a file or a folder.
    Sync,
    /// A change of a name.
    Rename,
}

/// A file or a folder, whatever its name is.
type Inode = u64;

#[derive(Debug, Clone, Default)]
struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
}

/// A change of the names in a folder.
#[derive(Debug, Clone)]
enum Change {
    Add(String, Inode),
    Remove(String),
    Rename(String, String),
}

#[derive(Debug, Clone, Default)]
struct Folder {
    live: BTreeMap<String, Inode>,
    durable: BTreeMap<String, Inode>,
    unsynced: Vec<Change>,
}

impl Folder {
    /// Makes the names durable, unless the disk lies.
    fn sync(&mut self, is_done: bool) {
        if is_done {
            self.durable = self.live.clone();
            self.unsynced.clear();
        }
    }
}

#[derive(Debug)]
enum Item {
    File(Content),
    Folder(Folder),
}

#[derive(Debug)]
struct Disk {
    items: BTreeMap<Inode, Item>,
    next: Inode,
    armed: BTreeMap<FileOperation, (u32, Fault)>,
    crash_at: Option<CrashPoint>,
    reached: Option<CrashPoint>,
}

const ROOT: Inode = 0;

/// Files in memory whose failures are chosen by a test. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct FaultyFiles {
    disk: Arc<Mutex<Disk>>,
}

impl Default for FaultyFiles {
    fn default() -> Self {
        let items = BTreeMap::from([(ROOT, Item::Folder(Folder::default()))]);
        let disk = Disk { items, next: ROOT + 1, armed: BTreeMap::new(), crash_at: None, reached: None };
        Self { disk: Arc::new(Mutex::new(disk)) }
    }
}

fn apply(names: &mut BTreeMap<String, Inode>, change: &Change) {
    match change {
        Change::Add(name, inode) => drop(names.insert(name.clone(), *inode)),
        Change::Remove(name) => drop(names.remove(name)),
        Change::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
    }
}

fn not_found(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{} is not there", path.display()))
}

fn is_over() -> io::Error {
    io::Error::other("the process ended here on purpose")
}

/// The names of a path, without its root.
fn names(path: &Path) -> impl Iterator<Item = String> {
    let normal = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    normal.collect::<Vec<_>>().into_iter()
}

fn last_name(path: &Path) -> io::Result<String> {
    names(path).last().ok_or_else(|| not_found(path))
}

impl Disk {
    /// Fails when the process is over or the fault of this operation strikes; false when it shall do nothing.
    fn pass(&mut self, on: FileOperation) -> io::Result<bool> {
        if self.reached.is_some() {
            return Err(is_over());
        }
        let Some((healthy, fault)) = self.armed.get_mut(&on) else { return Ok(true) };
        if *healthy > 0 {
            *healthy -= 1;
            return Ok(true);
        }
        let fault = *fault;
        self.armed.remove(&on);
        match fault {
            Fault::Ignored => Ok(false),
            Fault::Io => Err(io::Error::other("input/output error")),
            Fault::NoSpace => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn find(&self, path: &Path) -> Option<Inode> {
        names(path).try_fold(ROOT, |inode, name| match self.items.get(&inode)? {
            Item::Folder(folder) => folder.live.get(&name).copied(),
            Item::File(_) => None,
        })
    }

    fn folder(&mut self, path: &Path) -> io::Result<&mut Folder> {
        let inode = self.find(path).ok_or_else(|| not_found(path))?;
        match self.items.get_mut(&inode) {
            Some(Item::Folder(folder)) => Ok(folder),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn change(&mut self, path: &Path, change: Change) -> io::Result<()> {
        let folder = self.folder(path.parent().unwrap_or(Path::new("/")))?;
        apply(&mut folder.live, &change);
        folder.unsynced.push(change);
        Ok(())
    }

    fn add(&mut self, path: &Path, item: Item) -> io::Result<Inode> {
        let inode = self.next;
        self.change(path, Change::Add(last_name(path)?, inode))?;
        self.next += 1;
        self.items.insert(inode, item);
        Ok(inode)
    }

    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        if self.find(path).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.add(path, Item::Folder(Folder::default())).map(drop)
    }

    /// The file at `path`, made when it is not there.
    fn file(&mut self, path: &Path) -> io::Result<&mut Content> {
        let inode = match self.find(path) {
            Some(inode) => inode,
            None => self.add(path, Item::File(Content::default()))?,
        };
        match self.items.get_mut(&inode) {
            Some(Item::File(content)) => Ok(content),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    /// Every file that has a name, below `inode`.
    fn walk(&self, inode: Inode, path: &Path, found: &mut BTreeMap<PathBuf, Inode>) {
        match self.items.get(&inode) {
            Some(Item::File(_)) => drop(found.insert(path.to_owned(), inode)),
            Some(Item::Folder(folder)) => {
                for (name, inode) in &folder.live {
                    self.walk(*inode, &path.join(name), found);
                }
            }
            None => {}
        }
    }

    fn files(&self) -> BTreeMap<PathBuf, Inode> {
        let mut found = BTreeMap::new();
        self.walk(ROOT, Path::new("/"), &mut found);
        found
    }

    /// Forgets what no name leads to any more.
    fn sweep(&mut self) {
        let (mut kept, mut waiting) = (BTreeMap::new(), vec![ROOT]);
        while let Some(inode) = waiting.pop() {
            let Some(item) = self.items.remove(&inode) else { continue };
            if let Item::Folder(folder) = &item {
                waiting.extend(folder.live.values().chain(folder.durable.values()));
            }
            kept.insert(inode, item);
        }
        self.items = kept;
    }
}

impl FaultyFiles {
    /// An empty, healthy disk.
    pub fn new() -> Self {
        Self::default()
    }

    fn locked(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Arms one fault: the operation after `healthy` more healthy ones of its kind fails.
    pub fn arm(&self, on: FileOperation, healthy: u32, fault: Fault) {
        self.locked().armed.insert(on, (healthy, fault));
    }

    /// Takes every fault back that has not struck.
    pub fn disarm(&self) {
        let mut disk = self.locked();
        (disk.armed, disk.crash_at) = (BTreeMap::new(), None);
    }

    /// How many faults wait for their operation or step.
    pub fn armed(&self) -> usize {
        let disk = self.locked();
        disk.armed.len().saturating_add(usize::from(disk.crash_at.is_some()))
    }

    /// Ends the process when `point` is next reached.
    pub fn crash_at(&self, point: CrashPoint) {
        self.locked().crash_at = Some(point);
    }

    /// Where the process ended, until [`FaultyFiles::crash`].
    pub fn reached(&self) -> Option<CrashPoint> {
        self.locked().reached
    }

    /// Ends the process that used the disk. `below(n)` chooses a number below n: how much of what was not synced
    /// survives. True when something was lost.
    pub fn crash(&self, below: &mut dyn FnMut(usize) -> usize) -> bool {
        let mut disk = self.locked();
        let mut is_lost = false;
        for item in disk.items.values_mut() {
            match item {
                Item::File(content) if content.live != content.durable => {
                    let survives = match below(3) {
                        0 => content.durable.clone(),
                        1 => content.live[..below(content.live.len() + 1)].to_vec(),
                        _ => content.live.clone(),
                    };
                    is_lost |= survives != content.live;
                    (content.live, content.durable) = (survives.clone(), survives);
                }
                Item::File(_) => {}
                Item::Folder(folder) => {
                    let unsynced = std::mem::take(&mut folder.unsynced);
                    let keep = if unsynced.is_empty() { 0 } else { below(unsynced.len() + 1) };
                    is_lost |= keep < unsynced.len();
                    unsynced.iter().take(keep).for_each(|change| apply(&mut folder.durable, change));
                    folder.live = folder.durable.clone();
                }
            }
        }
        disk.reached = None;
        disk.sweep();
        is_lost
    }

    /// Inverts one bit of some file below `folder`, both chosen by number; the file. None when nothing is there.
    pub fn flip_any(&self, folder: &Path, pick: u64, bit: u64) -> Option<PathBuf> {
        let mut disk = self.locked();
        let mut files = disk.files();
        files.retain(|path, _| path.starts_with(folder));
        let pick = pick.checked_rem(u64::try_from(files.len()).ok()?)?;
        let (path, inode) = files.into_iter().nth(usize::try_from(pick).ok()?)?;
        let Some(Item::File(content)) = disk.items.get_mut(&inode) else { return None };
        let bits = u64::try_from(content.live.len().saturating_mul(8)).ok()?;
        let at = usize::try_from(bit.checked_rem(bits)?).ok()?;
        for bytes in [&mut content.live, &mut content.durable] {
            if let Some(byte) = bytes.get_mut(at / 8) {
                *byte ^= 1 << (at % 8);
            }
        }
        Some(path)
    }
}

impl Files for FaultyFiles {
    fn exists(&self, path: &Path) -> io::Result<bool> {
        let mut disk = self.locked();
        disk.pass(FileOperation::Read)?;
        Ok(disk.find(path).is_some())
    }

    fn create_folders(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.locked();
        disk.pass(FileOperation::Write)?;
        let mut folder = PathBuf::from("/");
        for name in names(path) {
            let above = folder.clone();
            folder.push(name);
            if disk.find(&folder).is_none() {
                disk.make_folder(&folder)?;
                let syncs = disk.pass(FileOperation::Sync)?;
                disk.folder(&above)?.sync(syncs);
            }
        }
        Ok(())
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.locked();
        if disk.pass(FileOperation::Write)? { disk.make_folder(path) } else { Ok(()) }
    }

    fn write_synced(&self, path: &Path, bytes: &[u8]) -> Result<(), (&'static str, io::Error)> {
        let mut disk = self.locked();
        let failed = |step: &'static str| move |error: io::Error| (step, error);
        let content = disk.file(path).map_err(failed("create"))?;
        content.live.clear();
        let writes = disk.pass(FileOperation::Write).map_err(failed("write"))?;
        disk.file(path).map_err(failed("write"))?.live = if writes { bytes.to_vec() } else { Vec::new() };
        let syncs = disk.pass(FileOperation::Sync).map_err(failed("sync"))?;
        let content = disk.file(path).map_err(failed("sync"))?;
        if syncs {
            content.durable.clone_from(&content.live);
        }
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.locked();
        let syncs = disk.pass(FileOperation::Sync)?;
        disk.folder(path)?.sync(syncs);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.locked();
        if !disk.pass(FileOperation::Rename)? {
            return Ok(());
        }
        if from.parent() != to.parent() {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        if disk.find(from).is_none() {
            return Err(not_found(from));
        }
        let taken = disk.find(to).and_then(|inode| disk.items.get(&inode));
        if matches!(taken, Some(Item::Folder(folder)) if !folder.live.is_empty()) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        disk.change(from, Change::Rename(last_name(from)?, last_name(to)?))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.locked();
        disk.pass(FileOperation::Rename)?;
        disk.find(path).ok_or_else(|| not_found(path))?;
        disk.change(path, Change::Remove(last_name(path)?))
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.locked();
        disk.pass(FileOperation::Rename)?;
        // The system removes what is inside first, name by name, so that a crash may leave any part of it.
        let inside: Vec<String> = disk.folder(path)?.live.keys().cloned().collect();
        for name in inside {
            disk.change(&path.join(&name), Change::Remove(name))?;
        }
        disk.change(path, Change::Remove(last_name(path)?))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let mut disk = self.locked();
        disk.pass(FileOperation::Read)?;
        Ok(disk.folder(path)?.live.keys().map(|name| path.join(name)).collect())
    }

    fn read(&self, path: &Path, at_most: u64) -> io::Result<Option<Vec<u8>>> {
        let mut disk = self.locked();
        disk.pass(FileOperation::Read)?;
        let Some(inode) = disk.find(path) else { return Ok(None) };
        match disk.items.get(&inode) {
            Some(Item::File(content)) => {
                let most = usize::try_from(at_most).unwrap_or(usize::MAX).min(content.live.len());
                Ok(Some(content.live[..most].to_vec()))
            }
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send>>> {
        let mut disk = self.locked();
        disk.pass(FileOperation::Write)?;
        disk.file(path)?;
        // Who uses this disk is one process at a time.
        Ok(Some(Box::new(())))
    }

    fn reach(&self, point: CrashPoint) -> io::Result<()> {
        let mut disk = self.locked();
        if disk.reached.is_none() && disk.crash_at == Some(point) {
            (disk.reached, disk.crash_at) = (Some(point), None);
        }
        if disk.reached.is_some() { Err(is_over()) } else { Ok(()) }
    }
}
