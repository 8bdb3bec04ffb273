//! The client: what happens goes in, what is to be done comes out.
//!
//! The shell says what happened and when ([`Event`]) and does what it is told ([`Action`]);
//! [`Client::step`] first *absorbs* the event, then *drives* everything that is due. When to call
//! it again should nothing happen is read off the state ([`Client::deadline`]), and so is what
//! there is to tell others ([`Client::status`]). It touches no clock, no network, no name service;
//! and it has no way to end itself: the only end is [`Action::Done`], where the time was to be set
//! once.
//!
//! It says what it does in single lines, and each way of doing nothing has its own: no address, no
//! route, no answer, no use, no majority, refused, not ours to set. A line is due when a condition
//! changes, and once an hour while it lasts; no remote can cause more than a few.

use core::net::SocketAddr;

use crate::bank::Estimate;
use crate::budget::Budget;
use crate::config::Server;
use crate::discipline::{self, Decision, Discipline};
use crate::history::{History, Point};
use crate::select::{self, Agreed, Candidate, Vote};
use crate::source::Source;
use crate::time::{Now, Raw, Span};
use crate::watch::Watch;

use condition::{Condition, Kind, Synchronised};
use names::Place;
use pool::Pool;
use report::Standing;

pub use condition::off_by;
pub use view::{Mark, SourceView, View};

pub use types::{
    Action, Authority, Event, Level, Outcome, ServerId, Setup, SourceId, Status, Steer,
};

mod condition;
mod entries;
mod names;
mod pool;
mod report;
mod twins;
mod types;
mod view;

/// A vote waits this long for servers that have begun to answer, at the start and after a doubt: it
/// is not the quickest liar that sets the clock.
const PATIENCE: Span = Span::from_secs(10);

/// Where the time is to be set once, it is given up after this long: names, four requests, and
/// a second try have had their time.
const ONCE_PATIENCE: Span = Span::from_secs(30);

/// So many lines of a kind may follow each other: a start with its troubles fits.
const LINES: u8 = 6;

/// After that, one in this time: at worst 288 lines a day.
const LINE_SPACING: Span = Span::from_secs(300);

/// A configured server.
#[derive(Debug, Clone, PartialEq)]
struct Configured {
    server: Server,
    place: Place,
    voice: Budget,
    /// Whether it was said that its name has no address.
    said: bool,
    pool: Pool,
    /// Where it was found last, if it proves what it says.
    proven_at: Option<SocketAddr>,
    /// Whether it was said that it is a server that another line names, and that proves more.
    is_twin: bool,
}

/// A server at an address.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    id: SourceId,
    server: ServerId,
    address: SocketAddr,
    label: String,
    /// The number of the key it is to sign with.
    key: Option<u32>,
    source: Source,
    /// For how it stands.
    voice: Budget,
    /// For single packets: these must not use up the words for the whole.
    murmur: Budget,
    said: Option<Standing>,
    /// Since when it contradicts the majority.
    false_since: Option<Raw>,
    /// Its address was good before, and no name service has said so now.
    borrowed: bool,
}

/// The time that the servers agreed on last.
#[derive(Debug, Clone, PartialEq)]
struct Agreement {
    estimate: Estimate,
    at: Raw,
    truechimers: Vec<SourceId>,
    /// The surest of them, and how far from the truth it may be, seconds.
    best: SourceId,
    distance: f64,
}

/// How far what is to be done before a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Preparation {
    Idle,
    Asked,
    Done,
}

/// The client.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    setup: Setup,
    started: Raw,
    configured: Vec<Configured>,
    entries: Vec<Entry>,
    next_id: u32,
    watch: Watch,
    discipline: Discipline,
    /// Until when a vote waits for those who have not made up their minds.
    patience: Raw,
    /// A sample has come since the last vote.
    news: bool,
    /// A slew is to be looked at again then.
    again: Option<Raw>,
    agreement: Option<Agreement>,
    history: History,
    preparation: Preparation,
    condition: Condition,
    voice: Budget,
    /// For the clock being moved by others: what follows from it must not use up the words for it.
    alarm: Budget,
    said: Option<(Kind, Raw)>,
    /// How setting the time once has ended, if it has.
    outcome: Option<Outcome>,
    /// What is to be done at the first step.
    early: Vec<Action>,
}

