//! Who owns a directory, and whether it can keep us waiting.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, open, openat};
use nix::sys::stat::{Mode, fstat, major, minor};
use nix::sys::statfs::{
    AFS_SUPER_MAGIC, CODA_SUPER_MAGIC, FUSE_SUPER_MAGIC, FsType, NFS_SUPER_MAGIC, SMB_SUPER_MAGIC,
    Statfs, statfs,
};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, faccessat, geteuid};

use crate::spawn::Identity;

/// CIFS and SMB2, of which libc knows only the older kin (linux/magic.h).
const CIFS_SUPER_MAGIC: FsType = FsType(0xFF53_4D42);
/// 9p, as virtual machines mount their host's files (linux/magic.h).
const V9FS_SUPER_MAGIC: FsType = FsType(0x0102_1997);

/// File systems whose server may not answer.
const REMOTE: [FsType; 7] = [
    AFS_SUPER_MAGIC,
    CIFS_SUPER_MAGIC,
    CODA_SUPER_MAGIC,
    FUSE_SUPER_MAGIC,
    NFS_SUPER_MAGIC,
    SMB_SUPER_MAGIC,
    V9FS_SUPER_MAGIC,
];

/// Whether `path` lies on a file system that is served by another machine or another process.
///
/// # Errors
/// statfs(2).
pub fn is_remote(path: &Path) -> io::Result<bool> {
    Ok(is_served(&statfs(path)?))
}

pub(crate) fn is_served(found: &Statfs) -> bool {
    REMOTE.contains(&found.filesystem_type())
}

/// Whether a device is a disk; a file system in memory has none, nor has one over others.
#[must_use]
pub fn is_disk(dev: u64) -> bool {
    major(dev) != 0
}

/// Whether files of this owner are as good as ours: our own, or root's.
#[must_use]
pub fn is_trusted_owner(uid: u32) -> bool {
    uid == 0 || uid == own_uid()
}

/// Whether somebody whose files are not as good as ours may exchange what is in a directory; also
/// where that is not to be known.
#[must_use]
pub fn is_exposed(dir: &Path) -> bool {
    std::fs::metadata(dir).map_or(true, |meta| exposes(meta.uid(), meta.mode()))
}

/// [`is_exposed`] of a directory of this owner and mode.
pub(crate) fn exposes(uid: u32, mode: u32) -> bool {
    !is_trusted_owner(uid) || mode & OTHERS_WRITE != 0
}

/// Group and others may write.
const OTHERS_WRITE: u32 = 0o022;
/// As long as a path can be.
const TARGET_MAX: usize = 4096;

/// Opens the directory `name` in `dir`, not to read it but to reach what is in it. Where it is a
/// link of ours or of root's, the directory it leads to: the link that was looked at, not one that
/// takes its place.
///
/// # Errors
/// `ELOOP` where it is a link of somebody else; `ENOTDIR`, and all of open(2).
pub fn hold(dir: &Path, name: &str) -> io::Result<OwnedFd> {
    let reach = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let dir = open(dir, reach | OFlag::O_DIRECTORY, Mode::empty())?;
    let found = openat(&dir, name, reach | OFlag::O_NOFOLLOW, Mode::empty())?;
    let stat = fstat(&found)?;
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFDIR => Ok(found),
        libc::S_IFLNK if is_trusted_owner(stat.st_uid) => {
            let mut target = [0; TARGET_MAX];
            // SAFETY: an open descriptor, no path below it, and room for what it says.
            let len = unsafe {
                libc::readlinkat(
                    found.as_raw_fd(),
                    c"".as_ptr(),
                    target.as_mut_ptr().cast(),
                    target.len(),
                )
            };
            let len = usize::try_from(len).map_err(|_| io::Error::last_os_error())?;
            let target = target.get(..len).unwrap_or_default();
            let flags = reach | OFlag::O_DIRECTORY;
            Ok(openat(&dir, Path::new(OsStr::from_bytes(target)), flags, Mode::empty())?)
        }
        libc::S_IFLNK => Err(io::Error::from_raw_os_error(libc::ELOOP)),
        _ => Err(io::Error::from_raw_os_error(libc::ENOTDIR)),
    }
}

/// The user we act as.
#[must_use]
pub fn own_uid() -> u32 {
    geteuid().as_raw()
}

/// What a file system allows, and whether it has room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystem {
    /// Nothing on it can be executed.
    pub noexec: bool,
    /// Nothing on it can be written.
    pub read_only: bool,
    /// No block, or no file, is left for an ordinary user.
    pub full: bool,
}

/// The file system that `path` lies on.
///
/// # Errors
/// statvfs(3).
pub fn file_system(path: &Path) -> io::Result<FileSystem> {
    let found = statvfs(path)?;
    // Where files are not counted, there are 0 of 0.
    let files = found.files() > 0 && found.files_available() == 0;
    Ok(FileSystem {
        noexec: found.flags().contains(FsFlags::ST_NOEXEC),
        read_only: found.flags().contains(FsFlags::ST_RDONLY),
        full: files || (found.blocks() > 0 && found.blocks_available() == 0),
    })
}

/// Whether we may write there: make files in a directory, or write a file.
#[must_use]
pub fn is_writable(path: &Path) -> bool {
    faccessat(AT_FDCWD, path, AccessFlags::W_OK, AtFlags::AT_EACCESS).is_ok()
}

/// The two halves of a device's number, as `/proc` writes them.
#[must_use]
pub fn device(dev: u64) -> (u32, u32) {
    let half = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    (half(major(dev)), half(minor(dev)))
}

/// Which file it is, as far as that is known without asking a server; links are followed.
pub(crate) fn identity_in_cache(path: &Path) -> Option<Identity> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut found = std::mem::MaybeUninit::<libc::statx>::zeroed();
    let (flags, room) = (libc::AT_STATX_DONT_SYNC, found.as_mut_ptr());
    let (dir, path_at) = (libc::AT_FDCWD, path.as_ptr());
    // The call itself: std knows the function as a weak symbol, and in a static program a weak
    // symbol is nothing.
    // SAFETY: a C string, and room for one statx.
    let asked =
        unsafe { libc::syscall(libc::SYS_statx, dir, path_at, flags, libc::STATX_INO, room) };
    if asked != 0 {
        // Where the call itself is forbidden, the old one is not.
        let found = nix::sys::stat::stat(path.as_c_str()).ok()?;
        return Some(Identity { dev: found.st_dev, ino: found.st_ino });
    }
    // SAFETY: the call has filled it in; all zeroes are a valid value as well.
    let found = unsafe { found.assume_init() };
    let dev = libc::makedev(found.stx_dev_major, found.stx_dev_minor);
    Some(Identity { dev, ino: found.stx_ino })
}
