//! Handshakes of our client with our server, without a network between them, and of clients of
//! every character.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ntp::nts::cookies::{Jar, Pair};
use ntp::nts::granting::granted;
use ntp::nts::ke;
use ntp::nts::{COOKIES_MAX, Chance, Session, answering};
use ntp::time::Stamp;
use nts::certificate::When;
use nts::cipher::AesSiv;
use nts::flaws::Flaw;
use nts::granting::{Conversation, HEARD_MAX, Identity, Wrong};
use nts::handshake::{self, Agreed, Failed};
use proptest::prelude::*;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

/// 2026-11-23.
const RIGHT: When = When { now: 1_795_392_000, floor: None };

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(file(name)).unwrap()
}

fn conversation() -> Conversation {
    let identity = Identity::new(&bytes("good.pem"), &bytes("s.key")).unwrap();
    Conversation::new(&identity).unwrap()
}

/// A server at the other end of a wire; so many bytes at once come through.
struct Wire<G> {
    server: Conversation,
    to_client: Vec<u8>,
    at_once: usize,
    grant: G,
}

impl<G: FnMut(Pair) -> Option<Vec<u8>>> Read for Wire<G> {
    fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
        self.to_client.extend(self.server.unsent());
        let length = place.len().min(self.to_client.len()).min(self.at_once);
        place[..length].copy_from_slice(&self.to_client[..length]);
        self.to_client.drain(..length);
        Ok(length)
    }
}

