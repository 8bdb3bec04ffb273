//! How a service is started: what its process does before it becomes `./run`.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use contract::layout;
use service::words::{self, Fault};
use sys::limits::OpenFiles;
use sys::mapped::Birth;
use sys::spawn::{Failed, Identity, PipeEnd, Place, Plan, Spawner, Started, Step, Way};

use crate::pair::LogPipe;

/// What is executed, and its only argument (daemontools, `supervise.c`).
const RUN: &CStr = c"./run";
/// The pipe as seen from the logger's directory, and from the service's.
const PIPE_OF_LOGGER: &CStr = c"supervise/pipe";
const PIPE_OF_SERVICE: &CStr = c"log/supervise/pipe";

/// A service about to be started.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
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
    /// Starts `./run`.
    ///
    /// # Errors
    /// The step that failed, and why.
    pub(crate) fn start(&self, spawner: &mut Spawner) -> Result<Started, Fault> {
        let dir = CString::new(self.dir.as_os_str().as_bytes())
            .map_err(|_| Fault { step: words::Step::Directory, errno: 0 })?;
        let mut steps = Vec::with_capacity(STEPS_MAX);
        steps.push(Step::Enter(&dir, self.identity));
        let held = self.pipe.and_then(|(pipe, _)| pipe.path_without_name());
        match (self.pipe, &held) {
            (Some((pipe, end)), Some(path)) => steps.push(Step::Reopen(path, pipe.identity, end)),
            (Some((pipe, end)), None) => {
                steps.push(Step::Pipe(pipe_path(end), pipe.identity, end));
            }
            (None, _) => {}
        }
        if !self.dir.join(layout::NO_SETSID).exists() {
            steps.push(Step::Session);
        }
        steps.push(Step::OpenFiles(self.open_files));
        steps.push(Step::Signals);
        let plan = Plan { steps: &steps, program: RUN, argument: None, birth: self.birth };
        spawner.start(&plan, self.way).map_err(fault)
    }
}

/// As many steps as there are kinds.
const STEPS_MAX: usize = 5;

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
        Place::Setup => words::Step::Setup,
        Place::Exec => words::Step::Exec,
    };
    Fault { step, errno: failed.errno }
}
