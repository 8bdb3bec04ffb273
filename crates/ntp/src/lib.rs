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
//! others move our clock, [`rival`] sees them steer it. [`history`] remembers how far off it was.
//! [`client`] ties all of this together; [`config`] reads ntp.conf, [`server`] answers others:
//! those whom [`access`] lets ask, as often as [`limiter`] allows, with what [`interleave`]
//! remembers. [`leap`] knows of leap seconds.
//!
//! Whether a packet is of whom it should be is decided before it is judged: [`mac`] by a key that
//! both sides have ([`keys`] reads them), [`nts`] by what a handshake agreed on, both with the help
//! of a cipher that is not theirs; [`field`] finds what follows a header.

pub mod access;
pub mod answer;
pub mod bank;
mod budget;
pub mod client;
pub mod config;
pub mod discipline;
pub mod field;
pub mod filter;
pub mod history;
pub mod interleave;
pub mod keys;
pub mod leap;
pub mod limiter;
pub mod mac;
pub mod nts;
pub mod packet;
pub mod rival;
pub mod select;
pub mod server;
mod slope;
pub mod source;
pub mod time;
pub mod watch;
