//! One server: when to ask it, what it answered, and whether it can be counted on.
//!
//! Nobody knows us yet, so we *knock*: after 2 s, 4 s, 8 s and so on until the first answer. With
//! `iburst` three more requests follow two seconds apart, and the interval then doubles until it is
//! the shortest that was configured (*ramp*): a frequency is known early, and a server pays
//! for that with eight packets once. From then on (*steady*) the interval follows what
//! [`Filter::advice`] says. Silence is met by asking at the shortest interval; eight times in a
//! row, and we are back to knocking.
//!
//! A request stays open until its answer was believed or the next one leaves. A forged packet, or a
//! bad answer, closes nothing: the genuine one that follows is still heard.
//!
//! With `xleave` interleaved answers are asked for ([`Asking`]), but plain ones in a burst at the
//! start or after a doubt: there each answer is to count at once.

use crate::answer::{self, Answer, Asked, Kiss, Refused, Sample};
use crate::bank::Frequency;
use crate::budget::Budget;
use crate::filter::{Advice, Filter, Taken};
use crate::interleave::{Asking, Exchange};
use crate::packet::Request;
use crate::select::Candidate;
use crate::time::{Raw, Span, Stamp};

pub use polling::{POLL_MAX, POLL_MIN, POLL_USUAL_MAX, POLL_USUAL_MIN, Polling};

mod polling;

/// Between the requests of a burst. Servers with ntpd's default limits take offence at less.
const BURST_INTERVAL: Span = Span::from_secs(2);
/// How many requests follow the first answer, so that four samples stand after six seconds.
const BURST_MORE: u8 = 3;
/// So many bursts may follow each other, whatever happens around us.
const BURSTS: u8 = 3;
/// After that, one in this time.
const BURST_SPACING: Span = Span::from_secs(256);
/// Where the ramp begins: 4 s.
const RAMP_FIRST: i8 = 2;
/// Knocking slows down to this, 17 minutes, the usual longest interval.
const KNOCK_MAX: i8 = POLL_USUAL_MAX;
/// Where nothing can even be sent, trying costs nobody anything: every 32 s.
const KNOCK_MAX_UNSENT: i8 = 5;
/// So many requests in a row without an answer are silence; one was lost on the way, and where many
/// are lost nobody is asked oftener for that.
const SILENCE: u8 = 2;
/// So many requests in a row without an answer, and the server counts as gone (RFC 5905: the reach
/// register has eight bits).
const MISSES_MAX: u8 = 8;
/// A steady request leaves up to this share of its interval late, by chance: clients that began
/// together must not go on together. Never early, as servers count what comes too soon.
const DITHER: f64 = 1.0 / 16.0;
/// An estimate that rests on fewer samples is not shown to anybody: of two, nobody can tell which
/// one is wrong.
const SAMPLES_MIN: u32 = 3;
/// After a doubt, so many new samples are needed.
const FRESH_MIN: u32 = 2;
/// Nobody is asked more rarely before so many samples stand: the frequency is found first.
const RARER_AFTER: u32 = 12;
/// An estimate grows vaguer by this ratio beyond what its own deviation says (RFC 5905, PHI).
const DRIFT_TOLERANCE: f64 = 15e-6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No answer yet, or none for long.
    Knock,
    /// Quick requests; so many more.
    Burst { left: u8 },
    /// The interval doubles from request to request.
    Ramp { exponent: i8 },
    /// The interval follows the filter.
    Steady,
    /// The server has asked us to stay away.
    Away,
}

/// Why a server is of no use now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing could be sent to it.
    Unsent(String),
    /// It does not answer; perhaps the network says why.
    Silent(Option<String>),
    /// It answers, but not usefully.
    Refused(Refused),
    /// It has asked us to stay away.
    Away,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Heard {
    /// Not an answer of this server to our open request.
    Foreign(Refused),
    /// An answer that is of no use.
    Useless(Refused),
    /// A measurement.
    Sample(Sample, Taken),
    /// A good answer that measures nothing new: the next one will.
    Known,
    /// It asks to be asked less often.
    Slower,
    /// It asks not to be asked again.
    Away,
}

