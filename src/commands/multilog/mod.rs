//! multilog: write a log into rotated files (daemontools, `multilog.c`).
//!
//! One loop: wait for lines or a signal, look at a block of them, let the [`Sieve`] say what goes
//! where, write all of it, and only then take it from the pipe. An intent in each log directory
//! lets the next multilog go on exactly there, however this one ends (`logger::Intent`).
//!
//! What is no pipe (a file, a socket, a terminal) is read as it comes: what was read and not
//! written yet is lost with us.

use std::io::{self, Write as _};
use std::num::NonZeroU64;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::ExitCode;
use std::time::Duration;

use cli::{Args, Command, UnableExt as _, Usage};
use logger::{Civil, Intent, Line, Scene, Script, Sieve, Stamps, repair, was_taken};
use tai::Stamp;

mod input;
mod log;
mod signals;
mod status;
mod trouble;

use input::{BLOCK, Input, Seen};
use log::{Block, Log};
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
  %stamp=tai|utc|local  the same, or a date as ISO 8601 has it (only as the first action)
  -PATTERN  deselect lines that match; a star matches up to the next character of the pattern
  +PATTERN  select lines that match; at first every line is selected
  e         show selected lines on standard error
  =FILE     keep the last selected line in FILE
  sSIZE     the size of log files from here on, in bytes (default 99999)
  nNUM      the number of log files from here on (default 10)
  !COMMAND  from here on, full log files go through this shell command
  ./DIR     write selected lines to DIR/current (DIR starts with a dot or a slash)
Settings of log directories from here on:
  %full=block|drop|oldest  while lines cannot be written: wait, drop and count them, or remove the
                           oldest files
  %age=TIME                end a file so long after its first line
  %total=SIZE              the most bytes of all log files together
  %sync=TIME               have what was written on the disk so soon
  %rate=LINES/TIME         leave out and count the lines that are more than that
  %visible=on|off          write control characters as \\x1b
Signals: TERM ends multilog at the next line end, ALRM ends each log file now.
Exit codes: 0 the input has ended, 100 a setting is wrong, 111 it could not begin, or could not
write when it was stopped.",
};

/// How many bytes of an unfinished line are read after SIGTERM: longer ones are cut there.
const LINE_END_MAX: usize = 64 * 1024;

/// How long the end of an unfinished line is waited for after SIGTERM: a writer that has stopped in
/// the middle of a line must not hold up a shutdown.
const LINE_END_AFTER: Duration = Duration::from_secs(5);

/// How far apart lines are that were read together.
const LINE_APART: Duration = Duration::from_nanos(1);

/// What new files do not allow: writing by others, as of old.
const UMASK: u32 = 0o022;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    // A warning that nobody reads must not end the log.
    sys::entry::ignore_sigpipe();
    sys::dir::set_umask(UMASK);
    let signals = Signals::catch().unable("catch signals")?;
    let words = args.operands.iter().map(|word| word.as_bytes());
    let time = |text: &str| humantime::parse_duration(text).ok();
    let script = Script::parse(words, time).map_err(Usage::because)?;
    let here = sys::dir::Dir::open(".".as_ref()).unable("open the current directory")?;
    let status = script.status_files().map(|name| StatusFile::open(&here, name));
    let status = status.collect::<Result<_, _>>()?;
    let stamps = || Stamps::new(script.stamping, local_time);
    let logs = script.logs().map(|spec| Log::open(spec, stamps(), &signals));
    let logs = logs.collect::<Result<_, _>>()?;
    let stdin = io::stdin().as_fd().try_clone_to_owned().unable("open standard input")?;
    let mut multilog = Multilog {
        input: Input::new(stdin.into()),
        sieve: Sieve::new(script, local_time),
        status,
        logs,
        signals: &signals,
        session: sys::random::nonce().map_or(0, NonZeroU64::get),
        blocks: 0,
        before: Vec::new(),
        held: Vec::new(),
    };
    multilog.recover()?;
    multilog.run()
}

struct Multilog<'a> {
    input: Input,
    sieve: Sieve,
    status: Vec<StatusFile>,
    logs: Vec<Log<'a>>,
    signals: &'a Signals,
    /// Whose intents ours are.
    session: u64,
    /// How many blocks have been begun.
    blocks: u64,
    /// How the logs stood to the line that had begun before the block.
    before: Vec<Line>,
    /// The start of a line that was held before the block.
    held: Vec<u8>,
}

