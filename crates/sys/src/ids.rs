//! Becoming somebody else: the user and the groups of this process.

use std::io;

use nix::unistd::{Gid, Uid, geteuid, setgid, setgroups, setuid};

/// How many groups a process may have (`NGROUPS_MAX`).
pub const GROUPS_MAX: usize = 65536;

/// Who we are, as far as rights go.
#[must_use]
pub fn effective_uid() -> u32 {
    geteuid().as_raw()
}

/// Sets the supplementary groups.
///
/// # Errors
/// setgroups(2): we may not, or they are too many.
pub fn set_groups(groups: &[u32]) -> io::Result<()> {
    let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
    Ok(setgroups(&groups)?)
}

/// Sets the group, for root the real, effective and saved one.
///
/// # Errors
/// setgid(2).
pub fn set_gid(gid: u32) -> io::Result<()> {
    Ok(setgid(Gid::from_raw(gid))?)
}

/// Sets the user, for root the real, effective and saved one: there is no way back.
///
/// # Errors
/// setuid(2).
pub fn set_uid(uid: u32) -> io::Result<()> {
    Ok(setuid(Uid::from_raw(uid))?)
}