/// A server as we know it.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    polling: Polling,
    phase: Phase,
    /// The interval when steady, as a power of two in seconds.
    poll: i8,
    due: Raw,
    asked: Option<Asked>,
    asking: Asking,
    /// What the request that is due is to show.
    shows: Option<Stamp>,
    /// When the last good answer came.
    heard: Option<Raw>,
    /// One bit per request, the newest lowest: whether it was answered (RFC 5905, p.reach).
    reach: u8,
    /// Requests without an answer, in a row.
    misses: u8,
    fresh: u32,
    bursts: Budget,
    /// What is known against the open request, should it stay without a useful answer.
    hint: Option<Trouble>,
    trouble: Option<Trouble>,
    last: Option<Sample>,
    filter: Filter,
}

impl Source {
    /// A server to be asked from `now` on. `prior` is what is known of our own frequency.
    #[must_use]
    pub fn new(polling: Polling, prior: Frequency, now: Raw) -> Self {
        Self {
            polling,
            phase: Phase::Knock,
            poll: polling.min,
            due: now,
            asked: None,
            asking: Asking::new(polling.xleave),
            shows: None,
            heard: None,
            reach: 0,
            misses: 0,
            fresh: 0,
            bursts: Budget::new(BURSTS, BURST_SPACING),
            hint: None,
            trouble: None,
            last: None,
            filter: Filter::new(prior),
        }
    }

    /// When to call [`Source::turn`] again; never, once the server has sent us away.
    #[must_use]
    pub fn deadline(&self) -> Option<Raw> {
        (self.phase != Phase::Away).then_some(self.due)
    }

    /// Whether a request is due. If so it is up to the caller to send one and to say so
    /// ([`Source::sent`], [`Source::unsent`]).
    pub fn turn(&mut self, now: Raw) -> bool {
        if self.phase == Phase::Away || now < self.due {
            return false;
        }
        if self.asked.take().is_some() {
            let trouble = self.hint.take().unwrap_or(Trouble::Silent(None));
            if matches!(trouble, Trouble::Refused(_)) {
                self.asking.forget();
            }
            self.miss(trouble);
        }
        self.reach <<= 1;
        self.due = now + self.interval();
        // Whoever would ask plainly in the middle of it would never hear out what contradicts the
        // plain answers of before.
        let is_plain = matches!(self.phase, Phase::Burst { .. }) && !self.is_interleaved();
        self.shows = self.asking.shows().filter(|_| !is_plain);
        self.phase = match self.phase {
            Phase::Burst { left } if left > 1 => Phase::Burst { left: left - 1 },
            Phase::Burst { .. } if self.filter.count() <= u32::from(BURST_MORE) => {
                Phase::Ramp { exponent: RAMP_FIRST }
            }
            Phase::Ramp { exponent } if exponent + 1 < self.poll => {
                Phase::Ramp { exponent: exponent + 1 }
            }
            Phase::Burst { .. } | Phase::Ramp { .. } => Phase::Steady,
            Phase::Knock | Phase::Steady | Phase::Away => self.phase,
        };
        true
    }

    /// The arrival that the request which is due is to show ([`Request::interleaved`]); nothing
    /// where it is to be plain.
    #[must_use]
    pub fn shows(&self) -> Option<Stamp> {
        self.shows
    }

    /// This request left at `at`.
    pub fn sent(&mut self, request: impl Into<Request>, at: Raw) {
        let request = request.into();
        self.asked = Some(Asked { request, at });
        self.asking.sent(&request);
        self.hint = None;
        if self.phase == Phase::Steady {
            self.due = self.due + dither(request.transmit, self.interval());
        }
    }

    /// The open request waited in a queue and really left at `at`; what cannot be is not believed.
    pub fn left(&mut self, at: Raw) {
        if let Some(asked) = &mut self.asked
            && at > asked.at
            && at - asked.at < answer::ANSWER_PATIENCE
        {
            asked.at = at;
        }
    }

