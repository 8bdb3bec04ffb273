//! When a datagram really left: the kernel puts it into the socket's queue of errors
//! (`SOF_TIMESTAMPING_TX_SOFTWARE`, the kernel's networking/timestamping).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use super::{CONTROL, Control, Local, Socket, control, empty_message, in_c, stamp_of};

/// The stamps are numbered (`OPT_ID`), and come without the datagram (`OPT_TSONLY`).
const NUMBERED: libc::c_uint = libc::SOF_TIMESTAMPING_OPT_ID | libc::SOF_TIMESTAMPING_OPT_TSONLY;

/// So many stale ones are passed over at a time.
const STALE_MAX: usize = 16;

/// Where `struct sock_extended_err` has the number.
const NUMBER_AT: usize = 12;

impl Socket {
    /// Asks for stamps of departure: of each datagram, or of those that are sent with
    /// [`Socket::answer`] and so wanted. Nothing is lost where the kernel has none.
    pub(super) fn number_departures(&self, each: bool) -> io::Result<()> {
        let every = if each { libc::SOF_TIMESTAMPING_TX_SOFTWARE } else { 0 };
        let wanted = libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
        let wanted = wanted | NUMBERED | every;
        self.set_option(libc::SOL_SOCKET, libc::SO_TIMESTAMPING, wanted.cast_signed())?;
        self.stamps_departures.set(true);
        if each {
            self.each_departure.set(true);
        }
        Ok(())
    }

    /// Sends to `peer` from the address at which it has asked us. `stamped`: ask for the time of
    /// departure.
    ///
    /// # Errors
    /// Those of sendmsg(2).
    pub fn answer(
        &self,
        bytes: &[u8],
        peer: SocketAddr,
        from: Option<Local>,
        stamped: bool,
    ) -> io::Result<()> {
        let stamped = stamped && self.stamps_departures.get();
        let mut extra = Vec::new();
        if let Some(from) = from {
            push_local(&mut extra, from, peer);
        }
        if stamped {
            let flags = libc::SOF_TIMESTAMPING_TX_SOFTWARE.to_ne_bytes();
            control::push(&mut extra, libc::SOL_SOCKET, libc::SO_TIMESTAMPING, &flags);
        }
        if extra.is_empty() {
            return self.send_to(bytes, peer);
        }
        let (mut name, length) = in_c(&peer);
        let mut aligned = Control([0; CONTROL]);
        aligned.0.get_mut(..extra.len()).ok_or(io::ErrorKind::OutOfMemory)?.copy_from_slice(&extra);
        let base = bytes.as_ptr().cast_mut().cast();
        let mut part = libc::iovec { iov_base: base, iov_len: bytes.len() };
        let mut message = empty_message();
        message.msg_name = (&raw mut name).cast();
        message.msg_namelen = length;
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = aligned.0.as_mut_ptr().cast();
        message.msg_controllen = control::c_length(extra.len());
        // SAFETY: every pointer in the message is to a value above, of the length beside it; the
        // kernel only reads them.
        let sent = unsafe { libc::sendmsg(self.inner.as_raw_fd(), &raw const message, 0) };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        if stamped {
            self.departed();
        }
        Ok(())
    }

    /// When the last datagram left whose time was asked for, by the system clock, if the kernel
    /// says so by now.
    pub fn departure(&self) -> Option<Duration> {
        let last = self.departures.get().checked_sub(1)?;
        for _ in 0..STALE_MAX {
            if self.unread.get() == 0 {
                return None;
            }
            let (number, stamp) = self.next_in_queue()?;
            self.unread.set(self.unread.get() - 1);
            if number == last {
                return stamp;
            }
        }
        None
    }

    /// What is left in the queue of errors would keep poll(2) from ever waiting.
    pub(super) fn clear_departures(&self) {
        while self.unread.get() > 0 && self.next_in_queue().is_some() {
            self.unread.set(self.unread.get() - 1);
        }
    }

    /// One more was sent with a stamp.
    pub(super) fn departed(&self) {
        self.departures.set(self.departures.get().wrapping_add(1));
        self.unread.set(self.unread.get().saturating_add(1));
    }

