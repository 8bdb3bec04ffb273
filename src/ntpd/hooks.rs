//! The programs before and after a step (`--before-step`, `--after-step`).
//!
//! They run beside us: nothing waits for them but a step that they are to precede, and that no
//! longer than [`PATIENCE`]. What they are told is in their environment.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ntp::time::{Raw, Span};

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
struct Running {
    when: When,
    child: Child,
    until: Raw,
    is_killed: bool,
}

/// The programs, and those that run.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    before: Option<PathBuf>,
    after: Option<PathBuf>,
    running: Vec<Running>,
}

impl When {
    fn word(self) -> &'static str {
        match self {
            Self::Before => "before-step",
            Self::After => "after-step",
        }
    }
}

impl Hooks {
    /// With these programs.
    pub(crate) fn new(before: Option<PathBuf>, after: Option<PathBuf>) -> Self {
        Self { before, after, running: Vec::new() }
    }

    /// Whether any is at work.
    pub(crate) fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    /// Begins one, if there is one. `by` is the step's size.
    ///
    /// # Errors
    /// A line on why it does not run.
    pub(crate) fn begin(&mut self, when: When, by: Span, now: Raw) -> Result<(), String> {
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
        let child = spawn(program, when, by).map_err(|error| line(&cli::reason(&error)))?;
        self.running.push(Running { when, child, until: now + PATIENCE, is_killed: false });
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

impl Running {
    /// How it ended, if it has.
    fn look(&mut self, now: Raw) -> Option<String> {
        match self.child.try_wait() {
            Ok(Some(_)) if self.is_killed => Some(format!("killed after {} s", PATIENCE.seconds())),
            Ok(Some(status)) => Some(status.to_string()),
            Err(error) => Some(cli::reason(&error).into_owned()),
            Ok(None) => {
                if now >= self.until && !self.is_killed {
                    // What it has started goes with it. It has not been waited for: its group is
                    // its own.
                    let _ = sys::child::kill_group_of(&self.child);
                    self.is_killed = true;
                }
                None
            }
        }
    }
}

fn spawn(program: &Path, when: When, by: Span) -> io::Result<Child> {
    Command::new(program)
        .env("NTPD_EVENT", when.word())
        .env("NTPD_OFFSET", format!("{:+.9}", by.seconds()))
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
}

fn shown(program: &Path) -> String {
    super::options::quoted(program.as_os_str())
}
