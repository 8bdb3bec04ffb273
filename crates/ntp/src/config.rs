//! ntp.conf's words (ntp.conf(5)), as far as they are understood.
//!
//! Three kinds of words: those that are obeyed, those that ntpd knows and we do not obey (named in
//! one warning, so that a distribution's file works as it is), and those that nobody knows: a
//! mistake, and a mistake in a file that sets clocks is not guessed at.

use std::fmt;

use crate::discipline::{PANIC_LIMIT, STEP_THRESHOLD};
use crate::source::{POLL_MAX, POLL_MIN, Polling};

pub use host::{Host, NoHost};
use proof::Asked;
pub use proof::{Granting, Proof};
pub use serving::Serving;

mod host;
mod proof;
mod serving;

/// The most `server` and `pool` lines; more add nothing to a vote.
pub const SERVERS_MAX: usize = 16;

/// Words of ntp.conf(5) that begin a line and are not obeyed.
const NOT_OBEYED: &[&str] = &[
    "authdelay",
    "autokey",
    "automax",
    "broadcast",
    "broadcastclient",
    "broadcastdelay",
    "calldelay",
    "controlkey",
    "crypto",
    "disable",
    "dscp",
    "enable",
    "filegen",
    "includefile",
    "keysdir",
    "logconfig",
    "manycastclient",
    "manycastserver",
    "maxclock",
    "mdnstries",
    "monitor",
    "mru",
    "multicastclient",
    "nonvolatile",
    "ntpsigndsocket",
    "peer",
    "phone",
    "pidfile",
    "pollskewlist",
    "qos",
    "requestkey",
    "reset",
    "revoke",
    "rlimit",
    "saveconfigdir",
    "setvar",
    "simulate",
    "statistics",
    "statsdir",
    "trap",
    "ttl",
    "unpeer",
    "unrestrict",
    "unsetvar",
];

/// Words that may follow `server` and are not obeyed, without a value.
const NOT_OBEYED_FLAGS: &[&str] = &["autokey", "noselect", "preempt", "prefer", "true"];

/// Words that may follow `server` and are not obeyed, with a value.
const NOT_OBEYED_OPTIONS: &[&str] = &["ask", "bias", "cert", "mode", "require", "ttl", "version"];

/// Words that may follow `tinker` and are not obeyed; each has a value.
const NOT_OBEYED_TINKER: &[&str] = &[
    "allan",
    "dispersion",
    "freq",
    "huffpuff",
    "maxbackoff",
    "slewlimit",
    "stepback",
    "stepfwd",
    "stepout",
    "tick",
];

/// A `server` or `pool` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// A name or an address, with a port where it was given one.
    pub name: String,
    /// Every address of the name is a server, not only one.
    pub pool: bool,
    /// How often to ask.
    pub polling: Polling,
    /// How it proves that an answer is its own.
    pub proof: Proof,
}

impl Server {
    /// Whether it proves more or less than another line that names the same server does. By NTS it
    /// is the server that says on which port it is asked: that is the usual one, as far as we know.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        let (Ok(one), Ok(two)) = (Host::of(&self.name), Host::of(&other.name)) else {
            return false;
        };
        let port = |host: Host, server: &Self| match server.proof {
            Proof::Nts(_) => host::PORT,
            Proof::None | Proof::Key(_) => host.port.unwrap_or(host::PORT),
        };
        self.proof.strength() != other.proof.strength()
            && one.is_named_as(&two)
            && port(one, self) == port(two, other)
    }
}

