//! Who is tested: daemontools as Debian packages it, or keepup.

use std::path::Path;

/// Where Debian's package puts the programs.
const THEIR_BIN: &str = "/usr/bin";

/// The programs of a suite that tests run.
pub(crate) const PROGRAMS: [&str; 14] = [
    "svscan",
    "supervise",
    "svc",
    "svstat",
    "svok",
    "setuidgid",
    "envuidgid",
    "envdir",
    "softlimit",
    "setlock",
    "fghack",
    "pgrphack",
    "readproctitle",
    "svscanboot",
];

/// What tests run of ours alone.
pub(crate) const OURS_ONLY: [&str; 2] = ["multilog", "svscanctl"];

/// One of the two implementations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suite {
    /// daemontools, from Debian's package.
    Theirs,
    /// keepup, as cargo has just built it.
    Ours,
}

impl Suite {
    /// The directory of its programs, for the sandbox at `root`.
    pub(crate) fn bin(self, root: &Path) -> std::path::PathBuf {
        match self {
            Self::Theirs => THEIR_BIN.into(),
            Self::Ours => root.join(".bin"),
        }
    }
}

/// Whose tools meet whose daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    /// svc, svstat, svok.
    pub(crate) tools: Suite,
    /// supervise, svscan.
    pub(crate) daemon: Suite,
}

impl Pair {
    pub(crate) fn involves(self, suite: Suite) -> bool {
        self.tools == suite || self.daemon == suite
    }

    /// Why this pair cannot be tested here.
    pub(crate) fn missing(self) -> Option<&'static str> {
        if self.involves(Suite::Theirs) && !theirs_is_installed() {
            return Some("daemontools is not installed (apt-get install daemontools)");
        }
        None
    }
}

/// Whether Debian's package is here. With `KEEPUP_REQUIRE_THEIRS=1` it must be.
pub(crate) fn theirs_is_installed() -> bool {
    let installed = PROGRAMS.iter().all(|name| is_theirs(&Path::new(THEIR_BIN).join(name)));
    let required = std::env::var_os("KEEPUP_REQUIRE_THEIRS").is_some_and(|value| value == "1");
    assert!(installed || !required, "daemontools must be installed and is not");
    installed
}

/// A link to keepup by one of these names is not theirs.
fn is_theirs(path: &Path) -> bool {
    path.canonicalize().is_ok_and(|real| real.file_name() == path.file_name())
}
