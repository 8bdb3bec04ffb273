//! A handshake (NTS-KE) in a process of its own, as names are resolved in one: ntpd has one thread,
//! which has a clock to keep, and TLS reads what strangers send.
//!
//! The child is told where to go and by which time to judge a certificate. It connects, shakes
//! hands, and writes what came of it to its standard output, a pipe, in lines that fit into the
//! smallest pipe there is, so that it never waits for us to read. Keys are in no argument and in no
//! environment. It is killed after [`PATIENCE`].

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use ntp::config::Host;
use ntp::keys::hex;
use ntp::nts::ke::{self, KEY_LENGTH};
use ntp::time::{Raw, Span};
use nts::certificate::When;
use nts::handshake::{self, Agreed, Failed};

/// The hidden argument.
const SHAKE: &str = "--shake-hands-for-ntpd";

/// A handshake that takes longer is given up: names, a connection and three ways there and back
/// are done by then on the worst of lines.
const PATIENCE: Span = Span::from_secs(30);

/// An address that does not answer for so long is given up for the next one.
const CONNECT_PATIENCE: Duration = Duration::from_secs(6);

/// A server that is silent for so long is given up.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// So many addresses of a name are tried.
const ADDRESSES_MAX: usize = 4;

/// NTP's port, unless the server says otherwise.
const NTP_PORT: u16 = 123;

/// All that a child writes fits into this, the smallest pipe there is; cookies that do not are left
/// out.
const TEXT_MAX: usize = 4096;

/// What came of a handshake.
pub(super) enum Came {
    /// An agreement, and where to ask for the time.
    Agreed(Box<Agreed>, SocketAddr),
    /// The certificate is not to be trusted.
    Refused(String),
    /// It failed now.
    Failed(String),
}

/// A handshake at work.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    until: Raw,
    /// It was given up; only its end is awaited.
    given_up: bool,
}

/// Where a handshake stands.
pub(super) enum Look {
    /// It is not over.
    Going,
    /// It is given up, and not over.
    GivenUp,
    /// It is over; nothing is said twice.
    Over(Option<Came>),
}

