//! The programs before and after a step (`--before-step`, `--after-step`).
//!
//! They run beside us: nothing waits for them but a step that they are to precede, and that no
//! longer than [`PATIENCE`]. What they are told is in their environment.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ntp::time::{Raw, Span};

use super::machine::{Machine, Process};

/// A program that runs for longer is killed. A clock that is wrong is wrong for everybody else
/// meanwhile.
pub(crate) const PATIENCE: Span = Span::from_secs(10);

/// So many run at a time; a clock that is stepped again and again must not fill the machine.
const RUNNING_MAX: usize = 4;

/// Before or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

#[derive(Debug)]
struct Running<P> {
    when: When,
    child: P,
    until: Raw,
    is_killed: bool,
}

/// The programs, and those that run.
#[derive(Debug)]
pub(crate) struct Hooks<P> {
    before: Option<PathBuf>,
    after: Option<PathBuf>,
    running: Vec<Running<P>>,
}

impl When {
    fn word(self) -> &'static str {
        match self {
            Self::Before => "before-step",
            Self::After => "after-step",
        }
    }
}

impl<P: Process> Hooks<P> {
    /// With these programs.
    pub(crate) fn new(before: Option<PathBuf>, after: Option<PathBuf>) -> Self {
        Self { before, after, running: Vec::new() }
    }

    /// Whether there are no such programs.
    pub(crate) fn is_none(&self) -> bool {
        self.before.is_none() && self.after.is_none()
    }

    /// Whether any is at work.
    pub(crate) fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    /// Begins one, if there is one. `by` is the step's size.
    ///
    /// # Errors
    /// A line on why it does not run.
    pub(crate) fn begin(
        &mut self,
        machine: &impl Machine<Process = P>,
        when: When,
        by: Span,
    ) -> Result<(), String> {
        let program = match when {
            When::Before => &self.before,
            When::After => &self.after,
        };
        let Some(program) = program else { return Ok(()) };
        let line = |why: &str| {
            format!("event=hook when={} program={} result=\"{why}\"", when.word(), shown(program))
        };
        if self.running.len() >= RUNNING_MAX {
            return Err(line("not run: too many still run"));
        }
        let child = machine.spawn(command(program, when, by));
        let child = child.map_err(|error| line(&cli::reason(&error)))?;
        let until = machine.raw() + PATIENCE;
        self.running.push(Running { when, child, until, is_killed: false });
        Ok(())
    }

    /// Those that have ended: when they ran, and a line on each.
    pub(crate) fn harvest(&mut self, now: Raw) -> Vec<(When, String)> {
        let mut ended = Vec::new();
        self.running.retain_mut(|running| match running.look(now) {
            None => true,
            Some(result) => {
                let line = format!("event=hook when={} result=\"{result}\"", running.when.word());
                ended.push((running.when, line));
                false
            }
        });
        ended
    }
}

impl<P: Process> Running<P> {
    /// How it ended, if it has.
    fn look(&mut self, now: Raw) -> Option<String> {
        match self.child.ended() {
            Ok(Some(_)) if self.is_killed => Some(format!("killed after {} s", PATIENCE.seconds())),
            Ok(Some(status)) => Some(status.to_string()),
            Err(error) => Some(cli::reason(&error).into_owned()),
            Ok(None) => {
                if now >= self.until && !self.is_killed {
                    // What it has started goes with it.
                    self.child.kill();
                    self.is_killed = true;
                }
                None
            }
        }
    }
}

fn command(program: &Path, when: When, by: Span) -> Command {
    let mut command = Command::new(program);
    command
        .env("NTPD_EVENT", when.word())
        .env("NTPD_OFFSET", format!("{:+.9}", by.seconds()))
        .stdin(Stdio::null())
        .process_group(0);
    command
}

fn shown(program: &Path) -> String {
    super::options::quoted(program.as_os_str())
}

#[cfg(test)]
mod tests {
    use std::process::Child;
    use std::time::Instant;

