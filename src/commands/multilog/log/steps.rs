//! The steps of a rotation and of a recovery, done in a real directory.

use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use logger::{CURRENT, Code, Fill, Oldest, Step, WHOLE};
use sys::dir::Found;

use super::super::now;
use super::super::trouble::{Trouble, warn};
use super::Log;

/// The mode of `current` while it is written, and of a file that is whole.
const MODE_OPEN: u32 = 0o644;
pub(super) const MODE_WHOLE: u32 = MODE_OPEN | WHOLE;

/// How many labels are tried at once for a file: each one tried is later than the one before, so
/// that more are taken means that somebody makes them.
const LABEL_TRIES: usize = 100;

impl Log<'_> {
    /// Does one step. It can be done again where it has failed.
    pub(super) fn perform(&mut self, step: Step) -> Result<(), Trouble> {
        match step {
            Step::Sync => self.sync_current(),
            Step::Rename(from, to) => self.rename(from, to),
            Step::Begin => self.begin(),
            Step::Whole(name) => {
                let done = unless_missing(self.dir.set_mode(name.as_ref(), MODE_WHOLE));
                done.map_err(self.unable("set mode of", name))
            }
            Step::Flush(name) => {
                let file = self.dir.append(name.as_ref()).map_err(self.unable("create", name))?;
                file.sync_all().map_err(self.unable_to_sync(name))
            }
            Step::Made => self.mark_processed(),
            Step::Empty(name) => {
                let made = self.dir.truncate(name.as_ref());
                made.map(drop).map_err(self.unable("write to", name))
            }
            Step::Label(name, code) => self.label(name, code),
            Step::Replace => self.replace_processed(),
            Step::Safe => self.name_processed(),
            Step::SyncNames => {
                let what = format!("write the names in {} to disk", self.name);
                self.dir.sync().map_err(|error| Trouble::unable(what, error))
            }
            Step::Remove(name) => {
                let done = unless_missing(self.dir.remove(name.as_ref()));
                done.map_err(self.unable("remove", name))
            }
        }
    }

    pub(super) fn sync_current(&self) -> Result<(), Trouble> {
        match &self.current {
            Some(current) => current.sync_all().map_err(self.unable_to_sync(CURRENT)),
            None => Ok(()),
        }
    }

    /// Marks `current` as whole, by its descriptor: it may have no name any more.
    pub(super) fn end_current(&self) -> Result<(), Trouble> {
        match &self.current {
            Some(current) => {
                let mode = current.set_permissions(Permissions::from_mode(MODE_WHOLE));
                mode.map_err(self.unable("set mode of", CURRENT))
            }
            None => Ok(()),
        }
    }

    fn rename(&self, from: &'static str, to: &'static str) -> Result<(), Trouble> {
        self.replace_missing(from)?;
        let what = format!("rename {from} to {to} in directory {}", self.name);
        let done = self.dir.rename(from.as_ref(), to.as_ref());
        done.map_err(|error| Trouble::unable(what, error))
    }

    /// Where somebody has removed a file meanwhile, an empty one takes its place: what is gone is
    /// gone, and the log goes on. The original waits for it for ever.
    pub(super) fn replace_missing(&self, name: &'static str) -> Result<(), Trouble> {
        if self.dir.find(name.as_ref()).map_err(self.unable("stat", name))?.is_none() {
            warn(format_args!("{}/{name} was removed by somebody", self.name));
            self.dir.truncate(name.as_ref()).map_err(self.unable("create", name))?;
        }
        Ok(())
    }

    pub(super) fn begin(&mut self) -> Result<(), Trouble> {
        let current = self.dir.append(CURRENT.as_ref()).map_err(self.unable("create", CURRENT))?;
        let mode = current.set_permissions(Permissions::from_mode(MODE_OPEN));
        mode.map_err(self.unable("set mode of", CURRENT))?;
        let size = self.note_current(&current).map_err(self.unable("stat", CURRENT))?;
        self.fill = Fill::new(size, self.spec.size);
        self.start = size;
        if size > 0 && self.spec.settings.age.is_some() {
            self.begun_before = age(&current).unwrap_or_default();
        }
        self.current = Some(current);
        Ok(())
    }

    /// A second name that is a label shows that an outage came between the link and the removal.
    fn label(&mut self, name: &'static str, code: Code) -> Result<(), Trouble> {
        let found = self.dir.find(name.as_ref()).map_err(self.unable("stat", name))?;
        let Some(found) = found else { return Ok(()) };
        if !(found.linked && self.has_label(found)?) {
            self.link(name, code).map_err(self.unable("give a label to", name))?;
        }
        self.dir.remove(name.as_ref()).map_err(self.unable("remove", name))?;
        self.prune();
        Ok(())
    }

    fn has_label(&self, file: Found) -> Result<bool, Trouble> {
        let mut has = false;
        let shown = self.dir.each_name(|name| {
            let same =
                |name| self.dir.find(name).is_ok_and(|is| is.is_some_and(|f| f.ino == file.ino));
            has |= name.starts_with(b"@") && same(OsStr::from_bytes(name));
        });
        shown.map_err(|error| Trouble::unable(format_args!("read {}", self.name), error))?;
        Ok(has)
    }

    fn link(&mut self, name: &'static str, code: Code) -> io::Result<()> {
        let mut linked = Ok(());
        for _ in 0..LABEL_TRIES {
            let label = self.labels.next(now()).to_string();
            linked = self.dir.link(name.as_ref(), format!("{label}.{}", code.letter()).as_ref());
            self.labelled = Some(label);
            if !linked.as_ref().is_err_and(|error| error.kind() == ErrorKind::AlreadyExists) {
                break;
            }
        }
        linked
    }

    /// Removes the old files that are too many. One that cannot be removed is no reason to stop the
    /// log: it is said, and tried again with the next file.
    pub(super) fn prune(&mut self) {
        let trouble = self.try_prune().err().map(|trouble| trouble.to_string());
        if let Some(sentence) = trouble.as_ref().filter(|_| trouble != self.prune_trouble) {
            warn(sentence);
        }
        self.prune_trouble = trouble;
    }

    /// Removes what can be removed, and gives the first trouble.
    fn try_prune(&self) -> Result<(), Trouble> {
        let mut first = Ok(());
        loop {
            let total = self.spec.settings.total;
            let mut oldest = Oldest::new(self.spec.keep, total);
            let size = |name: &[u8]| {
                let found = self.dir.find(OsStr::from_bytes(name)).ok().flatten();
                found.map_or(0, |found| found.size)
            };
            let shown = self.dir.each_name(|name| {
                let counts =
                    total.is_some() && (name == CURRENT.as_bytes() || Oldest::is_old(name));
                oldest.show(name, if counts { size(name) } else { 0 });
            });
            shown.map_err(|error| Trouble::unable(format_args!("read {}", self.name), error))?;
            let mut is_removed = false;
            for name in &oldest.names() {
                let done = self.remove_old(name);
                is_removed |= done.is_ok();
                first = first.and(done);
            }
            if !is_removed {
                return first;
            }
        }
    }

    /// Removes an old file.
    pub(super) fn remove_old(&self, name: &[u8]) -> Result<(), Trouble> {
        let name = OsStr::from_bytes(name);
        unless_missing(self.dir.remove(name)).map_err(|error| {
            Trouble::unable(format_args!("remove {}/{}", self.name, name.display()), error)
        })
    }

    pub(super) fn unable_to_sync(&self, file: &str) -> impl Fn(io::Error) -> Trouble + use<> {
        let what = format!("write {}/{file} to disk", self.name);
        move |error| Trouble::unable(&what, error)
    }
}

/// How old the first line of a file is at least: files tell when they were made, where the file
/// system knows it, and when they were written last.
fn age(file: &File) -> Option<Duration> {
    let found = file.metadata().ok()?;
    let times = [found.created(), found.modified()].into_iter().flatten();
    times.filter_map(|time| time.elapsed().ok()).max()
}

/// That a file is not there is as good as that it has been removed.
pub(super) fn unless_missing(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