impl Running {
    /// Begins a handshake with `host`, which may name a port.
    ///
    /// # Errors
    /// No process can be started.
    pub(super) fn begin(host: &str, ca: &str, when: When, now: Raw) -> io::Result<Self> {
        let floor = when.floor.map_or_else(|| "-".to_owned(), |floor| floor.to_string());
        let mut command = Command::new("/proc/self/exe");
        command.args([SHAKE, host, ca, &when.now.to_string(), &floor]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        Ok(Self { child: command.spawn()?, until: now + PATIENCE, given_up: false })
    }

    /// Looks after it, without waiting.
    pub(super) fn look(&mut self, now: Raw) -> Look {
        let ended = !matches!(self.child.try_wait(), Ok(None));
        if ended && self.given_up {
            Look::Over(None)
        } else if ended {
            Look::Over(Some(self.read()))
        } else if !self.given_up && now >= self.until {
            let _ = self.child.kill();
            self.given_up = true;
            Look::GivenUp
        } else {
            Look::Going
        }
    }

    fn read(&mut self) -> Came {
        let mut text = String::new();
        if let Some(pipe) = self.child.stdout.take() {
            let _ = pipe.take(TEXT_MAX as u64).read_to_string(&mut text);
        }
        understand(&text).unwrap_or_else(|| Came::Failed("the handshake died".to_owned()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The handshake's own life, if this process is to be one: its exit code then.
pub(super) fn answer_if_asked(words: &[OsString]) -> Option<ExitCode> {
    let [shake, words @ ..] = words else { return None };
    let words: Vec<&str> = words.iter().map(|word| word.to_str()).collect::<Option<_>>()?;
    let [host, ca, now, floor] = words[..] else { return None };
    if shake != SHAKE {
        return None;
    }
    // Where that is not to be had it ends by itself, only later.
    let _ = sys::tether::end_with_parent();
    let when = When { now: now.parse().unwrap_or(0), floor: floor.parse().ok() };
    let text = match shake_hands(host, ca, when) {
        Ok((agreed, at)) => text(&agreed, at),
        Err(Failed::Certificate(why)) => format!("refused {}\n", line(&why)),
        Err(Failed::Other(why)) => format!("failed {}\n", line(&why)),
    };
    Some(match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(cli::EXIT_TEMPORARY),
    })
}

fn shake_hands(host: &str, ca: &str, when: When) -> Result<(Agreed, SocketAddr), Failed> {
    let roots = handshake::roots((!ca.is_empty()).then(|| Path::new(ca)))?;
    let (name, port) = name_and_port(host);
    let mut stream = connect(name, port)?;
    let peer = stream.peer_addr().map_err(|error| Failed::Other(error.to_string()))?;
    let agreed = handshake::shake(&mut stream, name, roots, when)?;
    let port = agreed.grant.port.unwrap_or(NTP_PORT);
    let at = match &agreed.grant.server {
        None => SocketAddr::new(peer.ip(), port),
        Some(other) => resolve(other, port)?.remove(0),
    };
    Ok((agreed, at))
}

/// The name and the port to shake hands at.
fn name_and_port(host: &str) -> (&str, u16) {
    let host = Host::of(host).unwrap_or(Host { name: host, port: None });
    (host.name, host.port.unwrap_or(ke::PORT))
}

/// At least one address.
fn resolve(name: &str, port: u16) -> Result<Vec<SocketAddr>, Failed> {
    let found = (name, port).to_socket_addrs();
    let found = found.map_err(|error| {
        let error = error.to_string();
        let reason = error.rsplit(": ").next().unwrap_or_default();
        Failed::Other(format!("{name} has no address: {}", reason.to_lowercase()))
    })?;
    let found: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
    if found.is_empty() {
        return Err(Failed::Other(format!("{name} has no address")));
    }
    Ok(found)
}

fn connect(name: &str, port: u16) -> Result<TcpStream, Failed> {
    let mut last = String::new();
    for address in resolve(name, port)? {
        let connected = TcpStream::connect_timeout(&address, CONNECT_PATIENCE);
        let ready = connected.and_then(|stream| {
            stream.set_read_timeout(Some(SILENCE_MAX))?;
            stream.set_write_timeout(Some(SILENCE_MAX))?;
            Ok(stream)
        });
        match ready {
            Ok(stream) => return Ok(stream),
            Err(error) => last = format!("no handshake with {address}: {}", cli::reason(&error)),
        }
    }
    Err(Failed::Other(last))
}

/// One line, and not a long one, whatever a server has put into it.
fn line(why: &str) -> String {
    why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn text(agreed: &Agreed, at: SocketAddr) -> String {
    let by = if agreed.by_floor { "floor" } else { "clock" };
    let (ours, theirs) = (digits(&agreed.ours), digits(&agreed.theirs));
    let mut text = format!("agreed {at} {by} {ours} {theirs}\n");
    for cookie in &agreed.grant.cookies {
        let line = format!("{}\n", digits(cookie));
        if text.len() + line.len() <= TEXT_MAX {
            text.push_str(&line);
        }
    }
    text
}

fn understand(text: &str) -> Option<Came> {
    let (first, cookies) = text.split_once('\n')?;
    let (kind, rest) = first.split_once(' ')?;
    match kind {
        "refused" => Some(Came::Refused(rest.to_owned())),
        "failed" => Some(Came::Failed(rest.to_owned())),
        "agreed" => {
            let words: Vec<&str> = rest.split(' ').collect();
            let [at, by, ours, theirs] = words[..] else { return None };
            let key = |digits| <[u8; KEY_LENGTH]>::try_from(hex(digits)?).ok();
            let cookies = cookies.lines().map(hex).collect::<Option<Vec<_>>>()?;
            let grant = ke::Grant { cookies, ..ke::Grant::default() };
            let by_floor = by == "floor";
            let agreed = Agreed { grant, ours: key(ours)?, theirs: key(theirs)?, by_floor };
            Some(Came::Agreed(Box::new(agreed), at.parse().ok()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ports_are_told_apart() {
        for (host, name, port) in [
            ("time.example", "time.example", 4460),
            ("time.example:44", "time.example", 44),
            ("192.0.2.1", "192.0.2.1", 4460),
            ("192.0.2.1:44", "192.0.2.1", 44),
            ("2001:db8::1", "2001:db8::1", 4460),
            ("[2001:db8::1]", "2001:db8::1", 4460),
            ("[2001:db8::1]:44", "2001:db8::1", 44),
        ] {
            assert_eq!(name_and_port(host), (name, port), "{host}");
        }
    }

    #[test]
    fn an_agreement_survives_the_pipe() {
        let grant = ke::Grant { cookies: vec![vec![7; 100]; 8], ..ke::Grant::default() };
        let agreed = Agreed { grant, ours: [1; 32], theirs: [2; 32], by_floor: true };
        let at = "[2001:db8::1]:123".parse().unwrap();
        let Some(Came::Agreed(read, read_at)) = understand(&text(&agreed, at)) else {
            panic!("it is one")
        };
        assert_eq!((read.ours, read.theirs, read.by_floor), ([1; 32], [2; 32], true));
        assert_eq!((read.grant.cookies.len(), read_at), (8, at));
    }

    #[test]
    fn what_is_written_fits_into_the_smallest_pipe() {
        let grant = ke::Grant { cookies: vec![vec![7; 512]; 8], ..ke::Grant::default() };
        let agreed = Agreed { grant, ours: [1; 32], theirs: [2; 32], by_floor: true };
        let text = text(&agreed, "192.0.2.1:123".parse().unwrap());
        assert!(text.len() <= TEXT_MAX && text.ends_with('\n'));
        assert!(matches!(understand(&text), Some(Came::Agreed(..))));
    }

    #[test]
    fn a_child_that_died_has_agreed_on_nothing() {
        for text in ["", "agreed", "agreed 192.0.2.1:123 clock 00 00\n", "agreed \n", "what\n"] {
            assert!(understand(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn no_server_can_write_a_second_line() {
        assert_eq!(line("a\nagreed b\u{1b}"), "a agreed b ");
        assert_eq!(line(&"x".repeat(10_000)).len(), 200);
    }
}
