use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use contract::Wish;
use contract::state::{LastEnd, Phase};
use tempfile::TempDir;

use super::*;

fn dir() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    (dir, path)
}

fn identity(ino: u64) -> Identity {
    Identity { dev: 1, ino }
}

fn record(ino: u64, pid: u32) -> Record {
    Record {
        directory: (1, ino),
        phase: Phase::Up(pid),
        changed: Duration::from_secs(5),
        asked_for: Duration::from_secs(4),
        paced: Duration::from_secs(3),
        first_quick: Duration::ZERO,
        ready: Duration::ZERO,
        marker: 9,
        session: pid,
        quick_deaths: 2,
        want: Wish::Up,
        paused: false,
        asked: false,
        told: false,
        leaving: false,
        background: false,
        left_behind: false,
        given_up: false,
        end: LastEnd::None,
        shown: None,
    }
}

fn left(ledger: &Ledger, ino: u64) -> Option<Record> {
    ledger.left(identity(ino)).map(|left| left.record)
}

#[test]
fn what_was_noted_is_left_to_the_next_and_what_was_forgotten_is_not() {
    let (_dir, path) = dir();
    let mut ledger = Ledger::open(&path).unwrap();
    for round in 0..5 {
        for ino in 1..=3 {
            ledger.note(&record(ino, 100 * round + 10 + u32::try_from(ino).unwrap())).unwrap();
        }
    }
    ledger.forget(identity(2));
    let next = Ledger::open(&path).unwrap();
    assert_eq!(left(&next, 1), Some(record(1, 411)));
    assert_eq!(left(&next, 2), None);
    assert_eq!(left(&next, 3), Some(record(3, 413)));
    assert!(!next.damaged);
}

#[test]
fn what_is_noted_again_is_not_left_any_more() {
    let (_dir, path) = dir();
    Ledger::open(&path).unwrap().note(&record(1, 7)).unwrap();
    let mut next = Ledger::open(&path).unwrap();
    next.note(&record(1, 8)).unwrap();
    assert_eq!(left(&next, 1), None);
    assert_eq!(left(&Ledger::open(&path).unwrap(), 1), Some(record(1, 8)));
}

#[test]
fn a_record_that_was_freed_is_used_again_and_its_past_does_not_come_back() {
    let (_dir, path) = dir();
    let mut ledger = Ledger::open(&path).unwrap();
    for ino in 1..=20 {
        ledger.note(&record(ino, 7)).unwrap();
        ledger.note(&record(ino, 8)).unwrap();
        ledger.forget(identity(ino));
    }
    assert_eq!(ledger.used, 1);
    let mut next = Ledger::open(&path).unwrap();
    assert!((1..=20).all(|ino| left(&next, ino).is_none()));
    next.note(&record(21, 9)).unwrap();
    assert_eq!(left(&Ledger::open(&path).unwrap(), 21), Some(record(21, 9)));
}

#[test]
fn it_grows_with_the_services_and_holds_them_all() {
    let (_dir, path) = dir();
    let mut ledger = Ledger::open(&path).unwrap();
    let many = u64::try_from(3 * STEP).unwrap();
    for ino in 1..=many {
        ledger.note(&record(ino, u32::try_from(ino).unwrap())).unwrap();
        assert!(ledger.birth(identity(ino)).is_some(), "{ino}");
    }
    assert!(ledger.has_all((1..=many).map(identity)));
    let next = Ledger::open(&path).unwrap();
    assert!(
        (1..=many)
            .all(|ino| { left(&next, ino) == Some(record(ino, u32::try_from(ino).unwrap())) })
    );
}

#[test]
fn what_has_not_changed_is_not_written() {
    let (_dir, path) = dir();
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.note(&record(1, 7)).unwrap();
    fs::write(&path, "").unwrap();
    ledger.note(&record(1, 7)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"");
    ledger.note(&record(1, 8)).unwrap();
    assert!(!fs::read(&path).unwrap().is_empty());
}

#[test]
fn another_world_has_left_nothing_and_what_cannot_be_read_is_said() {
    let (_dir, path) = dir();
    Ledger::open(&path).unwrap().note(&record(1, 7)).unwrap();
    let bytes = fs::read(&path).unwrap();
    let own = World::decode(&bytes).unwrap();
    let others = [
        World { boot: [0xab; 16], ..own },
        World { pid_namespace: own.pid_namespace + 1, ..own },
        World { time_namespace: own.time_namespace + 1, ..own },
    ];
    for other in others {
        let mut bytes = bytes.clone();
        bytes[..LEN].copy_from_slice(&other.encode(0));
        fs::write(&path, &bytes).unwrap();
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!((left(&ledger, 1), ledger.damaged), (None, false), "{other:?}");
        assert_eq!(World::decode(&fs::read(&path).unwrap()), Some(own));
    }
    let mut damaged = bytes.clone();
    damaged[20] ^= 1;
    for bytes in [&damaged, &bytes[..100].to_vec(), &b"garbage".to_vec()] {
        fs::write(&path, bytes).unwrap();
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!((left(&ledger, 1), ledger.damaged), (None, true));
    }
}

#[test]
fn a_file_that_ends_in_the_middle_of_a_record_has_left_the_ones_before() {
    let (_dir, path) = dir();
    let mut ledger = Ledger::open(&path).unwrap();
    for ino in 1..=3 {
        ledger.note(&record(ino, 7)).unwrap();
    }
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..3 * LEN + 40]).unwrap();
    let mut next = Ledger::open(&path).unwrap();
    assert_eq!([1, 2, 3].map(|ino| left(&next, ino).is_some()), [true, true, false]);
    next.note(&record(3, 8)).unwrap();
    let last = Ledger::open(&path).unwrap();
    assert_eq!(left(&last, 2), Some(record(2, 7)));
    assert_eq!(left(&last, 3), Some(record(3, 8)));
}

#[test]
fn without_a_file_everything_is_quietly_forgotten() {
    let mut ledger = Ledger::default();
    ledger.note(&record(1, 7)).unwrap();
    ledger.forget(identity(1));
    assert!(ledger.birth(identity(1)).is_none());
    assert!(!ledger.has_all([identity(1)].into_iter()));
}

#[test]
fn a_supervise_alone_is_read_where_it_left_its_file() {
    let (dir, path) = dir();
    Ledger::open(&path).unwrap().note(&record(1, 7)).unwrap();
    let found = Ledger::left_in(&path, identity(1)).map(|left| left.record);
    assert_eq!(found, Some(record(1, 7)));
    assert!(Ledger::left_in(&path, identity(2)).is_none());
    assert!(Ledger::left_in(&dir.path().join("none"), identity(1)).is_none());
    assert!(!dir.path().join("none").exists());
}