    use super::super::kernel::Kernel;
    use super::*;

    /// A program of this text, in a directory that goes away.
    fn program(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("program");
        // Were it open for writing here, a child that another test forks meanwhile would have it
        // open too, and nobody could run it (ETXTBSY).
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", r#"printf '#!/bin/sh\n%s\n' "$1" >"$0" && chmod 755 "$0""#]);
        assert!(shell.arg(&path).arg(text).status().unwrap().success());
        (dir, path)
    }

    /// What is said of them when all have ended, at the instant `now`.
    fn ended(hooks: &mut Hooks<Child>, now: Raw) -> Vec<(When, String)> {
        let end = Instant::now() + std::time::Duration::from_mins(1);
        let mut ended = Vec::new();
        while hooks.is_busy() {
            assert!(Instant::now() < end, "they do not end");
            ended.extend(hooks.harvest(now));
            std::thread::yield_now();
        }
        ended
    }

    #[test]
    fn a_program_is_told_when_and_by_how_much() {
        let kernel = Kernel::new();
        let (dir, path) = program("echo $NTPD_EVENT $NTPD_OFFSET >\"${0%/*}/told\"; exit 3");
        let (mut hooks, now) = (Hooks::new(None, Some(path)), kernel.raw());
        assert_eq!(hooks.begin(&kernel, When::Before, Span::ZERO), Ok(()));
        assert!(!hooks.is_busy(), "there is none before");
        hooks.begin(&kernel, When::After, Span::from_nanos(-1_500_000_001)).unwrap();
        let said = ended(&mut hooks, now);
        let line = "event=hook when=after-step result=\"exit status: 3\"".to_owned();
        assert_eq!(said, [(When::After, line)]);
        let told = std::fs::read_to_string(dir.path().join("told")).unwrap();
        assert_eq!(told, "after-step -1.500000001\n");
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_with_what_it_has_started() {
        let kernel = Kernel::new();
        let (dir, path) = program("exec 9>\"${0%/*}/held\"; sleep 1000 & echo $! >&9; wait");
        let (mut hooks, now) = (Hooks::new(Some(path), None), kernel.raw());
        hooks.begin(&kernel, When::Before, Span::ZERO).unwrap();
        let held = dir.path().join("held");
        while !std::fs::read_to_string(&held).is_ok_and(|pid| pid.ends_with('\n')) {
            assert_eq!(hooks.harvest(now), [], "it has its time");
        }
        let said = ended(&mut hooks, kernel.raw() + PATIENCE);
        let line = "event=hook when=before-step result=\"killed after 10 s\"".to_owned();
        assert_eq!(said, [(When::Before, line)]);
        let pid = std::fs::read_to_string(&held).unwrap().trim().parse().unwrap();
        let end = Instant::now() + std::time::Duration::from_mins(1);
        while sys::proc::facts(pid).is_some_and(|facts| !facts.has_ended()) {
            assert!(Instant::now() < end, "what it has started lives on");
        }
    }

    #[test]
    fn what_cannot_be_run_is_a_line_and_too_many_are_not_run() {
        let kernel = Kernel::new();
        let mut hooks = Hooks::new(Some("/nonexistent/program".into()), None);
        let line = hooks.begin(&kernel, When::Before, Span::ZERO).unwrap_err();
        let said = "event=hook when=before-step program=/nonexistent/program \
                    result=\"file does not exist\"";
        assert_eq!(line, said);
        let (_dir, path) = program("sleep 1000");
        let mut hooks = Hooks::new(None, Some(path));
        for _ in 0..RUNNING_MAX {
            hooks.begin(&kernel, When::After, Span::ZERO).unwrap();
        }
        let line = hooks.begin(&kernel, When::After, Span::ZERO).unwrap_err();
        assert!(line.ends_with("result=\"not run: too many still run\""), "{line}");
        assert_eq!(ended(&mut hooks, kernel.raw() + PATIENCE).len(), RUNNING_MAX);
    }
}
