//! A log directory: `current`, and the old files beside it. What is to be done with them is decided
//! in the `logger` crate; here it is done.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use cli::UnableExt as _;
use logger::{CURRENT, Fill, Full, Labels, LogSpec, PROCESSED, Piece, Progress, Repair, Room};
use logger::{Stamps, Step, WHOLE, recovery, rotation};
use sys::dir::Dir;

use super::signals::Signals;
use super::trouble::{Trouble, insist};

mod care;
mod intents;
mod processing;
mod shut;
mod steps;

use care::Care;
pub(super) use intents::Block;
use intents::Intents;
use processing::Processing;
use shut::{enter, may_begin_without};

/// A log directory that is locked and ready to be written.
#[derive(Debug)]
pub(super) struct Log<'a> {
    spec: LogSpec,
    /// The directory's name in messages.
    name: String,
    dir: Dir,
    /// Held as long as the log; `None` while the directory cannot be opened.
    lock: Option<File>,
    /// `None` before the first [`Step::Begin`].
    current: Option<File>,
    current_ino: u64,
    fill: Fill,
    /// `current` is full, and ends once its last lines are taken from the pipe.
    full: bool,
    intents: Intents,
    care: Care,
    processing: Processing,
    /// The label that was given last.
    labelled: Option<String>,
    /// How old `current` was when we found it.
    begun_before: Duration,
    /// The length of `current` before what is being written.
    start: u64,
    /// The step of a rotation that is to be done next, where one has failed.
    rotation_at: usize,
    /// For lines of our own.
    stamps: Stamps,
    labels: Labels,
    signals: &'a Signals,
    /// What old files could not be pruned for, where it has been said.
    prune_trouble: Option<String>,
    given_up: Option<Trouble>,
    /// Bytes that were to be written and were not.
    lost: usize,
    /// They are still in the pipe.
    stays: bool,
}

impl<'a> Log<'a> {
    /// Opens the directory, makes it where it is missing, and locks it.
    pub(super) fn open(
        spec: &LogSpec,
        stamps: Stamps,
        signals: &'a Signals,
    ) -> anyhow::Result<Self> {
        let (dir, lock, trouble) = match enter(spec) {
            Ok((dir, lock)) => (dir, Some(lock), None),
            Err(trouble) if may_begin_without(spec, &trouble) => {
                let here = Dir::open(".".as_ref()).unable("open the current directory")?;
                (here, None, Some(trouble))
            }
            Err(trouble) => return Err(trouble.into()),
        };
        let mut log = Self {
            spec: spec.clone(),
            dir,
            lock,
            name: Path::new(OsStr::from_bytes(&spec.dir)).display().to_string(),
            current: None,
            current_ino: 0,
            fill: Fill::new(0, spec.size),
            full: false,
            intents: Intents::default(),
            care: Care::default(),
            processing: Processing::default(),
            labelled: None,
            begun_before: Duration::ZERO,
            start: 0,
            rotation_at: 0,
            stamps,
            labels: Labels::default(),
            signals,
            prune_trouble: None,
            given_up: None,
            lost: 0,
            stays: false,
        };
        match trouble {
            Some(trouble) => log.shut(&trouble),
            None => log.find_intent(),
        }
        Ok(log)
    }

    /// What `current` has room for.
    pub(super) fn room(&self) -> Room {
        self.fill.room()
    }

