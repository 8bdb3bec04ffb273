//! Children that have ended, and whose they were.

use service::Pid;
use service::words::{End, Event, Remark};
use sys::child::{self, Ended};
use sys::spawn;

use crate::engine::Engine;
use crate::launch;
use crate::task::{Task, TaskId};

/// So many ended children are reaped in a turn: the others wait for the next.
const REAPS_PER_TURN: usize = 1024;

impl Engine {
    /// Takes the ends that wait, as many as a turn may.
    pub(crate) fn reap(&mut self) {
        let mut ended = Vec::new();
        self.more_to_reap = true;
        for _ in 0..REAPS_PER_TURN {
            let Ok(Some((pid, how))) = child::reap() else {
                self.more_to_reap = false;
                break;
            };
            ended.push((self.take_pid(pid), pid, how));
        }
        if ended.is_empty() {
            return;
        }
        // All that these have left is ours by now, and is listed once for all of them.
        self.orphans.begin_batch();
        for (whose, pid, how) in ended {
            self.take_end(whose, pid, how);
        }
        self.tell_of_orphans();
        self.orphans.end_batch();
    }

    /// Whose process it was that was reaped: the number may be another's from now on.
    fn take_pid(&mut self, pid: u32) -> Option<TaskId> {
        let whose = self.pids.remove(&pid);
        self.orphans.forget(pid);
        if whose.is_none() && self.check.as_ref().is_none_or(|check| check.pid != pid) {
            self.orphans.note_end();
        }
        whose
    }

    /// Orphans have ended: whoever waits for the last of his counts again.
    fn tell_of_orphans(&mut self) {
        if !self.orphans.take_ended() {
            return;
        }
        let clearing = |task: &Task| matches!(task.service.remark(), Remark::Clearing(_));
        let waiting = self.tasks.iter().filter(|(_, task)| clearing(task)).map(|(id, _)| *id);
        for id in waiting.collect::<Vec<_>>() {
            self.feed(id, Event::OrphanEnded);
        }
    }

    /// A child was reaped. One that is nobody's is an orphan that came to us.
    fn take_end(&mut self, whose: Option<TaskId>, pid: u32, how: Ended) {
        if self.check.as_ref().is_some_and(|check| check.pid == pid) {
            return self.conclude(how);
        }
        let Some(id) = whose else { return };
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let how = match task.verdict.take().and_then(spawn::Verdict::read) {
            Some(failed) => End::NotStarted(launch::fault(failed)),
            None => end(how),
        };
        self.feed(id, Event::Ended(Pid(pid), how));
    }
}

/// How a process ended, as the machines know it.
pub(crate) fn end(ended: Ended) -> End {
    match ended {
        Ended::Exited(code) => End::Exited(u8::try_from(code & 255).unwrap_or(u8::MAX)),
        Ended::Signalled(number) => End::Signalled(u8::try_from(number).unwrap_or(u8::MAX)),
    }
}
