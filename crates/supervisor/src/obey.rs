//! From a machine's wishes to system calls: the only place where services are started and
//! signalled.

use cli::{Unable, UnableExt as _};
use contract::layout;
use service::scan::EntryId;
use service::words::{Action, Event, Fault, Report, Step};
use service::{Monotonic, Pid, Signal};
use sys::child;

use crate::engine::{Engine, now};
use crate::explain;
use crate::files::{self, Locked};
use crate::pair::{self, LogPipe};
use crate::task::{self, Part, Task, TaskId, Wanted};
use crate::token::Token;
use crate::underway::UNDER_WAY_MAX;
use crate::voice::Voice;

/// An end leads to a count, the count to `./finish`, that to a start, the start to its answer, and
/// the answer to nothing that is asked again; survivors of an earlier life are counted in between.
const ROUNDS_MAX: usize = 8;
/// So many groups that cannot be removed are remembered: each holds a process that does not end.
const LINGERING_MAX: usize = 255;
/// Descriptors kept free for control, for looking around and for the way out.
const DESCRIPTOR_RESERVE: u64 = 32;
/// The service directory itself is held open before the lock, and let go after the start; those of
/// other starts are held open until they have an answer.
const HELD_MEANWHILE: u64 = 1 + UNDER_WAY_MAX as u64;

impl Engine {
    /// Gives an event to a service and does what it asks for.
    pub(crate) fn feed(&mut self, id: TaskId, event: Event) {
        self.settle(id);
        let mut next = Some(event);
        let (mut leaves, mut under_way) = (false, false);
        for _ in 0..ROUNDS_MAX {
            let (Some(event), Some(task)) = (next.take(), self.tasks.get_mut(&id)) else { break };
            let actions = task.service.step(now(), event);
            // What is not written down before it is done, the next supervisor may do again.
            self.remember(id);
            for action in actions {
                match action {
                    Action::Start => {
                        next = self.start(id);
                        under_way = next.is_none();
                    }
                    Action::Send(pid, signal) => self.send(id, pid, signal),
                    Action::AskDrained => next = Some(Event::Drained(self.is_drained(id))),
                    Action::CountSurvivors => next = Some(self.count_survivors(id)),
                    Action::Sweep(signal) => self.sweep(id, signal),
                    Action::Finish(pid, how) => {
                        next = Some(Event::Finishing(self.finish(id, pid, how)));
                    }
                    Action::Report(report) => self.report(id, report),
                    Action::Leave => leaves = true,
                }
            }
        }
        if under_way {
            return; // Until there is an answer.
        }
        self.adopt(id);
        // A directory that is held open is written to now, and so is a last word.
        if leaves || self.tasks.get(&id).is_some_and(|task| task.look.is_some()) {
            self.publish(id);
        } else {
            self.unpublished.push(id);
        }
        if let Some(task) = self.tasks.get_mut(&id) {
            task.let_go();
        }
        self.queue(id);
        if leaves {
            self.leave(id);
        } else if self.has_lost_its_directory(id) {
            self.give_up(id);
        }
    }

    /// Whether a service is down because its directory was removed, or is another one by now. Under
    /// supervise alone that is the working directory, and stays.
    fn has_lost_its_directory(&self, id: TaskId) -> bool {
        let Some(task) = self.tasks.get(&id) else { return false };
        let gone = |fault: Fault| fault.step == Step::Directory && sys::means_gone(fault.errno);
        self.scanner.is_some()
            && task.service.pid().is_none()
            && task.service.fault().is_some_and(gone)
    }

    /// Nobody can reach a service whose directory is gone. Its name is looked at again, for there
    /// may be another directory; its logger ends, for nobody writes to it any more, and lets go of
    /// what the next logger needs.
    fn give_up(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get(&id) else { return };
        let (entry, part) = (task.entry, task.part);
        self.feed(id, Event::Stop(self.farewell_of(part)));
        if part == Part::Main {
            self.stop_logger(entry);
        }
    }

    /// Takes a service under supervision.
    ///
    /// # Errors
    /// It is somebody else's, its directory cannot be written, or there is no room.
    pub(crate) fn open_task(&mut self, wanted: Wanted) -> Result<(), Unable> {
        let id = self.new_task_id();
        let (entry, part) = (wanted.entry, wanted.part);
        let seed = u64::from(id.0) << 32 | u64::from(sys::clock::monotonic().subsec_nanos());
        let (mut task, lock) = Task::new(now(), wanted, seed, &self.defaults, &mut self.inherited)?;
        let (dir, name, fresh) = (task.dir.clone(), task.name.clone(), task.fresh);
        self.check_room(&lock, &name)?;
        self.take_up(&mut task, id, seed);
        self.tasks.insert(id, Box::new(task));
        if let Some(pair) = self.pairs.get_mut(&entry) {
            *pair.part_mut(part) = Some(id);
        }
        self.follow_living(id);
        // Its first status is there before anybody can ask for it, and its FIFOs before its process
        // can: a ./run may well call svc.
        self.publish(id);
        let opened = lock.open(&dir, &name).and_then(|files| {
            let added = self.reactor.add(&files.control, &Token::Control(id));
            added.unable(format_args!("watch {name}/{}", layout::CONTROL)).map(|()| files)
        });
        match opened {
            Ok(files) => {
                if let Some(task) = self.tasks.get_mut(&id) {
                    task.files = Some(files);
                }
                self.feed(id, Event::Tick);
                if !fresh {
                    self.discard_left(&dir);
                }
                Ok(())
            }
            Err(error) => {
                // Nobody could control it: it is not started. What runs already is left alone.
                if self.tasks.get(&id).is_some_and(|task| task.service.pid().is_some()) {
                    self.abandon(id);
                } else {
                    self.feed(id, Event::Stop(self.farewell_of(Part::Main)));
                }
                Err(error)
            }
        }
    }

