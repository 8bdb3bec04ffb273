//! `svc -w`: wait until services have come to a state.
//!
//! supervise renames a new status into place whenever something has changed, and inotify tells of
//! that. Where it cannot be had the status is read now and then.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd as _;
use std::time::Duration;

use cli::{Args, Usage};
use contract::remarks::Remark;
use contract::{Status, Wish, layout, svstat};
use sys::inotify::Watcher;
use tai::Stamp;

use crate::service_dir::ServiceDir;

/// Longer than a service that works takes.
const TIMEOUT: Duration = Duration::from_mins(1);
/// How often the status is read whether or not something was told: a supervise that dies tells
/// nothing.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What is waited for, and how long.
#[derive(Debug)]
pub(super) struct Wait {
    state: State,
    timeout: Duration,
    deadline: Duration,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    Ready,
    Down,
    Finished,
}

impl State {
    fn parse(word: &OsStr) -> Option<Self> {
        match word.to_str()? {
            "up" | "u" => Some(Self::Up),
            "ready" | "U" => Some(Self::Ready),
            "down" | "d" => Some(Self::Down),
            "finished" | "D" => Some(Self::Finished),
            _ => None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Ready => "ready",
            Self::Down => "down",
            Self::Finished => "finished",
        }
    }

    /// A service that is down for a moment only is not down.
    fn is_so(self, status: &Status, remarks: &[Remark]) -> bool {
        let is_up = status.pid != 0;
        let is_down = !is_up && status.want != Wish::Up;
        let ends = |remark: &Remark| matches!(remark, Remark::Clearing(_) | Remark::Finishing);
        match self {
            Self::Up => is_up,
            Self::Ready => is_up && remarks.iter().any(|it| matches!(it, Remark::Ready(_))),
            Self::Down => is_down,
            Self::Finished => is_down && !remarks.iter().any(ends),
        }
    }
}

impl Wait {
    /// What the command line says; `None` where it does not say to wait.
    pub(super) fn read(args: &Args) -> Result<Option<Self>, Usage> {
        let timeout = match args.value("T") {
            Some(text) => time(text).ok_or_else(|| {
                let text = text.display();
                Usage::because(format!("{text} is no time; write milliseconds, or 90s"))
            })?,
            None => TIMEOUT,
        };
        let Some(word) = args.value("w") else { return Ok(None) };
        let deadline = sys::clock::monotonic().saturating_add(timeout);
        match State::parse(word) {
            Some(state) => Ok(Some(Self { state, timeout, deadline })),
            None => Err(Usage::because(format!(
                "{} is no state; wait for up, ready, down or finished",
                word.display()
            ))),
        }
    }

    /// Waits until somebody supervises the service, whose link may be as old as this command.
    ///
    /// # Errors
    /// Nobody does in time.
    pub(super) fn for_supervise(&self, name: &OsStr) -> anyhow::Result<()> {
        let dir = ServiceDir::new(name);
        let watcher = Watcher::new().ok();
        while dir.is_unattended() {
            for place in ["", layout::SUPERVISE] {
                // `supervise` is made while we wait.
                let _ = watcher.as_ref().map(|watcher| watcher.scan(&dir.file(place)));
            }
            let what = format!("{}: supervise not running", name.display());
            self.rest(watcher.as_ref(), &Missing { what, instead: String::new() })?;
        }
        Ok(())
    }

    /// Waits until all of them are in the state at the same time.
    ///
    /// # Errors
    /// One of them is not in time, or is not supervised; a sentence that says how it is instead.
    pub(super) fn for_all(&self, names: &[OsString]) -> anyhow::Result<()> {
        let watcher = Watcher::new().ok();
        for name in names {
            if let Some(watcher) = &watcher {
                let _ = watcher.scan(&ServiceDir::new(name).file(layout::SUPERVISE));
            }
        }
        loop {
            let Some(why) = self.missing(names)? else { return Ok(()) };
            self.rest(watcher.as_ref(), &why)?;
        }
    }

