//! The line of /proc/PID/stat.

/// What /proc tells of a process (`proc_pid_stat(5)`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its number.
    pub pid: u32,
    /// Its parent's; 0 where that is of another pid namespace, or where there is none.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// When it was forked, in clock ticks since boot: with the pid it is who it is. As the reader's
    /// time namespace counts.
    pub started: u64,
    /// Its controlling terminal's device; 0 where it has none.
    pub tty: i32,
    /// Its name: at most 15 bytes of its program's, or what it calls itself.
    pub comm: Vec<u8>,
    /// `R` running, `S` and `D` waiting, `T` and `t` stopped, `Z` and `X` ended.
    pub state: u8,
    /// Its threads. Where the first has ended (`Z`) the others may go on.
    pub threads: u32,
}

impl Facts {
    /// Whether it has ended, reaped or not.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        matches!(self.state, b'Z' | b'X') && self.threads <= 1
    }

    /// Reads the line. Its name may hold anything, blanks and brackets too, but what follows its
    /// last bracket holds none.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let open = line.iter().position(|byte| *byte == b'(')?;
        let close = line.iter().rposition(|byte| *byte == b')')?;
        let pid = number(line.get(..open)?.trim_ascii())?;
        let comm = line.get(open + 1..close)?.to_vec();
        let mut fields = after_name(line)?;
        let &[state] = fields.next()? else { return None };
        let parent = number(fields.next()?)?;
        let group = number(fields.next()?)?;
        let session = number(fields.next()?)?;
        let tty = number(fields.next()?)?;
        let threads = number(fields.nth(THREADS - TTY - 1)?)?;
        let started = number(fields.nth(STARTED - THREADS - 1)?)?;
        Some(Self { pid, parent, group, session, started, tty, comm, state, threads })
    }
}

/// Whether the process has an empty environment: not one that it has not got yet, in the middle of
/// `execve`, nor one that can be seen by now, nor one that is not ours to see (all zeroes). `None`
/// where the line does not say (before kernel 3.5).
pub(super) fn has_empty_environment(line: &[u8]) -> Option<bool> {
    let mut fields = after_name(line)?;
    // The kernel sets this once the environment is where it belongs (load_elf_binary).
    let code: u64 = number(fields.nth(CODE_START - STATE)?)?;
    let start: u64 = number(fields.nth(ENVIRONMENT_START - CODE_START - 1)?)?;
    let end: u64 = number(fields.next()?)?;
    Some(code != 0 && start != 0 && start == end)
}

/// Whether it is a thread of the kernel: those have no program, and never an environment.
pub(super) fn is_kernels(line: &[u8]) -> bool {
    let flags = after_name(line).and_then(|mut fields| number(fields.nth(FLAGS - STATE)?));
    flags.is_some_and(|flags: u64| flags & PF_KTHREAD != 0)
}

/// The fields from the third on.
fn after_name(line: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let close = line.iter().rposition(|byte| *byte == b')')?;
    Some(line.get(close + 1..)?.trim_ascii().split(|byte| *byte == b' '))
}

/// The real, effective and saved user of `/proc/PID/status` (`proc_pid_status(5)`).
pub(super) fn users(status: &[u8]) -> Option<[u32; 3]> {
    let mut lines = status.split(|byte| *byte == b'\n');
    let line = lines.find_map(|line| line.strip_prefix(b"Uid:"))?;
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    Some([number(words.next()?)?, number(words.next()?)?, number(words.next()?)?])
}

/// The numbers of some fields.
const STATE: usize = 3;
const TTY: usize = 7;
const FLAGS: usize = 9;
const THREADS: usize = 20;
const STARTED: usize = 22;
const CODE_START: usize = 26;
const ENVIRONMENT_START: usize = 50;

/// As in the kernel's include/linux/sched.h since 2.6.21.
const PF_KTHREAD: u64 = 0x0020_0000;

fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Field 22 and what stands around it.
    const REST: &str = "S 1 7 7 34816 -1 4194560 83 0 0 0 5 3 0 0 20 0 1 0 8639 6176768 431 1844";

    fn named(comm: &[u8]) -> Vec<u8> {
        [b"7 (", comm, b") ", REST.as_bytes(), b"\n"].concat()
    }

    #[test]
    fn every_fact_is_in_its_place() {
        let facts = Facts::parse(&named(b"sleep")).unwrap();
        let (pid, parent, group, session) = (7, 1, 7, 7);
        let expected = Facts {
            pid,
            parent,
            group,
            session,
            started: 8639,
            tty: 34816,
            comm: b"sleep".to_vec(),
            state: b'S',
            threads: 1,
        };
        assert_eq!(facts, expected);
        assert!(!facts.has_ended());
    }

    #[test]
    fn an_environment_that_is_not_there_yet_is_not_empty() {
        let line = |code: &str, environment: &str| {
            let zeros = |count: usize| "0 ".repeat(count);
            let before = zeros(CODE_START - STATE - 1);
            let between = zeros(ENVIRONMENT_START - CODE_START - 1);
            format!("7 (a) b) S {before}{code} {between}{environment} 0").into_bytes()
        };
        assert_eq!(has_empty_environment(&line("0", "0 0")), Some(false));
        assert_eq!(has_empty_environment(&line("0", "140736 140736")), Some(false));
        assert_eq!(has_empty_environment(&line("4096", "140736 140736")), Some(true));
        assert_eq!(has_empty_environment(&line("4096", "140736 140737")), Some(false));
        assert_eq!(has_empty_environment(&line("1", "0 0")), Some(false), "not ours to see");
        assert_eq!(has_empty_environment(&named(b"old kernel")), None);
    }

    #[test]
    fn a_thread_of_the_kernel_is_known_by_its_flags() {
        assert!(is_kernels(b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 3 0 0 20 0 1 0 25"));
        assert!(is_kernels(b"9 (a) I) I 2 0 0 0 -1 2097152 0"));
        assert!(!is_kernels(&named(b"sleep")));
        assert!(!is_kernels(b"9 (a) S 2 0 0 0 -1"));
    }

    #[test]
    fn the_users_of_a_process_are_read() {
        let status = b"Name:\tx\nUmask:\t0022\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n";
        assert_eq!(users(status), Some([1, 2, 3]));
        assert_eq!(users(b"Name:\tUid:\t1\t2\t3\n"), None);
        assert_eq!(users(b"Uid:\t1\t2\n"), None);
    }

    #[test]
    fn a_name_may_look_like_the_rest_of_the_line() {
        for comm in [&b") S 1 2 3"[..], b"(a) (b)", b"", b" ", b"\n", b")", b"\xff)"] {
            assert_eq!(Facts::parse(&named(comm)).unwrap().comm, comm);
        }
        let zombie = b"8 (a) Z) Z 1 8 8 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 9 0 0";
        assert!(Facts::parse(zombie).unwrap().has_ended());
        let headless = b"8 (a) Z) Z 1 8 8 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 9 0 0";
        assert!(!Facts::parse(headless).unwrap().has_ended(), "another thread goes on");
    }

    #[test]
    fn a_line_cut_short_tells_nothing() {
        let whole = b"7 (a) S 1 7 7 0 -1 4194560 83 0 0 0 5 3 0 0 20 0 1 0 8639";
        assert!(Facts::parse(whole).is_some());
        for len in 0..whole.len() - 4 {
            assert_eq!(Facts::parse(&whole[..len]), None, "{len}");
        }
        assert_eq!(Facts::parse(b"x (a) S 1 7 7 0 -1 4 8 0 0 0 5 3 0 0 20 0 1 0 8639"), None);
        assert_eq!(Facts::parse(b"7 (a) SS 1 7 7 0 -1 4 8 0 0 0 5 3 0 0 20 0 1 0 8639"), None);
        assert_eq!(Facts::parse(b")("), None);
    }

    proptest! {
        #[test]
        fn bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = Facts::parse(&bytes);
        }

        #[test]
        fn a_name_of_any_bytes_is_kept(comm in prop::collection::vec(any::<u8>(), 0..16)) {
            let facts = Facts::parse(&named(&comm)).unwrap();
            prop_assert_eq!((facts.comm, facts.started), (comm, 8639));
        }
    }
}
