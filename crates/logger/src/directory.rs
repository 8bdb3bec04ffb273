//! The files of a log directory and what becomes of them (`multilog.c`: `restart`, `fullcurrent`,
//! `finish`, `filesfit`).
//!
//! A directory is always in a state from which the next run can go on, wherever this one ends:
//!
//! ```text
//! current    being written: mode 0644; after a clean end 0744
//! previous   a full current on its way to its label; 0744 once that is known to be safe on disk
//! processed  what the processor makes of an old file; daemontools: 0744 once whole and on disk
//! state      what the last processor wrote to descriptor 5; newstate: what this one writes
//! lock       held while a multilog runs
//! @LABEL.s   an old file, whole and safely on disk; the label says when it ended
//! @LABEL.u   an old file that an outage has cut off, or that waits for the processor; 0654 once it
//!            is what the processor made, and only its name is still to be changed
//! ```
//!
//! A file gets its label by link and unlink, so that a second name of the same file shows where an
//! outage came between, and no other file can be replaced.

use std::collections::BinaryHeap;

use tai::LABEL_LEN;

/// The log file that is being written.
pub const CURRENT: &str = "current";
/// A log file that is full.
pub const PREVIOUS: &str = "previous";
/// What a processor makes of `previous`.
pub const PROCESSED: &str = "processed";
/// What a processor is given on descriptor 4.
pub const STATE: &str = "state";
/// What a processor writes to descriptor 5.
pub const NEWSTATE: &str = "newstate";
/// Locked while a multilog runs here.
pub const LOCK: &str = "lock";

/// The bit of a file's mode that says it is whole and on disk: execute, for its owner.
pub const WHOLE: u32 = 0o100;

/// The mode of a file that a processor has made, until it has the name of a safe one: no logger
/// gives it to another file, and daemontools' takes such a `processed` for half a one.
pub const MODE_MADE: u32 = 0o654;

/// How many files a [`Oldest`] can name at once. More are only there after `n` was made much
/// smaller, and are named when it is asked again.
const NAMED_MAX: usize = 100;

/// The code of an old file: what is known about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// `s`: whole, processed, safely written.
    Safe,
    /// `u`: not processed yet, or being created at the moment of an outage.
    Unfinished,
}

impl Code {
    /// The last letter of the file's name.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Safe => 's',
            Self::Unfinished => 'u',
        }
    }
}

/// One thing to be done in a log directory. Each can be tried again until it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Write `current` to disk (fsync) before it loses its name.
    Sync,
    /// Rename the first to the second.
    Rename(&'static str, &'static str),
    /// Open `current` at its end, with mode 0644; make it where it is missing.
    Begin,
    /// Set the bit that says the file is whole.
    Whole(&'static str),
    /// Write this file to disk, made empty where it is missing.
    Flush(&'static str),
    /// Give `processed` the mode that says what it is, and write it to disk, made empty where it is
    /// missing.
    Made,
    /// Make this file empty, with mode 0644 where it is missing.
    Empty(&'static str),
    /// Where this file is there, give it a label with this code, then prune the old files.
    Label(&'static str, Code),
    /// Put `processed` in the place of the old file that it was made of.
    Replace,
    /// Give that file the code of a safe one.
    Safe,
    /// Remove this file where it is there.
    Remove(&'static str),
    /// Write the names in the directory to disk.
    SyncNames,
}

/// How an earlier run has left a log directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// `current` is there and says that it is whole.
    pub current_whole: bool,
    /// `processed` is there and says that it is whole.
    pub processed_whole: bool,
}

/// What to do before anything is written. Where the last run ended well, `current` is continued.
#[must_use]
pub const fn recovery(progress: Progress) -> &'static [Step] {
    match progress {
        Progress { current_whole: true, .. } => &[Step::Begin],
        Progress { processed_whole: true, .. } => &[
            Step::Remove(STATE),
            Step::Remove(NEWSTATE),
            Step::Remove(PREVIOUS),
            Step::Label(PROCESSED, Code::Safe),
            Step::Label(CURRENT, Code::Unfinished),
            Step::Empty(STATE),
            Step::Begin,
        ],
        Progress { processed_whole: false, .. } => &[
            Step::Remove(STATE),
            Step::Remove(NEWSTATE),
            Step::Remove(PROCESSED),
            Step::Label(PREVIOUS, Code::Unfinished),
            Step::Label(CURRENT, Code::Unfinished),
            Step::Empty(STATE),
            Step::Begin,
        ],
    }
}

/// What to do when `current` is full.
#[must_use]
pub const fn rotation(processor: bool) -> &'static [Step] {
    if processor {
        &[
            // There is none unless somebody put it there; a rename would replace it.
            Step::Label(PREVIOUS, Code::Unfinished),
            Step::Sync,
            Step::Rename(CURRENT, PREVIOUS),
            Step::Begin,
            Step::Whole(PREVIOUS),
            Step::Label(PREVIOUS, Code::Unfinished),
            Step::SyncNames,
        ]
    } else {
        &[
            Step::Label(PREVIOUS, Code::Unfinished),
            Step::Sync,
            Step::Rename(CURRENT, PREVIOUS),
            Step::Begin,
            Step::Whole(PREVIOUS),
            Step::Label(PREVIOUS, Code::Safe),
            Step::SyncNames,
        ]
    }
}

/// What to do when a processor has succeeded. The file has one name all the time; an outage leaves
/// it as it was, or processed with the code of one that was not, and then its mode tells.
#[must_use]
pub const fn processing() -> &'static [Step] {
    &[
        Step::Made,
        Step::Flush(NEWSTATE),
        Step::Replace,
        Step::Rename(NEWSTATE, STATE),
        Step::Safe,
        Step::SyncNames,
    ]
}

