//! ntpd and the files it is told of: what root opens, and what it leaves alone.
//!
//! Nothing here may set a clock: each ntpd is told `--observe`, or asks nobody.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Nobody, and somebody else.
const NOBODY: &str = "65534:65534";
const ALICE: u32 = 54_321;

/// A directory of root's with a file of root's in it, and one below that somebody else may write.
struct Place {
    dir: tempfile::TempDir,
    hers: PathBuf,
}

impl Place {
    /// `None` where we are not root: an ordinary user has no power to be led astray.
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        if fs::metadata(dir.path()).unwrap().uid() != 0 {
            return None;
        }
        // Whoever ntpd becomes may come here.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let hers = dir.path().join("hers");
        fs::create_dir(&hers).unwrap();
        fs::write(dir.path().join("precious"), "precious").unwrap();
        fs::set_permissions(dir.path().join("precious"), fs::Permissions::from_mode(0o600))
            .unwrap();
        Some(Self { dir, hers })
    }

    fn lead_astray(&self, name: &str) {
        symlink("../precious", self.hers.join(name)).unwrap();
    }

    fn is_intact(&self) -> bool {
        fs::read_to_string(self.dir.path().join("precious")).unwrap() == "precious"
    }

    /// An ntpd that works in the directory and serves the local clock.
    fn ntpd(&self, args: &[&str]) -> Ntpd {
        Ntpd::in_directory(self.dir.path(), args)
    }
}

struct Ntpd {
    child: Child,
    said: PathBuf,
}

impl Ntpd {
    fn in_directory(dir: &Path, args: &[&str]) -> Self {
        let said = dir.join("said");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ntpd"));
        command.args(["--observe", "--serve", "127.0.0.1:0"]).args(args);
        command.current_dir(dir).stdin(Stdio::null());
        let child = command.stderr(fs::File::create(&said).unwrap()).spawn().unwrap();
        Self { child, said }
    }

