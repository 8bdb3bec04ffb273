//! A service directory as svc, svstat and svok meet it.
//!
//! The originals enter each directory and come back. We stay where we are, which spares two system
//! calls and a descriptor, and look for what chdir would have said only after something failed.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use contract::remarks::{self, Remark};
use contract::{Status, layout, status};
use sys::held::Held;

/// A directory named on the command line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServiceDir<'a>(&'a OsStr);

impl<'a> ServiceDir<'a> {
    pub(crate) const fn new(name: &'a OsStr) -> Self {
        Self(name)
    }

    /// Holds it, so that its path is walked once; not for words on what is wrong with it.
    pub(crate) fn enter(self) -> Option<Entered> {
        (!self.0.is_empty()).then(|| Held::enter(Path::new(self.0)).ok().map(Entered)).flatten()
    }

    /// Its name as it was given, for messages.
    pub(crate) fn name(self) -> &'a [u8] {
        self.0.as_bytes()
    }

    /// Its path as it was given.
    pub(crate) fn path(self) -> &'a Path {
        Path::new(self.0)
    }

    /// The path of one of its files.
    pub(crate) fn file(self, name: &str) -> PathBuf {
        if self.0.is_empty() {
            return PathBuf::new(); // joined to nothing, `name` would be a file of this directory
        }
        Path::new(self.0).join(name)
    }

    /// What chdir into it would say, where it would fail.
    pub(crate) fn refusal(self) -> Option<io::Error> {
        self.file(".").metadata().err()
    }

    /// Whether it can be entered, and nobody supervises it.
    pub(crate) fn is_unattended(self) -> bool {
        let opened = sys::fifo::open_writer(&self.file(layout::OK));
        opened.is_err_and(|error| sys::fifo::means_no_reader(&error)) && self.refusal().is_none()
    }

    /// The status of the service, if it is supervised; else why it cannot be known, in svstat's
    /// words.
    pub(crate) fn status(self) -> Result<Status, Cow<'static, str>> {
        match sys::fifo::open_writer(&self.file(layout::OK)) {
            Ok(_) => {}
            Err(error) if sys::fifo::has_no_reader(&error) => {
                return Err("supervise not running".into());
            }
            Err(error) => return Err(unable("open supervise/ok", &error)),
        }
        read_status(&self.file(layout::STATUS))
    }

    /// What there is to say beyond the status. Mostly nothing: the file is not there.
    pub(crate) fn remarks(self) -> Vec<Remark> {
        let opened = sys::fifo::open_whatever(&self.file(layout::REMARKS));
        opened.map(remarks_in).unwrap_or_default()
    }
}

/// A service directory that was found and may be entered.
#[derive(Debug)]
pub(crate) struct Entered(Held);

impl Entered {
    /// The status of the service, and whether it is normally down; `None` where there is anything
    /// to be said against it.
    pub(crate) fn status(&self) -> Option<(Status, bool)> {
        let normally_down = match self.0.owner_of(layout::DOWN) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(_) => return None,
        };
        self.0.open_writer(layout::OK).ok()?;
        let mut file = self.0.open_whatever(layout::STATUS).ok()?;
        let mut bytes = [0; status::LEN];
        let read = file.read(&mut bytes).ok()?;
        Some((bytes.get(..read).and_then(Status::decode)?, normally_down))
    }

    /// As [`ServiceDir::remarks`].
    pub(crate) fn remarks(&self) -> Vec<Remark> {
        self.0.open_whatever(layout::REMARKS).map(remarks_in).unwrap_or_default()
    }
}

fn remarks_in(file: File) -> Vec<Remark> {
    let mut text = String::new();
    if file.take(REMARKS_MAX).read_to_string(&mut text).is_err() {
        return Vec::new();
    }
    // Whoever can write there could else send a terminal what it obeys.
    let plain = |line: &&str| !line.contains(char::is_control);
    text.lines().filter(plain).filter_map(Remark::decode).collect()
}

/// So much of the remarks is read.
const REMARKS_MAX: u64 = remarks::LEN_MAX as u64;

/// The record, read at once: whatever lies there in its place (a FIFO of somebody's) is not waited
/// for.
fn read_status(path: &Path) -> Result<Status, Cow<'static, str>> {
    let mut file =
        sys::fifo::open_whatever(path).map_err(|error| unable("open supervise/status", &error))?;
    let mut bytes = [0; status::LEN];
    let read = file.read(&mut bytes).map_err(|error| unable("read supervise/status", &error))?;
    bytes
        .get(..read)
        .and_then(Status::decode)
        .ok_or(Cow::Borrowed("unable to read supervise/status: bad format"))
}

fn unable(what: &str, error: &io::Error) -> Cow<'static, str> {
    format!("unable to {what}: {}", cli::reason(error)).into()
}
