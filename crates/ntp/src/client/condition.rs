//! The state of affairs in one sentence. Every way of doing nothing has its own.

use std::fmt::Write as _;

use crate::bank::Frequency;
use crate::discipline;
use crate::time::Span;

use super::{Authority, Level};

/// A frequency known worse than this is not worth saying, as a ratio.
const FREQUENCY_SD_SAID: f64 = 1e-6;

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
            Self::Synchronised(_) => Kind::Synchronised,
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
            Self::Synchronised(good) => (Level::Info, good.sentence(authority)),
        }
    }
}

impl Synchronised {
    fn sentence(&self, authority: Authority) -> String {
        let Self { to, offset, sd, delay, jitter, frequency } = self;
        let mut text = format!(
            "synchronised to {to}: offset {:+.6} s +- {sd:.6} s, delay {delay:.6} s, \
             jitter {jitter:.6} s",
            offset.seconds()
        );
        if frequency.sd < FREQUENCY_SD_SAID {
            let _ = write!(text, ", frequency {:+.3} ppm", frequency.ratio * 1e6);
        }
        text.push_str(match authority {
            Authority::Steer => "",
            Authority::Observe => "; observing only, the clock is left alone (--observe)",
            Authority::Powerless => "; observing only",
        });
        text
    }
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
