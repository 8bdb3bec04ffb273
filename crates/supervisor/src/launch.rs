//! How a service is started: what its process does before it becomes `./run`.

use std::ffi::{CStr, CString};
use std::iter;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::rc::Rc;

use contract::layout;
use service::Pid;
use service::words::{self, End, Event, Fault};
use sys::limits::{Limit, OpenFiles};
use sys::spawn::{Failed, Identity, PipeEnd, Place, Plan, Started, Step, Text, Verdict, Way};

use crate::engine::{Engine, now};
use crate::survivors::Question;
use crate::task::{Part, Task, TaskId};

/// What is executed, and its only argument (daemontools, `supervise.c`).
pub(crate) const RUN: &CStr = c"./run";
/// What is executed when it has ended (s6, runit).
pub(crate) const FINISH: &CStr = c"./finish";
/// The pipe as seen from the logger's directory, and from the service's.
const PIPE_OF_LOGGER: &CStr = c"supervise/pipe";
const PIPE_OF_SERVICE: &CStr = c"log/supervise/pipe";

/// The FIFO on which it says that it is ready.
const NOTIFICATION: &CStr = c"supervise/ready";

impl Engine {
    /// Starts `./run`, and gives the answer to [`service::Action::Start`]; `None`: it is given soon
    /// ([`Engine::settle_all`]).
    pub(crate) fn start(&mut self, id: TaskId) -> Option<Event> {
        let cause = self.tasks.get(&id).map(|task| task.service.cause()).unwrap_or_default();
        if let Some((what, until)) = self.shortage.delays(now().monotonic, cause) {
            return Some(Event::Delayed(what, until));
        }
        let task = self.tasks.get_mut(&id)?;
        let complaints = task.refresh(&self.defaults);
        self.find_logger(id);
        for complaint in complaints {
            self.warn_of(id, complaint);
        }
        self.confine(id);
        self.begin_census(id);
        let notification = self.listen_for_readiness(id);
        if let Some(task) = self.tasks.get_mut(&id) {
            (task.has_strange_kin, task.question) = (false, Question::default());
        }
        let plan = match self.plan(id, vec![RUN.into()], notification) {
            Ok(plan) => self.send_ahead(id, plan)?,
            Err(fault) => return Some(Event::Started(Err(fault))),
        };
        Some(match self.launch(id, plan, true) {
            Ok((pid, None)) => Event::Started(Ok(pid)),
            Ok((pid, verdict)) => {
                self.tasks.get_mut(&id)?.verdict = verdict;
                Event::Forked(pid)
            }
            Err(fault) => Event::Started(Err(fault)),
        })
    }

    /// Starts `./finish`, where there is one, with s6's arguments: exit code (256 after a signal),
    /// signal, name, and process group of the process that has ended.
    ///
    /// # Errors
    /// The step that failed, and why.
    pub(crate) fn finish(
        &mut self,
        id: TaskId,
        Pid(ended): Pid,
        how: End,
    ) -> Result<Option<Pid>, Fault> {
        let Some(task) = self.tasks.get_mut(&id) else { return Ok(None) };
        task.look_around();
        let may_finish = task.names.may_have(layout::FINISH);
        if !may_finish || std::fs::symlink_metadata(task.dir.join(layout::FINISH)).is_err() {
            return Ok(None);
        }
        task.look_for_start();
        let (code, signal) = match how {
            End::Exited(code) => (u32::from(code), 0),
            End::Signalled(number) => (KILLED, number),
            End::Unknown => (KILLED, 0),
            End::NotStarted(_) => return Ok(None),
        };
        let words = [code.to_string(), signal.to_string(), task.name.clone(), ended.to_string()];
        let words = words.map(|word| CString::new(word).unwrap_or_default().into());
        let plan = self.plan(id, iter::once(FINISH.into()).chain(words).collect(), None)?;
        let (pid, verdict) = self.launch(id, plan, false)?;
        if let Some(task) = self.tasks.get_mut(&id) {
            task.verdict = verdict;
        }
        Ok(Some(pid))
    }

