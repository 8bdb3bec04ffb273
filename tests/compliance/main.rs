//! What scripts and operators rely on, as daemontools does it: each test runs against daemontools
//! as Debian packages it and against keepup, and must pass on both.
//!
//! A test that is not yet true of ours says so by `expect_failure_on_ours`, and must fail there.
//! What is meant to differ stands in `docs/differences.md` and is not tested here.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod chain;
mod envdir;
mod envuidgid;
mod exec_rule;
mod fghack;
mod harness;
mod mixed;
mod mixed_states;
mod pgrphack;
mod readproctitle;
mod setlock;
mod setuidgid;
mod softlimit;
mod supervise;
mod supervise_run;
mod svc;
mod svok;
mod svscan;
mod svscan_log;
mod svscanboot;
mod svstat;