    fn wait_for(path: &Path, part: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(path).unwrap_or_default();
            if let Some(line) = text.lines().find(|line| line.contains(part)) {
                return line.to_owned();
            }
            assert!(Instant::now() < end, "no {part:?} in {}: {text}", path.display());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn says(&self, part: &str) -> String {
        Self::wait_for(&self.said, part)
    }

    /// Its exit code, and its last line.
    fn ends(&mut self) -> (Option<i32>, String) {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let text = fs::read_to_string(&self.said).unwrap();
                return (status.code(), text.lines().next_back().unwrap_or_default().to_owned());
            }
            assert!(Instant::now() < end, "it does not end");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Ntpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn root_opens_no_log_that_others_may_have_led_elsewhere() {
    let Some(place) = Place::new() else { return };
    let hers = place.hers.display();
    for (owner, mode) in [(0, 0o777), (ALICE, 0o755)] {
        chown(&place.hers, Some(owner), None).unwrap();
        fs::set_permissions(&place.hers, fs::Permissions::from_mode(mode)).unwrap();
        place.lead_astray("log");
        let (code, line) = place.ntpd(&["-u", "root", "-l", "hers/log"]).ends();
        let said = format!("unable to open hers/log: others than root may write {hers}");
        let cure = "-u names a user to open it";
        assert_eq!((code, line), (Some(111), format!("ntpd: fatal: {said}; {cure}")));
        // The user that ntpd becomes has no more power than the one who made the link.
        let (code, line) = place.ntpd(&["-u", NOBODY, "-l", "hers/log"]).ends();
        let said = "unable to open hers/log: access denied";
        assert_eq!((code, line), (Some(111), format!("ntpd: fatal: {said}")));
        assert!(place.is_intact());
        fs::remove_file(place.hers.join("log")).unwrap();
    }
}

#[test]
fn a_log_in_a_directory_of_its_user_begins_with_the_first_line() {
    let Some(place) = Place::new() else { return };
    chown(&place.hers, Some(65534), None).unwrap();
    let log = place.hers.join("log");
    let ntpd = place.ntpd(&["-u", NOBODY, "-l", "hers/log", "-p", "/run/ntpd.pid"]);
    Ntpd::wait_for(&log, "serving the local clock");
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.starts_with("ntpd: info: -p /run/ntpd.pid is ignored"), "{text}");
    assert_eq!(fs::metadata(&log).unwrap().uid(), 65534);
    assert_eq!(fs::read_to_string(&ntpd.said).unwrap(), "");
}

#[test]
fn root_is_warned_of_a_configuration_that_others_may_write() {
    let Some(place) = Place::new() else { return };
    fs::write(place.hers.join("conf"), "driftfile d\n").unwrap();
    let warning = |place: &Place| {
        let ntpd = place.ntpd(&["-c", "hers/conf"]);
        ntpd.says("serving the local clock");
        fs::read_to_string(&ntpd.said).unwrap().contains("warning")
    };
    assert!(!warning(&place));
    chown(&place.hers, Some(ALICE), None).unwrap();
    let ntpd = place.ntpd(&["-c", "hers/conf"]);
    let line = ntpd.says("hers/conf is believed though others than root may write ");
    assert!(line.starts_with("ntpd: warning: "), "{line}");
}

#[test]
fn root_holds_no_drift_file_that_others_may_have_led_elsewhere() {
    let Some(place) = Place::new() else { return };
    chown(&place.hers, Some(ALICE), None).unwrap();
    for name in ["drift", "drift.last", "drift.first"] {
        place.lead_astray(name);
        let ntpd = place.ntpd(&["-d", "-u", NOBODY, "-f", "hers/drift"]);
        let line = ntpd.says("ntpd: warning: unable to open hers/drift");
        let why = format!("others than root may write {}", place.hers.display());
        assert!(line.ends_with(&format!(": {why}")), "{line}");
        ntpd.says("running as 65534");
        assert!(place.is_intact(), "{name}");
    }
}

/// What `--check-config` says, and its exit code.
fn checked(dir: &Path, conf: &str, args: &[&str]) -> (Option<i32>, String) {
    fs::write(dir.join("conf"), conf).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ntpd"));
    command.args(["--check-config", "-c", "conf"]).args(args).current_dir(dir);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
#[cfg(feature = "nts")]
fn each_file_of_a_configuration_is_looked_at_and_none_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    for (name, text) in [("fast", "fast\n"), ("leaps", "#@ 1\n"), ("ca", ""), ("log", "")] {
        fs::write(at.join(name), text).unwrap();
    }
    fs::write(at.join("keys"), "1 M secret\n").unwrap();
    fs::set_permissions(at.join("keys"), fs::Permissions::from_mode(0o600)).unwrap();
    let rows: [(&str, &[&str], &str); 9] = [
        (
            "driftfile none\nlogfile log\nkeys keys\n",
            &[],
            "driftfile none: it can be used\n\
          logfile log: it can be used\nkeys keys: it can be used\n",
        ),
        ("driftfile fast\n", &[], "driftfile fast: unable to use fast: it holds no frequency\n"),
        ("driftfile no/d\n", &[], "driftfile no/d: its directory is not there; mkdir no\n"),
        ("logfile no/log\n", &[], "logfile no/log: its directory is not there; mkdir no\n"),
        ("logfile .\n", &[], "logfile .: unable to open it: is a directory\n"),
        (
            "leapfile leaps\n",
            &[],
            "leapfile leaps: it is of no use: it has no leap seconds, no \
          expiry or no check sum\n",
        ),
        ("leapfile no\n", &[], "leapfile no: unable to read it: file does not exist\n"),
        (
            "server c nts ca no\nserver b nts ca ca\n",
            &[],
            "server b\nca ca: it can be used\n\
          ca no: unable to open it: file does not exist\n",
        ),
        (
            "",
            &["--after-step", "./log", "--before-step", "./no"],
            "--before-step ./no: unable to \
          run it: file does not exist\n--after-step ./log: it is not executable; chmod +x it\n",
        ),
    ];
    for (conf, args, expected) in rows {
        let (code, said) = checked(at, &format!("server a\n{conf}"), args);
        let bad = expected.lines().filter(|line| line.contains(": "));
        let bad = bad.filter(|line| !line.ends_with("can be used")).count();
        let end = match bad {
            0 => "the configuration can be used\n",
            1 => "the configuration can be used, but for one file\n",
            _ => "the configuration can be used, but for 2 files\n",
        };
        let expected = if conf.starts_with("server c nts") {
            format!("server a\nserver c\n{expected}{end}")
        } else {
            format!("server a\n{expected}{end}")
        };
        assert_eq!((code, said), (Some(if bad == 0 { 0 } else { 111 }), expected), "{conf}");
    }
    let made: Vec<_> = fs::read_dir(at).unwrap().collect();
    assert_eq!(made.len(), 6, "{made:?}");
}

#[cfg(feature = "nts")]
fn certificate(name: &str) -> String {
    format!("{}/crates/nts/tests/certificates/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// What serving NTS takes, and a drift file beside which its keys are kept.
fn granting(certificate: &str, key: &str, more: &str) -> String {
    let listen = "server 127.127.1.0\ninterface listen 127.0.0.1\n";
    format!("{listen}nts enable cert {certificate} key {key}\n{more}\n")
}

#[test]
#[cfg(feature = "nts")]
fn what_is_wrong_with_a_certificate_its_key_or_the_file_of_keys_is_said() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("other"), "something else\n").unwrap();
    let (good, key, ca) = (certificate("good.pem"), certificate("s.key"), certificate("ca.pem"));
    let expired = certificate("expired.pem");
    let rows = [
        (&good[..], &key[..], "drift", String::new()),
        ("no", &key, "drift", "nts cert no: unable to read it: file does not exist\n".to_owned()),
        (
            "no",
            "none",
            "drift",
            "nts key none: unable to read it: file does not exist\n".to_owned(),
        ),
        (&good, "no", "drift", "nts key no: unable to read it: file does not exist\n".to_owned()),
        (&key, &key, "drift", format!("nts cert {key}: there is no certificate in it\n")),
        (&ca, &key, "drift", format!("nts key {key}: it is not the key of the certificate\n")),
        (&expired, &key, "drift", format!("nts cert {expired}: it has expired\n")),
        (
            &good,
            &key,
            "no/drift",
            "nts cookie no/drift.cookies: its directory is not there; mkdir no\n".to_owned(),
        ),
    ];
    for (certificate, key, drift, expected) in rows {
        let conf = granting(certificate, key, &format!("driftfile {drift}"));
        let (code, said) = checked(dir.path(), &conf, &[]);
        assert!(said.contains(&expected), "{said}");
        assert_eq!(code, Some(if expected.is_empty() { 0 } else { 111 }), "{said}");
    }
    let authority = certificate("authority.pem");
    let (code, said) = checked(dir.path(), &granting(&authority, &key, ""), &[]);
    let but = "it can be used, but it is made for an authority; that of a server says CA:FALSE";
    assert!(code == Some(0) && said.contains(&format!("nts cert {authority}: {but}\n")), "{said}");
    let conf = granting(&good, &key, "nts cookie other");
    let (_, said) = checked(dir.path(), &conf, &[]);
    assert!(said.contains("nts cookie other: it holds something else\n"), "{said}");
    let made: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(made.len(), 2, "{made:?}");
}

#[test]
#[cfg(not(feature = "nts"))]
fn without_the_feature_nts_is_refused_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let (code, said) = checked(dir.path(), &granting("c", "k", ""), &[]);
    let sentence = "ntpd: fatal: conf: this ntpd was built without keys and NTS (feature nts)\n";
    assert_eq!((code, said.as_str()), (Some(100), sentence));
}

