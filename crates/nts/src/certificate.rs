//! Is this the server's certificate? Judged by a time that is given, for the clock of this machine
//! may be what is to be set.
//!
//! A machine without a battery begins in 1970, and one whose battery is wrong anywhere. Then a
//! certificate cannot be judged by the clock, and without it there is no time to set the clock by.
//! So while the clock is not known to be right ([`When::floor`]), a certificate that the clock says
//! is out of its time is judged by the latest time that has passed for sure: it must not have
//! expired by then. When it began is not asked: that may be between then and now (RFC 8915, section
//! 8.5). A handshake that was judged so is repeated as soon as the time is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// So many certificates of a chain may have begun after the floor; then one thinks.
const TRIES: usize = 8;

/// By which time a certificate is judged, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    /// What the time is, as far as is known.
    pub now: u64,
    /// A time that has passed for sure, where `now` may be wrong; none where it is right.
    pub floor: Option<u64>,
}

/// Judges certificates by a [`When`].
#[derive(Debug)]
pub(crate) struct Judge {
    inner: Arc<WebPkiServerVerifier>,
    when: When,
    by_floor: AtomicBool,
}

impl Judge {
    pub(crate) fn new(inner: Arc<WebPkiServerVerifier>, when: When) -> Self {
        Self { inner, when, by_floor: AtomicBool::new(false) }
    }

    /// Whether a certificate was good by the floor only.
    pub(crate) fn was_by_floor(&self) -> bool {
        self.by_floor.load(Ordering::Relaxed)
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let at = |seconds| {
            let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp, now)
        };
        let Some(floor) = self.when.floor else { return at(self.when.now) };
        // A clock that is behind what has passed for sure is not asked.
        if self.when.now >= floor {
            let by_clock = at(self.when.now);
            if by_clock.as_ref().err().and_then(out_of_time).is_none() {
                return by_clock;
            }
        }
        let by_floor = not_expired(floor, at)?;
        self.by_floor.store(true, Ordering::Relaxed);
        Ok(by_floor)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// The judgement of `at` at the floor, or, where a certificate begins later, at its beginning.
fn not_expired<T>(floor: u64, at: impl Fn(u64) -> Result<T, Error>) -> Result<T, Error> {
    let mut time = floor;
    for _ in 1..TRIES {
        let judged = at(time);
        match judged.as_ref().err().and_then(out_of_time) {
            Some(Time::Early(begins)) if begins > time => time = begins,
            Some(Time::Early(_) | Time::Late) | None => return judged,
        }
    }
    at(time)
}

enum Time {
    /// A certificate begins then.
    Early(u64),
    /// One has expired.
    Late,
}

/// Whether it is only time that speaks against a certificate.
#[expect(clippy::wildcard_enum_match_arm, reason = "rustls's errors are many and not ours")]
fn out_of_time(error: &Error) -> Option<Time> {
    match error {
        Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) => {
            Some(Time::Early(not_before.as_secs()))
        }
        Error::InvalidCertificate(
            CertificateError::ExpiredContext { .. } | CertificateError::Expired,
        ) => Some(Time::Late),
        _ => None,
    }
}
