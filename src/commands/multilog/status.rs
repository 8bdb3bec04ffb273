//! Status files: `=FILE` holds the last selected line, padded to a fixed length.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;

use cli::{Unable, UnableExt as _};
use sys::dir::Dir;

use super::signals::Signals;
use super::trouble::{Trouble, insist};

/// A status file, open for writing.
#[derive(Debug)]
pub(super) struct StatusFile {
    name: String,
    file: File,
    given_up: Option<Trouble>,
}

impl StatusFile {
    /// Opens the file, making it where it is missing.
    pub(super) fn open(here: &Dir, name: &[u8]) -> Result<Self, Unable> {
        let path = OsStr::from_bytes(name);
        let name = path.display().to_string();
        here.append(path).unable(format_args!("create {name}"))?;
        let file = here.write(path).unable(format_args!("write {name}"))?;
        Ok(Self { name, file, given_up: None })
    }

    /// Replaces the content, unless there is nothing new; returns when it is done, or given up
    /// after SIGTERM.
    pub(super) fn write(&mut self, text: &[u8], signals: &Signals) {
        if text.is_empty() {
            return;
        }
        let done = insist(signals, &self.name, || {
            let written = self.file.write_all_at(text, 0);
            written.map_err(|error| Trouble::unable(format_args!("write {}", self.name), error))
        });
        self.given_up = done.err();
    }

    /// What was given up, as a sentence.
    pub(super) fn end(self) -> Option<String> {
        self.given_up.map(|trouble| trouble.to_string())
    }
}
