//! The sockets: one per server that is asked. Those for who asks us are the service's, and only
//! waited for here.
//!
//! A request leaves from a fresh socket, so from a port that nobody can guess, and that is
//! connected: the kernel drops what comes from elsewhere, and tells us when nobody listens there.
//! The socket of the last request is closed by the next one.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use ntp::answer::Refused;
use ntp::client::{Event, SourceId};
use ntp::packet::{PACKET_MAX, Request};
use ntp::time::{Now, Span, Stamp};
use sys::udp::Received;

use super::clock;
use super::machine::{Machine, Wire};

/// One more than can be a packet, so that what is too long is seen to be.
pub(super) const BUFFER: usize = PACKET_MAX + 4;

/// All sockets.
#[derive(Debug)]
pub(crate) struct Sockets<W> {
    asking: BTreeMap<SourceId, W>,
}

impl<W> Default for Sockets<W> {
    fn default() -> Self {
        Self { asking: BTreeMap::new() }
    }
}

/// A datagram from a server, or what the network says of it instead.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) source: SourceId,
    /// When the request really left, where the kernel says so only now.
    pub(crate) left: Option<Duration>,
    pub(crate) received: io::Result<Received>,
    pub(crate) bytes: Box<[u8]>,
}

impl<W: Wire> Sockets<W> {
    /// Sends a request that shows what it is to show, with what proves whose it is; what became of
    /// it.
    pub(crate) fn ask(
        &mut self,
        machine: &impl Machine<Wire = W>,
        source: SourceId,
        server: SocketAddr,
        shows: Option<Stamp>,
        proven: impl FnOnce(Request) -> io::Result<Vec<u8>>,
    ) -> Event<'static> {
        match self.try_ask(machine, source, server, shows, proven) {
            Ok(event) => event,
            Err(error) => {
                self.asking.remove(&source);
                Event::Unsent(source, cli::reason(&error).into_owned())
            }
        }
    }

    fn try_ask(
        &mut self,
        machine: &impl Machine<Wire = W>,
        source: SourceId,
        server: SocketAddr,
        shows: Option<Stamp>,
        proven: impl FnOnce(Request) -> io::Result<Vec<u8>>,
    ) -> io::Result<Event<'static>> {
        let request = request(machine, shows)?;
        let socket = machine.connect(server)?;
        let bytes = proven(request)?;
        let before = machine.raw();
        socket.send(&bytes)?;
        let departure = socket.departure();
        let at = departure.map_or(before, |left| clock::departure(before, machine.now(), left));
        self.asking.insert(source, socket);
        Ok(Event::Sent(source, request, at))
    }

    /// A server that is not asked any more.
    pub(crate) fn forget(&mut self, source: SourceId) {
        self.asking.remove(&source);
    }

    /// Waits until something comes, here or at one of `others`, the clock is set, `limit` passes,
    /// or a signal; what came, and which of the others have something to say. One datagram of each
    /// socket is taken per turn: nobody can keep us from the others.
    ///
    /// # Errors
    /// Those of poll(2).
    pub(crate) fn wait(
        &self,
        machine: &impl Machine<Wire = W>,
        others: &[BorrowedFd<'_>],
        limit: Duration,
    ) -> io::Result<(Vec<Arrived>, Vec<bool>)> {
        let asking: Vec<&W> = self.asking.values().collect();
        let mut others_ready = machine.wait(others, &asking, limit)?;
        let ready = others_ready.split_off(others.len().min(others_ready.len()));
        let mut arrived = Vec::new();
        for ((source, socket), ready) in self.asking.iter().zip(ready) {
            if ready {
                let mut buffer = vec![0; BUFFER].into_boxed_slice();
                let left = socket.departure();
                let received = socket.receive(&mut buffer);
                arrived.push(Arrived { source: *source, left, received, bytes: buffer });
            }
        }
        Ok((arrived, others_ready))
    }
}

/// A request that nobody can foresee.
fn request(machine: &impl Machine, shows: Option<Stamp>) -> io::Result<Request> {
    let nonce = || machine.nonce().map(|nonce| Stamp(nonce.get()));
    Ok(match shows {
        Some(origin) => Request::interleaved(origin, nonce()?, nonce()?),
        None => Request::from(nonce()?),
    })
}

/// What to tell the client of an answer, of which `open` says what is believed.
pub(crate) fn event(
    source: SourceId,
    received: io::Result<Received>,
    bytes: &[u8],
    now: Now,
    open: impl FnOnce(&[u8]) -> Result<&[u8], Refused>,
) -> Option<Event<'_>> {
    match received {
        Ok(received) => {
            let arrived = clock::arrival(now, received.stamp);
            Some(match open(bytes.get(..received.length)?) {
                Ok(bytes) => Event::Packet(source, bytes, arrived),
                Err(refused) => Event::Unproven(source, refused),
            })
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(error) => Some(Event::Unreachable(source, cli::reason(&error).into_owned())),
    }
}

/// A length of time for poll(2).
pub(crate) fn limit(span: Span) -> Duration {
    Duration::from_nanos(u64::try_from(span.nanos()).unwrap_or(0))
}
