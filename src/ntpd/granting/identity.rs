//! Who we are: the certificate and its key, as they lie in their files.
//!
//! Who renews them replaces one after the other, and tells nobody. So they are looked at now and
//! then, and taken once both have come and fit.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use ntp::client::Level;
use ntp::config;
use ntp::time::{Raw, Span};
use nts::flaws::Flaw;
use nts::granting::{Identity, Wrong};

use crate::ntpd::check::Finding;
use crate::ntpd::clock::When;

/// No certificate with its chain, and no key, is longer.
const FILE_MAX: u64 = 64 * 1024;

/// So often the files are looked at: certificates are renewed weeks before they end.
const LOOK_EVERY: Span = Span::from_secs(60);

/// Who we are, and what was seen of its files.
#[derive(Debug)]
pub(super) struct Own {
    config: config::Granting,
    identity: Identity,
    /// When to look again.
    next: Raw,
    /// The files that were read last, or were of no use.
    seen: Marks,
    /// The files that were of no use at the last look: somebody may be at it.
    doubtful: Option<Marks>,
    /// What was said of the certificate that is in use.
    said: Vec<String>,
}

/// What tells a file from another one in its place; why there is none to see.
type Mark = Result<(u64, u64, u64, i64, i64), io::ErrorKind>;
type Marks = [Mark; 2];

impl Own {
    /// Reads the files.
    ///
    /// # Errors
    /// The one that is of no use, and why.
    pub(super) fn open(config: config::Granting, now: Raw) -> Result<Self, (String, String)> {
        let seen = marks(&config);
        let identity = read(&config)?;
        Ok(Self { config, identity, next: now, seen, doubtful: None, said: Vec::new() })
    }

    /// Who we are now.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// When to look again.
    pub(super) fn deadline(&self) -> Raw {
        self.next
    }

    /// Takes what was renewed, where it is time to look; what there is to say, once.
    pub(super) fn look(&mut self, now: Raw, when: When) -> Vec<(Level, String)> {
        if now < self.next {
            return Vec::new();
        }
        self.next = now + LOOK_EVERY;
        let renewed = self.renew();
        let found = warnings(&self.config.certificate, &self.identity, when);
        let said = std::mem::replace(&mut self.said, found);
        let news = self.said.iter().filter(|warning| !said.contains(warning));
        let news = news.map(|warning| (Level::Warning, warning.clone()));
        renewed.into_iter().chain(news).collect()
    }

    fn renew(&mut self) -> Option<(Level, String)> {
        let marks = marks(&self.config);
        if marks == self.seen {
            return None;
        }
        let before = self.doubtful.replace(marks);
        match read(&self.config) {
            Err(_) if before != Some(marks) => None,
            found => Some(self.take(found, marks)),
        }
    }

    /// Reads the files whether or not they are others.
    pub(super) fn reload(&mut self) -> (Level, String) {
        let marks = marks(&self.config);
        self.take(read(&self.config), marks)
    }

    fn take(&mut self, found: Result<Identity, (String, String)>, marks: Marks) -> (Level, String) {
        self.seen = marks;
        self.doubtful = None;
        match found {
            Ok(identity) => {
                self.identity = identity;
                (Level::Info, format!("{} was read again", self.config.certificate))
            }
            Err((path, why)) => {
                // Root has read them for one who cannot even see them: that is usual.
                let is_hidden = marks.contains(&Err(io::ErrorKind::PermissionDenied));
                let level = if is_hidden { Level::Info } else { Level::Warning };
                let cure = "a restart reads it as root";
                let cure = if why.ends_with(DENIED) { format!(", {cure}") } else { String::new() };
                (level, format!("{path}: {why}; NTS goes on with the certificate it had{cure}"))
            }
        }
    }
}

/// What [`cli::reason`] says of a file that is for others.
const DENIED: &str = "access denied";

