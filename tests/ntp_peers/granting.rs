//! Our ntpd as a server of NTS: for chronyd, ntpsec, our own client, and strangers of every kind.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Instant;

use ntp::answer::Refused;
use ntp::nts::cookies::LENGTH;
use ntp::nts::{Chance, Session};
use ntp::packet::{self, HEADER};
use ntp::time::Stamp;
use nts::certificate::When;
use nts::cipher::AesSiv;
use nts::handshake::{self, Agreed, Failed};

use super::peers::{self, Asking, Ours, PATIENCE, certificate};
use super::shaking;
use super::stranger::Stranger;
use super::unpacked::theirs;

/// 2026-11-23.
const RIGHT: When = When { now: 1_795_392_000, floor: None };

/// A handshake with the server at this port.
fn shake(port: u16) -> Agreed {
    try_to_shake(port).unwrap_or_else(|why| panic!("{why}"))
}

fn try_to_shake(port: u16) -> Result<Agreed, Failed> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let roots = handshake::roots(Some(Path::new(&certificate("ca.pem"))));
    let roots = roots.unwrap_or_else(|why| panic!("{why}"));
    handshake::shake(&mut stream, "localhost", roots, RIGHT)
}

fn session(agreed: &Agreed) -> Session<AesSiv> {
    let (ours, theirs) = (AesSiv::new(agreed.ours), AesSiv::new(agreed.theirs));
    Session::new(ours, theirs, agreed.grant.cookies.clone())
}

/// A request that is true, made of this stamp.
fn request(session: &mut Session<AesSiv>, stamp: u64) -> Vec<u8> {
    let [byte, ..] = stamp.to_le_bytes();
    let chance = Chance { identifier: [byte; 32], nonce: [byte; 16] };
    session.request(Stamp(stamp), &chance).unwrap()
}

#[test]
fn our_client_believes_our_server_by_nts() {
    let (_ours, port, nts_port) = Ours::granting("");
    let mut client = shaking(nts_port, "localhost");
    client.wait_for("has proved who it is (NTS)");
    let line = client.wait_for("synchronised to localhost");
    let at = format!("localhost:{nts_port} (127.0.0.1:{port}): offset");
    assert!(line.contains(&at), "{line}");
}

#[test]
fn chronyd_believes_us_by_nts_and_interleaved() {
    let Some(program) = theirs("chronyd") else { return };
    let (_ours, _, nts_port) = Ours::granting("restrict default notrust\n");
    let asking = ["", "xleave"].map(|more| Asking::by_nts(&program, nts_port, more));
    asking.iter().for_each(Asking::wait_for_a_good_one);
}

#[test]
fn ntpsec_believes_us_by_nts() {
    let Some(program) = theirs("ntpd") else { return };
    let said = peers::ntpsec_beside_us(&program);
    // Configured, to be authentic, authentic, reached (ntpq's peer status word).
    assert!(said == "SKIPPED" || said.contains(" 127.0.0.1 f0"), "{said}");
}

#[test]
fn an_answer_is_as_long_as_its_question_and_its_cookies_are_of_use() {
    let (_ours, port, nts_port) = Ours::granting("restrict default notrust\n");
    let agreed = shake(nts_port);
    assert_eq!((agreed.grant.cookies.len(), agreed.grant.port), (8, Some(port)));
    assert!(agreed.grant.cookies.iter().all(|cookie| cookie.len() == LENGTH));
    let first = Agreed {
        grant: ntp::nts::ke::Grant {
            cookies: agreed.grant.cookies[..1].to_vec(),
            ..agreed.grant.clone()
        },
        ..agreed
    };
    let (mut session, stranger) = (session(&first), Stranger::at(port));
    // Who proves nothing is answered by nobody: what is heard first is the answer by NTS.
    let plain = packet::request(Stamp(99));
    stranger.say(&plain);
    stranger.say(&[&plain[..], &[0x22, 0x22, 0, 28], &[0; 24]].concat());
    for stamp in 1..=20 {
        let question = request(&mut session, stamp);
        let answer = stranger.ask(&question);
        assert_eq!(answer.len(), question.len());
        let header = session.open(&answer).unwrap_or_else(|why| panic!("{why:?}"));
        assert_eq!(packet::parse(header).unwrap().0.stratum, 5);
        assert_eq!(session.cookies(), 8);
    }
}