impl<G: FnMut(Pair) -> Option<Vec<u8>>> Write for Wire<G> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.chunks(self.at_once) {
            self.server.hear(part, &mut self.grant);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn jar() -> Jar<AesSiv> {
    Jar::new(1, [5; 32])
}

fn eight(pair: &Pair) -> Vec<Vec<u8>> {
    (0..8).map(|n| jar().seal(pair, &[n; 16])).collect()
}

/// Our client's handshake with our server.
fn shaken(at_once: usize) -> Result<Agreed, Failed> {
    let grant = |pair: Pair| Some(granted(&eight(&pair), Some(1123)));
    let mut wire = Wire { server: conversation(), to_client: Vec::new(), at_once, grant };
    let roots = handshake::roots(Some(&file("ca.pem"))).unwrap();
    handshake::shake(&mut wire, "localhost", roots, RIGHT)
}

#[test]
fn our_client_and_our_server_agree_and_the_cookies_are_of_what_they_agreed_on() {
    for at_once in [usize::MAX, 1000, 7, 1] {
        let agreed = shaken(at_once).unwrap_or_else(|failed| panic!("{at_once}: {failed}"));
        assert_eq!((agreed.grant.cookies.len(), agreed.grant.port), (COOKIES_MAX, Some(1123)));
        for cookie in &agreed.grant.cookies {
            let pair = jar().open(cookie).unwrap();
            assert_eq!((pair.requests, pair.answers), (agreed.ours, agreed.theirs));
        }
    }
}

#[test]
fn a_request_with_such_a_cookie_is_answered_and_the_answer_believed() {
    let Ok(agreed) = shaken(usize::MAX) else { panic!("they agree") };
    let (ours, theirs) = (AesSiv::new(agreed.ours), AesSiv::new(agreed.theirs));
    let mut session = Session::new(ours, theirs, agreed.grant.cookies);
    let chance = Chance { identifier: [3; 32], nonce: [4; 16] };
    let request = session.request(Stamp(7), &chance).unwrap();
    let answering::Claim::True(asked) = answering::read(&request, &jar()) else {
        panic!("it is true")
    };
    let header = ntp::packet::Header {
        version: 4,
        mode: ntp::packet::Mode::Server,
        origin: Stamp(7),
        ..Default::default()
    };
    let answer = asked.answer::<AesSiv>(&header.encode(), &eight(&asked.pair)[..1], &[9; 16]);
    assert_eq!(answer.len(), request.len());
    assert!(session.open(&answer).is_ok());
    assert_eq!(session.cookies(), COOKIES_MAX);
}

#[test]
fn a_server_that_can_grant_nothing_says_so() {
    let grant = |_| None;
    let at_once = usize::MAX;
    let mut wire = Wire { server: conversation(), to_client: Vec::new(), at_once, grant };
    let roots = handshake::roots(Some(&file("ca.pem"))).unwrap();
    let failed = handshake::shake(&mut wire, "localhost", roots, RIGHT).map(drop).unwrap_err();
    assert_eq!(failed.to_string(), "the server has an error of its own (error 2)");
}

/// What is wrong with the certificates of these files, in this order, at that time.
fn flaws(names: &[&str], when: When) -> Vec<Flaw> {
    let chain: Vec<u8> = names.iter().flat_map(|name| bytes(name)).collect();
    Identity::new(&chain, &bytes("s.key")).unwrap().flaws(when)
}

#[test]
fn what_clients_will_have_against_a_certificate_is_known_before_they_come() {
    let time = |why: &str| Flaw::Time(why.to_owned());
    assert_eq!(flaws(&["good.pem", "ca.pem"], RIGHT), []);
    assert_eq!(flaws(&["expired.pem"], RIGHT), [time("it has expired")]);
    assert_eq!(flaws(&["early.pem"], RIGHT), [time("it is not valid yet")]);
    assert_eq!(
        flaws(&["good.pem", "expired.pem"], RIGHT),
        [time("number 2 in it: it has expired")]
    );
    let kind = "it is made for an authority; that of a server says CA:FALSE";
    let kind = Flaw::Kind(kind.to_owned());
    assert_eq!(flaws(&["authority.pem"], RIGHT), std::slice::from_ref(&kind));
    let late = When { now: 4_200_000_000, floor: None };
    assert_eq!(flaws(&["authority.pem"], late), [time("it has expired"), kind.clone()]);
    let early = When { now: 0, floor: None };
    assert_eq!(flaws(&["authority.pem"], early), [time("it is not valid yet"), kind]);
}

#[test]
fn a_clock_that_may_be_wrong_says_of_no_certificate_that_it_is_out_of_its_time() {
    for now in [0, RIGHT.now, u64::from(u32::MAX)] {
        let at = |floor| When { now, floor: Some(floor) };
        assert_eq!(flaws(&["good.pem"], at(0)), []);
        assert_eq!(flaws(&["early.pem"], at(RIGHT.now)), []);
        // It ended on the first of November.
        assert_eq!(flaws(&["expired.pem"], at(1_793_491_000)), []);
        let expired = [Flaw::Time("it has expired".to_owned())];
        assert_eq!(flaws(&["expired.pem"], at(1_793_492_000)), expired);
    }
}

/// A client that speaks of `alpn` and asks with `request`; what it is answered, and whether it
/// was granted anything. The server has hung up by then.
fn answered(alpn: &[&[u8]], request: &[u8]) -> (Vec<u8>, bool) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(handshake::roots(Some(&file("ca.pem"))).unwrap())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|it| it.to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let (mut server, mut granted, mut answer) = (conversation(), false, Vec::new());
    client.writer().write_all(request).unwrap();
    for _ in 0..10 {
        let mut out = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut out).unwrap();
        }
        server.hear(&out, |_| {
            granted = true;
            Some(b"granted".to_vec())
        });
        let back = server.unsent();
        let mut back = &back[..];
        while !back.is_empty() {
            if client.read_tls(&mut back).unwrap() == 0 || client.process_new_packets().is_err() {
                break;
            }
        }
        let _ = client.reader().read_to_end(&mut answer);
    }
    (answer, granted)
}

