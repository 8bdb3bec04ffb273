//! What the client has to say: to the log, and to those who ask.

use core::net::IpAddr;

use crate::answer::{DISTANCE_MAX, Refused};
use crate::packet::Leap;
use crate::server::Reference;
use crate::source::Trouble;
use crate::time::{Now, Raw, Span};

use super::condition::{Condition, Kind, Loss};
use super::names::Place;
use super::{Action, Client, Entry, Level, Preparation, Status};

/// So many requests in a row without an answer are worth a word.
const LOST_AFTER: u8 = 3;

/// Of a server that has never answered, so many are.
const ABSENT_AFTER: u8 = 2;

/// A condition that lasts is repeated this often.
const REPEAT_EVERY: Span = Span::from_secs(3600);

/// A frequency known worse than this ratio is not worth keeping.
const FREQUENCY_SD_KEPT: f64 = 1e-6;

/// An error bound grows by this ratio with the time since the last agreement (RFC 5905, PHI).
const DRIFT_TOLERANCE: f64 = 15e-6;

/// The highest stratum we can serve at.
const STRATUM_MAX: u8 = 15;

/// How one server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Answering,
    Silent,
    Useless(Refused),
    Outvoted,
    Away,
}

impl Client {
    /// What there is to tell others, at `now`.
    #[must_use]
    pub fn status(&self, now: Now) -> Status {
        let frequency = self.agreement.as_ref().map(|agreement| agreement.estimate.frequency);
        Status {
            reference: self.reference(now).unwrap_or_else(Reference::unknown),
            frequency: frequency.filter(|frequency| frequency.sd <= FREQUENCY_SD_KEPT),
            leaps: self.leaps(),
            has_accepted: self.discipline.has_accepted() && self.preparation == Preparation::Idle,
        }
    }

    fn leaps(&self) -> [usize; 3] {
        let said = || self.truechimers().filter_map(|with| Some(with.source.last()?.origin.leap));
        let count = |what| said().filter(|said| *said == what).count();
        [count(Leap::Insert), count(Leap::Delete), said().count()]
    }

    /// The time as others may have it from us. Where our clock is not quite there yet, or not ours
    /// to set, they get what we know and not what it shows.
    fn reference(&self, now: Now) -> Option<Reference> {
        let known = [Kind::Synchronised, Kind::CatchingUp, Kind::Wrong];
        let good = known.contains(&self.condition.kind());
        let agreement = self.agreement.as_ref().filter(|_| good)?;
        let best = self.best()?;
        let origin = best.source.last()?.origin;
        let age = (now.raw - agreement.at).seconds().max(0.0);
        let frequency = agreement.estimate.frequency;
        let theta = agreement.estimate.theta + Span::from_seconds(frequency.ratio * age);
        let delay = best.source.filter().delay();
        let error = agreement.estimate.sd + (frequency.sd + DRIFT_TOLERANCE) * age;
        let reference = Reference {
            stratum: origin.stratum + 1,
            leap: if origin.leap == Leap::Unsynchronised { Leap::None } else { origin.leap },
            reference_id: reference_id(best.address.ip()),
            root_delay: origin.root_delay + delay,
            root_dispersion: origin.root_dispersion + best.source.filter().jitter() + error,
            updated: agreement.at.wall(theta),
            correction: theta - now.theta(),
        };
        let distance = reference.root_delay / 2.0 + reference.root_dispersion;
        (reference.stratum <= STRATUM_MAX && distance < DISTANCE_MAX).then_some(reference)
    }

    /// Finds out whether nobody is left, and why.
    pub(super) fn assess(&mut self) {
        if let Some(loss) = self.loss() {
            self.condition = Condition::Lost(loss);
        }
    }

