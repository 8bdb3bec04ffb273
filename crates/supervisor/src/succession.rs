//! Upgrade in place: svscan executes its program anew, as the same process. Children stay ours,
//! locks stay held, letters that lie in the FIFOs are not lost, and the successor takes up what was
//! written down as after a kill.
//!
//! First a child tries whether the new program runs at all: what is executed in vain cannot be
//! taken back.

use std::ffi::CString;
use std::os::unix::ffi::OsStringExt as _;
use std::time::Duration;

use service::Monotonic;
use sys::child::{self, Ended};
use sys::limits::{Limit, OpenFiles};
use sys::spawn::{MARKER, Plan, Started, Step, Way};
use sys::{oom, reexec, signals};

use crate::engine::{Engine, now};

/// How long the new program may take to say its version.
const CHECK_MAX: Duration = Duration::from_secs(10);

/// A trial of the new program.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) pid: u32,
    pub(crate) give_up_at: Monotonic,
}

impl Engine {
    /// Executes our program anew, if it still runs.
    pub(crate) fn upgrade(&mut self) {
        if let Some(why) = self.obstacle() {
            self.voice.warn(format_args!("no upgrade: {why}"));
            return;
        }
        match self.try_program() {
            Some(pid) => {
                let give_up_at = now().monotonic + CHECK_MAX;
                self.check = Some(Check { pid, give_up_at });
            }
            None => {
                self.voice.warn("no upgrade: unable to try the new program");
            }
        }
    }

    fn obstacle(&self) -> Option<&'static str> {
        if !self.farewell.is_not_yet() {
            return Some("everything is being stopped");
        }
        if self.check.is_some() {
            return Some("one is under way");
        }
        let forgotten = "not everything could be written down, and would be started twice";
        let directories = self.tasks.values().map(|task| task.identity);
        (!self.ledger.has_all(directories)).then_some(forgotten)
    }

    /// It is forked, for it may lie on a file system that makes it wait.
    fn try_program(&mut self) -> Option<u32> {
        let program = CString::new(self.program.clone().into_os_string().into_vec()).ok()?;
        let OpenFiles { soft, hard } = self.open_files;
        let limit = Step::Limit(Limit::OpenFiles, soft, hard);
        let marker = CString::new(format!("{MARKER}=")).ok()?;
        let plan = Plan {
            steps: vec![limit, Step::Silence, Step::Signals],
            argv: vec![program.into(), c"--version".into()],
            marker: marker.into(),
        };
        match self.spawner.start(plan, None, Way::Apart).ok()? {
            Started::Runs(pid) | Started::Forked(pid, _) => Some(pid),
        }
    }

    /// The trial is over.
    pub(crate) fn conclude(&mut self, how: Ended) {
        self.check = None;
        if how == Ended::Exited(0) && self.obstacle().is_none() {
            return self.succeed();
        }
        let program = self.program.display();
        self.voice.warn(format_args!(
            "no upgrade: {program} --version does not end with exit 0; the old program goes on"
        ));
    }

    pub(crate) fn tick_check(&mut self, due: Monotonic) {
        if let Some(check) = &self.check
            && due >= check.give_up_at
        {
            // Its end is the end of the trial; should it not even end from that, so be it.
            let _ = child::signal(check.pid, signals::KILL);
            self.check = Some(Check { pid: check.pid, give_up_at: due + CHECK_MAX });
        }
    }

    /// Becomes the new program.
    fn succeed(&mut self) {
        let home = self.home.iter().flat_map(crate::home::Home::descriptors);
        let files = self.tasks.values().filter_map(|task| task.files.as_ref());
        let pipes = self.pairs.values().filter_map(|pair| pair.pipe.as_ref());
        let keep: Vec<_> = home
            .chain(files.flat_map(crate::files::Files::descriptors))
            .chain(pipes.map(crate::pair::LogPipe::descriptor))
            .collect();
        let mask = self.signals.original_mask();
        if let Some(had) = &self.oom_score {
            oom::expose(had);
        }
        let error = reexec::execute(&self.program, &keep, &mask, self.open_files);
        self.protect();
        let (program, reason) = (self.program.display(), cli::reason(&error));
        self.voice.warn(format_args!("unable to execute {program}: {reason}"));
    }
}
