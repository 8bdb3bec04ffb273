//! What /proc knows of a process that may be a stranger: whether it is the one we mean.
//!
//! A pid alone is nobody: it is used again. A pid and the tick of its birth are one process as long
//! as the machine runs, for the kernel does not hand out all its numbers within a tick.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::child::Ended;
use crate::spawn::Identity;

/// The length of a tick of `/proc/PID/stat`: `USER_HZ` is 100 on every machine we run on.
pub const TICK: Duration = Duration::from_millis(10);

/// What `/proc/PID/stat` says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Whether it runs, or sleeps, or is stopped: it has not ended.
    pub lives: bool,
    /// Whose child it is.
    pub parent: u32,
    /// When it was forked, in ticks since boot, suspends included.
    pub born: u64,
    /// How it ended, where it has, is not reaped yet, and we may know.
    pub end: Option<Ended>,
}

/// Looks at a process.
///
/// # Errors
/// There is none of that number, or no /proc.
pub fn stat(pid: u32) -> io::Result<Stat> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse(&line).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The fields are counted from the end of the name, which may hold anything (proc(5)).
fn parse(line: &str) -> Option<Stat> {
    let (_, rest) = line.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field.checked_sub(FIRST_FIELD)?)?.parse::<u64>().ok();
    let over = matches!(*fields.first()?, "Z" | "X" | "x");
    let threads = number(20)?;
    Some(Stat {
        // A first thread that has ended leaves the others running.
        lives: !over || threads > 1,
        parent: u32::try_from(number(4)?).ok()?,
        born: number(22)?,
        end: if over { number(52).map(Ended::of_status) } else { None },
    })
}

/// The number that proc(5) gives the field after the name: the state.
const FIRST_FIELD: usize = 3;

/// The working directory of a process.
///
/// # Errors
/// There is no such process, or it is not ours to look at.
pub fn working_directory(pid: u32) -> io::Result<Identity> {
    let meta = fs::metadata(format!("/proc/{pid}/cwd"))?;
    Ok(Identity { dev: meta.dev(), ino: meta.ino() })
}

/// The pipe, named or not, that a process has as its descriptor `fd`.
///
/// # Errors
/// There is no such process or descriptor, it is not ours to look at, or it is no pipe (`EINVAL`).
pub fn pipe_of(pid: u32, fd: u32) -> io::Result<Identity> {
    let meta = fs::metadata(descriptor(pid, fd))?;
    if meta.mode() & libc::S_IFMT != libc::S_IFIFO {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    Ok(Identity { dev: meta.dev(), ino: meta.ino() })
}

/// A path to what a process has as its descriptor `fd`; opened, it is opened afresh.
#[must_use]
pub fn descriptor(pid: u32, fd: u32) -> PathBuf {
    format!("/proc/{pid}/fd/{fd}").into()
}

/// The name of a process, for a message.
#[must_use]
pub fn name(pid: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

/// The number of this boot: all zeros where there is none.
#[must_use]
pub fn boot_id() -> [u8; 16] {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).unwrap_or_default().to_be_bytes()
}

/// The inode of a namespace of ours (`pid`, `time`); 0 where the kernel has none of that kind.
#[must_use]
pub fn namespace(kind: &str) -> u64 {
    fs::metadata(format!("/proc/self/ns/{kind}")).map_or(0, |meta| meta.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// As proc(5) numbers them, from the name on.
    fn line(state: &str, threads: u32, exit_code: u32) -> String {
        let mut fields = vec!["0".to_owned(); 50];
        fields[0] = state.into();
        fields[1] = "7".into();
        fields[17] = threads.to_string();
        fields[19] = "4711".into();
        fields[49] = exit_code.to_string();
        format!("42 (a) S (b) {}\n", fields.join(" "))
    }

    #[test]
    fn a_name_with_brackets_deceives_nobody() {
        let stat = parse(&line("S", 1, 0)).unwrap();
        assert_eq!(stat, Stat { lives: true, parent: 7, born: 4711, end: None });
    }

    #[test]
    fn a_zombie_has_ended_unless_other_threads_of_it_run() {
        let stat = parse(&line("Z", 1, 3 << 8)).unwrap();
        assert_eq!((stat.lives, stat.end), (false, Some(Ended::Exited(3))));
        assert_eq!(parse(&line("Z", 1, 0x8b)).unwrap().end, Some(Ended::Signalled(11)));
        assert!(parse(&line("Z", 2, 0)).unwrap().lives);
        assert!(parse(&line("T", 1, 0)).unwrap().lives);
    }

    #[test]
    fn what_is_no_line_of_stat_is_nobody() {
        for line in ["", "1 (a)", "1 (a) S", "1 (a) S x y"] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn we_and_our_children_are_known() {
        let before = crate::clock::boottime();
        let mut child = Command::new("sleep").arg("20").current_dir("/").spawn().unwrap();
        let after = crate::clock::boottime();
        let stat = stat(child.id()).unwrap();
        assert!(stat.lives && stat.parent == std::process::id());
        let born = TICK.saturating_mul(u32::try_from(stat.born).unwrap());
        assert!(born + TICK > before && born <= after, "{before:?} {born:?} {after:?}");
        let root = fs::metadata("/").unwrap();
        let root = Identity { dev: root.dev(), ino: root.ino() };
        // The child changes its directory just before it becomes the program.
        while name(child.id()).as_deref() != Some("sleep") {}
        assert_eq!(working_directory(child.id()).unwrap(), root);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(super::stat(child.id()).is_err());
        assert_ne!((boot_id(), namespace("pid")), ([0; 16], 0));
        assert_eq!(namespace("none"), 0);
    }
}
