//! Whom the kernel kills when memory runs out (`proc_pid_oom_score_adj(5)`): not us, who would have
//! to set things right.

use std::ffi::{CStr, CString};
use std::fs;

const OWN: &str = "/proc/self/oom_score_adj";
/// The same, as a child opens it.
pub(crate) const OWN_PATH: &CStr = c"/proc/self/oom_score_adj";
/// As systemd protects its own: almost never, but before the machine is lost.
const PROTECTED: i32 = -900;

/// Gives the protection up: whoever executes itself anew is as it was.
pub fn expose(had: &CStr) {
    let _ = fs::write(OWN, had.to_bytes());
}

/// The adjustment as it is.
#[must_use]
pub fn score() -> Option<CString> {
    CString::new(fs::read_to_string(OWN).ok()?.trim()).ok()
}

/// As [`expose`], by system calls only.
pub(crate) fn expose_plainly(had: &CStr) {
    // SAFETY: a path that lives on.
    let fd = unsafe { libc::open(OWN_PATH.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
    if fd >= 0 {
        // SAFETY: a descriptor of ours, and bytes that live on.
        unsafe { libc::write(fd, had.as_ptr().cast(), had.count_bytes()) };
    }
}

/// Protects us, where we may; gives the adjustment we had, which is what children are to have.
/// `None`: nothing was changed.
#[must_use]
pub fn protect() -> Option<CString> {
    let had = fs::read_to_string(OWN).ok()?;
    let value: i32 = had.trim().parse().ok()?;
    if value <= PROTECTED {
        return None;
    }
    fs::write(OWN, PROTECTED.to_string()).ok()?;
    CString::new(value.to_string()).ok()
}