impl Client {
    /// A client that begins at `now`.
    #[must_use]
    pub fn new(setup: Setup, now: Now) -> Self {
        let configured = setup.servers.iter().map(|server| Configured {
            server: server.clone(),
            place: Place::of(server, now.raw),
            voice: lines(),
            said: false,
            pool: Pool::default(),
            proven_at: None,
            is_twin: false,
        });
        let mut client = Self {
            started: now.raw,
            configured: configured.collect(),
            entries: Vec::new(),
            next_id: 0,
            watch: Watch::new(setup.authority == Authority::Steer, setup.announced),
            discipline: Discipline::new(setup.policy),
            patience: now.raw + patience(&setup.servers),
            news: false,
            again: None,
            agreement: None,
            history: History::default(),
            preparation: Preparation::Idle,
            condition: Condition::Starting,
            voice: lines(),
            alarm: lines(),
            said: None,
            outcome: None,
            early: Vec::new(),
            setup,
        };
        client.add_numeric(now.raw);
        client
    }

    /// Something has happened, at `now`.
    pub fn step(&mut self, now: Now, event: Event) -> Vec<Action> {
        let mut actions = std::mem::take(&mut self.early);
        if self.outcome.is_some() {
            return actions;
        }
        if let Some(moved) = self.watch.look(now) {
            self.doubt(now.raw, moved, &mut actions);
        }
        self.absorb(now, event, &mut actions);
        self.drive(now, &mut actions);
        actions.extend(self.outcome.clone().map(Action::Done));
        actions
    }

    /// When to call [`Client::step`] with [`Event::Tick`] should nothing happen sooner; `None`:
    /// never.
    #[must_use]
    pub fn deadline(&self) -> Option<Raw> {
        let sources = self.entries.iter().filter_map(|entry| entry.source.deadline());
        let names = self.configured.iter().filter_map(Configured::deadline);
        let once = self.setup.once.then_some(self.started + ONCE_PATIENCE);
        let patience = self.news.then_some(self.patience);
        let wait = |again| if self.may_vote(again) { again } else { self.patience.max(again) };
        let again = self.again.map(wait);
        let others = [again, once, patience, self.watch.deadline()];
        sources.chain(names).chain(others.into_iter().flatten()).min()
    }

    /// The kernel has just put in a leap second or left one out, and so moved the clock by `by`;
    /// the servers' clocks as well.
    pub fn leap_second(&mut self, now: Raw, by: Span) {
        self.watch.foresee(Steer::Step(by));
        self.discipline.leap_second(by);
        if let Some(agreement) = &mut self.agreement {
            agreement.estimate.theta = agreement.estimate.theta + by;
        }
        for entry in &mut self.entries {
            entry.source.doubt(now);
        }
        self.patience = now + PATIENCE;
    }

