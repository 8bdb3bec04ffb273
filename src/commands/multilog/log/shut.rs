//! A log directory that cannot be opened, under a policy that does not wait: its lines are dropped
//! and counted, all else goes on, and it is tried again and again.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use logger::{Full, LOCK, LogSpec, Repair};
use sys::dir::Dir;

use super::super::trouble::{Trouble, warn};
use super::Log;
use super::intents::Intents;

/// Opens the directory, makes it where it is missing, and locks it.
pub(super) fn enter(spec: &LogSpec) -> Result<(Dir, File), Trouble> {
    let path = Path::new(OsStr::from_bytes(&spec.dir));
    let unable = |verb: &str| {
        let what = format!("{verb} directory {}", path.display());
        move |error| Trouble::unable(&what, error)
    };
    // Where this fails, opening it will tell.
    let _ = DirBuilder::new().mode(0o700).create(path);
    let dir = Dir::open(path).map_err(unable("open"))?;
    let lock = sys::lock::acquire_now(&path.join(LOCK)).map_err(unable("lock"))?;
    Ok((dir, lock))
}

/// Whether the log begins all the same: not beside another multilog, which is a mistake.
pub(super) fn may_begin_without(spec: &LogSpec, trouble: &Trouble) -> bool {
    spec.settings.full != Full::Block && !trouble.is(ErrorKind::WouldBlock)
}

impl Log<'_> {
    /// Whether nothing can be done in the directory.
    pub(in super::super) fn is_shut(&self) -> bool {
        self.lock.is_none()
    }

    /// Lines are dropped from here on.
    pub(super) fn shut(&mut self, trouble: &Trouble) {
        let sentence = trouble.to_string();
        warn(format_args!("{sentence}; dropping lines"));
        self.care.reason = Some(sentence);
        (self.current, self.lock) = (None, None);
        self.intents = Intents::default();
        self.rotation_at = 0;
        self.full = false;
    }

    /// Tries it again.
    pub(super) fn open_late(&mut self) {
        let Ok((dir, lock)) = enter(&self.spec) else { return };
        self.dir = dir;
        self.lock = Some(lock);
        if self.recover_here(&Repair::default()).is_err() {
            (self.current, self.lock) = (None, None);
        } else if self.care.dropped == 0 {
            warn(format_args!("going on with {}", self.name));
        }
    }
}
