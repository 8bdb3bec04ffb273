//! Who of a service outlives its main process.
//!
//! A control group knows exactly: whoever was forked in it is in it. Without one there are the
//! orphans that come to us, for we are their subreaper. Each is asked once whose it is: by the
//! marker in its environment, which is a secret of its service, or by its session. Who has shed
//! both is nobody's, and is left alone.

use std::collections::{HashMap, HashSet};

use service::words::{Event, Survivors};
use service::{Monotonic, Pid, Signal};
use sys::proc::{self, Facts};
use sys::process::Process;
use sys::scarcity;

use crate::engine::{Engine, now};
use crate::orphans::{Owner, UNSEEN_MAX};
use crate::task::{self, TaskId};

/// So many processes of a service are looked at: as many as it has, unless it is a fork bomb, and
/// then the others follow.
const SURVIVORS_MAX: usize = 4096;

/// What is our own of what tells people from services.
#[derive(Debug)]
pub(crate) struct Own {
    tty: i32,
    login_uid: Option<u32>,
}

impl Own {
    /// Whether somebody is at a terminal or has logged in: people are not swept out with the
    /// service that let them in.
    fn is_person(&self, it: &Facts) -> bool {
        let at_terminal = it.tty != 0 && it.tty != self.tty;
        at_terminal || proc::login_uid(it.pid) != self.login_uid
    }

    pub(crate) fn look() -> Self {
        let us = std::process::id();
        let tty = proc::facts(us).map_or(0, |it| it.tty);
        Self { tty, login_uid: proc::login_uid(us) }
    }
}

impl Engine {
    /// Counts who is left of a service, if everybody can be told apart.
    pub(crate) fn count_survivors(&mut self, id: TaskId) -> Event {
        self.tell_of_limits(id);
        let asked = self.asked(id);
        let left = self.survivors(id, asked);
        if self.has_to_wait(id, left.doubt) {
            return Event::Uncounted;
        }
        let mut count = u32::try_from(left.processes.len()).unwrap_or(u32::MAX);
        if count == 0 && left.spared == 0 && left.populated {
            // Somebody is there who cannot be seen.
            count = 1;
        }
        if left.spared > 0 {
            self.tell_of_people(id, left.spared);
        }
        Event::Survivors(Survivors { count, oldest: oldest(&left.processes).map(Pid) })
    }

    /// Whether to count again before anything is decided.
    fn has_to_wait(&mut self, id: TaskId, doubt: Doubt) -> bool {
        let Some(task) = self.tasks.get_mut(&id) else { return false };
        let now = now().monotonic;
        let waits = match doubt {
            Doubt::None => false,
            Doubt::Unseen => now.since(*task.question.unseen.get_or_insert(now)) < UNSEEN_MAX,
            Doubt::Later | Doubt::Blind => true,
        };
        if !waits {
            task.question = Question::default();
        }
        waits
    }

    /// When it was first asked who is left of a service.
    fn asked(&mut self, id: TaskId) -> Monotonic {
        let asked = self.orphans.asked();
        self.tasks.get_mut(&id).map_or(asked, |task| *task.question.asked.get_or_insert(asked))
    }

    /// Signals who is left of a service.
    pub(crate) fn sweep(&mut self, id: TaskId, signal: Signal) {
        // Who was forked since the count is meant as well.
        self.orphans.list_anew();
        let left = self.survivors(id, now().monotonic);
        let membership = self.tasks.get_mut(&id).and_then(|task| task.membership.as_mut());
        if let (Signal::Kill, 0, Some(it)) = (signal, left.spared, membership) {
            // Who is not in it is signalled below.
            it.kill();
        }
        for process in left.processes {
            send(&process, task::number(signal));
        }
    }

    fn tell_of_people(&mut self, id: TaskId, spared: usize) {
        let Some(task) = self.tasks.get(&id) else { return };
        self.warn_of(
            id,
            format!(
                "{}: {spared} of its processes are at a terminal or have logged in: they are left",
                task.name
            ),
        );
    }

    fn survivors(&mut self, id: TaskId, asked: Monotonic) -> Left {
        let group = self.tasks.get(&id).and_then(|task| task.membership.as_ref());
        let is_empty = group.is_some_and(|it| it.group.is_populated().is_ok_and(|some| !some));
        if !is_empty {
            // A life that was adopted has its group from another supervisor.
            self.confine(id);
        }
        // Who has left the group may still come to us as an orphan.
        let (mut pids, doubt) = self.orphans_of(id, asked);
        let Some(task) = self.tasks.get(&id) else { return Left::default() };
        let mut populated = false;
        if let Some(it) = task.membership.as_ref().filter(|_| !is_empty) {
            let room = SURVIVORS_MAX.saturating_sub(pids.len());
            pids.extend(it.group.members(room).unwrap_or_default());
            populated = it.group.is_populated().unwrap_or(false);
        }
        pids.sort_unstable();
        pids.dedup();
        let mut processes: Vec<Facts> = pids.into_iter().filter_map(proc::facts).collect();
        processes.retain(|it| !it.has_ended() && !self.pids.contains_key(&it.pid));
        let spared = spared(&processes, |it| self.own.is_person(it));
        processes.retain(|it| !spared.contains(&it.pid));
        Left { processes, spared: spared.len(), populated, doubt }
    }

    /// Looks at everybody on the machine, for a life that began under another supervisor.
    pub(crate) fn meet_everybody(&mut self) {
        self.orphans.meet_everybody(own(&self.pids));
    }

