use proptest::prelude::*;

use super::*;
use crate::packet::{Header, Mode};
use crate::time::Stamp;

const STAMP: Stamp = Stamp(0x0123_4567_89ab_cdef);
const CHANCE: Chance = Chance { identifier: [0x5a; 32], nonce: [0xa5; 16] };

/// No cipher, but every byte counts, and what is encrypted is not what it was.
#[derive(Debug, Clone)]
pub(super) struct Toy(u8);

impl Toy {
    fn tag(&self, nonce: &[u8], beside: &[u8], plain: &[u8]) -> [u8; 16] {
        let mut sum = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(self.0);
        for part in [nonce, beside, plain] {
            for byte in part.iter().chain(&[0xff]) {
                sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(5);
            }
        }
        let mut tag = [0; 16];
        tag[..8].copy_from_slice(&sum.to_be_bytes());
        tag
    }

    fn mask(&self, bytes: &[u8]) -> Vec<u8> {
        bytes.iter().map(|byte| byte ^ self.0).collect()
    }
}

impl Aead for Toy {
    fn seal(&self, nonce: &[u8], beside: &[u8], plain: &[u8]) -> Vec<u8> {
        [&self.tag(nonce, beside, plain)[..], &self.mask(plain)].concat()
    }

    fn open(&self, nonce: &[u8], beside: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (tag, masked) = sealed.split_at_checked(16)?;
        let plain = self.mask(masked);
        (tag == self.tag(nonce, beside, &plain)).then_some(plain)
    }
}

impl Keyed for Toy {
    fn with_key(key: [u8; ke::KEY_LENGTH]) -> Self {
        Self(key[0])
    }
}

fn session(cookies: usize) -> Session<Toy> {
    let cookies = (0..cookies).map(|n| vec![u8::try_from(n).unwrap(); 100]).collect();
    Session::new(Toy(1), Toy(2), cookies)
}

fn asked(cookies: usize) -> (Session<Toy>, Vec<u8>) {
    let mut session = session(cookies);
    let request = session.request(STAMP, &CHANCE).unwrap();
    (session, request)
}

fn header() -> Vec<u8> {
    Header { version: 4, mode: Mode::Server, stratum: 2, origin: STAMP, ..Header::default() }
        .encode()
        .to_vec()
}

/// The answer of a server with these cookies.
fn answer(identifier: &[u8], cookies: &[Vec<u8>]) -> Vec<u8> {
    let mut packet = header();
    field::append(&mut packet, IDENTIFIER, identifier);
    let mut plain = Vec::new();
    for cookie in cookies {
        field::append(&mut plain, COOKIE, cookie);
    }
    let sealed = Toy(2).seal(&[3; 16], &packet, &plain);
    field::append(&mut packet, AUTHENTICATOR, &authenticator(&[3; 16], &sealed));
    packet
}

fn nak() -> Vec<u8> {
    let mut packet = header();
    packet[1] = 0;
    packet[12..16].copy_from_slice(b"NTSN");
    field::append(&mut packet, IDENTIFIER, &CHANCE.identifier);
    packet
}

fn kinds(packet: &[u8]) -> Vec<(u16, usize)> {
    let fields = Fields::of_tail(&packet[HEADER..]);
    fields.map(|field| field.map(|field| (field.kind, field.value.len())).unwrap()).collect()
}

#[test]
fn a_request_has_identifier_cookie_and_authenticator_and_asks_for_what_is_missing() {
    let (session, request) = asked(8);
    assert_eq!(kinds(&request), [(IDENTIFIER, 32), (COOKIE, 100), (AUTHENTICATOR, 36)]);
    assert_eq!(session.cookies(), 7);
    let (_, request) = asked(6);
    let placeholders = kinds(&request).iter().filter(|(kind, _)| *kind == PLACEHOLDER).count();
    assert_eq!(placeholders, 2);
    assert!(kinds(&request).contains(&(PLACEHOLDER, 100)), "as long as a cookie");
}

