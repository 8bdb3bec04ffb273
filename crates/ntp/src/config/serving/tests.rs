//! Tests of the words about serving.

use super::super::{Config, parse};
use super::*;

fn serving(text: &str) -> Serving {
    let Config { serving, not_obeyed, .. } = parse(text).unwrap();
    assert_eq!(not_obeyed, [], "{text}");
    serving
}

fn named(text: &str) -> String {
    parse(text).unwrap().not_obeyed_list().unwrap_or_default()
}

fn mistake(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn terms(text: &str, address: &str) -> Terms {
    serving(text).access.terms(address.parse().unwrap())
}

#[test]
fn restrict_lines_say_who_is_answered() {
    let text = "restrict default ignore\n\
        restrict 192.168.0.0 mask 255.255.0.0 nomodify notrap\n\
        restrict 2001:db8::/32 limited kod\n\
        restrict 192.168.3.0/24 notrust\n\
        restrict 127.0.0.1\n\
        restrict -6 ::1\n\
        restrict source nomodify noquery notrap\n";
    assert!(!terms(text, "192.0.2.1").answered);
    assert!(!terms(text, "2001:db9::1").answered);
    assert!(terms(text, "192.168.255.1").answered);
    let limited = Terms { limited: true, kod: true, ..Terms::default() };
    assert_eq!(terms(text, "2001:db8::1"), limited);
    let signed = Terms { signed: true, ..Terms::default() };
    assert_eq!(terms(text, "192.168.3.1"), signed);
    assert_eq!(terms(text, "127.0.0.1"), Terms::default());
    assert_eq!(terms(text, "::1"), Terms::default());
}

#[test]
fn a_default_of_one_family_leaves_the_other_alone() {
    assert!(!terms("restrict -4 default ignore", "192.0.2.1").answered);
    assert!(terms("restrict -4 default ignore", "2001:db8::1").answered);
    assert!(!terms("restrict -6 default noserve", "2001:db8::1").answered);
}

#[test]
fn what_cannot_be_restricted_is_named() {
    assert_eq!(named("restrict time.example ignore"), "restrict time.example (line 1)");
    assert_eq!(named("restrict default flake"), "restrict flake (line 1)");
    assert_eq!(mistake("restrict default ignroe"), "line 1: no such word: ignroe");
    assert_eq!(mistake("restrict 192.0.2.0/40"), "line 1: restrict cannot be 192.0.2.0/40");
    assert_eq!(mistake("restrict 192.0.2.0 mask 255.0.1.0"), "line 1: mask cannot be 255.0.1.0");
    assert_eq!(mistake("restrict"), "line 1: restrict wants a value");
}

#[test]
fn limits_are_exponents() {
    let limits = serving("discard average 5 minimum 0").limits;
    assert_eq!((limits.average, limits.minimum), (5, 0));
    assert_eq!(mistake("discard average 99"), "line 1: average cannot be 99, it is 0 to 17");
}

#[test]
fn an_orphan_or_a_local_clock_has_its_stratum() {
    assert_eq!(serving("").own_stratum(), None);
    assert_eq!(serving("tos orphan 6 orphanwait 10").own_stratum(), Some(6));
    assert_eq!(serving("tos orphan 6 orphanwait 10").orphan_wait, 10);
    assert_eq!(serving("tos orphan 16").own_stratum(), None);
    assert_eq!(serving("server 127.127.1.0").own_stratum(), Some(5));
    let fudged = "fudge 127.127.1.0 stratum 10\nserver 127.127.1.0";
    assert_eq!(serving(fudged).own_stratum(), Some(10));
    assert_eq!(serving("fudge 127.127.1.0 stratum 10").own_stratum(), None);
    assert_eq!(mistake("tos orphan 17"), "line 1: orphan cannot be 17, it is 1 to 15");
    assert_eq!(named("fudge 127.127.20.0 stratum 1 flag1 1"), "fudge 127.127.20.0 (line 1)");
}

#[test]
fn addresses_to_listen_at_are_told_from_interfaces() {
    let listen = serving("interface ignore wildcard\ninterface listen 192.0.2.1").listen;
    assert_eq!(listen, ["192.0.2.1".parse::<IpAddr>().unwrap()]);
    assert_eq!(named("interface listen eth0"), "interface listen eth0 (line 1)");
    assert_eq!(mistake("interface hear eth0"), "line 1: no such word: hear");
}

#[test]
fn a_smear_is_minutes_to_a_day() {
    assert_eq!(serving("leapsmearinterval 86400").smear, Some(86_400));
    assert_eq!(serving("leapsmearinterval 0").smear, None);
    assert_eq!(
        mistake("leapsmearinterval 5"),
        "line 1: leapsmearinterval cannot be 5, it is 60 to 86400"
    );
}

#[test]
fn files_are_named() {
    let serving = serving("leapfile /usr/share/leap checkhash\nlogfile /var/log/ntp");
    assert_eq!(serving.leap_file.as_deref(), Some("/usr/share/leap"));
    assert_eq!(serving.log_file.as_deref(), Some("/var/log/ntp"));
}

/// Debian's `/etc/ntpsec/ntp.conf` without its comments.
#[test]
fn debians_file_is_understood_but_for_its_directories_and_votes() {
    let text = "driftfile /var/lib/ntpsec/ntp.drift\n\
        leapfile /usr/share/zoneinfo/leap-seconds.list\n\
        tos maxclock 11\n\
        tos minclock 4 minsane 3\n\
        pool 0.debian.pool.ntp.org iburst\n\
        pool 1.debian.pool.ntp.org iburst\n\
        restrict default kod nomodify noquery limited\n\
        restrict 127.0.0.1\n\
        restrict ::1\n";
    let list = "tos maxclock (line 3), tos minclock (line 4), tos minsane (line 4)";
    assert_eq!(named(text), list);
    assert!(parse(text).unwrap().serving.access.limits_anybody());
}

/// Void's `/etc/ntp.conf` without its comments.
#[test]
fn voids_file_is_understood() {
    let text = "server 0.pool.ntp.org\nserver 1.pool.ntp.org\ndriftfile /var/lib/ntp/ntp.drift\n\
        restrict default limited kod nomodify notrap nopeer\n\
        restrict 127.0.0.1\nrestrict ::1\n";
    assert_eq!(named(text), "");
}
