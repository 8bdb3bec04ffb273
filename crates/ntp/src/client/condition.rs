//! The state of affairs in one sentence. Every way of doing nothing has its own.

use std::fmt::Write as _;

use crate::bank::Frequency;
use crate::discipline;
use crate::time::Span;

use super::{Authority, Level};

/// A frequency known worse than this is not worth saying, as a ratio.
const FREQUENCY_SD_SAID: f64 = 1e-6;

/// Lengths of time, in nanoseconds and in seconds.
const NANOS: i64 = 1_000_000_000;
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// How things stand.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// It is too early to tell.
    Starting,
    /// Nobody is of use.
    Lost(Loss),
    /// Servers answer, but no more than half of them agree.
    Split { answering: usize, agreeing: usize },
    /// The offset may be noise as yet.
    Uncertain,
    /// The offset is beyond the limit.
    Refusing { offset: Span, of: String },
    /// The offset is to be stepped away as soon as others are ready for it.
    Preparing { offset: Span, of: String },
    /// The offset is large and may not be stepped.
    CatchingUp { offset: Span, of: String },
    /// All is well.
    Synchronised(Synchronised),
    /// The time is known, and the clock is not ours to set: it is as it is.
    Observed(Synchronised),
}

/// What to say of a good time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Synchronised {
    pub(super) to: String,
    pub(super) offset: Span,
    pub(super) sd: f64,
    pub(super) delay: f64,
    pub(super) jitter: f64,
    pub(super) frequency: Frequency,
}

/// Why nobody is of use.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Loss {
    /// No name has an address.
    NoAddress(String),
    /// Nothing can be sent.
    NoRoute(String),
    /// Nothing comes back; perhaps the network says why.
    NoAnswer(Option<String>),
    /// What comes back is of no use.
    NoUse(String),
    /// All have asked us to stay away.
    Unwelcome,
}

/// A condition without its figures: what must change for a line to be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Starting,
    NoAddress,
    NoRoute,
    NoAnswer,
    NoUse,
    Unwelcome,
    Split,
    Uncertain,
    Refusing,
    Preparing,
    CatchingUp,
    Synchronised,
    /// Off, and left so.
    Wrong,
}

impl Condition {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Starting => Kind::Starting,
            Self::Lost(Loss::NoAddress(_)) => Kind::NoAddress,
            Self::Lost(Loss::NoRoute(_)) => Kind::NoRoute,
            Self::Lost(Loss::NoAnswer(_)) => Kind::NoAnswer,
            Self::Lost(Loss::NoUse(_)) => Kind::NoUse,
            Self::Lost(Loss::Unwelcome) => Kind::Unwelcome,
            Self::Split { .. } => Kind::Split,
            Self::Uncertain => Kind::Uncertain,
            Self::Refusing { .. } => Kind::Refusing,
            Self::Preparing { .. } => Kind::Preparing,
            Self::CatchingUp { .. } => Kind::CatchingUp,
            Self::Observed(good) if good.is_far() => Kind::Wrong,
            Self::Synchronised(_) | Self::Observed(_) => Kind::Synchronised,
        }
    }

    /// Whether something goes on being tried until it is better.
    pub(super) fn is_tried_again(&self) -> bool {
        self.is_loss() && *self != Self::Lost(Loss::Unwelcome)
    }

    pub(super) fn is_loss(&self) -> bool {
        matches!(self, Self::Lost(_))
    }

    /// How things stand, in a sentence, and how grave that is. `permit` is the command that would
    /// allow a refused offset, `limit` the size beyond which it is refused.
    pub(super) fn sentence(
        &self,
        authority: Authority,
        permit: &str,
        limit: f64,
    ) -> (Level, String) {
        match self {
            Self::Starting => (Level::Debug, "nothing is certain yet".to_owned()),
            Self::Lost(loss) => (Level::Warning, loss.sentence()),
            Self::Split { answering, agreeing } => (
                Level::Warning,
                format!(
                    "no majority: {answering} servers answer and at most {agreeing} of them agree; \
                     the clock is left alone until more than half do"
                ),
            ),
            Self::Uncertain => {
                (Level::Info, "the offset is not certain enough yet to set the clock".to_owned())
            }
            Self::Refusing { offset, of } => (
                Level::Warning,
                format!(
                    "the clock is {} {of}: more than {limit} s is not set without being told to; \
                     to allow it once: {permit}",
                    behind(*offset)
                ),
            ),
            Self::Preparing { offset, of } => (
                Level::Info,
                format!(
                    "the clock is {} {of} and is stepped when the program before a step has ended",
                    behind(*offset)
                ),
            ),
            Self::CatchingUp { offset, of } => (
                Level::Info,
                format!(
                    "the clock is {} {of} and is slewed only (-x): that takes about {}",
                    behind(*offset),
                    about(offset.abs().seconds() / (discipline::SLEW_MAX / 4.0))
                ),
            ),
            Self::Observed(good) if good.is_far() => (Level::Warning, good.wrong(authority)),
            Self::Synchronised(good) | Self::Observed(good) => {
                (Level::Info, good.sentence(authority))
            }
        }
    }
}

