//! How a server is to be asked: what may be configured, and what is usual.

/// The shortest poll interval that may be configured, as a power of two in seconds (ntpd's).
pub const POLL_MIN: i8 = 3;
/// The longest (ntpd's): a day and a half.
pub const POLL_MAX: i8 = 17;
/// The usual shortest (ntpd's): about a minute.
pub const POLL_USUAL_MIN: i8 = 6;
/// The usual longest (ntpd's): a quarter of an hour.
pub const POLL_USUAL_MAX: i8 = 10;

/// How to ask, as `server` lines say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling {
    /// A few quick requests at first.
    pub iburst: bool,
    /// The shortest interval, as a power of two in seconds.
    pub min: i8,
    /// The longest.
    pub max: i8,
    /// Ask for interleaved answers.
    pub xleave: bool,
}

impl Default for Polling {
    fn default() -> Self {
        Self { iburst: false, min: POLL_USUAL_MIN, max: POLL_USUAL_MAX, xleave: false }
    }
}
