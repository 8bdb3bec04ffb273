//! The end of everything: services first, then their loggers, then whatever they left behind.
//!
//! A logger is the last reader of what its service said, so it is told to end only when nobody
//! writes any more: the service has ended and our own description of the pipe is closed. Then it
//! sees the end of its input and ends by itself. Should something else still hold the pipe, it gets
//! TERM once the pipe is empty.

use std::collections::HashSet;
use std::time::Duration;

use contract::{Letter, status::Wish};
use service::Monotonic;
use service::scan::EntryId;
use service::words::{self, Event};
use sys::spawn::Way;
use sys::{child, signals};

use crate::engine::{Engine, now};
use crate::task::Part;

/// How long a logger may take to see the end of its input before it is asked.
const LOG_LINGER: Duration = Duration::from_secs(5);
/// How long orphans may take to end before they are killed.
const SWEEP_GRACE: Duration = Duration::from_secs(5);
/// How often those that do not even end from KILL are looked at, for no signal tells of them.
const SWEEP_CHECK: Duration = Duration::from_millis(100);
/// How long after the kill we leave what cannot be killed (a process that waits for a dead disk).
const SWEEP_GIVE_UP: Duration = Duration::from_secs(5);

/// How far the end has come.
#[derive(Debug, Default)]
pub(crate) enum Farewell {
    /// There is no end in sight.
    #[default]
    NotYet,
    /// Services are being stopped.
    Stopping,
    /// All services are down; orphans are being ended.
    Sweeping(Sweep),
    /// Nothing is left to do.
    Over,
}

/// Ending the orphans that came to us.
#[derive(Debug)]
pub(crate) struct Sweep {
    kill_at: Monotonic,
    check_at: Monotonic,
    asked: HashSet<u32>,
}

impl Farewell {
    pub(crate) fn is_not_yet(&self) -> bool {
        matches!(self, Self::NotYet)
    }

    pub(crate) fn deadline(&self) -> Option<Monotonic> {
        match self {
            Self::Sweeping(sweep) => Some(sweep.check_at),
            Self::NotYet | Self::Stopping | Self::Over => None,
        }
    }
}

impl Engine {
    /// TERM or INT: svscan stops everything, supervise its service.
    pub(crate) fn stop_all(&mut self) {
        self.stopping = true;
        if self.scanner.is_none() {
            return self.stop_alone();
        }
        if !self.farewell.is_not_yet() {
            return;
        }
        self.farewell = Farewell::Stopping;
        let entries: Vec<EntryId> = self.pairs.keys().copied().collect();
        for entry in entries {
            match self.pairs.get(&entry).and_then(|pair| pair.main) {
                Some(main) => self.feed(main, Event::Stop(self.farewell_of(Part::Main))),
                None => self.stop_logger(entry),
            }
        }
        self.sweep_when_down();
    }

    /// supervise: TERM is `svc -dx`.
    fn stop_alone(&mut self) {
        let ids: Vec<_> = self.tasks.keys().copied().collect();
        for id in ids {
            self.feed(id, Event::Letter(Letter::Down));
            self.feed(id, Event::Letter(Letter::Exit));
        }
    }

    pub(crate) fn farewell_of(&self, part: Part) -> words::Farewell {
        let linger = match part {
            Part::Main => Duration::ZERO,
            Part::Log => LOG_LINGER,
        };
        words::Farewell { linger, grace: self.options.grace }
    }

    /// The supervision of one part of a pair has ended.
    pub(crate) fn part_left(&mut self, entry: EntryId, part: Part) {
        match (&self.farewell, part) {
            (Farewell::NotYet, _) => self.entry_left(entry),
            (Farewell::Stopping, Part::Main) => self.stop_logger(entry),
            (Farewell::Stopping | Farewell::Sweeping(_) | Farewell::Over, _) => {}
        }
        self.sweep_when_down();
    }

    /// Nobody of ours writes to it any more.
    pub(crate) fn stop_logger(&mut self, entry: EntryId) {
        let Some(pair) = self.pairs.get(&entry) else { return };
        let unread = pair.pipe.as_ref().is_some_and(|pipe| !pipe.is_empty());
        let Some(id) = pair.log else { return self.close_pipe(entry) };
        let Some(task) = self.tasks.get(&id) else { return };
        let (up, apart) = (task.service.view().want == Wish::Up, task.way == Way::Apart);
        if unread && up {
            // It may be down between two lives, with lines waiting. Where it is up, this changes
            // nothing: it is not to be restarted.
            self.feed(id, Event::Letter(Letter::Once));
            self.settle(id);
        }
        if !(unread && apart) {
            // What waits in a pipe that nobody holds is lost. A logger that was just started has
            // opened its end by now; apart it may not have, so there ours stays open.
            self.close_pipe(entry);
        }
        self.feed(id, Event::Stop(self.farewell_of(Part::Log)));
    }

    fn close_pipe(&mut self, entry: EntryId) {
        if let Some(pair) = self.pairs.get_mut(&entry) {
            pair.pipe = None;
        }
    }

    fn sweep_when_down(&mut self) {
        if matches!(self.farewell, Farewell::Stopping) && self.tasks.is_empty() {
            let (now, asked) = (now().monotonic, HashSet::new());
            let kill_at = now + SWEEP_GRACE;
            self.farewell = Farewell::Sweeping(Sweep { kill_at, check_at: now, asked });
        }
    }

    /// Ends what is left: everything that is our child now is an orphan of a service.
    pub(crate) fn tick_farewell(&mut self, now: Monotonic) {
        let Farewell::Sweeping(sweep) = &mut self.farewell else { return };
        let left = match child::list() {
            Ok(left) => left,
            Err(error) => {
                if child::any_left() {
                    let reason = cli::reason(&error);
                    self.voice.warn(format_args!(
                        "unable to list what services left behind: {reason}; leaving it"
                    ));
                }
                Vec::new()
            }
        };
        if left.is_empty() {
            self.farewell = Farewell::Over;
        } else if now >= sweep.kill_at + SWEEP_GIVE_UP {
            let left = match left.len() {
                1 => "1 process; leaving it".to_owned(),
                left => format!("{left} processes; leaving them"),
            };
            self.voice.warn(format_args!("unable to end {left}"));
            self.farewell = Farewell::Over;
        } else {
            sweep.round(now, &left);
        }
    }
}

impl Sweep {
    fn round(&mut self, now: Monotonic, left: &[u32]) {
        for pid in left {
            // What has ended meanwhile needs no signal.
            if now >= self.kill_at {
                let _ = child::signal(*pid, signals::KILL);
            } else if self.asked.insert(*pid) {
                let _ = child::signal(*pid, signals::TERM);
                let _ = child::signal(*pid, signals::CONT);
            }
        }
        self.check_at = now + SWEEP_CHECK;
    }
}
