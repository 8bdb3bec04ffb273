//! The limit of processes on hosts where version 2 has no controllers: the pids hierarchy of
//! version 1, beside the group of version 2 and for nothing else.

use std::ffi::{CString, OsStr};
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{CGROUP_SUPER_MAGIC, statfs};

use super::mounts::{Kind, shown_at};
use super::tree::{NoTree, probe, seen};
use super::{entrance, keyed};

/// The controller, and its mount option.
const PIDS: &str = "pids";

/// What is looked for here, for the operator.
const VERSION: &str = "version 1 with the pids controller";

/// A directory of the pids hierarchy of version 1 under which we may make groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct V1Pids {
    dir: PathBuf,
}

/// A group of the pids hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct V1Group {
    path: PathBuf,
}

impl V1Pids {
    /// The group we are in, if we may make groups in it: one is made and removed.
    ///
    /// # Errors
    /// Why there are none.
    pub fn find() -> Result<Self, NoTree> {
        let (mounts, own) = seen(Some(PIDS)).map_err(NoTree::NoProc)?;
        let own = own.ok_or(NoTree::NotMounted(VERSION))?;
        let has_pids = |kind: &Kind| match kind {
            Kind::Unified => false,
            Kind::V1(options) => options.iter().any(|option| option == PIDS),
        };
        let mut why = NoTree::NotMounted(VERSION);
        for mount in mounts.iter().filter(|mount| has_pids(&mount.kind)) {
            let Some(dir) = shown_at(mount, &own).filter(|dir| is_v1(dir)) else {
                why = NoTree::Outside(own.clone());
                continue;
            };
            match probe(&dir) {
                Ok(()) => return Ok(Self { dir }),
                Err(error) => why = NoTree::Refused(dir, error),
            }
        }
        Err(why)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// The group of that name; made where it is not there yet.
    ///
    /// # Errors
    /// As those of [`super::Tree::group`].
    pub fn group(&self, name: &OsStr) -> io::Result<V1Group> {
        entrance::make(&self.dir, name).map(|path| V1Group { path })
    }
}

impl V1Group {
    /// A group recorded earlier.
    ///
    /// # Errors
    /// `ENOENT` where it is gone; `EINVAL` where it is none of version 1.
    pub fn at(path: &Path) -> io::Result<Self> {
        if std::fs::symlink_metadata(path)?.is_dir() && path.is_absolute() && is_v1(path) {
            return Ok(Self { path: path.to_owned() });
        }
        Err(io::Error::from_raw_os_error(libc::EINVAL))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file by which a child enters: [`crate::spawn::Step::Group`].
    ///
    /// # Errors
    /// None that a path which the kernel has taken can give.
    pub fn entrance(&self) -> io::Result<CString> {
        entrance::entrance(&self.path)
    }

    /// How many processes and threads it may have: a number or `max`.
    ///
    /// # Errors
    /// `EINVAL` for anything else.
    pub fn limit(&self, value: &str) -> io::Result<()> {
        entrance::write(&self.path, "pids.max", value)
    }

    /// How often a fork was refused because of the limit.
    ///
    /// # Errors
    /// `EINVAL` where the kernel does not count that.
    pub fn refused(&self) -> io::Result<u64> {
        let text = entrance::read(&self.path, "pids.events")?;
        keyed::value(&text, "max").ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))
    }

    /// Removes it.
    ///
    /// # Errors
    /// `EBUSY` where somebody is in it, be it one that has ended and was not reaped.
    pub fn remove(&self) -> io::Result<()> {
        entrance::remove(&self.path)
    }
}

fn is_v1(path: &Path) -> bool {
    statfs(path).is_ok_and(|fs| fs.filesystem_type() == CGROUP_SUPER_MAGIC)
}