/// The label of an old file that waits for a processor: `@LABEL.u`.
#[must_use]
pub fn label_of_unfinished(name: &[u8]) -> Option<&str> {
    let label = name.strip_suffix(b".u")?;
    let digits = label.strip_prefix(b"@")?;
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (label.len() == LABEL_LEN && digits.iter().all(is_digit)).then(|| str::from_utf8(label).ok())?
}

/// Finds the old files to prune: shown every name in the directory, it names the oldest of the old
/// files that are too many. It holds a bounded number of names, however many there are.
#[derive(Debug)]
pub struct Oldest {
    keep: u64,
    total: u64,
    count: u64,
    bytes: u64,
    names: BinaryHeap<(Vec<u8>, u64)>,
}

impl Oldest {
    /// `keep` log files may stay, `current` among them, and `total` bytes of them.
    #[must_use]
    pub const fn new(keep: u64, total: Option<u64>) -> Self {
        let total = match total {
            Some(total) => total,
            None => u64::MAX,
        };
        Self { keep, total, count: 0, bytes: 0, names: BinaryHeap::new() }
    }

    /// Whether this is the name of an old file: `@` and as long as a label, whatever follows.
    #[must_use]
    pub fn is_old(name: &[u8]) -> bool {
        name.len() >= LABEL_LEN && name.first() == Some(&b'@')
    }

    /// Shows one name and the size of the file, which only counts where there is a limit of all
    /// sizes.
    pub fn show(&mut self, name: &[u8], size: u64) {
        if name == CURRENT.as_bytes() {
            self.bytes = self.bytes.saturating_add(size);
        }
        if !Self::is_old(name) {
            return;
        }
        self.count += 1;
        self.bytes = self.bytes.saturating_add(size);
        self.names.push((name.to_vec(), size));
        if self.names.len() > NAMED_MAX {
            self.names.pop();
        }
    }

