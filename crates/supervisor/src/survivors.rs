//! Who of a service outlives its main process.
//!
//! A control group knows exactly: whoever was forked in it is in it. Without one there are the
//! orphans that come to us, for we are their subreaper. Each is asked once whose it is: by the
//! marker in its environment, which is a secret of its service, or by its session. Who has shed
//! both is nobody's, and is left alone.

use std::collections::{HashMap, HashSet};

use service::words::Survivors;
use service::{Pid, Signal};
use sys::child;
use sys::proc::{self, Facts};
use sys::process::Process;

use crate::engine::Engine;
use crate::marker::Marker;
use crate::task::{self, Task, TaskId};

/// So many processes of a service are looked at: as many as it has, unless it is a fork bomb, and
/// then the others follow.
const SURVIVORS_MAX: usize = 4096;

/// Whose the orphans are that have come to us.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    /// Until they are reaped; a pid is nobody else's so long.
    owners: HashMap<u32, Owner>,
    /// Whether any has ended since that was last asked.
    ended: bool,
}

/// What is our own of what tells people from services.
#[derive(Debug)]
pub(crate) struct Own {
    tty: i32,
    login_uid: Option<u32>,
}

impl Own {
    pub(crate) fn look() -> Self {
        let us = std::process::id();
        let tty = proc::facts(us).map_or(0, |it| it.tty);
        Self { tty, login_uid: proc::login_uid(us) }
    }
}

/// What ties a process to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// It carries this marker.
    Marked(Marker),
    /// It carries none, and is in this session.
    InSession(u32),
}

impl Orphans {
    /// An orphan was reaped.
    pub(crate) fn forget(&mut self, pid: u32) {
        self.owners.remove(&pid);
        self.ended = true;
    }

    /// Whether any has ended since this was last asked.
    pub(crate) fn take_ended(&mut self) -> bool {
        std::mem::take(&mut self.ended)
    }

    fn owner(&mut self, pid: u32) -> Option<Owner> {
        if let Some(owner) = self.owners.get(&pid) {
            return Some(*owner);
        }
        let marked = proc::environment_value(pid, sys::spawn::MARKER.as_bytes())
            .and_then(|value| Marker::parse(&value))
            .map(Owner::Marked);
        let owner = marked.or_else(|| proc::facts(pid).map(|it| Owner::InSession(it.session)))?;
        self.owners.insert(pid, owner);
        Some(owner)
    }
}

impl Engine {
    /// Counts who is left of a service.
    pub(crate) fn count_survivors(&mut self, id: TaskId) -> Survivors {
        let left = self.survivors(id);
        let count = u32::try_from(left.len()).unwrap_or(u32::MAX);
        Survivors { count, oldest: oldest(&left).map(Pid) }
    }

    /// Signals who is left of a service.
    pub(crate) fn sweep(&mut self, id: TaskId, signal: Signal) {
        for left in self.survivors(id) {
            send(&left, task::number(signal));
        }
    }

    fn survivors(&mut self, id: TaskId) -> Vec<Facts> {
        let Some(task) = self.tasks.get(&id) else { return Vec::new() };
        let pids = match &task.membership {
            Some(it) => it.group.members(SURVIVORS_MAX).unwrap_or_default(),
            None => self.orphans_of(id),
        };
        let mut left: Vec<Facts> = pids.into_iter().filter_map(proc::facts).collect();
        left.retain(|it| !it.has_ended() && !self.pids.contains_key(&it.pid) && !self.spares(it));
        left
    }

    /// The orphans of a service, and all that they have forked.
    fn orphans_of(&mut self, id: TaskId) -> Vec<u32> {
        let Some(task) = self.tasks.get(&id) else { return Vec::new() };
        let mut pids = child::list().unwrap_or_default();
        pids.retain(|pid| !self.pids.contains_key(pid));
        pids.retain(|pid| self.orphans.owner(*pid).is_some_and(|owner| is_of(task, owner)));
        let roots = pids.clone();
        for root in roots {
            let room = SURVIVORS_MAX.saturating_sub(pids.len());
            pids.extend(proc::descendants(root, room));
        }
        pids
    }

    /// People are not swept out with the service that let them in: who is at a terminal, or has
    /// logged in.
    fn spares(&self, it: &Facts) -> bool {
        let own = &self.own;
        let at_terminal = it.tty != 0 && it.tty != own.tty;
        at_terminal || proc::login_uid(it.pid) != own.login_uid
    }
}

fn is_of(task: &Task, owner: Owner) -> bool {
    match owner {
        Owner::Marked(marker) => marker == task.marker,
        Owner::InSession(session) => task.session == Some(session),
    }
}

/// The oldest of those whose parent is not among them, and is us: we are told of its end.
fn oldest(left: &[Facts]) -> Option<u32> {
    let us = std::process::id();
    let pids: HashSet<u32> = left.iter().map(|it| it.pid).collect();
    let topmost = left.iter().filter(|it| !pids.contains(&it.parent) && it.parent == us);
    topmost.min_by_key(|it| (it.started, it.pid)).map(|it| it.pid)
}

/// A process may end, and its number be another's, between the count and this.
fn send(it: &Facts, signal: i32) {
    if let Ok(process) = Process::open_if(it.pid, it.started) {
        // Whoever has ended meanwhile needs no signal; whoever is not ours to signal is counted
        // again, and told of in the end.
        let _ = process.signal(signal);
    }
}
