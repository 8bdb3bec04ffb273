//! Our ntpd and the servers that others use: chrony's and ntpsec's, over the loopback interface.
//!
//! Nothing here may ever set a clock: ours is told `--observe`, chronyd `-x`, and ntpsec, which has
//! no such word, runs in a user namespace, where the kernel grants nobody the clock. They are
//! Debian's, unpacked by `fetch.sh` and never installed; where they are missing a test says
//! "SKIPPED:", and with `KEEPUP_REQUIRE_THEIRS=1` it fails.

#![cfg(feature = "nts")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod granting;
mod interleaved;
mod peers;
mod serving;
mod stranger;
mod unpacked;

use std::net::UdpSocket;
use std::thread;

use peers::{Chronyd, Ours, certificate};
use unpacked::theirs;

/// Keys as both sides write them: number and kind, chrony's secret.
const KEYS: &str = "\
1 MD5 ASCII:old-and-weak
2 SHA1 HEX:0123456789abcdef0123456789abcdef01234567
3 SHA256 HEX:0123456789abcdef0123456789abcdef01234567
4 SHA384 ASCII:abcdefghijklmnopqrst
5 SHA512 ASCII:abcdefghijklmnopqrst
6 AES128 HEX:000102030405060708090a0b0c0d0e0f
7 AES256 HEX:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
";

fn trusting(port: u16, key: u32, keys: &str) -> Ours {
    trusting_with(port, key, keys, "")
}

fn trusting_with(port: u16, key: u32, keys: &str, options: &str) -> Ours {
    let server = format!("server 127.0.0.1:{port} key {key} iburst {options}");
    Ours::with_keys(&format!("trustedkey (1 ... 9)\n{server}\n"), keys)
}

#[test]
fn chronyd_is_believed_by_every_kind_of_key() {
    let Some(program) = theirs("chronyd") else { return };
    let chronyd = Chronyd::with_keys(&program, KEYS);
    let mut ours: Vec<Ours> = (1..=7).map(|key| trusting(chronyd.port, key, KEYS)).collect();
    for (ours, key) in ours.iter_mut().zip(1..) {
        let line = ours.wait_for("answers: offset ");
        assert!(line.contains(&format!("127.0.0.1:{} answers", chronyd.port)), "{key}: {line}");
    }
}

#[test]
fn chronyd_does_not_answer_who_has_another_key() {
    let Some(program) = theirs("chronyd") else { return };
    let chronyd = Chronyd::with_keys(&program, KEYS);
    let wrong = "6 AES128 HEX:ff0102030405060708090a0b0c0d0e0f\n";
    let line = trusting(chronyd.port, 6, wrong).wait_for("no server answers");
    assert!(line.contains("no server answers: perhaps its key 6 is not ours"), "{line}");
}

