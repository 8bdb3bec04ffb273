//! System calls, and the only unsafe code of the project.
//!
//! One file per concern; each unsafe block says why it holds. Everything else in the workspace
//! forbids unsafe code and comes here for what the standard library does not offer.

pub mod capabilities;
pub mod cgroup;
pub mod child;
pub mod clock;
pub mod clock_steps;
pub mod dir;
pub mod entry;
pub mod epoll;
pub mod exec;
pub mod fifo;
pub mod fork;
pub mod held;
pub mod hole;
pub mod ids;
pub mod inotify;
pub mod limits;
pub mod localtime;
pub mod lock;
pub mod machine;
pub mod mapped;
pub mod notification;
pub mod oom;
pub mod peek;
pub mod peer;
mod pidfd_info;
pub mod place;
pub mod poll;
pub mod proc;
pub mod process;
pub mod random;
pub mod reexec;
pub mod revive;
pub mod scarcity;
pub mod seccomp;
pub mod signals;
mod small_file;
pub mod spawn;
pub mod terminal;
pub mod tether;
pub mod timex;
pub mod title;
pub mod udp;
pub mod wake;
pub mod way;

/// The errno of a file that is no program the kernel knows.
pub const ENOEXEC: i32 = libc::ENOEXEC;
/// The errno of a process that has too many open files.
pub const EMFILE: i32 = libc::EMFILE;

/// The errno of what is not ours.
pub const EPERM: i32 = libc::EPERM;
/// The errno of words and an environment that are more than a program may be given.
pub const E2BIG: i32 = libc::E2BIG;
/// The errno of a call that the kernel does not know.
pub const ENOSYS: i32 = libc::ENOSYS;
/// The errno of a wait that has taken too long.
pub const ETIMEDOUT: i32 = libc::ETIMEDOUT;

/// Whether the errno says that a directory is not there, or is another one by now.
#[must_use]
pub const fn means_gone(errno: i32) -> bool {
    matches!(errno, libc::ENOENT | libc::ENOTDIR | libc::ESTALE)
}
