//! A service directory of a sandbox, written and read without the help of any tool.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::sandbox::FORKING;

/// A service directory.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    dir: PathBuf,
    name: String,
}

/// A run script that does nothing for a long time.
pub(crate) const REST: &str = "exec sleep 1000000";

impl Service {
    /// Makes the directory `name` under `root`.
    pub(crate) fn make(root: &Path, name: &str) -> Self {
        let dir = root.join(name);
        fs::create_dir_all(&dir).unwrap();
        Self { dir, name: name.to_owned() }
    }

    /// Its name, as the tools are given it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The path of one of its files.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    /// The service directory of its logger.
    pub(crate) fn log(&self) -> Self {
        Self::make(&self.dir, "log").renamed(&format!("{}/log", self.name))
    }

    fn renamed(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Writes a file.
    pub(crate) fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(file), bytes).unwrap();
    }

    /// Writes the shell script `./run`, which takes its name when it is whole.
    pub(crate) fn script(&self, text: &str) {
        self.executable("run", &format!("#!/bin/sh\n{text}\n"));
    }

    /// Writes an executable file.
    pub(crate) fn executable(&self, file: &str, text: &str) {
        // A child forked while it is open for writing would make its execution fail: ETXTBSY.
        let _forking = FORKING.lock();
        let new = self.path(&format!("{file}.new"));
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, Permissions::from_mode(0o755)).unwrap();
        fs::rename(new, self.path(file)).unwrap();
    }

    /// The text of a file; empty where there is none yet.
    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_default()
    }

    /// The lines of a file.
    pub(crate) fn lines(&self, file: &str) -> Vec<String> {
        self.read(file).lines().map(str::to_owned).collect()
    }

    pub(crate) fn has(&self, file: &str) -> bool {
        self.path(file).symlink_metadata().is_ok()
    }

    /// The permission bits of a file.
    pub(crate) fn mode(&self, file: &str) -> u32 {
        self.path(file).symlink_metadata().unwrap().permissions().mode() & 0o7777
    }

    /// The bytes of `supervise/status`; empty where there are none yet.
    pub(crate) fn status(&self) -> Vec<u8> {
        fs::read(self.path("supervise/status")).unwrap_or_default()
    }

    /// The pid in the status; 0 = down.
    pub(crate) fn pid(&self) -> u32 {
        let status = self.status();
        status.get(12..16).map_or(0, |pid| u32::from_le_bytes(pid.try_into().unwrap()))
    }

    /// The letter of the operator's wish in the status.
    pub(crate) fn want(&self) -> Option<u8> {
        self.status().get(17).copied()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.status().get(16) == Some(&1)
    }

    /// Whether a supervise runs in it, as svok finds out.
    pub(crate) fn is_supervised(&self) -> bool {
        open_writer(&self.path("supervise/ok")).is_ok()
    }

    /// Writes bytes to the control FIFO, as no svc would.
    pub(crate) fn control(&self, bytes: &[u8]) {
        let mut control = open_writer(&self.path("supervise/control")).unwrap();
        control.write_all(bytes).unwrap();
    }
}

fn open_writer(path: &Path) -> std::io::Result<fs::File> {
    OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// The twelve bytes of a status that say since when.
pub(crate) fn stamp(status: &[u8]) -> &[u8] {
    &status[..12]
}

/// The TAI64 seconds of a status.
pub(crate) fn seconds(status: &[u8]) -> u64 {
    u64::from_be_bytes(status[..8].try_into().unwrap())
}
