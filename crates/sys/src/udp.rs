//! UDP sockets with the kernel's time of arrival, and poll(2) to wait for them.
//!
//! The calls are chosen with care: clknetsim, the simulator in which time services are compared,
//! stands in for the C library's `socket(family, SOCK_DGRAM, 0)` without flags, `fcntl`, `send`,
//! `sendto`, `recvmsg` with one buffer, and `poll`; and hands out one datagram per poll. The
//! standard library's own sockets set flags in `socket` and are refused there.

use std::cell::Cell;
use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

mod control;
mod departure;

/// Room for the control messages of one datagram: three `timespec` and what an option may add.
const CONTROL: usize = 256;

/// A non-blocking socket.
#[derive(Debug)]
pub struct Socket {
    inner: UdpSocket,
    /// The kernel tells times of departure: of those that are asked for, or of each.
    stamps_departures: Cell<bool>,
    each_departure: Cell<bool>,
    /// So many were asked for, and so many not yet read.
    departures: Cell<u32>,
    unread: Cell<u32>,
}

/// An address of ours, and the interface it was asked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// The address.
    pub address: IpAddr,
    /// The interface's number.
    pub interface: u32,
}

/// A datagram as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// How many bytes of the buffer it fills.
    pub length: usize,
    /// There were more bytes than the buffer holds.
    pub cut: bool,
    /// Who sent it.
    pub from: Option<SocketAddr>,
    /// To which address of ours, where the socket hears several.
    pub to: Option<Local>,
    /// When it came, by the system clock since the Unix epoch, where the kernel says it.
    pub stamp: Option<Duration>,
}

impl Socket {
    /// A socket that talks with `peer` and nobody else, from a port of the kernel's choice.
    ///
    /// # Errors
    /// Those of socket(2) and connect(2).
    pub fn connected(peer: SocketAddr) -> io::Result<Self> {
        let this = Self::open(&peer)?;
        // Without, the clock has to do.
        let _ = this.number_departures(true);
        this.inner.connect(peer)?;
        Ok(this)
    }

    /// A socket that hears what is sent to `address`.
    ///
    /// # Errors
    /// Those of socket(2) and bind(2).
    pub fn bound(address: SocketAddr) -> io::Result<Self> {
        let this = Self::open(&address)?;
        let _ = this.number_departures(false);
        this.ask_for_addresses(&address);
        let (storage, length) = in_c(&address);
        let pointer = (&raw const storage).cast();
        // SAFETY: the pointer and the length are those of an address of this family, which lives
        // on.
        Errno::result(unsafe { libc::bind(this.inner.as_raw_fd(), pointer, length) })?;
        Ok(this)
    }

    /// The address it is bound to.
    ///
    /// # Errors
    /// Those of getsockname(2).
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Sends to the peer it is connected to.
    ///
    /// # Errors
    /// Those of send(2).
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.inner.send(bytes)?;
        if self.each_departure.get() {
            self.departed();
        }
        Ok(())
    }

    /// Sends to anybody.
    ///
    /// # Errors
    /// Those of sendto(2).
    pub fn send_to(&self, bytes: &[u8], peer: SocketAddr) -> io::Result<()> {
        self.inner.send_to(bytes, peer).map(drop)
    }

    /// Takes one datagram.
    ///
    /// # Errors
    /// `EAGAIN` where there is none; what the network said of an earlier send (`ECONNREFUSED`); and
    /// all of recvmsg(2).
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut name = MaybeUninit::<libc::sockaddr_storage>::zeroed();
        let mut control = Control([0; CONTROL]);
        let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        let mut message = empty_message();
        message.msg_name = name.as_mut_ptr().cast();
        message.msg_namelen = socklen(size_of::<libc::sockaddr_storage>());
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = control::c_length(CONTROL);
        // SAFETY: every pointer in the message is to a buffer above, of the length beside it.
        let length = unsafe { libc::recvmsg(self.inner.as_raw_fd(), &raw mut message, 0) };
        let length = usize::try_from(length).map_err(|_| {
            let error = io::Error::last_os_error();
            self.clear_departures();
            error
        })?;
        // SAFETY: it was zeroed, which is a value of this struct of integers; perhaps filled since.
        let name = unsafe { name.assume_init() };
        let mut received = Received {
            length: length.min(buffer.len()),
            cut: message.msg_flags & libc::MSG_TRUNC != 0,
            from: from_c(&name),
            to: None,
            stamp: None,
        };
        received.take_in(control::filled(&control.0, message.msg_controllen));
        Ok(received)
    }

    fn open(address: &SocketAddr) -> io::Result<Self> {
        let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        // SAFETY: socket(2) takes no pointer.
        let fd = Errno::result(unsafe { libc::socket(family, libc::SOCK_DGRAM, 0) })?;
        // SAFETY: the descriptor is fresh from the kernel and nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let flags = OFlag::from_bits_truncate(fcntl(&fd, FcntlArg::F_GETFL)?);
        fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        let this = Self {
            inner: UdpSocket::from(fd),
            stamps_departures: Cell::new(false),
            each_departure: Cell::new(false),
            departures: Cell::new(0),
            unread: Cell::new(0),
        };
        this.ask_for_stamps();
        Ok(this)
    }

    /// Asks for the time of arrival. Where it is refused there is none, and the clock has to do.
    fn ask_for_stamps(&self) {
        let wanted = libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
        let level = libc::SOL_SOCKET;
        if self.set_option(level, libc::SO_TIMESTAMPING, wanted.cast_signed()).is_err() {
            let _ = self.set_option(level, libc::SO_TIMESTAMPNS, 1);
        }
    }

    /// Asks to which address of ours each datagram came, where there may be several.
    fn ask_for_addresses(&self, address: &SocketAddr) {
        let (level, option) = match address.ip() {
            ip if !ip.is_unspecified() => return,
            IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO),
            IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
        };
        // Without, the kernel chooses where an answer comes from.
        let _ = self.set_option(level, option, 1);
    }

    fn set_option(&self, level: i32, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
        let length = socklen(size_of_val(&value));
        let (fd, pointer) = (self.inner.as_raw_fd(), (&raw const value).cast());
        // SAFETY: the pointer and the length are those of a value that lives through the call.
        let set = unsafe { libc::setsockopt(fd, level, option, pointer, length) };
        Errno::result(set)?;
        Ok(())
    }
}