    /// The orphans of a service at `asked` or later, and all that they have forked; whether there
    /// may be more.
    pub(crate) fn orphans_of(&mut self, id: TaskId, asked: Monotonic) -> (Vec<u32>, Doubt) {
        let Some(task) = self.tasks.get(&id) else { return (Vec::new(), Doubt::None) };
        let list = self.orphans.list(|pid| self.pids.contains_key(pid));
        let mut doubt = match &list {
            Err(error) if scarcity::is_cause_of(error) => Doubt::Blind,
            Err(_) => Doubt::Unseen,
            Ok(_) => Doubt::None,
        };
        let mut is_its = |owner: Owner| match owner {
            Owner::Marked(marker) => marker == task.marker,
            Owner::InSession(session) => task.session == Some(session),
            Owner::Unseen { session } => {
                let is_in_session = session.is_some() && session == task.session;
                if !is_in_session {
                    doubt = doubt.max(Doubt::Unseen);
                }
                is_in_session
            }
            Owner::Nothing => false,
        };
        let mut pids = list.unwrap_or_default();
        let now = now().monotonic;
        pids.retain(|pid| is_its(self.orphans.owner(now, *pid)));
        if task.has_strange_kin {
            match self.orphans.of_everybody(asked, own(&self.pids), is_its) {
                Some(strangers) => pids.extend(strangers),
                None => doubt = doubt.max(Doubt::Later),
            }
        }
        let roots = pids.clone();
        for root in roots {
            let room = SURVIVORS_MAX.saturating_sub(pids.len());
            pids.extend(proc::descendants(root, room));
        }
        (pids, doubt)
    }
}

/// Who is us, or a process of ours.
fn own(pids: &HashMap<u32, TaskId>) -> impl Fn(&u32) -> bool {
    let us = std::process::id();
    move |pid| *pid == us || pids.contains_key(pid)
}

/// The question who is left of a service.
#[derive(Debug, Default)]
pub(crate) struct Question {
    /// When it was first asked.
    asked: Option<Monotonic>,
    /// Since when somebody may be of it or not, who cannot be seen.
    unseen: Option<Monotonic>,
}

/// Who is left of a service.
#[derive(Debug, Default)]
struct Left {
    /// Those to be ended.
    processes: Vec<Facts>,
    /// How many are spared.
    spared: usize,
    /// Whether the kernel says that somebody is in its group.
    populated: bool,
    /// Whether that is all.
    doubt: Doubt,
}

/// Why there may be more than were found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Doubt {
    /// There are not.
    #[default]
    None,
    /// Somebody may or may not be one of them; that will be seen, or else be never.
    Unseen,
    /// Not all have been looked at, for that was done a moment ago.
    Later,
    /// Nobody can be looked at for want of descriptors or memory, as long as that lasts.
    Blind,
}

/// Those that people are at, with the processes between them and the service: whoever lets a person
/// in (sshd) holds the line.
fn spared(left: &[Facts], is_person: impl Fn(&Facts) -> bool) -> HashSet<u32> {
    let parents: HashMap<u32, u32> = left.iter().map(|it| (it.pid, it.parent)).collect();
    let mut spared = HashSet::new();
    for it in left.iter().filter(|it| is_person(it)) {
        let mut next = Some(it.pid);
        while let Some(pid) = next
            && spared.insert(pid)
        {
            next = parents.get(&pid).copied().filter(|parent| parents.contains_key(parent));
        }
    }
    spared
}

/// The oldest of those whose parent is not among them, and is us: we are told of its end.
fn oldest(left: &[Facts]) -> Option<u32> {
    let us = std::process::id();
    let pids: HashSet<u32> = left.iter().map(|it| it.pid).collect();
    let topmost = left.iter().filter(|it| !pids.contains(&it.parent) && it.parent == us);
    topmost.min_by_key(|it| (it.started, it.pid)).map(|it| it.pid)
}

/// A process may end, and its number be another's, between the count and this.
pub(crate) fn send(it: &Facts, signal: i32) {
    if let Ok(process) = Process::open_if(it.pid, it.started) {
        // Whoever has ended meanwhile needs no signal; whoever is not ours to signal is counted
        // again, and told of in the end.
        let _ = process.signal(signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pid: u32, parent: u32, started: u64) -> Facts {
        let (comm, state, threads) = (b"x".to_vec(), b'S', 1);
        Facts { pid, parent, group: pid, session: pid, started, tty: 0, comm, state, threads }
    }

    #[test]
    fn the_daemon_is_the_oldest_of_the_topmost() {
        let us = std::process::id();
        let left = [facts(9, us, 30), facts(8, 9, 10), facts(5, us, 20), facts(4, us, 20)];
        assert_eq!(oldest(&left), Some(4));
        assert_eq!(oldest(&left[..2]), Some(9), "a child is older by its tick and not topmost");
        assert_eq!(oldest(&[facts(7, 1, 10)]), None, "nobody would tell us of its end");
        assert_eq!(oldest(&[]), None);
    }

    #[test]
    fn who_is_at_a_terminal_is_spared_with_those_who_let_him_in() {
        let left = [facts(2, 1, 0), facts(3, 2, 0), facts(4, 3, 0), facts(5, 3, 0), facts(6, 1, 0)];
        let spared = spared(&left, |it| it.pid == 4);
        assert_eq!(spared, HashSet::from([2, 3, 4]));
    }

    #[test]
    fn a_circle_of_parents_ends() {
        let left = [facts(2, 3, 0), facts(3, 2, 0)];
        assert_eq!(spared(&left, |_| true).len(), 2);
    }
}
