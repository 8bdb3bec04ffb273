//! A server's side of a handshake's records (RFC 8915, section 4): what a client asks for, and what
//! it is told. Called by whoever has the TLS around them.

use super::ke::{
    AES_SIV_CMAC_256, CIPHER, COOKIE, CRITICAL, END, ERROR, NTP_4, NTP_PORT, PROTOCOL, Records,
    SERVER, WARNING, write,
};

/// The longest request that is heard: all protocols and ciphers that there are, and the name of a
/// server, take less than a quarter of it.
pub const REQUEST_MAX: usize = 2048;

/// Why a request is granted nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It insists on a record that we do not know (error 0).
    Critical,
    /// It is no request (error 1).
    Bad,
    /// Something failed here (error 2).
    Internal,
    /// It offers no protocol of ours.
    Protocol,
    /// It offers no cipher of ours.
    Cipher,
}

impl Refusal {
    /// What the client is told. That nothing offered is of use is no error (RFC 8915, sections
    /// 4.1.2 and 4.1.5): the list of what we take of it is empty.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        let error = |code: u16| write(&[(CRITICAL | ERROR, &code.to_be_bytes()), LAST]);
        let version = NTP_4.to_be_bytes();
        match self {
            Self::Critical => error(0),
            Self::Bad => error(1),
            Self::Internal => error(2),
            Self::Protocol => write(&[(CRITICAL | PROTOCOL, &[]), LAST]),
            Self::Cipher => {
                write(&[(CRITICAL | PROTOCOL, &version), (CRITICAL | CIPHER, &[]), LAST])
            }
        }
    }
}

const LAST: (u16, &[u8]) = (CRITICAL | END, &[]);

/// Reads a request; what follows its end is not looked at.
///
/// # Errors
/// [`Refusal`].
pub fn judge(request: &[u8]) -> Result<(), Refusal> {
    let (mut protocol, mut cipher) = (None, None);
    let (mut is_bad, mut is_unknown, mut is_ended) = (false, false, false);
    for record in Records(request) {
        let (kind, body) = record.ok_or(Refusal::Bad)?;
        let is_critical = kind & CRITICAL != 0;
        match kind & !CRITICAL {
            END => {
                is_bad |= !is_critical || !body.is_empty();
                is_ended = true;
                break;
            }
            PROTOCOL => {
                let offered = list(body, NTP_4).filter(|_| is_critical);
                is_bad |= offered.is_none() || protocol.replace(offered).is_some();
            }
            CIPHER => {
                let offered = list(body, AES_SIV_CMAC_256);
                is_bad |= offered.is_none() || cipher.replace(offered).is_some();
            }
            // A client's wish for another server or port: we have but one.
            SERVER | NTP_PORT => {}
            // These are ours to send.
            ERROR | WARNING | COOKIE => is_bad = true,
            _ => is_unknown |= is_critical,
        }
    }
    if is_unknown {
        return Err(Refusal::Critical);
    }
    if is_bad || !is_ended {
        return Err(Refusal::Bad);
    }
    match (protocol.flatten(), cipher.flatten()) {
        (None, _) | (Some(true), None) => Err(Refusal::Bad),
        (Some(false), _) => Err(Refusal::Protocol),
        (Some(true), Some(false)) => Err(Refusal::Cipher),
        (Some(true), Some(true)) => Ok(()),
    }
}

/// Whether a list of numbers has this one; none where it is no list.
fn list(body: &[u8], wanted: u16) -> Option<bool> {
    let (numbers, odd) = body.as_chunks::<2>();
    let is_list = odd.is_empty() && !numbers.is_empty();
    is_list.then(|| numbers.iter().any(|number| u16::from_be_bytes(*number) == wanted))
}

