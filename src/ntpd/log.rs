//! Lines: `ntpd: LEVEL: SENTENCE`, to stderr or to a file.

use std::fs::{File, OpenOptions};
use std::io;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use cli::{Unable, UnableExt as _};
use ntp::client::Level;
use sys::way::{self, Way};

use super::held::not_roots_alone;
use crate::ending::plain;

/// So many lines wait for the log to be opened; there are fewer before that.
const EARLY_MAX: usize = 64;

/// Where lines go.
#[derive(Debug)]
pub(crate) struct Log {
    path: Option<PathBuf>,
    file: Option<File>,
    debug: bool,
    /// What was said before the log could be opened.
    early: Option<Vec<String>>,
}

impl Log {
    /// Lines go to `path` (`-l`), or to stderr. As root, where somebody else may lead that path
    /// elsewhere, they wait until [`Log::settle`].
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn open(path: Option<PathBuf>, debug: bool) -> Result<Self, Unable> {
        let mut log = Self { path, file: None, debug, early: None };
        let way = log.path.as_deref().filter(|_| sys::place::own_uid() == 0).map(way::of);
        if let Some(Ok(Way::Exposed(_))) = way {
            log.early = Some(Vec::new());
        } else {
            log.reopen()?;
        }
        Ok(log)
    }

    /// Root's power was given up, where there was somebody to give it up for.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn settle(&mut self) -> Result<(), Unable> {
        if self.early.is_some() {
            self.reopen()?;
            self.write_early();
        }
        Ok(())
    }

    /// Opens the file again: somebody may have moved it away.
    ///
    /// # Errors
    /// The file cannot be opened; the old one stays.
    pub(crate) fn reopen(&mut self) -> Result<(), Unable> {
        if let Some(path) = &self.path {
            self.file = Some(open(path).unable(format_args!("open {}", path.display()))?);
        }
        Ok(())
    }

    fn write_early(&mut self) {
        for line in self.early.take().into_iter().flatten() {
            self.write_line(&line);
        }
    }

    /// Writes a line of the client's.
    pub(crate) fn say(&mut self, level: Level, text: &str) {
        match level {
            Level::Debug if !self.debug => {}
            Level::Debug => self.write("debug", text),
            Level::Info => self.info(text),
            Level::Warning => self.warning(text),
        }
    }

    /// Good to know.
    pub(crate) fn info(&mut self, text: &str) {
        self.write("info", text);
    }

    /// Not as it should be.
    pub(crate) fn warning(&mut self, text: &str) {
        self.write("warning", text);
    }

    /// The end.
    pub(crate) fn fatal(&mut self, text: &str) {
        self.write("fatal", text);
    }

    fn write(&mut self, level: &str, text: &str) {
        let line = format!("ntpd: {level}: {}\n", plain(text));
        match &mut self.early {
            Some(early) if early.len() < EARLY_MAX => early.push(line),
            Some(_) => {}
            None => self.write_line(&line),
        }
    }

    fn write_line(&mut self, line: &str) {
        // A log that cannot be written is no reason to stop keeping time.
        let _ = match &mut self.file {
            Some(file) => file.write_all(line.as_bytes()),
            None => std::io::stderr().write_all(line.as_bytes()),
        };
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // A start that has failed before the log was opened.
        self.write_early();
    }
}

/// A FIFO that nobody reads, or that is full, must not keep us from the time.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    if sys::place::own_uid() != 0 {
        return options.custom_flags(sys::fifo::O_NONBLOCK).open(path);
    }
    let way = way::of(path)?;
    way.open(&options)?.ok_or_else(|| {
        let why = not_roots_alone(&way);
        io::Error::other(format!("{why}; -u names a user to open it"))
    })
}
