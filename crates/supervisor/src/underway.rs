//! Starts that are under way: when svscan begins, a service is prepared while those before it are
//! still being executed. Later there is one start at a time, and svscan sleeps until it is done.
//!
//! That is before svscan protects itself from being killed for want of memory: a child that goes
//! ahead shares that adjustment with it ([`sys::spawn::Ahead`]), and has the right one as it is.

use std::collections::VecDeque;

use service::Pid;
use service::words::Event;
use sys::spawn::{self, Ahead, Plan, Settled, Way};

use crate::engine::Engine;
use crate::launch;
use crate::task::TaskId;

/// So many starts are under way at once: with one a second processor has enough to do, with four
/// seldom nothing.
pub(crate) const UNDER_WAY_MAX: usize = 4;

/// So often others may run before those who are to leave our memory are looked at in the next turn.
const YIELDS_MAX: u32 = 100;

/// The starts whose answer is not there yet, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Underway {
    /// Whether there may be any.
    allowed: bool,
    starts: VecDeque<(TaskId, Ahead)>,
    /// Those that have their answer, and may be about to leave our memory.
    leaving: Vec<u32>,
}

impl Underway {
    /// Whether nobody shares our memory any more. Who does needs some instructions of the kernel's.
    fn is_over(&mut self) -> bool {
        for _ in 0..YIELDS_MAX {
            self.leaving.retain(|pid| spawn::shares_our_memory(*pid));
            if self.leaving.is_empty() {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }
}

impl Engine {
    /// Does what may start many services.
    pub(crate) fn many_starts(&mut self, work: impl FnOnce(&mut Self)) {
        self.underway.allowed = !self.is_protected;
        work(self);
        self.settle_all();
        self.underway.allowed = false;
        self.spawner.shrink();
    }

    /// Protects us, once nobody who shares our memory would be protected as well.
    pub(crate) fn protect_when_alone(&mut self) {
        if !self.is_protected && self.underway.is_over() {
            self.underway.leaving = Vec::new();
            self.protect();
        }
    }

    /// Starts `./run` without waiting for it, where that may be. Gives the plan back otherwise.
    pub(crate) fn send_ahead(&mut self, id: TaskId, plan: Plan) -> Option<Plan> {
        if !self.underway.allowed || self.tasks.get(&id).is_none_or(|it| it.way == Way::Apart) {
            return Some(plan);
        }
        if self.underway.starts.len() >= UNDER_WAY_MAX {
            self.settle_first();
        }
        let birth = self.tasks.get(&id).and_then(|task| self.ledger.birth(task.identity));
        match self.spawner.start_ahead(plan, birth) {
            Ok(ahead) => {
                self.underway.starts.push_back((id, ahead));
                None
            }
            Err(plan) => Some(plan),
        }
    }

    /// Gives the answers to all starts.
    pub(crate) fn settle_all(&mut self) {
        while self.settle_first() {}
    }

    /// Nothing happens to a service whose start has no answer yet.
    pub(crate) fn settle(&mut self, id: TaskId) {
        if self.underway.starts.iter().any(|(whose, _)| *whose == id) {
            self.settle_all();
        }
    }

    /// Gives the oldest start its answer, if there is one.
    fn settle_first(&mut self) -> bool {
        let Some((id, ahead)) = self.underway.starts.pop_front() else { return false };
        let answer = match self.spawner.settle(ahead) {
            Settled::Runs(pid) => {
                self.begin(id, pid, true);
                self.underway.leaving.push(pid);
                Some(Event::Started(Ok(Pid(pid))))
            }
            Settled::Failed(failed) => Some(Event::Started(Err(launch::fault(failed)))),
            Settled::TryAgain => {
                let allowed = std::mem::replace(&mut self.underway.allowed, false);
                let answer = self.start(id);
                self.underway.allowed = allowed;
                answer
            }
        };
        if let Some(answer) = answer {
            self.feed(id, answer);
        }
        true
    }
}
