//! Whose the processes are that no control group tells of: the orphans that come to us, for we are
//! their subreaper, and, for a life that began under another supervisor, everybody on the machine.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use service::Monotonic;
use sys::child;
use sys::proc::{self, Variable};

use crate::engine::now;
use crate::marker::Marker;

/// Whose the orphans are that have come to us.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    /// Until they are reaped; a pid is nobody else's so long.
    owners: HashMap<u32, Owner>,
    /// Since when those are here that have not been seen yet.
    unseen: HashMap<u32, Monotonic>,
    /// Whether any has ended since that was last asked.
    ended: bool,
    /// Since when ends are taken that had all come before the first of them.
    batch: Option<Monotonic>,
    /// Our children that are not processes of ours, as listed in this batch.
    listed: Option<Vec<u32>>,
    everybody: Option<Everybody>,
    /// When everybody may be listed again.
    rested_at: Monotonic,
    /// Since when those of everybody, by pid and birth, are known that have never been seen.
    strangers: HashMap<(u32, u64), Monotonic>,
}

/// Everybody on the machine but us and ours, and whose he is.
#[derive(Debug)]
struct Everybody {
    /// When they began to be listed.
    at: Monotonic,
    owners: Vec<(u32, Owner)>,
}

/// A list of everybody is followed by so many times the rest that it took: where a thousand
/// services of another supervisor end one by one, it is made for many at once, not for each.
const REST: u32 = 4;

/// What ties a process to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// It carries this marker.
    Marked(Marker),
    /// It carries none, and is in this session.
    InSession(u32),
    /// What it carries cannot be seen, as while it executes a program.
    Unseen { session: Option<u32> },
    /// Nothing.
    Nothing,
}

impl Orphans {
    /// A child was reaped: its number may be another's from now on. It may have been an orphan also
    /// where it was the main process of a service.
    pub(crate) fn forget(&mut self, pid: u32) {
        self.owners.remove(&pid);
        self.unseen.remove(&pid);
    }

    /// One has ended that was nobody's main process.
    pub(crate) fn note_end(&mut self) {
        self.ended = true;
    }

    /// Ends follow that were all reaped: whoever they have left is a child of ours already, so that
    /// one list will do for all.
    pub(crate) fn begin_batch(&mut self) {
        (self.listed, self.batch) = (None, Some(now().monotonic));
    }

    pub(crate) fn end_batch(&mut self) {
        (self.listed, self.batch) = (None, None);
        self.everybody.take_if(|_| now().monotonic >= self.rested_at);
    }

    /// What was listed is old, and is listed again without a rest.
    pub(crate) fn list_anew(&mut self) {
        (self.listed, self.everybody, self.rested_at) = (None, None, Monotonic::default());
    }

    /// When a question was asked that is asked now, for the first time.
    pub(crate) fn asked(&self) -> Monotonic {
        self.batch.unwrap_or_else(|| now().monotonic)
    }

    /// Those on the machine, but for those that `is_own`, who belong to whom `is_his` says, as it
    /// was at `asked` or later; `None`: this is to be asked again.
    pub(crate) fn of_everybody(
        &mut self,
        asked: Monotonic,
        is_own: impl Fn(&u32) -> bool,
        mut is_his: impl FnMut(Owner) -> bool,
    ) -> Option<Vec<u32>> {
        let known = self.everybody.take_if(|known| known.at >= asked);
        let all = known.or_else(|| self.list_everybody(is_own))?;
        let his = all.owners.iter().filter(|(_, owner)| is_his(*owner));
        let his = his.map(|(pid, _)| *pid).collect();
        self.everybody = Some(all);
        Some(his)
    }

    /// Whoever cannot be seen is known from now on, so that nobody has to wait for him later.
    pub(crate) fn meet_everybody(&mut self, is_own: impl Fn(&u32) -> bool) {
        self.everybody = self.list_everybody(is_own);
    }

    fn list_everybody(&mut self, is_own: impl Fn(&u32) -> bool) -> Option<Everybody> {
        let at = now().monotonic;
        if at < self.rested_at {
            return None;
        }
        let mut unseen = HashMap::new();
        let mut look = |pid| {
            let owner = owner_of(pid)?;
            let Owner::Unseen { session } = owner else { return Some((pid, owner)) };
            let who = (pid, proc::facts(pid)?.started);
            let since = *unseen.entry(who).or_insert(*self.strangers.get(&who).unwrap_or(&at));
            Some((pid, if at.since(since) < UNSEEN_MAX { owner } else { Owner::of(session) }))
        };
        let pids = proc::everybody().into_iter().filter(|pid| !is_own(pid));
        let owners = pids.filter_map(&mut look).collect();
        self.strangers = unseen;
        let done = now().monotonic;
        self.rested_at = done + done.since(at).saturating_mul(REST);
        Some(Everybody { at, owners })
    }

    /// Our children but those that `is_own`: orphans that came to us.
    pub(crate) fn list(&mut self, is_own: impl Fn(&u32) -> bool) -> io::Result<Vec<u32>> {
        if let Some(listed) = &self.listed {
            return Ok(listed.clone());
        }
        let mut pids = child::list()?;
        pids.retain(|pid| !is_own(pid));
        self.listed = self.batch.map(|_| pids.clone());
        Ok(pids)
    }

    /// Whether any has ended since this was last asked.
    pub(crate) fn take_ended(&mut self) -> bool {
        std::mem::take(&mut self.ended)
    }

    /// Whose a child of ours is.
    pub(crate) fn owner(&mut self, now: Monotonic, pid: u32) -> Owner {
        if let Some(owner) = self.owners.get(&pid) {
            return *owner;
        }
        // It was not reaped, so it is somebody.
        let owner = match owner_of(pid).unwrap_or(Owner::Unseen { session: None }) {
            unseen @ Owner::Unseen { .. } if !self.is_overdue(now, pid) => return unseen,
            Owner::Unseen { session } => Owner::of(session),
            seen @ (Owner::Marked(_) | Owner::InSession(_) | Owner::Nothing) => seen,
        };
        self.unseen.remove(&pid);
        self.owners.insert(pid, owner);
        owner
    }

    /// Whether it could have been seen by now.
    fn is_overdue(&mut self, now: Monotonic, pid: u32) -> bool {
        now.since(*self.unseen.entry(pid).or_insert(now)) >= UNSEEN_MAX
    }
}

impl Owner {
    /// Whose somebody is who is never seen.
    fn of(session: Option<u32>) -> Self {
        session.map_or(Self::Nothing, Self::InSession)
    }
}

/// Whose a process is, if there is one.
fn owner_of(pid: u32) -> Option<Owner> {
    let variable = proc::environment_value(pid, sys::spawn::MARKER.as_bytes());
    if let Variable::Set(value) = &variable
        && let Some(marker) = Marker::parse(value)
    {
        return Some(Owner::Marked(marker));
    }
    let facts = proc::facts(pid)?;
    let session = facts.session;
    Some(match variable {
        // Who has ended has no environment any more, nor children.
        Variable::NotYet if facts.has_ended() => Owner::Nothing,
        Variable::NotYet => Owner::Unseen { session: Some(session) },
        Variable::Set(_) | Variable::Unset => Owner::InSession(session),
    })
}

/// In the middle of `execve` a process has no environment to be seen. That is over in a moment,
/// where the machine is overloaded or the program comes from a slow disk a bit later; after this
/// everybody is judged by what can be seen.
pub(crate) const UNSEEN_MAX: Duration = Duration::from_secs(5);