impl Received {
    /// What the control messages say.
    fn take_in(&mut self, filled: &[u8]) {
        let stamps = [libc::SCM_TIMESTAMPING, libc::SCM_TIMESTAMPNS];
        for (level, kind, data) in control::messages(filled) {
            if level == libc::SOL_SOCKET && stamps.contains(&kind) {
                self.stamp = self.stamp.or_else(|| stamp_of(data));
            }
            self.to = self.to.or_else(|| departure::local_of(level, kind, data));
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// Waits for any of `waited` to have something to say, or for `limit` to pass, or for a signal.
/// Which of them have, in their order.
///
/// # Errors
/// Those of poll(2), but not `EINTR`.
pub fn wait<F: AsFd>(waited: &[F], limit: Duration) -> io::Result<Vec<bool>> {
    let mut fds: Vec<PollFd> =
        waited.iter().map(|one| PollFd::new(one.as_fd(), PollFlags::POLLIN)).collect();
    // Up, lest the last millisecond be spent in a hundred polls.
    let millis = limit.as_nanos().div_ceil(1_000_000);
    let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
    match poll(&mut fds, timeout) {
        Ok(_) => Ok(fds.iter().map(|fd| fd.any().unwrap_or(true)).collect()),
        Err(Errno::EINTR) => Ok(vec![false; waited.len()]),
        Err(errno) => Err(errno.into()),
    }
}

/// Aligned as control messages must be.
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

fn empty_message() -> libc::msghdr {
    // SAFETY: integers and pointers all through; null pointers of length zero are a value.
    unsafe { mem::zeroed() }
}

/// The stamp among three that is the software's: a `struct timespec`.
fn stamp_of(data: &[u8]) -> Option<Duration> {
    let seconds = i64::from_ne_bytes(*data.first_chunk()?);
    let nanos = i64::from_ne_bytes(*data.get(8..)?.first_chunk()?);
    since_epoch(seconds, nanos)
}

/// Zero is what the kernel gives where it has no stamp.
fn since_epoch(seconds: i64, nanos: i64) -> Option<Duration> {
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    let stamp = Duration::new(u64::try_from(seconds).ok()?, nanos);
    (!stamp.is_zero()).then_some(stamp)
}

fn socklen(size: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(size).unwrap_or(0)
}

fn family(family: libc::c_int) -> libc::sa_family_t {
    libc::sa_family_t::try_from(family).unwrap_or(0)
}

fn in_c(address: &SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    let mut storage = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let length = match address {
        SocketAddr::V4(address) => {
            let name = libc::sockaddr_in {
                sin_family: family(libc::AF_INET),
                sin_port: address.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
                sin_zero: [0; 8],
            };
            // SAFETY: a `sockaddr_storage` has the room and the alignment of every address.
            unsafe { storage.as_mut_ptr().cast::<libc::sockaddr_in>().write(name) };
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(address) => {
            let name = libc::sockaddr_in6 {
                sin6_family: family(libc::AF_INET6),
                sin6_port: address.port().to_be(),
                sin6_flowinfo: address.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                sin6_scope_id: address.scope_id(),
            };
            // SAFETY: a `sockaddr_storage` has the room and the alignment of every address.
            unsafe { storage.as_mut_ptr().cast::<libc::sockaddr_in6>().write(name) };
            size_of::<libc::sockaddr_in6>()
        }
    };
    // SAFETY: it was zeroed, which is a value of this struct of integers, and then filled.
    (unsafe { storage.assume_init() }, socklen(length))
}

fn from_c(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let pointer = &raw const *storage;
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says what it is, and the storage has the room for it.
            let name = unsafe { pointer.cast::<libc::sockaddr_in>().read() };
            let ip = Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be(name.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says what it is, and the storage has the room for it.
            let name = unsafe { pointer.cast::<libc::sockaddr_in6>().read() };
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
            let (port, flow) = (u16::from_be(name.sin6_port), name.sin6_flowinfo);
            Some(std::net::SocketAddrV6::new(ip, port, flow, name.sin6_scope_id).into())
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

    #[test]
    fn a_datagram_comes_with_its_sender_and_a_time_of_arrival() {
        let server = Socket::bound(loopback()).unwrap();
        let client = Socket::connected(server.local().unwrap()).unwrap();
        let before = crate::clock::realtime();
        client.send(b"when?").unwrap();
        client.departure();
        assert_eq!(wait(&[&client, &server], PATIENCE).unwrap(), [false, true]);
        let mut buffer = [0; 64];
        let received = server.receive(&mut buffer).unwrap();
        assert_eq!(&buffer[..received.length], b"when?");
        assert_eq!(received.from, Some(client.local().unwrap()));
        assert!(!received.cut);
        if let Some(stamp) = received.stamp {
            // Somebody may set the clock meanwhile, but hardly so that this becomes untrue.
            assert!(stamp + PATIENCE > before, "{stamp:?} {before:?}");
        }
    }

    #[test]
    fn an_answer_goes_back_and_a_stranger_is_not_heard() {
        let server = Socket::bound(loopback()).unwrap();
        let stranger = Socket::bound(loopback()).unwrap();
        let client = Socket::connected(server.local().unwrap()).unwrap();
        stranger.send_to(b"now!", client.local().unwrap()).unwrap();
        server.send_to(b"later", client.local().unwrap()).unwrap();
        assert_eq!(wait(&[&client], PATIENCE).unwrap(), [true]);
        let mut buffer = [0; 64];
        let received = client.receive(&mut buffer).unwrap();
        assert_eq!(&buffer[..received.length], b"later");
    }

    #[test]
    fn nothing_to_hear_is_an_error_and_not_a_wait() {
        let socket = Socket::bound(loopback()).unwrap();
        let error = socket.receive(&mut [0; 64]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(wait(&[&socket], Duration::ZERO).unwrap(), [false]);
    }

    #[test]
    fn a_datagram_that_is_too_long_is_known_to_be_cut() {
        let server = Socket::bound(loopback()).unwrap();
        let client = Socket::connected(server.local().unwrap()).unwrap();
        client.send(&[7; 100]).unwrap();
        wait(&[&server], PATIENCE).unwrap();
        let received = server.receive(&mut [0; 64]).unwrap();
        assert_eq!((received.length, received.cut), (64, true));
    }

    #[test]
    fn a_port_where_nobody_listens_refuses() {
        // No port that another test may be given meanwhile.
        let client = Socket::connected(SocketAddr::from(([127, 0, 0, 1], 1))).unwrap();
        client.send(b"hello?").unwrap();
        assert_eq!(wait(&[&client], PATIENCE).unwrap(), [true]);
        let error = client.receive(&mut [0; 64]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn addresses_survive_the_way_to_c_and_back() {
        for text in ["192.0.2.1:123", "[2001:db8::1]:1123", "[fe80::1%3]:123"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(from_c(&in_c(&address).0), Some(address));
        }
    }

    #[test]
    fn a_socket_is_closed_on_exec_and_does_not_block() {
        let socket = Socket::bound(loopback()).unwrap();
        let flags = fcntl(&socket, FcntlArg::F_GETFD).unwrap();
        assert_ne!(flags & libc::FD_CLOEXEC, 0);
        let flags = fcntl(&socket, FcntlArg::F_GETFL).unwrap();
        assert_ne!(flags & libc::O_NONBLOCK, 0);
    }
}
