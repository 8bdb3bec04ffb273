//! The words of ntp.conf(5) about serving, limits, leap seconds and the log.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::access::{Access, Network, Terms};
use crate::limiter::Limits;

use super::{What, Words};

/// ntpd's stratum of the local clock (`server 127.127.1.0`).
const LOCAL_STRATUM: u8 = 5;

/// The highest stratum that clients believe.
const STRATUM_MAX: u8 = 15;

/// ntpd's `tos orphanwait`, seconds.
const ORPHAN_WAIT: u32 = 300;

/// The exponents of `discard average`: up to a day and a half.
const AVERAGE_MAX: u8 = 17;

/// The shortest and the longest smear, seconds: what is shorter is a step, ntpd takes no longer one
/// than a day.
const SMEARS: core::ops::RangeInclusive<u32> = 60..=86_400;

/// The most addresses to listen at.
const LISTEN_MAX: usize = 16;

/// What `restrict` takes and we obey without doing anything: it forbids what we never do.
const NEVER_DONE: &[&str] =
    &["lowpriotrap", "noepeer", "nomodify", "nomrulist", "nopeer", "noquery", "notrap", "mssntp"];

/// What `restrict` takes and we do not obey.
const NOT_OBEYED_RESTRICT: &[&str] = &["flake", "ntpport", "version"];

/// What `fudge` takes beside `stratum`; each has a value.
const NOT_OBEYED_FUDGE: &[&str] =
    &["flag1", "flag2", "flag3", "flag4", "path", "ppspath", "refid", "time1", "time2", "baud"];

/// What `tos` takes beside `orphan` and `orphanwait`; each has a value.
const NOT_OBEYED_TOS: &[&str] = &[
    "basedate",
    "bcpollbstep",
    "beacon",
    "ceiling",
    "cohort",
    "floor",
    "maxclock",
    "maxdisp",
    "maxdist",
    "minclock",
    "mindist",
    "minsane",
];

/// What is said of serving and of leap seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// Who may ask (`restrict`).
    pub access: Access,
    /// How often those may who are `limited` (`discard`).
    pub limits: Limits,
    /// Where to listen (`interface listen`); the text, where it is an address.
    pub listen: Vec<IpAddr>,
    /// At which stratum to serve our own clock where no server is of use (`tos orphan`).
    pub orphan: Option<u8>,
    /// After so many seconds without any (`tos orphanwait`).
    pub orphan_wait: u32,
    /// The table of leap seconds (`leapfile`).
    pub leap_file: Option<String>,
    /// Over so many seconds others are given a leap second bit by bit (`leapsmearinterval`).
    pub smear: Option<u32>,
    /// Where to log (`logfile`).
    pub log_file: Option<String>,
    /// The local clock is a server (`server 127.127.1.0`), and what `fudge` said of its stratum.
    local: bool,
    local_stratum: u8,
}

impl Default for Serving {
    fn default() -> Self {
        Self {
            access: Access::default(),
            limits: Limits::default(),
            listen: Vec::new(),
            orphan: None,
            orphan_wait: ORPHAN_WAIT,
            leap_file: None,
            smear: None,
            log_file: None,
            local: false,
            local_stratum: LOCAL_STRATUM,
        }
    }
}

impl Serving {
    /// The local clock may stand in for servers.
    pub(super) fn add_local_clock(&mut self) {
        self.local = true;
    }

    /// At which stratum our own clock is served where no server is of use, if it is.
    #[must_use]
    pub fn own_stratum(&self) -> Option<u8> {
        self.orphan.or_else(|| self.local.then_some(self.local_stratum))
    }
}

