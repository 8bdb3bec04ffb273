//! The kernel notes a child in a file before the child runs.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod bench;

use bench::{Bench, WAYS, c_path, end, identity, turn};
use sys::mapped::Mapped;
use sys::spawn::{Started, Step};

#[test]
fn a_child_is_noted_in_the_file_both_ways() {
    let _turn = turn();
    for way in WAYS {
        let mut bench = Bench::with_script("exit 0");
        let mut mapped = Mapped::open(&bench.path("state")).unwrap();
        mapped.reserve(4096).unwrap();
        let (dir, known) = (c_path(&bench.path("")), identity(&bench.path("")));
        let steps = [Step::Enter(dir.clone().into(), known)];
        let birth = mapped.birth(124);
        let started = bench.start(way, &steps, birth);
        let started = started.unwrap();
        let (Started::Runs(pid) | Started::Forked(pid, _)) = started;
        end(started).unwrap();
        let bytes = std::fs::read(bench.path("state")).unwrap();
        assert_eq!(bytes[124..128], pid.to_le_bytes(), "{way:?}");
        assert!(bytes[..124].iter().chain(&bytes[128..]).all(|byte| *byte == 0), "{way:?}");
    }
}

#[test]
fn a_child_is_started_even_where_the_file_was_cut_short() {
    let _turn = turn();
    for way in WAYS {
        let mut bench = Bench::with_script("exit 0");
        let mut mapped = Mapped::open(&bench.path("state")).unwrap();
        mapped.reserve(4096).unwrap();
        std::fs::write(bench.path("state"), "").unwrap();
        let (dir, known) = (c_path(&bench.path("")), identity(&bench.path("")));
        let steps = [Step::Enter(dir.clone().into(), known)];
        let birth = mapped.birth(124);
        let started = bench.start(way, &steps, birth);
        end(started.unwrap()).unwrap();
        assert_eq!(std::fs::read(bench.path("state")).unwrap(), b"", "{way:?}");
    }
}
