//! In which order the files of a log directory were written, and what comes after one that was
//! being read.
//!
//! The names of old files rise in the order in which they were ended: keepup's multilog sees to it
//! also where the clock goes back. `previous` is on its way to its name, and `current` is last.

use std::time::Duration;

use logger::{CURRENT, PREVIOUS, PROCESSED};
use tai::{LABEL_LEN, Stamp};

/// What a directory says of one of its files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name.
    pub name: Vec<u8>,
    /// Its number on the file system: names come and go, this stays.
    pub inode: u64,
}

/// A line gets its stamp when it is read, and a file may be ended before it is written, and be
/// processed: a file may so have lines that are older than its beginning, though hardly so much.
const HELD_BACK_MAX: Duration = Duration::from_hours(1);

/// A file of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name and number.
    pub entry: Entry,
    /// When it was ended; no file but an old one has a label.
    pub label: Option<Stamp>,
    /// The label of the file before: when it was begun.
    pub began: Option<Stamp>,
}

impl Part {
    /// It may end within a line, and the next does not go on with that.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.entry.name.ends_with(b".u")
    }

    /// It is still being written.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.entry.name == CURRENT.as_bytes()
    }

    /// All of its lines are of `until` or later, as far as the labels tell. Where the clock has
    /// gone back they tell nothing: then they follow one another by a nanosecond.
    #[must_use]
    pub fn is_after(&self, until: Stamp) -> bool {
        let unix = |stamp: Option<Stamp>| stamp.and_then(Stamp::to_unix);
        let (Some(began), Some(label)) = (unix(self.began), unix(self.label)) else { return false };
        let is_of_clock = label.checked_sub(began).is_some_and(|length| length.as_nanos() > 1);
        is_of_clock && until.to_unix().is_some_and(|until| began >= until + HELD_BACK_MAX)
    }

    fn is_old(&self) -> bool {
        is_old(&self.entry.name)
    }
}

/// The files of the log among the names of a directory, in the order in which they were written.
#[must_use]
pub fn in_order(mut entries: Vec<Entry>) -> Vec<Part> {
    entries.sort_unstable();
    let find = |name: &str| entries.iter().find(|entry| entry.name == name.as_bytes());
    let known = |wanted: &&Entry| {
        // A file that is getting its label has two names.
        !entries.iter().any(|entry| is_old(&entry.name) && entry.inode == wanted.inode)
    };
    // What the processor has made is all there is of a file once `previous` is gone.
    let on_its_way = find(PREVIOUS).or_else(|| find(PROCESSED)).filter(known);
    let names = entries.iter().filter(|entry| is_old(&entry.name));
    let mut began = None;
    let parts = names.chain(on_its_way).chain(find(CURRENT)).map(|entry| {
        let label = Stamp::parse_label(&entry.name);
        let part = Part { entry: entry.clone(), label, began };
        began = label.or(began);
        part
    });
    parts.collect()
}

/// multilog's own rule: `@` and a name as long as a label.
fn is_old(name: &[u8]) -> bool {
    name.len() >= LABEL_LEN && name.first() == Some(&b'@')
}

/// Where lines of `since` or later begin: the first file that was ended then or later. A file says
/// nothing of the lines in those before, where a clock was ahead and was set back within one.
#[must_use]
pub fn position_of(parts: &[Part], since: Stamp) -> usize {
    parts.iter().position(|part| part.label.is_none_or(|label| label >= since)).unwrap_or(0)
}

/// The file that was read last, as its directory was when it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Last {
    /// Its number; it is held open, so no other file can get it.
    pub inode: u64,
    /// The latest old file there was.
    pub newest: Vec<u8>,
    /// Files that were read and had no label yet, this one among them.
    pub unlabelled: usize,
}

