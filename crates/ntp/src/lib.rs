//! NTP's packets and decisions, without a clock, a network or a name service.
//!
//! The program around it (`src/ntpd`) reads clocks and sockets and hands over what it saw, with the
//! instant at which it saw it; what is to be done comes back as data. So everything here can be run
//! in a simulated world, and is (`tests/`). From the wire up:
//!
//! [`time`] keeps three time scales apart. [`packet`] reads and writes the 48 bytes. [`answer`]
//! judges whether an answer is one, and measures. [`bank`] and [`filter`] make an estimate of a
//! server's clock out of samples, with what `slope` knows of the way to it. [`source`] asks one
//! server in good time and hears it out.
//! [`select`] lets the servers vote. [`discipline`] decides what an offset deserves. [`watch`] sees
//! others move our clock. [`client`] ties all of this together; [`config`] reads ntp.conf,
//! [`server`] answers others.
//!
//! What is to come has its place already: authenticated answers in [`answer`], leap seconds in
//! [`discipline`].

pub mod answer;
pub mod bank;
mod budget;
pub mod client;
pub mod config;
pub mod discipline;
pub mod filter;
pub mod packet;
pub mod select;
pub mod server;
mod slope;
pub mod source;
pub mod time;
pub mod watch;
