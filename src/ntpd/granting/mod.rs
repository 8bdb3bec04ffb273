//! NTS for those who ask us (RFC 8915): who we are ([`identity`]), where hands are shaken
//! ([`desk`]), what is granted there, the keys of that ([`keys`]), and packets that were proven.
//! Part of the service, which has the sockets of the packets; without the feature `nts`,
//! `no_granting` stands here.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::path::Path;

use ntp::access::Access;
use ntp::client::Level;
use ntp::config;
use ntp::nts::answering::{self, Asked};
use ntp::nts::cookies::{Jar, Pair};
use ntp::nts::{COOKIES_MAX, NONCE_LENGTH, granting};
use ntp::packet::Header;
use ntp::time::{Now, Raw, Span};
use nts::cipher::AesSiv;

use crate::ntpd::check::Finding;
use crate::ntpd::clock::When;
use crate::ntpd::machine::Machine;

use desk::Desk;
use identity::Own;
use keys::Keys;

mod desk;
mod identity;
mod keys;

/// What NTS takes.
#[derive(Debug)]
pub(crate) struct Granting {
    own: Own,
    keys: Keys,
    desk: Desk,
}

/// What a question is, as far as NTS goes.
#[derive(Debug)]
pub(crate) enum Claim<'a> {
    /// It has nothing of NTS.
    None,
    /// Nobody is answered.
    Broken,
    /// This tells him that we cannot open his cookie.
    Disowned(Vec<u8>),
    /// It is proven; whatever is answered takes this.
    True(Seal<'a>),
}

/// What an answer is sealed with, ready before its stamps are taken.
#[derive(Debug)]
pub(crate) struct Seal<'a> {
    asked: Asked<'a>,
    cookies: Vec<Vec<u8>>,
    nonce: [u8; NONCE_LENGTH],
}

impl Seal<'_> {
    /// The answer with this header.
    pub(crate) fn answer(&self, header: &Header) -> Vec<u8> {
        self.asked.answer::<AesSiv>(&header.encode(), &self.cookies, &self.nonce)
    }
}

impl Granting {
    /// Reads the files and listens where the time is served: `at` has its addresses, with their
    /// ports; `keeper` is whom we become. What there is to warn of comes with it.
    ///
    /// # Errors
    /// Why it cannot be, in a sentence.
    pub(crate) fn open(
        config: config::Granting,
        at: &[SocketAddr],
        keeper: Option<u32>,
        now: Now,
    ) -> Result<(Self, Option<String>), String> {
        let (path, port) = (config.cookies.as_ref().map(Into::into), config.port);
        let own = Own::open(config, now.raw).map_err(|(path, why)| format!("{path}: {why}"))?;
        let (keys, warning) = Keys::open(path, keeper, now)
            .map_err(|error| format!("unable to make keys: {}", cli::reason(&error)))?;
        let desk = Desk::open(&places(at, port)).map_err(|error| error.to_string())?;
        Ok((Self { own, keys, desk }, warning))
    }

    /// Where hands are shaken.
    pub(crate) fn sentence(&self) -> String {
        format!("serving NTS, hands are shaken on {}", self.desk.places().join(" and "))
    }

    /// Opens the file of keys, where this user may not replace it.
    ///
    /// # Errors
    /// It can be neither opened nor made.
    pub(crate) fn hold(&mut self, uid: u32, groups: &[u32]) -> io::Result<()> {
        self.keys.hold(uid, groups)
    }

