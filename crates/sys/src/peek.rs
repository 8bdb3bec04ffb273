//! Looking into a pipe without taking anything from it, and taking it later with a mark that
//! outlives the process. `multilog` loses no line by this, whenever it is killed.
//!
//! [`Peek::look`] copies references of what waits into a private pipe (tee(2)) and reads them from
//! there. [`Peek::take`] then reads the bytes away. The last of them goes into a page of a file
//! ([`Mark`]): a read(2) of bytes that are there is not interrupted by any signal, so the page
//! tells the next process exactly whether it came about. Only the kernel ever writes or reads that
//! page by its address: where the disk fails that is an error and not a SIGBUS.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::ptr::NonNull;

use nix::fcntl::FcntlArg;

/// What is read away goes here and is forgotten: small enough to stay in the first cache.
const SCRATCH: usize = 16 * 1024;

/// The most pieces of one readv(2) (`IOV_MAX` of Linux).
const PIECES_MAX: usize = 1024;

/// Length of the mapping that holds a [`Mark`]: no page of Linux is larger, and what lies beyond
/// the file's last page is never touched.
const MAPPED: usize = 4096;

/// How much a pipe is to hold that we look into: while a block of it is being written, its writer
/// fills the rest. Four blocks of the 64 KiB that a pipe holds by itself.
const ROOMY: libc::c_int = 256 * 1024;

/// The most that one [`Peek::take`] takes.
pub const TAKE_MAX: usize = SCRATCH * (PIECES_MAX - 1);

/// What waits in a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// So many bytes were copied: all that wait, or as many as the block or the private pipe hold.
    Bytes(usize),
    /// Nothing now.
    Empty,
    /// Nothing, and nobody can write any more.
    Ended,
}

/// Which pipe it is. An anonymous one is never mistaken for another until the next boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PipeId {
    /// Device.
    pub dev: u64,
    /// Inode.
    pub ino: u64,
}

/// Looks into the pipe that is the standard input.
#[derive(Debug)]
pub struct Peek {
    id: PipeId,
    reader: io::PipeReader,
    writer: io::PipeWriter,
    scratch: Box<[u8; SCRATCH]>,
}

impl Peek {
    /// `None` where `input` is no pipe. A pipe is made to hold more where that is allowed.
    pub fn new(input: &File) -> io::Result<Option<Self>> {
        let found = input.metadata()?;
        if !found.file_type().is_fifo() {
            return Ok(None);
        }
        let id = PipeId { dev: found.dev(), ino: found.ino() };
        let (reader, writer) = io::pipe()?;
        let size = nix::fcntl::fcntl(input.as_fd(), FcntlArg::F_GETPIPE_SZ);
        if size.is_ok_and(|size| size < ROOMY) {
            // A user may have so much memory in pipes and no more; a small pipe will do.
            let _ = nix::fcntl::fcntl(input.as_fd(), FcntlArg::F_SETPIPE_SZ(ROOMY));
        }
        Ok(Some(Self { id, reader, writer, scratch: Box::new([0; SCRATCH]) }))
    }

    /// Which pipe is looked into.
    #[must_use]
    pub const fn id(&self) -> PipeId {
        self.id
    }

    /// Copies what waits in `input` to the start of `block`; never waits.
    ///
    /// # Errors
    /// Of tee(2): `ENOSYS`, `EPERM` or `EINVAL` where it is not to be had. Nothing is taken then.
    pub fn look(&self, input: &File, block: &mut [u8]) -> io::Result<Look> {
        let (from, to) = (input.as_raw_fd(), self.writer.as_raw_fd());
        // SAFETY: tee takes two descriptors, which are open as long as their owners, and no memory.
        let seen = unsafe { libc::tee(from, to, block.len(), libc::SPLICE_F_NONBLOCK) };
        match usize::try_from(seen) {
            Ok(0) => Ok(Look::Ended),
            Ok(len) => {
                let copy = block.get_mut(..len).unwrap_or_default();
                (&self.reader).read_exact(copy)?;
                Ok(Look::Bytes(len))
            }
            Err(_) => match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(libc::EAGAIN) => Ok(Look::Empty),
                error if error.kind() == io::ErrorKind::Interrupted => Ok(Look::Empty),
                error => Err(error),
            },
        }
    }

    /// Takes `len` bytes that were looked at, at most [`TAKE_MAX`]; the last one goes to `mark`.
    /// Returns how many were taken, and whether the mark was set.
    pub fn take(
        &mut self,
        input: &File,
        len: usize,
        mark: Option<&Mark>,
    ) -> io::Result<(usize, bool)> {
        let marked = usize::from(mark.is_some() && len > 0);
        let start: *mut libc::c_void = self.scratch.as_mut_ptr().cast();
        let mut left = len.min(TAKE_MAX) - marked;
        let mut pieces = Vec::with_capacity(left / SCRATCH + 2);
        while left > 0 {
            let piece = left.min(SCRATCH);
            pieces.push(libc::iovec { iov_base: start, iov_len: piece });
            left -= piece;
        }
        if let Some(mark) = mark.filter(|_| marked == 1) {
            pieces.push(libc::iovec { iov_base: mark.byte.as_ptr(), iov_len: 1 });
        }
        if let Some(mark) = mark {
            mark.make_ready();
        }
        let count = libc::c_int::try_from(pieces.len()).unwrap_or(libc::c_int::MAX);
        // SAFETY: every piece but the last lies within `scratch`, which is ours alone here and of
        // which nothing is ever read; the last is a byte of a mapping that lives as long as `mark`,
        // and to which no reference exists.
        let taken = unsafe { libc::readv(input.as_raw_fd(), pieces.as_ptr(), count) };
        match usize::try_from(taken).map_err(|_| io::Error::last_os_error()) {
            Ok(taken) => Ok((taken, marked == 1 && taken == len)),
            // The file has no room for the mark.
            Err(error) if marked == 1 && error.raw_os_error() == Some(libc::EFAULT) => {
                self.take(input, len, None)
            }
            Err(error) => Err(error),
        }
    }
}

