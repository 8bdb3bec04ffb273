//! Files of /proc and of control groups: short, read whole, and never trusted to be short.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Reads at most `max` bytes of a file; whether there were more is not told.
pub(crate) fn read(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
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
