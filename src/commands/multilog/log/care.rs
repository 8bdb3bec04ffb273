//! What a log needs beside its lines: files that end by age, syncs, a `current` that somebody has
//! removed, and lines that could not be written under a policy that does not wait.

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use logger::{Full, Oldest, lines_are};

use super::super::now;
use super::super::trouble::{Trouble, insist, warn};
use super::Log;

/// How often it is looked whether `current` still has a name, and whether lines can be written
/// again: soon enough for who has removed it and wonders where the log is, too seldom to be seen in
/// the cost of a line.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// How many old files make room for one block: each try removes one.
const REMOVED_MAX: usize = 1000;

/// Deadlines and counts of a log.
#[derive(Debug, Default)]
pub(super) struct Care {
    /// When `current` is old enough to end.
    age_due: Option<Duration>,
    /// When what was written goes to the disk.
    sync_due: Option<Duration>,
    pub(super) dirty: bool,
    looked_at: Duration,
    /// Lines that were not written since the last that were.
    pub(super) dropped: u64,
    /// Why, as it was said.
    pub(super) reason: Option<String>,
    /// What a sync has failed for, where it has been said.
    sync_trouble: Option<String>,
}

impl Log<'_> {
    /// When [`Self::look_after`] has something to do.
    pub(in super::super) fn deadline(&self) -> Option<Duration> {
        let again = (self.care.dropped > 0).then(|| self.care.looked_at + LOOK_AFTER);
        let processing = self.processing.deadline(self.care.looked_at);
        [self.care.age_due, self.care.sync_due, again, processing].into_iter().flatten().min()
    }

    /// Does what is due; called before lines are written and after a wait.
    pub(in super::super) fn look_after(&mut self, now: Duration) {
        if self.given_up.is_some() {
            return;
        }
        if now.saturating_sub(self.care.looked_at) >= LOOK_AFTER {
            self.care.looked_at = now;
            if self.is_shut() {
                self.open_late();
            }
            self.find_current_again();
            if self.care.dropped > 0 && !self.is_shut() {
                self.tell_dropped();
            }
        }
        self.process(now);
        self.sync_in_time(now);
        self.end_by_age(now);
    }

    fn end_by_age(&mut self, now: Duration) {
        let Some(age) = self.spec.settings.age.filter(|_| !self.fill.is_empty()) else {
            self.care.age_due = None;
            return;
        };
        match self.care.age_due {
            None => {
                let left = age.saturating_sub(std::mem::take(&mut self.begun_before));
                self.care.age_due = Some(now + left);
            }
            Some(due) if due <= now => {
                self.care.age_due = None;
                self.end_file();
            }
            Some(_) => {}
        }
    }

    fn sync_in_time(&mut self, now: Duration) {
        let Some(interval) = self.spec.settings.sync.filter(|_| self.care.dirty) else {
            self.care.sync_due = None;
            return;
        };
        match self.care.sync_due {
            None => self.care.sync_due = Some(now + interval),
            Some(due) if due <= now => {
                self.care.sync_due = None;
                self.care.dirty = false;
                let trouble = self.sync_current().err().map(|trouble| trouble.to_string());
                if let Some(sentence) =
                    trouble.as_ref().filter(|_| trouble != self.care.sync_trouble)
                {
                    warn(sentence);
                }
                self.care.sync_trouble = trouble;
            }
            Some(_) => {}
        }
    }

    /// Where somebody has removed `current`, a new one is begun: nobody could read the old one.
    fn find_current_again(&mut self) {
        let gone = self.current.as_ref().and_then(|current| current.metadata().ok());
        if gone.is_none_or(|found| found.nlink() > 0) {
            return;
        }
        warn(format_args!("{}/current was removed by somebody", self.name));
        if self.spec.settings.full != Full::Block {
            if let Err(trouble) = self.open_directory_again().and_then(|()| self.begin()) {
                self.shut(&trouble);
            }
            return;
        }
        let (signals, name) = (self.signals, self.name.clone());
        self.given_up = insist(signals, &name, || {
            self.open_directory_again()?;
            self.begin()
        })
        .err();
    }

    /// Writes `lines` or drops them: waits for nothing.
    pub(super) fn write_or_drop(&mut self, lines: &[u8]) {
        if self.care.dropped > 0 || self.is_shut() {
            // What is to be told first could not be written either, a moment ago.
            self.care.dropped += count(lines);
            return;
        }
        if let Err(trouble) = self.write_at_once(lines) {
            self.care.dropped = count(lines);
            let sentence = trouble.to_string();
            warn(format_args!("{sentence}; dropping lines"));
            self.care.reason = Some(sentence);
        }
    }

    /// Writes all of `lines`, or nothing into the last file.
    fn write_at_once(&mut self, lines: &[u8]) -> Result<(), Trouble> {
        self.start = self.fill.bytes();
        let mut rest = lines;
        for _ in 0..REMOVED_MAX {
            let Err(trouble) = self.write_all(&mut rest) else { return Ok(()) };
            let room = self.spec.settings.full == Full::Oldest && trouble.is_full();
            if !(room && self.remove_oldest()) {
                self.cut_back();
                return Err(trouble);
            }
        }
        self.cut_back();
        Err(Trouble::because("the disk is full whatever is removed"))
    }

    /// No reader is to see half of what is dropped.
    fn cut_back(&mut self) {
        let cut = self.current.as_ref().map(|current| current.set_len(self.start));
        if cut.is_some_and(|cut| cut.is_ok()) {
            self.fill.cut(self.start);
        }
    }

    /// Removes the oldest file that can be removed.
    fn remove_oldest(&self) -> bool {
        let mut names: Vec<Vec<u8>> = Vec::new();
        let shown = self.dir.each_name(|name| {
            if Oldest::is_old(name) {
                names.push(name.to_vec());
            }
        });
        names.sort_unstable();
        shown.is_ok() && names.iter().any(|name| self.remove_old(name).is_ok())
    }

    /// Logs how many lines were dropped, where it works again.
    fn tell_dropped(&mut self) {
        let dropped = lines_are(self.care.dropped);
        let reason = self.care.reason.clone().unwrap_or_default();
        let line = format!("multilog: warning: {dropped} lost: {reason}\n");
        let line = [self.stamps.at(now), line.as_bytes()].concat();
        if self.write_at_once(&line).is_ok() {
            self.care.dropped = 0;
            warn(format_args!("going on with {}: {dropped} lost", self.name));
            self.settle();
        }
    }

    /// What is to be said of lost lines at the end.
    pub(super) fn still_dropping(&mut self) -> Option<String> {
        if self.care.dropped > 0 && !self.is_shut() {
            self.tell_dropped();
        }
        let reason = self.care.reason.as_ref().filter(|_| self.care.dropped > 0)?;
        Some(match self.care.dropped {
            1 => format!("{reason}; 1 line for {} is lost", self.name),
            dropped => format!("{reason}; {dropped} lines for {} are lost", self.name),
        })
    }
}

fn count(lines: &[u8]) -> u64 {
    let ends = lines.split_inclusive(|byte| *byte == b'\n').count();
    u64::try_from(ends).unwrap_or(u64::MAX)
}
