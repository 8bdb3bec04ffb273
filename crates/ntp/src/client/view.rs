//! All there is to see of a client, for those who ask: figures and reasons, not yet words on a
//! screen.

use crate::bank::Frequency;
use crate::history::History;
use crate::server::Reference;
use crate::source::Trouble;
use crate::time::{Now, Raw, Span};

use super::condition::{Condition, Kind, Synchronised};
use super::names::Place;
use super::report::Standing;
use super::{Agreement, Authority, Client, Entry};

/// What a server is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The surest of those that agree.
    Best,
    /// One of those that agree.
    Agrees,
    /// It contradicts the majority.
    False,
    /// It answers, and has no say as yet.
    Young,
    /// It does not answer, or not usefully.
    Silent,
}

/// One server.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceView {
    /// Its name and address.
    pub label: String,
    /// What it is to us.
    pub mark: Mark,
    /// Why.
    pub why: String,
    /// Which of the last eight requests it answered: the newest is the lowest bit.
    pub reach: u8,
    /// How long it is from one request to the next.
    pub interval: Span,
    /// How long ago it answered, if it did.
    pub age: Option<Span>,
    /// Its stratum, if it answered.
    pub stratum: Option<u8>,
    /// What our clock lacks, by its word.
    pub offset: Option<Span>,
    /// The least delay of late, seconds.
    pub delay: f64,
    /// The usual error of a sample, seconds.
    pub jitter: f64,
    /// Its last good answer was interleaved (RFC 9769).
    pub interleaved: bool,
}

/// The whole.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The state in a word.
    pub state: &'static str,
    /// The state in a sentence, as the log has it.
    pub sentence: String,
    /// The clock is as the servers say, whoever keeps it so.
    pub is_synchronised: bool,
    /// The clock is so, or is not ours to set: the time is known, whatever the clock shows.
    pub is_known: bool,
    /// What may be done to the clock.
    pub authority: Authority,
    /// What others are told who ask us for the time.
    pub reference: Reference,
    /// What our clock lacks now, and how uncertain that is in seconds.
    pub offset: Option<(Span, f64)>,
    /// A bound of the error beyond that, seconds: half of the way to the reference clock.
    pub distance: Option<f64>,
    /// What is known of our frequency.
    pub frequency: Option<Frequency>,
    /// The servers, in the order in which they were found.
    pub sources: Vec<SourceView>,
    /// Names without an address, and why.
    pub unresolved: Vec<String>,
}

impl Agreement {
    /// How long ago it was, seconds.
    fn age(&self, now: Raw) -> f64 {
        (now - self.at).seconds().max(0.0)
    }

    /// What the servers' clocks are by now, less the oscillator.
    pub(super) fn theta(&self, now: Raw) -> Span {
        let estimate = &self.estimate;
        estimate.theta + Span::from_seconds(estimate.frequency.ratio * self.age(now))
    }
}

impl Client {
    /// What there is to see at `now`.
    #[must_use]
    pub fn view(&self, now: Now) -> View {
        let condition = self.condition_at(now);
        let kind = condition.kind();
        let agreement = self.agreement.as_ref();
        View {
            state: kind.word(),
            sentence: self.sentence_of(&condition).1,
            is_synchronised: kind == Kind::Synchronised,
            is_known: matches!(kind, Kind::Synchronised | Kind::Wrong),
            authority: self.setup.authority,
            reference: self.status(now).reference,
            offset: self.offset(now),
            distance: agreement.map(|agreement| agreement.distance),
            frequency: agreement.map(|agreement| agreement.estimate.frequency),
            sources: self.entries.iter().map(|entry| self.view_of(entry, now)).collect(),
            unresolved: self.unresolved_names(),
        }
    }

    /// How things stand at `now`. A clock that is not ours may have been set since the last vote.
    fn condition_at(&self, now: Now) -> Condition {
        match (&self.condition, self.offset(now)) {
            (Condition::Observed(good), Some((offset, _))) => {
                Condition::Observed(Synchronised { offset, ..good.clone() })
            }
            (condition, _) => condition.clone(),
        }
    }

