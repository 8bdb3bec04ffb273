//! The handshake (RFC 8915, section 4): TLS 1.3 over a stream that somebody else has opened, then
//! the records of [`ntp::nts::ke`].

use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use ntp::nts::ke::{self, Grant, KEY_LENGTH};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};

use crate::certificate::{Judge, When};
use crate::flaws::is_of_an_authority;

/// Where systems have the certificates that they trust: Debian, Fedora, SUSE, Alpine.
const ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What a handshake has come to.
#[derive(Clone)]
pub struct Agreed {
    /// What the server grants.
    pub grant: Grant,
    /// The key of our requests.
    pub ours: [u8; KEY_LENGTH],
    /// The key of its answers.
    pub theirs: [u8; KEY_LENGTH],
    /// The certificate was good by the floor only.
    pub by_floor: bool,
}

/// Why there is no agreement.
#[derive(Debug)]
pub enum Failed {
    /// The certificate is not to be trusted.
    Certificate(String),
    /// Anything else.
    Other(String),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(why) | Self::Other(why) => f.write_str(why),
        }
    }
}

/// The certificates that are trusted: those of the system, or of `file` instead.
///
/// # Errors
/// There is no such file, or no certificate in it.
pub fn roots(file: Option<&Path>) -> Result<RootCertStore, Failed> {
    let system = || ROOTS.iter().map(Path::new).find(|path| path.exists());
    let path = file.or_else(system).ok_or_else(|| {
        Failed::Other("this system has no certificates to trust (ca-certificates)".to_owned())
    })?;
    let unable = |why: &dyn fmt::Display| {
        Failed::Other(format!("unable to read certificates from {}: {why}", path.display()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unable(&error))? {
        // One that is of no use is no reason to do without the others.
        let _ = certificate.map(|certificate| roots.add(certificate));
    }
    if roots.is_empty() {
        return Err(unable(&"there is none that is of use"));
    }
    Ok(roots)
}

/// Shakes hands with the server `name` over `stream`, whose reads and writes end in good time.
///
/// # Errors
/// [`Failed`], in a sentence.
pub fn shake(
    stream: &mut (impl Read + Write),
    name: &str,
    roots: RootCertStore,
    when: When,
) -> Result<Agreed, Failed> {
    let other = |error: &dyn fmt::Display| Failed::Other(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| other(&error))?;
    let judge = Arc::new(Judge::new(inner, when));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| other(&error))?
        .dangerous()
        .with_custom_certificate_verifier(judge.clone())
        .with_no_client_auth();
    config.alpn_protocols = vec![ke::ALPN.to_vec()];
    config.enable_early_data = false;
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| Failed::Other(format!("{name} is no name that a certificate could be of")))?;
    let mut tls = ClientConnection::new(Arc::new(config), name).map_err(|error| other(&error))?;
    let answer = exchange(&mut Stream::new(&mut tls, stream)).map_err(|error| failed(&error))?;
    if tls.alpn_protocol() != Some(ke::ALPN) {
        return Err(Failed::Other("what answers there does not speak NTS (ALPN)".to_owned()));
    }
    let grant = ke::read(&answer).map_err(|denied| other(&denied))?;
    let key = |of_answers| {
        tls.export_keying_material([0; KEY_LENGTH], ke::EXPORTER, Some(&ke::context(of_answers)))
            .map_err(|error| other(&error))
    };
    Ok(Agreed { grant, ours: key(false)?, theirs: key(true)?, by_floor: judge.was_by_floor() })
}

/// Sends the request and reads until the answer is complete, or is longer than any.
fn exchange(stream: &mut (impl Read + Write)) -> io::Result<Vec<u8>> {
    stream.write_all(&ke::request())?;
    stream.flush()?;
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while !ke::is_complete(&answer) && answer.len() <= ke::ANSWER_MAX {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(part.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}

/// rustls's error within the stream's, in words.
fn failed(error: &io::Error) -> Failed {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(why)) => {
            Failed::Certificate(format!("its certificate is refused: {}", in_words(why)))
        }
        Some(other) => Failed::Other(format!("TLS: {other}")),
        None if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            Failed::Other("the handshake took too long".to_owned())
        }
        None => Failed::Other(format!("the handshake was broken off: {error}")),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "rustls's errors are many and not ours")]
pub(crate) fn in_words(why: &rustls::CertificateError) -> String {
    use rustls::CertificateError as E;
    match why {
        E::Expired | E::ExpiredContext { .. } => "it has expired".to_owned(),
        E::NotValidYet | E::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        E::UnknownIssuer => "nobody whom this system trusts has issued it".to_owned(),
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            "it is of another server".to_owned()
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            "it is not made for a server; extendedKeyUsage=serverAuth is missing".to_owned()
        }
        why if is_of_an_authority(why) => {
            "it is made for an authority; that of a server says CA:FALSE".to_owned()
        }
        other => other.to_string(),
    }
}
