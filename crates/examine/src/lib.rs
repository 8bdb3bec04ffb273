//! Looks at service directories, before or after the fact, and has the doctor judge what it saw.
//!
//! svcheck calls [`Examiner`]; the supervisor asks [`program::refused`] why the kernel would not
//! execute a `run`. A service directory may be anybody's: nothing in it is waited for, and no more
//! of a file is read than is needed.

mod file;
mod log;
mod named;
pub mod program;
mod run;
mod running;
mod scan;
mod service;
mod syntax;
mod trust;

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use cli::Unable;
use doctor::{Finding, people};

pub use scan::is_scan_directory;

/// So much of `/etc/passwd` and of `/proc/locks` is read: a hundred thousand lines.
const TABLE_MAX: u64 = 8 << 20;

/// Where svscan looks for programs when nobody has told it: daemontools' svscanboot.
const USUAL_PATH: &str = "/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin";

/// What was found in a file or directory.
#[derive(Debug)]
pub struct Found {
    /// Its path, as the operator would write it.
    pub place: String,
    /// What is wrong with it.
    pub finding: Finding,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.finding)
    }
}

/// What a multilog is told, for who knows its language.
#[derive(Debug)]
pub struct Told {
    /// The path of the script.
    pub place: String,
    /// Where in it, counted from 1.
    pub line: u32,
    /// The words; `None` stands for some that are known only when the script runs.
    pub words: Vec<Option<String>>,
}

/// All that was found, and what could not be looked at.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order it was found.
    pub found: Vec<Found>,
    /// Sentences: `unable to VERB OBJECT: REASON`.
    pub unable: Vec<Unable>,
    /// The multilogs that scripts become.
    pub multilogs: Vec<Told>,
}

impl Report {
    fn say(&mut self, place: impl Into<String>, finding: Finding) {
        self.found.push(Found { place: place.into(), finding });
    }
}

/// What is looked up again and again: accounts, programs, locks.
#[derive(Debug)]
pub struct Examiner {
    passwd: String,
    passwd_is_all: bool,
    path: OsString,
    locks: String,
    uid: u32,
    ntpd: Option<Judge>,
}

/// What is wrong with the text of an ntp.conf: the number of a line, and a sentence on it.
pub type Judge = fn(&str) -> Option<(u32, String)>;

impl Examiner {
    /// Reads the tables of this machine; one that cannot be read is an empty one.
    #[must_use]
    pub fn new() -> Self {
        let text = |path: &str| file::text(Path::new(path), TABLE_MAX).unwrap_or_default();
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        path.push(":");
        path.push(USUAL_PATH);
        Self {
            passwd: text("/etc/passwd"),
            passwd_is_all: people::passwd_is_all(&text("/etc/nsswitch.conf")),
            path,
            locks: text("/proc/locks"),
            uid: sys::place::own_uid(),
            ntpd: None,
        }
    }

    /// With `judge` for the configuration of the ntpd that lies beside this program.
    #[must_use]
    pub fn with_ntpd(self, judge: Judge) -> Self {
        Self { ntpd: Some(judge), ..self }
    }

    /// What messages call the account with this number.
    fn account_name(&self, uid: u32) -> String {
        let name = people::name_of(&self.passwd, uid);
        name.map_or_else(|| format!("user {uid}"), str::to_owned)
    }
}

impl Default for Examiner {
    fn default() -> Self {
        Self::new()
    }
}

/// `name/file`, as messages call it.
fn joined(name: &str, file: &str) -> String {
    format!("{}/{file}", name.trim_end_matches('/'))
}