/// What a network between may do to signed answers; the genuine one comes last and is believed.
#[test]
fn signed_answers_that_were_tampered_with_are_refused_and_the_genuine_one_is_believed() {
    let Some(program) = theirs("chronyd") else { return };
    let chronyd = Chronyd::with_keys(&program, KEYS);
    let front = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = front.local_addr().unwrap().port();
    let back = UdpSocket::bind("127.0.0.1:0").unwrap();
    back.set_read_timeout(Some(peers::PATIENCE)).unwrap();
    let genuine_at = chronyd.port;
    thread::spawn(move || {
        let mut buffer = [0; 2000];
        while let Ok((length, client)) = front.recv_from(&mut buffer) {
            back.send_to(&buffer[..length], ("127.0.0.1", genuine_at)).unwrap();
            let Ok((length, _)) = back.recv_from(&mut buffer) else { return };
            let genuine = buffer[..length].to_vec();
            let mut later = genuine.clone();
            later[32] ^= 0x40;
            let mut nak = genuine[..48].to_vec();
            nak.extend_from_slice(&[0; 4]);
            for packet in [&later, &genuine[..48].to_vec(), &nak, &genuine] {
                front.send_to(packet, client).unwrap();
            }
        }
    });
    let mut ours = trusting(at, 6, KEYS);
    ours.wait_for("is refused: its code is not of key 6 as we have it");
    ours.wait_for("is refused: it is not signed as it must be");
    ours.wait_for("is refused: a crypto-NAK, the server does not take our key 6");
    let line = ours.wait_for("answers: offset ");
    let offset: f64 =
        line.split("offset ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(offset.abs() < 10.0, "{line}");
}

fn shaking(port: u16, name: &str) -> Ours {
    let ca = certificate("ca.pem");
    Ours::new(&format!("nts ca {ca}\nserver {name}:{port} nts iburst minpoll 3\n"))
}

#[test]
fn chronyd_proves_who_it_is_by_nts() {
    let Some(program) = theirs("chronyd") else { return };
    let chronyd = Chronyd::with_certificate(&program, "good.pem");
    let mut ours = shaking(chronyd.nts_port, "localhost");
    ours.wait_for("has proved who it is (NTS)");
    let line = ours.wait_for("synchronised to localhost");
    let at = format!("localhost:{} (127.0.0.1:{}): offset", chronyd.nts_port, chronyd.port);
    assert!(line.contains(&at), "{line}");
}

#[test]
fn a_server_whose_authority_nobody_trusts_is_not_asked_for_the_time() {
    let Some(program) = theirs("chronyd") else { return };
    let chronyd = Chronyd::with_certificate(&program, "good.pem");
    let other = certificate("early.pem");
    let server = format!("server localhost:{} nts iburst ca {other}\n", chronyd.nts_port);
    let line = Ours::new(&server).wait_for("no server can be asked");
    assert!(line.contains(": its certificate is refused: "), "{line}");
}

/// A first boot with a clock that is years behind: here it is the certificate that is years ahead.
/// The server is believed until the time is known, and then it turns out to have lied.
#[test]
fn a_certificate_is_judged_again_once_the_time_is_known() {
    let Some(program) = theirs("chronyd") else { return };
    let chronyd = Chronyd::with_certificate(&program, "early.pem");
    let mut ours = shaking(chronyd.nts_port, "localhost");
    let line = ours.wait_for("has a certificate that the clock says is out of its time");
    assert!(line.starts_with("ntpd: warning: localhost:"), "{line}");
    ours.wait_for("synchronised to localhost");
    let line = ours.wait_for("it was believed until now and is not any more");
    assert!(line.contains("its certificate is refused: it is not valid yet"), "{line}");
    ours.wait_for("no server can be asked: localhost:");
}

/// Nothing is agreed on any more: its new keys cannot read our cookies.
#[test]
fn a_server_that_has_forgotten_us_is_shaken_hands_with_again() {
    let Some(program) = theirs("chronyd") else { return };
    let chronyd = Chronyd::with_certificate(&program, "good.pem");
    let mut ours = shaking(chronyd.nts_port, "localhost");
    ours.wait_for("synchronised to localhost");
    let _again = chronyd.again(&program);
    ours.wait_for("is refused: the server cannot read our cookie");
    ours.wait_for("has a certificate that is good by the right time");
    ours.wait_for("agreed: offset ");
}

/// It has but NTP's own port, so it gets a network of its own, which we share. It never knows the
/// time there, which it says in answers whose signature is good.
#[test]
fn ntpsec_is_believed_by_keys_and_nts() {
    let Some(program) = theirs("ntpd") else { return };
    let keys: String =
        KEYS.lines().filter(|line| !line.contains("AES256")).fold(String::new(), |text, line| {
            text + &line.replace("ASCII:", "").replace("HEX:", "") + "\n"
        });
    let keys = keys.replace(" AES128 ", " AES ");
    let ca = certificate("ca.pem");
    let nts = format!("nts ca {ca}\nserver localhost nts iburst\n");
    let configs =
        [2, 3, 6].map(|key| format!("trustedkey 1 2 3 6\nserver 127.0.0.1 key {key} iburst"));
    // It takes half a minute until ours gives up, so all do that together.
    thread::scope(|scope| {
        for config in configs.into_iter().chain([nts]) {
            let (program, keys) = (&program, &keys);
            scope.spawn(move || {
                let said = peers::beside_ntpsec(program, keys, &config);
                let unsynchronised = "is refused: the server says that it is not synchronised";
                assert!(said == "SKIPPED" || said.contains(unsynchronised), "{config}: {said}");
            });
        }
    });
}
