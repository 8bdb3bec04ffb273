//! Files that may turn out to be anything: looked at before they are opened, opened without
//! waiting, read up to a limit.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

/// The first `limit` bytes of a file; `None` where it is no plain file.
///
/// # Errors
/// stat(2), open(2), read(2).
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    // To open a device may already do something to it.
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let file = sys::fifo::open_whatever(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// As [`read`], as text.
pub(crate) fn text(path: &Path, limit: u64) -> Option<String> {
    let bytes = read(path, limit).ok()??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The first `limit` bytes of a file of `/proc/PID`: the kernel makes them, and nobody is waited
/// for.
pub(crate) fn proc(pid: u32, file: &str, limit: u64) -> Option<Vec<u8>> {
    read(Path::new(&format!("/proc/{pid}/{file}")), limit).ok()?
}