/// A configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Whom to ask.
    pub servers: Vec<Server>,
    /// Where the frequency is kept.
    pub drift_file: Option<String>,
    /// `tinker step`, seconds; 0 means never.
    pub step: f64,
    /// `tinker panic`, seconds; 0 means no limit.
    pub panic: f64,
    /// What it says of serving, leap seconds and the log.
    pub serving: Serving,
    /// Where the keys are that servers and we share.
    pub keys_file: Option<String>,
    /// Those of them that are trusted, from one number to another.
    pub trusted: Vec<(u32, u32)>,
    /// Whom to trust instead of the system's authorities (`nts ca`): a file of certificates.
    pub authorities: Option<String>,
    /// What it says of serving NTS.
    pub granting: Granting,
    /// What stands there and is not obeyed: line and word.
    pub not_obeyed: Vec<(usize, String)>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            drift_file: None,
            step: STEP_THRESHOLD,
            panic: PANIC_LIMIT,
            serving: Serving::default(),
            keys_file: None,
            trusted: Vec::new(),
            authorities: None,
            granting: Granting::default(),
            not_obeyed: Vec::new(),
        }
    }
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: What,
}

/// The ways to be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// No such word.
    Unknown(String),
    /// The word wants a value.
    NoValue(String),
    /// The value is not one for this word: the word, the value.
    BadValue(String, String),
    /// The shortest poll interval is longer than the longest.
    Crossed,
    /// More than [`SERVERS_MAX`].
    TooMany,
    /// More than [`RULES_MAX`](crate::access::RULES_MAX).
    TooManyRules,
    /// More addresses to listen at than anybody has.
    TooManyAddresses,
    /// What does not go with `nts`: each address of a pool would want a handshake of its own, and
    /// a key is another proof.
    NotWithNts(String),
    /// The name of a server, and what is wrong with it.
    NoHost(String, NoHost),
    /// A server that this line and another one name, in different ways.
    Contradiction(Box<Contradiction>),
}

/// Two lines that want different proofs of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// As the later line has it.
    pub name: String,
    /// The earlier line and the later one, with what each wants.
    pub lines: [(usize, Proof); 2],
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Unknown(word) => write!(f, "no such word: {word}"),
            What::NoValue(word) => write!(f, "{word} wants a value"),
            What::BadValue(word, value) => {
                write!(f, "{word} cannot be {value}")?;
                bounds(word).map_or(Ok(()), |(from, to)| write!(f, ", it is {from} to {to}"))
            }
            What::Crossed => f.write_str("minpoll is greater than maxpoll"),
            What::TooMany => write!(f, "more than {SERVERS_MAX} servers"),
            What::TooManyRules => f.write_str("too many restrict lines"),
            What::TooManyAddresses => f.write_str("too many addresses to listen at"),
            What::NotWithNts(word) => write!(f, "{word} does not go with nts"),
            What::NoHost(name, NoHost::Port) => {
                write!(f, "there is no such port: {name}; a port is 1 to 65535")
            }
            What::NoHost(name, NoHost::Name) => {
                write!(f, "{name} is no name and no address; a port follows as in [::1]:123")
            }
            What::Contradiction(both) => write!(f, "{both}"),
        }
    }
}

impl std::error::Error for Mistake {}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [(first, one), (second, two)] = &self.lines;
        let weaker = if one.strength() < two.strength() { first } else { second };
        let name = &self.name;
        write!(f, "{name} is named {one} in line {first} and {two} in line {second}; ")?;
        write!(f, "leave line {weaker} out")
    }
}

/// Between what a number is, of the words that have one with bounds.
fn bounds(word: &str) -> Option<(u32, u32)> {
    let poll = |exponent: i8| u32::from(exponent.unsigned_abs());
    match word {
        "minpoll" | "maxpoll" => Some((poll(POLL_MIN), poll(POLL_MAX))),
        word => serving::bounds(word),
    }
}

/// Reads a configuration.
///
/// # Errors
/// The first [`Mistake`].
pub fn parse(text: &str) -> Result<Config, Mistake> {
    let mut config = Config::default();
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        let line = line.split('#').next().unwrap_or_default();
        let mut words = Words { words: line.split_ascii_whitespace(), line: line_number };
        let mistaken = |what| Mistake { line: line_number, what };
        parse_line(&mut config, &mut words).map_err(mistaken)?;
        if config.servers.len() > lines.len() {
            lines.push(line_number);
            contradiction(&config.servers, &lines).map_or(Ok(()), |what| Err(mistaken(what)))?;
        }
    }
    Ok(config)
}

