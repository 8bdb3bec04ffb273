//! Who we are: the certificate and its key, as they lie in their files.

use std::io::Read as _;
use std::path::Path;

use ntp::config;
use nts::flaws::Flaw;
use nts::granting::{Identity, Wrong};

use crate::ntpd::check::Finding;
use crate::ntpd::clock::When;

/// No certificate with its chain, and no key, is longer.
const FILE_MAX: u64 = 64 * 1024;

/// Who we are by these files; else the file that is of no use, and why.
pub(super) fn read(config: &config::Granting) -> Result<Identity, (String, String)> {
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
pub(super) fn warnings(path: &str, identity: &Identity, when: When) -> Vec<String> {
    let line = |flaw: Flaw| match flaw {
        Flaw::Time(why) => format!("{path}: {why}; no client of NTS believes it"),
        Flaw::Kind(why) => format!("{path}: {why}; many clients of NTS do not believe it"),
    };
    identity.flaws(when.into()).into_iter().map(line).collect()
}
