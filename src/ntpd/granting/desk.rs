//! Where hands are shaken: TCP listeners, and those who have come in by them.
//!
//! Nobody who comes can keep us from the time. So many are let in per second and so many are heard
//! at once, of one network fewer; who makes room for another is who has waited longest. Each has a
//! deadline and a number of bytes. What TLS costs is measured, and after it nobody is heard for
//! three times as long: it takes a quarter of one processor at most.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd};

use cli::{Unable, UnableExt as _};
use ntp::budget::Budget;
use ntp::nts::cookies::Pair;
use ntp::time::{Raw, Span};
use nts::granting::{Conversation, Identity};

use crate::ntpd::machine::Machine;
use crate::ntpd::resolver::GLANCE;

/// So many are heard at once: with all of their buffers that is 3 MB.
const GUESTS_MAX: usize = 64;

/// And a part of the files that may be open: the time is told and asked for through some as well.
const PART_OF_FILES: u64 = 4;

/// So many of one network: who has but one address cannot take all places.
const OF_ONE_NETWORK: usize = 16;

/// So many are let in at once,
const AT_ONCE: u8 = 20;
/// and then one in this time: with the largest of RSA's keys on a small board that is what the
/// processor has.
const SPACING: Span = Span::from_nanos(50_000_000);

/// Who has not shaken hands by then is hung up on: three ways there and back by satellite take two
/// seconds.
const PATIENCE: Span = Span::from_secs(10);

/// So long at most, or one stranger's worth, TLS takes before anything else gets its turn.
const TURN_MAX: Span = Span::from_nanos(3_000_000);

/// For so many times as long as TLS took, nobody is heard after it.
const REST: i64 = 3;

/// So much is read of one at a time.
const PART: usize = 4096;

/// A listener, and the port where its clients are to ask for the time if it is not NTP's.
#[derive(Debug)]
struct Door {
    listener: TcpListener,
    port: Option<u16>,
}

/// Somebody who has come in.
#[derive(Debug)]
struct Guest {
    stream: TcpStream,
    network: IpAddr,
    port: Option<u16>,
    talk: Conversation,
    unsent: Vec<u8>,
    until: Raw,
}

/// The listeners and who is there.
#[derive(Debug)]
pub(super) struct Desk {
    doors: Vec<Door>,
    guests: VecDeque<Guest>,
    /// So many are heard at once.
    most: usize,
    budget: Budget,
    rests_until: Option<Raw>,
}

impl Desk {
    /// Listens at each of these, with the port where the time is to be asked for.
    ///
    /// # Errors
    /// An address cannot be had.
    pub(super) fn open(at: &[(SocketAddr, Option<u16>)]) -> Result<Self, Unable> {
        let open = |(at, port): &(SocketAddr, Option<u16>)| {
            let listener = TcpListener::bind(at)
                .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
                .unable(format_args!("bind to {at} for NTS"))?;
            Ok(Door { listener, port: *port })
        };
        let doors = at.iter().map(open).collect::<Result<_, Unable>>()?;
        let budget = Budget::new(AT_ONCE, SPACING);
        let most = sys::limits::open_files().map_or(GUESTS_MAX, |files| most(files.soft));
        Ok(Self { doors, guests: VecDeque::new(), most, budget, rests_until: None })
    }

    /// Where: ports of the kernel's choice are known by now.
    pub(super) fn places(&self) -> Vec<String> {
        let at = self.doors.iter().filter_map(|door| door.listener.local_addr().ok());
        at.map(|at| at.to_string()).collect()
    }

