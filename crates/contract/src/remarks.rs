//! `supervise/remarks`: what svstat says of a service beyond its status, a line each. The file is
//! there only where there is something to say, and is keepup's own.
//!
//! ```text
//! backing-off 83211 7 4100 exit 1    starts again at 83.211 s; 7 deaths since 4.100 s; the last
//! ready 4100                         it said at 4.100 s that it was ready
//! background                         it put itself in the background
//! clearing 3                         3 processes that it left are being ended
//! finishing                          ./finish runs
//! given-up                           it is not started again by itself
//! cannot-start SENTENCE              why not
//! delayed WHY                        its start waits
//! limit processes 512 3              it has hit its limit of 512 processes 3 times
//! killed-for processes 2             and was killed as a whole for that twice
//! ```
//!
//! Instants are milliseconds on `CLOCK_MONOTONIC`: a step of the wall clock changes nothing.

use std::fmt::Write as _;
use std::time::Duration;

/// No writer writes more; readers need not read more.
pub const LEN_MAX: usize = 2048;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// It keeps ending quickly.
    BackingOff {
        /// When it starts again.
        next: Duration,
        /// How many quick deaths in a row.
        deaths: u32,
        /// When the first of them was.
        since: Duration,
        /// How it ended last: `exit 1`, `signal 9`.
        last: String,
    },
    /// It has said that it is ready, then.
    Ready(Duration),
    /// It put itself in the background; the pid of the status is a survivor of `./run`.
    Background,
    /// So many processes that it left are being ended.
    Clearing(u32),
    /// Its `./finish` runs.
    Finishing,
    /// It is not started again by itself.
    GivenUp,
    /// Why it cannot be started.
    CannotStart(String),
    /// What its start waits for.
    Delayed(String),
    /// It has hit a limit.
    Limit {
        /// Of what: `processes`, `memory`.
        what: String,
        /// The limit.
        limit: u64,
        /// How often.
        times: u64,
    },
    /// It was killed, its main process too, for being over a limit.
    KilledFor {
        /// Of what.
        what: String,
        /// How often.
        times: u64,
    },
}

impl Remark {
    /// The line, without its end.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut line = match self {
            Self::BackingOff { next, deaths, since, last } => {
                format!("backing-off {} {deaths} {} {last}", next.as_millis(), since.as_millis())
            }
            Self::Ready(since) => format!("ready {}", since.as_millis()),
            Self::Background => "background".into(),
            Self::Clearing(count) => format!("clearing {count}"),
            Self::Finishing => "finishing".into(),
            Self::GivenUp => "given-up".into(),
            Self::CannotStart(sentence) => format!("cannot-start {sentence}"),
            Self::Delayed(why) => format!("delayed {why}"),
            Self::Limit { what, limit, times } => format!("limit {what} {limit} {times}"),
            Self::KilledFor { what, times } => format!("killed-for {what} {times}"),
        };
        line = line.replace(char::is_control, "?");
        let mut end = line.len().min(LEN_MAX - 1);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        line.truncate(end);
        line
    }

    /// Reads a line; `None` for one that a newer keepup has written.
    #[must_use]
    pub fn decode(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, rest) {
            ("backing-off", rest) => {
                let mut words = rest.splitn(4, ' ');
                let next = millis(words.next()?)?;
                let deaths = words.next()?.parse().ok()?;
                let since = millis(words.next()?)?;
                Some(Self::BackingOff { next, deaths, since, last: words.next()?.into() })
            }
            ("ready", since) => millis(since).map(Self::Ready),
            ("background", "") => Some(Self::Background),
            ("clearing", count) => count.parse().ok().map(Self::Clearing),
            ("finishing", "") => Some(Self::Finishing),
            ("given-up", "") => Some(Self::GivenUp),
            ("cannot-start", sentence) => Some(Self::CannotStart(sentence.into())),
            ("delayed", why) => Some(Self::Delayed(why.into())),
            ("limit", rest) => {
                let (rest, times) = rest.rsplit_once(' ')?;
                let (what, limit) = rest.rsplit_once(' ')?;
                let (limit, times) = (limit.parse().ok()?, times.parse().ok()?);
                Some(Self::Limit { what: what.into(), limit, times })
            }
            ("killed-for", rest) => {
                let (what, times) = rest.rsplit_once(' ')?;
                Some(Self::KilledFor { what: what.into(), times: times.parse().ok()? })
            }
            _ => None,
        }
    }

    /// What svstat adds to its line at `now`, `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn words(&self, now: Duration) -> String {
        match self {
            Self::BackingOff { next, deaths, since, last } => {
                let pause = seconds_up(next.saturating_sub(now));
                let mut words = format!(", backing off {pause} s, {deaths} deaths in ");
                write_span(&mut words, now.saturating_sub(*since));
                let _ = write!(words, ", last: {last}");
                words
            }
            Self::Ready(since) => {
                format!(", ready {} seconds", now.saturating_sub(*since).as_secs())
            }
            Self::Background => ", in the background".into(),
            Self::Clearing(1) => ", ending 1 process it left".into(),
            Self::Clearing(count) => format!(", ending {count} processes it left"),
            Self::Finishing => ", finishing".into(),
            Self::GivenUp => ", given up".into(),
            Self::CannotStart(sentence) => format!(", {sentence}"),
            Self::Delayed(why) => format!(", waiting: {why}"),
            Self::Limit { what, limit, times } => {
                format!(", hit its limit of {limit} {what} {}", times_words(*times))
            }
            Self::KilledFor { times, .. } => format!(", killed for it {}", times_words(*times)),
        }
    }
}

