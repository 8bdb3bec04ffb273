//! The sockets: one per server that is asked, one for those who ask us.
//!
//! A request leaves from a fresh socket, so from a port that nobody can guess, and that is
//! connected: the kernel drops what comes from elsewhere, and tells us when nobody listens there.
//! The socket of the last request is closed by the next one.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use cli::{Unable, UnableExt as _};
use ntp::client::{Event, SourceId};
use ntp::packet::{self, PACKET_MAX};
use ntp::server::{self, Reference};
use ntp::time::{Now, Span, Stamp};
use sys::clock_steps::ClockSteps;
use sys::udp::{Received, Socket};

use super::clock;

/// One more than can be a packet, so that what is too long is seen to be.
const BUFFER: usize = PACKET_MAX + 4;

/// All sockets.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    serving: Option<Socket>,
    /// Readable when anybody sets the clock, so that nobody need look in between.
    steps: Option<ClockSteps>,
    asking: BTreeMap<SourceId, Socket>,
}

/// A datagram, or what the network says instead.
#[derive(Debug)]
pub(crate) enum Arrived {
    /// From or about a server.
    Answer(SourceId, io::Result<Received>, Box<[u8]>),
    /// From somebody who asks us.
    Question(Received, Box<[u8]>),
}

impl Sockets {
    /// Listens for questions; where, once the kernel has chosen a port.
    ///
    /// # Errors
    /// The address cannot be had.
    pub(crate) fn serve(&mut self, at: SocketAddr) -> Result<SocketAddr, Unable> {
        let socket = Socket::bound(at).unable(format_args!("bind to {at}"))?;
        let local = socket.local().unable(format_args!("bind to {at}"))?;
        self.serving = Some(socket);
        Ok(local)
    }

    /// From now on a wait ends when anybody sets the clock. Whether that can be had.
    pub(crate) fn watch_steps(&mut self) -> bool {
        if sys::clock::is_the_kernels() {
            self.steps = ClockSteps::watch().ok();
        }
        self.steps.is_some()
    }

    /// Sends a request; what became of it.
    pub(crate) fn ask(&mut self, source: SourceId, server: SocketAddr) -> Event<'static> {
        match self.try_ask(source, server) {
            Ok(event) => event,
            Err(error) => {
                self.asking.remove(&source);
                Event::Unsent(source, cli::reason(&error).into_owned())
            }
        }
    }

    fn try_ask(&mut self, source: SourceId, server: SocketAddr) -> io::Result<Event<'static>> {
        let nonce = Stamp(sys::random::nonce()?.get());
        let socket = Socket::connected(server)?;
        let request = packet::request(nonce);
        let at = clock::raw();
        socket.send(&request)?;
        self.asking.insert(source, socket);
        Ok(Event::Sent(source, nonce, at))
    }

    /// A server that is not asked any more.
    pub(crate) fn forget(&mut self, source: SourceId) {
        self.asking.remove(&source);
    }

    /// Waits until something comes, the clock is set, `limit` passes, or a signal. One
    /// datagram of each socket is taken per turn: nobody can keep us from the others.
    ///
    /// # Errors
    /// Those of poll(2).
    pub(crate) fn wait(&self, limit: Duration) -> io::Result<Vec<Arrived>> {
        let steps = self.steps.iter().map(AsFd::as_fd);
        let sockets = self.serving.iter().chain(self.asking.values()).map(AsFd::as_fd);
        let waited: Vec<BorrowedFd> = steps.chain(sockets).collect();
        let mut ready = sys::udp::wait(&waited, limit)?.into_iter();
        if let Some(steps) = &self.steps
            && ready.next() == Some(true)
        {
            // Who is woken looks at the clock; how it was moved is seen there.
            steps.taken()?;
        }
        let mut arrived = Vec::new();
        if let Some(socket) = &self.serving
            && ready.next() == Some(true)
        {
            let mut buffer = vec![0; BUFFER].into_boxed_slice();
            // What the network says of an answer of ours is of no interest.
            if let Ok(received) = socket.receive(&mut buffer) {
                arrived.push(Arrived::Question(received, buffer));
            }
        }
        for ((source, socket), ready) in self.asking.iter().zip(ready) {
            if ready {
                let mut buffer = vec![0; BUFFER].into_boxed_slice();
                let received = socket.receive(&mut buffer);
                arrived.push(Arrived::Answer(*source, received, buffer));
            }
        }
        Ok(arrived)
    }

    /// Answers a question, if it deserves it.
    pub(crate) fn answer(&self, now: Now, asked: Received, bytes: &[u8], reference: &Reference) {
        let (Some(socket), Some(from)) = (&self.serving, asked.from) else { return };
        let arrived = clock::arrival(now, asked.stamp);
        let received = now.wall + -(now.raw - arrived);
        if let Ok(answer) = server::answer(bytes, reference, received, clock::wall_now()) {
            // Whoever cannot be reached asks again.
            let _ = socket.send_to(&answer, from);
        }
    }
}

/// What to tell the client of an answer.
pub(crate) fn event(
    source: SourceId,
    received: io::Result<Received>,
    bytes: &[u8],
    now: Now,
) -> Option<Event<'_>> {
    match received {
        Ok(received) => {
            let arrived = clock::arrival(now, received.stamp);
            Some(Event::Packet(source, bytes.get(..received.length)?, arrived))
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(error) => Some(Event::Unreachable(source, cli::reason(&error).into_owned())),
    }
}

/// A length of time for poll(2).
pub(crate) fn limit(span: Span) -> Duration {
    Duration::from_nanos(u64::try_from(span.nanos()).unwrap_or(0))
}