    /// Writes `lines`; returns when it is done, or given up after SIGTERM.
    pub(super) fn write(&mut self, lines: &[u8]) {
        let skip = self.skip(lines.len());
        let mut rest = lines.get(skip..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        self.care.dirty = true;
        if self.spec.settings.full != Full::Block {
            self.write_or_drop(rest);
            return;
        }
        if self.given_up.is_none() {
            self.given_up = self.write_all(&mut rest).err();
        }
        self.lost += rest.len();
    }

    /// Does what was left until the lines were taken: ends a file that is full.
    pub(super) fn settle(&mut self) {
        if self.full && self.given_up.is_none() {
            self.try_rotate();
        }
    }

    /// What was not written is not lost: it stays in the pipe.
    pub(super) fn keep_in_pipe(&mut self) {
        self.take_back();
        self.stays = true;
    }

    /// Ends the current file now, unless it is empty.
    pub(super) fn end_file(&mut self) {
        if self.given_up.is_none() && !self.fill.is_empty() && !self.is_shut() {
            self.try_rotate();
        }
    }

    /// Whether SIGTERM came while something did not work.
    pub(super) fn has_given_up(&self) -> bool {
        self.given_up.is_some()
    }

    /// Ends the log cleanly, or says as a sentence why not. `current` is then left as an outage
    /// would leave it, and the next run keeps it as an unfinished file.
    pub(super) fn end(mut self) -> Option<String> {
        let trouble = match self.given_up.take() {
            Some(trouble) => trouble,
            None => match (self.still_dropping(), self.close()) {
                (Some(sentence), _) => return Some(sentence),
                (None, closed) => closed.err()?,
            },
        };
        Some(match self.lost {
            _ if self.stays => format!("{trouble}; its lines stay in the pipe"),
            0 => trouble.to_string(),
            1 => format!("{trouble}; 1 byte for it is lost"),
            lost => format!("{trouble}; {lost} bytes for it are lost"),
        })
    }

    fn close(&mut self) -> Result<(), Trouble> {
        insist(self.signals, &self.name, || self.sync_current())?;
        insist(self.signals, &self.name, || self.end_current())?;
        self.end_processing();
        self.forget_intent();
        Ok(())
    }

    /// Recovers what an outage has left.
    pub(super) fn recover(&mut self, repair: &Repair) -> anyhow::Result<()> {
        if self.is_shut() {
            return Ok(());
        }
        match self.recover_here(repair) {
            Err(trouble) if self.spec.settings.full != Full::Block => self.shut(&trouble),
            recovered => recovered?,
        }
        Ok(())
    }

    fn recover_here(&mut self, repair: &Repair) -> Result<(), Trouble> {
        self.repair(repair)?;
        let Self { dir, labels, name, .. } = &mut *self;
        let shown = dir.each_name(|name| labels.note(name));
        shown.map_err(|error| Trouble::unable(format_args!("read {name}"), error))?;
        let progress = Progress {
            current_whole: self.is_whole(CURRENT)?,
            processed_whole: self.is_whole(PROCESSED)?,
        };
        for step in recovery(progress) {
            // What lies there already must not be lost for a disk that is full just now; all else
            // that fails is a directory that cannot be a log.
            if matches!(step, Step::Label(..)) && self.spec.settings.full == Full::Block {
                self.insist_on(*step)?;
            } else {
                self.perform(*step)?;
            }
        }
        // The settings may have shrunk.
        self.prune();
        self.find_unprocessed();
        Ok(())
    }

    fn is_whole(&self, name: &'static str) -> Result<bool, Trouble> {
        let found = self.dir.find(name.as_ref()).map_err(self.unable("stat", name))?;
        Ok(found.is_some_and(|found| found.mode & WHOLE != 0))
    }

    /// Writes from the start of `rest` and takes away what is written.
    fn write_all(&mut self, rest: &mut &[u8]) -> Result<(), Trouble> {
        let all = rest.len();
        if self.rotation_at > 0 {
            self.rotate()?;
            self.start = self.fill.bytes();
        }
        while !rest.is_empty() {
            match self.fill.next(rest) {
                Piece::Rotate => self.rotate_within(all - rest.len())?,
                Piece::Write { len, last } => {
                    let (piece, after) = rest.split_at(len);
                    let written = if self.spec.settings.full == Full::Block {
                        insist(self.signals, &self.name, || self.write_once(piece))?
                    } else {
                        self.write_once(piece)?
                    };
                    self.fill.add(written);
                    *rest = rest.get(written..).unwrap_or(after);
                    if last && written == len {
                        self.full = true;
                        if !rest.is_empty() {
                            self.rotate_within(all - rest.len())?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn write_once(&self, piece: &[u8]) -> Result<usize, Trouble> {
        loop {
            let written = match self.current.as_ref() {
                Some(mut current) => current.write(piece),
                None => Err(ErrorKind::NotFound.into()),
            };
            match written {
                Ok(0) => return Err(self.unable("write to", CURRENT)(ErrorKind::WriteZero.into())),
                Ok(written) => return Ok(written),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.unable("write to", CURRENT)(error)),
            }
        }
    }

    /// Ends the file within a block, of which so much is written.
    fn rotate_within(&mut self, written: usize) -> Result<(), Trouble> {
        let written = u64::try_from(written).unwrap_or(u64::MAX);
        self.arm_again(written);
        self.rotate()?;
        self.arm_again(written);
        Ok(())
    }

    /// Where the policy is not to wait, what fails is done before the next lines.
    fn try_rotate(&mut self) {
        if let Err(trouble) = self.rotate() {
            if self.spec.settings.full == Full::Block {
                self.given_up = Some(trouble);
            } else {
                self.full = true;
            }
        }
    }

    fn rotate(&mut self) -> Result<(), Trouble> {
        if self.rotation_at == 0 {
            self.labelled = None;
            self.spare_waiting();
        }
        let steps = rotation(self.spec.processor.is_some());
        for (index, step) in steps.iter().enumerate().skip(self.rotation_at) {
            self.rotation_at = index;
            if self.spec.settings.full == Full::Block {
                self.insist_on(*step)?;
            } else {
                self.perform(*step)?;
            }
        }
        self.rotation_at = 0;
        self.full = false;
        if let Some(label) = self.labelled.take() {
            self.wait_for_processor(label);
        }
        Ok(())
    }

    fn insist_on(&mut self, step: Step) -> Result<(), Trouble> {
        let (signals, name) = (self.signals, self.name.clone());
        insist(signals, &name, || self.perform(step))
    }

    /// Where somebody has removed the directory, it is made again.
    fn open_directory_again(&mut self) -> Result<(), Trouble> {
        if self.dir.is_there().map_err(self.unable("stat", "."))? {
            return Ok(());
        }
        let (dir, lock) = enter(&self.spec)?;
        (self.dir, self.lock) = (dir, Some(lock));
        self.intents = Intents::default();
        Ok(())
    }

    /// `unable to VERB DIR/FILE`, for what the kernel says.
    fn unable(&self, verb: &str, file: &str) -> impl Fn(io::Error) -> Trouble + use<> {
        let what = format!("{verb} {}/{file}", self.name);
        move |error| Trouble::unable(&what, error)
    }
}
