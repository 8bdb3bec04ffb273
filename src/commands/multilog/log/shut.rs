//! A log directory that cannot be opened, under a policy that does not wait: its lines are dropped
//! and counted, all else goes on, and it is tried again and again.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind};
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
    let unable = |verb: &str, why: Option<String>, error: io::Error| {
        let what = format!("{verb} directory {}", path.display());
        Trouble::unable(what, because(error, why))
    };
    let made = DirBuilder::new().mode(0o700).create(path);
    let dir = Dir::open(path).map_err(|error| unable("open", why_not_made(path, made), error))?;
    let locked = sys::lock::acquire_now(&path.join(LOCK));
    let lock = locked.map_err(|error| unable("lock", why_not_locked(path, &error), error))?;
    Ok((dir, lock))
}

/// The same error, with more words after its own.
fn because(error: io::Error, why: Option<String>) -> io::Error {
    let Some(why) = why else { return error };
    io::Error::new(error.kind(), format!("{}: {why}", cli::reason(&error)))
}

/// Why there is no directory to be opened: under `setuidgid`, that of the logger is mostly root's.
fn why_not_made(path: &Path, made: io::Result<()>) -> Option<String> {
    let is_refused = made.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
    let parent = path.parent().filter(|parent| !path.exists() && *parent != Path::new(""))?;
    is_refused.then(|| format!("{} may not make it in {}", who(), whole(parent)))
}

fn why_not_locked(path: &Path, error: &io::Error) -> Option<String> {
    if error.kind() == ErrorKind::WouldBlock {
        return Some("another multilog writes there".into());
    }
    let is_refused = error.kind() == ErrorKind::PermissionDenied;
    is_refused.then(|| format!("{} must own {} and all that is in it", who(), whole(path)))
}

fn who() -> String {
    format!("uid {}, as which multilog runs,", sys::ids::effective_uid())
}

/// A logger's own words for its directory are `./main`, which many have.
fn whole(path: &Path) -> String {
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> io::Error {
        ErrorKind::PermissionDenied.into()
    }

    #[test]
    fn who_may_not_make_the_directory_is_told_where() {
        let here = std::env::current_dir().unwrap_or_default();
        let said = format!("{} may not make it in {}", who(), here.display());
        let path = Path::new("./no-such-directory");
        assert_eq!(why_not_made(path, Err(refused())), Some(said));
        assert_eq!(why_not_made(path, Err(ErrorKind::NotFound.into())), None);
        assert_eq!(why_not_made(Path::new("./src"), Err(refused())), None);
        assert_eq!(why_not_made(path, Ok(())), None);
    }

    #[test]
    fn why_a_directory_is_not_locked_follows_the_words_of_daemontools() {
        let said = |error: io::Error| {
            let why = why_not_locked(Path::new("/proc"), &error);
            because(error, why)
        };
        let taken = said(ErrorKind::WouldBlock.into());
        assert!(taken.to_string().ends_with(": another multilog writes there"), "{taken}");
        assert_eq!(taken.kind(), ErrorKind::WouldBlock);
        let others = said(refused()).to_string();
        let why = format!(": {} must own /proc and all that is in it", who());
        assert!(others.ends_with(&why), "{others}");
        assert_eq!(
            said(io::Error::from_raw_os_error(sys::ENOSYS)).raw_os_error(),
            Some(sys::ENOSYS)
        );
    }
}
