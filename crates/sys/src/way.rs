//! Whether a path leads where root meant it to: nobody else may change anything on the way.
//!
//! A link, or a directory of somebody else's, may lead a program with root's power to any file of
//! the machine. What is looked at here stays as it is, as only root could change it; so there is no
//! moment between the look and the use.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use crate::place::{exposes, is_trusted_owner};

/// So many links are followed, as the kernel does (`path_resolution(7)`).
const LINKS_MAX: u32 = 40;

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// To this file, or to where one can be made: nobody but root and ourselves may change that.
    Safe(PathBuf),
    /// To nothing, in a directory where everybody may make files and none may remove another's.
    New(PathBuf),
    /// Through this directory, in which somebody else may exchange what is on the way.
    Exposed(PathBuf),
}

impl Way {
    /// Opens what it leads to, `None` where that is somebody else's to say.
    ///
    /// # Errors
    /// open(2); `EEXIST` and `ELOOP` where somebody was faster.
    pub fn open(&self, options: &OpenOptions) -> io::Result<Option<File>> {
        let mut options = options.clone();
        options.custom_flags(crate::fifo::O_NONBLOCK);
        match self {
            Self::Safe(path) => options.open(path).map(Some),
            Self::New(path) => options.create_new(true).open(path).map(Some),
            Self::Exposed(_) => Ok(None),
        }
    }
}

/// How far a directory can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Closed,
    /// Others may make files, and leave ours alone.
    Sticky,
    Open,
}

fn trust(dir: &Metadata) -> Trust {
    if !exposes(dir.uid(), dir.mode()) {
        Trust::Closed
    } else if is_trusted_owner(dir.uid()) && dir.mode() & libc::S_ISVTX != 0 {
        Trust::Sticky
    } else {
        Trust::Open
    }
}

/// Where `path` leads, by way of all links.
///
/// # Errors
/// lstat(2) and readlink(2) of what is on the way; `ELOOP`.
pub fn of(path: &Path) -> io::Result<Way> {
    let path = std::path::absolute(path)?;
    let mut at = PathBuf::from("/");
    let mut todo: VecDeque<OsString> = VecDeque::new();
    push_front(&mut todo, &path);
    let mut links = 0;
    while let Some(name) = todo.pop_front() {
        let dir = fs::symlink_metadata(&at)?;
        let trust = trust(&dir);
        if trust == Trust::Open {
            return Ok(Way::Exposed(at));
        }
        if name == ".." {
            at.pop();
            continue;
        }
        let child = at.join(&name);
        let found = match fs::symlink_metadata(&child) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && todo.is_empty() => {
                return Ok(if trust == Trust::Closed { Way::Safe(child) } else { Way::New(child) });
            }
            found => found?,
        };
        if trust == Trust::Sticky && !is_kept(&found) {
            return Ok(Way::Exposed(at));
        }
        if !found.is_symlink() {
            at = child;
        } else if at.starts_with("/proc") {
            // What the kernel itself leads to may have no name.
            return Ok(Way::Safe(todo.iter().fold(child, |way, name| way.join(name))));
        } else if links == LINKS_MAX {
            return Err(io::Error::from_raw_os_error(libc::ELOOP));
        } else {
            links += 1;
            let target = fs::read_link(&child)?;
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            push_front(&mut todo, &target);
        }
    }
    Ok(Way::Safe(at))
}

/// Whether what lies in a sticky directory stays there: it is ours, and no second name of a file
/// from elsewhere.
fn is_kept(found: &Metadata) -> bool {
    is_trusted_owner(found.uid()) && (!found.is_file() || found.nlink() == 1)
}

fn push_front(todo: &mut VecDeque<OsString>, path: &Path) {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    for name in names.collect::<Vec<_>>().into_iter().rev() {
        todo.push_front(name);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// A directory that nobody else can get at, and its own path.
    fn dir() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        (dir, path)
    }

    fn opened(dir: &Path, mode: u32) {
        fs::create_dir(dir).unwrap();
        fs::set_permissions(dir, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn links_of_ours_are_followed_where_nobody_else_may_write() {
        let (_dir, at) = dir();
        opened(&at.join("real"), 0o755);
        fs::write(at.join("real/file"), "").unwrap();
        symlink("../real", at.join("real/again")).unwrap();
        symlink(at.join("real"), at.join("link")).unwrap();
        let file = Way::Safe(at.join("real/file"));
        for path in ["real/file", "link/file", "link/again/./again/file", "link/../real/file"] {
            assert_eq!(of(&at.join(path)).unwrap(), file, "{path}");
        }
        assert_eq!(of(&at.join("link/none")).unwrap(), Way::Safe(at.join("real/none")));
        assert_eq!(of(&at.join("none/x")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(of(&at.join("real/file/x")).unwrap_err().kind(), io::ErrorKind::NotADirectory);
        symlink("loop", at.join("loop")).unwrap();
        assert_eq!(of(&at.join("loop")).unwrap_err().raw_os_error(), Some(libc::ELOOP));
    }

    #[test]
    fn a_directory_that_others_may_write_is_told_wherever_it_is_on_the_way() {
        let (_dir, at) = dir();
        for mode in [0o777, 0o775] {
            let open = at.join(format!("open-{mode:o}"));
            opened(&open, mode);
            opened(&open.join("below"), 0o755);
            fs::write(open.join("below/file"), "").unwrap();
            symlink(open.join("below/file"), at.join(format!("link-{mode:o}"))).unwrap();
            let paths =
                [open.join("x"), open.join("below/file"), at.join(format!("link-{mode:o}"))];
            for path in paths {
                assert_eq!(of(&path).unwrap(), Way::Exposed(open.clone()), "{}", path.display());
            }
        }
    }

    #[test]
    fn in_a_sticky_directory_what_is_ours_stays_and_what_is_new_is_made_anew() {
        let (_dir, at) = dir();
        let sticky = at.join("sticky");
        opened(&sticky, 0o1777);
        let new = of(&sticky.join("new")).unwrap();
        assert_eq!(new, Way::New(sticky.join("new")));
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        assert!(new.open(&options).unwrap().is_some());
        // Somebody was faster.
        assert_eq!(new.open(&options).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(of(&sticky.join("new")).unwrap(), Way::Safe(sticky.join("new")));
        fs::write(at.join("precious"), "").unwrap();
        fs::hard_link(at.join("precious"), sticky.join("second")).unwrap();
        let exposed = of(&sticky.join("second")).unwrap();
        assert_eq!(exposed, Way::Exposed(sticky));
        assert!(exposed.open(&options).unwrap().is_none());
    }

    #[test]
    fn what_has_no_name_is_reached_by_its_descriptor() {
        use std::io::Write as _;
        use std::os::fd::AsRawFd as _;
        let (_read, write) = io::pipe().unwrap();
        let path = format!("/proc/self/fd/{}", write.as_raw_fd());
        let mut options = OpenOptions::new();
        let file = of(Path::new(&path)).unwrap().open(options.append(true)).unwrap();
        file.unwrap().write_all(b"x").unwrap();
    }
}