    /// The names to remove, oldest first.
    #[must_use]
    pub fn names(self) -> Vec<Vec<u8>> {
        let (mut count, mut bytes) = (self.count, self.bytes);
        let too_much = |(name, size): (Vec<u8>, u64)| {
            let excess = count > self.keep.saturating_sub(1) || bytes > self.total;
            count -= 1;
            bytes = bytes.saturating_sub(size);
            excess.then_some(name)
        };
        self.names.into_sorted_vec().into_iter().map_while(too_much).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_clean_end_needs_no_recovery() {
        for processed_whole in [false, true] {
            assert_eq!(recovery(Progress { current_whole: true, processed_whole }), [Step::Begin]);
        }
    }

    #[test]
    fn what_was_processed_whole_is_safe_and_what_it_was_made_of_is_dropped() {
        let steps = recovery(Progress { current_whole: false, processed_whole: true });
        let gone = steps.iter().position(|step| *step == Step::Remove(PREVIOUS)).unwrap();
        assert_eq!(steps[gone + 1], Step::Label(PROCESSED, Code::Safe));
    }

    #[test]
    fn half_a_processed_file_is_dropped_and_what_it_was_made_of_is_kept() {
        let steps = recovery(Progress { current_whole: false, processed_whole: false });
        let gone = steps.iter().position(|step| *step == Step::Remove(PROCESSED)).unwrap();
        assert_eq!(steps[gone + 1], Step::Label(PREVIOUS, Code::Unfinished));
    }

    /// A directory as names and whether each file is whole, with where its content is.
    #[derive(Debug, Clone, Default)]
    struct World {
        files: Vec<(&'static str, bool)>,
        logged: u32,
    }

    impl World {
        fn has(&self, name: &str) -> Option<bool> {
            self.files.iter().find(|file| file.0 == name).map(|file| file.1)
        }

        fn put(&mut self, name: &'static str, whole: bool) {
            self.files.retain(|file| file.0 != name);
            self.files.push((name, whole));
        }

        fn step(&mut self, step: Step) {
            match step {
                Step::Sync | Step::Flush(_) | Step::Made | Step::SyncNames => {}
                Step::Rename(from, to) => {
                    let whole = self.has(from).expect("what is renamed is there");
                    assert!(to == STATE || self.has(to).is_none(), "{to} would be replaced");
                    self.files.retain(|file| file.0 != from);
                    self.put(to, whole);
                }
                Step::Begin => self.put(CURRENT, false),
                Step::Whole(name) => self.put(name, true),
                Step::Empty(name) => self.put(name, false),
                Step::Replace => {
                    assert!(self.has(PROCESSED) == Some(false) && self.has(NEWSTATE).is_some());
                    self.files.retain(|file| file.0 != PROCESSED);
                }
                Step::Safe => assert!(self.has(NEWSTATE).is_none()),
                Step::Label(name, code) => {
                    if let Some(whole) = self.has(name) {
                        assert!(whole || code == Code::Unfinished, "{name} is not safe");
                        self.files.retain(|file| file.0 != name);
                        self.logged += 1;
                    }
                }
                Step::Remove(name) => self.files.retain(|file| file.0 != name),
            }
        }

        /// Pieces of the log that are still there: `processed` and `previous` are the same piece.
        fn pieces(&self) -> u32 {
            let on_the_way = self.has(PREVIOUS).is_some() || self.has(PROCESSED) == Some(true);
            self.logged + u32::from(self.has(CURRENT).is_some()) + u32::from(on_the_way)
        }

        fn recover(&mut self) {
            let progress = Progress {
                current_whole: self.has(CURRENT) == Some(true),
                processed_whole: self.has(PROCESSED) == Some(true),
            };
            for step in recovery(progress) {
                self.step(*step);
            }
        }
    }

    #[test]
    fn wherever_an_outage_comes_recovery_loses_no_piece_and_the_next_rotation_works() {
        for processor in [false, true] {
            let steps = rotation(processor);
            for outage in 0..=steps.len() {
                let mut world = World::default();
                world.recover();
                for step in &steps[..outage] {
                    world.step(*step);
                }
                let before = world.pieces();
                world.recover();

                assert_eq!(world.logged, before, "{processor} {outage}: {world:?}");
                for step in rotation(processor) {
                    world.step(*step);
                }
                assert_eq!(world.has(PREVIOUS), None);
                assert_eq!(world.has(PROCESSED), None);
                assert_eq!(world.has(CURRENT), Some(false));
            }
        }
    }

    #[test]
    fn wherever_an_outage_comes_a_processed_file_is_there_once() {
        for outage in 0..=processing().len() {
            let mut world = World::default();
            world.recover();
            for step in rotation(true) {
                world.step(*step);
            }
            world.put(PROCESSED, false);
            world.put(NEWSTATE, false);
            let before = world.pieces();
            for step in &processing()[..outage] {
                world.step(*step);
            }
            world.recover();
            assert_eq!((world.logged, world.has(PROCESSED)), (before, None), "{outage}");
            assert_eq!((world.has(NEWSTATE), world.has(STATE)), (None, Some(false)));
        }
    }

    #[test]
    fn what_was_processed_is_on_disk_before_what_it_was_made_of_goes() {
        let at = |step| processing().iter().position(|is| *is == step);
        assert!(at(Step::Made) < at(Step::Replace) && at(Step::Replace) < at(Step::Safe));
        assert_eq!((at(Step::Made), at(Step::SyncNames)), (Some(0), Some(5)));
    }

    #[test]
    fn only_a_whole_label_with_its_code_waits_for_a_processor() {
        let label = "@400000003b4a39c23294b13c";
        assert_eq!(label_of_unfinished(format!("{label}.u").as_bytes()), Some(label));
        let others = [format!("{label}.s"), label.into(), format!("{label}0.u"), label.into()];
        for other in others.iter().map(String::as_str).chain(["@.u", "current", "", ".u"]) {
            assert_eq!(label_of_unfinished(other.as_bytes()), None, "{other}");
        }
        assert_eq!(label_of_unfinished(b"@40000000/b4a39c23294b13c.u"), None);
    }

    #[test]
    fn what_a_processor_made_is_told_from_what_it_is_made_of() {
        for mode in [0o600, 0o644, 0o644 | WHOLE] {
            assert_ne!(mode, MODE_MADE);
        }
        assert_eq!(MODE_MADE & WHOLE, 0, "not whole for daemontools' recovery");
    }

    #[test]
    fn a_file_is_on_disk_before_it_loses_its_name_and_the_names_are_at_the_end() {
        for processor in [false, true] {
            let steps = rotation(processor);
            let at = |step| steps.iter().position(|is| *is == step);
            assert!(at(Step::Sync) < at(Step::Rename(CURRENT, PREVIOUS)));
            assert!(at(Step::Sync).is_some());
            assert_eq!(steps.last(), Some(&Step::SyncNames));
        }
    }

    fn oldest(keep: u64, names: &[&str]) -> Vec<String> {
        let mut oldest = Oldest::new(keep, None);
        for name in names {
            oldest.show(name.as_bytes(), 1);
        }
        oldest.names().into_iter().map(|name| String::from_utf8(name).unwrap()).collect()
    }

    #[test]
    fn the_oldest_go_until_one_fewer_than_asked_for_stay() {
        let names = [
            "current",
            "@400000000000000c00000000.s",
            "@400000000000000a00000000.u",
            "@400000000000000b00000000.s",
            "@short",
            "lock",
        ];
        assert_eq!(oldest(4, &names), [""; 0]);
        assert_eq!(oldest(3, &names), [names[2]]);
        assert_eq!(oldest(2, &names), [names[2], names[3]]);
    }

    #[test]
    fn the_oldest_go_until_all_files_together_are_small_enough() {
        let names = ["@400000000000000a00000000.s", "@400000000000000b00000000.s", "current"];
        for (total, gone) in [(60, 0), (59, 1), (50, 1), (49, 2), (0, 2)] {
            let mut oldest = Oldest::new(10, Some(total));
            for (name, size) in names.iter().zip([10, 20, 30]) {
                oldest.show(name.as_bytes(), size);
            }
            assert_eq!(oldest.names().len(), gone, "{total}");
        }
    }

    #[test]
    fn any_name_as_long_as_a_label_counts() {
        let bare = "@400000000000000a00000000";
        let odd = "@xxxxxxxxxxxxxxxxxxxxxxxxx";
        assert_eq!(oldest(2, &[bare, odd]), [bare]);
        assert_eq!(oldest(2, &[&bare[..24], odd]), [""; 0]);
    }

    proptest! {
        #[test]
        fn of_many_names_the_smallest_are_named(
            seeds in proptest::collection::btree_set(any::<u32>(), 0..300), keep in 2u64..300,
        ) {
            let names: Vec<String> =
                seeds.iter().map(|nanos| format!("@400000000000000a{nanos:08x}.s")).collect();
            let mut shuffled: Vec<&str> = names.iter().map(String::as_str).collect();
            shuffled.sort_by_key(|name| name.bytes().rev().collect::<Vec<_>>());
            let excess = names.len().saturating_sub(usize::try_from(keep).unwrap() - 1);
            prop_assert_eq!(oldest(keep, &shuffled), &names[..excess.min(NAMED_MAX)]);
        }
    }
}