    /// How far off the clock was.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What the clock lacks at `now` by what the servers agreed on last, and the standard deviation
    /// of that in seconds.
    #[must_use]
    pub fn offset(&self, now: Now) -> Option<(Span, f64)> {
        let agreement = self.agreement.as_ref().filter(|_| !self.condition.is_loss())?;
        let sd = agreement.estimate.sd + agreement.estimate.frequency.sd * agreement.age(now.raw);
        Some((agreement.theta(now.raw) - now.theta(), sd))
    }

    /// Why an operator's leave to step would be of no use, if it would not.
    #[must_use]
    pub fn why_no_step(&self) -> Option<String> {
        if self.configured.is_empty() {
            let why = "it asks no server; what it serves is this clock, which somebody else sets";
            return Some(why.to_owned());
        }
        match (self.setup.authority, self.condition.kind()) {
            (Authority::Observe, _) => Some("it only observes (--observe)".to_owned()),
            (Authority::Powerless, _) => Some("the clock is not its to set".to_owned()),
            (Authority::Steer, Kind::Refusing | Kind::CatchingUp) => None,
            (Authority::Steer, _) => Some(format!("nothing is refused: {}", self.sentence().1)),
        }
    }

    fn view_of(&self, entry: &Entry, now: Now) -> SourceView {
        let source = &entry.source;
        let (mark, why) = self.judgement(entry, now);
        let last = source.last();
        let estimate = source.filter().estimate(now.raw);
        SourceView {
            label: entry.label.clone(),
            mark,
            why,
            reach: source.reach(),
            interval: source.interval(),
            age: source.heard().map(|heard| now.raw - heard),
            stratum: last.map(|last| last.origin.stratum),
            offset: estimate.map(|estimate| estimate.theta - now.theta()),
            delay: source.filter().delay(),
            jitter: source.filter().jitter(),
            interleaved: source.is_interleaved(),
        }
    }

    fn judgement(&self, entry: &Entry, now: Now) -> (Mark, String) {
        if let Some(trouble) = entry.trouble()
            && !entry.source.has_a_say()
        {
            return (Mark::Silent, trouble_of(&trouble));
        }
        let agreement = self.agreement.as_ref().filter(|_| entry.source.has_a_say());
        let Some(agreement) = agreement else {
            let heard = entry.source.filter().count();
            return match heard {
                0 => (Mark::Silent, "no answer yet".to_owned()),
                heard => (Mark::Young, format!("{heard} samples: too few to have a say")),
            };
        };
        if agreement.best == entry.id {
            (Mark::Best, "the surest of those that agree".to_owned())
        } else if agreement.truechimers.contains(&entry.id) {
            (Mark::Agrees, "agrees".to_owned())
        } else if self.standing(entry) == Some(Standing::Outvoted) {
            let theta = entry.source.filter().estimate(now.raw).map(|estimate| estimate.theta);
            let off = theta.map_or(Span::ZERO, |theta| theta - agreement.theta(now.raw));
            (Mark::False, format!("{:+.6} s off from the majority", off.seconds()))
        } else {
            (Mark::Young, "heard again, not in a vote yet".to_owned())
        }
    }

    fn unresolved_names(&self) -> Vec<String> {
        let failure = |place: &Place| match place {
            Place::Named(name) => Some(format!("{}: {}", name.host, name.failure.as_ref()?)),
            Place::Numeric(_) => None,
        };
        self.configured.iter().filter_map(|configured| failure(&configured.place)).collect()
    }
}

fn trouble_of(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Unsent(why) => format!("cannot be asked: {why}"),
        Trouble::Silent(Some(why)) => format!("does not answer: {why}"),
        Trouble::Silent(None) => "does not answer".to_owned(),
        Trouble::Refused(refused) => format!("its answer is refused: {refused}"),
        Trouble::Away => "has asked us to stay away (DENY)".to_owned(),
    }
}

impl Kind {
    /// One word, for programs.
    fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::NoAddress => "no-address",
            Self::NoRoute => "no-route",
            Self::NoAnswer => "no-answer",
            Self::NoUse => "no-use",
            Self::Unwelcome => "unwelcome",
            Self::Split => "no-majority",
            Self::Uncertain => "uncertain",
            Self::Refusing => "refusing",
            Self::Preparing => "preparing",
            Self::CatchingUp => "slewing",
            Self::Synchronised => "synchronised",
            Self::Wrong => "wrong",
        }
    }
}
