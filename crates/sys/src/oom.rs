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
