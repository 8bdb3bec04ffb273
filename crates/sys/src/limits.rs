//! How many descriptors we may have.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The soft and the hard limit of open files (`RLIMIT_NOFILE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// What counts.
    pub soft: u64,
    /// What an unprivileged process may raise it to.
    pub hard: u64,
}

/// The limits as they are.
///
/// # Errors
/// getrlimit(2).
pub fn open_files() -> io::Result<OpenFiles> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(OpenFiles { soft, hard })
}

/// Sets the limits.
///
/// # Errors
/// setrlimit(2).
pub fn set_open_files(limits: OpenFiles) -> io::Result<()> {
    Ok(setrlimit(Resource::RLIMIT_NOFILE, limits.soft, limits.hard)?)
}

/// Raises the soft limit to the hard one; gives the limits as they were.
///
/// # Errors
/// getrlimit(2), setrlimit(2).
pub fn raise_open_files() -> io::Result<OpenFiles> {
    let original = open_files()?;
    setrlimit(Resource::RLIMIT_NOFILE, original.hard, original.hard)?;
    Ok(original)
}
