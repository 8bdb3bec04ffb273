//! System calls, and the only unsafe code of the project.
//!
//! One file per concern; each unsafe block says why it holds. Everything else in the workspace
//! forbids unsafe code and comes here for what the standard library does not offer.

pub mod clock;
pub mod fifo;
pub mod localtime;
pub mod lock;
pub mod random;
pub mod tether;
pub mod timex;
pub mod udp;
pub mod wake;