#[test]
fn requests_are_judged_whatever_comes_through_tls() {
    let ntske = [&b"ntske/1"[..]];
    assert_eq!(answered(&ntske, &ke::request()), (b"granted".to_vec(), true));
    let stranger = [&[0xc0, 0, 0, 0][..], &ke::request()].concat();
    assert_eq!(answered(&ntske, &stranger), (vec![0x80, 2, 0, 2, 0, 0, 0x80, 0, 0, 0], false));
    let bad = [0x80, 0, 0, 0];
    assert_eq!(answered(&ntske, &bad), (vec![0x80, 2, 0, 2, 0, 1, 0x80, 0, 0, 0], false));
    let cipher = [0x80, 1, 0, 2, 0, 0, 0x80, 4, 0, 2, 0, 30, 0x80, 0, 0, 0];
    let nothing = vec![0x80, 1, 0, 2, 0, 0, 0x80, 4, 0, 0, 0x80, 0, 0, 0];
    assert_eq!(answered(&ntske, &cipher), (nothing, false));
    let endless = [0x40, 0, 0, 4, 1, 2, 3, 4].repeat(1000);
    assert_eq!(answered(&ntske, &endless).0, [0x80, 2, 0, 2, 0, 1, 0x80, 0, 0, 0]);
    let half = &ke::request()[..9];
    assert_eq!(answered(&ntske, half), (vec![], false), "the rest is waited for");
}

#[test]
fn whoever_speaks_of_something_else_gets_nothing() {
    assert_eq!(answered(&[b"http/1.1"], &ke::request()), (vec![], false));
    assert_eq!(answered(&[], &ke::request()), (vec![], false));
    assert!(answered(&[b"h2", b"ntske/1"], &ke::request()).1);
}

#[test]
fn garbage_ends_it() {
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 100], &[0xff; 100], &[22, 3, 1, 0, 0]] {
        let mut server = conversation();
        server.hear(garbage, |_| panic!("nothing was agreed on"));
        assert!(server.is_over(), "{garbage:x?}");
        assert!(server.unsent().len() < 100);
    }
}

/// A greeting of 64 KiB, in parts that are each as they must be.
#[test]
fn no_more_is_heard_than_there_is_to_hear() {
    let mut server = conversation();
    let greeting = [vec![1, 0, 0xff, 0xff], vec![0; 0xffff]].concat();
    let mut said = 0;
    for part in greeting.chunks(1000) {
        let length = u16::try_from(part.len()).unwrap().to_be_bytes();
        server.hear(&[&[22, 3, 1], &length[..], part].concat(), |_| panic!("it is no request"));
        said += part.len();
        if server.is_over() {
            break;
        }
    }
    assert!((HEARD_MAX - 1000..HEARD_MAX + 1000).contains(&said), "{said}");
}

#[test]
fn what_is_wrong_with_a_certificate_or_its_key_is_a_sentence() {
    let (good, key) = (bytes("good.pem"), bytes("s.key"));
    let wrong = |certificate: &[u8], key: &[u8]| Identity::new(certificate, key).map(drop);
    assert_eq!(wrong(&good, &key), Ok(()));
    let no_certificate = Err(Wrong::Certificate("there is no certificate in it".to_owned()));
    assert_eq!(wrong(b"", &key), no_certificate);
    assert_eq!(wrong(&key, &key), no_certificate);
    let empty = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(wrong(empty, &key), no_certificate);
    assert_eq!(wrong(&[&good[..], empty].concat(), &key), no_certificate, "a link of the chain");
    assert_eq!(wrong(&[&good[..], &bytes("ca.pem")].concat(), &key), Ok(()));
    let no_key = Err(Wrong::Key("there is no private key in it".to_owned()));
    assert_eq!(wrong(&good, b""), no_key);
    assert_eq!(wrong(&good, &good), no_key);
    let ca = bytes("ca.pem");
    let another = Err(Wrong::Key("it is not the key of the certificate".to_owned()));
    assert_eq!(wrong(&ca, &key), another);
    let odd = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let unknown = Err(Wrong::Key("its kind of key is not known here".to_owned()));
    assert_eq!(wrong(&good, odd), unknown);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_heard(bytes in proptest::collection::vec(any::<u8>(), 0..600), tls: bool) {
        let mut server = conversation();
        let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        let head = if tls { vec![22, 3, 1, length[0], length[1]] } else { Vec::new() };
        server.hear(&[head, bytes].concat(), |_| panic!("nothing was agreed on"));
        let _ = server.unsent();
    }
}