    /// The request could not be sent.
    pub fn unsent(&mut self, why: String, now: Raw) {
        self.miss(Trouble::Unsent(why));
        self.due = now + self.interval();
    }

    /// The network says that the server cannot be reached.
    pub fn unreachable(&mut self, why: String) {
        self.hint = Some(Trouble::Silent(Some(why)));
    }

    /// A packet came from the server's address at `arrived`.
    pub fn hear(&mut self, bytes: &[u8], arrived: Raw) -> Heard {
        match answer::judge(bytes, self.asked, self.asking.last(), arrived) {
            Err(refused) => self.refuse(refused),
            Ok(Answer::Kiss(Kiss::Deny)) => {
                self.asked = None;
                self.phase = Phase::Away;
                self.reach = 0;
                self.trouble = Some(Trouble::Away);
                Heard::Away
            }
            Ok(Answer::Kiss(Kiss::Rate)) => {
                self.slower(arrived);
                Heard::Slower
            }
            Ok(Answer::Sample(sample, exchange)) => {
                self.answered(exchange);
                Heard::Sample(sample, self.take(sample, arrived))
            }
            Ok(Answer::Known(exchange)) => {
                self.answered(exchange);
                self.begin_anew(arrived);
                Heard::Known
            }
        }
    }

    /// A packet from the server's address is not believed; that closes nothing.
    pub fn refuse(&mut self, refused: Refused) -> Heard {
        if refused.is_the_servers() {
            self.hint = Some(Trouble::Refused(refused));
            Heard::Useless(refused)
        } else {
            Heard::Foreign(refused)
        }
    }

    /// Something has happened to time itself: ask again soon, and wait for fresh samples.
    pub fn doubt(&mut self, now: Raw) {
        self.fresh = 0;
        self.asking.forget();
        self.burst(now);
    }

    /// The network has changed: knock again at once.
    pub fn hurry(&mut self, now: Raw) {
        if self.phase == Phase::Knock {
            self.misses = 0;
            self.due = self.due.min(now);
        }
    }

    /// What this server has to say in a vote, if anything.
    #[must_use]
    pub fn candidate(&self, now: Raw) -> Option<Candidate> {
        if !self.has_a_say() {
            return None;
        }
        let last = self.last?;
        let age = (now - last.at).seconds().max(0.0);
        let distance = last.origin.distance() + self.filter.delay() / 2.0 + age * DRIFT_TOLERANCE;
        let estimate = self.filter.estimate(now)?;
        (distance < answer::DISTANCE_MAX).then_some(Candidate { estimate, distance })
    }

    /// Whether its word counts: it answers, and enough was heard of it.
    #[must_use]
    pub fn has_a_say(&self) -> bool {
        self.reach != 0 && !self.is_immature()
    }

