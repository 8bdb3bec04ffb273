//! What goes into a client and what comes out.

use core::net::{IpAddr, SocketAddr};

use crate::answer::Refused;
use crate::bank::Frequency;
use crate::config::Server;
use crate::discipline::Policy;
use crate::packet::Request;
use crate::server::Reference;
use crate::time::{Raw, Span};

/// Which source: never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceId(pub(super) u32);

/// Which of the configured servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerId(pub(super) usize);

/// What may be done to the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// It may be set.
    Steer,
    /// The operator has said to leave it alone.
    Observe,
    /// We are not allowed to set it.
    Powerless,
}

/// What a client is told at its start.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// Whom to ask.
    pub servers: Vec<Server>,
    /// What the operator allows.
    pub policy: Policy,
    /// What may be done to the clock.
    pub authority: Authority,
    /// Set the clock once and be done.
    pub once: bool,
    /// What is known of our own frequency: what would have to be added to the oscillator's.
    pub frequency: Frequency,
    /// Something is to be done before each step ([`Action::Prepare`]).
    pub prepares: bool,
    /// Addresses that were good before, by host: for a start without a name service.
    pub known: Vec<(String, Vec<IpAddr>)>,
    /// The command that would allow a refused offset, for the log.
    pub permit: String,
    /// The shell says [`Event::Tick`] at once when anybody sets the clock.
    pub announced: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// The deadline has passed.
    Tick,
    /// This request left, at this instant.
    Sent(SourceId, Request, Raw),
    /// The open request really left at this instant.
    Left(SourceId, Raw),
    /// A request could not be sent.
    Unsent(SourceId, String),
    /// The network says that a request did not arrive.
    Unreachable(SourceId, String),
    /// A packet came from a source's address, at this instant.
    Packet(SourceId, &'a [u8], Raw),
    /// A packet came that is not the source's own, or not provably.
    Unproven(SourceId, Refused),
    /// A server's name has these addresses.
    Resolved(ServerId, Vec<IpAddr>),
    /// A handshake says where to ask for the time: there and nowhere else.
    Negotiated(ServerId, SocketAddr),
    /// A server is not who it said it was: it is not believed any more.
    Distrusted(ServerId, String),
    /// A server's name has none, now.
    Unresolved(ServerId, String),
    /// The network may have changed: what failed is worth another try.
    Network,
    /// An operator allows what is refused, now and once.
    Permit,
    /// What was to be done before a step is done.
    Prepared,
    /// The clock could not be set after all.
    Powerless(String),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Send a request to this address, which shows what [`super::Client::shows`] says, with what
    /// [`super::Client::proof`] wants, and say [`Event::Sent`], or [`Event::Unsent`].
    Send(SourceId, SocketAddr),
    /// A source is no more.
    Forget(SourceId),
    /// Find the addresses of this host, and say [`Event::Resolved`], or [`Event::Unresolved`].
    /// Where [`super::Client::proof_of`] is NTS, shake hands with it: [`Event::Negotiated`].
    Resolve(ServerId, String),
    /// Act upon the clock. Never asked for unless the authority is [`Authority::Steer`].
    Steer(Steer),
    /// The clock is to be stepped by about this much: do what is to be done before, and say
    /// [`Event::Prepared`].
    Prepare(Span),
    /// Write a line.
    Say(Level, String),
    /// The time was to be set once: that is over.
    Done(Outcome),
}

/// What is to be done to the clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Steer {
    /// Set it forward by this much; a slew that is under way ends.
    Step(Span),
    /// Bring it forward by this much, bit by bit; instead of what is left of the last slew.
    Slew {
        /// How far.
        by: Span,
        /// As of [`crate::discipline::Decision::Slew`].
        time_constant: u8,
    },
    /// Let it run faster than the oscillator by this ratio.
    Frequency(f64),
    /// Its error is known.
    Known {
        /// The likely one, seconds.
        error: f64,
        /// A bound, seconds.
        bound: f64,
    },
}

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For those who look closely (`-d`).
    Debug,
    /// Good to know.
    Info,
    /// Something is not as it should be.
    Warning,
}

/// How setting the time once has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The clock was set, or its slew has begun and ends by itself.
    Set,
    /// The time is known and was said; the clock was left alone, as it was asked for.
    Observed,
    /// It was not set: why.
    Failed(String),
}

/// What there is to tell others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Status {
    /// What to answer those who ask for the time.
    pub reference: Reference,
    /// The frequency, where it is known well enough to be kept for the next start.
    pub frequency: Option<Frequency>,
    /// Whether an offset has been acted upon: the first one is over.
    pub has_accepted: bool,
    /// How many of those that agree announce that a leap second is put in, how many that one is
    /// left out, and how many there are.
    pub leaps: [usize; 3],
}