#[test]
fn a_request_never_grows_beyond_a_packet() {
    for length in [1, 100, 300, COOKIE_MAX] {
        let mut session = Session::new(Toy(1), Toy(2), vec![vec![9; length]]);
        let request = session.request(STAMP, &CHANCE).unwrap();
        assert!(request.len() <= PACKET_MAX, "{length}");
    }
}

#[test]
fn a_cookie_is_used_once_and_without_one_nothing_is_asked() {
    let mut session = session(2);
    let cookie = |packet: &[u8]| packet[HEADER + 36 + 4];
    assert_eq!(cookie(&session.request(STAMP, &CHANCE).unwrap()), 0);
    assert_eq!(cookie(&session.request(STAMP, &CHANCE).unwrap()), 1);
    assert_eq!(session.request(STAMP, &CHANCE), None);
}

#[test]
fn an_interleaved_answer_is_opened_by_its_own_nonce_and_what_was_shown_opens_nothing() {
    let mut session = session(6);
    let asks = Request::interleaved(Stamp(3), Stamp(4), STAMP);
    let request = session.request(asks, &CHANCE).unwrap();
    assert_eq!(request[..HEADER], asks.encode());
    let with = |origin: u64| {
        let mut packet = header();
        packet[24..32].copy_from_slice(&origin.to_be_bytes());
        field::append(&mut packet, IDENTIFIER, &CHANCE.identifier);
        let sealed = Toy(2).seal(&[3; 16], &packet, &[]);
        field::append(&mut packet, AUTHENTICATOR, &authenticator(&[3; 16], &sealed));
        packet
    };
    assert_eq!(session.open(&with(3)), Err(Refused::Origin));
    assert_eq!(session.open(&with(0)), Err(Refused::Origin));
    let mut bent = with(4);
    bent[32] ^= 1;
    assert_eq!(session.open(&bent), Err(Refused::Code));
    assert!(session.open(&with(4)).is_ok());
    assert_eq!(session.open(&with(STAMP.0)), Err(Refused::Origin), "one answer");
}

#[test]
fn a_genuine_answer_is_opened_once_and_brings_cookies() {
    let (mut session, _) = asked(6);
    let genuine = answer(&CHANCE.identifier, &[vec![1; 100], vec![2; 100], vec![3; 100]]);
    assert_eq!(session.open(&genuine), Ok(&header()[..]));
    assert_eq!(session.cookies(), 8);
    assert_eq!(session.open(&genuine), Err(Refused::Origin), "a replay");
    assert_eq!(session.cookies(), 8);
}

#[test]
fn no_server_can_make_us_keep_more_than_eight_cookies() {
    let (mut session, _) = asked(1);
    let many = answer(&CHANCE.identifier, &vec![vec![1; 16]; 30]);
    assert!(session.open(&many).is_ok());
    assert_eq!(session.cookies(), COOKIES_MAX);
}

#[test]
fn cookies_outside_the_encryption_are_not_kept() {
    let (mut session, _) = asked(2);
    let mut packet = answer(&CHANCE.identifier, &[]);
    field::append(&mut packet, COOKIE, &[6; 100]);
    assert!(session.open(&packet).is_ok(), "what follows the authenticator does not count");
    assert_eq!(session.cookies(), 1);
}

#[test]
fn an_answer_without_an_authenticator_is_refused() {
    let (mut session, _) = asked(8);
    assert_eq!(session.open(&header()), Err(Refused::Unsigned), "it knows no NTS");
    let mut packet = header();
    field::append(&mut packet, IDENTIFIER, &CHANCE.identifier);
    assert_eq!(session.open(&packet), Err(Refused::Unsigned));
}