/// Whether the last server contradicts one before it; `lines` has the numbers of their lines.
fn contradiction(servers: &[Server], lines: &[usize]) -> Option<What> {
    let (last, before) = servers.split_last()?;
    let (other, line) = before.iter().zip(lines).find(|(other, _)| last.contradicts(other))?;
    let lines = [(*line, other.proof.clone()), (*lines.last()?, last.proof.clone())];
    Some(What::Contradiction(Box::new(Contradiction { name: last.name.clone(), lines })))
}

impl Config {
    /// The one warning about all that is not obeyed: `restrict (line 3), fudge (line 7)`.
    #[must_use]
    pub fn not_obeyed_list(&self) -> Option<String> {
        let item = |(line, word): &(usize, String)| format!("{word} (line {line})");
        let list: Vec<String> = self.not_obeyed.iter().map(item).collect();
        (!list.is_empty()).then(|| list.join(", "))
    }
}

struct Words<'a> {
    words: std::str::SplitAsciiWhitespace<'a>,
    line: usize,
}

impl<'a> Words<'a> {
    fn value(&mut self, of: &str) -> Result<&'a str, What> {
        self.words.next().ok_or_else(|| What::NoValue(of.to_owned()))
    }
}

fn parse_line(config: &mut Config, words: &mut Words) -> Result<(), What> {
    let Some(first) = words.words.next() else { return Ok(()) };
    match first {
        "server" | "pool" => parse_server(config, first, words)?,
        "driftfile" => config.drift_file = Some(words.value(first)?.to_owned()),
        "tinker" => parse_tinker(config, words)?,
        "keys" => config.keys_file = Some(words.value(first)?.to_owned()),
        "trustedkey" => config.trusted.extend(proof::trusted(words)?),
        "nts" => proof::parse_nts(config, words)?,
        word if NOT_OBEYED.contains(&word) => {
            config.not_obeyed.push((words.line, word.to_owned()));
            return Ok(());
        }
        word if serving::parse(&mut config.serving, &mut config.not_obeyed, word, words)? => {}
        word => return Err(What::Unknown(word.to_owned())),
    }
    words.words.next().map_or(Ok(()), |word| Err(What::Unknown(word.to_owned())))
}

fn parse_server(config: &mut Config, kind: &str, words: &mut Words) -> Result<(), What> {
    let mut name = words.value(kind)?;
    if name == "-4" || name == "-6" {
        config.not_obeyed.push((words.line, name.to_owned()));
        name = words.value(kind)?;
    }
    if name.starts_with("127.127.1.") {
        config.serving.add_local_clock();
        words.words.by_ref().for_each(drop);
        return Ok(());
    }
    if name.starts_with("127.127.") {
        // A reference clock (ntp.conf(5)): its options are its own.
        config.not_obeyed.push((words.line, format!("{kind} {name}")));
        words.words.by_ref().for_each(drop);
        return Ok(());
    }
    Host::of(name).map_err(|wrong| What::NoHost(name.to_owned(), wrong))?;
    let unknown = |word: &str| Err(What::Unknown(word.to_owned()));
    let mut polling = Polling::default();
    let mut proof = Asked::default();
    while let Some(word) = words.words.next() {
        match word {
            "iburst" | "burst" => polling.iburst = true,
            "xleave" => polling.xleave = true,
            "minpoll" => polling.min = poll(word, words.value(word)?)?,
            "maxpoll" => polling.max = poll(word, words.value(word)?)?,
            "nts" | "key" | "ca" => proof.take(word, words)?,
            word if NOT_OBEYED_FLAGS.contains(&word) => {
                config.not_obeyed.push((words.line, word.to_owned()));
            }
            word if NOT_OBEYED_OPTIONS.contains(&word) => {
                words.value(word)?;
                config.not_obeyed.push((words.line, word.to_owned()));
            }
            // chrony's word.
            "port" if name.contains(':') => return unknown("port; write [ADDRESS]:PORT"),
            "port" => return unknown("port; write NAME:PORT"),
            word => return unknown(word),
        }
    }
    if polling.min > polling.max {
        return Err(What::Crossed);
    }
    if config.servers.len() == SERVERS_MAX {
        return Err(What::TooMany);
    }
    let proof = proof.of(kind)?;
    config.servers.push(Server { name: name.to_owned(), pool: kind == "pool", polling, proof });
    Ok(())
}

