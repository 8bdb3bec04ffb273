//! Named pipes: how svc and supervise talk, and what lies between a service and its logger.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Opens the reading end without waiting for a writer.
///
/// # Errors
/// open(2).
pub fn open_reader(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

/// Opens the writing end without waiting for a reader; writes to it never block.
///
/// # Errors
/// `ENXIO` where nobody has it open for reading, and all of open(2).
pub fn open_writer(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// Whether an error of [`open_writer`] says that nobody reads: no such FIFO, or no reader.
#[must_use]
pub fn means_no_reader(error: &io::Error) -> bool {
    has_no_reader(error) || error.kind() == io::ErrorKind::NotFound
}

/// Whether an error of [`open_writer`] says that the FIFO is there and has no reader.
#[must_use]
pub fn has_no_reader(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENXIO)
}
