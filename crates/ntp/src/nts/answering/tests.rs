use proptest::prelude::*;

use super::*;
use crate::answer::Refused;
use crate::nts::tests::Toy;
use crate::nts::{Chance, Session};
use crate::packet::{Header, PACKET_MAX};
use crate::time::Stamp;

const STAMP: Stamp = Stamp(0x0123_4567_89ab_cdef);
const CHANCE: Chance = Chance { identifier: [0x5a; 32], nonce: [0xa5; 16] };
const PAIR: Pair = Pair { requests: [1; 32], answers: [2; 32] };

fn jar() -> Jar<Toy> {
    Jar::new(7, [9; 32])
}

fn cookies(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| jar().seal(&PAIR, &[u8::try_from(n).unwrap(); 16])).collect()
}

/// A client with so many cookies of ours, and its request.
fn asked(count: usize) -> (Session<Toy>, Vec<u8>) {
    let keys = (Toy::with_key(PAIR.requests), Toy::with_key(PAIR.answers));
    let mut session = Session::new(keys.0, keys.1, cookies(count));
    let request = session.request(STAMP, &CHANCE).unwrap();
    (session, request)
}

fn header() -> [u8; HEADER] {
    Header { version: 4, mode: Mode::Server, stratum: 2, origin: STAMP, ..Header::default() }
        .encode()
}

fn is_true(question: &[u8]) -> Option<usize> {
    match read(question, &jar()) {
        Claim::True(asked) => Some(asked.cookies),
        Claim::None | Claim::Broken | Claim::Disowned(_) => None,
    }
}

/// A question of these fields before its authenticator.
fn of_fields(fields: &[(u16, &[u8])]) -> Vec<u8> {
    let mut packet = packet::request(STAMP).to_vec();
    for (kind, value) in fields {
        field::append(&mut packet, *kind, value);
    }
    let sealed = crate::nts::Aead::seal(&Toy::with_key(PAIR.requests), &[3; 16], &packet, &[]);
    field::append(&mut packet, AUTHENTICATOR, &authenticator(&[3; 16], &sealed));
    packet
}

#[test]
fn our_own_client_believes_the_answer_and_has_its_cookies_full_again() {
    for count in 1..=8 {
        let (mut session, request) = asked(count);
        let Claim::True(asked) = read(&request, &jar()) else { panic!("it is true") };
        assert_eq!(asked.cookies, 9 - count);
        let answer = asked.answer::<Toy>(&header(), &cookies(8), &[6; 16]);
        assert_eq!(answer.len(), request.len());
        assert_eq!(session.open(&answer), Ok(&header()[..]));
        assert_eq!(session.cookies(), 8);
        let again = session.request(Stamp(5), &CHANCE).unwrap();
        assert_eq!(is_true(&again), Some(1));
    }
}

#[test]
fn a_cookie_that_cannot_be_opened_is_disowned_and_the_client_knows_it() {
    let (mut session, request) = asked(2);
    let stranger = Jar::<Toy>::new(7, [8; 32]);
    let Claim::Disowned(identifier) = read(&request, &stranger) else { panic!("it is not his") };
    assert_eq!(identifier, CHANCE.identifier);
    let (asked, _) = packet::parse(&request).unwrap();
    let kiss = disown(&asked, identifier);
    assert!(kiss.len() < request.len());
    assert_eq!(session.open(&kiss), Err(Refused::Unknown));
    assert!(session.request(Stamp(5), &CHANCE).is_none(), "it takes a handshake");
}

#[test]
fn a_replayed_request_is_answered_again_and_its_answer_is_of_use_to_nobody_else() {
    let (mut session, request) = asked(8);
    for _ in 0..2 {
        assert_eq!(is_true(&request), Some(1), "nothing is remembered of a request");
    }
    let Claim::True(asked) = read(&request, &jar()) else { panic!("it is true") };
    let answer = asked.answer::<Toy>(&header(), &cookies(1), &[6; 16]);
    assert!(session.open(&answer).is_ok());
    assert!(session.open(&answer).is_err(), "no request is open");
}

#[test]
fn what_has_nothing_of_nts_is_another_question() {
    assert_eq!(read(&packet::request(STAMP), &jar()), Claim::None);
    let mut only = packet::request(STAMP).to_vec();
    field::append(&mut only, IDENTIFIER, &[1; 32]);
    assert_eq!(read(&only, &jar()), Claim::None);
    let mut version_3 = asked(8).1;
    version_3[0] = 0x1b;
    assert_eq!(read(&version_3, &jar()), Claim::None);
    assert_eq!(read(&[], &jar()), Claim::None);
}

#[test]
fn what_is_not_whole_is_answered_by_nobody() {
    let cookie = &cookies(1)[0][..];
    let identifier = (IDENTIFIER, &[1; 32][..]);
    assert_eq!(is_true(&of_fields(&[identifier, (COOKIE, cookie)])), Some(1));
    let rows: &[&[(u16, &[u8])]] = &[
        &[(COOKIE, cookie)],
        &[identifier],
        &[(IDENTIFIER, &[1; 28]), (COOKIE, cookie)],
        &[identifier, identifier, (COOKIE, cookie)],
        &[identifier, (COOKIE, cookie), (COOKIE, cookie)],
    ];
    for fields in rows {
        assert_eq!(read(&of_fields(fields), &jar()), Claim::Broken, "{fields:x?}");
    }
    let mut unsealed = packet::request(STAMP).to_vec();
    field::append(&mut unsealed, IDENTIFIER, &[1; 32]);
    field::append(&mut unsealed, COOKIE, cookie);
    assert_eq!(read(&unsealed, &jar()), Claim::Broken);
    for value in [&[0; 40][..], &[0, 16, 0, 99, 0, 0, 0, 0, 0, 0, 0, 0], &[0, 255, 0, 16]] {
        let mut packet = unsealed.clone();
        field::append(&mut packet, AUTHENTICATOR, value);
        assert_eq!(read(&packet, &jar()), Claim::Broken, "{value:x?}");
    }
}