    /// Descriptors are given from the lowest free number on, so the last one says how many there
    /// are.
    fn check_room(&self, last: &Locked, name: &str) -> Result<(), Unable> {
        let reserve = DESCRIPTOR_RESERVE - HELD_MEANWHILE;
        if last.descriptor().saturating_add(reserve) < self.open_files.hard {
            return Ok(());
        }
        Err(std::io::Error::from_raw_os_error(sys::EMFILE)).unable(format_args!("start {name}"))
    }

    /// A survivor has become the main process: its end is the service's.
    fn adopt(&mut self, id: TaskId) {
        let own = self.tasks.get(&id).filter(|task| task.adopted.is_none());
        if let Some(Pid(pid)) = own.and_then(|task| task.service.pid()) {
            self.pids.insert(pid, id);
        }
    }

    fn send(&mut self, id: TaskId, Pid(pid): Pid, signal: Signal) {
        let Some(task) = self.tasks.get(&id) else { return };
        let number = task::number(signal);
        let sent = match &task.adopted {
            Some(adopted) => adopted.process.signal(number),
            // A pid is known only until its end is reaped, so it cannot have become a stranger's.
            None if self.pids.get(&pid) == Some(&id) => child::signal(pid, number),
            None => return,
        };
        if let Err(error) = sent {
            let (name, reason) = (&task.name, cli::reason(&error));
            self.voice.warn(format_args!("unable to signal process {pid} of {name}: {reason}"));
        }
    }

    fn report(&mut self, id: TaskId, report: Report) {
        let Some(task) = self.tasks.get(&id) else { return };
        let sentence = explain::report(&task.name, &task.dir, report);
        match report {
            Report::StartsAgain => self.tell_of(id, sentence),
            Report::CannotStart(_)
            | Report::Delayed(_)
            | Report::BackingOff { .. }
            | Report::Killed(_)
            | Report::Background { .. }
            | Report::Stragglers { .. }
            | Report::Unending(_)
            | Report::TooManyDeaths(_)
            | Report::FinishedForGood
            | Report::CannotFinish(_)
            | Report::FinishKilled(_) => self.warn_of(id, sentence),
        }
    }

    /// Says something of a service, unless it was said often enough.
    pub(crate) fn warn_of(&mut self, id: TaskId, sentence: String) {
        self.say_of(id, sentence, Voice::warn);
    }

    fn tell_of(&mut self, id: TaskId, sentence: String) {
        self.say_of(id, sentence, Voice::tell);
    }

