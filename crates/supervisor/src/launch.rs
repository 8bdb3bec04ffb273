//! How a service is started: what its process does before it becomes `./run`.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use contract::layout;
use service::Pid;
use service::words::{self, End, Event, Fault};
use sys::limits::OpenFiles;
use sys::mapped::Birth;
use sys::spawn::{Failed, Identity, PipeEnd, Place, Plan, Spawner, Started, Step, Verdict, Way};

use crate::engine::{Engine, now};
use crate::groups;
use crate::pair::LogPipe;
use crate::task::{Part, TaskId};

/// What is executed, and its only argument (daemontools, `supervise.c`).
pub(crate) const RUN: &CStr = c"./run";
/// What is executed when it has ended (s6, runit).
pub(crate) const FINISH: &CStr = c"./finish";
/// The pipe as seen from the logger's directory, and from the service's.
const PIPE_OF_LOGGER: &CStr = c"supervise/pipe";
const PIPE_OF_SERVICE: &CStr = c"log/supervise/pipe";

/// A program of a service about to be started.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    /// The program and its arguments.
    pub(crate) argv: &'a [&'a CStr],
    /// What ties its processes to the service.
    pub(crate) marker: &'a CStr,
    /// The file by which it enters its control group.
    pub(crate) group: Option<&'a CStr>,
    /// Whether it leads a session of its own.
    pub(crate) session: bool,
    /// Its directory, and who that is.
    pub(crate) dir: &'a Path,
    pub(crate) identity: Identity,
    /// Its end of the pipe between a service and its logger.
    pub(crate) pipe: Option<(&'a LogPipe, PipeEnd)>,
    /// The limits we were given ourselves.
    pub(crate) open_files: OpenFiles,
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
        let mut steps = Vec::with_capacity(STEPS_MAX);
        steps.extend(self.group.map(Step::Group));
        steps.push(Step::Enter(&dir, self.identity));
        let held = self.pipe.and_then(|(pipe, _)| pipe.path_without_name());
        match (self.pipe, &held) {
            (Some((pipe, end)), Some(path)) => steps.push(Step::Reopen(path, pipe.identity, end)),
            (Some((pipe, end)), None) => {
                steps.push(Step::Pipe(pipe_path(end), pipe.identity, end));
            }
            (None, _) => {}
        }
        if self.session {
            steps.push(Step::Session);
        }
        steps.push(Step::OpenFiles(self.open_files));
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
        self.find_logger(id);
        let Some(task) = self.tasks.get_mut(&id) else { return Event::Tick };
        let complaints = task.refresh();
        for complaint in complaints.into_iter().filter_map(|it| task.told.again(it)) {
            self.voice.warn(complaint);
        }
        self.join_group(id);
        let started = self.launch(id, &[RUN]);
        let Some(task) = self.tasks.get_mut(&id) else { return Event::Tick };
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
        let Some(task) = self.tasks.get(&id) else { return Ok(None) };
        if std::fs::symlink_metadata(task.dir.join(layout::FINISH)).is_err() {
            return Ok(None);
        }
        let (code, signal) = match how {
            End::Exited(code) => (u32::from(code), 0),
            End::Signalled(number) => (KILLED, number),
            End::Unknown => (KILLED, 0),
            End::NotStarted(_) => return Ok(None),
        };
        let words = [code.to_string(), signal.to_string(), task.name.clone(), ended.to_string()];
        let words = words.map(|word| CString::new(word).unwrap_or_default());
        let [code, signal, name, group] = &words;
        let (pid, verdict) = self.launch(id, &[FINISH, code, signal, name, group])?;
        if let Some(task) = self.tasks.get_mut(&id) {
            task.verdict = verdict;
        }
        Ok(Some(Pid(pid)))
    }

    /// Starts a program of a service.
    fn launch(&mut self, id: TaskId, argv: &[&CStr]) -> Result<(u32, Option<Verdict>), Fault> {
        let gone = Fault { step: words::Step::Fork, errno: 0 };
        let task = self.tasks.get(&id).ok_or(gone)?;
        let pipe = self.pairs.get(&task.entry).and_then(|pair| pair.pipe.as_ref());
        let end = match task.part {
            Part::Main => PipeEnd::Stdout,
            Part::Log => PipeEnd::Stdin,
        };
        let launch = Launch {
            argv,
            marker: &task.marker.entry(),
            group: task.membership.as_ref().map(|it| it.entrance.as_c_str()),
            session: task.settings.session,
            dir: &task.dir,
            identity: task.identity,
            pipe: pipe.map(|pipe| (pipe, end)),
            open_files: self.open_files,
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

    /// Gives a service its control group, where there are any. Without one its processes are known
    /// less well; it is started all the same.
    pub(crate) fn join_group(&mut self, id: TaskId) {
        let (Some(tree), Some(task)) = (&self.groups, self.tasks.get_mut(&id)) else { return };
        let there = task.membership.as_ref().is_some_and(|it| it.group.path().exists());
        if there {
            return;
        }
        task.membership = match groups::join(tree, task) {
            Ok(membership) => Some(membership),
            Err(error) => {
                let (name, reason) = (&task.name, cli::reason(&error));
                let sentence = format!(
                    "unable to make a control group for {name}: {reason}: who of it gets lost is \
                     found by its environment and its session only"
                );
                if let Some(sentence) = task.told.again(sentence) {
                    self.voice.warn(sentence);
                }
                None
            }
        };
    }
}

/// What `finish` is told for an exit code where a signal ended it (s6); where nobody saw how it
/// ended, with no signal.
const KILLED: u32 = 256;

/// As many steps as there are kinds.
const STEPS_MAX: usize = 6;

fn pipe_path(end: PipeEnd) -> &'static CStr {
    match end {
        PipeEnd::Stdin => PIPE_OF_LOGGER,
        PipeEnd::Stdout => PIPE_OF_SERVICE,
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
