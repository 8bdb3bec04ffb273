//! Accounts by name or number: what setuidgid and envuidgid are told.
//!
//! A static binary cannot load the C library's name services. So names are looked for in
//! `/etc/passwd` and `/etc/group`, as their module `files` does it, and those that are not there
//! are left to getent(1), which can.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::os::unix::ffi::OsStrExt as _;

use cli::{Unable, UnableExt as _};
use sys::ids::GROUPS_MAX;

use crate::getent;

/// As much of a database is read as no machine has, and no more.
const DATABASE_MAX: u64 = 256 * 1024 * 1024;

/// Who a program is to run as.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The groups it is given: `gid`, and others that were named.
    pub(crate) groups: Vec<u32>,
    /// The name, where there is one, and who knows it.
    name: Option<(OsString, Source)>,
}

/// Where a name was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Files,
    Getent,
}

/// A list of names: its file, and its name for getent.
#[derive(Debug, Clone, Copy)]
struct Database {
    file: &'static str,
    name: &'static str,
}

const PASSWD: Database = Database { file: "/etc/passwd", name: "passwd" };
const GROUP: Database = Database { file: "/etc/group", name: "group" };

impl Account {
    /// The account `text`: `name`, `name:group[:group...]`, `uid:gid[:gid...]` or the same with a
    /// colon before it. A part of digits only is a number where there is a colon, else a name.
    pub(crate) fn find(text: &OsStr) -> anyhow::Result<Self> {
        let unknown = || anyhow::anyhow!("unknown account {}", text.display());
        let Some((user, groups)) = parts(text.as_bytes()) else {
            return Self::named(text)?.ok_or_else(unknown);
        };
        let mut ids = Vec::new();
        for group in groups {
            ids.push(group_id(group)?.ok_or_else(unknown)?);
        }
        let gid = ids.first().copied().ok_or_else(unknown)?;
        if let Some(uid) = number(user) {
            return Ok(Self { uid, gid, groups: ids, name: None });
        }
        let named = Self::named(OsStr::from_bytes(user))?.ok_or_else(unknown)?;
        Ok(Self { gid, groups: ids, ..named })
    }

    fn named(name: &OsStr) -> Result<Option<Self>, Unable> {
        let Some((line, source)) = PASSWD.find(name)? else { return Ok(None) };
        Ok(passwd_ids(&line).map(|(uid, gid)| Self {
            uid,
            gid,
            groups: vec![gid],
            name: Some((name.to_owned(), source)),
        }))
    }

    /// Its groups and those it is a member of, as initgroups(3) gives them.
    pub(crate) fn all_groups(&self) -> Result<Vec<u32>, Unable> {
        let mut groups = self.groups.clone();
        let mut add = |gid| {
            if !groups.contains(&gid) && groups.len() < GROUPS_MAX {
                groups.push(gid);
            }
        };
        let Some((name, source)) = &self.name else { return Ok(groups) };
        GROUP.each_line(|line| {
            membership(line, name.as_bytes()).into_iter().for_each(&mut add);
            false
        })?;
        if *source == Source::Getent {
            getent_ids(&ask("initgroups", name)?).into_iter().for_each(&mut add);
        }
        Ok(groups)
    }
}

/// The user and the groups of `user:group...`; `None` where it is a name without colons.
fn parts(text: &[u8]) -> Option<(&[u8], impl Iterator<Item = &[u8]>)> {
    let mut parts = text.strip_prefix(b":").unwrap_or(text).split(|&byte| byte == b':');
    text.contains(&b':').then(|| (parts.next().unwrap_or_default(), parts))
}

fn group_id(text: &[u8]) -> Result<Option<u32>, Unable> {
    if let Some(gid) = number(text) {
        return Ok(Some(gid));
    }
    Ok(GROUP.find(OsStr::from_bytes(text))?.and_then(|(line, _)| group_gid(&line)))
}

