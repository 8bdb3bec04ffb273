//! Names to addresses, without ever waiting.
//!
//! The C library's resolver blocks, for half a minute where no server answers, and ntpd has one
//! thread, which has a clock to keep. So each name is given to a process of our own: this very
//! program (`/proc/self/exe`, so an upgrade of the file changes nothing) with a hidden first
//! argument. It writes what it found to a pipe and ends. Its end is looked for at short intervals
//! while it runs, for its pipe must not stand among the sockets that are waited for (see
//! `sys::udp`).

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use ntp::client::{Event, ServerId};
use ntp::time::{Raw, Span};

use super::machine::{Machine, Process};

/// The hidden argument.
const ASK: &str = "--resolve-for-ntpd";

/// A resolver that needs longer than this is given up: the C library's own limit with two name
/// servers and the usual options is 20 s.
const PATIENCE: Span = Span::from_secs(30);

/// How often a running resolver is looked at.
pub(crate) const GLANCE: Duration = Duration::from_millis(100);

/// The most addresses a name may have here. They fit into the smallest pipe there is, so that the
/// writer never waits for us to read.
const ADDRESSES_MAX: usize = 64;

/// More than so many addresses take as text, and all that is read.
const TEXT_MAX: u64 = 4096;

#[derive(Debug)]
struct Running<P> {
    server: ServerId,
    child: P,
    until: Raw,
    /// It was given up; only its end is awaited.
    given_up: bool,
}

/// The resolvers at work.
#[derive(Debug)]
pub(crate) struct Resolver<P: Process> {
    running: Vec<Running<P>>,
}

impl<P: Process> Default for Resolver<P> {
    fn default() -> Self {
        Self { running: Vec::new() }
    }
}

impl<P: Process> Resolver<P> {
    /// Sets a resolver to work; the outcome, should it fail at once.
    pub(crate) fn ask(
        &mut self,
        machine: &impl Machine<Process = P>,
        server: ServerId,
        host: &str,
    ) -> Option<Event<'static>> {
        let mut command = Command::new("/proc/self/exe");
        command.args([ASK, host]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        match machine.spawn(command) {
            Ok(child) => {
                self.running.push(Running {
                    server,
                    child,
                    until: machine.raw() + PATIENCE,
                    given_up: false,
                });
                None
            }
            Err(error) => {
                let why = format!("unable to start a resolver: {}", cli::reason(&error));
                Some(Event::Unresolved(server, why))
            }
        }
    }

    /// Whether any is at work.
    pub(crate) fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    /// What has been found out since the last call.
    pub(crate) fn harvest(&mut self, now: Raw) -> Vec<Event<'static>> {
        let mut events = Vec::new();
        self.running.retain_mut(|running| {
            let (event, keep) = running.look(now);
            events.extend(event);
            keep
        });
        events
    }
}

impl<P: Process> Drop for Resolver<P> {
    fn drop(&mut self) {
        for running in &mut self.running {
            running.child.kill();
        }
    }
}

impl<P: Process> Running<P> {
    /// What there is to say, and whether it must be looked at again.
    fn look(&mut self, now: Raw) -> (Option<Event<'static>>, bool) {
        let ended = !matches!(self.child.ended(), Ok(None));
        if ended && self.given_up {
            (None, false)
        } else if ended {
            (Some(self.read()), false)
        } else if !self.given_up && now >= self.until {
            self.child.kill();
            self.given_up = true;
            (Some(Event::Unresolved(self.server, "no name server has answered".to_owned())), true)
        } else {
            (None, true)
        }
    }

    /// The child has ended, so what it wrote is complete.
    fn read(&mut self) -> Event<'static> {
        understand(self.server, &self.child.text(TEXT_MAX))
    }
}

fn understand(server: ServerId, text: &str) -> Event<'static> {
    let addresses: Option<Vec<IpAddr>> = text.lines().map(|line| line.parse().ok()).collect();
    match addresses {
        Some(addresses) if !addresses.is_empty() => Event::Resolved(server, addresses),
        Some(_) => Event::Unresolved(server, "the resolver died".to_owned()),
        None => Event::Unresolved(server, text.trim().to_owned()),
    }
}

/// Whether this process is to resolve a name: which.
pub(crate) fn is_asked(words: &[OsString]) -> Option<OsString> {
    match words {
        [ask, host] if ask == ASK => Some(host.clone()),
        _ => None,
    }
}

/// The resolver's own life: one name, its addresses one a line or one sentence, the end.
pub(crate) fn answer(host: &OsStr) -> ExitCode {
    // Where that is not to be had it ends by itself, only later.
    let _ = sys::tether::end_with_parent();
    let text = match (host.to_string_lossy().as_ref(), 0).to_socket_addrs() {
        Ok(found) => lines(found.map(|address| address.ip())),
        Err(error) => sentence(&error.to_string()),
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(cli::EXIT_TEMPORARY),
    }
}

/// Each address once, one a line: it comes once for each kind of socket.
pub(super) fn lines(found: impl Iterator<Item = IpAddr>) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in found.take(ADDRESSES_MAX).map(|address| address.to_string()) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// The C library's reason without the standard library's introduction, as our sentences end.
fn sentence(error: &str) -> String {
    let reason = error.rsplit(": ").next().unwrap_or(error);
    let mut letters = reason.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_given_as_our_sentences_end() {
        let error = "failed to lookup address information: Name or service not known";
        assert_eq!(sentence(error), "name or service not known");
    }
}
