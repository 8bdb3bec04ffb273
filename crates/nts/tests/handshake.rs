//! Handshakes with servers of every character, over the loopback interface: what a certificate is
//! worth at which time, and what is made of hostile answers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nts::certificate::When;
use nts::handshake::{self, Agreed, Failed};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig, ServerConnection, Stream};

/// 2026-11-23.
const TODAY: u64 = 1_795_392_000;
const RIGHT: When = When { now: TODAY, floor: None };
const DAY: u64 = 86_400;
const PATIENCE: Duration = Duration::from_mins(2);

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates").join(name)
}

/// A good answer: the protocol, the cipher, two cookies, a port, the end.
fn good() -> Vec<u8> {
    let cookie = [&[0, 5, 0, 100][..], &[7; 100]].concat();
    let head = [0x80, 1, 0, 2, 0, 0, 0x80, 4, 0, 2, 0, 15];
    [&head[..], &cookie, &cookie, &[0x80, 7, 0, 2, 0x2c, 0x2d], &[0x80, 0, 0, 0]].concat()
}

/// A server with this certificate that speaks `alpn` and answers once; where.
fn server(certificate: &str, alpn: &[u8], answer: Vec<u8>) -> (std::net::SocketAddr, Keys) {
    let chain = vec![CertificateDer::from_pem_file(file(certificate)).unwrap()];
    let key = PrivateKeyDer::from_pem_file(file("s.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap();
    let mut config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![alpn.to_vec()].into_iter().filter(|a| !a.is_empty()).collect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().ok()?;
        let mut tls = ServerConnection::new(Arc::new(config)).ok()?;
        let mut stream = Stream::new(&mut tls, &mut socket);
        let mut request = [0; 16];
        stream.read_exact(&mut request).ok()?;
        stream.write_all(&answer).ok()?;
        stream.flush().ok()?;
        tls.send_close_notify();
        let _ = tls.write_tls(&mut socket);
        let key = |way: u8| {
            let context = [0, 0, 0, 15, way];
            let label = b"EXPORTER-network-time-security";
            tls.export_keying_material([0; 32], label, Some(&context)).ok()
        };
        Some((request.to_vec(), key(0)?, key(1)?))
    });
    (at, server)
}

type Keys = thread::JoinHandle<Option<(Vec<u8>, [u8; 32], [u8; 32])>>;

fn shake_as(name: &str, at: std::net::SocketAddr, when: When) -> Result<Agreed, Failed> {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let roots = handshake::roots(Some(&file("ca.pem"))).unwrap();
    handshake::shake(&mut stream, name, roots, when)
}

fn with(certificate: &str, when: When) -> Result<Agreed, String> {
    let (at, _) = server(certificate, b"ntske/1", good());
    shake_as("localhost", at, when).map_err(|failed| match failed {
        Failed::Certificate(why) => why,
        Failed::Other(why) => panic!("it is the certificate that is wrong, not {why}"),
    })
}

fn answered(alpn: &[u8], answer: Vec<u8>) -> String {
    let (at, _) = server("good.pem", alpn, answer);
    match shake_as("localhost", at, RIGHT) {
        Err(Failed::Other(why)) => why,
        Err(Failed::Certificate(why)) => panic!("{why}"),
        Ok(_) => panic!("it was taken"),
    }
}

#[test]
fn both_sides_have_the_same_keys_and_the_cookies_are_the_servers() {
    let (at, server) = server("good.pem", b"ntske/1", good());
    let Ok(agreed) = shake_as("localhost", at, RIGHT) else { panic!("it is good") };
    let (request, ours, theirs) = server.join().unwrap().unwrap();
    assert_eq!(request, ntp::nts::ke::request());
    assert_eq!((agreed.ours, agreed.theirs), (ours, theirs));
    assert_ne!(ours, theirs);
    assert_eq!((agreed.grant.cookies.len(), agreed.grant.port), (2, Some(11_309)));
    assert!(!agreed.by_floor);
}

#[test]
fn a_certificate_is_of_the_name_that_was_asked_for() {
    let (at, _) = server("good.pem", b"ntske/1", good());
    assert!(shake_as("127.0.0.1", at, RIGHT).is_ok());
    let (at, _) = server("good.pem", b"ntske/1", good());
    let Err(Failed::Certificate(why)) = shake_as("time.example", at, RIGHT) else { panic!() };
    assert_eq!(why, "its certificate is refused: it is of another server");
}

