//! Our ntpd as the server of those who share a key with it: chronyd, our own client, and strangers.

use ntp::keys;
use ntp::mac::{self, Sign as _};
use ntp::packet::{self, HEADER, Leap};
use ntp::time::Stamp;
use nts::code::Signer;

use super::peers::{Asking, Ours};
use super::stranger::Stranger;
use super::unpacked::theirs;
use super::{KEYS, trusting};

#[test]
fn chronyd_believes_us_by_every_kind_of_key() {
    let Some(program) = theirs("chronyd") else { return };
    let (_ours, port) = Ours::serving("", KEYS);
    let asking = (1..=7).map(|key| Asking::with_key(&program, port, key, KEYS));
    for asking in asking.collect::<Vec<_>>() {
        asking.wait_for_a_good_one();
    }
}

#[test]
fn our_client_believes_our_server_by_every_kind_of_key() {
    let (_ours, port) = Ours::serving("restrict default notrust\n", KEYS);
    for mut ours in (1..=7).map(|key| trusting(port, key, KEYS)).collect::<Vec<_>>() {
        ours.wait_for("answers: offset ");
    }
}

#[test]
fn who_has_another_key_is_told_so() {
    let (_ours, port) = Ours::serving("", KEYS);
    let wrong = "6 AES128 HEX:ff0102030405060708090a0b0c0d0e0f\n9 AES 0123456789abcdef\n";
    for key in [6, 9] {
        let line = trusting(port, key, wrong).wait_for("no server is of use");
        assert!(
            line.contains(&format!(
                "is refused: a crypto-NAK, the server does not take our key {key}"
            )),
            "{line}"
        );
    }
}

fn signer(key: usize) -> Signer {
    Signer(keys::parse(KEYS).unwrap()[key - 1].clone())
}

#[test]
fn a_signed_question_gets_an_answer_as_long_that_is_signed_by_the_same_key() {
    let (_ours, port) = Ours::serving("", KEYS);
    let stranger = Stranger::at(port);
    for key in 1..=7 {
        let nonce = Stamp(key as u64 + 1);
        let id = u32::try_from(key).unwrap();
        let question = mac::sign(packet::request(nonce).to_vec(), id, &signer(key));
        stranger.say(&question);
        let answer = stranger.hear();
        assert_eq!(answer.len(), question.len());
        let header = mac::open(&answer, Some(nonce), id, &signer(key)).unwrap();
        assert_eq!(packet::parse(header).unwrap().0.stratum, 5);
    }
}

/// Clients of version 3 send codes of SHA-512 whole, and want them so.
#[test]
fn a_code_that_is_not_cut_is_answered_by_one_that_is_not() {
    let (_ours, port) = Ours::serving("", KEYS);
    let stranger = Stranger::at(port);
    let mut question = packet::request(Stamp(1)).to_vec();
    question[0] = 0x1b;
    let code = signer(5).code(&question);
    question.extend_from_slice(&[0, 0, 0, 5]);
    question.extend_from_slice(&code);
    stranger.say(&question);
    let answer = stranger.hear();
    assert_eq!((code.len(), answer.len()), (64, question.len()));
    assert_eq!(answer[HEADER + 4..], signer(5).code(&answer[..HEADER]));
}

/// A few are told that their key is not ours, and then hardly anybody; an honest one is answered
/// all the same.
#[test]
fn wrong_codes_get_a_few_crypto_naks_and_no_time() {
    let (_ours, port) = Ours::serving("", KEYS);
    let (liar, honest) = (Stranger::at(port), Stranger::at(port));
    for round in 0..10 {
        for _ in 0..50 {
            let mut forged = mac::sign(packet::request(Stamp(7)).to_vec(), 6, &signer(6));
            forged[60] ^= 1;
            liar.say(&forged);
        }
        let nonce = Stamp(round + 1);
        // In the same queue behind them: they have been heard.
        honest.say(&mac::sign(packet::request(nonce).to_vec(), 6, &signer(6)));
        assert!(mac::open(&honest.hear(), Some(nonce), 6, &signer(6)).is_ok());
    }
    liar.0.set_nonblocking(true).unwrap();
    let mut naks = 0;
    let mut buffer = [0; 2000];
    while let Ok(length) = liar.0.recv(&mut buffer) {
        assert_eq!(length, HEADER + 4);
        let (header, _) = packet::parse(&buffer[..length]).unwrap();
        assert_eq!((header.stratum, header.leap), (0, Leap::Unsynchronised));
        assert_eq!((header.reference_id, header.origin), (*b"CRYP", Stamp(7)));
        naks += 1;
    }
    // 16 at once, and one a second on a slow machine.
    assert!((1..100).contains(&naks), "{naks}");
}

#[test]
fn where_only_signed_questions_are_answered_another_gets_nothing() {
    let (_ours, port) = Ours::serving("restrict 127.0.0.1 notrust\n", KEYS);
    let stranger = Stranger::at(port);
    stranger.say(&packet::request(Stamp(1)));
    stranger.say(&mac::sign(packet::request(Stamp(2)).to_vec(), 3, &signer(3)));
    assert!(mac::open(&stranger.hear(), Some(Stamp(2)), 3, &signer(3)).is_ok(), "it is the first");
}