#[test]
#[cfg(feature = "nts")]
fn root_holds_no_keys_of_nts_that_others_may_have_led_elsewhere() {
    let Some(place) = Place::new() else { return };
    chown(&place.hers, Some(ALICE), None).unwrap();
    let nts = "nts port 0 cookie hers/cookies";
    let conf = granting(&certificate("good.pem"), &certificate("s.key"), nts);
    fs::write(place.dir.path().join("conf"), conf.replace("interface", "#")).unwrap();
    let args = ["-d", "-u", NOBODY, "-c", "conf"];
    place.lead_astray("cookies");
    let ntpd = place.ntpd(&args);
    ntpd.says("are not kept in hers/cookies: it holds something else");
    ntpd.says("running as 65534");
    assert!(place.is_intact());
    fs::remove_file(place.hers.join("cookies")).unwrap();
    symlink("../made", place.hers.join("cookies")).unwrap();
    let ntpd = place.ntpd(&args);
    let line = ntpd.says("unable to keep the keys of NTS: ");
    let why = format!("others than root may write {}", place.hers.display());
    assert!(line.ends_with(&why), "{line}");
    ntpd.says("unable to write hers/cookies: access denied");
    assert!(!place.dir.path().join("made").exists());
}

#[test]
#[cfg(feature = "nts")]
fn keys_of_nts_that_somebody_else_has_planted_are_not_believed() {
    let Some(place) = Place::new() else { return };
    let nts = "nts port 0 cookie hers/cookies";
    let conf = granting(&certificate("good.pem"), &certificate("s.key"), nts);
    fs::write(place.dir.path().join("conf"), conf.replace("interface", "#")).unwrap();
    let planted = place.hers.join("cookies");
    // Each hers and 0600, one of which ntpd may replace and one of which it may not.
    for user in ["root", NOBODY] {
        let args = ["-u", user, "-c", "conf"];
        chown(&place.hers, Some(0), None).unwrap();
        let ntpd = place.ntpd(&args);
        Ntpd::wait_for(&planted, "keys");
        drop(ntpd);
        chown(&place.hers, Some(ALICE), None).unwrap();
        chown(&planted, Some(ALICE), None).unwrap();
        let text = fs::read_to_string(&planted).unwrap();
        let ntpd = place.ntpd(&args);
        let why = "it belongs to user 54321, who would know the keys; remove it";
        ntpd.says(&format!("NTS's keys are not kept in hers/cookies: {why}; after a restart "));
        ntpd.says("serving NTS, ");
        assert_eq!(fs::read_to_string(&planted).unwrap(), text);
        fs::remove_file(&planted).unwrap();
    }
    // Of the user that ntpd becomes they are as good as root's.
    let args = ["-u", NOBODY, "-c", "conf"];
    chown(&place.hers, Some(65534), None).unwrap();
    drop((place.ntpd(&args), Ntpd::wait_for(&planted, "keys")));
    assert_eq!(fs::metadata(&planted).unwrap().uid(), 65534);
    let ntpd = place.ntpd(&args);
    ntpd.says("serving NTS, ");
    assert!(!fs::read_to_string(&ntpd.said).unwrap().contains("not kept"));
}

