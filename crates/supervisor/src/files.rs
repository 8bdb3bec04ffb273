//! The files of `supervise/`: lock, control, ok, status. Their bytes are daemontools 0.76's; who
//! may see what when is decided here.
//!
//! The order matters to those who look: the lock first, for a second supervise must touch nothing;
//! `ok` can be opened only when `status` and `control` are there.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use cli::{Unable, UnableExt as _};
use contract::{Status, layout, remarks};
use sys::held::{self, Held};
use sys::{fifo, lock, place};

use crate::look::Names;
use crate::supervise_dir::SuperviseDir;

/// The open files of a service: two descriptors, or three where hard links are not to be had.
#[derive(Debug)]
pub(crate) struct Files {
    /// Held for as long as the service is supervised.
    lock: File,
    /// Both ends, so that it never ends.
    pub(crate) control: File,
    /// Where `ok` could not be the same FIFO as `control`.
    ok: Option<File>,
}

impl Files {
    /// All of them, to be handed over.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        [Some(&self.lock), Some(&self.control), self.ok.as_ref()]
            .into_iter()
            .flatten()
            .map(AsFd::as_fd)
    }
}

/// The lock is ours; nothing else is open yet.
#[derive(Debug)]
pub(crate) struct Locked(File);

impl Locked {
    /// Makes `supervise/` and takes its lock; whether it was made, and there is nothing else in it.
    /// `name` is what messages call the service.
    ///
    /// # Errors
    /// Another supervise has it (`temporary failure`), or the directory cannot be written.
    pub(crate) fn take(dir: &Path, name: &str) -> Result<(Self, bool), Unable> {
        let made = make_supervise(&dir.join(layout::SUPERVISE))
            .unable(format_args!("mkdir {name}/{}", layout::SUPERVISE))?;
        let lock = SuperviseDir::of(dir)
            .and_then(|held| lock::acquire_now(&held.path(layout::LOCK)))
            .unable(format_args!("acquire {name}/{}", layout::LOCK))?;
        Ok((Self(lock), made))
    }

    /// A lock that our predecessor has handed over.
    pub(crate) fn inherited(lock: File) -> Self {
        Self(lock)
    }

    /// The number of its descriptor.
    pub(crate) fn descriptor(&self) -> u64 {
        u64::try_from(self.0.as_raw_fd()).unwrap_or(0)
    }

    /// Opens control and then ok: from here on svc, svstat and svok find us.
    ///
    /// # Errors
    /// The FIFOs cannot be made or opened.
    pub(crate) fn open(self, dir: &Path, name: &str) -> Result<Files, Unable> {
        let held =
            SuperviseDir::of(dir).unable(format_args!("open {name}/{}", layout::SUPERVISE))?;
        let path = held.path(layout::CONTROL);
        let control = fifo::make(&path).and_then(|()| fifo::open_both(&path));
        let control = control.unable(format_args!("open {name}/{}", layout::CONTROL))?;
        let ok = open_ok(&held, &control).unable(format_args!("open {name}/{}", layout::OK))?;
        Ok(Files { lock: self.0, control, ok })
    }
}

/// Writes the status so that a reader never sees half of one.
///
/// # Errors
/// A full disk, a directory that is gone, a file system that has become read-only.
pub(crate) fn write_status(dir: &Path, status: &Status) -> io::Result<()> {
    let supervise = SuperviseDir::of(dir)?;
    let new = supervise.path(layout::STATUS_NEW);
    io::Write::write_all(&mut create_new(&new)?, &status.encode())?;
    held::replace(&new, &supervise.path(layout::STATUS))
}

/// The same in a directory held open. The first one, in a `supervise/` that was just made, is there
/// before anybody looks for it, and takes its name at once.
///
/// # Errors
/// As above.
pub(crate) fn write_status_in(
    held: &Held,
    dev: u64,
    status: &Status,
    first: bool,
) -> io::Result<()> {
    let bytes = status.encode();
    if first && let Ok(mut file) = held.create_new(layout::STATUS, 0o644) {
        let written = io::Write::write_all(&mut file, &bytes);
        return written.inspect_err(|_| drop(held.remove(layout::STATUS)));
    }
    let create = || held.create_new(layout::STATUS_NEW, 0o644);
    let new = create().or_else(|_| held.remove(layout::STATUS_NEW).and_then(|()| create()));
    io::Write::write_all(&mut new?, &bytes)?;
    if place::is_disk(dev) {
        return held.replace(layout::STATUS_NEW, layout::STATUS);
    }
    held.rename(layout::STATUS_NEW, layout::STATUS)
}

