//! What the two programs are made of, for their `main`s and for what is written from their flag
//! tables: man pages, completions, tests.

mod accounts;
mod chain;
pub mod commands;
pub mod ending;
mod getent;
mod json;
pub mod ntpd;
mod service_dir;