#[test]
fn who_asks_by_nts_and_is_not_who_shook_hands_is_told_no_time() {
    let (_ours, port, nts_port) = Ours::granting("");
    let agreed = shake(nts_port);
    let stranger = Stranger::at(port);
    let mut honest = session(&agreed);
    // The cookie is ours, the key is not: somebody has seen the cookie.
    let cookies = agreed.grant.cookies.clone();
    let mut thief = Session::new(AesSiv::new([1; 32]), AesSiv::new([2; 32]), cookies);
    let kiss = stranger.ask(&request(&mut thief, 1));
    assert_eq!((kiss.len(), kiss[1], &kiss[12..16]), (HEADER + 36, 0, &b"NTSN"[..]));
    assert_eq!(thief.open(&kiss), Err(Refused::Unknown));
    // Cut in the middle of its fields, it is no question at all.
    let whole = request(&mut honest, 2);
    stranger.gets_nothing(&whole[..HEADER + 36 + 104]);
    stranger.gets_nothing(&whole[..HEADER + 40]);
    // Twice the same: two answers, for nothing is remembered.
    let (first, second) = (stranger.ask(&whole), stranger.ask(&whole));
    assert_eq!(first.len(), second.len());
    assert!(honest.open(&second).is_ok() && honest.open(&first).is_err());
}

#[test]
fn a_restart_costs_nobody_a_handshake_but_the_loss_of_the_keys_does() {
    let dir = tempfile::tempdir().unwrap();
    let config = format!("nts cookie {}\n", dir.path().join("cookies").display());
    let (ours, _, nts_port) = Ours::granting(&config);
    let mut session = session(&shake(nts_port));
    drop(ours);
    let (again, port, _) = Ours::granting(&config);
    let answer = Stranger::at(port).ask(&request(&mut session, 1));
    assert!(session.open(&answer).is_ok());
    drop(again);
    fs::remove_file(dir.path().join("cookies")).unwrap();
    let (_new, port, _) = Ours::granting(&config);
    let answer = Stranger::at(port).ask(&request(&mut session, 2));
    assert_eq!(session.open(&answer), Err(Refused::Unknown));
}

/// The file lies in a directory of root's, with mode 700, and so does the key of the certificate.
#[test]
fn keys_that_its_user_may_not_replace_are_kept_all_the_same() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (key, cookies) = (dir.path().join("key"), dir.path().join("cookies"));
    fs::copy(certificate("s.key"), &key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let config = format!("nts key {} cookie {}\n", key.display(), cookies.display());
    let nobody = ["-u", "65534:65534"];
    let (mut ours, _, nts_port) = Ours::granting_with(&config, &nobody);
    let mut session = session(&shake(nts_port));
    ours.hang_up();
    let line = ours.wait_for("NTS goes on with the certificate it had");
    assert!(line.contains("key: unable to read it: access denied"), "{line}");
    let agreed = shake(nts_port);
    assert_eq!(agreed.grant.cookies.len(), 8);
    drop(ours);
    assert_eq!(fs::metadata(&cookies).unwrap().mode() & 0o777, 0o600);
    let (_again, port, _) = Ours::granting_with(&config, &nobody);
    let answer = Stranger::at(port).ask(&request(&mut session, 1));
    assert!(session.open(&answer).is_ok());
}

#[test]
fn a_certificate_is_read_again_at_hup_and_a_bad_one_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (chain, key) = (dir.path().join("chain"), dir.path().join("key"));
    fs::copy(certificate("early.pem"), &chain).unwrap();
    fs::copy(certificate("s.key"), &key).unwrap();
    let (chain, key) = (chain.to_str().unwrap(), key.to_str().unwrap());
    let (mut ours, _, nts_port) = Ours::granting(&format!("nts cert {chain} key {key}\n"));
    ours.hang_up();
    ours.wait_for(&format!("{chain} was read again"));
    fs::copy(certificate("ca.pem"), chain).unwrap();
    ours.hang_up();
    let line = ours.wait_for("NTS goes on with the certificate it had");
    assert!(line.contains(&format!("{key}: it is not the key of the certificate; ")), "{line}");
    fs::copy(certificate("good.pem"), chain).unwrap();
    ours.hang_up();
    ours.wait_for("was read again");
    shake(nts_port);
}

fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// Half-open connections, garbage and those who say nothing: an honest one is let in all the same,
/// the time is told meanwhile, and at last they are hung up on.
#[test]
fn a_crowd_that_shakes_no_hands_keeps_nobody_from_the_time() {
    let (ours, port, nts_port) = Ours::granting("");
    // Who answers has opened all that he opens.
    assert_eq!(Stranger::at(port).ask(&packet::request(Stamp(2))).len(), HEADER);
    let before = descriptors(ours.pid());
    let connect = || TcpStream::connect(("127.0.0.1", nts_port)).unwrap();
    let mut crowd: Vec<TcpStream> = (0..100).map(|_| connect()).collect();
    for (guest, number) in crowd.iter_mut().zip(0..) {
        // Whoever was hung up on already cannot say it.
        let _ = match number % 4 {
            0 => guest.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
            1 => guest.write_all(b"GET / HTTP/1.1\r\n\r\n"),
            2 => guest.write_all(&[22]),
            _ => Ok(()),
        };
    }
    let answer = Stranger::at(port).ask(&packet::request(Stamp(1)));
    assert_eq!(answer.len(), HEADER);
    let agreed = shake(nts_port);
    let (mut session, stranger) = (session(&agreed), Stranger::at(port));
    let answer = stranger.ask(&request(&mut session, 1));
    assert!(session.open(&answer).is_ok());
    assert!(descriptors(ours.pid()) <= before + 17, "sixteen of one network");
    for guest in &mut crowd {
        guest.set_read_timeout(Some(PATIENCE)).unwrap();
        // The end, after an alert perhaps, or that it was broken off.
        let mut said = Vec::new();
        match guest.read_to_end(&mut said) {
            Ok(length) => assert!(length < 100),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        }
    }
    let end = Instant::now() + PATIENCE;
    while descriptors(ours.pid()) > before {
        assert!(Instant::now() < end, "they are still there");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// A byte a second never makes a greeting: the deadline is of the whole, not of a silence.
#[test]
fn who_speaks_slowly_is_hung_up_on() {
    let (_ours, _, nts_port) = Ours::granting("");
    let mut slow = TcpStream::connect(("127.0.0.1", nts_port)).unwrap();
    slow.set_read_timeout(Some(std::time::Duration::from_millis(500))).unwrap();
    let end = Instant::now() + PATIENCE;
    let greeting = [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3].into_iter().chain([0].repeat(500));
    for byte in greeting {
        assert!(Instant::now() < end, "it is still heard");
        let gone = slow.write_all(&[byte]).is_err() || matches!(slow.read(&mut [0; 9]), Ok(0));
        if gone {
            return;
        }
    }
    panic!("it is still heard");
}

#[test]
fn who_is_to_be_ignored_shakes_no_hands() {
    let (_ours, _, nts_port) = Ours::granting("restrict 127.0.0.1 ignore\n");
    assert!(try_to_shake(nts_port).is_err());
}

#[test]
fn the_time_is_served_where_nts_cannot_be() {
    for (config, said) in [
        ("nts cert /nonexistent/c\n", "/nonexistent/c: unable to read it: file does not exist"),
        ("nts key /dev/null\n", "/dev/null: there is no private key in it"),
    ] {
        let (certificate, key) = (certificate("good.pem"), certificate("s.key"));
        let nts = format!("nts enable port 0 cert {certificate} key {key}\n{config}");
        let (mut ours, port) = Ours::serving(&nts, "");
        let line = ours.wait_for("NTS is not served: ");
        assert_eq!(line, format!("ntpd: warning: NTS is not served: {said}"));
        assert_eq!(Stranger::at(port).ask(&packet::request(Stamp(1))).len(), HEADER);
    }
}
