//! What /proc tells of processes that are none of our children: who they are, whose they are.
//!
//! Everything here is an answer or `None`: a process may be gone, another user's, hidden
//! (`hidepid`), or /proc may be missing. And every answer is old once it is given: hold a
//! [`crate::process::Process`] first, ask then.

mod kin;
mod stat;

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::small_file;
use crate::spawn::Identity;

pub use kin::{children_of, descendants, everybody};
pub use stat::Facts;

/// A line of numbers and a name of 15 bytes.
const STAT_MAX: usize = 4096;
/// Sixty lines of a few numbers each.
const STATUS_MAX: usize = 16384;
/// The kernel takes no more than a quarter of the stack's limit, 8 MiB by default, for arguments
/// and environment (execve(2)).
const ENVIRON_MAX: usize = 2 << 20;
/// A number or a UUID.
const WORD_MAX: usize = 64;
/// What the kernel says where nobody has logged in (`proc_pid_loginuid(5)`).
const NO_LOGIN: u32 = u32::MAX;

/// Who the process of that number is now; one that has ended and was not reaped is still somebody.
#[must_use]
pub fn facts(pid: u32) -> Option<Facts> {
    Facts::parse(&read(pid, "stat", STAT_MAX)?)
}

/// The user who logged in and from whose session the process comes; `None` where nobody did, or
/// where the kernel does not record it.
#[must_use]
pub fn login_uid(pid: u32) -> Option<u32> {
    let text = read(pid, "loginuid", WORD_MAX)?;
    let uid = std::str::from_utf8(&text).ok()?.trim().parse().ok()?;
    (uid != NO_LOGIN).then_some(uid)
}

/// What the environment that a process was executed with says of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// It has this value.
    Set(Vec<u8>),
    /// It is not there, or not ours to see. The process may have overwritten it since.
    Unset,
    /// The process is in the middle of `execve`: ask again.
    NotYet,
}

/// What the environment of a process says of `name`.
#[must_use]
pub fn environment_value(pid: u32, name: &[u8]) -> Variable {
    // A second read shows nothing where the process has executed a program since the first.
    let environ = match small_file::read_at_once(&path(pid, "environ"), ENVIRON_MAX) {
        Ok(environ) if !environ.is_empty() => environ,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !is_our_users(pid) => {
            return Variable::Unset;
        }
        // A process changes its memory in `execve`: there is a moment when it has none (`ESRCH`),
        // and then it counts as root's (`EACCES`).
        Ok(_) | Err(_) => return value_of_nothing(pid),
    };
    let mut entries = environ.split(|byte| *byte == 0);
    entries
        .find_map(|entry| Some(entry.strip_prefix(name)?.strip_prefix(b"=")?.to_vec()))
        .map_or(Variable::Unset, Variable::Set)
}

/// Nothing can be seen of an environment that is empty, of one that is not there yet, and of one
/// that went with its process or with the program before this one.
fn value_of_nothing(pid: u32) -> Variable {
    let Some(line) = read(pid, "stat", STAT_MAX) else { return Variable::Unset };
    let has_ended = Facts::parse(&line).is_none_or(|it| it.has_ended());
    let has_none = stat::is_kernels(&line) || stat::has_empty_environment(&line) != Some(false);
    if has_ended || has_none {
        return Variable::Unset;
    }
    Variable::NotYet
}

/// Whether the process is of the user that we are, in every respect.
fn is_our_users(pid: u32) -> bool {
    let Some(status) = read(pid, "status", STATUS_MAX) else { return false };
    let us = nix::unistd::geteuid().as_raw();
    stat::users(&status).is_some_and(|users| users.iter().all(|user| *user == us))
}

/// Which directory the process works in. A dead network file system may keep us waiting for it, so
/// ask that last.
#[must_use]
pub fn cwd_identity(pid: u32) -> Option<Identity> {
    crate::place::identity_in_cache(Path::new(&format!("/proc/{pid}/cwd")))
}

/// The pipe, named or not, that the process has as its descriptor `fd`; `None` where that is none.
#[must_use]
pub fn pipe_of(pid: u32, fd: u32) -> Option<Identity> {
    let meta = std::fs::metadata(descriptor(pid, fd)).ok()?;
    meta.file_type().is_fifo().then(|| Identity { dev: meta.dev(), ino: meta.ino() })
}

/// A path to what the process has as its descriptor `fd`; opened, it is opened afresh.
#[must_use]
pub fn descriptor(pid: u32, fd: u32) -> PathBuf {
    path(pid, &format!("fd/{fd}"))
}

/// Which boot of the machine this is; a random number.
#[must_use]
pub fn boot_id() -> Option<u128> {
    let text = small_file::read(Path::new("/proc/sys/kernel/random/boot_id"), WORD_MAX).ok()?;
    uuid(&text)
}

