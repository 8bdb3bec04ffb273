//! How a service is started: what its process does before it becomes `./run`.

use std::ffi::{CStr, CString};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use contract::layout;
use service::Pid;
use service::words::{self, End, Event, Fault};
use sys::held::Held;
use sys::limits::{Limit, OpenFiles};
use sys::mapped::Birth;
use sys::spawn::{Failed, Identity, PipeEnd, Place, Plan, Spawner, Started, Step, Verdict, Way};

use crate::engine::{Engine, now};
use crate::pair::LogPipe;
use crate::survivors::Question;
use crate::task::{Part, TaskId};

/// What is executed, and its only argument (daemontools, `supervise.c`).
pub(crate) const RUN: &CStr = c"./run";
/// What is executed when it has ended (s6, runit).
pub(crate) const FINISH: &CStr = c"./finish";
/// The pipe as seen from the logger's directory, and from the service's.
const PIPE_OF_LOGGER: &CStr = c"supervise/pipe";
const PIPE_OF_SERVICE: &CStr = c"log/supervise/pipe";

/// The FIFO on which it says that it is ready.
const NOTIFICATION: &CStr = c"supervise/ready";

/// A program of a service about to be started.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    /// The program and its arguments.
    pub(crate) argv: &'a [&'a CStr],
    /// What ties its processes to the service.
    pub(crate) marker: &'a CStr,
    /// The files by which it enters its control groups.
    pub(crate) groups: &'a [CString],
    /// Whether it leads a session of its own.
    pub(crate) session: bool,
    /// Its directory, and who that is.
    pub(crate) dir: &'a Path,
    pub(crate) identity: Identity,
    /// The same, held open.
    pub(crate) held: Option<&'a Held>,
    /// Its end of the pipe between a service and its logger.
    pub(crate) pipe: Option<(&'a LogPipe, PipeEnd)>,
    /// The pipe on which it says that it is ready, and as which descriptor.
    pub(crate) notification: Option<(Identity, i32)>,
    /// The limits of open files that we were given ourselves.
    pub(crate) open_files: OpenFiles,
    /// How likely it is to be killed for want of memory, where we are less.
    pub(crate) oom_score: Option<&'a CStr>,
    /// The limits that its directory asks for.
    pub(crate) limits: &'a [(Limit, u64)],
    pub(crate) way: Way,
    /// Where the kernel notes the process.
    pub(crate) birth: Option<Birth<'a>>,
}

impl Launch<'_> {
    /// Starts it.
    ///
    /// # Errors
    /// The step that failed, and why.
    pub(crate) fn start(&self, spawner: &mut Spawner) -> Result<Started, Fault> {
        let dir = CString::new(self.dir.as_os_str().as_bytes())
            .map_err(|_| Fault { step: words::Step::Directory, errno: 0 })?;
        let mut steps = Vec::with_capacity(STEPS);
        steps.extend(self.groups.iter().map(|entrance| Step::Group(entrance)));
        steps.push(match self.held {
            Some(held) => Step::EnterHeld(held.as_fd()),
            None => Step::Enter(&dir, self.identity),
        });
        let held = self.pipe.and_then(|(pipe, _)| pipe.path_without_name());
        match (self.pipe, &held) {
            (Some((pipe, end)), Some(path)) => steps.push(Step::Reopen(path, pipe.identity, end)),
            (Some((pipe, end)), None) => {
                steps.push(Step::Pipe(pipe_path(end), pipe.identity, end));
            }
            (None, _) => {}
        }
        if let Some((pipe, number)) = self.notification {
            let end = PipeEnd::Notification(number);
            steps.push(Step::Pipe(pipe_path(end), pipe, end));
        }
        if self.session {
            steps.push(Step::Session);
        }
        let OpenFiles { soft, hard } = self.open_files;
        steps.push(Step::Limit(Limit::OpenFiles, soft, hard));
        steps.extend(self.limits.iter().map(|limit| limit_step(*limit, hard)));
        steps.extend(self.oom_score.map(Step::OomScore));
        steps.push(Step::Signals);
        let plan = Plan { steps: &steps, argv: self.argv, marker: self.marker, birth: self.birth };
        spawner.start(&plan, self.way).map_err(fault)
    }
}

