//! `supervise/` of a service directory, held open for the moment in which files in it are made or
//! replaced.
//!
//! Whoever owns the service directory, or may write in it, can put a link in the place of
//! `supervise/` at any time, also between a look and our write. Held, it is the directory that was
//! looked at. A descriptor for as long as the service lives would be one of the few that limit how
//! many services there can be; and where nobody else may write there is nothing to fear.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use contract::layout;
use sys::place;

/// The directory.
#[derive(Debug)]
pub(crate) struct SuperviseDir {
    dir: PathBuf,
    /// Where somebody else could exchange it.
    open: Option<OwnedFd>,
}

impl SuperviseDir {
    /// Of the service directory `dir`.
    ///
    /// # Errors
    /// It is not there; `ELOOP` where it is a link of somebody else.
    pub(crate) fn of(dir: &Path) -> io::Result<Self> {
        let exposed = place::is_exposed(dir);
        let open = exposed.then(|| place::hold(dir, layout::SUPERVISE)).transpose()?;
        Ok(Self { dir: dir.to_owned(), open })
    }

    /// Where one of its files is, by its name in the service directory. Good as long as this lives.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        let name = Path::new(file).strip_prefix(layout::SUPERVISE);
        match (&self.open, name) {
            (Some(fd), Ok(name)) => {
                let held = PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()));
                // Without /proc there is no such way.
                if held.exists() { held.join(name) } else { self.dir.join(file) }
            }
            (_, _) => self.dir.join(file),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// A service directory in which everybody may write.
    fn exposed() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        fs::create_dir(dir.path().join(layout::SUPERVISE)).unwrap();
        dir
    }

    #[test]
    fn what_is_exchanged_meanwhile_leads_nobody_elsewhere() {
        let (dir, elsewhere) = (exposed(), tempfile::tempdir().unwrap());
        let held = SuperviseDir::of(dir.path()).unwrap();
        let moved = dir.path().join("moved");
        fs::rename(dir.path().join(layout::SUPERVISE), &moved).unwrap();
        symlink(elsewhere.path(), dir.path().join(layout::SUPERVISE)).unwrap();
        fs::write(held.path(layout::STATUS_NEW), "x").unwrap();
        fs::rename(held.path(layout::STATUS_NEW), held.path(layout::STATUS)).unwrap();
        assert_eq!(fs::read(moved.join("status")).unwrap(), b"x");
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_link_of_our_own_is_followed_and_a_directory_of_ours_alone_is_not_held() {
        let (dir, elsewhere) = (exposed(), tempfile::tempdir().unwrap());
        let supervise = dir.path().join(layout::SUPERVISE);
        fs::remove_dir(&supervise).unwrap();
        symlink(elsewhere.path(), &supervise).unwrap();
        fs::write(SuperviseDir::of(dir.path()).unwrap().path(layout::STATUS), "x").unwrap();
        assert!(elsewhere.path().join("status").exists());
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = SuperviseDir::of(dir.path()).unwrap().path(layout::STATUS);
        assert_eq!(path, dir.path().join(layout::STATUS));
        assert!(SuperviseDir::of(&dir.path().join("nowhere")).is_err());
    }
}
