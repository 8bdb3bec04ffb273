//! Files of /proc and of control groups: short, read whole, and never trusted to be short.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Reads at most `max` bytes of a file; whether there were more is not told.
pub(crate) fn read(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is read at first of a file that changes; what is longer is read once more.
const ROOM: usize = 16 << 10;

/// As [`read`], in a single read(2), where two would show the parts of two different states.
///
/// Not for files that the kernel gives a page at a time (`seq_file`).
pub(crate) fn read_at_once(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let room = (bytes.len() * 8).clamp(ROOM.min(max), max);
        bytes.resize(room, 0);
        let len = File::open(path)?.read(&mut bytes)?;
        if len < room || room == max {
            bytes.truncate(len);
            return Ok(bytes);
        }
    }
}

/// Gives a kernel file its new value, in one write. It is never made where it is missing.
pub(crate) fn write(path: &Path, value: &str) -> io::Result<()> {
    let flags = libc::O_CLOEXEC | libc::O_NOFOLLOW;
    let mut file = OpenOptions::new().write(true).custom_flags(flags).open(path)?;
    // A second write would be a second value.
    if file.write(value.as_bytes())? == value.len() {
        return Ok(());
    }
    Err(io::ErrorKind::WriteZero.into())
}

/// A file of /proc that is asked again and again: opened at the first time, and read from its
/// beginning each time.
#[derive(Debug, Default)]
pub(crate) struct Standing(Option<File>);

impl Standing {
    /// Reads as much as fits into `bytes` from `at` on, 0 at first; 0 bytes are the end.
    pub(crate) fn read_at(
        &mut self,
        path: impl FnOnce() -> String,
        bytes: &mut [u8],
        at: u64,
    ) -> io::Result<usize> {
        let file = match self.0.take() {
            Some(file) => file,
            None => File::open(path())?,
        };
        // Where reading fails it is opened again the next time.
        let len = file.read_at(bytes, at)?;
        self.0 = Some(file);
        Ok(len)
    }
}