    /// What the process of a service does before it becomes this program, which says on a
    /// descriptor that it is ready, if that is asked for.
    fn plan(
        &self,
        id: TaskId,
        argv: Vec<Text>,
        notification: Option<(Identity, i32)>,
    ) -> Result<Plan, Fault> {
        let task = self.tasks.get(&id).ok_or(GONE)?;
        let mut steps = Vec::with_capacity(STEPS);
        let groups = task.membership.as_ref().map_or(&[][..], |it| it.entrances.as_slice());
        steps.extend(groups.iter().map(|entrance| Step::Group(entrance.clone().into())));
        let held = task.look.as_ref().filter(|look| look.identity == task.identity);
        steps.push(match held.filter(|_| task.way == Way::Borrowed) {
            Some(look) => Step::EnterHeld(Rc::clone(&look.held)),
            None => Step::Enter(path(&task.dir)?, task.identity),
        });
        steps.extend(self.pipe_step(task));
        if let Some((pipe, number)) = notification {
            let end = PipeEnd::Notification(number);
            steps.push(Step::Pipe(pipe_path(end).into(), pipe, end));
        }
        if task.settings.session {
            steps.push(Step::Session);
        }
        let OpenFiles { soft, hard } = self.open_files;
        steps.push(Step::Limit(Limit::OpenFiles, soft, hard));
        steps.extend(task.settings.limits.of_each.iter().map(|limit| limit_step(*limit, hard)));
        steps.extend(self.oom_score.as_ref().map(|score| Step::OomScore(score.clone().into())));
        steps.push(Step::Signals);
        Ok(Plan { steps, argv, marker: task.marker.entry().into() })
    }

    /// Its end of the pipe between a service and its logger.
    fn pipe_step(&self, task: &Task) -> Option<Step> {
        let pipe = self.pairs.get(&task.entry)?.pipe.as_ref()?;
        let end = match task.part {
            Part::Main => PipeEnd::Stdout,
            Part::Log => PipeEnd::Stdin,
        };
        Some(match pipe.path_without_name() {
            Some(path) => Step::Reopen(path.into(), pipe.identity, end),
            None => Step::Pipe(pipe_path(end).into(), pipe.identity, end),
        })
    }

    /// Starts a program of a service: `./run`, or another.
    fn launch(
        &mut self,
        id: TaskId,
        plan: Plan,
        is_run: bool,
    ) -> Result<(Pid, Option<Verdict>), Fault> {
        let task = self.tasks.get(&id).ok_or(GONE)?;
        // What is written down says that `./run` starts.
        let birth = if is_run { self.ledger.birth(task.identity) } else { None };
        let started = self.spawner.start(plan, birth, task.way).map_err(fault)?;
        let (pid, verdict) = match started {
            Started::Runs(pid) => (pid, None),
            Started::Forked(pid, verdict) => (pid, Some(verdict)),
        };
        self.begin(id, pid, is_run);
        Ok((Pid(pid), verdict))
    }

    /// A service has a process.
    pub(crate) fn begin(&mut self, id: TaskId, pid: u32, is_run: bool) {
        self.pids.insert(pid, id);
        if let Some(task) = self.tasks.get_mut(&id).filter(|_| is_run) {
            task.session = task.settings.session.then_some(pid);
        }
    }
}

/// The service is gone.
const GONE: Fault = Fault { step: words::Step::Fork, errno: 0 };

/// What `finish` is told for an exit code where a signal ended it (s6); where nobody saw how it
/// ended, with no signal.
const KILLED: u32 = 256;

/// As many steps as a start mostly has.
const STEPS: usize = 8;

/// What a directory asks for is not more than we may have: the rest is as good as none.
fn limit_step((which, limit): (Limit, u64), open_files: u64) -> Step {
    // Our own limit of open files is raised.
    let raised = which == Limit::OpenFiles;
    let hard = if raised { open_files } else { which.get().map_or(limit, |(_, hard)| hard) };
    let limit = limit.min(hard);
    Step::Limit(which, limit, limit)
}

fn path(dir: &Path) -> Result<Text, Fault> {
    let path = CString::new(dir.as_os_str().as_bytes());
    path.map(Text::from).map_err(|_| Fault { step: words::Step::Directory, errno: 0 })
}

fn pipe_path(end: PipeEnd) -> &'static CStr {
    match end {
        PipeEnd::Stdin => PIPE_OF_LOGGER,
        PipeEnd::Stdout => PIPE_OF_SERVICE,
        PipeEnd::Notification(_) => NOTIFICATION,
    }
}

/// What the kernel refused, as the machine knows it.
pub(crate) fn fault(failed: Failed) -> Fault {
    let step = match failed.at {
        Place::Fork => words::Step::Fork,
        Place::Enter => words::Step::Directory,
        Place::Pipe => words::Step::LogPipe,
        Place::Group | Place::Setup => words::Step::Setup,
        Place::Exec => words::Step::Exec,
    };
    Fault { step, errno: failed.errno }
}
