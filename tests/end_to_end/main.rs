//! svscan and supervise as a whole, with real processes: what keepup promises beyond daemontools.
//!
//! What the original promises as well is in `tests/compliance`, where it is tried on both.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod adoption;
mod crash;
mod fallback;
mod finish;
mod glance;
mod hostile;
mod life;
mod limits;
mod process_one;
mod readiness;
mod scan;
mod soak;
mod start;
mod stop;
mod succession;
mod survivors;
mod trouble;

use support::{Pair, Sandbox, Suite};

/// A sandbox for our own programs.
fn sandbox() -> Sandbox {
    Sandbox::new(Pair { tools: Suite::Ours, daemon: Suite::Ours })
}