#[test]
fn a_cut_or_lengthened_cookie_is_disowned() {
    let cookie = &cookies(1)[0];
    for value in [&cookie[..96], &[&cookie[..], &[0; 4]].concat(), &[0; 16]] {
        let question = of_fields(&[(IDENTIFIER, &[1; 32]), (COOKIE, value)]);
        assert!(matches!(read(&question, &jar()), Claim::Disowned(_)), "{}", value.len());
    }
}

#[test]
fn placeholders_get_no_more_than_there_is_room_and_eight() {
    let cookie = &cookies(1)[0][..];
    let with = |placeholder: &[u8], count| {
        let mut fields = vec![(IDENTIFIER, &[1; 32][..]), (COOKIE, cookie)];
        fields.extend(std::iter::repeat_n((PLACEHOLDER, placeholder), count));
        is_true(&of_fields(&fields))
    };
    assert_eq!(with(&[0; cookies::LENGTH], 3), Some(4));
    assert_eq!(with(&[0; cookies::LENGTH], 7), Some(8));
    assert_eq!(with(&[0; 12], 30), Some(1), "short ones are room for nothing");
    // Beyond a packet: as if there were no limit to those.
    assert_eq!(with(&[0; cookies::LENGTH], 8), None);
    let short = of_fields(&[(IDENTIFIER, &[1; 32]), (COOKIE, cookie)]);
    assert!(short.len() < PACKET_MAX);
}

/// A nonce and a tag shorter than ours leave no room for a cookie: then there is none.
#[test]
fn an_answer_without_room_has_fewer_cookies() {
    let mut packet = packet::request(STAMP).to_vec();
    field::append(&mut packet, IDENTIFIER, &[1; 32]);
    field::append(&mut packet, COOKIE, &cookies(1)[0]);
    let sealed = crate::nts::Aead::seal(&Toy::with_key(PAIR.requests), &[3; 4], &packet, &[]);
    let value = [&[0, 4, 0, 16, 3, 3, 3, 3][..], &sealed].concat();
    field::append(&mut packet, AUTHENTICATOR, &value);
    let Claim::True(asked) = read(&packet, &jar()) else { panic!("it is true") };
    assert_eq!(asked.cookies, 0);
    let answer = asked.answer::<Toy>(&header(), &cookies(8), &[6; 16]);
    assert!(answer.len() <= packet.len());
}

#[test]
fn what_follows_the_authenticator_is_not_looked_at() {
    let (_, mut request) = asked(8);
    field::append(&mut request, PLACEHOLDER, &[0; cookies::LENGTH]);
    assert_eq!(is_true(&request), Some(1));
}

proptest! {
    #[test]
    fn no_bit_of_a_request_can_be_changed(at in 0_usize..228, bit in 0..8) {
        let (_, mut request) = asked(8);
        prop_assert_eq!(request.len(), 228);
        request[at] ^= 1_u8 << bit;
        prop_assert_eq!(is_true(&request), None);
    }

    #[test]
    fn any_bytes_are_read_and_no_answer_is_longer(
        tail in proptest::collection::vec(any::<u8>(), 0..900),
        cut in 0_usize..200,
    ) {
        let (_, mut request) = asked(1);
        request.truncate(request.len() - cut);
        let strange = [&packet::request(STAMP)[..], &tail].concat();
        for question in [&request, &strange] {
            match read(question, &jar()) {
                Claim::None | Claim::Broken => {}
                Claim::Disowned(identifier) => {
                    let (header, _) = packet::parse(question).unwrap();
                    prop_assert!(disown(&header, identifier).len() <= question.len());
                }
                Claim::True(asked) => {
                    let answer = asked.answer::<Toy>(&header(), &cookies(8), &[6; 16]);
                    prop_assert!(answer.len() <= question.len());
                }
            }
        }
    }

    #[test]
    fn any_fields_are_read_and_no_answer_is_longer(
        fields in proptest::collection::vec(
            (
                prop::sample::select(vec![IDENTIFIER, COOKIE, PLACEHOLDER, AUTHENTICATOR, 0x2222]),
                prop::sample::select(vec![0_usize, 12, 28, 32, 64, 100, 104, 400]),
                any::<bool>(),
            ),
            0..6,
        ),
    ) {
        let cookie = &cookies(1)[0][..];
        let fields: Vec<(u16, Vec<u8>)> = fields
            .into_iter()
            .map(|(kind, length, is_ours)| {
                (kind, if is_ours { cookie.to_vec() } else { vec![1; length] })
            })
            .collect();
        let fields: Vec<_> = fields.iter().map(|(kind, value)| (*kind, &value[..])).collect();
        let question = of_fields(&fields);
        if let Claim::True(asked) = read(&question, &jar()) {
            let answer = asked.answer::<Toy>(&header(), &cookies(8), &[6; 16]);
            prop_assert!(answer.len() <= question.len());
        }
    }
}
