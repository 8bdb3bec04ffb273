//! Files that stay open from before root's power was given up.
//!
//! The drift file is replaced by renaming a new one, which takes the right to write its directory.
//! Where the user that ntpd becomes has not got that, as in a service directory of root's, the
//! files are opened before, and then written in place: the new text over the old one in one call,
//! and cut behind it only then, so that whoever reads meanwhile finds a number. Where somebody else
//! may change what a name leads to, root opens nothing: it could be any file of the machine.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sys::way::{self, Way};

/// Whether a file of this mode is for those who are neither its owner nor of its group.
pub(crate) fn is_for_others(mode: u32) -> bool {
    mode & 0o007 != 0
}

/// The files.
#[derive(Debug, Default)]
pub(crate) struct Held {
    files: Vec<(PathBuf, File)>,
}

impl Held {
    /// Opens `path`, unless this user will be able to replace it. Where it is not there it is made
    /// with `mode`.
    ///
    /// # Errors
    /// It can be neither opened nor made.
    pub(crate) fn hold(
        &mut self,
        path: &Path,
        mode: u32,
        uid: u32,
        groups: &[u32],
    ) -> io::Result<()> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        let found = directory.metadata()?;
        if may_write(uid, groups, found.uid(), found.gid(), found.mode()) {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(mode);
        let way = way::of(path)?;
        match way.open(&options)? {
            Some(file) => {
                // A secret may lie in one that was there and was for everybody to read.
                let found = file.metadata()?;
                if found.is_file() && !is_for_others(mode) && is_for_others(found.mode()) {
                    file.set_permissions(Permissions::from_mode(mode))?;
                }
                self.files.push((path.to_owned(), file));
            }
            None => return Err(not_roots_alone(&way)),
        }
        Ok(())
    }

    /// Whether any is held.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        self.files.iter().any(|(held, _)| held == path)
    }

    /// Writes the one that is held for `path`, if there is one.
    pub(crate) fn write(&self, path: &Path, text: &str) -> Option<io::Result<()>> {
        let (_, file) = self.files.iter().find(|(held, _)| held == path)?;
        let whole = || {
            file.write_all_at(text.as_bytes(), 0)?;
            file.set_len(text.len() as u64)?;
            file.sync_all()
        };
        Some(whole())
    }
}

/// Root does not open what somebody else may have led elsewhere.
pub(crate) fn not_roots_alone(way: &Way) -> io::Error {
    let at = match way {
        Way::Safe(at) | Way::New(at) | Way::Exposed(at) => at,
    };
    io::Error::other(format!("others than root may write {}", at.display()))
}

/// Whether a directory with this owner, group and mode may be written by this user.
fn may_write(uid: u32, groups: &[u32], owner: u32, group: u32, mode: u32) -> bool {
    let bits = match () {
        () if uid == 0 => return true,
        () if uid == owner => mode >> 6,
        () if groups.contains(&group) => mode >> 3,
        () => mode,
    };
    bits & 0o3 == 0o3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_that_fits_first_decides() {
        assert!(may_write(0, &[0], 5, 5, 0), "root");
        assert!(may_write(7, &[8], 7, 9, 0o700) && !may_write(7, &[9], 7, 9, 0o077));
        assert!(may_write(7, &[8, 9], 0, 9, 0o030) && !may_write(7, &[9], 0, 9, 0o707));
        assert!(may_write(7, &[8], 0, 9, 0o777) && !may_write(7, &[8], 0, 9, 0o755));
    }

    #[test]
    fn a_held_file_is_written_in_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("drift");
        std::fs::write(&path, "-123.456 and more\n").unwrap();
        let mut held = Held::default();
        // Nobody who is not the owner may write a directory of mode 700.
        held.hold(&path, 0o644, u32::MAX - 1, &[u32::MAX - 1]).unwrap();
        assert!(held.holds(&path));
        held.write(&path, "1.500\n").unwrap().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1.500\n");
        assert!(held.write(&dir.path().join("other"), "").is_none());
    }
}