    fn next_in_queue(&self) -> Option<(u32, Option<Duration>)> {
        let mut extra = Control([0; CONTROL]);
        // The datagram itself comes along in simulators.
        let mut bytes = [0_u8; 256];
        let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        let mut message = empty_message();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = extra.0.as_mut_ptr().cast();
        message.msg_controllen = control::c_length(CONTROL);
        let (fd, flags) = (self.inner.as_raw_fd(), libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT);
        // SAFETY: every pointer in the message is to a buffer above, of the length beside it.
        let read = unsafe { libc::recvmsg(fd, &raw mut message, flags) };
        (read >= 0).then_some(())?;
        let filled = control::filled(&extra.0, message.msg_controllen);
        let errors = [(libc::SOL_IP, libc::IP_RECVERR), (libc::SOL_IPV6, libc::IPV6_RECVERR)];
        let mut number = None;
        let mut stamp = None;
        for (level, kind, data) in control::messages(filled) {
            if errors.contains(&(level, kind)) {
                number = data.get(NUMBER_AT..).and_then(<[u8]>::first_chunk);
            } else if (level, kind) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) {
                stamp = stamp_of(data);
            }
        }
        Some((number.map_or(u32::MAX, |number| u32::from_ne_bytes(*number)), stamp))
    }
}

/// `struct in_pktinfo` and `struct in6_pktinfo`: from which address, through which interface.
fn push_local(extra: &mut Vec<u8>, from: Local, peer: SocketAddr) {
    match (from.address, peer) {
        (IpAddr::V4(address), SocketAddr::V4(_)) => {
            let interface = from.interface.to_ne_bytes();
            let data = [&interface[..], &address.octets(), &[0; 4]].concat();
            control::push(extra, libc::IPPROTO_IP, libc::IP_PKTINFO, &data);
        }
        (IpAddr::V6(address), SocketAddr::V6(_)) => {
            let data = [&address.octets()[..], &from.interface.to_ne_bytes()].concat();
            control::push(extra, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &data);
        }
        (IpAddr::V4(_), SocketAddr::V6(_)) | (IpAddr::V6(_), SocketAddr::V4(_)) => {}
    }
}

/// To which address of ours a datagram came.
pub(super) fn local_of(level: i32, kind: i32, data: &[u8]) -> Option<Local> {
    match (level, kind) {
        (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
            let interface = u32::from_ne_bytes(*data.first_chunk()?);
            let address: &[u8; 4] = data.get(4..)?.first_chunk()?;
            Some(Local { address: IpAddr::from(*address), interface })
        }
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
            let address: &[u8; 16] = data.first_chunk()?;
            let interface = u32::from_ne_bytes(*data.get(16..)?.first_chunk()?);
            Some(Local { address: IpAddr::from(*address), interface })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    fn loopback() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    fn received(socket: &Socket) -> super::super::Received {
        assert_eq!(super::super::wait(&[socket], PATIENCE).unwrap(), [true]);
        socket.receive(&mut [0; 64]).unwrap()
    }

    #[test]
    fn an_answer_leaves_from_the_address_that_was_asked() {
        let server = Socket::bound("0.0.0.0:0".parse().unwrap()).unwrap();
        let port = server.local().unwrap().port();
        let client = Socket::connected(SocketAddr::from(([127, 0, 0, 3], port))).unwrap();
        client.send(b"when?").unwrap();
        let asked = received(&server);
        let to = asked.to.unwrap();
        assert_eq!(to.address.to_string(), "127.0.0.3");
        server.answer(b"now", asked.from.unwrap(), Some(to), true).unwrap();
        assert_eq!(received(&client).from, Some(SocketAddr::from(([127, 0, 0, 3], port))));
    }

    #[test]
    fn the_times_of_departure_are_those_of_the_last_and_keep_nobody_awake() {
        let server = Socket::bound(loopback()).unwrap();
        let client = Socket::connected(server.local().unwrap()).unwrap();
        let peer = client.local().unwrap();
        let before = crate::clock::realtime();
        for stamped in [true, true, false, true] {
            server.answer(b"now", peer, None, stamped).unwrap();
        }
        if let Some(stamp) = server.departure() {
            assert!(stamp + PATIENCE > before, "{stamp:?} {before:?}");
        }
        assert_eq!(server.departure(), None, "it is said once");
        server.answer(b"now", peer, None, true).unwrap();
        // Nobody asks: whoever looks for a datagram clears it away.
        let _ = server.receive(&mut [0; 64]);
        assert_eq!(super::super::wait(&[&server], Duration::ZERO).unwrap(), [false]);
    }

    #[test]
    fn a_request_has_a_time_of_departure_where_the_kernel_gives_them() {
        let server = Socket::bound(loopback()).unwrap();
        let client = Socket::connected(server.local().unwrap()).unwrap();
        client.send(b"when?").unwrap();
        let arrived = received(&server).stamp;
        if let (Some(left), Some(came)) = (client.departure(), arrived) {
            assert!(left <= came + PATIENCE && came <= left + PATIENCE);
        }
    }
}
