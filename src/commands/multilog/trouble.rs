//! What multilog does when something fails after it has begun: it says so once, waits and tries
//! again, for ever. Its writer waits with it, and no line is lost. SIGTERM ends the wait.
//!
//! daemontools says it anew every five seconds and does not hear SIGTERM meanwhile.

use std::fmt;
use std::io::{self, Write as _};
use std::time::Duration;

use super::signals::Signals;

/// The first wait: most trouble is over soon (a disk that is just being cleaned).
pub(super) const PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest: daemontools' pause.
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Something that did not work.
#[derive(Debug)]
pub(super) struct Trouble {
    what: String,
    reason: Option<io::Error>,
}

impl Trouble {
    /// `unable to WHAT: REASON`.
    pub(super) fn unable(what: impl fmt::Display, reason: io::Error) -> Self {
        Self { what: format!("unable to {what}"), reason: Some(reason) }
    }

    /// Whether there is no room for more.
    pub(super) fn is_full(&self) -> bool {
        self.reason.as_ref().is_some_and(|reason| {
            matches!(
                reason.kind(),
                io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::FileTooLarge
            )
        })
    }

    /// Whether this is why.
    pub(super) fn is(&self, kind: io::ErrorKind) -> bool {
        self.reason.as_ref().is_some_and(|reason| reason.kind() == kind)
    }

    /// A sentence of its own.
    pub(super) fn because(what: impl Into<String>) -> Self {
        Self { what: what.into(), reason: None }
    }

    /// The sentence where multilog pauses for it, as daemontools has it.
    pub(super) fn pausing(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{}, pausing: {}", self.what, cli::reason(reason)),
            None => format!("{}, pausing", self.what),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.reason {
            Some(reason) => write!(f, ": {}", cli::reason(reason)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Trouble {}

/// Tries until it works. What is wrong is said once for each kind of trouble, and that it works
/// again is said too; `whose` is the directory or file concerned.
///
/// # Errors
/// The last trouble, after SIGTERM; or that there can be no wait.
pub(super) fn insist<T>(
    signals: &Signals,
    whose: &str,
    mut attempt: impl FnMut() -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let began = sys::clock::monotonic();
    let mut said = None;
    let mut pause = PAUSE_MIN;
    loop {
        let trouble = match attempt() {
            Ok(value) => {
                if said.is_some() {
                    let waited = sys::clock::monotonic().saturating_sub(began).as_secs();
                    let seconds = if waited == 1 { "second" } else { "seconds" };
                    warn(format_args!("going on with {whose} after {waited} {seconds}"));
                }
                return Ok(value);
            }
            Err(trouble) => trouble,
        };
        if signals.term() {
            return Err(trouble);
        }
        let sentence = trouble.pausing();
        if said.as_ref() != Some(&sentence) {
            warn(&sentence);
            said = Some(sentence);
        }
        signals.pause(pause).map_err(|error| Trouble::unable("wait", error))?;
        pause = PAUSE_MAX.min(pause * 2);
    }
}

/// Says it on standard error. Where that is broken, nobody can be told.
pub(super) fn warn(what: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "multilog: warning: {what}");
}
