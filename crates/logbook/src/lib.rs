//! A log directory read back: in which order its files were written, where in them a time is, what
//! a line is and how it is shown. `svlog` reads with it.
//!
//! The directories of multilog, s6-log and svlogd are alike enough to be read as one. Pure: what
//! is read is given, what is asked for is a value. `src/commands/svlog/` opens, reads, waits.

mod ahead;
mod bisect;
mod lines;
mod order;
mod search;
mod show;
mod stamped;
mod when;

pub use ahead::{ahead, last_label};
pub use bisect::{ReadAt, first_at};
pub use lines::{LINE_MAX, Lines, Piece};
pub use order::{Entry, Last, Part, in_order, parts_after, position_of};
pub use search::Search;
pub use show::{Form, Looks, Show, Shown};
pub use stamped::{Stamped, stamped};
pub use when::{parse as time, unix_of};