    fn loss(&self) -> Option<Loss> {
        if self.entries.is_empty() {
            return self.no_address();
        }
        if !self.entries.iter().all(is_lost) {
            return None;
        }
        let troubles = self.entries.iter().filter_map(|e| Some((e, e.trouble()?)));
        let (entry, trouble) = troubles.min_by_key(|(_, trouble)| nearness(trouble))?;
        Some(match trouble {
            Trouble::Refused(refused) => {
                Loss::NoUse(format!("the answer of {} is refused: {refused}", entry.label))
            }
            Trouble::Silent(why) => Loss::NoAnswer(why),
            Trouble::Unsent(why) => Loss::NoRoute(why),
            Trouble::Away => Loss::Unwelcome,
        })
    }

    fn no_address(&self) -> Option<Loss> {
        let failures = self.configured.iter().map(|configured| match &configured.place {
            Place::Named(name) => Some(format!("{}: {}", name.host, name.failure.as_ref()?)),
            Place::Numeric(_) => None,
        });
        let failures: Vec<String> = failures.collect::<Option<_>>()?;
        let first = self.configured.first()?;
        let told = failures.into_iter().next();
        // Who could not shake hands may well have an address.
        told.map(if first.is_nts() { Loss::NoRoute } else { Loss::NoAddress })
    }

    pub(super) fn sentence(&self) -> (Level, String) {
        self.sentence_of(&self.condition)
    }

    pub(super) fn sentence_of(&self, condition: &Condition) -> (Level, String) {
        let limit = self.setup.policy.panic.unwrap_or_default();
        condition.sentence(self.setup.authority, &self.setup.permit, limit)
    }

    /// Says what has changed, as far as the budgets reach.
    pub(super) fn report(&mut self, now: Now, actions: &mut Vec<Action>) {
        self.report_servers(now, actions);
        self.report_names(now.raw, actions);
        let kind = self.condition.kind();
        let due = match self.said {
            None => kind != Kind::Starting,
            Some((said, at)) => said != kind || now.raw - at >= REPEAT_EVERY,
        };
        if due && self.voice.spend(now.raw) {
            self.said = Some((kind, now.raw));
            let (level, mut text) = self.sentence();
            if self.condition.is_tried_again() {
                text.push_str("; trying again");
            }
            actions.push(Action::Say(level, text));
        }
    }

    fn report_servers(&mut self, now: Now, actions: &mut Vec<Action>) {
        let lost = self.condition.is_loss();
        for index in 0..self.entries.len() {
            let Some(standing) = self.entries.get(index).and_then(|e| self.standing(e)) else {
                continue;
            };
            let agreed = self.agreement.as_ref().map(|agreement| agreement.theta(now.raw));
            let Some(entry) = self.entries.get_mut(index) else { continue };
            // A loss of all has its own line, which names the reason.
            let covered = lost && standing != Standing::Answering;
            if entry.said == Some(standing) || covered || !entry.voice.spend(now.raw) {
                continue;
            }
            let pool = self.configured.get_mut(entry.server.0).filter(|it| it.server.pool);
            if pool.is_some_and(|configured| !configured.pool.voice.spend(now.raw)) {
                continue;
            }
            entry.said = Some(standing);
            let (level, text) = said_of(entry, standing, agreed, now);
            actions.push(Action::Say(level, text));
        }
    }

    /// How a server stands; nothing as long as that cannot be said.
    pub(super) fn standing(&self, entry: &Entry) -> Option<Standing> {
        let missed = is_missed(entry);
        match entry.source.trouble() {
            Some(Trouble::Away) => Some(Standing::Away),
            Some(_) if !missed => None,
            Some(Trouble::Refused(refused)) => Some(Standing::Useless(*refused)),
            Some(Trouble::Unsent(_) | Trouble::Silent(_)) => Some(Standing::Silent),
            None if entry.source.last().is_none() => None,
            // It is heard out again; that is no reason to take back what was said.
            None if !entry.source.has_a_say() && entry.said == Some(Standing::Outvoted) => None,
            None => {
                let with = self.truechimers().any(|with| with.id == entry.id);
                let voted = entry.source.has_a_say() && self.agreement.is_some();
                Some(if voted && !with { Standing::Outvoted } else { Standing::Answering })
            }
        }
    }

