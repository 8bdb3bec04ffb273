//! inotify(7): a directory says by itself that something in it has changed.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

/// What names of services a scan directory gains and loses, and what becomes of itself.
const SCAN: AddWatchFlags = AddWatchFlags::IN_CREATE
    .union(AddWatchFlags::IN_MOVED_TO)
    .union(AddWatchFlags::IN_MOVED_FROM)
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_MOVE_SELF)
    .union(AddWatchFlags::IN_DELETE_SELF)
    .union(AddWatchFlags::IN_ONLYDIR);

/// What may mend a service directory in which `./run` could not be started.
const MEND: AddWatchFlags = AddWatchFlags::IN_CREATE
    .union(AddWatchFlags::IN_MOVED_TO)
    .union(AddWatchFlags::IN_CLOSE_WRITE)
    .union(AddWatchFlags::IN_ATTRIB)
    .union(AddWatchFlags::IN_ONLYDIR)
    .union(AddWatchFlags::from_bits_retain(libc::IN_MASK_ADD));

/// What a log directory says: lines come, files are begun, renamed, removed.
const LOG: AddWatchFlags = AddWatchFlags::IN_MODIFY
    .union(AddWatchFlags::IN_CREATE)
    .union(AddWatchFlags::IN_MOVED_TO)
    .union(AddWatchFlags::IN_ONLYDIR);

/// What a file of the kernel says by changing.
const MODIFY: AddWatchFlags = AddWatchFlags::IN_MODIFY;

/// The directories watched by this process.
#[derive(Debug)]
pub struct Watcher {
    inotify: Inotify,
}

/// A directory that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Watch(WatchDescriptor);

/// Something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// In that directory, the entry of that name came, went or changed.
    Entry(Watch, OsString),
    /// That directory itself was moved or removed, or its file system unmounted.
    Itself(Watch),
    /// That file has a new content.
    Content(Watch),
    /// So much that the kernel has lost count.
    Overflow,
}

impl Watcher {
    /// # Errors
    /// `EMFILE` where the user's limit of 128 instances is reached, ENOSYS where there is none.
    pub fn new() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        Ok(Self { inotify })
    }

    /// Watches a scan directory: names that come and go.
    ///
    /// # Errors
    /// `inotify_add_watch(2)`.
    pub fn scan(&self, dir: &Path) -> io::Result<Watch> {
        Ok(Watch(self.inotify.add_watch(dir, SCAN)?))
    }

    /// Watches a service directory that cannot be started: anything that may mend it. A directory
    /// that is watched already keeps its watch, which is what this gives then.
    ///
    /// # Errors
    /// `inotify_add_watch(2)`.
    pub fn mend(&self, dir: &Path) -> io::Result<Watch> {
        Ok(Watch(self.inotify.add_watch(dir, MEND)?))
    }

    /// Watches a log directory: what is written in it.
    ///
    /// # Errors
    /// `inotify_add_watch(2)`.
    pub fn log(&self, dir: &Path) -> io::Result<Watch> {
        Ok(Watch(self.inotify.add_watch(dir, LOG)?))
    }

    /// Watches a file of the kernel's that tells of events (`pids.events`).
    ///
    /// # Errors
    /// `inotify_add_watch(2)`.
    pub fn content(&self, file: &Path) -> io::Result<Watch> {
        Ok(Watch(self.inotify.add_watch(file, MODIFY)?))
    }

    /// Ends a watch.
    pub fn forget(&self, watch: Watch) {
        // It may be gone with its directory; then there is nothing left to end.
        let _ = self.inotify.rm_watch(watch.0);
    }

    /// What changed since the last call, as much as one read yields.
    ///
    /// # Errors
    /// read(2), but for EAGAIN.
    pub fn changes(&self) -> io::Result<Vec<Change>> {
        match self.inotify.read_events() {
            Ok(events) => Ok(events.into_iter().filter_map(change).collect()),
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

fn change(event: InotifyEvent) -> Option<Change> {
    let gone =
        AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_UNMOUNT;
    if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
        return Some(Change::Overflow);
    }
    if event.mask.intersects(gone) {
        return Some(Change::Itself(Watch(event.wd)));
    }
    if event.mask.contains(AddWatchFlags::IN_MODIFY) && event.name.is_none() {
        return Some(Change::Content(Watch(event.wd)));
    }
    event.name.map(|name| Change::Entry(Watch(event.wd), name))
}

impl AsFd for Watcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}