/// The remark that an earlier supervisor left; `None` where there is none.
pub(crate) fn read_remarks(dir: &Path) -> Option<String> {
    let mut text = String::new();
    let file = fifo::open_plain(&SuperviseDir::of(dir).ok()?.path(layout::REMARKS)).ok()?;
    file.take(remarks::LEN_MAX as u64).read_to_string(&mut text).ok()?;
    Some(text.trim_end_matches('\n').to_owned())
}

/// Writes the remark of svstat, or removes it where there is none.
///
/// # Errors
/// As those of [`write_status`].
pub(crate) fn write_remarks(dir: &Path, remark: Option<&str>) -> io::Result<()> {
    let supervise = SuperviseDir::of(dir)?;
    let Some(remark) = remark else { return fs::remove_file(supervise.path(layout::REMARKS)) };
    let new = supervise.path(layout::REMARKS_NEW);
    io::Write::write_all(&mut create_new(&new)?, format!("{remark}\n").as_bytes())?;
    held::replace(&new, &supervise.path(layout::REMARKS))
}

/// A file that was not there: what an earlier life left under that name goes, and a link that
/// somebody planted goes with it, instead of being followed to a file of others.
fn create_new(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o644);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            options.open(path)
        }
        other => other,
    }
}

/// Whether the service is not to be started by itself.
pub(crate) fn is_down(dir: &Path, names: Names) -> bool {
    names.may_have(layout::DOWN) && fs::metadata(dir.join(layout::DOWN)).is_ok()
}

/// Whether `path` is a link that somebody made to a directory which is not his: one's own logger is
/// not to be fed, or read from, by others.
pub(crate) fn is_link_into_anothers(path: &Path) -> bool {
    let Ok(link) = fs::symlink_metadata(path) else { return false };
    let is_his = || fs::metadata(path).is_ok_and(|target| target.uid() == link.uid());
    link.is_symlink() && !sys::place::is_trusted_owner(link.uid()) && !is_his()
}

/// As daemontools makes it, and as Debian's: a dangling link is a wish for its target. Only a link
/// of ours or of root's: another's could lead us to write where he may not.
/// Gives whether it was made, under its own name.
pub(crate) fn make_supervise(path: &Path) -> io::Result<bool> {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other.map(|()| true),
    }
    // A directory, or something in its way: then the lock cannot be made, and says why.
    let Ok(target) = fs::read_link(path) else { return Ok(false) };
    let link = fs::symlink_metadata(path)?;
    if link.is_symlink() && !sys::place::is_trusted_owner(link.uid()) {
        return Err(io::Error::other("it is a link of somebody else's"));
    }
    if !path.is_dir() {
        let base = path.parent().unwrap_or(Path::new("."));
        builder.recursive(true).create(base.join(target))?;
    }
    Ok(false)
}

/// Makes `ok` another name of the control FIFO: it has a reader exactly as long as we read control,
/// and costs no descriptor. Where the file system has no hard links it is a FIFO of its own.
fn open_ok(held: &SuperviseDir, control: &File) -> io::Result<Option<File>> {
    let (path, ok, new) =
        (held.path(layout::CONTROL), held.path(layout::OK), held.path(layout::OK_NEW));
    if fs::hard_link(&path, &ok).is_ok() || is_same(&ok, control) {
        return Ok(None);
    }
    let _ = fs::remove_file(&new);
    if fs::hard_link(&path, &new).and_then(|()| fs::rename(&new, &ok)).is_ok() {
        return Ok(None);
    }
    let _ = fs::remove_file(&new);
    fifo::make(&ok)?;
    fifo::open_reader(&ok).map(Some)
}

fn is_same(path: &Path, file: &File) -> bool {
    let (Ok(a), Ok(b)) = (fs::symlink_metadata(path), file.metadata()) else { return false };
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(test)]
mod tests;