#[test]
#[cfg(feature = "nts")]
fn a_certificate_that_clients_refuse_is_warned_of_once_and_nts_is_served_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let key = certificate("s.key");
    for (name, why) in [
        ("expired.pem", "it has expired; no client of NTS believes it"),
        (
            "authority.pem",
            "it is made for an authority; that of a server says CA:FALSE; many clients of NTS do \
             not believe it",
        ),
    ] {
        let conf = granting(&certificate(name), &key, "nts port 0").replace("interface", "#");
        fs::write(dir.path().join("conf"), conf).unwrap();
        let ntpd = Ntpd::in_directory(dir.path(), &["-c", "conf"]);
        let line = ntpd.says(why);
        assert_eq!(line, format!("ntpd: warning: {}: {why}", certificate(name)));
        assert!(ntpd.says("serving NTS, ").starts_with("ntpd: info: "));
        assert_eq!(fs::read_to_string(&ntpd.said).unwrap().matches(why).count(), 1);
    }
}

#[test]
fn a_table_of_leap_seconds_that_has_expired_is_said() {
    let dir = tempfile::tempdir().unwrap();
    // That of the first of January 2017, which ended in the same summer.
    let table = "#$ 3676924800\n#@ 3707596800\n3692217600 37\n\
                 #h 128e88be 781547e4 daf4acd9 aed59e99 7741587f\n";
    fs::write(dir.path().join("leaps"), table).unwrap();
    let conf = "leapfile leaps\nserver 127.127.1.0\ninterface listen 127.0.0.1\n";
    let (code, said) = checked(dir.path(), conf, &[]);
    let why = "it has expired: somebody should fetch a new table of leap seconds";
    assert!(said.contains(&format!("leapfile leaps: {why}\n")), "{said}");
    assert_eq!(code, Some(111));
}

/// Whether there is anything in it that a terminal obeys.
fn is_plain(said: &str) -> bool {
    said.lines().all(|line| !line.contains(char::is_control))
}

#[test]
fn no_file_commands_the_terminal_of_who_reads_what_is_said_of_it() {
    const HOSTILE: &str = "a\x1b[2J\u{9b}31m\x08b";
    let dir = tempfile::tempdir().unwrap();
    let shown = "a?[2J?31m?b";
    let confs = [
        (format!("server x\ndriftfile {HOSTILE}/d\n"), 111),
        (format!("server x {HOSTILE}\n"), 100),
        (format!("server {HOSTILE}:99999\n"), 100),
        (format!("server x key 1\ntrustedkey 1\nkeys {HOSTILE}\n"), 111),
    ];
    for (conf, expected) in confs {
        let (code, said) = checked(dir.path(), &conf, &[]);
        assert!(is_plain(&said) && said.contains(shown), "{said:?}");
        if cfg!(feature = "nts") {
            assert_eq!(code, Some(expected), "{said}");
        }
    }
    let (_, said) = checked(dir.path(), "server x\n", &["-p", HOSTILE]);
    assert!(is_plain(&said) && said.contains(shown), "{said:?}");
    let (_, said) = checked(dir.path(), "server x\n", &["--serve", HOSTILE]);
    assert!(is_plain(&said) && said.contains(shown), "{said:?}");
    // What is no UTF-8 is shown as such.
    fs::write(dir.path().join("conf"), b"server x\nserver \xff\x9b2J\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ntpd"));
    let output = command.args(["--check-config", "-c", "conf"]).current_dir(dir.path()).output();
    let said = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(said.contains("server \u{fffd}\u{fffd}2J\n"), "{said:?}");
}

#[test]
fn no_name_commands_the_terminal_of_who_reads_the_log() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("conf"), "server 127.127.1.0\nlogconfig \x1b[2J\n").unwrap();
    let ntpd = Ntpd::in_directory(dir.path(), &["-c", "conf", "-p", "/\x1b[2J\n"]);
    ntpd.says("serving the local clock");
    let said = fs::read_to_string(&ntpd.said).unwrap();
    assert!(is_plain(&said) && said.contains("-p /?[2J? is ignored"), "{said:?}");
}
