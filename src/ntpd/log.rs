//! Lines: `ntpd: LEVEL: SENTENCE`, to stderr or to a file.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use cli::{Unable, UnableExt as _};
use ntp::client::Level;

/// Where lines go.
#[derive(Debug)]
pub(crate) struct Log {
    path: Option<PathBuf>,
    file: Option<File>,
    debug: bool,
}

impl Log {
    /// Lines go to `path` (`-l`), or to stderr.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn open(path: Option<PathBuf>, debug: bool) -> Result<Self, Unable> {
        let mut log = Self { path, file: None, debug };
        log.reopen()?;
        Ok(log)
    }

    /// Opens the file again: somebody may have moved it away.
    ///
    /// # Errors
    /// The file cannot be opened; the old one stays.
    pub(crate) fn reopen(&mut self) -> Result<(), Unable> {
        if let Some(path) = &self.path {
            // A FIFO that nobody reads, or that is full, must not keep us from the time.
            let flags = sys::fifo::O_NONBLOCK;
            let opened =
                OpenOptions::new().append(true).create(true).custom_flags(flags).open(path);
            self.file = Some(opened.unable(format_args!("open {}", path.display()))?);
        }
        Ok(())
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
        let line = format!("ntpd: {level}: {text}\n");
        // A log that cannot be written is no reason to stop keeping time.
        let _ = match &mut self.file {
            Some(file) => file.write_all(line.as_bytes()),
            None => std::io::stderr().write_all(line.as_bytes()),
        };
    }
}
