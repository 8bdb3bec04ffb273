//! multilog: write a log into rotated files (daemontools, `multilog.c`).
//!
//! One loop: wait for input or a signal, read a block, let the [`Sieve`] say what goes where, write
//! all of it, and only then read again. So what was taken from the pipe is in the files before more
//! is taken, but for the start of a line whose end has not come.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::ExitCode;
use std::time::Duration;

use cli::{Args, Command, UnableExt as _};
use logger::{Script, Sieve};
use tai::Stamp;

mod log;
mod signals;
mod status;
mod trouble;

use log::Log;
use signals::Signals;
use status::StatusFile;
use trouble::warn;

pub(crate) static COMMAND: Command = Command {
    name: "multilog",
    summary: "write a log into rotated files",
    usage: "script...",
    flags: &[],
    about: "\
The script is any number of actions, carried out in order for each line of standard input:
  t         put a TAI64N label before each line (only as the first action)
  -PATTERN  deselect lines that match; a star matches up to the next character of the pattern
  +PATTERN  select lines that match; at first every line is selected
  e         show selected lines on standard error
  =FILE     keep the last selected line in FILE
  sSIZE     the size of log files from here on, in bytes (default 99999)
  nNUM      the number of log files from here on (default 10)
  !COMMAND  from here on, full log files go through this shell command
  ./DIR     write selected lines to DIR/current (DIR starts with a dot or a slash)
Signals: TERM ends multilog at the next line end, ALRM ends each log file now.
Exit codes: 0 the input has ended, 111 it could not begin, or could not write when
it was stopped.",
};

/// How much is read at once: what a pipe holds.
const BLOCK: usize = 64 * 1024;

/// How many bytes of an unfinished line are read after SIGTERM: longer ones are cut there.
const LINE_END_MAX: usize = 64 * 1024;

/// How long the end of an unfinished line is waited for after SIGTERM: a writer that has stopped in
/// the middle of a line must not hold up a shutdown.
const LINE_END_AFTER: Duration = Duration::from_secs(5);

/// What new files do not allow: writing by others, as of old.
const UMASK: u32 = 0o022;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    // A warning that nobody reads must not end the log.
    sys::entry::ignore_sigpipe();
    sys::dir::set_umask(UMASK);
    let signals = Signals::catch().unable("catch signals")?;
    let script = Script::parse(args.operands.iter().map(|word| word.as_bytes()));
    let here = sys::dir::Dir::open(".".as_ref()).unable("open the current directory")?;
    let status = script.status_files().map(|name| StatusFile::open(&here, name));
    let status = status.collect::<Result<_, _>>()?;
    let logs = script.logs().map(|spec| Log::open(spec, &signals));
    let logs = logs.collect::<Result<_, _>>()?;
    let stdin = io::stdin().as_fd().try_clone_to_owned().unable("open standard input")?;
    let multilog = Multilog {
        input: stdin.into(),
        sieve: Sieve::new(script),
        status,
        logs,
        signals: &signals,
    };
    multilog.run()
}

struct Multilog<'a> {
    input: File,
    sieve: Sieve,
    status: Vec<StatusFile>,
    logs: Vec<Log<'a>>,
    signals: &'a Signals,
}

impl Multilog<'_> {
    fn run(mut self) -> anyhow::Result<ExitCode> {
        let read = self.read_all();
        self.sieve.finish();
        self.flush();
        let given_up = self.logs.into_iter().filter_map(Log::end);
        let given_up = given_up.chain(self.status.into_iter().filter_map(StatusFile::end));
        if let Some(first) = given_up.reduce(|first, other| {
            warn(&other);
            first
        }) {
            return Err(anyhow::Error::msg(first));
        }
        read.unable("read standard input")?;
        Ok(ExitCode::SUCCESS)
    }

    /// Reads and writes until the input ends or SIGTERM comes.
    fn read_all(&mut self) -> io::Result<()> {
        let mut block = vec![0; BLOCK];
        loop {
            if self.signals.take_alarm() {
                self.logs.iter_mut().for_each(Log::end_file);
            }
            if self.signals.term() {
                return self.read_line_end();
            }
            if self.signals.wait_for_input(self.input.as_fd(), None)? {
                match self.read(&mut block)? {
                    Some(0) => return Ok(()),
                    Some(len) => self.take(block.get(..len).unwrap_or_default()),
                    None => {}
                }
            }
        }
    }

    /// Reads on to the end of a line that has begun, byte by byte: what follows it is the next
    /// multilog's.
    fn read_line_end(&mut self) -> io::Result<()> {
        let until = sys::clock::monotonic() + LINE_END_AFTER;
        let mut byte = [0];
        let mut count = 0;
        while self.sieve.within_line() && count < LINE_END_MAX && !self.has_given_up() {
            let wait = until.saturating_sub(sys::clock::monotonic());
            if wait.is_zero() {
                break;
            }
            if self.signals.wait_for_input(self.input.as_fd(), Some(wait))? {
                match self.read(&mut byte)? {
                    Some(0) => break,
                    Some(_) => self.take(&byte),
                    None => {}
                }
                count += 1;
            }
        }
        Ok(())
    }

    /// One read(2); `None` where somebody else was faster. The input may be shared, so it is not
    /// made non-blocking.
    fn read(&mut self, block: &mut [u8]) -> io::Result<Option<usize>> {
        match self.input.read(block) {
            Ok(len) => Ok(Some(len)),
            Err(error)
                if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn take(&mut self, block: &[u8]) {
        let mut rest = block;
        while !rest.is_empty() {
            let taken = self.sieve.feed(rest, now);
            rest = rest.get(taken..).unwrap_or_default();
            self.flush();
        }
    }

    /// Writes all that waits; returns when it is written, or given up after SIGTERM.
    fn flush(&mut self) {
        let outputs = self.sieve.outputs();
        // Nobody can be told where standard error does not work.
        let _ = io::stderr().write_all(&outputs.alerts);
        outputs.alerts.clear();
        for (file, text) in self.status.iter_mut().zip(&mut outputs.status) {
            file.write(text, self.signals);
            text.clear();
        }
        for (log, lines) in self.logs.iter_mut().zip(&mut outputs.logs) {
            log.write(lines);
            lines.clear();
        }
    }

    fn has_given_up(&self) -> bool {
        self.logs.iter().any(Log::has_given_up)
    }
}

fn now() -> Stamp {
    Stamp::from_unix(sys::clock::realtime())
}
