//! A server's side of the handshake: TLS 1.3 with a stranger, byte by byte as they come, without a
//! stream: whoever calls has many of them and one thread.

use std::io::Read as _;
use std::sync::Arc;

use ntp::nts::cookies::Pair;
use ntp::nts::granting::{self, REQUEST_MAX, Refusal};
use ntp::nts::ke::{self, KEY_LENGTH};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys, ServerConfig, ServerConnection};

use crate::certificate::When;
use crate::flaws::{self, Flaw};

/// So much is heard of one who shakes hands: the greeting of a browser, with its largest key shares
/// sent twice, takes half of it.
pub const HEARD_MAX: usize = 16 * 1024;

/// A chain is no longer: three is usual, and a client is sent all of it.
const CHAIN_MAX: usize = 8;

/// Who we are: a certificate and its key.
#[derive(Debug, Clone)]
pub struct Identity {
    config: Arc<ServerConfig>,
    chain: Vec<CertificateDer<'static>>,
}

/// What is wrong with a certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// The file of the certificate, and why it is of no use.
    Certificate(String),
    /// The file of the key, and why it is of no use.
    Key(String),
}

impl Identity {
    /// Of the certificate, with the chain that follows it, and the key, both in PEM.
    ///
    /// # Errors
    /// [`Wrong`], in a sentence.
    pub fn new(certificate: &[u8], key: &[u8]) -> Result<Self, Wrong> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let certified = certified(certificate, key, &provider)?;
        let chain = certified.cert.clone();
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| Wrong::Certificate(error.to_string()))?;
        let resolver = Arc::new(SingleCertAndKey::from(certified));
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![ke::ALPN.to_vec()];
        // Nobody resumes anything: a handshake is of one use, and nothing is kept of it.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), chain })
    }

    /// What clients will have against it.
    #[must_use]
    pub fn flaws(&self, when: When) -> Vec<Flaw> {
        flaws::of(&self.chain, when)
    }
}

fn certified(
    certificate: &[u8],
    key: &[u8],
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Wrong> {
    let no_certificate = || Wrong::Certificate("there is no certificate in it".to_owned());
    let chain = CertificateDer::pem_slice_iter(certificate).take(CHAIN_MAX);
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(|_| no_certificate())?;
    if chain.is_empty() {
        return Err(no_certificate());
    }
    // The rest of a chain is not looked at by who sends it, but by who gets it.
    if chain.iter().any(|certificate| ParsedCertificate::try_from(certificate).is_err()) {
        return Err(no_certificate());
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| Wrong::Key("there is no private key in it".to_owned()))?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|_| Wrong::Key("its kind of key is not known here".to_owned()))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(Error::InconsistentKeys(_)) => {
            Err(Wrong::Key("it is not the key of the certificate".to_owned()))
        }
        Err(_) => Err(no_certificate()),
    }
}

/// A handshake under way.
#[derive(Debug)]
pub struct Conversation {
    tls: ServerConnection,
    asked: Vec<u8>,
    heard: usize,
    is_over: bool,
}

impl Conversation {
    /// Begins.
    ///
    /// # Errors
    /// TLS cannot begin.
    pub fn new(identity: &Identity) -> Result<Self, String> {
        let tls =
            ServerConnection::new(identity.config.clone()).map_err(|error| error.to_string())?;
        Ok(Self { tls, asked: Vec::new(), heard: 0, is_over: false })
    }

    /// Takes in what the client has sent. Once that is a whole request, `grant` says what it is
    /// granted, from the keys that were agreed on; none where it cannot.
    pub fn hear(&mut self, mut bytes: &[u8], grant: impl FnOnce(Pair) -> Option<Vec<u8>>) {
        self.heard = self.heard.saturating_add(bytes.len());
        if self.heard > HEARD_MAX {
            self.is_over = true;
        }
        while !bytes.is_empty() && !self.is_over {
            if self.take_in(&mut bytes).is_none() {
                self.is_over = true;
            }
            let is_whole = ke::is_complete(&self.asked) || self.asked.len() > REQUEST_MAX;
            if is_whole && self.tls.alpn_protocol() == Some(ke::ALPN) {
                let answer = self.answer(grant);
                self.say(&answer);
                return;
            }
            // Whoever speaks of something else has come to the wrong door.
            self.is_over |= is_whole;
        }
    }

    /// What is to be sent to the client, since the last call.
    pub fn unsent(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut bytes).is_err() {
                break;
            }
        }
        bytes
    }

    /// Nothing more is heard: what is unsent ends it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Some of the bytes; none where nothing good can follow.
    fn take_in(&mut self, bytes: &mut &[u8]) -> Option<()> {
        self.tls.read_tls(bytes).ok().filter(|read| *read > 0)?;
        let state = self.tls.process_new_packets().ok()?;
        let mut part = vec![0; state.plaintext_bytes_to_read()];
        self.tls.reader().read_exact(&mut part).ok()?;
        self.asked.extend(part);
        (!state.peer_has_closed() || ke::is_complete(&self.asked)).then_some(())
    }

    fn answer(&self, grant: impl FnOnce(Pair) -> Option<Vec<u8>>) -> Vec<u8> {
        let granted = granting::judge(&self.asked).and_then(|()| {
            let pair = self.pair().ok_or(Refusal::Internal)?;
            grant(pair).ok_or(Refusal::Internal)
        });
        granted.unwrap_or_else(Refusal::bytes)
    }

    fn pair(&self) -> Option<Pair> {
        let key = |of_answers| {
            let place = [0; KEY_LENGTH];
            let context = ke::context(of_answers);
            self.tls.export_keying_material(place, ke::EXPORTER, Some(&context)).ok()
        };
        Some(Pair { requests: key(false)?, answers: key(true)? })
    }

    fn say(&mut self, answer: &[u8]) {
        // Into a buffer without a limit: it cannot fail.
        let _ = std::io::Write::write_all(&mut self.tls.writer(), answer);
        self.tls.send_close_notify();
        self.is_over = true;
    }
}