#[test]
fn another_identifier_or_two_are_refused() {
    let (mut session, _) = asked(8);
    assert_eq!(session.open(&answer(&[0x5b; 32], &[])), Err(Refused::Origin));
    let mut packet = header();
    field::append(&mut packet, IDENTIFIER, &CHANCE.identifier);
    packet.extend_from_slice(&answer(&CHANCE.identifier, &[])[HEADER..]);
    assert_eq!(session.open(&packet), Err(Refused::Origin));
}

#[test]
fn a_forgery_before_the_genuine_answer_changes_nothing() {
    let (mut session, _) = asked(8);
    let genuine = answer(&CHANCE.identifier, &[vec![1; 100]]);
    let mut forged = genuine.clone();
    forged[40] ^= 1;
    assert_eq!(session.open(&forged), Err(Refused::Code));
    assert_eq!(session.open(&nak()), Err(Refused::Unknown));
    assert_eq!(session.open(&genuine), Ok(&header()[..]));
    assert_eq!(session.cookies(), 8, "the forged NAK is forgotten");
}

#[test]
fn a_nak_ends_the_session_only_when_nothing_better_came_until_the_next_request() {
    let (mut session, _) = asked(8);
    assert_eq!(session.open(&nak()), Err(Refused::Unknown));
    assert!(!session.is_spent(), "the genuine answer may still follow");
    assert_eq!(session.request(STAMP, &CHANCE), None);
    assert!(session.is_spent());
}

#[test]
fn the_last_cookies_answer_is_waited_for_before_hands_are_shaken_again() {
    let (mut session, _) = asked(1);
    assert_eq!((session.cookies(), session.is_spent()), (0, false));
    assert_eq!(session.request(STAMP, &CHANCE), None);
    assert!(session.is_spent());
    let (mut session, _) = asked(1);
    assert!(session.open(&answer(&CHANCE.identifier, &[vec![1; 100]])).is_ok());
    assert!(!session.is_spent());
    assert!(session.request(STAMP, &CHANCE).is_some());
}

#[test]
fn a_nak_of_somebody_who_has_not_seen_the_request_is_nothing() {
    let (mut session, _) = asked(8);
    let mut wrong = nak();
    wrong[24] ^= 1;
    assert_eq!(session.open(&wrong), Err(Refused::Origin));
    let mut wrong = nak();
    wrong[HEADER + 4] ^= 1;
    assert_eq!(session.open(&wrong), Err(Refused::Origin));
    assert_eq!(session.cookies(), 7);
}

#[test]
fn lengths_within_an_authenticator_that_cannot_be_are_refused() {
    for (nonce, sealed) in [(0, 16), (16, 17), (16, 0xffff), (0xffff, 16), (0xfffd, 0)] {
        let (mut session, _) = asked(8);
        let mut packet = answer(&CHANCE.identifier, &[]);
        let at = HEADER + 36 + 4;
        packet[at..at + 2].copy_from_slice(&u16::to_be_bytes(nonce));
        packet[at + 2..at + 4].copy_from_slice(&u16::to_be_bytes(sealed));
        assert_eq!(session.open(&packet), Err(Refused::Code), "{nonce} {sealed}");
    }
}

proptest! {
    #[test]
    fn no_bit_of_an_answer_can_be_changed(at in 0_usize..220, bit in 0..8) {
        let (mut session, _) = asked(8);
        let mut packet = answer(&CHANCE.identifier, &[vec![1; 100]]);
        prop_assume!(at < packet.len());
        packet[at] ^= 1_u8 << bit;
        prop_assert!(session.open(&packet).is_err());
        prop_assert_eq!(session.cookies(), 7);
    }

    #[test]
    fn any_bytes_are_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..1100)) {
        let (mut session, _) = asked(8);
        prop_assert!(session.open(&bytes).is_err());
        if bytes.len() >= HEADER {
            bytes[24..32].copy_from_slice(&STAMP.0.to_be_bytes());
            bytes.truncate(bytes.len() & !3);
            prop_assert!(session.open(&bytes).is_err());
        }
    }
}
