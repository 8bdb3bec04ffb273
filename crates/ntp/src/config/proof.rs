//! The words about how servers prove who they are: `keys`, `trustedkey`, `nts`, and what may follow
//! `server`.

use super::{Config, What, Words};

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

/// `nts ca FILE` is obeyed; the others are of servers.
pub(super) fn parse_nts(config: &mut Config, words: &mut Words) -> Result<(), What> {
    let word = words.value("nts")?;
    match word {
        "ca" => config.authorities = Some(words.value(word)?.to_owned()),
        "enable" | "disable" => config.not_obeyed.push((words.line, format!("nts {word}"))),
        "aead" | "cert" | "cookie" | "key" | "mintls" | "maxtls" | "tlsciphers"
        | "tlsciphersuites" | "tlsecdhcurves" => {
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
    fn what_is_a_servers_is_named_and_passed_over() {
        let config = parse("nts enable\nnts cert /c.pem\nnts key /k.pem").unwrap();
        let list = config.not_obeyed_list().unwrap();
        assert_eq!(list, "nts enable (line 1), nts cert (line 2), nts key (line 3)");
    }
}
