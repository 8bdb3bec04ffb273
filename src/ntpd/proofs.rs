//! Who is it that answers? Signs requests and opens answers, with the keys that are shared and with
//! what handshakes have agreed on; and sees to the handshakes.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, UNIX_EPOCH};

use ntp::answer::Refused;
use ntp::client::{Event, Level, ServerId, SourceId};
use ntp::config::Proof;
use ntp::keys::Key;
use ntp::mac::{self, Claim};
use ntp::nts::{Chance, Session};
use ntp::packet::Request;
use ntp::time::{Raw, Span};
use nts::certificate;
use nts::cipher::AesSiv;
use nts::code::Signer;
use nts::handshake::Agreed;

use super::clock::When;
use super::handshake::{Came, Look, Running};

/// A clock that was off by more than this, in seconds, when it judged a certificate, has to judge
/// it again.
const OFF_MAX: u64 = 86_400;

/// Handshakes for one server that we ask for ourselves are so far apart at first (RFC 8915, section
/// 4.2, wants at least 10 s), as a power of two in seconds.
const AGAIN_MIN: i8 = 4;
/// And in the end: a day and a half.
const AGAIN_MAX: i8 = 17;

impl From<When> for certificate::When {
    fn from(When { now, is_known, floor }: When) -> Self {
        Self { now, floor: (!is_known).then_some(floor) }
    }
}

/// What there is to prove things with.
#[derive(Debug)]
pub(crate) struct Proofs {
    keys: Vec<Signer>,
    /// The open requests of servers that share a key with us.
    asked: BTreeMap<SourceId, Request>,
    authorities: Option<String>,
    servers: BTreeMap<ServerId, Server>,
    lines: Vec<(Level, String)>,
}

/// A server of NTS.
#[derive(Debug)]
struct Server {
    host: String,
    ca: Option<String>,
    running: Option<Running>,
    /// By which time the running handshake judges.
    judged: Judged,
    agreed: Option<(Session<AesSiv>, Judged)>,
    again: Raw,
    again_exponent: i8,
}

/// By which time a certificate was judged.
#[derive(Debug, Clone, Copy)]
struct Judged {
    at: Raw,
    now: u64,
    is_known: bool,
    by_floor: bool,
}

impl Judged {
    /// Whether it must be judged again, now that the time is known.
    fn is_due(&self, at: Raw, when: When) -> bool {
        let since = (at - self.at).nanos() / 1_000_000_000;
        let meant = self.now.saturating_add_signed(since);
        !self.is_known && when.is_known && (self.by_floor || meant.abs_diff(when.now) > OFF_MAX)
    }
}

impl Proofs {
    /// With these keys, and these authorities instead of the system's.
    pub(crate) fn new(keys: Vec<Key>, authorities: Option<String>) -> Self {
        Self {
            keys: keys.into_iter().map(Signer).collect(),
            asked: BTreeMap::new(),
            authorities,
            servers: BTreeMap::new(),
            lines: Vec::new(),
        }
    }

    /// A request's bytes.
    ///
    /// # Errors
    /// There is nothing to prove it with, now.
    pub(crate) fn request(
        &mut self,
        source: SourceId,
        proof: Option<(ServerId, &Proof)>,
        request: Request,
    ) -> io::Result<Vec<u8>> {
        match proof {
            None | Some((_, Proof::None)) => Ok(request.encode().to_vec()),
            Some((_, Proof::Key(id))) => {
                let key = self.key(*id).ok_or_else(|| io::Error::other("there is no such key"))?;
                let packet = mac::sign(request.encode().to_vec(), *id, key);
                self.asked.insert(source, request);
                Ok(packet)
            }
            Some((server, Proof::Nts(_))) => {
                let mut chance = Chance { identifier: [0; 32], nonce: [0; 16] };
                sys::random::fill(&mut chance.identifier)?;
                sys::random::fill(&mut chance.nonce)?;
                let agreed = self.servers.get_mut(&server).and_then(|s| s.agreed.as_mut());
                let packet = agreed.and_then(|(session, _)| session.request(request, &chance));
                packet.ok_or_else(|| io::Error::other("no cookie is left, shaking hands again"))
            }
        }
    }

