//! What a supervisor decides, as machines that touch nothing.
//!
//! * [`life`] is one service: what the operator wants, what is so, and the one place where the two
//!   meet. It is driven by [`life::Service::step`], an event in and actions out.
//! * [`budget`] is how many restarts all services together may have, [`guard`] when the machine is
//!   too short of something for any start.
//! * [`census`] says when the processes of a service are counted where nothing else limits them.
//! * [`pacing`] says how long after its last start a service may start again.
//! * [`scan`] is svscan's set: which names of the scan directory are services, which are new, gone,
//!   renamed or none.
//! * [`time`] has the two clocks these run on, [`words`] what a service's machine hears and says.
//!
//! Pure: no clock, file, process or thread is named here. `now` is an argument, so that every story
//! can be told in a test, and told again.

pub mod budget;
pub mod census;
pub mod guard;
pub mod life;
pub mod pacing;
pub mod scan;
pub mod time;
pub mod words;

pub use life::Service;
pub use time::{Boottime, Monotonic, Now};
pub use words::{Action, End, Event, Fault, Pid, Signal};