/// A byte of a file that [`Peek::take`] writes. The file is read with read(2).
#[derive(Debug)]
pub struct Mark {
    page: NonNull<libc::c_void>,
    byte: NonNull<libc::c_void>,
    file: File,
    at: libc::off_t,
}

impl Mark {
    /// Maps the byte `at`, which lies within the first 4096 of `file`.
    ///
    /// # Errors
    /// mmap(2): a file system without shared mappings; `EINVAL` where `at` lies beyond.
    pub fn new(file: &File, at: usize) -> io::Result<Self> {
        if at >= MAPPED {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        let null = std::ptr::null_mut();
        // SAFETY: a new mapping at an address that the kernel chooses touches no memory of ours.
        let page = unsafe { libc::mmap(null, MAPPED, access, kind, file.as_raw_fd(), 0) };
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let page = NonNull::new(page).ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
        // SAFETY: `at` lies within the mapping.
        let byte = unsafe { page.byte_add(at) };
        let at = libc::off_t::try_from(at).map_err(io::Error::other)?;
        let file = file.try_clone();
        let this = Self { page, byte, file: file?, at };
        Ok(this)
    }

    /// Has the page ready to be written. It is not after the kernel has saved it, and a process
    /// that is killed while it waits for it loses what it was reading: all but the last bytes would
    /// be taken, and no mark would say so. The byte is read into its own place, and stays the same.
    fn make_ready(&self) {
        // SAFETY: the kernel writes one byte to the mapping, to which no reference exists. Where
        // it cannot, the read(2) that follows cannot either, and says so.
        unsafe { libc::pread(self.file.as_raw_fd(), self.byte.as_ptr(), 1, self.at) };
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no reference into it was ever made.
        unsafe { libc::munmap(self.page.as_ptr(), MAPPED) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::FileExt as _;

    fn pipe() -> (File, io::PipeWriter) {
        let (reader, writer) = io::pipe().unwrap();
        (File::from(OwnedFd::from(reader)), writer)
    }

    #[test]
    fn what_was_looked_at_is_still_there() {
        let (mut input, mut writer) = pipe();
        let mut peek = Peek::new(&input).unwrap().unwrap();
        let mut block = [0; 100];
        assert_eq!(peek.look(&input, &mut block).unwrap(), Look::Empty);
        writer.write_all(b"one\ntwo\n").unwrap();
        for _ in 0..2 {
            assert_eq!(peek.look(&input, &mut block).unwrap(), Look::Bytes(8));
            assert_eq!(block[..8], *b"one\ntwo\n");
        }
        assert_eq!(peek.take(&input, 4, None).unwrap(), (4, false));
        drop(writer);
        let mut rest = String::new();
        input.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "two\n");
        assert_eq!(peek.look(&input, &mut block).unwrap(), Look::Ended);
    }

    #[test]
    fn the_last_byte_that_is_taken_stands_in_the_file() {
        let (input, mut writer) = pipe();
        let mut peek = Peek::new(&input).unwrap().unwrap();
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[0; 512], 0).unwrap();
        let mark = Mark::new(&file, 511).unwrap();
        let line = [vec![b'x'; 40_000], vec![b'\n']].concat();
        writer.write_all(&line).unwrap();
        assert_eq!(peek.take(&input, line.len(), Some(&mark)).unwrap(), (line.len(), true));
        let mut byte = [0];
        file.read_exact_at(&mut byte, 511).unwrap();
        assert_eq!(byte, *b"\n");
        assert!(Mark::new(&file, MAPPED).is_err());
    }

    #[test]
    fn a_file_without_room_for_the_mark_is_an_error_and_no_signal() {
        let (input, mut writer) = pipe();
        let mut peek = Peek::new(&input).unwrap().unwrap();
        let file = tempfile::tempfile().unwrap();
        let mark = Mark::new(&file, 511).unwrap();
        writer.write_all(b"one\n").unwrap();
        assert_eq!(peek.take(&input, 4, Some(&mark)).unwrap(), (4, false));
        assert_eq!(peek.look(&input, &mut [0; 9]).unwrap(), Look::Empty);
    }

    #[test]
    fn a_file_is_no_pipe() {
        assert!(Peek::new(&tempfile::tempfile().unwrap()).unwrap().is_none());
    }
}
