//! The command line and ntp.conf, made one set of options.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use cli::{Args, Command, Flag, UnableExt as _, Usage};
use ntp::config::{self, Config, SERVERS_MAX, Server};
use ntp::discipline::Policy;
use ntp::keys::Key;
use ntp::time::Span;
use sys::way::{self, Way};

pub(crate) use serving::Serve;

use super::control::USUAL;
use super::foreign;

mod key_file;
mod named;
mod serving;

/// Read where no file and no server is named, as ntpd does.
const CONFIG_FILE: &str = "/etc/ntp.conf";

/// No configuration is longer: what is was not meant (`-c /dev/zero`).
const CONFIG_MAX: u64 = 64 * 1024;

/// The descriptor of `notification-fd` in most service directories.
const READY_FD: i32 = 3;

/// A clock that is off by more than this, in seconds, cannot be told in NTP's stamps.
const OFFSET_MAX: f64 = 2e9;

/// Its name, flags and help.
pub static COMMAND: Command = Command {
    name: "ntpd",
    summary: "keep the clock right, in the foreground",
    usage: "[-dgnqQx] [-c conf] [-f drift] [-l file] [-p server]... [-u user] [--serve at]",
    flags: &[
        flag(&["g", "panicgate"], None, "set the first offset whatever its size"),
        flag(&["q", "quit"], None, "set the clock once and leave; the exit code says whether"),
        flag(&["x", "slew"], None, "slew, never step (but what -g allows beyond the limit)"),
        flag(&["n", "F", "nofork"], None, "stay in the foreground, as always"),
        flag(&["N", "nice"], None, "ignored: priority changes nothing, the kernel stamps packets"),
        flag(&["d", "debug"], None, "say more: every sample"),
        flag(&["c", "configfile"], Some("CONF"), "read CONF (else /etc/ntp.conf without -p)"),
        flag(&["f", "driftfile"], Some("DRIFT"), "keep the frequency in DRIFT"),
        flag(&["l", "logfile"], Some("FILE"), "log to FILE instead of stderr"),
        flag(&["p", "server"], Some("SERVER"), "ask SERVER[:PORT]; may be repeated"),
        flag(&["u", "user"], Some("USER"), "as root, become USER[:GROUP] (_ntp, ntp or ntpsec)"),
        flag(&["Q", "query"], None, "say what the time is and leave: --observe -q"),
        flag(&["check-config"], None, "read the configuration, say what is not obeyed, and leave"),
        flag(&["socket"], Some("PATH"), "let ntpctl ask at PATH (/run/ntpd/ntpd.sock)"),
        flag(&["ready-within"], Some("TIME"), "say once that the clock is within TIME: a newline"),
        flag(&["ready-fd"], Some("N"), "say so on descriptor N (3)"),
        flag(
            &["before-step"],
            Some("PROG"),
            "run PROG, and wait for it, before the clock is stepped",
        ),
        flag(&["after-step"], Some("PROG"), "run PROG after the clock was stepped"),
        flag(&["observe"], None, "say what the time is and never touch the clock"),
        flag(&["serve"], Some("ADDR:PORT"), "answer others; port 0 takes one that is free"),
        flag(&["stratum"], Some("N"), "stratum of the local clock when serving it (10)"),
        flag(&["serve-offset"], Some("TIME"), "test instrument: serve a clock that is off by TIME"),
    ],
    about: "\
An offset never ends ntpd. One of more than 1000 s is refused without -g, and the log says which
command would allow it. Without the right to set the clock it observes and says so. Where ntpctl can
ask (--socket, or a directory /run/ntpd), `ntpctl` says how it stands and `ntpctl step` allows what
is refused.

--serve without any server answers with the local clock, at stratum 10: a reference for machines
without a network, for demonstrations and tests. --serve-offset is an instrument for tests and has
no other use: what is served is then a clock of its own, off from the system clock by a given time
at the start (-90, 1.5, 2h, -30min) and left alone by whoever sets that clock later.

With a drift file, -g is used up once per boot (DRIFT.first remembers it), so that a restart does
not allow another large step. `ntpd -g -q`, which somebody types, is not bound by that.

DRIFT.last has the last good time and addresses: for a start without names, and, with -g, for one
with a clock that is before that time.

The programs before and after a step find its size in seconds in NTPD_OFFSET, and before-step or
after-step in NTPD_EVENT. Each is killed after 10 s; a step waits no longer for the one before.

Signals: TERM and INT keep the frequency, bring the clock to rest and leave; HUP opens the log file
again, reads the certificate of NTS again and tries what has failed at once.

Exit codes: 0 asked to leave, or -q has set the clock; 100 wrong command line or configuration;
111 failed now.",
};

