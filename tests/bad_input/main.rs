//! What nobody should do to a program, done to each of them: it ends in time, with an exit code of
//! ours and a sentence, or it goes on and still hears TERM.
//!
//! A table of programs (`programs.rs`), tables of mischief (`arguments.rs`, `files.rs`,
//! `surroundings.rs`), one judge (`judge.rs`). ntpd never gets what could make it set the clock,
//! svscanboot never what would make it look for `/service`.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod arguments;
mod files;
mod judge;
mod place;
mod programs;
mod surroundings;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use place::Run;

/// So many runs at a time for each table: they mostly wait.
const AT_A_TIME: usize = 4;

/// Tries every run, and fails with all that the judge has to say.
#[track_caller]
fn try_all(runs: &[Run]) {
    assert!(!runs.is_empty());
    let (next, complaints) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(complaint) = judge::judge(run, &run.outcome()) {
                        complaints.lock().unwrap().push(format!("{run}: {complaint}"));
                    }
                }
            });
        }
    });
    let complaints = complaints.into_inner().unwrap();
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
