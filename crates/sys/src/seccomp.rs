//! System calls forbidden to a process and to all it becomes: a filter of seccomp(2).
//!
//! Sandboxes and old kernels refuse calls, and programs must live with that; with this a test is
//! such a sandbox. A program that wants to give up what it will not need may use it as well.

pub use everyday::EVERYDAY;

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use libc::{BPF_ABS, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter};

mod everyday;

/// The kernel takes 4096 instructions (`BPF_MAXINSNS`); a call needs at most [`RULE_LEN`].
const RULES_MAX: usize = 512;
/// Two comparisons, two loads and an answer.
const RULE_LEN: u8 = 5;
/// What a call may fail with (`MAX_ERRNO`).
const ERRNO_MAX: u32 = 4095;

/// Where `struct seccomp_data` has them.
const NUMBER_AT: u32 = 0;
const ARCH_AT: u32 = 4;
const FIRST_ARGUMENT_AT: u32 = 16;

/// How the kernel names this architecture (linux/audit.h): the numbers of another one, which the
/// machine may understand as well, mean other calls.
#[cfg(target_arch = "x86_64")]
const ARCH: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const ARCH: u32 = 0xC000_00B7;

/// Numbers from here on are those of x32, another set of names for the same calls
/// (`__X32_SYSCALL_BIT`). No architecture of ours has such a number itself.
const X32: u32 = 0x4000_0000;

/// What is forbidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forbidden {
    /// The call's number: `libc::SYS_*`.
    pub call: i64,
    /// Only with this first argument, of which the low 32 bits are looked at.
    pub argument: Option<u32>,
    /// What it fails with.
    pub errno: i32,
}

/// A filter ready to be put on.
#[derive(Debug, Clone)]
pub struct Filter(Vec<sock_filter>);

impl Filter {
    /// A filter that lets everything through but `calls`, and what is meant for another
    /// architecture.
    ///
    /// # Errors
    /// `EINVAL` for too many calls, and for numbers that are none.
    pub fn forbidding(calls: &[Forbidden]) -> io::Result<Self> {
        let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
        if calls.len() > RULES_MAX {
            return Err(invalid());
        }
        let mut program = head();
        for call in calls {
            rule(call, &mut program).ok_or_else(invalid)?;
        }
        program.push(statement(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW));
        Ok(Self(program))
    }

    /// A filter that lets nothing through but `calls`; everything else, and what is meant for
    /// another architecture, fails with `errno`.
    ///
    /// # Errors
    /// As of [`Filter::forbidding`].
    pub fn allowing(calls: &[i64], errno: i32) -> io::Result<Self> {
        let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
        let errno = u32::try_from(errno).ok().filter(|errno| *errno <= ERRNO_MAX);
        let errno = errno.ok_or_else(invalid)?;
        if calls.len() > RULES_MAX {
            return Err(invalid());
        }
        let mut program = head();
        for call in calls {
            let number = u32::try_from(*call).ok().filter(|number| *number < X32);
            program.extend([
                jump(BPF_JEQ, number.ok_or_else(invalid)?, 0, 1),
                statement(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW),
            ]);
        }
        program.push(refuse(errno));
        Ok(Self(program))
    }

    /// Puts it on this thread, for good, on all threads and processes it makes and on all programs
    /// it becomes. None of them gains privileges by executing a file (`PR_SET_NO_NEW_PRIVS`).
    ///
    /// # Errors
    /// prctl(2): `EINVAL` where the kernel has no filters.
    pub fn put_on(&self) -> io::Result<()> {
        let len = u16::try_from(self.0.len()).map_err(io::Error::other)?;
        let program = libc::sock_fprog { len, filter: self.0.as_ptr().cast_mut() };
        let (yes, none): (libc::c_ulong, libc::c_ulong) = (1, 0);
        // SAFETY: takes numbers.
        if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, yes, none, none, none) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let mode = libc::c_ulong::from(libc::SECCOMP_MODE_FILTER);
        // SAFETY: the kernel reads `len` instructions, and copies them.
        if unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Puts it on a program that is yet to be started.
    pub fn put_on_child<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let filter = self.clone();
        // SAFETY: between fork and exec the closure makes two system calls and allocates nothing.
        unsafe { command.pre_exec(move || filter.put_on()) }
    }
}