impl Database {
    /// The line of a name, and who knows it.
    fn find(self, name: &OsStr) -> Result<Option<(Vec<u8>, Source)>, Unable> {
        let mut found = None;
        self.each_line(|line| {
            if is_of(line, name.as_bytes()) && self.is_sound(line) {
                found = Some((line.to_owned(), Source::Files));
            }
            found.is_some()
        })?;
        if found.is_none() && may_be_asked(name.as_bytes()) {
            let line = ask(self.name, name)?;
            found = self.is_sound(&line).then_some((line, Source::Getent));
        }
        Ok(found)
    }

    fn is_sound(self, line: &[u8]) -> bool {
        match self.name {
            "passwd" => passwd_ids(line).is_some(),
            _ => group_gid(line).is_some(),
        }
    }

    /// Shows each line of its file, until `show` has seen enough. No file has no lines.
    fn each_line(self, mut show: impl FnMut(&[u8]) -> bool) -> Result<(), Unable> {
        let unread = format_args!("read {}", self.file);
        let file = match File::open(self.file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            opened => opened.unable(unread)?,
        };
        for line in BufReader::new(file.take(DATABASE_MAX)).split(b'\n') {
            if show(line.unable(unread)?.trim_ascii_start()) {
                break;
            }
        }
        Ok(())
    }
}

/// What getent says; without one there are no other names than those in the files.
fn ask(database: &str, name: &OsStr) -> Result<Vec<u8>, Unable> {
    let answer = getent::ask(database, name);
    let answer = answer.unable(format_args!("look up {} with getent", name.display()))?;
    Ok(answer.unwrap_or_default())
}

/// Whether getent would look for this name, and not take it for a flag, or for a number as
/// strtoul(3) reads one: `getent passwd 0` is root's line, and so are those of `+0` and ` -0`.
fn may_be_asked(name: &[u8]) -> bool {
    let of_number = |byte: &u8| byte.is_ascii_digit() || b" \t\n\x0b\x0c\r+-".contains(byte);
    let splits = |byte: &u8| matches!(byte, b':' | b'\n');
    !name.starts_with(b"-") && !name.iter().all(of_number) && !name.iter().any(splits)
}

/// A line of passwd(5) or group(5) without its end: its fields.
fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&byte| byte == b':')
}

/// Whether a line is that of `name`: a comment or an addition (`+name`) is nobody's.
fn is_of(line: &[u8], name: &[u8]) -> bool {
    fields(line).next() == Some(name) && !matches!(name.first(), None | Some(b'#' | b'+' | b'-'))
}

/// Uid and gid of a line of passwd(5).
fn passwd_ids(line: &[u8]) -> Option<(u32, u32)> {
    let mut ids = fields(first_line(line)).skip(2).map(number);
    Some((ids.next()??, ids.next()??))
}

/// The gid of a line of group(5).
fn group_gid(line: &[u8]) -> Option<u32> {
    number(fields(first_line(line)).nth(2)?)
}

/// The gid of a line of group(5) that names this member.
fn membership(line: &[u8], member: &[u8]) -> Option<u32> {
    let members = fields(line).nth(3)?;
    let is_member = members.split(|&byte| byte == b',').any(|name| name.trim_ascii() == member);
    if is_member { group_gid(line) } else { None }
}

/// The numbers of an answer of `getent initgroups`: the name, then its groups.
fn getent_ids(answer: &[u8]) -> Vec<u32> {
    let words = first_line(answer).split(u8::is_ascii_whitespace);
    words.skip(1).filter_map(number).collect()
}

fn first_line(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == b'\n').next().unwrap_or_default()
}

