//! Our ntpd as a client that asks for interleaved answers: of chronyd, and of our own server. That
//! chronyd gets them of ours is in `tests/ntpd_serving.rs`.

use super::peers::{Chronyd, Ours, certificate};
use super::unpacked::theirs;
use super::{KEYS, trusting_with};

/// The first measurement by an interleaved answer: it came back with the nonce that only such an
/// answer has, and measures what can be.
fn is_interleaved(ours: &mut Ours) {
    let line = ours.wait_for(", interleaved)");
    let figure = |name: &str| {
        let rest = line.split(name).nth(1).unwrap();
        rest.split(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!(figure("offset ").abs() < 1.0, "{line}");
    assert!((0.0..1.0).contains(&figure("delay ")), "{line}");
}

#[test]
fn chronyd_answers_us_interleaved_with_and_without_a_key() {
    let Some(program) = theirs("chronyd") else { return };
    let chronyd = Chronyd::with_keys(&program, KEYS);
    let port = chronyd.port;
    let mut plainly = Ours::new(&format!("server 127.0.0.1:{port} iburst minpoll 3 xleave\n"));
    let mut signed = [3, 6].map(|key| trusting_with(port, key, KEYS, "minpoll 3 xleave"));
    is_interleaved(&mut plainly);
    signed.iter_mut().for_each(is_interleaved);
    for ours in signed.iter_mut().chain([&mut plainly]) {
        is_interleaved(ours);
    }
}

#[test]
fn chronyd_answers_us_interleaved_by_nts() {
    let Some(program) = theirs("chronyd") else { return };
    let chronyd = Chronyd::with_certificate(&program, "good.pem");
    let (ca, port) = (certificate("ca.pem"), chronyd.nts_port);
    let server = format!("nts ca {ca}\nserver localhost:{port} nts iburst minpoll 3 xleave\n");
    let mut ours = Ours::new(&server);
    ours.wait_for("has proved who it is (NTS)");
    is_interleaved(&mut ours);
    is_interleaved(&mut ours);
}

#[test]
fn our_server_answers_us_interleaved_with_and_without_a_key() {
    let (_server, port) = Ours::serving("", KEYS);
    let mut plainly = Ours::new(&format!("server 127.0.0.1:{port} iburst minpoll 3 xleave\n"));
    let mut signed = trusting_with(port, 7, KEYS, "minpoll 3 xleave");
    is_interleaved(&mut plainly);
    is_interleaved(&mut signed);
}

#[test]
fn our_server_answers_us_interleaved_by_nts() {
    let (_server, _, port) = Ours::granting("");
    let ca = certificate("ca.pem");
    let server = format!("nts ca {ca}\nserver localhost:{port} nts iburst minpoll 3 xleave\n");
    let mut ours = Ours::new(&server);
    ours.wait_for("has proved who it is (NTS)");
    is_interleaved(&mut ours);
    is_interleaved(&mut ours);
}