fn marks(config: &config::Granting) -> Marks {
    [&config.certificate, &config.key].map(|path| {
        let file = fs::metadata(path).map_err(|error| error.kind())?;
        Ok((file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
    })
}

/// Who we are by these files; else the file that is of no use, and why.
fn read(config: &config::Granting) -> Result<Identity, (String, String)> {
    let (certificate, key) = (bytes(&config.certificate)?, bytes(&config.key)?);
    Identity::new(&certificate, &key).map_err(|wrong| match wrong {
        Wrong::Certificate(why) => (config.certificate.clone(), why),
        Wrong::Key(why) => (config.key.clone(), why),
    })
}

fn bytes(path: &str) -> Result<Vec<u8>, (String, String)> {
    let mut bytes = Vec::new();
    let file = sys::fifo::open_whatever(Path::new(path));
    let read = file.and_then(|file| file.take(FILE_MAX).read_to_end(&mut bytes));
    let unable = |error| (path.to_owned(), format!("unable to read it: {}", cli::reason(&error)));
    read.map(|_| bytes).map_err(unable)
}

/// What speaks against the files of certificate and key.
pub(super) fn check(config: &config::Granting, when: When) -> Vec<(String, Finding)> {
    let (certificate, key) = (&config.certificate, &config.key);
    let found = read(config);
    let wrong = found.as_ref().err();
    let of = |path: &String, is_other: bool| match wrong {
        Some((at, why)) if at == path && !is_other => Finding::Bad(why.clone()),
        // The first that is of no use hides what is wrong with the other.
        Some(_) => bytes(path).map(drop).map_err(|(_, why)| why).into(),
        None => Finding::Good,
    };
    let flaws = found.as_ref().ok().map(|identity| identity.flaws(when.into()));
    let first = flaws.and_then(|flaws| flaws.into_iter().next()).map(|flaw| match flaw {
        Flaw::Time(why) => Finding::Bad(why),
        Flaw::Kind(why) => Finding::But(why),
    });
    vec![
        (format!("nts cert {certificate}"), first.unwrap_or_else(|| of(certificate, false))),
        (format!("nts key {key}"), of(key, key == certificate)),
    ]
}

/// What clients will have against it, for the log.
fn warnings(path: &str, identity: &Identity, when: When) -> Vec<String> {
    let line = |flaw: Flaw| match flaw {
        Flaw::Time(why) => format!("{path}: {why}; no client of NTS believes it"),
        Flaw::Kind(why) => format!("{path}: {why}; many clients of NTS do not believe it"),
    };
    identity.flaws(when.into()).into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHEN: When = When { now: 1_795_392_000, is_known: true, floor: 0 };

    fn at(seconds: i64) -> Raw {
        Raw::default() + Span::from_secs(seconds)
    }

    /// A directory with a certificate and its key, and who we are by that.
    struct Place {
        dir: tempfile::TempDir,
        own: Own,
        now: i64,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
            let config = config::Granting {
                certificate: path("cert"),
                key: path("key"),
                ..config::Granting::default()
            };
            for (name, from) in [("cert", "good.pem"), ("key", "s.key")] {
                fs::copy(certificate(from), dir.path().join(name)).unwrap();
            }
            let own = Own::open(config, at(0)).unwrap();
            Self { dir, own, now: 0 }
        }

        /// As certbot does: a new file takes the old one's place.
        fn put(&self, name: &str, text: &[u8]) {
            let new = self.dir.path().join("new");
            fs::write(&new, text).unwrap();
            fs::rename(&new, self.dir.path().join(name)).unwrap();
        }

        fn put_certificate(&self, from: &str) {
            self.put("cert", &fs::read(certificate(from)).unwrap());
        }

        /// What is said at the next look, without the directory.
        fn look(&mut self) -> Vec<String> {
            self.now += 60;
            let said = self.own.look(at(self.now), WHEN).into_iter();
            let dir = format!("{}/", self.dir.path().display());
            said.map(|(level, line)| format!("{level:?} {}", line.replace(&dir, ""))).collect()
        }

        /// Which certificate is shown, by what is wrong with it.
        fn shown(&self) -> Vec<String> {
            self.own.identity().flaws(WHEN.into()).iter().map(ToString::to_string).collect()
        }
    }

    fn certificate(name: &str) -> String {
        format!("{}/crates/nts/tests/certificates/{name}", env!("CARGO_MANIFEST_DIR"))
    }

    const EXPIRED: &str = "Warning cert: it has expired; no client of NTS believes it";

    #[test]
    fn a_certificate_that_was_renewed_is_taken_at_the_next_look() {
        let mut place = Place::new();
        assert!(place.look().is_empty());
        place.put_certificate("expired.pem");
        assert!(place.own.look(at(119), WHEN).is_empty(), "it is not time to look");
        assert_eq!(place.look(), ["Info cert was read again", EXPIRED]);
        assert_eq!(place.shown(), ["it has expired"]);
        assert!(place.look().is_empty(), "it is said once");
        place.put_certificate("good.pem");
        assert_eq!(place.look(), ["Info cert was read again"]);
        assert!(place.shown().is_empty() && place.look().is_empty());
    }

    #[test]
    fn what_is_of_no_use_changes_nothing_and_is_said_once() {
        let mut place = Place::new();
        let key = fs::read(certificate("s.key")).unwrap();
        let had = "NTS goes on with the certificate it had";
        for (name, text, why) in [
            ("key", &b""[..], "key: there is no private key in it"),
            ("cert", b"half", "cert: there is no certificate in it"),
        ] {
            place.put(name, text);
            assert!(place.look().is_empty(), "somebody may be at it");
            assert_eq!(place.look(), [format!("Warning {why}; {had}")]);
            assert!(place.look().is_empty() && place.look().is_empty() && place.shown().is_empty());
        }
        fs::remove_file(place.dir.path().join("cert")).unwrap();
        assert!(place.look().is_empty());
        let gone = "Warning cert: unable to read it: file does not exist";
        assert_eq!(place.look(), [format!("{gone}; {had}")]);
        place.put_certificate("good.pem");
        place.put("key", &key);
        assert_eq!(place.look(), ["Info cert was read again"]);
    }

    #[test]
    fn a_certificate_and_a_key_that_come_one_after_the_other_are_taken_together() {
        let mut place = Place::new();
        let (key, ca) = (fs::read(certificate("s.key")).unwrap(), certificate("ca.pem"));
        place.put("cert", &fs::read(ca).unwrap());
        assert!(place.look().is_empty(), "it is another one's key");
        place.put_certificate("expired.pem");
        place.put("key", &key);
        assert_eq!(place.look(), ["Info cert was read again", EXPIRED]);
    }

    #[test]
    fn what_was_read_because_somebody_said_so_is_not_read_again() {
        let mut place = Place::new();
        place.put_certificate("expired.pem");
        assert_eq!(place.own.reload().0, Level::Info);
        assert_eq!(place.look(), [EXPIRED]);
        place.put("key", b"");
        assert_eq!(place.own.reload().0, Level::Warning);
        assert!(place.look().is_empty() && place.look().is_empty());
    }
}
