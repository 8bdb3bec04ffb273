//! softlimit: run a program with lower limits (daemontools, `softlimit.c`).

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::process::ExitCode;

use cli::{Args, Command, Flag, Usage};
use sys::exec::Program;
use sys::limits::Limit;

use crate::chain::{Environment, Next};

const fn limit(names: &'static [&'static str], help: &'static str) -> Flag {
    Flag { names, value: Some("N"), help }
}

pub(crate) static COMMAND: Command = Command {
    name: "softlimit",
    summary: "run a program with lower soft limits",
    usage: "[-a allbytes] [-c corebytes] [-d databytes] [-f filebytes] [-l lockbytes] \
        [-m membytes] [-o openfiles] [-p processes] [-r residentbytes] [-s stackbytes] \
        [-t cpusecs] child",
    flags: &[
        limit(&["a", "as"], "all of its memory, in bytes"),
        limit(&["c", "core"], "a core file, in bytes"),
        limit(&["d", "data"], "its data segment, in bytes"),
        limit(&["f", "fsize"], "a file that it writes, in bytes"),
        limit(&["l", "memlock"], "locked memory, in bytes"),
        limit(&["m", "memory"], "as -d, -s, -l and -a with the same N"),
        limit(&["o", "nofile"], "open files"),
        limit(&["p", "nproc"], "processes of its user"),
        limit(&["r", "rss"], "resident memory, in bytes (not enforced by Linux)"),
        limit(&["s", "stack"], "its stack, in bytes"),
        limit(&["t", "cpu"], "processor time, in seconds"),
        limit(&["locks"], "file locks (not enforced by Linux)"),
        limit(&["msgqueue"], "message queues of its user, in bytes"),
        limit(&["nice"], "20 minus the nice value it may take"),
        limit(&["rtprio"], "the real-time priority it may take"),
        limit(&["rttime"], "real-time processor time without a wait, in microseconds"),
        limit(&["sigpending"], "signals queued for its user"),
    ],
    about: "\
N is a number, or = for the hard limit. Only soft limits are set, and never above
the hard ones; the program may raise them again up to those.

Exit codes: that of the program; 100 wrong usage, 111 a limit cannot be set, or the
program cannot be run.",
};

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let changes = changes(args)?;
    let next = Next::new(&args.operands)?;
    let mut program = next.ready(Environment::inherited())?;
    let mut before = Vec::with_capacity(changes.len());
    let failed = become_limited(&mut program, &changes, &mut before);
    // Else there might be no memory to say it in, and no room to write it to.
    restore(&before);
    Err(match failed {
        Failed::Get(error) => anyhow::anyhow!("getrlimit failed: {}", cli::reason(&error)),
        Failed::Set(error) => anyhow::anyhow!("setrlimit failed: {}", cli::reason(&error)),
        Failed::Run(error) => next.unable(error).into(),
    })
}

/// What a limit is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// The hard limit.
    Hard,
    /// So much.
    Number(u64),
}

impl Wanted {
    /// The words of `softlimit.c`: `=`, or digits. Where there are none it is 0, and where they are
    /// too many it is more than any limit, not what is left of it in 64 bits.
    fn read(text: &[u8]) -> Option<Self> {
        if text == b"=" {
            return Some(Self::Hard);
        }
        let digits = text.iter().map(|byte| byte.is_ascii_digit().then(|| u64::from(byte - b'0')));
        let add =
            |sum: u64, digit: Option<u64>| Some(sum.saturating_mul(10).saturating_add(digit?));
        digits.into_iter().try_fold(0, add).map(Self::Number)
    }

    fn under(self, hard: u64) -> u64 {
        match self {
            Self::Hard => hard,
            Self::Number(number) => number.min(hard),
        }
    }
}

