//! The bytes other programs rely on: `supervise/status`, the letters of `supervise/control`, the
//! words of svstat, and the names of the files in a service directory.
//!
//! Pure: nothing here opens a file. `docs/contracts.md` shows each byte with a real hexdump.

pub mod control;
pub mod layout;
pub mod remarks;
pub mod state;
pub mod status;
pub mod svscan;
pub mod svstat;

pub use control::Letter;
pub use status::{Status, Wish};