    /// A name without an address, where that is not the whole trouble.
    fn report_names(&mut self, now: Raw, actions: &mut Vec<Action>) {
        if self.entries.is_empty() {
            return;
        }
        for configured in &mut self.configured {
            let Place::Named(name) = &configured.place else { continue };
            let Some(failure) = &name.failure else { continue };
            if !configured.said && configured.voice.spend(now) {
                configured.said = true;
                let what = if configured.is_nts() { "cannot be asked" } else { "has no address" };
                let text = format!("{} {what}: {failure}; trying again", name.host);
                actions.push(Action::Say(Level::Warning, text));
            }
        }
    }
}

/// Of several troubles the one is told that got farthest.
fn nearness(trouble: &Trouble) -> u8 {
    match trouble {
        Trouble::Refused(_) => 0,
        Trouble::Silent(_) => 1,
        Trouble::Unsent(_) => 2,
        Trouble::Away => 3,
    }
}

fn is_lost(entry: &Entry) -> bool {
    is_missed(entry) || entry.source.trouble() == Some(&Trouble::Away)
}

fn is_missed(entry: &Entry) -> bool {
    let few = if entry.source.last().is_none() { ABSENT_AFTER } else { LOST_AFTER };
    entry.source.misses() >= few
}

fn said_of(entry: &Entry, standing: Standing, agreed: Option<Span>, now: Now) -> (Level, String) {
    let label = &entry.label;
    let last = entry.source.last();
    match standing {
        Standing::Answering => {
            let estimate = entry.source.filter().estimate(now.raw);
            let offset = estimate.map_or(Span::ZERO, |known| known.theta - now.theta()).seconds();
            let delay = last.map_or(Span::ZERO, |sample| sample.delay).seconds();
            let stratum = last.map_or(0, |sample| sample.origin.stratum);
            let text = format!(
                "{label} answers: offset {offset:+.6} s, delay {delay:.6} s, stratum {stratum}"
            );
            (Level::Info, text)
        }
        Standing::Outvoted => {
            let theta = entry.source.filter().estimate(now.raw).map(|estimate| estimate.theta);
            let off = theta.zip(agreed).map_or(Span::ZERO, |(theta, agreed)| theta - agreed);
            let text = format!(
                "{label} is {:+.6} s off from the majority and is not believed",
                off.seconds()
            );
            (Level::Warning, text)
        }
        Standing::Silent => (Level::Warning, format!("{label} {}", silence(entry))),
        Standing::Useless(refused) => {
            (Level::Warning, format!("{label} is of no use, its answer is refused: {refused}"))
        }
        Standing::Away => {
            let text = format!("{label} has asked us to stay away (DENY) and is not asked again");
            (Level::Warning, text)
        }
    }
}

fn silence(entry: &Entry) -> String {
    match entry.trouble() {
        Some(Trouble::Unsent(why)) => format!("cannot be asked: {why}"),
        Some(Trouble::Silent(Some(why))) => format!("does not answer: {why}"),
        Some(Trouble::Silent(None) | Trouble::Refused(_) | Trouble::Away) | None => {
            "does not answer".to_owned()
        }
    }
}

/// Where our time is from, for those who must not have it from us in turn. Of an address of 16
/// bytes it is the exclusive or of its four words; RFC 5905 takes MD5, and any four bytes will do.
fn reference_id(address: IpAddr) -> [u8; 4] {
    match address {
        IpAddr::V4(address) => address.octets(),
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            let words = [bits >> 96, bits >> 64, bits >> 32, bits].map(|word| word & 0xffff_ffff);
            let folded = words.into_iter().fold(0, |all, word| all ^ word);
            u32::try_from(folded).unwrap_or_default().to_be_bytes()
        }
    }
}