impl Synchronised {
    fn sentence(&self, authority: Authority) -> String {
        let mut text = format!("synchronised to {}", self.figures());
        text.push_str(match authority {
            Authority::Steer => "",
            Authority::Observe => "; observing only, the clock is left alone (--observe)",
            Authority::Powerless => "; observing only",
        });
        text
    }

    /// Whether a clock that is ours would be stepped.
    fn is_far(&self) -> bool {
        self.offset.abs().seconds() > discipline::STEP_THRESHOLD
    }

    fn wrong(&self, authority: Authority) -> String {
        let off = off_by(self.offset);
        let why = match authority {
            Authority::Steer | Authority::Observe => "ntpd only observes (--observe)",
            Authority::Powerless => "ntpd may not",
        };
        let from = self.figures();
        format!(
            "the machine's clock is {off}, and nothing sets it: {why}; the time comes from {from}"
        )
    }

    fn figures(&self) -> String {
        let Self { to, offset, sd, delay, jitter, frequency } = self;
        let mut text = format!(
            "{to}: offset {:+.6} s +- {sd:.6} s, delay {delay:.6} s, jitter {jitter:.6} s",
            offset.seconds()
        );
        if frequency.sd < FREQUENCY_SD_SAID {
            let _ = write!(text, ", frequency {:+.3} ppm", frequency.ratio * 1e6);
        }
        text
    }
}

/// What a clock that lacks `offset` is, in words: `2 h 3 min slow`.
#[must_use]
pub fn off_by(offset: Span) -> String {
    let side = if offset < Span::ZERO { "fast" } else { "slow" };
    let length = offset.abs();
    let seconds = rounded(length.nanos(), NANOS);
    if seconds >= DAY {
        let hours = rounded(seconds, HOUR);
        format!("{} d {} h {side}", hours / 24, hours % 24)
    } else if seconds >= HOUR {
        let minutes = rounded(seconds, MINUTE);
        format!("{} h {} min {side}", minutes / 60, minutes % 60)
    } else if seconds >= MINUTE {
        format!("{} min {} s {side}", seconds / MINUTE, seconds % MINUTE)
    } else if length.nanos() >= NANOS {
        format!("{:.3} s {side}", length.seconds())
    } else if length.nanos() >= NANOS / 1000 {
        format!("{:.3} ms {side}", length.seconds() * 1e3)
    } else {
        format!("{:.3} us {side}", length.seconds() * 1e6)
    }
}

/// So many times `unit`, to the nearest.
fn rounded(size: i64, unit: i64) -> i64 {
    size / unit + i64::from(size % unit >= unit / 2)
}

impl Loss {
    fn sentence(&self) -> String {
        match self {
            Self::NoAddress(why) => format!("no server has an address: {why}"),
            Self::NoRoute(why) => format!("no server can be asked: {why}"),
            Self::NoAnswer(None) => "no server answers".to_owned(),
            Self::NoAnswer(Some(why)) => format!("no server answers: {why}"),
            Self::NoUse(why) => format!("no server is of use: {why}"),
            Self::Unwelcome => {
                "every server has asked us to stay away (DENY), and none is asked again".to_owned()
            }
        }
    }
}

/// `3.250000 s behind`, or ahead of.
fn behind(offset: Span) -> String {
    let side = if offset < Span::ZERO { "ahead of" } else { "behind" };
    format!("{:.6} s {side}", offset.abs().seconds())
}

/// A length of time in a word or two.
fn about(seconds: f64) -> String {
    if seconds < 120.0 {
        format!("{seconds:.0} seconds")
    } else if seconds < 7200.0 {
        format!("{:.0} minutes", seconds / 60.0)
    } else {
        format!("{:.0} hours", seconds / 3600.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_off_by_a_few_words() {
        for (seconds, words) in [
            (0.0, "0.000 us slow"),
            (-12e-6, "12.000 us fast"),
            (0.25, "250.000 ms slow"),
            (-59.4, "59.400 s fast"),
            (61.0, "1 min 1 s slow"),
            (3599.9, "1 h 0 min slow"),
            (7379.999, "2 h 3 min slow"),
            (-7200.0, "2 h 0 min fast"),
            (90_000.0, "1 d 1 h slow"),
            (9e8, "10416 d 16 h slow"),
            (-9e9, "104166 d 16 h fast"),
        ] {
            assert_eq!(off_by(Span::from_seconds(seconds)), words);
        }
    }
}
