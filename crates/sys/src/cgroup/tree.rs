//! The group that we are in ourselves, under which we make those of the services.

use std::ffi::OsStr;
use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};

use super::entrance;
use super::group::Group;
use super::mounts::{Kind, Mount, mounts, own_path, shown_at};
use crate::small_file;

/// A host of containers has thousands of mounts.
const MOUNTINFO_MAX: usize = 4 << 20;
/// A line for each hierarchy, and paths have their limit.
const OWN_MAX: usize = 64 * 1024;

/// What is looked for here, for the operator.
const VERSION: &str = "version 2";

/// Where we are ourselves once there is room: beside the services, not above them.
const LEAF: &str = "keepup.supervisor";

/// A directory under which we may make groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    dir: PathBuf,
}

/// Why there are no groups.
#[derive(Debug)]
pub enum NoTree {
    /// /proc does not tell.
    NoProc(io::Error),
    /// The hierarchy of these words is not mounted, or the kernel has none.
    NotMounted(&'static str),
    /// No mount shows the group we are in.
    Outside(PathBuf),
    /// A group cannot be made in this one, or not be entered.
    Refused(PathBuf, io::Error),
}

/// What a group may be limited in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controller {
    /// `pids.max`
    Pids,
    /// `memory.max`
    Memory,
    /// `cpu.max`
    Cpu,
}

impl Controller {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Pids, Self::Memory, Self::Cpu];

    /// As the kernel calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pids => "pids",
            Self::Memory => "memory",
            Self::Cpu => "cpu",
        }
    }
}

impl Tree {
    /// The group we are in, if we may make groups in it: one is made and removed. To be asked anew
    /// when we were executed anew, not when our place changes.
    ///
    /// # Errors
    /// Why there are no groups; words for the operator.
    pub fn find() -> Result<Self, NoTree> {
        let (mounts, own) = seen(None).map_err(NoTree::NoProc)?;
        let own = own.ok_or(NoTree::NotMounted(VERSION))?;
        let mut unified = mounts.iter().filter(|mount| mount.kind == Kind::Unified).peekable();
        unified.peek().ok_or(NoTree::NotMounted(VERSION))?;
        let mut why = NoTree::Outside(own.clone());
        for mount in unified {
            let shown = shown_at(mount, &own).filter(|dir| is_unified(dir));
            let Some(dir) = shown.map(above_leaf) else { continue };
            match probe(&dir) {
                Ok(()) => return Ok(Self { dir }),
                Err(error) => why = NoTree::Refused(dir, error),
            }
        }
        Err(why)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// The group of that name; made where it is not there yet.
    ///
    /// # Errors
    /// `EINVAL` for a name that is a path, that begins as the kernel's own files do, or that is our
    /// own group's; `EAGAIN` at the limit of groups; mkdir(2).
    pub fn group(&self, name: &OsStr) -> io::Result<Group> {
        if name == LEAF {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        entrance::make(&self.dir, name).map(Group::new)
    }

    /// Which limits could be set on our groups: they still have to be enabled.
    #[must_use]
    pub fn available(&self) -> Vec<Controller> {
        self.controllers_in("cgroup.controllers")
    }

    /// Which limits can be set on our groups.
    #[must_use]
    pub fn enabled(&self) -> Vec<Controller> {
        self.controllers_in("cgroup.subtree_control")
    }

    fn controllers_in(&self, file: &str) -> Vec<Controller> {
        let text = entrance::read(&self.dir, file).unwrap_or_default();
        let names: Vec<&[u8]> = text.split(u8::is_ascii_whitespace).collect();
        let mut all = Controller::ALL.to_vec();
        all.retain(|one| names.contains(&one.name().as_bytes()));
        all
    }

    /// Lets a limit be set on our groups.
    ///
    /// # Errors
    /// `EBUSY` where processes are in this very group, as we are ([`Tree::make_room`]); `ENOENT`
    /// where it is not [`Tree::available`]; `EACCES`, `EROFS`.
    pub fn enable(&self, controller: Controller) -> io::Result<()> {
        if self.enabled().contains(&controller) {
            return Ok(());
        }
        // The kernel would not refuse pids and cpu: it would turn this group into one of threads,
        // and none below could be entered any more (cgroup-v2.rst, "Threads").
        if !self.is_top() && holds_processes(&self.dir)? {
            return Err(io::Error::from_raw_os_error(libc::EBUSY));
        }
        entrance::write(&self.dir, "cgroup.subtree_control", &format!("+{}", controller.name()))
    }

    /// Whether it is the topmost group of the machine, which may hold processes as well. The one of
    /// a namespace may not.
    fn is_top(&self) -> bool {
        !self.dir.join("cgroup.events").exists()
    }

    /// Moves us, and nobody else, into a group of our own, so that controllers can be enabled:
    /// the kernel allows that only where no process is (the topmost group excepted).
    ///
    /// # Errors
    /// mkdir(2), and what the kernel refuses to move.
    pub fn make_room(&self) -> io::Result<Room> {
        let leaf = entrance::make(&self.dir, OsStr::new(LEAF))?;
        let room = Room { above: self.dir.clone(), leaf };
        match entrance::write(&room.leaf, entrance::PROCS, "0") {
            Ok(()) => Ok(room),
            Err(error) => {
                // Empty, unless a predecessor of ours is still in it.
                let _ = entrance::remove(&room.leaf);
                Err(error)
            }
        }
    }

    /// Enables what is available of `wanted`, and makes room for that if need be; if that does
    /// not help, we go back. Which of them are enabled now.
    #[must_use]
    pub fn enable_all(&self, wanted: &[Controller]) -> Vec<Controller> {
        let available = self.available();
        let mut wanted = wanted.to_vec();
        wanted.retain(|one| available.contains(one));
        if wanted.iter().any(|one| is_busy(&self.enable(*one)))
            && let Ok(room) = self.make_room()
            && wanted.iter().filter(|one| self.enable(**one).is_ok()).count() == 0
        {
            let _ = room.undo();
        }
        let enabled = self.enabled();
        wanted.retain(|one| enabled.contains(one));
        wanted
    }
}

fn is_busy(outcome: &io::Result<()>) -> bool {
    matches!(outcome, Err(error) if error.raw_os_error() == Some(libc::EBUSY))
}

/// We are in a group of our own.
#[derive(Debug)]
pub struct Room {
    above: PathBuf,
    leaf: PathBuf,
}

impl Room {
    /// Goes back to where we were.
    ///
    /// # Errors
    /// `EBUSY` once a controller is enabled.
    pub fn undo(self) -> io::Result<()> {
        entrance::write(&self.above, entrance::PROCS, "0")?;
        entrance::remove(&self.leaf)
    }
}

impl fmt::Display for NoTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |error: &io::Error| {
            let known = error.raw_os_error().map(|errno| Errno::from_raw(errno).desc().to_owned());
            known.unwrap_or_else(|| error.to_string())
        };
        match self {
            Self::NoProc(error) => write!(f, "unable to read /proc/self: {}", words(error)),
            Self::NotMounted(what) => write!(f, "no control groups of {what} are mounted"),
            Self::Outside(own) => {
                write!(f, "no mount shows our own control group {}", own.display())
            }
            Self::Refused(dir, error) => {
                write!(f, "unable to make control groups in {}: {}", dir.display(), words(error))
            }
        }
    }
}

