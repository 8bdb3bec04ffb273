//! The configured servers: numbers as they are, names by asking what their addresses are, again
//! and again where need be.
//!
//! A name that cannot be resolved is tried for as long as we run: at boot the network is often not
//! there yet. A name whose servers are all lost is resolved again, so that a pool's dead members
//! are replaced and a server that has moved is found.

use core::net::{IpAddr, SocketAddr};

use crate::config::{Host, Proof, Server};
use crate::time::{Raw, Span};

/// NTP's port.
const PORT: u16 = 123;

/// The most servers taken from one pool; a vote of more is no better.
pub(super) const POOL_MAX: usize = 8;

/// A first failure is tried again this soon, as a power of two in seconds.
const RETRY_MIN: i8 = 2;
/// And each next after twice the time, up to about 4 minutes.
const RETRY_MAX: i8 = 8;
/// A name whose servers are lost is resolved again no sooner than this after the last time, then
/// after twice the time, up to about an hour.
const AGAIN_MIN: i8 = 6;
/// The hour.
const AGAIN_MAX: i8 = 12;

/// Where a server is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// There.
    Numeric(SocketAddr),
    /// Somebody has to be asked.
    Named(Name),
}

/// A host's name, and how far we are with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) host: String,
    pub(super) port: u16,
    /// When to ask.
    due: Option<Raw>,
    /// Somebody is being asked.
    asking: bool,
    /// When it may be asked again although it was answered.
    again: Raw,
    again_exponent: i8,
    failures: i8,
    /// Why it has no address.
    pub(super) failure: Option<String>,
    /// Which of a name's addresses is next, where only one is used.
    turn: usize,
}

impl Place {
    pub(super) fn of(server: &Server, now: Raw) -> Self {
        if let Proof::Nts(_) = server.proof {
            // Whoever shakes hands finds the address too, and which port is asked for the time.
            return Self::named(&server.name, PORT, now);
        }
        // What is no host was refused before, and is a name that nobody has.
        let host = Host::of(&server.name).unwrap_or(Host { name: &server.name, port: None });
        let port = host.port.unwrap_or(PORT);
        match host.address() {
            Some(address) => Self::Numeric(SocketAddr::new(address, port)),
            None => Self::named(host.name, port, now),
        }
    }

    fn named(host: &str, port: u16, now: Raw) -> Self {
        Self::Named(Name {
            host: host.to_owned(),
            port,
            due: Some(now),
            asking: false,
            again: now,
            again_exponent: AGAIN_MIN,
            failures: 0,
            failure: None,
            turn: 0,
        })
    }
}

impl Name {
    /// When to call [`Name::turn`].
    pub(super) fn deadline(&self) -> Option<Raw> {
        self.due
    }

    /// Whether the name is to be resolved now.
    pub(super) fn turn(&mut self, now: Raw) -> bool {
        let due = self.due.is_some_and(|due| now >= due);
        if due {
            self.due = None;
            self.asking = true;
        }
        due
    }

    /// Whether the first answer is still awaited.
    pub(super) fn is_undecided(&self) -> bool {
        self.failures == 0 && self.turn == 0
    }

    /// It has addresses: those to be used, of those there are.
    pub(super) fn resolved(
        &mut self,
        addresses: &[IpAddr],
        pool: bool,
        now: Raw,
    ) -> Vec<SocketAddr> {
        if addresses.is_empty() {
            self.unresolved("it has no address".to_owned(), now);
            return Vec::new();
        }
        self.asking = false;
        self.failures = 0;
        self.failure = None;
        self.again = now + Span::from_exponent(self.again_exponent);
        self.again_exponent = (self.again_exponent + 1).min(AGAIN_MAX);
        let from = self.turn % addresses.len();
        self.turn = self.turn.wrapping_add(1).max(1);
        let take = if pool { POOL_MAX } else { 1 };
        let turned = addresses.iter().cycle().skip(if pool { 0 } else { from });
        let taken = turned.take(take.min(addresses.len()));
        taken.map(|&ip| SocketAddr::new(ip, self.port)).collect()
    }

    /// Where its servers are, if these are its addresses.
    pub(super) fn places(&self, found: &[IpAddr]) -> Vec<SocketAddr> {
        found.iter().map(|&ip| SocketAddr::new(ip, self.port)).collect()
    }

    /// It has none.
    pub(super) fn unresolved(&mut self, why: String, now: Raw) {
        self.asking = false;
        self.failures = self.failures.saturating_add(1);
        self.failure = Some(why);
        let exponent = RETRY_MIN.saturating_add(self.failures - 1).min(RETRY_MAX);
        self.due = Some(now + Span::from_exponent(exponent));
    }