    fn say_of(&mut self, id: TaskId, sentence: String, say: fn(&mut Voice, String) -> String) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let Some(sentence) = task.told.again(sentence) else { return };
        let line = say(&mut self.voice, sentence);
        let pipe = self.pairs.get_mut(&task.entry).and_then(|pair| pair.pipe.as_mut());
        if let (Part::Main, Some(pipe)) = (task.part, pipe) {
            pipe.note(&line);
        }
    }

    /// Brings the status file up to what is so.
    pub(crate) fn publish(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        // First, so that who sees the new status sees what is to be said of it.
        task.remark();
        if let Err(error) = task.publish(now()) {
            self.voice.warn(error);
        }
    }

    /// Brings the queue of deadlines and the watches up to what the machine says.
    fn queue(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let deadline: Option<Monotonic> = task.deadline();
        if task.queued != deadline {
            if let Some(at) = task.queued {
                self.deadlines.remove(&(at, id));
            }
            if let Some(at) = deadline {
                self.deadlines.insert((at, id));
            }
            task.queued = deadline;
        }
        let Some(watcher) = &self.watcher else { return };
        match (task.service.fault(), task.watch) {
            (Some(_), None) => {
                // Without a watch the operator's change is seen at the next try.
                let watch = watcher.mend(&task.dir).ok();
                // The scan directory may be a service in itself; its watch is not ours to end.
                let scan = self.scanner.as_ref().and_then(|scanner| scanner.watch);
                task.watch = watch.filter(|watch| Some(*watch) != scan);
                self.watches.extend(task.watch.map(|watch| (watch, id)));
            }
            (None, Some(watch)) => {
                watcher.forget(watch);
                self.watches.remove(&watch);
                task.watch = None;
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    /// Ends the supervision of a service that is down. Its lock is free when this returns.
    fn leave(&mut self, id: TaskId) {
        let strange = |task: &Task| task.has_group_of_another();
        if self.groups.is_some() && self.tasks.get(&id).is_some_and(|task| strange(task)) {
            // To remove what an earlier supervisor made.
            self.confine(id);
        }
        let Some(mut task) = self.tasks.remove(&id) else { return };
        self.ledger.forget(task.identity);
        if let Some(at) = task.queued {
            self.deadlines.remove(&(at, id));
        }
        if let (Some(watcher), Some(watch)) = (&self.watcher, task.watch) {
            watcher.forget(watch);
            self.watches.remove(&watch);
        }
        for watch in &task.limit_watches {
            // It goes with its file.
            self.watches.remove(watch);
        }
        if let Some(membership) = task.membership.take()
            && !membership.leave(&task.dir)
        {
            self.leave_groups();
            self.lingering.truncate(LINGERING_MAX);
            self.lingering.push((task.dir.clone(), membership));
        }
        if let Some(pair) = self.pairs.get_mut(&task.entry) {
            *pair.part_mut(task.part) = None;
        }
        self.part_left(task.entry, task.part);
    }

    /// Removes the control groups that could not be removed when their services left.
    pub(crate) fn leave_groups(&mut self) {
        self.lingering.retain(|(dir, membership)| !membership.leave(dir));
    }

    /// Looks again for a `log` directory: one may have been made since, or made anew.
    pub(crate) fn find_logger(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get(&id) else { return };
        let (entry, part) = (task.entry, task.part);
        let lost = task.service.fault().is_some_and(|fault| fault.step == Step::LogPipe);
        let without = self.pairs.get(&entry).is_some_and(|pair| pair.pipe.is_none());
        if self.scanner.is_some() && (lost || without && part == Part::Main) {
            let may_have_one = lost || task.names.may_have(layout::LOG);
            let opened = if may_have_one { self.open_logger(entry) } else { Ok(()) };
            self.tell_once(entry, Part::Main, opened);
        }
    }

    /// Takes the logger of a service under supervision, where it has one and it is not yet.
    ///
    /// # Errors
    /// There is no pipe: without it the service's words would go astray. A logger that is
    /// somebody else's is told of here, for the pipe is as good to him.
    pub(crate) fn open_logger(&mut self, entry: EntryId) -> Result<(), Unable> {
        let Some(pair) = self.pairs.get(&entry) else { return Ok(()) };
        let (name, dir) = (format!("{}/{}", pair.name, layout::LOG), pair.dir.join(layout::LOG));
        let missing = pair.log.is_none();
        if !dir.is_dir() {
            self.drop_lost_pipe(entry);
            return Ok(());
        }
        if files::is_link_into_anothers(&dir) {
            let error = std::io::Error::other("it is a link to a directory of somebody else");
            return Err(error).unable(format_args!("open {name}"));
        }
        let wanted = Wanted { entry, part: Part::Log, name, dir };
        self.open_pipe(&wanted)?;
        if missing {
            let opened = self.open_task(wanted);
            self.tell_once(entry, Part::Log, opened);
        }
        Ok(())
    }

    /// Without its logger's directory a service starts without the pipe, rather than not at all.
    fn drop_lost_pipe(&mut self, entry: EntryId) {
        let Some(pair) = self.pairs.get_mut(&entry) else { return };
        if pair.pipe.take().is_some() {
            let (name, log) = (&pair.name, layout::LOG);
            self.voice.warn(format_args!(
                "{name}/{log}: the directory was removed: what {name} says from its next start on \
                 goes where svscan's own output goes"
            ));
        }
    }

    fn open_pipe(&mut self, wanted: &Wanted) -> Result<(), Unable> {
        let Some(pair) = self.pairs.get(&wanted.entry) else { return Ok(()) };
        if pair.pipe.as_ref().is_some_and(|pipe| pipe.is_at(&wanted.dir)) {
            return Ok(());
        }
        // Only what nobody supervises yet can have a pipe that we do not know.
        let (writer, reader) = (pair.main.is_none(), pair.log.is_none());
        let (main, log) = (pair.dir.clone(), &wanted.dir);
        let writer = if writer { self.living_in(&main) } else { None };
        let reader = if reader { self.living_in(log) } else { None };
        let named = LogPipe::open(&wanted.dir, &wanted.name)?;
        let pipe = named.or_that_of(writer, reader);
        if let Some(pair) = self.pairs.get_mut(&wanted.entry) {
            pair.pipe = Some(pipe);
        }
        Ok(())
    }

    fn is_drained(&mut self, id: TaskId) -> bool {
        let Some(task) = self.tasks.get(&id) else { return true };
        let pair = self.pairs.get_mut(&task.entry);
        match pair.and_then(|pair| pair.pipe.as_ref()) {
            Some(pipe) => pipe.is_empty(),
            None => pair::is_drained(&task.dir),
        }
    }
}
