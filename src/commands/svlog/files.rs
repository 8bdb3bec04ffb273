//! The files of a log directory, looked at while somebody renames them.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use cli::{Unable, UnableExt as _};
use logbook::{Entry, Part, ReadAt};
use tai::Stamp;

/// So often a directory is looked at that changes under the look: each change needs a rotation.
const LOOKS_MAX: u32 = 1000;

/// Files of one directory that are held open before their turn: what is pruned meanwhile can still
/// be read. A process may have 1024 by default.
const HELD_MAX: usize = 64;

/// So much of the end of a file is looked at for a label: some lines, if they are not very long.
const END_LEN: u64 = 16 * 1024;

/// So many of the newest files are looked at: `current` may be empty, or have lost its name.
const NEWEST_MAX: usize = 3;

/// A file of the log, open if it may soon have another name, or none.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) part: Part,
    pub(super) file: Option<File>,
}

/// An open log file.
#[derive(Debug)]
pub(super) struct Plain(pub(super) File);

impl ReadAt for Plain {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.0.read_at(buffer, offset) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }
}

/// Whether log files are in a directory.
pub(super) fn is_log(dir: &Path) -> bool {
    entries(dir).is_ok_and(|entries| !logbook::in_order(entries).is_empty())
}

/// The files of a log directory at one moment, those open that will get another name.
pub(super) fn look(dir: &Path) -> Result<Vec<Held>, Unable> {
    let what = || format!("read {}", dir.display());
    let mut before = entries(dir).unable(what())?;
    for _ in 0..LOOKS_MAX {
        let parts = logbook::in_order(before.clone());
        let held = hold(dir, parts);
        // What did not change between two looks is what was there between them.
        let after = entries(dir).unable(what())?;
        if let Some(held) = held.filter(|_| before == after) {
            return Ok(held);
        }
        before = after;
    }
    let error = io::Error::from(ErrorKind::ResourceBusy);
    Err(Unable::new(what(), error))
}

/// The entries that are or may be log files. A name that leads nowhere is none.
fn entries(dir: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let names = [logger::CURRENT, logger::PREVIOUS, logger::PROCESSED];
        if !name.as_bytes().starts_with(b"@") && !names.iter().any(|it| name == *it) {
            continue;
        }
        // The number that a directory tells is another one on some file systems.
        let Ok(meta) = fs::metadata(dir.join(&name)) else { continue };
        if meta.is_file() && (name != logger::PROCESSED || is_whole(&meta)) {
            entries.push(Entry { name: name.as_bytes().to_vec(), inode: meta.ino() });
        }
    }
    entries.sort_unstable();
    Ok(entries)
}

/// Whether it says that it is whole. keepup's multilog never says so of `processed`: while that is
/// written, the file it is made of is there, and then it takes the place of that.
fn is_whole(meta: &fs::Metadata) -> bool {
    meta.mode() & logger::WHOLE != 0
}

/// Opens what will get another name, and the oldest; `None` where one has another name by now.
fn hold(dir: &Path, parts: Vec<Part>) -> Option<Vec<Held>> {
    let mut held = Vec::new();
    for (at, part) in parts.into_iter().enumerate() {
        let is_named = part.entry.name.starts_with(b"@");
        let file = if is_named && at >= HELD_MAX { None } else { open(dir, &part).ok() };
        if file.is_none() && !is_named && fs::metadata(path(dir, &part)).is_err() {
            return None;
        }
        held.push(Held { part, file });
    }
    Some(held)
}

fn path(dir: &Path, part: &Part) -> std::path::PathBuf {
    dir.join(std::ffi::OsStr::from_bytes(&part.entry.name))
}

/// Opens the file that had this name and number.
pub(super) fn open(dir: &Path, part: &Part) -> Result<File, Unable> {
    let path = path(dir, part);
    let what = || format!("open {}", path.display());
    let file = sys::fifo::open_whatever(&path).unable(what())?;
    let meta = file.metadata().unable(what())?;
    if !meta.is_file() || meta.ino() != part.entry.inode {
        return Err(Unable::new(what(), ErrorKind::NotFound.into()));
    }
    Ok(file)
}

/// By how much the labels of a directory are ahead; what cannot be read says nothing.
pub(super) fn ahead(dir: &Path) -> Duration {
    let lock = fs::metadata(dir.join(logger::LOCK)).map_or(0, |meta| meta.mode());
    let parts = entries(dir).map(logbook::in_order).unwrap_or_default();
    let mut newest = parts.iter().rev().take(NEWEST_MAX);
    let last = newest.find_map(|part| last_label(&open(dir, part).ok()?));
    last.map_or(Duration::ZERO, |(label, written)| logbook::ahead(lock, label, written))
}

/// The last label in a file, and when that was written.
fn last_label(file: &File) -> Option<(Stamp, Duration)> {
    let meta = file.metadata().ok()?;
    let start = meta.len().saturating_sub(END_LEN);
    let mut end = Vec::new();
    let mut file = file;
    file.seek(SeekFrom::Start(start)).ok()?;
    file.take(END_LEN).read_to_end(&mut end).ok()?;
    let written = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((logbook::last_label(&end, start == 0)?, written))
}

/// The number of the file that is called `current` now.
pub(super) fn current(dir: &Path) -> Option<u64> {
    fs::metadata(dir.join(logger::CURRENT)).ok().map(|meta| meta.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn an_entry_that_leads_nowhere_is_no_reason_to_show_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("current"), "a\n").unwrap();
        symlink("@loop", at("@loop")).unwrap();
        symlink("current/below", at("@below")).unwrap();
        symlink("nothing", at("@gone")).unwrap();
        let found = entries(dir.path()).unwrap();
        let names: Vec<_> = found.iter().map(|entry| entry.name.as_slice()).collect();
        assert_eq!(names, [b"current"]);
    }
}
