//! Execute ourselves anew, in place: the pid stays, so children stay ours and their ends are not
//! lost, and so do the descriptors that are handed over.
//!
//! What the successor must know stands in a variable of the environment, which services never see:
//! our pid (a child that inherits it is not meant), the signal mask we were given, and the highest
//! descriptor. Which descriptor is what he finds out by device and inode.

use std::collections::HashMap;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{SigSet, Signal};

use crate::entry;
use crate::limits::{self, OpenFiles};
use crate::spawn::Identity;

/// The variable.
pub(crate) const VARIABLE: &str = "KEEPUP_SUCCESSOR";
/// The first descriptor that is handed over.
const FIRST: RawFd = 3;
/// No descriptor is higher: more than the kernel's own limit of open files (`fs.nr_open`).
const HIGHEST_MAX: RawFd = 1 << 20;

/// What was handed over.
#[derive(Debug, Default)]
pub struct Inherited {
    files: HashMap<Identity, File>,
    mask: Option<SigSet>,
}

impl Inherited {
    /// Takes what our predecessor has handed over; `None` where we were not executed by one, and
    /// the second time. To be called before any descriptor is opened.
    #[must_use]
    pub fn take() -> Option<Self> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        if TAKEN.swap(true, Ordering::Relaxed) {
            return None;
        }
        let (mask, highest) = meant_for(std::process::id(), &std::env::var_os(VARIABLE)?)?;
        let mut files = HashMap::new();
        for fd in FIRST..=highest {
            // SAFETY: takes a number; it says whether that is open.
            if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
                continue;
            }
            // SAFETY: it is open: our predecessor has left it for us. Nobody else in this process
            // knows it, for nothing was opened yet.
            let file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
            if let Ok(meta) = file.metadata() {
                files.insert(Identity { dev: meta.dev(), ino: meta.ino() }, file);
            }
        }
        Some(Self { files, mask: Some(mask) })
    }

    /// The open file that `path` names, if it was handed over.
    pub fn find(&mut self, path: &Path) -> Option<File> {
        if self.files.is_empty() {
            return None;
        }
        let meta = std::fs::symlink_metadata(path).ok()?;
        self.files.remove(&Identity { dev: meta.dev(), ino: meta.ino() })
    }

    /// The signal mask that the first of us was given.
    #[must_use]
    pub fn mask(&self) -> Option<SigSet> {
        self.mask
    }
}

fn meant_for(pid: u32, value: &OsStr) -> Option<(SigSet, RawFd)> {
    let mut words = value.to_str()?.split(' ');
    let mut word = || words.next();
    let (for_pid, bits, highest) = (word()?, word()?, word()?);
    if for_pid.parse::<u32>().ok()? != pid {
        return None;
    }
    let bits = u64::from_str_radix(bits, 16).ok()?;
    let highest: RawFd = highest.parse().ok()?;
    let set = Signal::iterator().filter(|signal| bits & bit(*signal) != 0).collect();
    (highest <= HIGHEST_MAX).then_some((set, highest))
}

fn value(pid: u32, mask: &SigSet, highest: RawFd) -> OsString {
    let bits =
        Signal::iterator().filter(|signal| mask.contains(*signal)).fold(0, |a, s| a | bit(s));
    format!("{pid} {bits:x} {highest}").into()
}

const fn bit(signal: Signal) -> u64 {
    1 << signal as u32
}

/// Becomes `program`, with our arguments and our environment, and hands over `keep`. Signals stay
/// blocked, so none is lost. Returns only where that failed, with everything as before.
#[must_use]
pub fn execute(
    program: &Path,
    keep: &[BorrowedFd<'_>],
    mask: &SigSet,
    original: OpenFiles,
) -> io::Error {
    let highest = keep.iter().map(AsRawFd::as_raw_fd).max().unwrap_or(FIRST);
    let handed = value(std::process::id(), mask, highest);
    let strings = (path(program), arguments(), environment(&handed));
    let (Ok(program), Ok(arguments), Ok(environment)) = strings else {
        return io::ErrorKind::InvalidInput.into();
    };
    let ours = limits::open_files();
    set_inherited(keep, true);
    entry::restore_sigpipe();
    let _ = limits::set_open_files(original);
    let (argv, envp) = (pointers(&arguments), pointers(&environment));
    // SAFETY: a path and two arrays of strings, each ended by a null pointer, that live on.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    let error = io::Error::last_os_error();
    if let Ok(ours) = ours {
        let _ = limits::set_open_files(ours);
    }
    entry::ignore_sigpipe();
    set_inherited(keep, false);
    error
}

fn set_inherited(fds: &[BorrowedFd<'_>], inherited: bool) {
    let flag = if inherited { 0 } else { libc::FD_CLOEXEC };
    for fd in fds {
        // SAFETY: an open descriptor and two numbers.
        unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, flag) };
    }
}

fn path(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

fn arguments() -> io::Result<Vec<CString>> {
    std::env::args_os().map(|word| Ok(CString::new(word.into_vec())?)).collect()
}

fn environment(handed: &OsStr) -> io::Result<Vec<CString>> {
    let own = std::env::vars_os().filter(|(name, _)| name != VARIABLE);
    own.chain([(VARIABLE.into(), handed.to_owned())])
        .map(|(name, value)| {
            let pair = [name.into_vec(), value.into_vec()].join(&b'=');
            Ok(CString::new(pair)?)
        })
        .collect()
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_over_is_read_by_the_same_process_only() {
        let mask: SigSet = [Signal::SIGHUP, Signal::SIGSYS].into_iter().collect();
        let value = value(42, &mask, 17);
        assert_eq!(value, "42 80000002 17");
        let (read, highest) = meant_for(42, &value).unwrap();
        assert_eq!((read, highest), (mask, 17));
        assert_eq!(meant_for(43, &value), None);
    }

    #[test]
    fn a_variable_that_somebody_made_up_is_nothing() {
        for text in ["", "42", "42 0", "x 0 9", "42 xyz 9", "42 0 -", "42 0 99999999"] {
            assert_eq!(meant_for(42, OsStr::new(text)), None, "{text}");
        }
    }
}
