//! What is wrong with a service directory, and how to mend it: judged from what was read of it.
//!
//! Pure: nothing here opens a file. `examine` looks, and svcheck says what both found; the
//! supervisor takes the same words for a start that failed ([`program`]) and for a service that
//! has put itself in the background ([`cure_for`]).

pub mod finding;
pub mod foreground;
pub mod locks;
pub mod people;
pub mod program;
pub mod scan;
pub mod script;
mod shell;

pub use finding::{Finding, Weight};
pub use foreground::cure_for;
