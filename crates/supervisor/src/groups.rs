//! A control group for each service, where the kernel and whoever runs us allow it: then a service
//! is exactly the processes in its group, whatever they do to hide.

use std::ffi::{CString, OsString};
use std::fs;
use std::io;
use std::path::Path;

use contract::layout;
use sys::cgroup::{Group, Tree};
use sys::spawn::Identity;

use crate::task::Task;

/// Names of groups begin with it, so that it is seen who made them.
const PREFIX: &str = "keepup";
/// So much of a service's name is in the name of its group: the kernel allows 255 in all.
const NAME_MAX: usize = 100;

/// The control group of a service.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) group: Group,
    /// The file by which a child enters it.
    pub(crate) entrance: CString,
}

/// Finds or makes the group of a service, and says where it is in `supervise/cgroup`.
///
/// # Errors
/// The limit of groups is reached, or somebody has taken the right to make them.
pub(crate) fn join(tree: &Tree, task: &Task) -> io::Result<Membership> {
    let group = tree.group(&name(&task.name, task.identity))?;
    let entrance = group.entrance()?;
    // Frozen by somebody, it would keep us waiting for a child that does not run.
    let _ = group.thaw();
    link(&task.dir, group.path())?;
    Ok(Membership { group, entrance })
}

/// Removes the group, if nobody is in it.
pub(crate) fn leave(dir: &Path, membership: &Membership) {
    if membership.group.remove().is_ok() {
        let _ = fs::remove_file(dir.join(layout::CGROUP));
    }
}

fn link(dir: &Path, group: &Path) -> io::Result<()> {
    let link = dir.join(layout::CGROUP);
    if fs::read_link(&link).is_ok_and(|old| old == group) {
        return Ok(());
    }
    match fs::remove_file(&link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    std::os::unix::fs::symlink(group, &link)
}

/// `keepup.NAME.DEV-INO`: the same for a directory whatever link leads to it, and readable.
fn name(service: &str, identity: Identity) -> OsString {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_@+".contains(c) { c } else { '_' };
    let name: String = service.chars().map(plain).take(NAME_MAX).collect();
    format!("{PREFIX}.{name}.{:x}-{:x}", identity.dev, identity.ino).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_called_by_its_service_and_its_directory() {
        let identity = Identity { dev: 0xfe01, ino: 42 };
        assert_eq!(name("ntpd/log", identity), "keepup.ntpd_log.fe01-2a");
        assert_eq!(name("../\n\u{fc}", identity), "keepup._____.fe01-2a");
        assert!(name(&"x".repeat(1000), identity).len() < 255);
    }

    #[test]
    fn the_link_says_where_the_group_is_and_takes_the_place_of_an_old_one() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(layout::SUPERVISE)).unwrap();
        for group in ["/a/b", "/a/b", "/c"] {
            link(dir.path(), Path::new(group)).unwrap();
            let seen = fs::read_link(dir.path().join(layout::CGROUP)).unwrap();
            assert_eq!(seen, Path::new(group));
        }
    }
}