/// Obeys a line that begins with one of our words; whether it did.
pub(super) fn parse(
    serving: &mut Serving,
    not_obeyed: &mut Vec<(usize, String)>,
    first: &str,
    words: &mut Words,
) -> Result<bool, What> {
    let mut named = |word: &str, line| not_obeyed.push((line, word.to_owned()));
    match first {
        "restrict" => parse_restrict(serving, &mut named, words)?,
        "discard" => parse_discard(serving, &mut named, words)?,
        "tos" => parse_tos(serving, &mut named, words)?,
        "fudge" => parse_fudge(serving, &mut named, words)?,
        "interface" | "nic" => parse_interface(serving, &mut named, words)?,
        "leapfile" => {
            serving.leap_file = Some(words.value(first)?.to_owned());
            // Whether to check its hash: we always do.
            words.words.by_ref().filter(|word| *word != "checkhash").for_each(drop);
        }
        "leapsmearinterval" => {
            let seconds = number(first, words.value(first)?)?;
            let known = SMEARS.contains(&seconds);
            if seconds != 0 && !known {
                return Err(What::BadValue(first.to_owned(), seconds.to_string()));
            }
            serving.smear = known.then_some(seconds);
        }
        "logfile" => serving.log_file = Some(words.value(first)?.to_owned()),
        _ => return Ok(false),
    }
    Ok(true)
}

fn parse_restrict(
    serving: &mut Serving,
    named: &mut impl FnMut(&str, usize),
    words: &mut Words,
) -> Result<(), What> {
    let mut subject = words.value("restrict")?;
    let family = match subject {
        "-4" | "-6" => {
            let family = subject;
            subject = words.value("restrict")?;
            Some(family)
        }
        _ => None,
    };
    let networks = networks(subject, family, words)?;
    let terms = parse_terms(named, words)?;
    match networks {
        Some(networks) => networks.into_iter().try_for_each(|network| {
            serving.access.add(network, terms).then_some(()).ok_or(What::TooManyRules)
        }),
        // Of our servers we take nothing but answers: there is nothing to restrict.
        None if subject == "source" => Ok(()),
        None => {
            named(&format!("restrict {subject}"), words.line);
            Ok(())
        }
    }
}

/// Whom a rule is about; nobody that could be known, where it is a name.
fn networks(
    subject: &str,
    family: Option<&str>,
    words: &mut Words,
) -> Result<Option<Vec<Network>>, What> {
    let (four, six) = (Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into());
    if subject == "default" {
        let families: &[IpAddr] = match family {
            Some("-4") => &[four],
            Some(_) => &[six],
            None => &[four, six],
        };
        return Ok(Some(families.iter().copied().map(Network::all_like).collect()));
    }
    let wrong = || What::BadValue("restrict".to_owned(), subject.to_owned());
    let mask = match words.words.clone().next() {
        Some("mask") => {
            words.words.next();
            Some(words.value("mask")?)
        }
        _ => None,
    };
    let Some(mask) = mask else {
        let looks_like_one = subject.contains(['/', ':']) || subject.parse::<Ipv4Addr>().is_ok();
        return match Network::parse(subject) {
            Some(network) => Ok(Some(vec![network])),
            None if looks_like_one => Err(wrong()),
            None => Ok(None),
        };
    };
    let address: IpAddr = subject.parse().map_err(|_| wrong())?;
    let network = mask.parse().ok().and_then(|mask| Network::masked(address, mask));
    let network = network.ok_or_else(|| What::BadValue("mask".to_owned(), mask.to_owned()))?;
    Ok(Some(vec![network]))
}

fn parse_terms(named: &mut impl FnMut(&str, usize), words: &mut Words) -> Result<Terms, What> {
    let mut terms = Terms::default();
    while let Some(word) = words.words.next() {
        match word {
            "ignore" | "noserve" => terms.answered = false,
            "limited" => terms.limited = true,
            "kod" => terms.kod = true,
            "notrust" => terms.signed = true,
            "ippeerlimit" => drop(words.value(word)?),
            word if NEVER_DONE.contains(&word) => {}
            word if NOT_OBEYED_RESTRICT.contains(&word) => {
                named(&format!("restrict {word}"), words.line);
            }
            word => return Err(What::Unknown(word.to_owned())),
        }
    }
    Ok(terms)
}