    fn absorb(&mut self, now: Now, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Tick => {}
            Event::Sent(id, request, at) => self.with(id, |source| source.sent(request, at)),
            Event::Left(id, at) => self.with(id, |source| source.left(at)),
            Event::Unsent(id, why) => self.with(id, |source| source.unsent(why, now.raw)),
            Event::Unreachable(id, why) => self.with(id, |source| source.unreachable(why)),
            Event::Packet(id, bytes, arrived) => self.hear(now, id, bytes, arrived, actions),
            Event::Unproven(id, refused) => self.unproven(now, id, refused, actions),
            Event::Resolved(server, addresses) => {
                self.resolved(server, &addresses, now.raw, actions);
            }
            Event::Negotiated(server, address) => {
                self.negotiated(server, address, now.raw, actions);
            }
            Event::Distrusted(server, why) => self.distrusted(server, why, now.raw, actions),
            Event::Unresolved(server, why) => self.unresolved(server, why, now.raw, actions),
            Event::Network => self.network_changed(now.raw),
            Event::Permit => {
                self.discipline.permit(true);
                self.again = Some(now.raw);
            }
            Event::Prepared => {
                self.preparation = Preparation::Done;
                self.again = Some(now.raw);
            }
            Event::Powerless(why) => self.powerless(&why, actions),
        }
    }

    fn drive(&mut self, now: Now, actions: &mut Vec<Action>) {
        self.drive_names(now.raw, actions);
        for entry in &mut self.entries {
            if entry.source.turn(now.raw) {
                actions.push(Action::Send(entry.id, entry.address));
            }
        }
        let again = self.again.is_some_and(|again| now.raw >= again);
        if (self.news || again) && self.may_vote(now.raw) {
            self.news = false;
            self.again = None;
            self.vote(now, actions);
            // What was prepared for, and was not done then, is prepared for again.
            if self.preparation == Preparation::Done {
                self.preparation = Preparation::Idle;
            }
        }
        // Leave that was not made use of must not wait for a better occasion.
        self.discipline.permit(false);
        self.assess();
        self.report(now, actions);
        if self.setup.once && now.raw - self.started >= ONCE_PATIENCE {
            self.finish(Outcome::Failed(self.sentence().1));
        }
    }

    fn powerless(&mut self, why: &str, actions: &mut Vec<Action>) {
        if self.setup.authority == Authority::Steer {
            self.setup.authority = Authority::Powerless;
            let text = format!("unable to set the clock: {why}; observing only from now on");
            actions.push(Action::Say(Level::Warning, text));
        }
    }

    /// Time itself has been tampered with, or we have slept.
    fn doubt(&mut self, now: Raw, moved: Span, actions: &mut Vec<Action>) {
        if self.configured.is_empty() {
            return;
        }
        for entry in &mut self.entries {
            entry.source.doubt(now);
        }
        self.patience = now + PATIENCE;
        self.condition = Condition::Starting;
        self.said = None;
        if self.alarm.spend(now) {
            let text = format!(
                "the clock was moved by {:+.6} s by somebody else, or this machine has slept; \
                 asking the servers again",
                moved.seconds()
            );
            actions.push(Action::Say(Level::Warning, text));
        }
    }

    /// Whether those who will soon have a say have had their time.
    fn may_vote(&self, now: Raw) -> bool {
        let undecided = self.entries.iter().any(|entry| entry.source.is_undecided())
            || self.configured.iter().any(Configured::is_undecided);
        now >= self.patience || !undecided
    }

    fn vote(&mut self, now: Now, actions: &mut Vec<Action>) {
        let voter = |entry: &Entry| Some((entry.id, entry.source.candidate(now.raw)?));
        let voters: Vec<(SourceId, Candidate)> = self.entries.iter().filter_map(voter).collect();
        let said: Vec<Candidate> = voters.iter().map(|(_, said)| *said).collect();
        match select::vote(&said) {
            Vote::Nobody => {}
            Vote::Split(agreeing) => {
                self.condition = Condition::Split { answering: voters.len(), agreeing };
            }
            Vote::Agreed(agreed) => {
                let truechimers = self.agreeing(&voters, &agreed);
                let weighed = voters.iter().zip(&agreed.weighed).filter(|(_, weighed)| **weighed);
                let errors = weighed.map(|((id, said), _)| (*id, said.distance + said.estimate.sd));
                let best = errors.min_by(|a, b| a.1.total_cmp(&b.1));
                let Some((best, distance)) = best else { return };
                let estimate = agreed.estimate;
                self.agreement =
                    Some(Agreement { estimate, at: now.raw, truechimers, best, distance });
                self.note_false_ones(&voters, now.raw);
                self.act(now, &estimate, distance, actions);
            }
        }
    }

    /// Who agrees. Whoever has contradicted the majority does so again only where his word has
    /// weight: intervals that are wide for a while make nobody right.
    fn agreeing(&self, voters: &[(SourceId, Candidate)], agreed: &Agreed) -> Vec<SourceId> {
        let was_false = |id: SourceId| {
            self.entries.iter().any(|entry| entry.id == id && entry.false_since.is_some())
        };
        let standings = agreed.truechimers.iter().zip(&agreed.weighed);
        let with = voters.iter().zip(standings).filter(|((id, _), (truechimer, weighed))| {
            **truechimer && (**weighed || !was_false(*id))
        });
        with.map(|((id, _), _)| *id).collect()
    }

    /// Acts upon what the servers agree on, where that is ours to do.
    fn act(&mut self, now: Now, agreed: &Estimate, distance: f64, actions: &mut Vec<Action>) {
        let offset = agreed.theta - now.theta();
        let text = format!(
            "agreed: offset {:+.6} s +- {:.6} s, frequency {:+.3} ppm +- {:.3} ppm",
            offset.seconds(),
            agreed.sd,
            agreed.frequency.ratio * 1e6,
            agreed.frequency.sd * 1e6
        );
        actions.push(Action::Say(Level::Debug, text));
        self.history.push(Point { at: now.raw, offset: offset.seconds(), sd: agreed.sd });
        match self.setup.authority {
            Authority::Steer => self.steer(now, agreed, distance, actions),
            Authority::Observe => {
                self.condition = Condition::Observed(self.good(offset, agreed));
                self.finish(Outcome::Observed);
            }
            Authority::Powerless => {
                self.condition = Condition::Observed(self.good(offset, agreed));
                let why = "permission denied".to_owned();
                self.finish(Outcome::Failed(why));
            }
        }
    }

    fn steer(&mut self, now: Now, agreed: &Estimate, distance: f64, actions: &mut Vec<Action>) {
        let offset = agreed.theta - now.theta();
        let of = self.agreed_with();
        let decision = self.discipline.decide(now, agreed, self.interval());
        let steer = match decision {
            Decision::Wait => {
                self.condition = Condition::Uncertain;
                return;
            }
            Decision::Refuse(offset) => {
                self.condition = Condition::Refusing { offset, of };
                return self.finish(Outcome::Failed(self.sentence().1));
            }
            Decision::Step(by) if !self.is_prepared(by, actions) => {
                self.condition = Condition::Preparing { offset: by, of };
                return;
            }
            Decision::Step(by) => {
                self.history.begin_anew();
                let text = format!("clock stepped by {:+.6} s to agree with {of}", by.seconds());
                actions.push(Action::Say(Level::Info, text));
                self.synchronised(Span::ZERO, agreed);
                Steer::Step(by)
            }
            Decision::Slew { by, time_constant, more } => {
                if more {
                    self.again = Some(now.raw + discipline::SLEW_AGAIN);
                    self.condition = Condition::CatchingUp { offset, of };
                } else {
                    self.synchronised(offset, agreed);
                }
                Steer::Slew { by, time_constant }
            }
        };
        let known = Steer::Known { error: agreed.sd, bound: distance };
        let steers = [Steer::Frequency(agreed.frequency.ratio), steer, known];
        for steer in steers {
            self.watch.foresee(steer);
        }
        actions.extend(steers.map(Action::Steer));
        if self.again.is_none() {
            self.finish(Outcome::Set);
        }
    }

    /// Whether a step may be made now, as to what is to be done before; if need be that is begun.
    fn is_prepared(&mut self, by: Span, actions: &mut Vec<Action>) -> bool {
        if !self.setup.prepares || self.preparation == Preparation::Done {
            return true;
        }
        if self.preparation == Preparation::Idle {
            self.preparation = Preparation::Asked;
            actions.push(Action::Prepare(by));
        }
        false
    }

    fn synchronised(&mut self, offset: Span, agreed: &Estimate) {
        self.condition = Condition::Synchronised(self.good(offset, agreed));
    }

    fn good(&self, offset: Span, agreed: &Estimate) -> Synchronised {
        let best = self.best();
        let delay = best.map_or(0.0, |entry| entry.source.filter().delay());
        let jitter = best.map_or(0.0, |entry| entry.source.filter().jitter());
        let to = self.agreed_with();
        let (sd, frequency) = (agreed.sd, agreed.frequency);
        Synchronised { to, offset, sd, delay, jitter, frequency }
    }

    /// The time was to be set once, and that is over now; else nothing is ever over.
    fn finish(&mut self, outcome: Outcome) {
        if self.setup.once {
            self.outcome.get_or_insert(outcome);
        }
    }

    /// How long it is until the next sample, about.
    fn interval(&self) -> Span {
        let with = self.truechimers();
        with.map(|entry| entry.source.interval()).min().unwrap_or(PATIENCE)
    }

    fn truechimers(&self) -> impl Iterator<Item = &Entry> {
        let with = self.agreement.iter().flat_map(|agreement| &agreement.truechimers);
        with.filter_map(|id| self.entries.iter().find(|entry| entry.id == *id))
    }

    fn best(&self) -> Option<&Entry> {
        let best = self.agreement.as_ref()?.best;
        self.entries.iter().find(|entry| entry.id == best)
    }

    /// Whom the time is from: one server's label, or how many there are.
    fn agreed_with(&self) -> String {
        let with = self.truechimers().count();
        let all = self.entries.iter().filter(|entry| entry.source.is_reachable()).count();
        let best = self.best().map_or("nobody", |entry| entry.label.as_str());
        if all > 1 { format!("{with} of {all} servers, best {best}") } else { best.to_owned() }
    }
}

/// What may be said of one matter.
fn lines() -> Budget {
    Budget::new(LINES, LINE_SPACING)
}

/// Without `iburst` a server needs two intervals for its third sample.
fn patience(servers: &[Server]) -> Span {
    let slow = servers.iter().filter(|server| !server.polling.iburst);
    let slowest = slow.map(|server| Span::from_exponent(server.polling.min + 1)).max();
    PATIENCE + slowest.unwrap_or(Span::ZERO)
}
