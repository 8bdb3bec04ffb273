//! stub
pub mod answer;
pub mod bank;
pub mod config;
pub mod discipline;
pub mod filter;
pub mod packet;
pub mod select;
pub mod server;
pub mod source;
pub mod time;
pub mod watch;
