//! What groups of either version have in common: names, files, and the way in.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::small_file;

/// Who writes `0` into it is in the group (cgroups(7)).
pub(super) const PROCS: &str = "cgroup.procs";

/// Long enough for every file of a group that is not a list of processes.
const FILE_MAX: usize = 4096;

/// Makes the group `name` in `parent`; one that is there already is as good.
///
/// # Errors
/// `EINVAL` for a name that leads elsewhere or that the kernel keeps for its own files; mkdir(2).
pub(super) fn make(parent: &Path, name: &OsStr) -> io::Result<PathBuf> {
    let bytes = name.as_bytes();
    let reserved = [&b"cgroup."[..], b"pids.", b"memory.", b"cpu."];
    let leads_elsewhere = matches!(bytes, b"" | b"." | b"..") || bytes.contains(&b'/');
    if leads_elsewhere || reserved.iter().any(|start| bytes.starts_with(start)) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let path = parent.join(name);
    match std::fs::create_dir(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(path),
    }
}

/// The file by which a child enters: for [`crate::spawn::Step::Group`].
pub(super) fn entrance(group: &Path) -> io::Result<CString> {
    CString::new(group.join(PROCS).into_os_string().into_encoded_bytes()).map_err(io::Error::other)
}

/// Writes a value into a file of a group.
pub(super) fn write(group: &Path, file: &str, value: &str) -> io::Result<()> {
    small_file::write(&group.join(checked(file)?), value)
}

/// The text of a file of a group.
pub(super) fn read(group: &Path, file: &str) -> io::Result<Vec<u8>> {
    small_file::read(&group.join(checked(file)?), FILE_MAX)
}

fn checked(file: &str) -> io::Result<&str> {
    let is_plain = file.bytes().all(|byte| byte.is_ascii_lowercase() || b"._".contains(&byte));
    if is_plain && file.contains('.') && !file.starts_with('.') {
        return Ok(file);
    }
    Err(io::Error::from_raw_os_error(libc::EINVAL))
}

/// Removes a group; one that is gone already is as good.
pub(super) fn remove(group: &Path) -> io::Result<()> {
    match std::fs::remove_dir(group) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_elsewhere_or_is_the_kernels_is_refused() {
        let top = tempfile::tempdir().unwrap();
        for name in ["", ".", "..", "a/b", "/", "../a", "cgroup.procs", "memory.max", "pids.max"] {
            let refused = make(top.path(), OsStr::new(name)).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(libc::EINVAL), "{name}");
        }
        for name in ["a", "...", "cgroup", "pids", "a.b", "a b"] {
            let made = make(top.path(), OsStr::new(name)).unwrap();
            assert_eq!(made, top.path().join(name));
            assert_eq!(make(top.path(), OsStr::new(name)).unwrap(), made, "again");
        }
    }

    #[test]
    fn only_files_of_the_group_are_written() {
        let top = tempfile::tempdir().unwrap();
        std::fs::write(top.path().join("pids.max"), "").unwrap();
        write(top.path(), "pids.max", "3").unwrap();
        assert_eq!(read(top.path(), "pids.max").unwrap(), b"3");
        for file in ["../pids.max", "", "..", ".", "a", "a/pids.max"] {
            let refused = write(top.path(), file, "3").unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(libc::EINVAL), "{file}");
        }
        let missing = write(top.path(), "memory.max", "3").unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound, "it is not made");
    }
}