    /// Whether it will soon have a say, if one waits for it a little.
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        self.phase != Phase::Away && self.misses == 0 && self.is_immature()
    }

    /// Whether any of the last eight requests was answered.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.reach != 0
    }

    /// Whether each of the last eight requests was answered: one bit each, the newest lowest
    /// (RFC 5905, p.reach).
    #[must_use]
    pub fn reach(&self) -> u8 {
        self.reach
    }

    /// Whether the server is gone for good or for long, so that another address may do better.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.phase == Phase::Away || self.misses >= MISSES_MAX
    }

    /// Requests in a row without an answer.
    #[must_use]
    pub fn misses(&self) -> u8 {
        self.misses
    }

    /// Why it is of no use now, if it is not.
    #[must_use]
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// What it answered last.
    #[must_use]
    pub fn last(&self) -> Option<&Sample> {
        self.last.as_ref()
    }

    /// When its last good answer came.
    #[must_use]
    pub fn heard(&self) -> Option<Raw> {
        self.heard
    }

    /// Whether its last good answer was interleaved.
    #[must_use]
    pub fn is_interleaved(&self) -> bool {
        self.asking.is_interleaved()
    }

    /// Its samples.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// How long it is from one request to the next, as things are.
    #[must_use]
    pub fn interval(&self) -> Span {
        match self.phase {
            Phase::Knock => {
                let unsent = matches!(self.trouble, Some(Trouble::Unsent(_)));
                let slowest = if unsent { KNOCK_MAX_UNSENT } else { KNOCK_MAX };
                let misses = i8::try_from(self.misses).unwrap_or(i8::MAX);
                // After an answer silence was found out the sooner the shorter the interval is.
                let sooner = self.last.map_or(0, |_| (POLL_USUAL_MIN - self.polling.min).max(0));
                let exponent = misses.saturating_add(1).saturating_sub(sooner);
                Span::from_exponent(exponent.clamp(1, slowest))
            }
            Phase::Burst { .. } => BURST_INTERVAL,
            Phase::Ramp { exponent } => Span::from_exponent(exponent),
            Phase::Steady if self.misses >= SILENCE => Span::from_exponent(self.polling.min),
            Phase::Steady | Phase::Away => Span::from_exponent(self.poll),
        }
    }

    fn is_immature(&self) -> bool {
        self.fresh < FRESH_MIN || self.filter.count() < SAMPLES_MIN
    }

    fn answered(&mut self, exchange: Exchange) {
        self.asked = None;
        self.asking.answered(exchange);
        self.heard = Some(exchange.arrived);
        self.reach |= 1;
        self.misses = 0;
        self.trouble = None;
    }

    fn take(&mut self, sample: Sample, arrived: Raw) -> Taken {
        self.last = Some(sample);
        let taken = self.filter.take(&sample);
        match taken {
            Taken::In => {
                self.fresh = self.fresh.saturating_add(1);
                self.adapt();
            }
            Taken::Aside => self.burst(arrived),
            Taken::Anew => self.fresh = 1,
        }
        self.begin_anew(arrived);
        taken
    }

    /// An answer to who knocks.
    fn begin_anew(&mut self, arrived: Raw) {
        if self.phase == Phase::Knock {
            self.phase = Phase::Steady;
            self.poll = self.polling.min;
            self.due = arrived + Span::from_exponent(self.poll);
            if self.polling.iburst {
                self.burst(arrived);
            }
        }
    }

    fn adapt(&mut self) {
        if self.phase != Phase::Steady {
            return;
        }
        let interval = Span::from_exponent(self.poll);
        // What an interleaved answer measures is an interval old when it comes.
        let ahead = if self.is_interleaved() { interval + interval } else { interval };
        match self.filter.advice(ahead) {
            Advice::Stay => {}
            Advice::Oftener => self.poll = (self.poll - 1).max(self.polling.min),
            Advice::Rarer if self.filter.count() < RARER_AFTER => {}
            Advice::Rarer => self.poll = (self.poll + 1).min(self.polling.max),
        }
    }

    fn burst(&mut self, now: Raw) {
        if self.phase == Phase::Away || !self.bursts.spend(now) {
            return;
        }
        self.phase = Phase::Burst { left: BURST_MORE };
        self.due = self.due.min(now + BURST_INTERVAL);
    }

    fn slower(&mut self, now: Raw) {
        self.asked = None;
        self.polling.min = (self.polling.min + 1).min(POLL_MAX);
        self.polling.max = self.polling.max.max(self.polling.min);
        self.polling.iburst = false;
        self.poll = self.poll.max(self.polling.min);
        self.phase = Phase::Steady;
        self.due = now + Span::from_exponent(self.poll);
    }

    fn miss(&mut self, trouble: Trouble) {
        self.trouble = Some(trouble);
        self.misses = self.misses.saturating_add(1);
        let in_vain = matches!(self.phase, Phase::Burst { .. }) && self.reach == 0;
        if self.misses >= MISSES_MAX || in_vain {
            self.phase = Phase::Knock;
        }
    }
}

/// As much delay as the nonce's randomness says.
fn dither(nonce: Stamp, interval: Span) -> Span {
    let [low, high, ..] = nonce.0.to_le_bytes();
    let share = f64::from(u16::from_le_bytes([low, high])) / f64::from(u16::MAX);
    Span::from_seconds(interval.seconds() * DITHER * share)
}

#[cfg(test)]
mod tests;
