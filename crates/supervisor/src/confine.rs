//! Keeping each service within its limits, and telling when it hits one.

use contract::remarks::Remark;
use sys::inotify::Watch;

use crate::engine::Engine;
use crate::groups::{Groups, Hit, Membership};
use crate::task::{Task, TaskId};

impl Engine {
    /// Gives a service its control groups, where there are any, and sets its limits. Without one
    /// its processes are known less well; it is started all the same.
    pub(crate) fn confine(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let outcome = match &mut self.groups {
            Some(groups) => join(groups, task),
            None if task.settings.limits.ask_for_groups() => Err(format!(
                "{}: its limits of memory and processors need control groups, and there are none: \
                 they do not hold",
                task.name
            )),
            None => Ok(false),
        };
        match outcome {
            Ok(true) => self.watch_limits(id),
            Ok(false) => {}
            Err(sentence) => self.warn_of(id, sentence),
        }
    }

    fn watch_limits(&mut self, id: TaskId) {
        let (Some(watcher), Some(task)) = (&self.watcher, self.tasks.get_mut(&id)) else { return };
        let events = task.membership.as_deref().map(Membership::events).into_iter().flatten();
        // Not every kernel has both files; without them a hit is told when the service ends.
        task.limit_watches = events.filter_map(|file| watcher.content(&file).ok()).collect();
        self.watches.extend(task.limit_watches.iter().map(|watch| (*watch, id)));
    }

    /// A limit may have been hit.
    pub(crate) fn look_at_limits(&mut self, watch: Watch) {
        if let Some(id) = self.watches.get(&watch).copied() {
            self.tell_of_limits(id);
        }
    }

    /// Tells of the limits that a service has hit since this was last done.
    pub(crate) fn tell_of_limits(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let hits = task.membership.as_deref_mut().map(Membership::hits).unwrap_or_default();
        for hit in hits {
            let fate = if hit.kills { ": the kernel killed a process of it" } else { "" };
            self.tell_of_limit(id, hit, fate);
        }
    }

    /// Tells that a limit was hit, and what became of the service by that.
    pub(crate) fn tell_of_limit(&mut self, id: TaskId, hit: Hit, fate: &str) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let remark = Remark::Limit { what: hit.what.into(), limit: hit.limit, times: hit.times };
        let sentence = format!("{}{}{fate}", task.name, remark.words(std::time::Duration::ZERO));
        let sentence = sentence.replacen(", ", ": ", 1);
        task.limit_remarks.retain(|other| hits_of(other, hit.what).is_none());
        // Before the remark that it was killed for that.
        task.limit_remarks.insert(0, remark);
        self.warn_of(id, sentence);
        self.remember(id);
        self.publish(id);
    }
}

impl Task {
    /// How often it has hit its limit of `what`, as was told.
    pub(crate) fn hits_of(&self, what: &str) -> u64 {
        self.limit_remarks.iter().find_map(|remark| hits_of(remark, what)).unwrap_or(0)
    }

    /// It is killed for having hit its limit of `what`.
    pub(crate) fn count_kill(&mut self, what: &str) {
        for remark in &mut self.limit_remarks {
            if let Remark::KilledFor { what: other, times } = remark
                && other == what
            {
                *times += 1;
                return;
            }
        }
        self.limit_remarks.push(Remark::KilledFor { what: what.into(), times: 1 });
    }
}

fn hits_of(remark: &Remark, what: &str) -> Option<u64> {
    let Remark::Limit { what: other, times, .. } = remark else { return None };
    (other == what).then_some(*times)
}

/// Whether it has new groups.
fn join(groups: &mut Groups, task: &mut Task) -> Result<bool, String> {
    let is_there =
        task.membership.as_ref().is_some_and(|it| groups.serves(it, &task.settings.limits));
    // Groups that do not serve are made anew, unless somebody is still in them.
    let gone = |it: &Membership| it.leave(&task.dir) || !it.is_killed();
    let joins = !is_there && task.membership.as_deref().is_none_or(gone);
    if joins {
        task.membership = None;
        let joined = groups.join(task).map_err(|error| {
            format!(
                "unable to make a control group for {}: {}: who of it gets lost is found by its \
                 environment and its session only",
                task.name,
                cli::reason(&error)
            )
        });
        task.membership = Some(Box::new(joined?));
    }
    if let Some(it) = &task.membership {
        // Frozen by somebody, it would keep us waiting for a child that does not run.
        let _ = it.group.thaw();
    }
    let limited = task.membership.as_mut().map(|it| groups.limit(it, &task.settings.limits));
    match limited {
        // The built-in limit is an offer; what a file asks for is missed.
        Some(Err(what)) if task.settings.limits.ask_for_groups() => {
            Err(no_controller(&task.name, &what))
        }
        Some(Ok(()) | Err(_)) | None => Ok(joins),
    }
}

/// A limit that a file asks for does not hold; `what` is one or several of them.
fn no_controller(name: &str, what: &str) -> String {
    format!(
        "unable to limit the {what} of {name}: that needs a control group controller of version 2, \
         and there is none to be had on this machine"
    )
}