    /// Waits for news.
    ///
    /// # Errors
    /// The time is over; `why` it was needed.
    fn rest(&self, watcher: Option<&Watcher>, why: &Missing) -> anyhow::Result<()> {
        let left = self.deadline.saturating_sub(sys::clock::monotonic());
        if left.is_zero() {
            let waited = humantime::format_duration(self.timeout);
            anyhow::bail!("{} after {waited}{}", why.what, why.instead);
        }
        rest(watcher, left.min(LOOK_AGAIN));
        Ok(())
    }

    /// How the first that is not in the state is instead.
    fn missing(&self, names: &[OsString]) -> anyhow::Result<Option<Missing>> {
        for name in names {
            let dir = ServiceDir::new(name);
            let shown = name.display();
            let status = dir.status().map_err(|why| anyhow::anyhow!("{shown}: {why}"))?;
            let remarks = dir.remarks();
            if !self.state.is_so(&status, &remarks) {
                let state = self.state.word();
                let instead = format!(" but {}", words(&status, &remarks));
                return Ok(Some(Missing { what: format!("{shown} is not {state}"), instead }));
            }
        }
        Ok(None)
    }
}

/// What is waited for.
struct Missing {
    what: String,
    /// How it is instead.
    instead: String,
}

/// As svstat says it.
fn words(status: &Status, remarks: &[Remark]) -> String {
    let normally_down = status.pid == 0;
    let now = Stamp::from_unix(sys::clock::realtime());
    let mut words = svstat::words(status, normally_down, now);
    let monotonic = sys::clock::monotonic();
    words.extend(remarks.iter().map(|remark| remark.words(monotonic)));
    words
}

fn rest(watcher: Option<&Watcher>, time: Duration) {
    let _ = match watcher {
        Some(watcher) => sys::poll::readable([watcher.as_fd()], Some(time)).map(|_| ()),
        None => sys::poll::readable([], Some(time)).map(|_| ()),
    };
    let _ = watcher.map(Watcher::changes);
}

/// Milliseconds as s6 has them, or a duration with a unit.
fn time(text: &OsStr) -> Option<Duration> {
    let text = text.to_str()?;
    match text.parse() {
        Ok(millis) => Some(Duration::from_millis(millis)),
        Err(_) => humantime::parse_duration(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(pid: u32, want: Wish) -> Status {
        Status { since: Stamp::from_unix(Duration::ZERO), pid, paused: false, want }
    }

    #[test]
    fn a_service_between_two_lives_is_neither_up_nor_down() {
        let crashing = status(0, Wish::Up);
        for state in [State::Up, State::Ready, State::Down, State::Finished] {
            assert!(!state.is_so(&crashing, &[]), "{state:?}");
        }
    }

    #[test]
    fn each_state_is_what_it_says() {
        let (up, down) = (status(7, Wish::Up), status(0, Wish::Down));
        let ready = [Remark::Ready(Duration::ZERO)];
        assert!(State::Up.is_so(&up, &[]) && !State::Up.is_so(&down, &[]));
        assert!(State::Ready.is_so(&up, &ready) && !State::Ready.is_so(&up, &[]));
        assert!(State::Down.is_so(&down, &[Remark::Finishing]) && !State::Down.is_so(&up, &[]));
        assert!(State::Down.is_so(&status(0, Wish::Once), &[]));
        assert!(State::Finished.is_so(&down, &[Remark::GivenUp]));
        for busy in [Remark::Finishing, Remark::Clearing(1)] {
            assert!(!State::Finished.is_so(&down, &[busy]));
        }
    }

    #[test]
    fn states_have_words_and_s6s_letters() {
        let pairs = [("up", "u"), ("ready", "U"), ("down", "d"), ("finished", "D")];
        for (word, letter) in pairs {
            let state = State::parse(OsStr::new(word)).unwrap();
            assert_eq!((state.word(), State::parse(OsStr::new(letter))), (word, Some(state)));
        }
        assert_eq!(State::parse(OsStr::new("gone")), None);
    }
}
