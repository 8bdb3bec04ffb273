//! The file of keys that `keys` names, and what the servers want of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use ntp::config::{Config, Proof};
use ntp::keys::{self, Key, Kind};

use super::{Misconfigured, read_text};
use crate::ntpd::held::is_for_others;

/// The keys that are trusted, and what there is to warn of. `path` is the configuration's.
///
/// # Errors
/// [`Misconfigured`] where a server wants what is not there, and files that cannot be read.
pub(super) fn read(
    config: &Config,
    path: Option<&Path>,
) -> anyhow::Result<(Vec<Key>, Vec<String>)> {
    let wrong = |what: String| match path {
        Some(path) => Misconfigured(format!("{}: {what}", path.display())),
        None => Misconfigured(what),
    };
    let wants_proof = config.servers.iter().any(|server| server.proof != Proof::None);
    if (wants_proof || config.granting.is_on) && !cfg!(feature = "nts") {
        let what = "this ntpd was built without keys and NTS (feature nts)";
        return Err(wrong(what.to_owned()).into());
    }
    let (mut keys, mut warnings) = match &config.keys_file {
        Some(file) => read_file(Path::new(file))?,
        None => (Vec::new(), Vec::new()),
    };
    let is_trusted = |id: u32| config.trusted.iter().any(|(from, to)| (*from..=*to).contains(&id));
    keys.retain(|key| is_trusted(key.id));
    for server in &config.servers {
        let Proof::Key(id) = server.proof else { continue };
        match keys.iter().find(|key| key.id == id) {
            None if config.keys_file.is_none() => {
                let what = format!("{} wants key {id}, and no `keys FILE` is named", server.name);
                return Err(wrong(what).into());
            }
            None if !is_trusted(id) => {
                let what = format!("{} wants key {id}, which no `trustedkey` names", server.name);
                return Err(wrong(what).into());
            }
            None => {
                let what = format!("{} wants key {id}, which is not there", server.name);
                return Err(wrong(what).into());
            }
            Some(key) if key.kind == Kind::Md5 => warnings.push(format!(
                "{} is believed for key {id} of MD5, which can be forged: AES128 is better",
                server.name
            )),
            Some(_) => {}
        }
    }
    Ok((keys, warnings))
}

fn read_file(path: &Path) -> anyhow::Result<(Vec<Key>, Vec<String>)> {
    let text = read_text(path)?;
    let keys = keys::parse(&text);
    let keys = keys.map_err(|mistake| Misconfigured(format!("{}: {mistake}", path.display())))?;
    Ok((keys, open_to_all(path).into_iter().collect()))
}

/// A warning, where everybody can read the key of the certificate by which we serve NTS.
pub(super) fn readable_by_all(config: &Config) -> Option<String> {
    let granting = Some(&config.granting).filter(|granting| granting.is_on)?;
    open_to_all(Path::new(&granting.key))
}

fn open_to_all(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).map_or(0, |file| file.permissions().mode());
    is_for_others(mode)
        .then(|| format!("{}: everybody can read it; chmod o-rwx it", path.display()))
}

#[cfg(feature = "nts")]
#[cfg(test)]
mod tests {
    use super::*;
    use ntp::config;

    fn with(keys: &str, conf: &str) -> anyhow::Result<(Vec<Key>, Vec<String>)> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys");
        fs::write(&file, keys).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let conf = conf.replace("FILE", file.to_str().unwrap());
        read(&config::parse(&conf).unwrap(), None)
    }

    fn wrong(keys: &str, conf: &str) -> String {
        let error = with(keys, conf).unwrap_err();
        assert!(error.is::<Misconfigured>(), "{error}");
        error.to_string()
    }

    const KEYS: &str = "1 M old\n5 AES 0123456789abcdef\n";

    #[test]
    fn only_trusted_keys_are_taken() {
        let conf = "keys FILE\ntrustedkey 5\nserver a key 5";
        let (keys, warnings) = with(KEYS, conf).unwrap();
        assert_eq!((keys.len(), keys[0].id, warnings.len()), (1, 5, 0));
    }

    #[test]
    fn a_key_that_is_wanted_and_not_to_be_had_is_a_mistake() {
        let said = wrong(KEYS, "keys FILE\nserver a key 5");
        assert_eq!(said, "a wants key 5, which no `trustedkey` names");
        let said = wrong(KEYS, "keys FILE\ntrustedkey 6\nserver a key 6");
        assert_eq!(said, "a wants key 6, which is not there");
        let said = wrong(KEYS, "trustedkey 6\nserver a key 6");
        assert_eq!(said, "a wants key 6, and no `keys FILE` is named");
        assert!(
            wrong("1 M", "keys FILE")
                .ends_with("/keys: line 1: a key is a number, a kind, and a secret")
        );
    }

    #[test]
    fn the_key_of_a_certificate_is_for_nobody_else_to_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        fs::write(&file, "").unwrap();
        let warned = |mode: u32, word: &str| {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let conf = format!("nts {word} key {}", file.display());
            readable_by_all(&config::parse(&conf).unwrap())
        };
        let sentence = format!("{}: everybody can read it; chmod o-rwx it", file.display());
        assert_eq!(warned(0o644, "enable"), Some(sentence));
        assert_eq!(warned(0o640, "enable"), None);
        assert_eq!(warned(0o644, "disable"), None, "it is of no use to us");
    }

    #[test]
    fn md5_and_a_file_that_everybody_can_read_are_warned_of() {
        let (_, warnings) = with(KEYS, "keys FILE\ntrustedkey 1\nserver a key 1").unwrap();
        let said = "a is believed for key 1 of MD5, which can be forged: AES128 is better";
        assert_eq!(warnings, [said]);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys");
        fs::write(&file, KEYS).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let conf = config::parse(&format!("keys {}", file.display())).unwrap();
        let (_, warnings) = read(&conf, None).unwrap();
        assert_eq!(
            warnings,
            [format!("{}: everybody can read it; chmod o-rwx it", file.display())]
        );
    }
}