fn millis(word: &str) -> Option<Duration> {
    word.parse().ok().map(Duration::from_millis)
}

fn times_words(times: u64) -> String {
    format!("{times} time{}", if times == 1 { "" } else { "s" })
}

/// A pause that is not over is not 0 s.
fn seconds_up(pause: Duration) -> u64 {
    pause.as_secs() + u64::from(pause.subsec_nanos() > 0)
}

/// The two units between which a person would choose.
fn write_span(words: &mut String, span: Duration) {
    let secs = span.as_secs();
    let (count, unit) = match secs {
        0..120 => (secs, "second"),
        120..7200 => (secs / 60, "minute"),
        _ => (secs / 3600, "hour"),
    };
    let _ = write!(words, "{count} {unit}{}", if count == 1 { "" } else { "s" });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn backing_off(since: u64) -> Remark {
        let (next, since) = (secs(10_032), secs(since));
        Remark::BackingOff { next, deaths: 7, since, last: "exit 1".into() }
    }

    #[test]
    fn svstat_says_how_long_and_why() {
        let now = secs(10_000);
        let words = |remark: Remark| remark.words(now);
        assert_eq!(
            words(backing_off(10_000 - 130)),
            ", backing off 32 s, 7 deaths in 2 minutes, last: exit 1"
        );
        assert!(words(backing_off(9_999)).contains(" in 1 second,"));
        assert!(words(backing_off(1_000)).contains(" in 2 hours,"));
        assert!(backing_off(0).words(secs(20_000)).starts_with(", backing off 0 s,"));
        assert!(backing_off(0).words(Duration::from_millis(10_031_001)).contains("off 1 s,"));
        assert_eq!(words(Remark::Background), ", in the background");
        assert_eq!(words(Remark::Ready(secs(9_993))), ", ready 7 seconds");
        assert_eq!(words(Remark::Clearing(3)), ", ending 3 processes it left");
        assert_eq!(words(Remark::Clearing(1)), ", ending 1 process it left");
        assert_eq!(words(Remark::Finishing), ", finishing");
        let limit = |times| Remark::Limit { what: "processes".into(), limit: 512, times };
        assert_eq!(words(limit(1)), ", hit its limit of 512 processes 1 time");
        assert_eq!(words(limit(3)), ", hit its limit of 512 processes 3 times");
        let killed = Remark::KilledFor { what: "processes".into(), times: 2 };
        assert_eq!(words(killed), ", killed for it 2 times");
        assert_eq!(words(Remark::GivenUp), ", given up");
        assert_eq!(words(Remark::CannotStart("unable to x".into())), ", unable to x");
    }

    #[test]
    fn a_line_of_a_newer_keepup_is_none() {
        for line in ["", "sleeping", "background 7", "clearing", "clearing -1", "backing-off 1 2 3"]
        {
            assert_eq!(Remark::decode(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_sentence_is_one_line_of_a_bounded_length() {
        let line = Remark::CannotStart("ä\n".repeat(LEN_MAX)).encode();
        assert!(line.len() < LEN_MAX && !line.contains('\n'), "{}", line.len());
    }

    fn any_remark() -> impl Strategy<Value = Remark> {
        let instant = (0..u64::MAX / 1_000_000).prop_map(Duration::from_millis);
        prop_oneof![
            (instant.clone(), any::<u32>(), instant, "[a-z]{1,9} [0-9]{1,3}").prop_map(
                |(next, deaths, since, last)| Remark::BackingOff { next, deaths, since, last }
            ),
            (0..u64::MAX).prop_map(|ms| Remark::Ready(Duration::from_millis(ms))),
            Just(Remark::Background),
            any::<u32>().prop_map(Remark::Clearing),
            Just(Remark::Finishing),
            Just(Remark::GivenUp),
            "[ -~]{0,80}".prop_map(Remark::CannotStart),
            "[ -~]{0,80}".prop_map(Remark::Delayed),
            ("[a-z]{1,9}( [a-z]{1,9}){0,2}", any::<u64>(), any::<u64>())
                .prop_map(|(what, limit, times)| Remark::Limit { what, limit, times }),
            ("[a-z]{1,9}", any::<u64>())
                .prop_map(|(what, times)| Remark::KilledFor { what, times }),
        ]
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(remark in any_remark()) {
            prop_assert_eq!(Remark::decode(&remark.encode()), Some(remark));
        }

        #[test]
        fn no_line_is_too_odd_to_read(line: String) {
            let _ = Remark::decode(&line);
        }
    }
}
