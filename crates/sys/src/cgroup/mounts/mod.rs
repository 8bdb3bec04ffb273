//! Where control groups are to be seen, read from /proc/self/mountinfo and /proc/self/cgroup.
//!
//! Bytes in, paths out: what is found here is not yet known to be there.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

/// A mount of a hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// The group that the mount point shows.
    pub(super) root: PathBuf,
    /// Where it is mounted.
    pub(super) point: PathBuf,
    /// Which hierarchy.
    pub(super) kind: Kind,
}

/// A hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Version 2, of which there is only one.
    Unified,
    /// A hierarchy of version 1, with these controllers among its options.
    V1(Vec<String>),
}

/// Every mount of a hierarchy that can be seen, the latest first: it may hide an earlier one.
pub(super) fn mounts(mountinfo: &[u8]) -> Vec<Mount> {
    let mut found: Vec<Mount> = Vec::new();
    for mount in mountinfo.split(|byte| *byte == b'\n').rev().filter_map(mount) {
        if !found.iter().any(|later| later.point == mount.point) {
            found.push(mount);
        }
    }
    found
}

/// `31 23 0:38 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate`: the number
/// of words before the hyphen varies.
fn mount(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let root = words.nth(3)?;
    let point = words.next()?;
    words.next()?;
    let mut rest = words.skip_while(|word| *word != b"-").skip(1);
    let kind = match rest.next()? {
        b"cgroup2" => Kind::Unified,
        b"cgroup" => Kind::V1(options(rest.nth(1)?)),
        _ => return None,
    };
    Some(Mount { root: path(unescaped(root)), point: path(unescaped(point)), kind })
}

fn options(words: &[u8]) -> Vec<String> {
    let words = words.split(|byte| *byte == b',');
    words.filter_map(|word| std::str::from_utf8(word).ok().map(str::to_owned)).collect()
}

/// Blanks and the like are written as `\040`: a backslash and three octal digits.
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [first, more @ ..] = rest {
        let (byte, left) = match more {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', left @ ..] if *first == b'\\' => {
                ((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), left)
            }
            _ => (*first, more),
        };
        bytes.push(byte);
        rest = left;
    }
    bytes
}

fn path(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

/// Which group a process is in, by its /proc/PID/cgroup: in version 2 where `controller` is `None`,
/// else in the hierarchy of version 1 that has this controller. As seen from the reader's
/// namespace: `/../a` is outside of it.
pub(super) fn own_path(cgroup: &[u8], controller: Option<&str>) -> Option<PathBuf> {
    cgroup.split(|byte| *byte == b'\n').find_map(|line| {
        let mut words = line.splitn(3, |byte| *byte == b':');
        let (number, controllers, own) = (words.next()?, words.next()?, words.next()?);
        let is_it = match controller {
            None => number == b"0" && controllers.is_empty(),
            Some(wanted) => options(controllers).iter().any(|one| one == wanted),
        };
        (is_it && own.starts_with(b"/")).then(|| path(own.to_vec()))
    })
}

/// Where a mount shows a group; `None` where the group lies outside what it shows.
pub(super) fn shown_at(mount: &Mount, own: &Path) -> Option<PathBuf> {
    let below = own.strip_prefix(&mount.root).ok()?;
    let is_inside = below.components().all(|part| matches!(part, Component::Normal(_)));
    // No slash at the end where it is the mount point itself.
    let shown = mount.point.components().chain(below.components()).collect();
    is_inside.then_some(shown)
}

#[cfg(test)]
mod tests;
