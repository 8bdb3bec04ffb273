//! Who owns a directory, and whether it can keep us waiting.

use std::io;
use std::path::Path;

use nix::sys::statfs::{
    AFS_SUPER_MAGIC, CODA_SUPER_MAGIC, FUSE_SUPER_MAGIC, FsType, NFS_SUPER_MAGIC, SMB_SUPER_MAGIC,
    statfs,
};

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
    Ok(REMOTE.contains(&statfs(path)?.filesystem_type()))
}

/// Whether files of this owner are as good as ours: our own, or root's.
#[must_use]
pub fn is_trusted_owner(uid: u32) -> bool {
    uid == 0 || uid == nix::unistd::geteuid().as_raw()
}
