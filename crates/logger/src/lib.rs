//! The logger's decisions: what multilog's script means, which lines go where, when a log file is
//! full, what to do with the files of a log directory. `tai64n` and `tai64nlocal` live here too.
//!
//! Pure: nothing here reads, writes or asks for the time. `src/commands/multilog/` does what is
//! decided here: it feeds a [`Sieve`] with what it read, cuts what comes out with a [`Fill`], and
//! performs the [`Step`]s of a rotation.

mod directory;
mod doubts;
mod fill;
mod intent;
mod iso;
mod limit;
mod local;
mod prefix;
mod script;
mod select;
mod settings;
mod sieve;
mod stamp;
mod stamps;
mod visible;

pub use directory::{
    CURRENT, Code, LOCK, MODE_MADE, NEWSTATE, Oldest, PREVIOUS, PROCESSED, Progress, STATE, Step,
    WHOLE, label_of_unfinished, processing, recovery, rotation,
};
pub use doubts::doubts;
pub use fill::{Fill, Piece, Room};
pub use intent::{INTENT, INTENT_MAX, Intent, Line, MARK_AT, Repair, Scene, repair, was_taken};
pub use iso::{KeptZone, Stamping};
pub use limit::{Rate, lines_are};
pub use local::{Civil, LocalClock, Localizer, Zone, push_nanos};
pub use prefix::Prefixer;
pub use script::{Action, LogSpec, Script};
pub use select::{MATCHED_MAX, Pattern};
pub use settings::{Full, ReadTime, Settings};
pub use sieve::{Outputs, STATUS_LEN, Sieve};
pub use stamp::{Labels, PREFIX_LEN, Prefix};
pub use stamps::Stamps;

/// How many bytes there are up to the first line end, with it.
#[must_use]
pub fn line_end(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', bytes).map(|at| at + 1)
}