/// Forbids calls to this thread and all that comes of it: numbers and what they fail with.
///
/// # Errors
/// As those of [`Filter`].
pub fn forbid(calls: &[(i64, i32)]) -> io::Result<()> {
    let calls = calls.iter().map(|&(call, errno)| Forbidden { call, argument: None, errno });
    Filter::forbidding(&calls.collect::<Vec<_>>())?.put_on()
}

/// Refuses other architectures; the number of the call is loaded after it.
fn head() -> Vec<sock_filter> {
    vec![
        load(ARCH_AT),
        jump(BPF_JEQ, ARCH, 1, 0),
        refuse(libc::ENOSYS.cast_unsigned()),
        load(NUMBER_AT),
        jump(BPF_JGE, X32, 0, 1),
        refuse(libc::ENOSYS.cast_unsigned()),
    ]
}

/// Finds the number of the call loaded, and leaves it so.
fn rule(call: &Forbidden, program: &mut Vec<sock_filter>) -> Option<()> {
    let number = u32::try_from(call.call).ok().filter(|number| *number < X32)?;
    let errno = u32::try_from(call.errno).ok().filter(|errno| *errno <= ERRNO_MAX)?;
    match call.argument {
        None => program.extend([jump(BPF_JEQ, number, 0, 1), refuse(errno)]),
        Some(argument) => program.extend([
            jump(BPF_JEQ, number, 0, RULE_LEN - 1),
            load(FIRST_ARGUMENT_AT),
            jump(BPF_JEQ, argument, 0, 1),
            refuse(errno),
            load(NUMBER_AT),
        ]),
    }
    Some(())
}

fn load(at: u32) -> sock_filter {
    statement(BPF_LD | BPF_W | BPF_ABS, at)
}

fn refuse(errno: u32) -> sock_filter {
    statement(BPF_RET | BPF_K, libc::SECCOMP_RET_ERRNO | errno)
}

fn statement(code: u32, k: u32) -> sock_filter {
    instruction(code, k, 0, 0)
}

/// Skips so many instructions where the comparison holds, and so many where not.
fn jump(how: u32, k: u32, holds: u8, fails: u8) -> sock_filter {
    instruction(BPF_JMP | how | BPF_K, k, holds, fails)
}

fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    // Codes are below 256.
    sock_filter { code: u16::try_from(code).unwrap_or(u16::MAX), jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the kernel answers: the machine of which a filter uses five instructions.
    fn answer(filter: &Filter, arch: u32, number: u32, argument: u32) -> u32 {
        let (mut at, mut loaded) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = filter.0[at];
            at += 1;
            let mut skip = |holds| at += usize::from(if holds { jt } else { jf });
            match (u32::from(code), k) {
                (0x20, NUMBER_AT) => loaded = number,
                (0x20, ARCH_AT) => loaded = arch,
                (0x20, FIRST_ARGUMENT_AT) => loaded = argument,
                (0x15, k) => skip(loaded == k),
                (0x35, k) => skip(loaded >= k),
                (0x06, k) => return k,
                other => panic!("no such instruction: {other:?}"),
            }
        }
    }

    const ALLOW: u32 = 0x7fff_0000;
    const fn errno(errno: u32) -> u32 {
        0x0005_0000 | errno
    }

    fn call(call: i64, argument: Option<u32>, errno: i32) -> Forbidden {
        Forbidden { call, argument, errno }
    }

    #[test]
    fn only_what_is_forbidden_is_refused() {
        let calls = [call(9, None, 38), call(157, Some(36), 1), call(318, None, 1)];
        let filter = Filter::forbidding(&calls).unwrap();
        let of = |number, argument| answer(&filter, ARCH, number, argument);
        assert_eq!((of(9, 0), of(9, 36), of(318, 0)), (errno(38), errno(38), errno(1)));
        assert_eq!((of(157, 36), of(157, 35)), (errno(1), ALLOW));
        assert_eq!(
            (of(0, 36), of(8, 0), of(319, 9), of(0x3fff_ffff, 0)),
            (ALLOW, ALLOW, ALLOW, ALLOW)
        );
    }

    #[test]
    fn only_what_is_allowed_is_let_through() {
        let filter = Filter::allowing(&[0, 9, 318], 38).unwrap();
        let of = |number| answer(&filter, ARCH, number, 0);
        assert_eq!((of(0), of(9), of(318)), (ALLOW, ALLOW, ALLOW));
        assert_eq!((of(1), of(8), of(319)), (errno(38), errno(38), errno(38)));
        assert_eq!(answer(&filter, 0x4000_0003, 9, 0), errno(38), "another architecture");
        assert!(Filter::allowing(&[-1], 38).is_err() && Filter::allowing(&[1], -1).is_err());
    }

    #[test]
    fn other_architectures_have_no_calls() {
        let filter = Filter::forbidding(&[call(9, None, 1)]).unwrap();
        assert_eq!(answer(&filter, 0x4000_0003, 9, 0), errno(38), "i386");
        assert_eq!(answer(&filter, ARCH, X32 | 1, 0), errno(38), "x32");
        assert_eq!(answer(&filter, ARCH, u32::MAX, 0), errno(38));
        assert_eq!(answer(&filter, ARCH, 1, 0), ALLOW);
    }

    #[test]
    fn what_is_no_call_or_no_errno_is_no_filter() {
        for (number, error) in [(-1, 1), (i64::from(X32), 1), (1, -1), (1, 4096), (1 << 32, 1)] {
            let refused = Filter::forbidding(&[call(number, None, error)]).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(libc::EINVAL), "{number} {error}");
        }
        assert!(Filter::forbidding(&vec![call(1, Some(1), 1); RULES_MAX + 1]).is_err());
        let longest = Filter::forbidding(&vec![call(1, Some(1), 1); RULES_MAX]).unwrap();
        assert!(longest.0.len() <= 4096);
    }

    proptest! {
        #[test]
        fn the_first_rule_that_fits_decides(
            calls in prop::collection::vec((0..6_i64, prop::option::of(0..3_u32), 1..9), 0..9),
            number in 0..6_u32,
            argument in 0..3_u32,
        ) {
            let calls: Vec<_> = calls.into_iter().map(|(a, b, c)| call(a, b, c)).collect();
            let fits = calls.iter().find(|call| {
                call.call == i64::from(number) && call.argument.is_none_or(|its| its == argument)
            });
            let expected = fits.map_or(ALLOW, |call| errno(call.errno.cast_unsigned()));
            let filter = Filter::forbidding(&calls).unwrap();
            prop_assert_eq!(answer(&filter, ARCH, number, argument), expected);
        }
    }

    #[test]
    fn a_program_that_was_started_so_is_refused_the_call() {
        let kill = call(libc::SYS_kill, None, libc::EPERM);
        let mut shell = Command::new("/bin/sh");
        let filter = Filter::forbidding(&[kill]).unwrap();
        let output = filter.put_on_child(&mut shell).args(["-c", "kill -9 $$"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(words.contains("not permitted"), "{words}");
    }

    #[test]
    fn a_thread_that_forbids_itself_a_call_is_refused_it() {
        let own = std::thread::spawn(|| {
            forbid(&[(libc::SYS_getppid, libc::ENOSYS)]).unwrap();
            // SAFETY: takes nothing.
            let asked = unsafe { libc::syscall(libc::SYS_getppid) };
            (asked, io::Error::last_os_error().raw_os_error())
        });
        assert_eq!(own.join().unwrap(), (-1, Some(libc::ENOSYS)));
        assert!(std::os::unix::process::parent_id() > 0, "other threads are not concerned");
    }
}