    /// All its servers are lost.
    pub(super) fn lost(&mut self, now: Raw) {
        if self.due.is_none() && !self.asking && now >= self.again {
            self.due = Some(now);
        }
    }

    /// One of its servers is well: the next loss is a new one.
    pub(super) fn well(&mut self) {
        self.again_exponent = AGAIN_MIN + 1;
    }

    /// The network has changed.
    pub(super) fn hurry(&mut self, now: Raw) {
        if self.failure.is_some() && !self.asking {
            self.failures = 0;
            self.due = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Polling;

    fn place(name: &str) -> Place {
        let polling = Polling::default();
        let server = Server { name: name.to_owned(), pool: false, polling, proof: Proof::None };
        Place::of(&server, Raw::default())
    }

    fn name(text: &str) -> Name {
        match place(text) {
            Place::Named(name) => name,
            Place::Numeric(address) => panic!("{address}"),
        }
    }

    fn at(seconds: i64) -> Raw {
        Raw::default() + Span::from_secs(seconds)
    }

    fn addresses(count: u8) -> Vec<IpAddr> {
        (1..=count).map(|last| IpAddr::from([192, 0, 2, last])).collect()
    }

    #[test]
    fn numbers_are_addresses_with_or_without_a_port() {
        for (text, address) in [
            ("192.0.2.1", "192.0.2.1:123"),
            ("192.0.2.1:1123", "192.0.2.1:1123"),
            ("2001:db8::1", "[2001:db8::1]:123"),
            ("[2001:db8::1]", "[2001:db8::1]:123"),
            ("[2001:db8::1]:1123", "[2001:db8::1]:1123"),
        ] {
            assert_eq!(place(text), Place::Numeric(address.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn all_else_is_a_name_with_or_without_a_port() {
        assert_eq!((name("a.example").host.as_str(), name("a.example").port), ("a.example", 123));
        assert_eq!((name("a.example:1").host.as_str(), name("a.example:1").port), ("a.example", 1));
    }

    #[test]
    fn a_name_is_tried_for_ever_with_back_off() {
        let mut name = name("a.example");
        let mut now = at(0);
        let mut waited = Vec::new();
        for _ in 0..9 {
            let due = name.deadline().unwrap();
            waited.push((due - now).nanos() / 1_000_000_000);
            now = due;
            assert!(name.turn(now));
            assert!(!name.turn(now), "somebody is being asked");
            name.unresolved("no".into(), now);
        }
        assert_eq!(waited, [0, 4, 8, 16, 32, 64, 128, 256, 256]);
    }

    #[test]
    fn a_server_line_uses_one_address_and_the_next_one_the_next_time() {
        let mut name = name("a.example");
        let mut chosen = || name.resolved(&addresses(3), false, at(0));
        assert_eq!(chosen(), ["192.0.2.1:123".parse().unwrap()]);
        assert_eq!(chosen(), ["192.0.2.2:123".parse().unwrap()]);
        assert_eq!(chosen(), ["192.0.2.3:123".parse().unwrap()]);
        assert_eq!(chosen(), ["192.0.2.1:123".parse().unwrap()]);
    }

    #[test]
    fn a_pool_uses_all_addresses_up_to_a_limit() {
        assert_eq!(name("a.example").resolved(&addresses(4), true, at(0)).len(), 4);
        assert_eq!(name("a.example").resolved(&addresses(40), true, at(0)).len(), POOL_MAX);
    }

    #[test]
    fn no_address_at_all_is_a_failure() {
        let mut name = name("a.example");
        assert!(name.turn(at(0)));
        assert!(name.resolved(&[], true, at(0)).is_empty());
        assert!(name.failure.is_some());
        assert_eq!(name.deadline(), Some(at(4)));
    }

    #[test]
    fn a_name_whose_servers_are_lost_is_resolved_again_but_not_all_the_time() {
        let mut name = name("a.example");
        let mut resolutions = 0;
        for second in 0..86_400 {
            name.lost(at(second));
            if name.turn(at(second)) {
                resolutions += 1;
                name.resolved(&addresses(1), false, at(second));
            }
        }
        assert!((20..40).contains(&resolutions), "{resolutions}");
    }

    #[test]
    fn the_network_coming_back_is_a_reason_to_try_at_once() {
        let mut name = name("a.example");
        for _ in 0..9 {
            name.unresolved("no".into(), at(0));
        }
        name.hurry(at(10));
        assert!(name.turn(at(10)));
    }
}