    /// Whom to wait for.
    pub(super) fn descriptors(&self, now: Raw) -> Vec<BorrowedFd<'_>> {
        if self.rests_until.is_some_and(|until| now < until) {
            return Vec::new();
        }
        let may_come = self.budget.wait(now) == Span::ZERO;
        let doors = self.doors.iter().filter(|_| may_come).map(|door| door.listener.as_fd());
        // Who is not heard any more, because he takes no answer, is looked at now and then.
        let guests = self.guests.iter().filter(|guest| !guest.talk.is_over());
        doors.chain(guests.map(|guest| guest.stream.as_fd())).collect()
    }

    /// How long there is nothing to do, should nobody come.
    pub(super) fn wait(&self, now: Raw) -> Option<Span> {
        let rest = self.rests_until.map(|until| until - now).filter(|rest| *rest > Span::ZERO);
        if rest.is_some() {
            return rest;
        }
        let until = self.guests.iter().map(|guest| guest.until - now);
        let glance = Span::from_nanos(i64::try_from(GLANCE.as_nanos()).unwrap_or(i64::MAX));
        let unsent = self.guests.iter().any(|guest| !guest.unsent.is_empty());
        let again = Some(self.budget.wait(now)).filter(|wait| *wait > Span::ZERO);
        until.chain(unsent.then_some(glance)).chain(again).min()
    }

    /// Lets in who comes and is admitted, and goes on with those who are there. `grant` says what
    /// one is granted who has this pair of keys and is told this port.
    pub(super) fn turn(
        &mut self,
        machine: &impl Machine,
        identity: &Identity,
        admits: impl Fn(IpAddr) -> bool,
        grant: impl Fn(Pair, Option<u16>) -> Option<Vec<u8>>,
    ) {
        let begun = machine.raw();
        if self.rests_until.is_some_and(|until| begun < until) {
            return;
        }
        self.let_in(begun, identity, admits);
        let mut worked = false;
        for _ in 0..self.guests.len() {
            let now = machine.raw();
            if now - begun > TURN_MAX {
                break;
            }
            let Some(mut guest) = self.guests.pop_front() else { break };
            let (stays, heard) = guest.turn(now, &grant);
            worked |= heard;
            if stays {
                self.guests.push_back(guest);
            }
        }
        let took = machine.raw() - begun;
        self.rests_until = worked.then(|| begun + took + Span::from_nanos(took.nanos() * REST));
    }

    /// One at each door.
    fn let_in(&mut self, now: Raw, identity: &Identity, admits: impl Fn(IpAddr) -> bool) {
        for door in &self.doors {
            if self.budget.wait(now) > Span::ZERO {
                return;
            }
            let accepted = door.listener.accept();
            if accepted.as_ref().is_err_and(is_for_later) {
                continue;
            }
            // One who could not be let in counts as well: he still stands there, and wakes us.
            self.budget.spend(now);
            let Ok((stream, from)) = accepted else { continue };
            // TLS would wait for random numbers: early at boot there may be none.
            let is_ready = admits(from.ip()) && sys::random::nonce().is_ok();
            if !is_ready || stream.set_nonblocking(true).is_err() {
                continue;
            }
            let Ok(talk) = Conversation::new(identity) else { continue };
            let (network, until) = (network(from.ip()), now + PATIENCE);
            let there: Vec<(IpAddr, Raw)> =
                self.guests.iter().map(|guest| (guest.network, guest.until)).collect();
            who_goes(&there, network, self.most).and_then(|at| self.guests.remove(at));
            let (port, unsent) = (door.port, Vec::new());
            self.guests.push_back(Guest { stream, network, port, talk, unsent, until });
        }
    }
}

/// How many are heard at once where so many files may be open.
fn most(files: u64) -> usize {
    usize::try_from(files / PART_OF_FILES).map_or(GUESTS_MAX, |most| most.clamp(1, GUESTS_MAX))
}

/// Who makes room for one of `network`, where there are `most` or too many of it: whoever came
/// first. Each guest with his network, and until when he is heard.
fn who_goes(guests: &[(IpAddr, Raw)], network: IpAddr, most: usize) -> Option<usize> {
    let of_it = guests.iter().filter(|(its, _)| *its == network).count() >= OF_ONE_NETWORK;
    let may_go = |its: IpAddr| if of_it { its == network } else { guests.len() >= most };
    let candidates = guests.iter().enumerate().filter(|(_, (its, _))| may_go(*its));
    candidates.min_by_key(|(_, (_, until))| *until).map(|(at, _)| at)
}

/// Of IPv6 the first 64 bits count: the rest is anybody's to invent.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        four @ IpAddr::V4(_) => four,
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() >> 64 << 64).into(),
    }
}

impl Guest {
    /// Goes on; whether he stays, and whether he had anything to say.
    fn turn(
        &mut self,
        now: Raw,
        grant: impl Fn(Pair, Option<u16>) -> Option<Vec<u8>>,
    ) -> (bool, bool) {
        let heard = if self.talk.is_over() { Ok(false) } else { self.hear(grant) };
        let sent = self.send();
        let is_done = self.talk.is_over() && self.unsent.is_empty();
        let stays = now < self.until && heard.is_ok() && sent.is_ok() && !is_done;
        (stays, heard.unwrap_or(false))
    }

