//! The real loop in a machine that is played: everything from the command line to the system calls
//! is ntpd's own; oscillator, kernel's clock, network, servers, name service and the programs
//! around a step are those of a `World`, in which hours pass in milliseconds.
//!
//! `life` begins an ntpd there and goes on with it; `machine` is the machine of `super::machine`,
//! `timekeeping` its adjtimex. `judge` sees to it that no life, whatever happens in it, does what
//! ntpd must never do. `stories` are told one by one, `lives` by chance, `opponent` answers as
//! somebody would who means harm.

#[path = "../../../crates/ntp/tests/world/chance.rs"]
mod chance;
#[expect(dead_code, reason = "those of crates/ntp use the rest")]
#[path = "../../../crates/ntp/tests/world/clockwork.rs"]
mod clockwork;
mod crowds;
mod judge;
mod life;
mod lives;
mod machine;
mod opponent;
#[path = "../../../crates/ntp/tests/world/server.rs"]
mod server;
mod stories;
mod timekeeping;
mod world;
