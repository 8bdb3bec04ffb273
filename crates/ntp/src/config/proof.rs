//! The words about how servers prove who they are, and how we do: `keys`, `trustedkey`, `nts`, and
//! what may follow `server`.

use std::fmt;

use crate::nts::ke::PORT;

use super::{Config, What, Words};

/// Where ntpsec looks for a certificate and its key.
const CERTIFICATE: &str = "/etc/ntp/cert-chain.pem";
const KEY: &str = "/etc/ntp/key.pem";

/// How a server proves that an answer is its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Proof {
    /// Not at all, but for the port and the stamp that nobody else has seen.
    #[default]
    None,
    /// By a key of this number, which both sides have.
    Key(u32),
    /// By NTS. Who is trusted to say who it is: this file's certificates, else the system's.
    Nts(Option<String>),
}

impl Proof {
    /// How much it proves, compared with others.
    #[must_use]
    pub fn strength(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Key(_) => 1,
            Self::Nts(_) => 2,
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("plainly"),
            Self::Key(key) => write!(f, "with key {key}"),
            Self::Nts(_) => f.write_str("with nts"),
        }
    }
}

/// What follows a `server`.
#[derive(Default)]
pub(super) struct Asked {
    nts: bool,
    key: Option<u32>,
    ca: Option<String>,
}

impl Asked {
    pub(super) fn take(&mut self, word: &str, words: &mut Words) -> Result<(), What> {
        match word {
            "nts" => self.nts = true,
            "key" => self.key = Some(number(word, words.value(word)?)?),
            _ => self.ca = Some(words.value(word)?.to_owned()),
        }
        Ok(())
    }

    pub(super) fn of(self, kind: &str) -> Result<Proof, What> {
        if self.ca.is_some() && !self.nts {
            return Err(What::Unknown("ca, without nts".to_owned()));
        }
        match (self.nts, self.key) {
            (true, Some(_)) => Err(What::NotWithNts("key".to_owned())),
            (true, None) if kind == "pool" => Err(What::NotWithNts("pool".to_owned())),
            (true, None) => Ok(Proof::Nts(self.ca)),
            (false, Some(id)) => Ok(Proof::Key(id)),
            (false, None) => Ok(Proof::None),
        }
    }
}

/// `trustedkey 1 5 (10 ... 20)`: ranges, and single numbers as ranges of one.
pub(super) fn trusted(words: &mut Words) -> Result<Vec<(u32, u32)>, What> {
    let word = "trustedkey";
    let text = words.words.by_ref().collect::<Vec<_>>().join(" ");
    let spaced = text.replace('(', " ( ").replace(')', " ) ").replace("...", " ... ");
    let mut parts = spaced.split_ascii_whitespace();
    let mut ranges = Vec::new();
    while let Some(part) = parts.next() {
        if part != "(" {
            let id = number(word, part)?;
            ranges.push((id, id));
            continue;
        }
        let range = [parts.next(), parts.next(), parts.next(), parts.next()];
        let [Some(first), Some("..."), Some(last), Some(")")] = range else {
            return Err(What::BadValue(word.to_owned(), text));
        };
        ranges.push((number(word, first)?, number(word, last)?));
    }
    if ranges.is_empty() { Err(What::NoValue(word.to_owned())) } else { Ok(ranges) }
}

/// What is said of serving NTS (`nts enable`, `cert`, `key`, `cookie`, and `port`, which is ours).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granting {
    /// It is served.
    pub is_on: bool,
    /// Where our certificate is, with its chain.
    pub certificate: String,
    /// Where its key is.
    pub key: String,
    /// Where the keys are kept that seal cookies.
    pub cookies: Option<String>,
    /// Where hands are shaken.
    pub port: u16,
}

impl Default for Granting {
    fn default() -> Self {
        Self {
            is_on: false,
            certificate: CERTIFICATE.to_owned(),
            key: KEY.to_owned(),
            cookies: None,
            port: PORT,
        }
    }
}

/// As in ntpsec, of which there may be several on a line.
pub(super) fn parse_nts(config: &mut Config, words: &mut Words) -> Result<(), What> {
    let mut word = words.value("nts")?;
    loop {
        parse_nts_word(config, word, words)?;
        let Some(next) = words.words.next() else { return Ok(()) };
        word = next;
    }
}

