//! What tests with real processes share: who is tested, where, and how a test is judged.
//!
//! A test is a function that takes a [`Sandbox`]. The macros at the end of this file run it against
//! daemontools as Debian packages it (`theirs`), against keepup (`ours`), and against our tools
//! with their daemon and the other way round: what a test says is true of the original, or the test
//! is wrong.
#![allow(dead_code, unused_imports, unused_macros, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod fake;
mod proc;
mod sandbox;
mod service;
mod suite;

use std::cell::Cell;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::time::{Duration, Instant};

pub(crate) use fake::Fake;
pub(crate) use proc::{
    fork_ticks, is_alive, is_root, is_stopped, parent, ticks_per_second, uptime_ticks,
};
pub(crate) use sandbox::{Daemon, Ran, Sandbox, code_of};
pub(crate) use service::{REST, Service, seconds, stamp};
pub(crate) use suite::{Pair, Suite};

/// How long a test waits for what must happen: far beyond the 5 s between two looks of the
/// original's svscan, for a machine that runs much else and is slow besides.
pub(crate) const DEADLINE: Duration = Duration::from_mins(3);

/// How often a condition is looked at.
pub(crate) const GLANCE: Duration = Duration::from_millis(5);

/// How long a test watches that something does not happen: more than the second between two
/// starts. On a slow machine it may see less than there is, never more.
pub(crate) const WATCH: Duration = Duration::from_millis(1500);

/// Whether `holds` came true before the deadline.
pub(crate) fn comes_true(deadline: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if holds() {
            return true;
        }
        if start.elapsed() > deadline {
            return false;
        }
        std::thread::sleep(GLANCE);
    }
}

thread_local! {
    /// Why the test of this thread is expected to fail.
    static EXPECTED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Runs `test` in a sandbox of its own, unless `pair` cannot be tested here.
pub(crate) fn run(pair: Pair, test: fn(&Sandbox)) {
    if let Some(why) = pair.missing() {
        return skipped(why);
    }
    EXPECTED.set(None);
    let outcome = catch_unwind(AssertUnwindSafe(|| test(&Sandbox::new(pair))));
    match (outcome, EXPECTED.take()) {
        (Ok(()), None) => {}
        (Err(panic), None) => resume_unwind(panic),
        (Err(_), Some(why)) => println!("failed as expected: {why}"),
        (Ok(()), Some(why)) => panic!("this passes; take the mark away: {why}"),
    }
}

/// Says so once for each reason, past the harness that keeps what passing tests print.
pub(crate) fn skipped(why: &'static str) {
    static SAID: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    let mut said = SAID.lock().unwrap();
    if !said.contains(&why) {
        said.push(why);
        let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
    }
}

/// Tests of one suite against itself.
macro_rules! each_suite {
    ($($test:ident),+ $(,)?) => { $crate::support::tests! { $($test),+;
        theirs: Theirs Theirs, ours: Ours Ours,
    } };
}

/// Tests of every tool against every daemon.
macro_rules! each_pair {
    ($($test:ident),+ $(,)?) => { $crate::support::tests! { $($test),+;
        theirs: Theirs Theirs, ours: Ours Ours, our_tools: Ours Theirs, our_daemon: Theirs Ours,
    } };
}

/// Tests of our tools where ours means to be better than the original: `docs/differences.md`.
macro_rules! only_ours {
    ($($test:ident),+ $(,)?) => { $crate::support::tests! { $($test),+;
        only_ours: Ours Ours,
    } };
}

macro_rules! tests {
    ($($test:ident),+; $($name:ident: $tools:ident $daemon:ident,)+) => {
        $crate::support::tests! { @each [$($test),+]; $($name: $tools $daemon,)+ }
    };
    (@each $tests:tt; $($name:ident: $tools:ident $daemon:ident,)+) => {
        $($crate::support::tests! { @one $tests; $name: $tools $daemon })+
    };
    (@one [$($test:ident),+]; $name:ident: $tools:ident $daemon:ident) => {
        mod $name {
            $(#[test]
            fn $test() {
                let pair = $crate::support::Pair {
                    tools: $crate::support::Suite::$tools,
                    daemon: $crate::support::Suite::$daemon,
                };
                $crate::support::run(pair, super::$test);
            })+
        }
    };
}

pub(crate) use {each_pair, each_suite, only_ours, tests};
