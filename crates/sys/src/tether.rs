//! A child process that does not outlive its parent.

use std::io;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

/// Called by a child at its start: from now on it is killed when its parent ends.
///
/// # Errors
/// Those of prctl(2).
pub fn end_with_parent() -> io::Result<()> {
    Ok(set_pdeathsig(Signal::SIGKILL)?)
}
