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
        let (uid, name) = match number(user) {
            Some(uid) => (uid, None),
            None => {
                let named = Self::named(OsStr::from_bytes(user))?.ok_or_else(unknown)?;
                (named.uid, named.name)
            }
        };
        Ok(Self { uid, gid, groups: ids, name })
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

fn ask(database: &str, name: &OsStr) -> Result<Vec<u8>, Unable> {
    let answer = getent::ask(database, name).or_else(|error| match error.kind() {
        // Without getent there are no other names than those in the files.
        ErrorKind::NotFound => Ok(Vec::new()),
        _ => Err(error),
    });
    answer.unable(format_args!("look up {} with getent", name.display()))
}

/// Whether getent would look for this name, and not take it for a number, a flag or a pattern of
/// its own: `getent passwd 0` is root's line, and so is that of `+0`.
fn may_be_asked(name: &[u8]) -> bool {
    let for_number = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_whitespace();
    let digits = name.trim_ascii_start();
    let digits = digits.strip_prefix(b"+").unwrap_or(digits);
    !name.starts_with(b"-")
        && !digits.iter().all(for_number)
        && !name.iter().any(|byte| matches!(byte, b':' | b'\n'))
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