    /// What of a packet is believed to be its server's.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) fn open<'a>(
        &mut self,
        source: SourceId,
        proof: Option<(ServerId, &Proof)>,
        bytes: &'a [u8],
    ) -> Result<&'a [u8], Refused> {
        match proof {
            None | Some((_, Proof::None)) => Ok(bytes),
            Some((_, Proof::Key(id))) => {
                let key = self.key(*id).ok_or(Refused::Mac)?;
                mac::open(bytes, self.asked.get(&source).copied(), *id, key)
            }
            Some((server, Proof::Nts(_))) => {
                let server = self.servers.get_mut(&server).ok_or(Refused::Origin)?;
                let (session, _) = server.agreed.as_mut().ok_or(Refused::Origin)?;
                let opened = session.open(bytes)?;
                server.again_exponent = AGAIN_MIN;
                Ok(opened)
            }
        }
    }

    /// Whether a question is signed with a key of ours, as it claims.
    pub(crate) fn is_true(&self, claim: Claim, question: &[u8]) -> bool {
        self.key(claim.key).is_some_and(|key| claim.is_true(question, key))
    }

    /// The answer to a question that has claimed something truly, signed by the same key.
    pub(crate) fn sign(&self, claim: Option<Claim>, answer: Vec<u8>) -> Vec<u8> {
        match claim.and_then(|claim| Some((claim, self.key(claim.key)?))) {
            Some((claim, key)) => claim.sign(answer, key),
            None => answer,
        }
    }

    /// A source that is no more.
    pub(crate) fn forget(&mut self, source: SourceId) {
        self.asked.remove(&source);
    }

    /// Shakes hands with a server; the outcome, should it fail at once.
    pub(crate) fn shake(
        &mut self,
        id: ServerId,
        host: &str,
        ca: Option<&str>,
        at: Raw,
        when: When,
    ) -> Option<Event<'static>> {
        let judged = Judged { at, now: when.now, is_known: when.is_known, by_floor: false };
        let server = self.servers.entry(id).or_insert_with(|| Server {
            host: host.to_owned(),
            ca: ca.map(str::to_owned).or_else(|| self.authorities.clone()),
            running: None,
            judged,
            agreed: None,
            again: at,
            again_exponent: AGAIN_MIN,
        });
        let why = server.begin(at, when).err()?;
        let why = format!("unable to start a handshake: {}", cli::reason(&why));
        Some(Event::Unresolved(id, why))
    }

    /// Shakes hands again where that is due.
    pub(crate) fn turn(&mut self, now: Raw, when: When) {
        for server in self.servers.values_mut() {
            let Some((session, judged)) = &server.agreed else { continue };
            let is_due = session.is_spent() || judged.is_due(now, when);
            if is_due && server.running.is_none() && now >= server.again {
                // Should no process be had, it is tried again as if the handshake had failed.
                let _ = server.begin(now, when);
            }
        }
    }

    /// What there is to say since the last call: at most a line for each handshake.
    pub(crate) fn lines(&mut self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.lines)
    }

    /// Whether any handshake is under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.servers.values().any(|server| server.running.is_some())
    }

    /// What handshakes have come to since the last call.
    pub(crate) fn harvest(&mut self, now: Raw) -> Vec<Event<'static>> {
        let mut events = Vec::new();
        for (id, server) in &mut self.servers {
            let Some(running) = &mut server.running else { continue };
            let came = match running.look(now) {
                Look::Going => continue,
                Look::GivenUp => {
                    let why = format!("{}: the handshake took too long", server.host);
                    events.push(Event::Unresolved(*id, why));
                    continue;
                }
                Look::Over(came) => came,
            };
            server.running = None;
            events.extend(came.map(|came| server.came(*id, came, &mut self.lines)));
        }
        events
    }

    fn key(&self, id: u32) -> Option<&Signer> {
        self.keys.iter().find(|Signer(key)| key.id == id)
    }
}