fn parse_nts_word(config: &mut Config, word: &str, words: &mut Words) -> Result<(), What> {
    let granting = &mut config.granting;
    match word {
        "ca" => config.authorities = Some(words.value(word)?.to_owned()),
        "enable" => granting.is_on = true,
        "disable" => granting.is_on = false,
        "cert" => words.value(word)?.clone_into(&mut granting.certificate),
        "key" => words.value(word)?.clone_into(&mut granting.key),
        "cookie" => granting.cookies = Some(words.value(word)?.to_owned()),
        "port" => {
            let value = words.value(word)?;
            let wrong = || What::BadValue("nts port".to_owned(), value.to_owned());
            granting.port = value.parse().map_err(|_| wrong())?;
        }
        // Less than version 1.3 there never is.
        "mintls" => drop(words.value(word)?),
        "aead" | "maxtls" | "tlsciphers" | "tlsciphersuites" | "tlsecdhcurves" => {
            words.value(word)?;
            config.not_obeyed.push((words.line, format!("nts {word}")));
        }
        word => return Err(What::Unknown(word.to_owned())),
    }
    Ok(())
}

fn number(word: &str, value: &str) -> Result<u32, What> {
    let number = value.parse().ok().filter(|id| *id > 0);
    number.ok_or_else(|| What::BadValue(word.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn mistake(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn keys_and_nts_are_understood() {
        let text = "keys /etc/ntp.keys\ntrustedkey 1 5 (10 ... 20) (30...31)\nnts ca /ca.pem\n\
            server a key 5 iburst\nserver b:4461 nts ca /b.pem\nserver c nts\nserver d";
        let config = parse(text).unwrap();
        assert_eq!(config.keys_file.as_deref(), Some("/etc/ntp.keys"));
        assert_eq!(config.trusted, [(1, 1), (5, 5), (10, 20), (30, 31)]);
        assert_eq!(config.authorities.as_deref(), Some("/ca.pem"));
        let proofs: Vec<_> = config.servers.into_iter().map(|server| server.proof).collect();
        let nts = |ca: Option<&str>| Proof::Nts(ca.map(str::to_owned));
        assert_eq!(proofs, [Proof::Key(5), nts(Some("/b.pem")), nts(None), Proof::None]);
        assert!(config.not_obeyed.is_empty());
    }

    #[test]
    fn what_cannot_be_is_a_mistake() {
        assert_eq!(mistake("server a key 0"), "line 1: key cannot be 0");
        assert_eq!(mistake("server a key x"), "line 1: key cannot be x");
        assert_eq!(mistake("server a nts key 1"), "line 1: key does not go with nts");
        assert_eq!(mistake("server a ca /c.pem"), "line 1: no such word: ca, without nts");
        assert_eq!(mistake("pool a nts"), "line 1: pool does not go with nts");
        assert_eq!(mistake("trustedkey"), "line 1: trustedkey wants a value");
        assert_eq!(mistake("trustedkey 1 x"), "line 1: trustedkey cannot be x");
        let range = "line 1: trustedkey cannot be (1 ... 5";
        assert_eq!(mistake("trustedkey (1 ... 5"), range);
        assert_eq!(mistake("keys"), "line 1: keys wants a value");
        assert_eq!(mistake("nts"), "line 1: nts wants a value");
        assert_eq!(mistake("nts nonsense"), "line 1: no such word: nonsense");
    }

    #[test]
    fn ntpsecs_words_of_a_server_are_understood() {
        let granting = |text: &str| parse(text).unwrap().granting;
        assert_eq!(granting(""), Granting::default());
        let usual = granting("nts enable");
        assert!(usual.is_on);
        assert_eq!((usual.key.as_str(), usual.port), ("/etc/ntp/key.pem", 4460));
        let text = "nts cert /c.pem\nnts key /k.pem cookie /keys enable port 0 mintls TLS1.3";
        let expected = Granting {
            is_on: true,
            certificate: "/c.pem".to_owned(),
            key: "/k.pem".to_owned(),
            cookies: Some("/keys".to_owned()),
            port: 0,
        };
        assert_eq!(granting(text), expected);
        assert!(!granting("nts enable\nnts disable").is_on);
        assert_eq!(mistake("nts cert"), "line 1: cert wants a value");
        assert_eq!(mistake("nts port 65536"), "line 1: nts port cannot be 65536");
        assert_eq!(mistake("nts enable now"), "line 1: no such word: now");
    }

    #[test]
    fn what_is_not_obeyed_is_named_and_passed_over() {
        let config = parse("nts enable tlsciphers X\nnts aead Y").unwrap();
        let list = config.not_obeyed_list().unwrap();
        assert_eq!(list, "nts tlsciphers (line 1), nts aead (line 2)");
    }
}