impl Multilog<'_> {
    /// Goes on where an earlier multilog has ended.
    fn recover(&mut self) -> anyhow::Result<()> {
        let mut block = vec![0; BLOCK];
        let (waiting, count) = self.input.waiting(&mut block);
        let pipe = self.input.pipe().map(|id| (id.dev, id.ino));
        let all: Vec<(Intent, bool)> =
            self.logs.iter().filter_map(Log::intent_found).cloned().collect();
        let (mut lines, mut held, mut held_ends) = (Vec::new(), Vec::new(), false);
        for log in &mut self.logs {
            let repair = log.intent_found().map(|(intent, _)| {
                let (taken, current) = (was_taken(intent, &all), log.unfinished());
                repair(intent, &Scene { taken, pipe, waiting, count, current })
            });
            let repair = repair.unwrap_or_default();
            log.recover(&repair)?;
            lines.push(repair.line);
            if !repair.held.is_empty() {
                (held, held_ends) = (repair.held, repair.held_ends);
            }
        }
        self.sieve.resume(lines.into_iter());
        self.sieve.feed(&held, now);
        if held_ends {
            self.sieve.finish();
            self.flush();
        }
        if held_ends || pipe.is_none() {
            self.logs.iter_mut().for_each(Log::forget_intent);
        }
        Ok(())
    }

    fn run(mut self) -> anyhow::Result<ExitCode> {
        let read = self.read_all();
        if !self.has_given_up() {
            self.sieve.finish();
            self.flush();
            self.sieve.tick_last(now);
            self.flush();
            self.logs.iter_mut().for_each(Log::settle);
        }
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
        while !self.has_given_up() {
            if self.signals.take_alarm() {
                self.logs.iter_mut().for_each(Log::end_file);
            }
            if self.signals.term() {
                return self.read_line_end(&mut block);
            }
            let now = sys::clock::monotonic();
            self.logs.iter_mut().for_each(|log| log.look_after(now));
            self.tell_left_out(now);
            let deadlines = self.logs.iter().filter_map(Log::deadline);
            let deadline = deadlines.chain(self.sieve.deadline()).min();
            let wait = deadline.map(|deadline| deadline.saturating_sub(now));
            match self.input.next(&mut block, wait, self.signals)? {
                Seen::End => return Ok(()),
                Seen::Bytes(len) => self.take(block.get(..len).unwrap_or_default())?,
                Seen::Nothing => {}
            }
        }
        Ok(())
    }

    /// Logs how many lines were left out, where it is time.
    fn tell_left_out(&mut self, monotonic: Duration) {
        self.sieve.tick(monotonic, now);
        if self.sieve.waiting().logs.iter().any(|log| !log.is_empty()) {
            self.flush();
            self.logs.iter_mut().for_each(Log::settle);
        }
    }

    /// Reads on to the end of a line that has begun: what follows it is the next multilog's.
    fn read_line_end(&mut self, block: &mut [u8]) -> io::Result<()> {
        let until = sys::clock::monotonic() + LINE_END_AFTER;
        // Where what follows would be taken as well, one byte after the other.
        let at_once = if self.input.pipe().is_some() { block.len() } else { 1 };
        let mut count = 0;
        while self.sieve.within_line() && count < LINE_END_MAX && !self.has_given_up() {
            let wait = until.saturating_sub(sys::clock::monotonic());
            if wait.is_zero() {
                break;
            }
            let room = block.get_mut(..at_once).unwrap_or_default();
            match self.input.next(room, Some(wait), self.signals)? {
                Seen::End => break,
                Seen::Nothing => {}
                Seen::Bytes(len) => {
                    let seen = block.get(..len).unwrap_or_default();
                    let line = logger::line_end(seen).unwrap_or(len);
                    self.take(seen.get(..line).unwrap_or_default())?;
                    count += line;
                }
            }
        }
        Ok(())
    }

    /// Writes `block`; takes each part of it from the pipe once that is written.
    fn take(&mut self, block: &[u8]) -> io::Result<()> {
        let mut rest = block;
        while !rest.is_empty() {
            self.before.clear();
            self.before.extend(self.sieve.lines());
            self.held.clear();
            self.held.extend_from_slice(self.sieve.held());
            self.sieve.give_rooms(self.logs.iter().map(Log::room));
            let taken = self.sieve.feed(rest, one_after_the_other(sys::clock::realtime()));
            let (part, after) = rest.split_at(taken.min(rest.len()));
            self.arm(part);
            self.flush();
            if self.has_given_up() && self.input.pipe().is_some() {
                self.logs.iter_mut().for_each(Log::keep_in_pipe);
                return Ok(());
            }
            self.take_from_pipe(part.len())?;
            self.logs.iter_mut().for_each(Log::settle);
            rest = after;
        }
        Ok(())
    }

    /// Says in each log directory what is about to be written. The keeper comes first; logs that
    /// get nothing need not know, unless a line is taken in parts.
    fn arm(&mut self, raw: &[u8]) {
        let Some(pipe) = self.input.pipe() else { return };
        self.blocks += 1;
        let held = (self.held.as_slice(), self.sieve.held());
        let block = Block { session: self.session, number: self.blocks, pipe, raw, held };
        let lines: Vec<Line> = self.sieve.lines().collect();
        let whole = lines.iter().chain(&self.before).all(|line| *line == Line::None);
        let outputs = self.sieve.waiting().logs.iter().map(Vec::len);
        if whole && held == (&[], &[]) && outputs.clone().all(|len| len == 0) {
            return;
        }
        let states = self.before.iter().copied().zip(lines);
        let open = |(log, _): &(&mut Log<'_>, _)| !log.is_shut();
        let logs = self.logs.iter_mut().zip(outputs.zip(states)).filter(open);
        for (index, (log, (output, lines))) in logs.enumerate() {
            let keeper = index == 0;
            if keeper || !whole || output > 0 {
                log.arm(&block, keeper, lines, output);
            }
        }
    }

    fn take_from_pipe(&mut self, len: usize) -> io::Result<()> {
        let marked = self.input.take(len, self.logs.iter().find_map(Log::mark))?;
        self.logs.iter_mut().for_each(|log| log.taken(marked));
        Ok(())
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

/// Times of lines that were read together: the clock is read once, and each line is a nanosecond
/// after the one before. No line takes less, so stamps rise as long as the clock does.
fn one_after_the_other(mut now: Duration) -> impl FnMut() -> Stamp {
    move || {
        now += LINE_APART;
        Stamp::from_unix(now)
    }
}

/// Asked once a second at most, so that a change of the zone is seen.
fn local_time(unix: i64) -> Option<Civil> {
    sys::localtime::load_zone();
    super::tai64nlocal::civil(unix)
}
