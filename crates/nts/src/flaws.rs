//! What clients will have against a certificate of ours, for its owner to know before they come.
//!
//! webpki looks at what a certificate says of itself before it asks who has issued it. So it is
//! asked here without anybody who could have.

use std::fmt;
use std::time::Duration;

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};

use crate::certificate::When;
use crate::handshake::in_words;

/// What speaks against a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// It is out of its time: no client takes it.
    Time(String),
    /// It is not made for a server: some clients do not take it, ours among them.
    Kind(String),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(why) | Self::Kind(why) => f.write_str(why),
        }
    }
}

/// Those of a chain, whose first certificate is ours. Where the clock may be wrong
/// ([`When::floor`]) only what has expired for sure is out of its time.
pub(crate) fn of(chain: &[CertificateDer<'_>], when: When) -> Vec<Flaw> {
    let places = chain.iter().zip(1..);
    let mut flaws: Vec<Flaw> = places.filter_map(|(one, place)| time(one, place, when)).collect();
    flaws.extend(chain.first().and_then(|ours| kind(ours, when.now)));
    flaws
}

#[expect(clippy::wildcard_enum_match_arm, reason = "rustls's errors are many and not ours")]
fn time(certificate: &CertificateDer<'_>, place: usize, when: When) -> Option<Flaw> {
    use CertificateError as E;
    let why = refusal(certificate, when.floor.unwrap_or(when.now))?;
    let is_so = match why {
        E::Expired | E::ExpiredContext { .. } => true,
        E::NotValidYet | E::NotValidYetContext { .. } => when.floor.is_none(),
        _ => false,
    };
    let which = if place == 1 { String::new() } else { format!("number {place} in it: ") };
    is_so.then(|| Flaw::Time(format!("{which}{}", in_words(&why))))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "rustls's errors are many and not ours")]
fn kind(certificate: &CertificateDer<'_>, now: u64) -> Option<Flaw> {
    use CertificateError as E;
    let why = match refusal(certificate, now)? {
        E::NotValidYetContext { not_before: within, .. }
        | E::ExpiredContext { not_after: within, .. } => refusal(certificate, within.as_secs())?,
        why => why,
    };
    let is_so = match &why {
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => true,
        E::Other(_) => is_of_an_authority(&why),
        _ => false,
    };
    is_so.then(|| Flaw::Kind(in_words(&why)))
}

/// Whether it is an authority's certificate, which is none of a server.
pub(crate) fn is_of_an_authority(why: &CertificateError) -> bool {
    matches!(why, CertificateError::Other(rustls::OtherError(error))
        if error.to_string() == "CaUsedAsEndEntity")
}

/// Why it is none of a server at `seconds`, as far as it says so itself; in the end always because
/// nobody has issued it.
fn refusal(certificate: &CertificateDer<'_>, seconds: u64) -> Option<CertificateError> {
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let nobody = RootCertStore::empty();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    let judged =
        verify_server_cert_signed_by_trust_anchor(&parsed, &nobody, &[], at, algorithms.all);
    match judged {
        Err(Error::InvalidCertificate(why)) => Some(why),
        Ok(()) | Err(_) => None,
    }
}