impl Last {
    /// `part` is read next, of a directory that has `parts`.
    #[must_use]
    pub fn new(part: &Part, parts: &[Part]) -> Self {
        let at =
            parts.iter().position(|it| it.entry == part.entry).map_or(parts.len(), |at| at + 1);
        let read = parts.get(..at).unwrap_or_default();
        let newest = read.iter().rev().find(|part| part.is_old());
        Self {
            inode: part.entry.inode,
            newest: newest.map_or_else(Vec::new, |part| part.entry.name.clone()),
            unlabelled: read.iter().filter(|part| !part.is_old()).count(),
        }
    }
}

/// What of a directory's `parts` was written after the last file, oldest first.
///
/// Where that has gone, a processor has made another file of it, or it was pruned; `is_made_of`
/// says whether a file is made of it. Gives also whether files that were not read may have been
/// pruned as well.
pub fn parts_after(
    parts: &[Part],
    last: &Last,
    mut is_made_of: impl FnMut(&Part) -> bool,
) -> (Vec<Part>, bool) {
    if let Some(at) = parts.iter().position(|part| part.entry.inode == last.inode) {
        return (parts.get(at + 1..).unwrap_or_default().to_vec(), false);
    }
    let after = parts.partition_point(|part| part.is_old() && part.entry.name <= last.newest);
    let newer = parts.get(after..).unwrap_or_default();
    let has_passed = |part: &&Part| part.is_old() || part.entry.name == PROCESSED.as_bytes();
    let read = newer.iter().take(last.unlabelled).take_while(has_passed);
    let read: Vec<&Part> = read.collect();
    // The oldest is pruned first, so where one that is older is left, these are as well.
    let skipped = if after > 0 {
        read.len()
    } else {
        read.iter().rposition(|part| is_made_of(part)).map_or(0, |at| at + 1)
    };
    let gap = after == 0 && skipped == 0 && *last != Last::default();
    (newer.get(skipped..).unwrap_or_default().to_vec(), gap && !newer.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(number: u64) -> Vec<u8> {
        format!("@{number:024x}.s").into_bytes()
    }

    fn entry(name: &[u8], inode: u64) -> Entry {
        Entry { name: name.to_vec(), inode }
    }

    fn inodes(parts: &[Part]) -> Vec<u64> {
        parts.iter().map(|part| part.entry.inode).collect()
    }

    #[test]
    fn old_files_come_first_then_previous_then_current() {
        let entries = vec![
            entry(b"current", 9),
            entry(b"lock", 90),
            entry(b"@short", 91),
            entry(b"previous", 8),
            entry(b"processed", 92),
            entry(&name(2), 2),
            entry(b"state", 93),
            entry(b"@000000000000000000000001.u", 1),
        ];
        let parts = in_order(entries);
        assert_eq!(inodes(&parts), [1, 2, 8, 9]);
        assert!(parts[0].is_cut_off() && !parts[1].is_cut_off() && parts[3].is_current());
        assert_eq!(parts[1].began, parts[0].label);
        assert_eq!(parts[3].began, parts[1].label);
    }

    #[test]
    fn a_file_with_two_names_is_one_and_what_was_processed_stands_for_what_it_was_made_of() {
        let parts = in_order(vec![entry(b"previous", 5), entry(&name(1), 5), entry(b"current", 6)]);
        assert_eq!(inodes(&parts), [5, 6]);
        let parts = in_order(vec![entry(b"processed", 5), entry(b"current", 6)]);
        assert_eq!(inodes(&parts), [5, 6]);
        let parts = in_order(vec![entry(b"processed", 5), entry(&name(1), 5)]);
        assert_eq!(inodes(&parts), [5]);
    }

    #[test]
    fn a_time_is_in_the_first_file_that_was_ended_then_or_later() {
        let stamp = |number| Stamp::parse_label(&name(number)).unwrap();
        let parts = in_order(vec![entry(&name(10), 1), entry(&name(20), 2), entry(b"current", 3)]);
        let positions = [5, 10, 11, 20, 21].map(|number| position_of(&parts, stamp(number)));
        assert_eq!(positions, [0, 0, 1, 1, 2]);
    }

    #[test]
    fn a_file_is_after_a_time_unless_its_label_was_not_read_from_the_clock() {
        let stamp = |secs| Stamp::from_unix(std::time::Duration::from_secs(secs));
        let old = |secs: u64, nanos: u64| {
            entry(format!("@{:016x}{nanos:08x}.s", stamp(secs).secs()).as_bytes(), secs * 9 + nanos)
        };
        let parts = in_order(vec![old(5000, 0), old(5000, 1), old(9000, 0), entry(b"current", 1)]);
        let after = parts.iter().map(|part| part.is_after(stamp(5))).collect::<Vec<_>>();
        assert_eq!(after, [false, false, true, false]);
        assert!(parts[2].is_after(stamp(1400)) && !parts[2].is_after(stamp(1401)));
    }

    /// A log directory with a multilog at work, which makes a file of each number.
    #[derive(Debug, Default)]
    struct Directory {
        entries: Vec<Entry>,
        made: u64,
        current: u64,
        processes: bool,
        /// Which file each inode has the lines of.
        content: Vec<u64>,
    }

    impl Directory {
        fn inode(&mut self, of: u64) -> u64 {
            self.content.push(of);
            self.content.len() as u64 - 1
        }

        fn begin(&mut self) {
            self.current += 1;
            let inode = self.inode(self.current);
            self.entries.push(entry(b"current", inode));
        }

        fn take(&mut self, name: &[u8]) -> Option<u64> {
            let at = self.entries.iter().position(|entry| entry.name == name)?;
            Some(self.entries.remove(at).inode)
        }

        /// A part of a rotation: `current` is given away, processed, gets a label; the oldest go.
        fn step(&mut self, keep: usize) {
            if let Some(inode) = self.take(b"processed") {
                self.label(inode, keep);
            } else if let Some(inode) = self.take(b"previous") {
                if self.processes {
                    let inode = self.inode(self.content[usize::try_from(inode).unwrap()]);
                    self.entries.push(entry(b"processed", inode));
                } else {
                    self.label(inode, keep);
                }
            } else if let Some(inode) = self.take(b"current") {
                self.entries.push(entry(b"previous", inode));
                self.begin();
            }
        }

        fn label(&mut self, inode: u64, keep: usize) {
            self.made += 1;
            self.entries.push(entry(&name(self.made), inode));
            let mut old: Vec<Entry> =
                self.entries.iter().filter(|entry| is_old(&entry.name)).cloned().collect();
            old.sort();
            old.truncate(old.len().saturating_sub(keep));
            self.entries.retain(|entry| !old.contains(entry));
        }

        fn contents(&self, parts: &[Part]) -> Vec<u64> {
            let of = |inode: u64| self.content[usize::try_from(inode).unwrap()];
            parts.iter().map(|part| of(part.entry.inode)).collect()
        }
    }

    proptest! {
        /// A reader that looks now and then reads each file that is still there once, in order.
        #[test]
        fn each_file_is_read_once_however_often_they_change_names(
            steps in proptest::collection::vec(0usize..6, 1..20), keep in 1usize..12,
            processes: bool,
        ) {
            let mut directory = Directory { processes, ..Directory::default() };
            directory.begin();
            let parts = in_order(directory.entries.clone());
            let mut last = Last::new(parts.last().unwrap(), &parts);
            let mut read = directory.contents(&parts);
            for count in steps {
                (0..count).for_each(|_| directory.step(keep));
                let there = in_order(directory.entries.clone());
                let of_last = *read.last().unwrap();
                let made_of =
                    |part: &Part| directory.contents(std::slice::from_ref(part)) == [of_last];
                let (after, gap) = parts_after(&there, &last, made_of);
                let expected: Vec<u64> =
                    directory.contents(&there).into_iter().filter(|it| *it > of_last).collect();
                prop_assert_eq!(directory.contents(&after), &expected[..]);
                let lost = expected.first().is_some_and(|first| *first > of_last + 1);
                prop_assert!(gap || !lost, "{:?} after {}", expected, of_last);
                if let Some(newest) = after.last() {
                    last = Last::new(newest, &there);
                    read.extend(expected);
                }
            }
        }
    }
}
