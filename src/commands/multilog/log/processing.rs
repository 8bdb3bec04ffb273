//! The processor runs beside the log, over the full files one after the other: while it is slow,
//! fails or hangs, full files wait as `@LABEL.u`, and lines are written all the same.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsStr;
use std::fs::Permissions;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use logger::{Code, Full, MODE_MADE, NEWSTATE, PROCESSED, STATE, label_of_unfinished, processing};

use super::super::trouble::{PAUSE_MAX, PAUSE_MIN, Trouble, warn};
use super::Log;
use super::steps::{MODE_WHOLE, unless_missing};

/// What the shell does before the processor is run, so that it finds its state where it always was:
/// read on descriptor 4, written on 5.
const SETUP: &str = r#"exec 4<state 5>newstate && exec sh -c "$0""#;

/// So long the log waits for the processor where it would have to remove a file that was not
/// processed yet, and so long after SIGTERM. Who needs longer for a file of 16 MB has stopped.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked whether the processor has ended, should SIGCHLD be blocked by whoever
/// started us.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// The most files that wait: so many of one directory are only kept by who does not look at them.
const WAITING_MAX: usize = 10_000;

/// The files that wait for the processor.
#[derive(Debug, Default)]
pub(super) struct Processing {
    /// Their labels, the oldest first; that one is being processed.
    waiting: VecDeque<String>,
    running: Option<Child>,
    /// The step that is to be done next of those that follow the processor's success.
    done: Option<usize>,
    /// After a failure: when to try again, and after which pause.
    again: Option<Duration>,
    pause: Duration,
    /// What it has failed for, as it was said.
    said: Option<String>,
    /// It was waited for in vain.
    slow: bool,
}

impl Processing {
    /// When there is something to do; it was looked at `now`.
    pub(super) fn deadline(&self, now: Duration) -> Option<Duration> {
        let running = self.running.as_ref().map(|_| now + LOOK_AFTER);
        running.or(self.again).filter(|_| !self.waiting.is_empty())
    }
}

impl Drop for Processing {
    /// A processor that is left running would write into files of the next multilog's.
    fn drop(&mut self) {
        if let Some(child) = &mut self.running {
            let _ = sys::child::kill_group(child.id());
            let _ = child.wait();
        }
    }
}