    /// Whom to wait for.
    pub(crate) fn descriptors(&self, now: Raw) -> Vec<BorrowedFd<'_>> {
        self.desk.descriptors(now)
    }

    /// How long there is nothing to do.
    pub(crate) fn wait(&self, now: Raw) -> Span {
        let next = (self.keys.deadline().min(self.own.deadline()) - now).max(Span::ZERO);
        self.desk.wait(now).map_or(next, |desk| desk.min(next))
    }

    /// Goes on with handshakes, keys and certificate; what there is to say.
    pub(crate) fn turn(
        &mut self,
        machine: &impl Machine,
        access: &Access,
        when: When,
    ) -> Vec<(Level, String)> {
        let warning = self.keys.turn(machine.now());
        let jar = self.keys.jar();
        self.desk.turn(
            machine,
            self.own.identity(),
            |from: IpAddr| access.terms(from).answered,
            |pair, port| {
                let cookies = cookies(jar, &pair, COOKIES_MAX).ok()?;
                Some(granting::granted(&cookies, port))
            },
        );
        let mut lines = self.own.look(machine.raw(), when);
        lines.extend(warning.map(|warning| (Level::Warning, warning)));
        lines
    }

    /// Reads certificate and key again, and says what came of it. Those that are of no use change
    /// nothing.
    pub(crate) fn reload(&mut self) -> (Level, String) {
        self.own.reload()
    }

    /// What of NTS a question has.
    pub(crate) fn read<'a>(&self, question: &'a [u8], header: &Header) -> Claim<'a> {
        match answering::read(question, self.keys.jar()) {
            answering::Claim::None => Claim::None,
            answering::Claim::Broken => Claim::Broken,
            answering::Claim::Disowned(identifier) => {
                Claim::Disowned(answering::disown(header, identifier))
            }
            answering::Claim::True(asked) => {
                let cookies = cookies(self.keys.jar(), &asked.pair, asked.cookies);
                let (Ok(cookies), Ok(nonce)) = (cookies, nonce()) else { return Claim::Broken };
                Claim::True(Seal { asked, cookies, nonce })
            }
        }
    }
}

/// What speaks against this configuration of one who becomes `keeper`: each file, with what is
/// wrong with it, if anything.
pub(crate) fn check(
    config: &config::Granting,
    keeper: Option<u32>,
    when: When,
) -> Vec<(String, Finding)> {
    let mut files = identity::check(config, when);
    if let Some(path) = &config.cookies {
        let refusal = keys::refusal(Path::new(path), keeper);
        files.push((format!("nts cookie {path}"), refusal.map_or(Finding::Good, Finding::Bad)));
    }
    files
}

/// Where to listen: once at each address, whose first port is where the time is served.
fn places(at: &[SocketAddr], port: u16) -> Vec<(SocketAddr, Option<u16>)> {
    let mut places: Vec<(SocketAddr, Option<u16>)> = Vec::new();
    for at in at {
        if !places.iter().any(|(place, _)| place.ip() == at.ip()) {
            let served = Some(at.port()).filter(|served| *served != NTP_PORT);
            places.push((SocketAddr::new(at.ip(), port), served));
        }
    }
    places
}

/// Where clients ask for the time unless they are told of another port.
const NTP_PORT: u16 = 123;

fn cookies(jar: &Jar<AesSiv>, pair: &Pair, count: usize) -> io::Result<Vec<Vec<u8>>> {
    (0..count).map(|_| Ok(jar.seal(pair, &nonce()?))).collect()
}

fn nonce() -> io::Result<[u8; NONCE_LENGTH]> {
    let mut nonce = [0; NONCE_LENGTH];
    sys::random::fill(&mut nonce)?;
    Ok(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_is_looked_at_now_and_then_though_nobody_asks() {
        let certificates = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/nts/tests/certificates");
        let config = config::Granting {
            certificate: format!("{certificates}/good.pem"),
            key: format!("{certificates}/s.key"),
            port: 0,
            ..config::Granting::default()
        };
        let at = ["127.0.0.1:1123".parse().unwrap()];
        let now = Now::default();
        let (mut granting, _) = Granting::open(config, &at, None, now).unwrap();
        assert_eq!(granting.wait(now.raw), Span::ZERO);
        let when = When { now: 0, is_known: false, floor: 0 };
        granting.own.look(now.raw, when);
        let wait = granting.wait(now.raw);
        assert!(wait > Span::ZERO && wait <= Span::from_secs(60), "{wait:?}");
    }

    #[test]
    fn hands_are_shaken_once_at_each_address_and_another_port_is_told() {
        let at = ["192.0.2.1:1123", "192.0.2.1:123", "[2001:db8::1]:123"];
        let at: Vec<SocketAddr> = at.iter().map(|at| at.parse().unwrap()).collect();
        let found = places(&at, 4460);
        let expected = [
            ("192.0.2.1:4460".parse().unwrap(), Some(1123)),
            ("[2001:db8::1]:4460".parse().unwrap(), None),
        ];
        assert_eq!(found, expected);
    }
}