/// The limits that a flag sets, in their order.
fn limits(key: &str) -> &'static [Limit] {
    match key {
        "a" => &[Limit::AddressSpace],
        "c" => &[Limit::Core],
        "d" => &[Limit::Data],
        "f" => &[Limit::FileSize],
        "l" => &[Limit::LockedMemory],
        "m" => &[Limit::Data, Limit::Stack, Limit::LockedMemory, Limit::AddressSpace],
        "o" => &[Limit::OpenFiles],
        "p" => &[Limit::Processes],
        "r" => &[Limit::Resident],
        "s" => &[Limit::Stack],
        "t" => &[Limit::Cpu],
        "locks" => &[Limit::Locks],
        "msgqueue" => &[Limit::MessageQueues],
        "nice" => &[Limit::Nice],
        "rtprio" => &[Limit::RealTimePriority],
        "rttime" => &[Limit::RealTime],
        "sigpending" => &[Limit::PendingSignals],
        _ => &[],
    }
}

fn changes(args: &Args) -> Result<Vec<(Limit, Wanted)>, Usage> {
    let mut changes = Vec::new();
    for given in &args.flags {
        let value = given.value.as_deref().unwrap_or(OsStr::new(""));
        let wanted = Wanted::read(value.as_bytes()).ok_or_else(Usage::default)?;
        changes.extend(limits(given.flag.key()).iter().map(|&limit| (limit, wanted)));
    }
    Ok(changes)
}

/// Why the program does not run.
#[derive(Debug)]
enum Failed {
    Get(io::Error),
    Set(io::Error),
    Run(io::Error),
}

/// Sets the limits and executes the program; `before` gets the limits as they were, and must have
/// room for them: no memory is asked for from here on, for there may be none.
fn become_limited(
    program: &mut Program,
    changes: &[(Limit, Wanted)],
    before: &mut Vec<(Limit, u64, u64)>,
) -> Failed {
    for &(limit, wanted) in changes {
        let (soft, hard) = match limit.get() {
            Ok(both) => both,
            Err(error) => return Failed::Get(error),
        };
        before.push((limit, soft, hard));
        if let Err(error) = limit.set(wanted.under(hard), hard) {
            return Failed::Set(error);
        }
    }
    Failed::Run(program.execute())
}

fn restore(before: &[(Limit, u64, u64)]) {
    for &(limit, soft, hard) in before.iter().rev() {
        // What was allowed before is allowed now; if not, the message may still come through.
        let _ = limit.set(soft, hard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_as_of_old() {
        assert_eq!(Wanted::read(b"="), Some(Wanted::Hard));
        assert_eq!(Wanted::read(b""), Some(Wanted::Number(0)));
        assert_eq!(Wanted::read(b"007"), Some(Wanted::Number(7)));
        for wrong in ["-1", "+1", " 1", "1 ", "1k", "==", "=1", "1=", "0x1", "1.5", "\u{661}"] {
            assert_eq!(Wanted::read(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_number_beyond_64_bits_is_more_than_any_limit() {
        assert_eq!(Wanted::read(b"18446744073709551614"), Some(Wanted::Number(u64::MAX - 1)));
        for text in ["18446744073709551615", "18446744073709551617", &"9".repeat(9999)] {
            assert_eq!(Wanted::read(text.as_bytes()), Some(Wanted::Number(u64::MAX)), "{text}");
        }
        assert_eq!(Wanted::Number(u64::MAX).under(5), 5);
        assert_eq!(Wanted::Number(4).under(5), 4);
        assert_eq!(Wanted::Hard.under(5), 5);
    }

    #[test]
    fn every_flag_sets_something() {
        for flag in COMMAND.flags {
            assert!(!limits(flag.key()).is_empty(), "{}", flag.key());
        }
    }

    proptest! {
        #[test]
        fn every_number_of_64_bits_is_itself(number: u64, zeroes in 0_usize..30) {
            let text = format!("{}{number}", "0".repeat(zeroes));
            prop_assert_eq!(Wanted::read(text.as_bytes()), Some(Wanted::Number(number)));
        }

        #[test]
        fn any_bytes_are_a_number_or_none(text: Vec<u8>) {
            let is_number = text == b"=" || text.iter().all(u8::is_ascii_digit);
            prop_assert_eq!(Wanted::read(&text).is_some(), is_number);
        }
    }
}