/// Digits only, and a number that an id can be. `u32::MAX` is none: it means "no change".
fn number(text: &[u8]) -> Option<u32> {
    let digits = text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(text).ok().filter(|_| digits)?;
    text.parse().ok().filter(|&id| id != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_are_the_third_and_fourth_field_of_a_line() {
        assert_eq!(passwd_ids(b"root:x:0:0:root:/root:/bin/sh"), Some((0, 0)));
        assert_eq!(passwd_ids(b"a::7:8"), Some((7, 8)));
        assert_eq!(passwd_ids(b"a:x:7:8:::\nb:x:9:9:::"), Some((7, 8)));
        for line in ["", "a:x:7", "a:x:7:", "a:x::8", "a:x:-7:8", "a:x:7:8x", "a:x:7 :8", "\n"] {
            assert_eq!(passwd_ids(line.as_bytes()), None, "{line}");
        }
        assert_eq!(group_gid(b"daemon:x:1:"), Some(1));
        assert_eq!(group_gid(b"daemon:x"), None);
    }

    #[test]
    fn a_number_is_digits_and_an_id() {
        assert_eq!(number(b"4294967294"), Some(u32::MAX - 1));
        for text in ["", "+1", "-1", "4294967295", "4294967296", " 1", "1 ", "\u{661}"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_line_is_that_of_its_first_field() {
        assert!(is_of(b"root:x:0:0:::", b"root"));
        assert!(!is_of(b"root:x:0:0:::", b"roo") && !is_of(b"roo:x:0:0:::", b"root"));
        for name in ["", "#root", "+", "+root", "-root"] {
            assert!(!is_of(format!("{name}:x:0:0:::").as_bytes(), name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_member_is_a_whole_name() {
        let line = b"adm:x:4:syslog,ada, bob";
        assert_eq!(membership(line, b"ada"), Some(4));
        assert_eq!(membership(line, b"bob"), Some(4));
        for name in ["ad", "adam", "adm", "", "syslog,ada"] {
            assert_eq!(membership(line, name.as_bytes()), None, "{name}");
        }
        assert_eq!(membership(b"adm:x:4", b"ada"), None);
        assert_eq!(membership(b"adm:x:four:ada", b"ada"), None);
    }

    #[test]
    fn groups_of_getent_follow_the_name() {
        assert_eq!(
            getent_ids(b"ada                  4 1000 4294967294\n"),
            [4, 1000, 4_294_967_294]
        );
        assert_eq!(getent_ids(b"ada\n"), []);
        assert_eq!(getent_ids(b""), []);
        assert_eq!(getent_ids(b"7 8 x\n9"), [8]);
    }

    #[test]
    fn getent_is_asked_for_names_only() {
        for name in ["ada", "DOM\\ada", "7eleven", "a b", "ada@example.org", "0x0"] {
            assert!(may_be_asked(name.as_bytes()), "{name}");
        }
        for name in ["", "0", "+0", " -0", "\t 7", "-a", "--help", "a:b", "a\n", "\r1", "1-2"] {
            assert!(!may_be_asked(name.as_bytes()), "{name:?}");
        }
    }

    #[test]
    fn only_a_colon_makes_parts() {
        let read = |text: &'static str| {
            parts(text.as_bytes()).map(|(user, groups)| (user, groups.collect::<Vec<_>>()))
        };
        assert_eq!(read("root"), None);
        assert_eq!(read("a:b"), Some((&b"a"[..], vec![&b"b"[..]])));
        assert_eq!(read(":1:2:3"), Some((&b"1"[..], vec![&b"2"[..], b"3"])));
        assert_eq!(read(":1"), Some((&b"1"[..], vec![])));
        assert_eq!(read("::"), Some((&b""[..], vec![&b""[..]])));
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_harm(line: Vec<u8>, name: Vec<u8>) {
            let _ = (passwd_ids(&line), group_gid(&line), membership(&line, &name));
            let _ = (getent_ids(&line), is_of(&line, &name));
            let _ = parts(&line).map(|(_, groups)| groups.count());
        }

        #[test]
        fn every_id_is_read_from_its_line(uid in 0..u32::MAX, gid in 0..u32::MAX) {
            let line = format!("a:b:{uid}:{gid}:c:d:e");
            prop_assert_eq!(passwd_ids(line.as_bytes()), Some((uid, gid)));
        }
    }
}
