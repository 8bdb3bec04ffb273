//! svscan outlives its own crashes: it is executed anew in place, and adopts what it had. A row of
//! crashes is slowed down, and ends.

use std::io;
use std::panic;
use std::time::Duration;

use sys::limits;
use sys::reexec::Inherited;
use sys::revive::{self, CRASHES_MAX, Original};
use sys::signals;

use crate::process_one;
use crate::voice::Voice;

/// How long svscan waits before the third life in a row; then each time twice as long.
const PAUSE: Duration = Duration::from_secs(1);
/// Never longer: meanwhile nobody obeys a letter.
const PAUSE_MAX: Duration = Duration::from_secs(16);

/// How long to wait before one goes on after so many crashes.
fn pause(crashes: u32) -> Duration {
    match crashes.checked_sub(2) {
        None => Duration::ZERO,
        Some(more) => PAUSE.saturating_mul(1 << more.min(16)).min(PAUSE_MAX),
    }
}

/// Waits as long as the crashes before us ask for. Process 1 supervises nothing for a while after
/// too many; anybody else has ended.
pub(crate) fn slow_down(crashes: u32) {
    if crashes > CRASHES_MAX {
        Voice::new(crate::SVSCAN).warn(format_args!(
            "crashed {crashes} times in a row: services run on, and are not looked after for now"
        ));
        return process_one::hold();
    }
    let pause = pause(crashes);
    if !pause.is_zero() {
        // What comes meanwhile waits. HUP: try now.
        let _ = signals::block();
        let _ = signals::wait_for(&[signals::HUP], Some(pause));
    }
}

/// From now on a crash is survived. To be called before anything is raised or blocked.
pub(crate) fn survive(inherited: &Inherited, voice: &mut Voice) {
    if let Err(error) = arm(inherited) {
        let reason = cli::reason(&error);
        voice.warn(format_args!("unable to prepare for a crash: {reason}"));
        return;
    }
    let say = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        say(info);
        revive::crash();
    }));
}

fn arm(inherited: &Inherited) -> io::Result<()> {
    let mask = inherited.mask().map_or_else(signals::mask, Ok)?;
    let (open_files, oom_score) = (limits::open_files()?, sys::oom::score());
    let original = Original { mask, open_files, oom_score };
    let program = std::env::current_exe()?;
    revive::arm(&program, original, inherited.crashes(), sys::machine::ends_with_us())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_crash_costs_nothing_and_a_row_of_them_more_each_time() {
        let pauses: Vec<u64> = (0..9).map(|crashes| pause(crashes).as_secs()).collect();
        assert_eq!(pauses, [0, 0, 1, 2, 4, 8, 16, 16, 16]);
        assert_eq!(pause(u32::MAX), PAUSE_MAX);
    }
}