fn parse_discard(
    serving: &mut Serving,
    named: &mut impl FnMut(&str, usize),
    words: &mut Words,
) -> Result<(), What> {
    while let Some(word) = words.words.next() {
        let value = words.value(word)?;
        let wrong = || What::BadValue(word.to_owned(), value.to_owned());
        match word {
            "average" | "minimum" => {
                let exponent = value.parse().ok().filter(|e| *e <= AVERAGE_MAX);
                let exponent = exponent.ok_or_else(wrong)?;
                let limits = &mut serving.limits;
                *(if word == "average" { &mut limits.average } else { &mut limits.minimum }) =
                    exponent;
            }
            "monitor" => named("discard monitor", words.line),
            word => return Err(What::Unknown(word.to_owned())),
        }
    }
    Ok(())
}

fn parse_tos(
    serving: &mut Serving,
    named: &mut impl FnMut(&str, usize),
    words: &mut Words,
) -> Result<(), What> {
    while let Some(word) = words.words.next() {
        let value = words.value(word)?;
        match word {
            // ntpd's default is 16: never.
            "orphan" if value == "16" => serving.orphan = None,
            "orphan" => serving.orphan = Some(stratum(word, value)?),
            "orphanwait" => serving.orphan_wait = number(word, value)?,
            word if NOT_OBEYED_TOS.contains(&word) => named(&format!("tos {word}"), words.line),
            word => return Err(What::Unknown(word.to_owned())),
        }
    }
    Ok(())
}

fn parse_fudge(
    serving: &mut Serving,
    named: &mut impl FnMut(&str, usize),
    words: &mut Words,
) -> Result<(), What> {
    let clock = words.value("fudge")?;
    let is_local = clock.starts_with("127.127.1.");
    if !is_local {
        named(&format!("fudge {clock}"), words.line);
    }
    while let Some(word) = words.words.next() {
        let value = words.value(word)?;
        match word {
            // Those of other clocks are named as a whole.
            "stratum" if is_local => serving.local_stratum = stratum(word, value)?,
            "stratum" => {}
            word if !NOT_OBEYED_FUDGE.contains(&word) => {
                return Err(What::Unknown(word.to_owned()));
            }
            word if is_local => named(&format!("fudge {word}"), words.line),
            _ => {}
        }
    }
    Ok(())
}

/// We listen nowhere but where we are told: to ignore an interface is what we do anyway.
fn parse_interface(
    serving: &mut Serving,
    named: &mut impl FnMut(&str, usize),
    words: &mut Words,
) -> Result<(), What> {
    let what = words.value("interface")?;
    let place = words.value(what)?;
    let listen: Vec<IpAddr> = match (what, place) {
        ("ignore" | "drop", _) => return Ok(()),
        ("listen", "all" | "wildcard" | "ipv6") => vec![Ipv6Addr::UNSPECIFIED.into()],
        ("listen", "ipv4") => vec![Ipv4Addr::UNSPECIFIED.into()],
        ("listen", place) => place.parse().into_iter().collect(),
        (what, _) => return Err(What::Unknown(what.to_owned())),
    };
    if listen.is_empty() {
        // The name of an interface.
        named(&format!("interface listen {place}"), words.line);
    }
    serving.listen.extend(listen);
    if serving.listen.len() > LISTEN_MAX { Err(What::TooManyAddresses) } else { Ok(()) }
}

/// Between what a number of these words is.
pub(super) fn bounds(word: &str) -> Option<(u32, u32)> {
    match word {
        "stratum" | "orphan" => Some((1, STRATUM_MAX.into())),
        "average" | "minimum" => Some((0, AVERAGE_MAX.into())),
        "leapsmearinterval" => Some((*SMEARS.start(), *SMEARS.end())),
        _ => None,
    }
}

fn stratum(word: &str, value: &str) -> Result<u8, What> {
    let stratum = value.parse().ok().filter(|stratum| (1..=STRATUM_MAX).contains(stratum));
    stratum.ok_or_else(|| What::BadValue(word.to_owned(), value.to_owned()))
}

fn number(word: &str, value: &str) -> Result<u32, What> {
    value.parse().map_err(|_| What::BadValue(word.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests;
