//! A file of records that outlives us, and in which the kernel itself can note a child.
//!
//! It is written by `pwrite`, never through the mapping: somebody may cut the file short, and a
//! store beyond its end would be a SIGBUS, while a write is at worst an error. The mapping is there
//! for `CLONE_PARENT_SETTID` alone: the kernel stores the pid of a new child in it before the child
//! runs, and where it cannot it stores nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::marker::PhantomData;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::ptr;

use crate::place;

/// A file of ours.
#[derive(Debug)]
pub struct Mapped {
    file: File,
    map: Option<Map>,
}

#[derive(Debug)]
struct Map {
    base: *mut libc::c_void,
    len: usize,
}

impl Mapped {
    /// Opens the file, made with mode 0600 where it is missing.
    ///
    /// # Errors
    /// `EPERM` where it belongs to somebody else or others may write it, `ELOOP` where it is a
    /// link, `EINVAL` where it is no file, and all of open(2).
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_with(path, true)
    }

    /// Opens the file if there is one.
    ///
    /// # Errors
    /// As those of [`Mapped::open`].
    pub fn open_there(path: &Path) -> io::Result<Self> {
        Self::open_with(path, false)
    }

    fn open_with(path: &Path, create: bool) -> io::Result<Self> {
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(create).truncate(false).mode(0o600);
        let file = options.custom_flags(flags).open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        if !place::is_trusted_owner(meta.uid()) || meta.mode() & 0o022 != 0 || meta.nlink() != 1 {
            return Err(io::Error::from_raw_os_error(libc::EPERM));
        }
        Ok(Self { file, map: None })
    }

    /// What is in it, up to `most` bytes.
    ///
    /// # Errors
    /// read(2).
    pub fn read(&self, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (&self.file).take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Empties it.
    ///
    /// # Errors
    /// ftruncate(2).
    pub fn clear(&mut self) -> io::Result<()> {
        self.map = None;
        self.file.set_len(0)
    }

    /// Makes it at least so long, with room on the disk for all of it: a full disk is known now,
    /// not at a write. Then maps it, where the file system allows that.
    ///
    /// # Errors
    /// `posix_fallocate(3)`.
    pub fn reserve(&mut self, len: usize) -> io::Result<()> {
        let size = libc::off_t::try_from(len).map_err(io::Error::other)?;
        nix::fcntl::posix_fallocate(&self.file, 0, size)?;
        self.map = Map::new(&self.file, len);
        Ok(())
    }

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// pwrite(2).
    pub fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    /// The four bytes at `offset`, for the kernel to note a child in; `None` where they are not
    /// mapped. What it has noted is read from the file.
    #[must_use]
    pub fn birth(&self, offset: usize) -> Option<Birth<'_>> {
        let map = self.map.as_ref()?;
        let inside = offset.is_multiple_of(4) && offset.checked_add(4)? <= map.len;
        let word = map.base.wrapping_byte_add(offset).cast();
        inside.then_some(Birth { word, mapped: PhantomData })
    }
}

/// A place in a [`Mapped`] that only the kernel writes to.
#[derive(Debug, Clone, Copy)]
pub struct Birth<'a> {
    word: *mut libc::pid_t,
    mapped: PhantomData<&'a Mapped>,
}

impl Birth<'_> {
    /// The flag of clone(2) and the address that goes with it.
    pub(crate) fn arguments(birth: Option<Self>) -> (libc::c_int, *mut libc::pid_t) {
        birth.map_or((0, ptr::null_mut()), |birth| (libc::CLONE_PARENT_SETTID, birth.word))
    }
}

impl Map {
    fn new(file: &File, len: usize) -> Option<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let fd = file.as_raw_fd();
        // SAFETY: a new mapping where the kernel likes; nothing of ours is there.
        let base = unsafe { libc::mmap(ptr::null_mut(), len, protection, libc::MAP_SHARED, fd, 0) };
        (base != libc::MAP_FAILED).then_some(Self { base, len })
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`; no reference into it is ever made.
        unsafe { libc::munmap(self.base, self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_written_is_read_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let mut mapped = Mapped::open(&path).unwrap();
        assert!(mapped.birth(0).is_none());
        mapped.reserve(8192).unwrap();
        mapped.write(b"abcd", 4096).unwrap();
        assert!([0, 4, 8188].iter().all(|at| mapped.birth(*at).is_some()));
        assert!([2, 8190, 8192, usize::MAX - 3].iter().all(|at| mapped.birth(*at).is_none()));
        let next = Mapped::open(&path).unwrap();
        let bytes = next.read(1 << 20).unwrap();
        assert_eq!((bytes.len(), &bytes[4096..4100]), (8192, b"abcd".as_slice()));
    }

    #[test]
    fn a_file_that_was_cut_short_can_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let mut mapped = Mapped::open(&path).unwrap();
        mapped.reserve(8192).unwrap();
        fs::write(&path, "").unwrap();
        mapped.write(b"abcd", 4096).unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), 4100);
    }

    #[test]
    fn a_file_that_others_can_write_or_name_is_not_ours() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let refused = || Mapped::open(&path).unwrap_err().raw_os_error();
        std::os::unix::fs::symlink("elsewhere", &path).unwrap();
        assert_eq!(refused(), Some(libc::ELOOP));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o660)).unwrap();
        assert_eq!(refused(), Some(libc::EPERM));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert!(Mapped::open(&path).is_ok());
        fs::hard_link(&path, dir.path().join("other")).unwrap();
        assert_eq!(refused(), Some(libc::EPERM));
        fs::remove_file(&path).unwrap();
        crate::fifo::make(&path).unwrap();
        assert_eq!(refused(), Some(libc::EINVAL));
    }
}