#[test]
fn a_certificate_of_a_stranger_is_refused_at_any_time() {
    for when in [RIGHT, When { now: 0, floor: Some(TODAY) }] {
        let (at, _) = server("good.pem", b"ntske/1", good());
        let mut stream = TcpStream::connect(at).unwrap();
        let mut roots = RootCertStore::empty();
        // A certificate that is none of an authority of this one.
        roots.add(CertificateDer::from_pem_file(file("early.pem")).unwrap()).unwrap();
        let shaken = handshake::shake(&mut stream, "localhost", roots, when);
        assert!(matches!(shaken, Err(Failed::Certificate(_))));
    }
}

#[test]
fn what_is_made_for_an_authority_is_refused_with_what_a_server_wants() {
    let why = with("authority.pem", RIGHT).map(drop).unwrap_err();
    let wanted = "it is made for an authority; that of a server says CA:FALSE";
    assert_eq!(why, format!("its certificate is refused: {wanted}"));
}

#[test]
fn a_clock_that_is_right_is_the_judge() {
    assert!(!with("good.pem", RIGHT).unwrap_or_else(|why| panic!("{why}")).by_floor);
    let early = with("early.pem", RIGHT).map(drop).unwrap_err();
    assert_eq!(early, "its certificate is refused: it is not valid yet");
    let expired = with("expired.pem", RIGHT).map(drop).unwrap_err();
    assert_eq!(expired, "its certificate is refused: it has expired");
}

#[test]
fn a_clock_that_may_be_wrong_is_not_asked_when_it_speaks_against_a_certificate() {
    let floor = Some(TODAY);
    for (certificate, now, by_floor) in [
        ("good.pem", 0, true),                // no battery
        ("good.pem", TODAY + 5 * DAY, false), // the clock is good enough
        ("good.pem", 4_133_894_400, true),    // 2101
        ("early.pem", TODAY + 5 * DAY, true), // two years later than the clock says
        ("early.pem", 0, true),
        ("early.pem", 1_893_456_000, false), // 2030
    ] {
        let agreed = with(certificate, When { now, floor }).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(agreed.by_floor, by_floor, "{certificate} {now}");
    }
}

#[test]
fn what_had_expired_before_what_has_passed_for_sure_is_refused_whatever_the_clock_says() {
    for now in [0, 1_790_000_000, TODAY, 4_133_894_400] {
        let why = with("expired.pem", When { now, floor: Some(TODAY) }).map(drop).unwrap_err();
        assert_eq!(why, "its certificate is refused: it has expired", "{now}");
    }
}

#[test]
fn who_does_not_speak_the_protocol_is_refused() {
    assert!(answered(b"h2", good()).starts_with("TLS: "));
    let why = answered(b"", good());
    assert_eq!(why, "what answers there does not speak NTS (ALPN)");
}

#[test]
fn hostile_answers_are_refused_and_have_an_end() {
    let end = good().len() - 4;
    assert_eq!(answered(b"ntske/1", good()[..end].to_vec()), "the server's answer is cut short");
    assert_eq!(answered(b"ntske/1", vec![]), "the server's answer is cut short");
    let error = [0x80, 2, 0, 2, 0, 1];
    let said = answered(b"ntske/1", [&error[..], &good()].concat());
    assert_eq!(said, "the server says that the request is bad (error 1)");
    // Without an end, it is given up long before all of it was read.
    let endless = [0x40, 0, 0xff, 0xff].into_iter().cycle().take(4_000_000).collect();
    assert_eq!(answered(b"ntske/1", endless), "the server's answer is cut short");
}

#[test]
fn who_breaks_off_or_is_no_tls_is_refused_in_a_sentence() {
    for bytes in [&b""[..], b"HTTP/1.1 400 Bad Request\r\n\r\n", &[0x16, 3, 3, 0xff, 0xff, 0]] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let bytes = bytes.to_vec();
        let server = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let _ = socket.write_all(&bytes);
        });
        let Err(Failed::Other(why)) = shake_as("localhost", at, RIGHT) else { panic!() };
        assert!(why.starts_with("TLS: ") || why.contains("broken off"), "{why}");
        server.join().unwrap();
    }
}

#[test]
fn a_file_without_certificates_is_said() {
    for name in ["make.sh", "nothing"] {
        let Err(Failed::Other(why)) = handshake::roots(Some(&file(name))) else { panic!() };
        assert!(why.starts_with("unable to read certificates from "), "{why}");
    }
}