/// What of the hierarchies can be seen, and our place in one of them, as [`own_path`] says it.
pub(super) fn seen(controller: Option<&str>) -> io::Result<(Vec<Mount>, Option<PathBuf>)> {
    let mountinfo = small_file::read(Path::new("/proc/self/mountinfo"), MOUNTINFO_MAX)?;
    let own = small_file::read(Path::new("/proc/self/cgroup"), OWN_MAX)?;
    Ok((mounts(&mountinfo), own_path(&own, controller)))
}

/// The tree of a process that has made room in it.
fn above_leaf(dir: PathBuf) -> PathBuf {
    if dir.file_name() == Some(OsStr::new(LEAF))
        && let Some(above) = dir.parent()
    {
        return above.to_owned();
    }
    dir
}

/// Whether the path is in a mount of version 2.
pub(super) fn is_unified(path: &Path) -> bool {
    statfs(path).is_ok_and(|fs| fs.filesystem_type() == CGROUP2_SUPER_MAGIC)
}

/// Whether a group holds us: itself, or one below it. It may, where no mount shows our own.
pub(super) fn contains_us(group: &Path) -> io::Result<bool> {
    let wanted = std::fs::metadata(group)?;
    let (mounts, own) = seen(None)?;
    let own = own.unwrap_or_default();
    let unified = mounts.iter().filter(|mount| mount.kind == Kind::Unified);
    let shown = unified.filter_map(|mount| shown_at(mount, &own)).find(|dir| is_unified(dir));
    // Whichever mount it is seen through, it is the same file.
    let is_it = |dir: &Path| {
        std::fs::metadata(dir)
            .is_ok_and(|found| (found.dev(), found.ino()) == (wanted.dev(), wanted.ino()))
    };
    Ok(shown.is_none_or(|dir| dir.ancestors().any(is_it)))
}

/// Makes a group, looks whether a child could enter it, and removes it.
pub(super) fn probe(dir: &Path) -> io::Result<()> {
    // Who moves a process needs this right on the group above both (cgroups(7), delegation).
    can_write(&dir.join(entrance::PROCS))?;
    let name = format!("keepup.probe.{}", std::process::id());
    let probe = entrance::make(dir, OsStr::new(&name))?;
    let entered = can_write(&probe.join(entrance::PROCS)).and_then(|()| takes_processes(&probe));
    let removed = entrance::remove(&probe);
    entered.and(removed)
}

fn can_write(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(path).map(drop)
}

fn holds_processes(group: &Path) -> io::Result<bool> {
    Ok(!entrance::read(group, entrance::PROCS)?.is_empty())
}

/// A group below one of threads is no place for a process. Version 1 has no such file.
fn takes_processes(group: &Path) -> io::Result<()> {
    match entrance::read(group, "cgroup.type") {
        Ok(kind) if kind.trim_ascii() != b"domain" => {
            Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}
