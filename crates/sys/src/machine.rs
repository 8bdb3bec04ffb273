//! The machine as a whole, as its process 1 sees it.

use std::fs;
use std::path::Path;

/// The pid namespace that the kernel began with (`PROC_PID_INIT_INO` in `linux/proc_ns.h`).
const FIRST_NAMESPACE: &str = "pid:[4026531836]";

/// Whether the kernel panics when this process ends: it is process 1, and not a container's. Where
/// there is no /proc to tell the two apart it is taken for a container's.
#[must_use]
pub fn ends_with_us() -> bool {
    let namespace = || fs::read_link("/proc/self/ns/pid");
    std::process::id() == 1 && namespace().is_ok_and(|name| name == Path::new(FIRST_NAMESPACE))
}

/// Has everything written to the disks that is on its way there: sync(2).
pub fn sync() {
    nix::unistd::sync();
}

#[test]
fn a_test_is_not_process_one() {
    assert!(!ends_with_us());
}