const fn flag(
    names: &'static [&'static str],
    value: Option<&'static str>,
    help: &'static str,
) -> Flag {
    Flag { names, value, help }
}

/// A configuration file that cannot be meant: exit 100, as for a wrong command line.
#[derive(Debug)]
pub(crate) struct Misconfigured(String);

impl fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misconfigured {}

/// All that was asked for.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) servers: Vec<Server>,
    pub(crate) policy: Policy,
    /// Only the configuration is looked at.
    pub(crate) check: bool,
    pub(crate) once: bool,
    pub(crate) observe: bool,
    pub(crate) debug: bool,
    /// Who to become.
    pub(crate) user: Option<OsString>,
    pub(crate) log: Option<PathBuf>,
    /// The table of leap seconds.
    pub(crate) leap_file: Option<PathBuf>,
    pub(crate) drift: Option<PathBuf>,
    /// The drift file was named on the command line, so it is written by an observer as well.
    pub(crate) drift_is_meant: bool,
    pub(crate) serve: Option<Serve>,
    /// Those that servers and we share, and that are trusted.
    pub(crate) keys: Vec<Key>,
    /// Where they are from.
    pub(crate) keys_file: Option<PathBuf>,
    /// A file of certificates to trust instead of the system's.
    pub(crate) authorities: Option<String>,
    /// Where `ntpctl` may ask, and whether that was said.
    pub(crate) socket: Option<(PathBuf, bool)>,
    /// To whom to say that the clock is right, and how right.
    pub(crate) ready: Option<(Span, i32)>,
    /// The programs before and after a step.
    pub(crate) before_step: Option<PathBuf>,
    pub(crate) after_step: Option<PathBuf>,
    /// The command that would allow a refused offset.
    pub(crate) permit: String,
    /// Sentences to begin with: information, and warnings.
    pub(crate) notes: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

/// Reads the command line `args`, made of `words`, and the configuration it names.
///
/// # Errors
/// [`Usage`] and [`Misconfigured`] (exit 100), and files that cannot be read (111).
pub(crate) fn read(args: &Args, words: &[OsString]) -> anyhow::Result<Options> {
    foreign::log_file(args)?;
    if let Some(operand) = args.operands.first() {
        return Err(Usage::because(format!("no such argument: {}", operand.display())).into());
    }
    let asked = serving::asked(args)?;
    let (named, notes) = named::servers(args)?;
    let path = match args.value("c") {
        Some(path) => Some(Path::new(path)),
        None if named.is_empty() && asked.is_none() => Some(Path::new(CONFIG_FILE)),
        None => None,
    };
    let config = path.map_or_else(|| Ok(Config::default()), read_config)?;
    let mut servers = named::with(named, &config)?;
    let mut serve = serving::complete(asked, config.serving.clone());
    let once = args.has("q") || args.has("Q");
    for server in servers.iter_mut().filter(|_| once) {
        // Who wants the time once does not want to wait for it.
        server.polling.iburst = true;
    }
    if servers.is_empty() && serve.is_none() {
        return Err(Misconfigured(serving::nobody(&config, path)).into());
    }
    if !servers.is_empty() && asked.is_some_and(|asked| asked.off.is_some()) {
        return Err(Usage::because("--serve-offset is of no use with servers").into());
    }
    if servers.len() > SERVERS_MAX {
        return Err(Usage::because(format!("more than {SERVERS_MAX} servers")).into());
    }
    let (keys, mut warnings) = key_file::read(&config, path)?;
    warnings.extend(warnings_of(&config, path));
    warnings.extend(key_file::readable_by_all(&config));
    let drift = drift_file(args, &config);
    warnings.extend(serving::grant(serve.as_mut(), &config, drift.as_deref()));
    Ok(Options {
        servers,
        keys,
        keys_file: config.keys_file.as_ref().map(PathBuf::from),
        authorities: config.authorities.clone(),
        policy: policy(args, &config),
        check: args.has("check-config"),
        once,
        observe: args.has("observe") || args.has("Q"),
        debug: args.has("d"),
        user: args.value("u").cloned(),
        log: args.value("l").map(PathBuf::from).or(config.serving.log_file.map(PathBuf::from)),
        leap_file: config.serving.leap_file.map(PathBuf::from),
        drift_is_meant: args.has("f"),
        drift,
        serve,
        socket: socket(args),
        ready: ready(args)?,
        before_step: args.value("before-step").map(PathBuf::from),
        after_step: args.value("after-step").map(PathBuf::from),
        permit: permit(args, words),
        notes,
        warnings,
    })
}