impl Log<'_> {
    /// The file of this label waits for the processor.
    pub(super) fn wait_for_processor(&mut self, label: String) {
        if self.spec.processor.is_some() {
            if self.processing.waiting.len() >= WAITING_MAX {
                self.processing.waiting.pop_front();
            }
            self.processing.waiting.push_back(label);
            self.process(sys::clock::monotonic());
        }
    }

    /// What an earlier multilog has left unprocessed waits again, the oldest first. What was
    /// processed already, and has only not got its name, gets it.
    pub(super) fn find_unprocessed(&mut self) {
        let Processing { running, done, .. } = &self.processing;
        if self.spec.processor.is_none() || running.is_some() || done.is_some() {
            return;
        }
        let mut labels = BTreeSet::new();
        let shown = self.dir.each_name(|name| {
            labels.extend(label_of_unfinished(name).map(str::to_owned));
            if labels.len() > WAITING_MAX {
                labels.pop_first();
            }
        });
        if let Err(error) = shown {
            warn(Trouble::unable(format_args!("read {}", self.name), error));
        }
        self.processing.waiting.clear();
        for label in labels {
            match self.is_unprocessed(&label) {
                Ok(true) => self.processing.waiting.push_back(label),
                Ok(false) => {}
                // One that cannot be read must not hold up the others; the next start tries again.
                Err(trouble) => warn(trouble),
            }
        }
    }

    /// Whether a file is one for the processor. One that a processor has made gets its name here;
    /// a device that somebody has put there may never end.
    fn is_unprocessed(&self, label: &str) -> Result<bool, Trouble> {
        let file = format!("{label}.{}", Code::Unfinished.letter());
        let opened = self.dir.read(file.as_ref()).map_err(self.unable("open", &file))?;
        let found = opened.metadata().map_err(self.unable("stat", &file))?;
        let made = found.is_file() && found.permissions().mode() & 0o7777 == MODE_MADE;
        if made {
            self.name_as_safe(label)?;
        }
        Ok(found.is_file() && !made)
    }

    /// Before a file ends: waits a little where the oldest file would go without having been
    /// processed.
    pub(super) fn spare_waiting(&mut self) {
        let waits = self.spec.settings.full == Full::Block && !self.processing.slow;
        if !waits || self.spare() {
            return;
        }
        let until = sys::clock::monotonic() + PATIENCE;
        if !self.await_processor(until, Self::spare) && !self.signals.term() {
            self.processing.slow = true;
            let patience = PATIENCE.as_secs();
            let name = &self.name;
            warn(format_args!("processor in {name} takes more than {patience} s: not waiting"));
        }
    }

    /// Whether the next file can end without removing one that waits.
    fn spare(&self) -> bool {
        u64::try_from(self.processing.waiting.len()).is_ok_and(|len| len < self.spec.keep - 1)
    }

    /// At the end: waits until all files are processed; after SIGTERM a little, and then stops.
    pub(super) fn end_processing(&mut self) {
        let all_done = |log: &Self| log.processing.waiting.is_empty();
        while !self.signals.term() {
            if self.await_processor(sys::clock::monotonic() + LOOK_AFTER, all_done) {
                return;
            }
        }
        let until = sys::clock::monotonic() + PATIENCE;
        let stop = |log: &Self| all_done(log) || log.processing.running.is_none();
        if !self.await_processor(until, stop) || !all_done(self) {
            let (count, name) = (self.processing.waiting.len(), &self.name);
            let (files, are) = if count == 1 { ("file", "is") } else { ("files", "are") };
            warn(format_args!("{count} {files} in {name} {are} not processed"));
        }
    }

    /// Waits for the processor until that time; whether what was waited for is so. A SIGTERM that
    /// was not there before ends the wait.
    fn await_processor(&mut self, until: Duration, is_so: impl Fn(&Self) -> bool) -> bool {
        let term = self.signals.term();
        loop {
            let now = sys::clock::monotonic();
            self.process(now);
            if is_so(self) {
                return true;
            }
            let wait =
                self.processing.deadline(now).unwrap_or(until).min(until).saturating_sub(now);
            if until <= now || self.signals.term() != term || self.signals.pause(wait).is_err() {
                return false;
            }
        }
    }

    /// Goes on with the processor as far as that needs no wait.
    pub(super) fn process(&mut self, now: Duration) {
        while !self.processing.waiting.is_empty() && !self.is_too_early(now) {
            match self.process_on() {
                Ok(true) => {}
                Ok(false) => return,
                Err(trouble) => self.processor_failed(&trouble, now),
            }
        }
    }

    fn is_too_early(&self, now: Duration) -> bool {
        self.processing.running.is_none() && self.processing.again.is_some_and(|again| now < again)
    }

    /// One step; false where the processor is still running.
    fn process_on(&mut self) -> Result<bool, Trouble> {
        if let Some(done) = self.processing.done {
            for (index, step) in processing().iter().enumerate().skip(done) {
                self.processing.done = Some(index);
                self.perform(*step)?;
            }
            self.processed();
            return Ok(true);
        }
        let Some(child) = &mut self.processing.running else {
            self.start_processor()?;
            return Ok(true);
        };
        let ended = child.try_wait().transpose();
        let Some(ended) = ended else { return Ok(false) };
        self.processing.running = None;
        let what = format!("wait for the processor in {}", self.name);
        self.judge(ended.map_err(|error| Trouble::unable(what, error))?)?;
        self.processing.done = Some(0);
        Ok(true)
    }

    /// A file that is not there any more was pruned, or somebody has removed it: the next.
    fn start_processor(&mut self) -> Result<(), Trouble> {
        let (Some(processor), Some(file)) = (&self.spec.processor, self.file(Code::Unfinished))
        else {
            return Ok(());
        };
        if self.dir.find(file.as_ref()).map_err(self.unable("stat", &file))?.is_none() {
            warn(format_args!("{}/{file} was removed and is not processed", self.name));
            self.processing.waiting.pop_front();
            (self.processing.again, self.processing.said) = (None, None);
            return Ok(());
        }
        self.replace_missing(STATE)?;
        // Into new files: what a processor of a killed multilog still writes goes nowhere.
        for name in [PROCESSED, NEWSTATE] {
            unless_missing(self.dir.remove(name.as_ref())).map_err(self.unable("remove", name))?;
        }
        let start = || {
            let mut command = self.dir.command("/bin/sh".as_ref())?;
            command.args(["-c", SETUP]).arg(OsStr::from_bytes(processor));
            command.stdin(self.dir.read(file.as_ref())?);
            command.stdout(self.dir.truncate(PROCESSED.as_ref())?);
            command.process_group(0).spawn()
        };
        let what = format!("run the processor in {}", self.name);
        self.processing.running = Some(start().map_err(|error| Trouble::unable(what, error))?);
        Ok(())
    }

    fn judge(&self, status: ExitStatus) -> Result<(), Trouble> {
        match status.code() {
            Some(0) => Ok(()),
            Some(_) => Err(Trouble::because(format!("processor failed in {}", self.name))),
            None => Err(Trouble::because(format!("processor crashed in {}", self.name))),
        }
    }

    fn processor_failed(&mut self, trouble: &Trouble, now: Duration) {
        let Processing { pause, again, said, .. } = &mut self.processing;
        *pause = if again.is_none() { PAUSE_MIN } else { PAUSE_MAX.min(*pause * 2) };
        *again = Some(now + *pause);
        let sentence = trouble.pausing();
        if said.as_ref() != Some(&sentence) {
            warn(&sentence);
            *said = Some(sentence);
        }
    }

    fn processed(&mut self) {
        let Processing { waiting, done, again, said, slow, .. } = &mut self.processing;
        waiting.pop_front();
        (*done, *again, *slow) = (None, None, false);
        if said.take().is_some() {
            warn(format_args!("going on with the processor in {}", self.name));
        }
        self.prune();
    }

    /// The name of the file that is being processed.
    fn file(&self, code: Code) -> Option<String> {
        self.processing.waiting.front().map(|label| format!("{label}.{}", code.letter()))
    }

    /// What was processed takes the place of what it was made of, where that is still there.
    pub(super) fn replace_processed(&self) -> Result<(), Trouble> {
        let Some(file) = self.file(Code::Unfinished) else { return Ok(()) };
        let found = self.dir.find(file.as_ref()).map_err(self.unable("stat", &file))?;
        let done = match found {
            Some(_) => self.dir.rename(PROCESSED.as_ref(), file.as_ref()),
            None => unless_missing(self.dir.remove(PROCESSED.as_ref())),
        };
        done.map_err(self.unable("rename", PROCESSED))
    }

    /// The name of the file says that it is whole and processed.
    pub(super) fn name_processed(&self) -> Result<(), Trouble> {
        self.processing.waiting.front().map_or(Ok(()), |label| self.name_as_safe(label))
    }

    fn name_as_safe(&self, label: &str) -> Result<(), Trouble> {
        let name = |code: Code| format!("{label}.{}", code.letter());
        let (file, safe) = (name(Code::Unfinished), name(Code::Safe));
        let named = unless_missing(self.dir.rename(file.as_ref(), safe.as_ref()));
        named.map_err(self.unable("rename", &file))?;
        let mode = unless_missing(self.dir.set_mode(safe.as_ref(), MODE_WHOLE));
        mode.map_err(self.unable("set mode of", &safe))
    }

    /// What the processor made is on the disk, and its mode says what it is.
    pub(super) fn mark_processed(&self) -> Result<(), Trouble> {
        let file = self.dir.append(PROCESSED.as_ref()).map_err(self.unable("create", PROCESSED))?;
        let mode = file.set_permissions(Permissions::from_mode(MODE_MADE));
        mode.map_err(self.unable("set mode of", PROCESSED))?;
        file.sync_all().map_err(self.unable_to_sync(PROCESSED))
    }
}