fn uuid(text: &[u8]) -> Option<u128> {
    let digits = std::str::from_utf8(text).ok()?.trim_ascii().replace('-', "");
    let is_whole = digits.len() == 32 && !digits.starts_with('+');
    u128::from_str_radix(&digits, 16).ok().filter(|_| is_whole)
}

/// The namespace in which our pids are numbers of processes.
#[must_use]
pub fn pid_namespace() -> Option<Identity> {
    crate::place::identity_in_cache(Path::new("/proc/self/ns/pid"))
}

/// The namespace in which start times are counted; `None` before kernel 5.6.
#[must_use]
pub fn time_namespace() -> Option<Identity> {
    crate::place::identity_in_cache(Path::new("/proc/self/ns/time"))
}

fn read(pid: u32, file: &str, max: usize) -> Option<Vec<u8>> {
    small_file::read(&path(pid, file), max).ok()
}

fn path(pid: u32, file: &str) -> PathBuf {
    format!("/proc/{pid}/{file}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_a_number() {
        let id = uuid(b"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\n");
        assert_eq!(id, Some(0xf81d_4fae_7dec_11d0_a765_00a0_c91e_6bf6));
        for text in ["", "f81d4fae", "+81d4fae-7dec-11d0-a765-00a0c91e6bf6", "g", "\u{e9}"] {
            assert_eq!(uuid(text.as_bytes()), None, "{text}");
        }
    }

    /// What there is to be seen once it has been executed.
    fn settled(pid: u32, name: &[u8]) -> Variable {
        loop {
            match environment_value(pid, name) {
                Variable::NotYet => std::thread::yield_now(),
                value @ (Variable::Set(_) | Variable::Unset) => return value,
            }
        }
    }

    #[test]
    fn the_environment_is_searched_for_whole_words() {
        let mut child = std::process::Command::new("sleep");
        child.arg("1000").env_clear().env("KEEPUP_SERVICE", "a b");
        let mut child = child.spawn().unwrap();
        let pid = child.id();
        let value = |name: &[u8]| settled(pid, name);
        let found = [value(b"KEEPUP_SERVICE"), value(b"KEEPUP_SERVIC"), value(b"EEPUP_SERVICE")];
        child.kill().unwrap();
        let ended = value(b"KEEPUP_SERVICE");
        child.wait().unwrap();
        assert_eq!(found, [Variable::Set(b"a b".to_vec()), Variable::Unset, Variable::Unset]);
        assert_ne!(ended, Variable::NotYet, "whoever has ended does not execute");
        assert_eq!(environment_value(child.id(), b"KEEPUP_SERVICE"), Variable::Unset, "it is gone");
    }

    #[test]
    fn an_empty_environment_is_one() {
        let mut child = std::process::Command::new("sleep");
        let mut child = child.arg("1000").env_clear().spawn().unwrap();
        let value = settled(child.id(), b"PATH");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(value, Variable::Unset);
    }

    #[test]
    fn an_environment_is_not_missed_in_the_middle_of_execve() {
        let script = r#"[ "$1" = 0 ] || exec /bin/sh -c "$0" "$0" $(($1 - 1))"#;
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", script, script, "500"]).env_clear().env("KEEPUP_SERVICE", "a");
        // Too much for one small read: the rest would be missing where it executes in between.
        shell.envs((0..50).map(|number| (format!("PADDING{number}"), "x".repeat(100))));
        let mut shell = shell.spawn().unwrap();
        let (mut seen, mut wrong) = (0, None);
        while wrong.is_none() && facts(shell.id()).is_some_and(|it| !it.has_ended()) {
            match environment_value(shell.id(), b"KEEPUP_SERVICE") {
                Variable::Set(_) => seen += 1,
                Variable::NotYet => {}
                Variable::Unset => wrong = facts(shell.id()).filter(|it| !it.has_ended()),
            }
        }
        shell.wait().unwrap();
        assert_eq!(wrong, None, "it had one all the time");
        assert!(seen > 0);
    }

    #[test]
    fn we_are_told_of_ourselves_and_not_of_nobody() {
        let facts = facts(std::process::id()).unwrap();
        assert_eq!(facts.parent, std::os::unix::process::parent_id());
        assert!(!facts.has_ended());
        assert!(boot_id().is_some_and(|id| id != 0));
        assert!(pid_namespace().is_some_and(|namespace| namespace.ino != 0));
        let cwd = std::fs::metadata(".").unwrap();
        let cwd = Identity { dev: cwd.dev(), ino: cwd.ino() };
        assert_eq!(cwd_identity(std::process::id()), Some(cwd));
        for nobody in [0, u32::MAX] {
            assert_eq!(super::facts(nobody), None);
            assert_eq!(login_uid(nobody), None);
            assert_eq!(environment_value(nobody, b"PATH"), Variable::Unset);
            assert_eq!(cwd_identity(nobody), None);
            assert_eq!(children_of(nobody), None);
        }
    }
}