fn drift_file(args: &Args, config: &Config) -> Option<PathBuf> {
    let named = args.value("f").map(PathBuf::from);
    named.or_else(|| config.drift_file.as_ref().map(PathBuf::from))
}

/// What there is to warn of in a configuration, which is in `path`.
fn warnings_of(config: &Config, path: Option<&Path>) -> Vec<String> {
    let granting = Some(&config.granting).filter(|granting| granting.is_on);
    let granting = granting.map(|granting| [&granting.certificate, &granting.key]);
    let named = config.keys_file.iter().chain(granting.into_iter().flatten());
    let believed = path.into_iter().chain(named.map(Path::new));
    let unheeded = config.not_obeyed_list().zip(path);
    let unheeded = unheeded
        .map(|(list, path)| format!("{}: not supported and ignored: {list}", path.display()));
    believed.filter_map(exposed).chain(unheeded).collect()
}

/// A warning, where root believes what somebody else may have written.
fn exposed(path: &Path) -> Option<String> {
    let way = way::of(path).ok().filter(|_| sys::place::own_uid() == 0)?;
    let Way::Exposed(dir) = way else { return None };
    let (path, dir) = (path.display(), dir.display());
    Some(format!("{path} is believed though others than root may write {dir}"))
}

fn read_config(path: &Path) -> anyhow::Result<Config> {
    let text = read_text(path)?;
    let parsed = config::parse(&text);
    Ok(parsed.map_err(|mistake| Misconfigured(format!("{}: {mistake}", path.display())))?)
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    sys::fifo::open_whatever(path)
        .and_then(|file| file.take(CONFIG_MAX + 1).read_to_end(&mut bytes))
        .unable(format_args!("read {}", path.display()))?;
    if bytes.len() as u64 > CONFIG_MAX {
        let what = format!("{}: longer than {CONFIG_MAX} bytes", path.display());
        return Err(Misconfigured(what).into());
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Who sets the clock once or only serves it is not asked, unless it was said where.
fn socket(args: &Args) -> Option<(PathBuf, bool)> {
    if let Some(path) = args.value("socket") {
        return Some((PathBuf::from(path), true));
    }
    let usual = Path::new(USUAL);
    let is_there = usual.parent().is_some_and(Path::is_dir);
    (is_there && !args.has("q") && !args.has("serve")).then(|| (usual.to_path_buf(), false))
}

fn ready(args: &Args) -> Result<Option<(Span, i32)>, Usage> {
    let wrong =
        |key: &str, value: &OsStr| Usage::because(format!("--{key} cannot be {}", value.display()));
    let Some(within) = args.value("ready-within") else {
        return if args.has("ready-fd") {
            Err(Usage::because("--ready-fd is of no use without --ready-within"))
        } else {
            Ok(None)
        };
    };
    let span = signed_time(&within.to_string_lossy()).filter(|span| *span > Span::ZERO);
    let span = span.ok_or_else(|| wrong("ready-within", within))?;
    let fd = match args.value("ready-fd") {
        None => READY_FD,
        Some(text) => {
            let fd = text.to_str().and_then(|text| text.parse().ok());
            fd.filter(|fd| *fd > 2).ok_or_else(|| wrong("ready-fd", text))?
        }
    };
    Ok(Some((span, fd)))
}

fn policy(args: &Args, config: &Config) -> Policy {
    let step = if args.has("x") { 0.0 } else { config.step };
    Policy {
        step: (step > 0.0).then_some(step),
        panic: (config.panic > 0.0).then_some(config.panic),
        any_first: args.has("g"),
    }
}

/// Seconds (`-90`, `1.5`) or a length of time in words (`2h`, `-30min`).
fn signed_time(text: &str) -> Option<Span> {
    let (negative, size) = match text.strip_prefix('-') {
        Some(size) => (true, size),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let in_words = || humantime::parse_duration(size).ok().map(|size| size.as_secs_f64());
    let seconds = size.parse().ok().or_else(in_words).filter(|s| (0.0..=OFFSET_MAX).contains(s))?;
    Some(Span::from_seconds(if negative { -seconds } else { seconds }))
}

/// This command line, with leave to set the clock once whatever the offset.
fn permit(args: &Args, words: &[OsString]) -> String {
    let mut permit = String::from("ntpd");
    for (key, letter) in [("g", " -g"), ("q", " -q")] {
        if !args.has(key) {
            permit.push_str(letter);
        }
    }
    for word in words {
        permit.push(' ');
        permit.push_str(&quoted(word));
    }
    permit
}

/// A word as a shell must be given it.
pub(super) fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+[]".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &[&str]) -> anyhow::Result<Options> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        read(&cli::parse(&COMMAND, words.clone()).unwrap(), &words)
    }

    fn wrong(words: &[&str]) -> String {
        let error = options(words).unwrap_err();
        assert!(error.is::<Usage>() || error.is::<Misconfigured>(), "{error}");
        error.to_string()
    }

    #[test]
    fn servers_of_the_command_line_are_asked_quickly() {
        let options = options(&["-p", "192.0.2.1", "-p", "time.example:1123"]).unwrap();
        let names: Vec<&str> = options.servers.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["192.0.2.1", "time.example:1123"]);
        assert!(options.servers.iter().all(|server| server.polling.iburst));
        assert_eq!(options.policy, Policy::default());
    }

    #[test]
    fn a_pid_file_is_ignored_with_a_sentence() {
        let options = options(&["-p", "/var/run/ntpd.pid", "-p", "192.0.2.1"]).unwrap();
        assert_eq!(options.servers.len(), 1);
        assert_eq!(options.notes.len(), 1);
        assert!(options.notes[0].starts_with("-p /var/run/ntpd.pid is ignored"));
    }

    #[test]
    fn ntpds_usual_flags_are_understood() {
        let options = options(&["-n", "-g", "-x", "-q", "-F", "-p", "192.0.2.1"]).unwrap();
        let expected = Policy { step: None, any_first: true, ..Policy::default() };
        assert_eq!(options.policy, expected);
        assert!(options.once && !options.observe);
    }

    #[test]
    fn a_local_reference_needs_no_server() {
        let options = options(&["--serve", "127.0.0.1:0", "--serve-offset=-2h"]).unwrap();
        let serve = options.serve.unwrap();
        assert_eq!((serve.local_stratum(), serve.off), (10, Some(Span::from_secs(-7200))));
        assert!(options.servers.is_empty());
    }

    #[test]
    fn times_are_read_with_a_sign() {
        for (text, seconds) in [
            ("2h", 7200.0),
            ("-30min", -1800.0),
            ("1.5", 1.5),
            ("-0.25", -0.25),
            ("+1day", 86400.0),
        ] {
            assert_eq!(signed_time(text), Some(Span::from_seconds(seconds)), "{text}");
        }
        for text in ["", "-", "soon", "nan", "inf", "--1", "1e10"] {
            assert_eq!(signed_time(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(wrong(&["-p", "a", "b"]), "no such argument: b");
        assert_eq!(wrong(&["--serve", "here"]), "--serve cannot be here");
        assert_eq!(wrong(&["--serve", "127.0.0.1:0", "--stratum", "16"]), "--stratum cannot be 16");
        let lying = ["--serve", "127.0.0.1:0", "--serve-offset", "much"];
        assert_eq!(wrong(&lying), "--serve-offset cannot be much");
        assert_eq!(wrong(&["-p", "a", "--stratum", "3"]), "--stratum is of no use without --serve");
        let both = ["--serve", "127.0.0.1:0", "--serve-offset", "1", "-p", "a"];
        assert_eq!(wrong(&both), "--serve-offset is of no use with servers");
        let nobody = "/dev/null names no server: write `server NAME` there, or give -p NAME";
        assert_eq!(wrong(&["-c", "/dev/null"]), nobody);
        let port = "-p: there is no such port: x:99999; a port is 1 to 65535";
        assert_eq!(wrong(&["-p", "a", "-p", "x:99999"]), port);
        let many: Vec<&str> = std::iter::repeat_n("-pa", 17).collect();
        assert_eq!(wrong(&many), "more than 16 servers");
    }

    #[test]
    fn a_configuration_and_the_command_line_add_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ntp.conf");
        std::fs::write(
            &path,
            "server 192.0.2.2 minpoll 4\ndriftfile /var/drift\ntinker panic 0\nstatsdir /tmp\n",
        )
        .unwrap();
        let path = path.to_str().unwrap();
        let options = options(&["-c", path, "-p", "192.0.2.1"]).unwrap();
        let names: Vec<&str> = options.servers.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["192.0.2.1", "192.0.2.2"]);
        assert_eq!(options.drift, Some("/var/drift".into()));
        assert!(!options.drift_is_meant);
        assert_eq!(options.policy.panic, None);
        let warning = format!("{path}: not supported and ignored: statsdir (line 4)");
        assert_eq!(options.warnings, [warning]);
    }

    #[cfg(feature = "nts")]
    #[test]
    fn who_is_to_prove_himself_is_not_asked_plainly_because_of_the_command_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ntp.conf");
        std::fs::write(&path, "server a nts\n").unwrap();
        let said = "-p A:123 is in the configuration with nts; leave -p A:123 out";
        assert_eq!(wrong(&["-c", path.to_str().unwrap(), "-p", "b", "-p", "A:123"]), said);
    }

    #[test]
    fn a_mistake_in_the_configuration_names_file_and_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ntp.conf");
        std::fs::write(&path, "\nsevrer 192.0.2.2\n").unwrap();
        let path = path.to_str().unwrap();
        assert_eq!(wrong(&["-c", path]), format!("{path}: line 2: no such word: sevrer"));
    }

    #[test]
    fn a_configuration_without_an_end_is_not_read_for_ever() {
        assert_eq!(wrong(&["-c", "/dev/zero"]), "/dev/zero: longer than 65536 bytes");
    }

    #[test]
    fn a_configuration_that_is_not_there_is_a_failure_of_now() {
        let error = options(&["-c", "/nonexistent/ntp.conf"]).unwrap_err();
        assert!(!error.is::<Usage>() && !error.is::<Misconfigured>());
        let sentence = "unable to read /nonexistent/ntp.conf: file does not exist";
        assert_eq!(error.to_string(), sentence);
    }

    #[test]
    fn the_permit_is_a_command_to_paste() {
        let permit = |words: &[&str]| options(words).unwrap().permit;
        assert_eq!(permit(&["-n", "-p", "192.0.2.1"]), "ntpd -g -q -n -p 192.0.2.1");
        assert_eq!(permit(&["-gn", "-p", "192.0.2.1"]), "ntpd -q -gn -p 192.0.2.1");
        assert_eq!(permit(&["-p", "a b'c"]), r"ntpd -g -q -p 'a b'\''c'");
    }
}