impl Server {
    fn begin(&mut self, at: Raw, when: When) -> io::Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        self.again = at + Span::from_exponent(self.again_exponent);
        self.again_exponent = (self.again_exponent + 1).min(AGAIN_MAX);
        self.judged = Judged { at, now: when.now, is_known: when.is_known, by_floor: false };
        let ca = self.ca.as_deref().unwrap_or_default();
        self.running = Some(Running::begin(&self.host, ca, when.into(), at)?);
        Ok(())
    }

    fn came(
        &mut self,
        id: ServerId,
        came: Came,
        lines: &mut Vec<(Level, String)>,
    ) -> Event<'static> {
        let host = &self.host;
        match came {
            Came::Agreed(agreed, at) => {
                let judged = Judged { by_floor: agreed.by_floor, ..self.judged };
                lines.push(self.agreed_line(&judged));
                let Agreed { grant, ours, theirs, .. } = *agreed;
                let session = Session::new(AesSiv::new(ours), AesSiv::new(theirs), grant.cookies);
                self.agreed = Some((session, judged));
                Event::Negotiated(id, at)
            }
            Came::Refused(why) if self.agreed.is_some() => {
                self.agreed = None;
                let text = format!("{host}: {why}; it was believed until now and is not any more");
                lines.push((Level::Warning, text));
                Event::Distrusted(id, why)
            }
            Came::Refused(why) | Came::Failed(why) => Event::Unresolved(id, why),
        }
    }

    fn agreed_line(&self, judged: &Judged) -> (Level, String) {
        let host = &self.host;
        if judged.by_floor {
            let text = format!(
                "{host} has a certificate that the clock says is out of its time, but the clock is \
                 not known to be right: not expired by what is known to have passed, it is \
                 believed until the time is known, and then judged again"
            );
            return (Level::Warning, text);
        }
        match &self.agreed {
            None => (Level::Info, format!("{host} has proved who it is (NTS)")),
            Some((_, before)) if !before.is_known && judged.is_known => {
                let now = UNIX_EPOCH + Duration::from_secs(judged.now);
                let date = humantime::format_rfc3339_seconds(now);
                let text =
                    format!("{host} has a certificate that is good by the right time, {date}");
                (Level::Info, text)
            }
            Some(_) => (Level::Debug, format!("{host} has given new cookies")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ntpd::clock::WRITTEN;

    /// Whether what was judged at 1000 s by a clock that showed `now`, or by the floor, is judged
    /// again at 1060 s, when the time is known to be `known`.
    fn is_due(now: u64, by_floor: bool, known: u64) -> bool {
        let at = |seconds: i64| Raw::from_nanos(seconds * 1_000_000_000);
        let judged = Judged { at: at(1000), now, is_known: false, by_floor };
        judged.is_due(at(1060), When { now: known, is_known: true, floor: 0 })
    }

    #[test]
    fn what_a_wrong_clock_has_judged_is_judged_again_and_what_a_right_one_has_is_not() {
        assert!(!is_due(WRITTEN, false, WRITTEN + 60));
        assert!(!is_due(WRITTEN, false, WRITTEN + 60 + OFF_MAX));
        assert!(is_due(WRITTEN, false, WRITTEN + 61 + OFF_MAX));
        assert!(is_due(WRITTEN + 62 + OFF_MAX, false, WRITTEN + 60));
        assert!(is_due(WRITTEN, true, WRITTEN + 60), "it was by the floor");
    }

    #[test]
    fn as_long_as_the_time_is_not_known_nothing_is_judged_again() {
        let judged = Judged { at: Raw::default(), now: 0, is_known: false, by_floor: true };
        assert!(!judged.is_due(Raw::default(), When { now: WRITTEN, is_known: false, floor: 0 }));
        let judged = Judged { is_known: true, ..judged };
        assert!(!judged.is_due(Raw::default(), When { now: WRITTEN, is_known: true, floor: 0 }));
    }
}
