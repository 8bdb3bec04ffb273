//! The limit of processes where no controller keeps it: those of the service are counted, and who
//! is too many is killed. When, and whom, [`service::census`] decides.

use std::collections::HashSet;

use service::census::{Census, Excess};
use service::{Monotonic, Pid};
use sys::proc::{self, Facts};
use sys::signals;

use crate::engine::{Engine, now};
use crate::groups::Hit;
use crate::limits::{Limits, UNLIMITED};
use crate::survivors::send;
use crate::task::TaskId;

/// So many processes of a service are counted: more are a bomb, whatever the limit is.
const COUNTED_MAX: usize = 4096;
/// A bomb is stopped before it is killed, for who is stopped does not fork. So often it is looked
/// for those that were being forked meanwhile.
const ROUNDS_MAX: usize = 16;

impl Engine {
    /// As [`Engine::begin_census`], of a life that may have begun under another supervisor, with a
    /// controller.
    pub(crate) fn resume_census(&mut self, id: TaskId) {
        let task = self.tasks.get(&id).filter(|task| asks(&task.settings.limits));
        if task.is_some_and(|task| task.membership.is_none()) {
            self.confine(id);
        }
        self.begin_census(id);
    }

    /// Counts the processes of a service from now on, where a file asks for a limit and nothing
    /// else keeps it.
    pub(crate) fn begin_census(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let limits = &task.settings.limits;
        let is_kept = task.membership.as_ref().is_some_and(|it| it.limits_processes());
        let counts = asks(limits) && !is_kept;
        task.census = counts.then(|| Census::new(now().monotonic, limits.processes));
    }

    /// Counts them, if that is due.
    pub(crate) fn tick_census(&mut self, id: TaskId, due: Monotonic) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let Some(mut census) = task.census.filter(|census| census.at() <= due) else { return };
        let Some(Pid(main)) = task.service.pid() else {
            // Whoever is left now is ended anyway. The next life begins a count of its own.
            task.census = None;
            return;
        };
        let all = self.everybody_of(id, main);
        let threads = |pids: &mut dyn Iterator<Item = &Facts>| {
            pids.map(|it| u64::from(it.threads.max(1))).sum::<u64>()
        };
        let count = threads(&mut all.iter());
        let others = threads(&mut all.iter().filter(|it| it.pid != main));
        let excess = census.counted(now().monotonic, count, others);
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.census = Some(census);
        let (what, limit) = ("processes", census.limit());
        let hit = Hit { what, limit, times: task.hits_of(what) + 1, kills: true };
        match excess {
            Excess::None => {}
            Excess::Newest(excess) => {
                let it = if excess == 1 { "newest is" } else { "newest are" };
                let fate = format!(": it had {count}, and the {excess} {it} killed");
                self.tell_of_limit(id, hit, &fate);
                kill_newest(all, main, excess);
            }
            Excess::All => {
                task.count_kill(what);
                let fate = format!(": it had {count}, and all are killed, the main process too");
                self.tell_of_limit(id, hit, &fate);
                self.kill_all_of(id, main);
            }
        }
    }

    /// Its main process and all that is known to be of it, and lives.
    fn everybody_of(&mut self, id: TaskId, main: u32) -> Vec<Facts> {
        let (mut pids, _) = self.orphans_of(id, Monotonic::default());
        pids.push(main);
        pids.extend(proc::descendants(main, COUNTED_MAX));
        if let Some(it) = self.tasks.get(&id).and_then(|task| task.membership.as_ref()) {
            pids.extend(it.group.members(COUNTED_MAX).unwrap_or_default());
        }
        pids.sort_unstable();
        pids.dedup();
        // Where a service forks another svscan's child away from us it may be another's by now.
        pids.retain(|pid| *pid == main || !self.pids.contains_key(pid));
        let mut all: Vec<Facts> = pids.into_iter().filter_map(proc::facts).collect();
        all.retain(|it| !it.has_ended());
        all
    }

    fn kill_all_of(&mut self, id: TaskId, main: u32) {
        let mut stopped = HashSet::new();
        for _ in 0..ROUNDS_MAX {
            self.orphans.list_anew();
            let fresh: Vec<Facts> = self.everybody_of(id, main);
            let fresh: Vec<&Facts> = fresh.iter().filter(|it| stopped.insert(it.pid)).collect();
            if fresh.is_empty() {
                break;
            }
            for it in fresh {
                send(it, signals::STOP);
            }
        }
        for it in self.everybody_of(id, main) {
            send(&it, signals::KILL);
        }
    }
}

fn asks(limits: &Limits) -> bool {
    limits.asks_for_processes && limits.processes != UNLIMITED
}

/// The main process is none of them: it is the service.
fn kill_newest(mut all: Vec<Facts>, main: u32, excess: u64) {
    all.retain(|it| it.pid != main);
    for it in newest(all, excess) {
        send(&it, signals::KILL);
    }
}

/// The newest, so that no more than `excess` threads too few are left.
fn newest(mut all: Vec<Facts>, excess: u64) -> Vec<Facts> {
    all.sort_unstable_by_key(|it| std::cmp::Reverse((it.started, it.pid)));
    let mut threads = 0;
    let too_many = |it: &Facts| {
        let more = threads < excess;
        threads += u64::from(it.threads.max(1));
        more
    };
    all.into_iter().take_while(too_many).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pid: u32, started: u64, threads: u32) -> Facts {
        let (comm, state, parent) = (b"x".to_vec(), b'S', 1);
        Facts { pid, parent, group: pid, session: pid, started, tty: 0, comm, state, threads }
    }

    #[test]
    fn the_newest_go_until_there_are_not_too_many() {
        let all = [facts(5, 10, 1), facts(3, 30, 1), facts(4, 30, 1), facts(9, 20, 4)];
        let gone = |excess| -> Vec<u32> {
            newest(all.to_vec(), excess).into_iter().map(|it| it.pid).collect()
        };
        assert_eq!(gone(0), [] as [u32; 0]);
        assert_eq!(gone(1), [4]);
        assert_eq!(gone(2), [4, 3]);
        assert_eq!(gone(3), [4, 3, 9], "its four threads are one process");
        assert_eq!(gone(6), [4, 3, 9]);
        assert_eq!(gone(99), [4, 3, 9, 5]);
    }
}