/// What the client is told whose request is granted: the protocol, the cipher, where to ask for the
/// time if that is another port than NTP's, and its cookies.
#[must_use]
pub fn granted(cookies: &[Vec<u8>], port: Option<u16>) -> Vec<u8> {
    let (version, cipher) = (NTP_4.to_be_bytes(), AES_SIV_CMAC_256.to_be_bytes());
    let port = port.map(u16::to_be_bytes);
    let mut records: Vec<(u16, &[u8])> =
        vec![(CRITICAL | PROTOCOL, &version), (CRITICAL | CIPHER, &cipher)];
    records.extend(port.iter().map(|port| (CRITICAL | NTP_PORT, &port[..])));
    records.extend(cookies.iter().map(|cookie| (COOKIE, &cookie[..])));
    records.push(LAST);
    write(&records)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::nts::ke::{self, Denied};

    const END_RECORD: (u16, &[u8]) = (0x8000, &[]);
    const PROTOCOLS: (u16, &[u8]) = (0x8001, &[0, 0]);
    const CIPHERS: (u16, &[u8]) = (0x8004, &[0, 15]);

    fn judged(records: &[(u16, &[u8])]) -> Result<(), Refusal> {
        judge(&write(records))
    }

    #[test]
    fn our_own_client_is_granted_what_it_asks_for_and_understands_it() {
        assert_eq!(judge(&ke::request()), Ok(()));
        let cookies = vec![vec![7; 100], vec![8; 100]];
        let grant = ke::read(&granted(&cookies, None)).unwrap();
        assert_eq!((grant.cookies, grant.port), (cookies.clone(), None));
        assert_eq!(ke::read(&granted(&cookies, Some(1123))).unwrap().port, Some(1123));
    }

    #[test]
    fn our_own_client_understands_why_not() {
        for (refusal, denied) in [
            (Refusal::Critical, Denied::Error(0)),
            (Refusal::Bad, Denied::Error(1)),
            (Refusal::Internal, Denied::Error(2)),
            (Refusal::Protocol, Denied::Protocol),
            (Refusal::Cipher, Denied::Cipher),
        ] {
            assert_eq!(ke::read(&refusal.bytes()), Err(denied));
        }
    }

    #[test]
    fn any_order_and_any_list_that_has_ours_will_do() {
        assert_eq!(judged(&[CIPHERS, PROTOCOLS, END_RECORD]), Ok(()));
        let many = (0x8001, &[0x80, 1, 0, 0][..]);
        let ciphers = (0x0004, &[0, 30, 0, 15, 0, 17][..]);
        let (server, port) = ((0x0006, &b"other"[..]), (0x8007, &[0, 123][..]));
        assert_eq!(judged(&[many, server, port, ciphers, END_RECORD]), Ok(()));
        assert_eq!(judged(&[(0x4000, &[1]), PROTOCOLS, CIPHERS, END_RECORD]), Ok(()));
        let after = [write(&[PROTOCOLS, CIPHERS, END_RECORD]), vec![0xff; 9]].concat();
        assert_eq!(judge(&after), Ok(()));
    }

    #[test]
    fn nothing_of_use_is_no_error() {
        assert_eq!(judged(&[(0x8001, &[0, 1]), END_RECORD]), Err(Refusal::Protocol));
        assert_eq!(judged(&[(0x8001, &[0, 1]), CIPHERS, END_RECORD]), Err(Refusal::Protocol));
        assert_eq!(judged(&[PROTOCOLS, (0x8004, &[0, 30]), END_RECORD]), Err(Refusal::Cipher));
    }

    /// In whatever order: what is critical and unknown is said before what else is wrong.
    #[test]
    fn a_critical_stranger_is_error_0_and_another_wrong_is_error_1() {
        let stranger = (0xc000, &[][..]);
        for at in 0..3 {
            let mut records = vec![PROTOCOLS, CIPHERS, END_RECORD];
            records.insert(at, stranger);
            assert_eq!(judged(&records), Err(Refusal::Critical), "{at}");
            records.insert(0, (0x8002, &[0, 0]));
            assert_eq!(judged(&records), Err(Refusal::Critical), "{at}");
            records.retain(|record| *record != PROTOCOLS);
            assert_eq!(judged(&records), Err(Refusal::Critical), "{at}");
        }
    }

    #[test]
    fn what_is_no_request_is_error_1() {
        let rows: &[&[(u16, &[u8])]] = &[
            &[END_RECORD],
            &[PROTOCOLS, END_RECORD],
            &[CIPHERS, END_RECORD],
            &[PROTOCOLS, CIPHERS],
            &[PROTOCOLS, PROTOCOLS, CIPHERS, END_RECORD],
            &[PROTOCOLS, CIPHERS, CIPHERS, END_RECORD],
            &[(0x0001, &[0, 0]), CIPHERS, END_RECORD],
            &[(0x8001, &[]), CIPHERS, END_RECORD],
            &[(0x8001, &[0]), CIPHERS, END_RECORD],
            &[PROTOCOLS, (0x8004, &[]), END_RECORD],
            &[PROTOCOLS, (0x8004, &[0, 15, 0]), END_RECORD],
            &[PROTOCOLS, CIPHERS, (0x0000, &[])],
            &[PROTOCOLS, CIPHERS, (0x8000, &[0])],
            &[PROTOCOLS, CIPHERS, (0x8002, &[0, 0]), END_RECORD],
            &[PROTOCOLS, CIPHERS, (0x0003, &[0, 0]), END_RECORD],
            &[PROTOCOLS, CIPHERS, (0x0005, &[0; 100]), END_RECORD],
        ];
        for records in rows {
            assert_eq!(judged(records), Err(Refusal::Bad), "{records:x?}");
        }
        let whole = ke::request();
        assert!((0..whole.len()).all(|end| judge(&whole[..end]) == Err(Refusal::Bad)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(judge(&bytes).is_err(), "no chance makes a request");
        }

        #[test]
        fn any_records_are_judged_and_answered_in_short(
            records in proptest::collection::vec(
                (0_u16..9, any::<bool>(), proptest::collection::vec(0_u8..16, 0..5)), 0..6,
            ),
        ) {
            let records = records.iter().map(|(kind, critical, body)| {
                (kind | if *critical { 0x8000 } else { 0 }, &body[..])
            });
            let records: Vec<(u16, &[u8])> = records.collect();
            match judged(&records) {
                Ok(()) => prop_assert!(records.iter().any(|(kind, _)| *kind == 0x8000)),
                Err(refusal) => prop_assert!(ke::read(&refusal.bytes()).is_err()),
            }
        }
    }
}
