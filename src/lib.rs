//! What the two programs are made of, for their `main`s and for what is written from their flag
//! tables: man pages, completions, tests.

pub mod commands;
pub mod ending;
pub mod ntpd;
mod service_dir;