    fn hear(&mut self, grant: impl Fn(Pair, Option<u16>) -> Option<Vec<u8>>) -> io::Result<bool> {
        let mut part = [0; PART];
        let length = match self.stream.read(&mut part) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => length,
            Err(error) if is_for_later(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        let asked_at = self.port;
        self.talk.hear(part.get(..length).unwrap_or_default(), |pair| grant(pair, asked_at));
        self.unsent.extend(self.talk.unsent());
        Ok(true)
    }

    fn send(&mut self) -> io::Result<()> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        match self.stream.write(&self.unsent) {
            Ok(length) => {
                self.unsent.drain(..length.min(self.unsent.len()));
                Ok(())
            }
            Err(error) if is_for_later(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::ntpd::kernel::Kernel;

    fn now() -> Raw {
        Kernel::new().raw()
    }

    fn identity() -> Identity {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/nts/tests/certificates");
        let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
        Identity::new(&read("good.pem"), &read("s.key")).unwrap()
    }

    fn desk() -> (Desk, SocketAddr) {
        let desk = Desk::open(&[("127.0.0.1:0".parse().unwrap(), None)]).unwrap();
        let at = desk.doors[0].listener.local_addr().unwrap();
        (desk, at)
    }

    /// Turns until it is so.
    fn turn_until(desk: &mut Desk, is_so: impl Fn(&Desk) -> bool) {
        let (identity, end) = (identity(), Instant::now() + Duration::from_mins(2));
        while !is_so(desk) {
            assert!(Instant::now() < end, "{desk:?}");
            desk.turn(&Kernel::new(), &identity, |_| true, |_, _| None);
        }
    }

    #[test]
    fn few_are_let_in_at_once_and_the_others_wait_outside() {
        let (mut desk, at) = desk();
        let _crowd: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(at).unwrap()).collect();
        let (identity, came, begun) = (identity(), Cell::new(0), now());
        let end = Instant::now() + Duration::from_mins(2);
        while came.get() < 40 {
            assert!(Instant::now() < end, "{} have come", came.get());
            let admits = |_| {
                came.set(came.get() + 1);
                came.get() % 2 == 0
            };
            desk.turn(&Kernel::new(), &identity, admits, |_, _| None);
            let now = Kernel::new().raw();
            let earned = (now - begun).nanos() / SPACING.nanos();
            assert!(came.get() <= i64::from(AT_ONCE) + earned, "{} have come", came.get());
            assert!(desk.guests.len() <= OF_ONE_NETWORK);
            if desk.budget.wait(now) > Span::ZERO {
                assert_eq!(desk.descriptors(now).len(), desk.guests.len(), "the door is shut");
                assert!(desk.wait(now).unwrap() <= SPACING);
            }
        }
        assert_eq!(desk.guests.len(), OF_ONE_NETWORK);
    }

    #[test]
    fn after_work_nobody_is_heard_for_a_while() {
        let (mut desk, at) = desk();
        let mut guest = TcpStream::connect(at).unwrap();
        turn_until(&mut desk, |desk| desk.guests.len() == 1);
        assert_eq!((desk.rests_until, desk.descriptors(now()).len()), (None, 2));
        let before = now();
        guest.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        turn_until(&mut desk, |desk| desk.guests.is_empty());
        let until = desk.rests_until.unwrap();
        assert!(until > before);
        assert_eq!(desk.descriptors(before).len(), 0);
        assert_eq!(desk.wait(before), Some(until - before));
        assert_eq!(desk.descriptors(until).len(), 1);
        assert_eq!(desk.wait(until), None);
    }

    #[test]
    fn who_came_first_of_the_fullest_makes_room() {
        let at = |second| Raw::default() + Span::from_secs(second);
        let of = |number: u8| IpAddr::from([192, 0, 2, number]);
        let stranger = of(200);
        let alike: Vec<_> = (1..=16).rev().map(|second| (of(1), at(second))).collect();
        assert_eq!(who_goes(&alike, of(1), 64), Some(15));
        assert_eq!(who_goes(&alike[1..], of(1), 64), None, "there is a place left");
        assert_eq!(who_goes(&alike, stranger, 64), None);
        assert_eq!(who_goes(&alike, stranger, 16), Some(15));
        let mut full: Vec<_> = (0..64).map(|n| (of(n / 16), at(100 - i64::from(n)))).collect();
        assert_eq!(who_goes(&full, stranger, 64), Some(63));
        assert_eq!(who_goes(&full, of(0), 64), Some(15), "its own network makes room");
        full.pop();
        assert_eq!(who_goes(&full, stranger, 64), None);
        assert_eq!(who_goes(&[], stranger, 64), None);
    }

    #[test]
    fn where_few_files_may_be_open_fewer_are_heard() {
        assert_eq!([0, 4, 40, 256, 1024, u64::MAX].map(most), [1, 1, 10, 64, 64, 64]);
    }

    #[test]
    fn a_network_is_an_address_of_four_or_half_of_one_of_six() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
    }
}