fn parse_tinker(config: &mut Config, words: &mut Words) -> Result<(), What> {
    while let Some(word) = words.words.next() {
        let value = words.value(word)?;
        match word {
            "step" => config.step = seconds(word, value)?,
            "panic" => config.panic = seconds(word, value)?,
            word if NOT_OBEYED_TINKER.contains(&word) => {
                config.not_obeyed.push((words.line, format!("tinker {word}")));
            }
            word => return Err(What::Unknown(word.to_owned())),
        }
    }
    Ok(())
}

fn poll(word: &str, value: &str) -> Result<i8, What> {
    let poll = value.parse().ok().filter(|poll| (POLL_MIN..=POLL_MAX).contains(poll));
    poll.ok_or_else(|| What::BadValue(word.to_owned(), value.to_owned()))
}

fn seconds(word: &str, value: &str) -> Result<f64, What> {
    let seconds = value.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    seconds.ok_or_else(|| What::BadValue(word.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mistake(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_plain_file_is_understood() {
        let text = "
            # a comment
            driftfile /var/lib/ntp/ntp.drift   # another
            server 192.0.2.1 iburst minpoll 4 maxpoll 8
            pool pool.example.net burst
            server [2001:db8::1]:1123
            tinker panic 0 step 0.5
        ";
        let config = parse(text).unwrap();
        let server = |name: &str, pool, iburst, min, max| Server {
            name: name.to_owned(),
            pool,
            polling: Polling { iburst, min, max, xleave: false },
            proof: Proof::None,
        };
        let expected = Config {
            servers: vec![
                server("192.0.2.1", false, true, 4, 8),
                server("pool.example.net", true, true, 6, 10),
                server("[2001:db8::1]:1123", false, false, 6, 10),
            ],
            drift_file: Some("/var/lib/ntp/ntp.drift".to_owned()),
            step: 0.5,
            panic: 0.0,
            ..Config::default()
        };
        assert_eq!(config, expected);
        assert_eq!(config.not_obeyed_list(), None);
    }

    #[test]
    fn servers_and_pools_are_asked_for_interleaved_answers_where_it_is_said() {
        let config = parse("server a xleave iburst\npool b xleave\nserver c\nserver d nts xleave");
        let config = config.unwrap();
        let asked: Vec<bool> = config.servers.iter().map(|s| s.polling.xleave).collect();
        assert_eq!(asked, [true, true, false, true]);
        assert!(config.not_obeyed.is_empty());
    }

    /// Debian's and Red Hat's files, abridged.
    #[test]
    fn what_ntpd_knows_and_we_do_not_obey_is_named_with_its_line() {
        let text = "driftfile /var/lib/ntp/drift\n\
            leapfile /usr/share/zoneinfo/leap-seconds.list\n\
            tos maxclock 11\n\
            pool 0.debian.pool.ntp.org iburst prefer version 4\n\
            restrict -4 default kod notrap nomodify nopeer noquery limited\n\
            restrict 127.0.0.1\n\
            server 127.127.20.0 minpoll 1 flag1 1\n\
            tinker huffpuff 7200\n";
        let config = parse(text).unwrap();
        assert_eq!(config.servers.len(), 1);
        assert_eq!(
            config.not_obeyed_list().unwrap(),
            "tos maxclock (line 3), prefer (line 4), version (line 4), \
             server 127.127.20.0 (line 7), tinker huffpuff (line 8)"
        );
    }

    #[test]
    fn an_unknown_word_is_a_mistake_with_its_line() {
        assert_eq!(mistake("\n\nsevrer 192.0.2.1"), "line 3: no such word: sevrer");
        assert_eq!(mistake("server 192.0.2.1 ibrust"), "line 1: no such word: ibrust");
        assert_eq!(mistake("tinker panick 0"), "line 1: no such word: panick");
        assert_eq!(mistake("driftfile a b"), "line 1: no such word: b");
    }

    #[test]
    fn a_missing_or_impossible_value_is_a_mistake() {
        assert_eq!(mistake("server"), "line 1: server wants a value");
        assert_eq!(mistake("driftfile"), "line 1: driftfile wants a value");
        assert_eq!(mistake("server a minpoll"), "line 1: minpoll wants a value");
        assert_eq!(mistake("server a key"), "line 1: key wants a value");
        assert_eq!(mistake("tinker step"), "line 1: step wants a value");
        assert_eq!(mistake("server a minpoll 2"), "line 1: minpoll cannot be 2, it is 3 to 17");
        assert_eq!(mistake("server a maxpoll 18"), "line 1: maxpoll cannot be 18, it is 3 to 17");
        assert_eq!(
            mistake("server a minpoll soon"),
            "line 1: minpoll cannot be soon, it is 3 to 17"
        );
        for value in ["-1", "nan", "inf", "much"] {
            assert_eq!(
                mistake(&format!("tinker panic {value}")),
                format!("line 1: panic cannot be {value}")
            );
        }
        assert_eq!(
            mistake("server a minpoll 9 maxpoll 7"),
            "line 1: minpoll is greater than maxpoll"
        );
    }

    #[test]
    fn a_server_has_a_name_and_perhaps_a_port() {
        let port = "; a port is 1 to 65535";
        assert_eq!(
            mistake("\nserver x:99999 iburst"),
            format!("line 2: there is no such port: x:99999{port}")
        );
        assert_eq!(mistake("server x port 99"), "line 1: no such word: port; write NAME:PORT");
        let of_six = "line 1: no such word: port; write [ADDRESS]:PORT";
        assert_eq!(mistake("server ::1 port 99"), of_six);
        assert_eq!(mistake("pool x:0"), format!("line 1: there is no such port: x:0{port}"));
        assert_eq!(
            mistake("server a:b:123 nts"),
            "line 1: a:b:123 is no name and no address; a port follows as in [::1]:123"
        );
        for good in ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:99", "x:99", "::1"] {
            let config = parse(&format!("server {good}\nserver {good}")).unwrap();
            assert_eq!(config.servers[0].name, good);
        }
    }

    #[test]
    fn one_server_that_is_to_prove_itself_and_is_not_is_a_mistake_with_both_lines() {
        assert_eq!(
            mistake("server a nts\n\nserver A. iburst"),
            "line 3: A. is named with nts in line 1 and plainly in line 3; leave line 3 out"
        );
        assert_eq!(
            mistake("server b\npool a\nserver a:4461 nts"),
            "line 3: a:4461 is named plainly in line 2 and with nts in line 3; leave line 2 out"
        );
        assert_eq!(
            mistake("server 2001:db8::1\nserver [2001:db8:0::1]:123 key 5"),
            "line 2: [2001:db8:0::1]:123 is named plainly in line 1 and with key 5 in line 2; \
             leave line 1 out"
        );
        assert_eq!(
            mistake("server a key 5\nserver a nts"),
            "line 2: a is named with key 5 in line 1 and with nts in line 2; leave line 1 out"
        );
        for good in [
            "server a nts\nserver b",
            "server a nts\nserver a:1123",
            "server a key 5\nserver a:1123",
            "server a nts\nserver a:44 nts",
            "server 192.0.2.1 key 5\nserver 192.0.2.2",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn there_is_a_limit_to_the_number_of_servers() {
        let text = |count| "server 192.0.2.1\n".repeat(count);
        assert!(parse(&text(SERVERS_MAX)).is_ok());
        assert_eq!(mistake(&text(SERVERS_MAX + 1)), "line 17: more than 16 servers");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(
            text in "(server|pool|tinker|restrict|[ a-z0-9.#\n-]){0,60}",
        ) {
            let _ = parse(&text);
        }
    }
}
