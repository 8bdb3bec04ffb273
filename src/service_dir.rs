//! A service directory as svc, svstat and svok meet it.
//!
//! The originals enter each directory and come back. We stay where we are, which spares two system
//! calls and a descriptor, and look for what chdir would have said only after something failed.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// A directory named on the command line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServiceDir<'a>(&'a OsStr);

impl<'a> ServiceDir<'a> {
    pub(crate) const fn new(name: &'a OsStr) -> Self {
        Self(name)
    }

    /// Its name as it was given, for messages.
    pub(crate) fn name(self) -> &'a [u8] {
        self.0.as_bytes()
    }

    /// The path of one of its files.
    pub(crate) fn file(self, name: &str) -> PathBuf {
        if self.0.is_empty() {
            return PathBuf::new(); // joined to nothing, `name` would be a file of this directory
        }
        Path::new(self.0).join(name)
    }

    /// What chdir into it would say, where it would fail.
    pub(crate) fn refusal(self) -> Option<io::Error> {
        self.file(".").metadata().err()
    }
}
