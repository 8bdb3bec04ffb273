//! The logger's tools against Debian's package `daemontools`: the same test on both.
//!
//! Where the package is missing, its half says SKIPPED; `KEEPUP_REQUIRE_THEIRS=1` makes that a
//! failure. What ours does otherwise on purpose is tested in `ours_only.rs`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

/// Runs each named function, a test of a [`suite::Suite`], on theirs and on ours.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod theirs {
            $(#[test]
            fn $name() {
                if let Some(suite) = crate::suite::Suite::theirs() {
                    super::$name(&suite);
                }
            })*
        }
        mod ours {
            $(#[test]
            fn $name() {
                super::$name(&crate::suite::Suite::ours());
            })*
        }
    };
}

mod actions;
mod disks;
mod faults;
mod filters;
mod killed;
mod lines;
mod mixed;
mod ours_only;
mod processors;
mod recovery;
mod rotation;
mod settings;
mod signals;
mod suite;
mod trouble;