impl Engine {
    /// Starts `./run`, and gives the answer to [`service::Action::Start`].
    pub(crate) fn start(&mut self, id: TaskId) -> Event {
        let cause = self.tasks.get(&id).map(|task| task.service.cause()).unwrap_or_default();
        if let Some((what, until)) = self.shortage.delays(now().monotonic, cause) {
            return Event::Delayed(what, until);
        }
        let Some(task) = self.tasks.get_mut(&id) else { return Event::Tick };
        let complaints = task.refresh(&self.defaults);
        self.find_logger(id);
        for complaint in complaints {
            self.warn_of(id, complaint);
        }
        self.confine(id);
        self.begin_census(id);
        let notification = self.listen_for_readiness(id);
        let started = self.launch(id, &[RUN], notification);
        let Some(task) = self.tasks.get_mut(&id) else { return Event::Tick };
        (task.has_strange_kin, task.question) = (false, Question::default());
        let (pid, event) = match started {
            Ok((pid, None)) => (pid, Event::Started(Ok(Pid(pid)))),
            Ok((pid, verdict)) => {
                task.verdict = verdict;
                (pid, Event::Forked(Pid(pid)))
            }
            Err(fault) => return Event::Started(Err(fault)),
        };
        task.session = task.settings.session.then_some(pid);
        event
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
        let words = words.map(|word| CString::new(word).unwrap_or_default());
        let [code, signal, name, group] = &words;
        let (pid, verdict) = self.launch(id, &[FINISH, code, signal, name, group], None)?;
        if let Some(task) = self.tasks.get_mut(&id) {
            task.verdict = verdict;
        }
        Ok(Some(Pid(pid)))
    }

    /// Starts a program of a service.
    fn launch(
        &mut self,
        id: TaskId,
        argv: &[&CStr],
        notification: Option<(Identity, i32)>,
    ) -> Result<(u32, Option<Verdict>), Fault> {
        let gone = Fault { step: words::Step::Fork, errno: 0 };
        let task = self.tasks.get(&id).ok_or(gone)?;
        let pipe = self.pairs.get(&task.entry).and_then(|pair| pair.pipe.as_ref());
        let end = match task.part {
            Part::Main => PipeEnd::Stdout,
            Part::Log => PipeEnd::Stdin,
        };
        let held = task.look.as_ref().filter(|look| look.identity == task.identity);
        let held = held.filter(|_| task.way == Way::Borrowed);
        let launch = Launch {
            argv,
            marker: &task.marker.entry(),
            groups: task.membership.as_ref().map_or(&[], |it| it.entrances.as_slice()),
            session: task.settings.session,
            dir: &task.dir,
            identity: task.identity,
            held: held.map(|look| &look.held),
            pipe: pipe.map(|pipe| (pipe, end)),
            notification,
            open_files: self.open_files,
            oom_score: self.oom_score.as_deref(),
            limits: &task.settings.limits.of_each,
            way: task.way,
            // What is written down says that `./run` starts.
            birth: if argv == [RUN] { self.ledger.birth(task.identity) } else { None },
        };
        let started = match launch.start(&mut self.spawner)? {
            Started::Runs(pid) => (pid, None),
            Started::Forked(pid, verdict) => (pid, Some(verdict)),
        };
        self.pids.insert(started.0, id);
        Ok(started)
    }
}

/// What `finish` is told for an exit code where a signal ended it (s6); where nobody saw how it
/// ended, with no signal.
const KILLED: u32 = 256;

/// As many steps as a start mostly has.
const STEPS: usize = 8;

/// What a directory asks for is not more than we may have: the rest is as good as none.
fn limit_step((which, limit): (Limit, u64), open_files: u64) -> Step<'static> {
    // Our own limit of open files is raised.
    let raised = which == Limit::OpenFiles;
    let hard = if raised { open_files } else { which.get().map_or(limit, |(_, hard)| hard) };
    let limit = limit.min(hard);
    Step::Limit(which, limit, limit)
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
