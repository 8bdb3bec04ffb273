//! What is different for process 1 of a machine: it never ends but with the machine, which it
//! reboots, halts or switches off when everything has ended.

use std::path::Path;
use std::time::Duration;

use cli::{Unable, UnableExt as _};
use sys::machine::{self, End};
use sys::{child, signals};

use crate::engine::{Engine, now};
use crate::farewell::Farewell;
use crate::voice::Voice;

/// Where services cannot be supervised it is tried again so often.
const TRY_AGAIN: Duration = Duration::from_secs(10);
/// How long processes may take to end where nobody knows whose they are.
const GRACE: Duration = Duration::from_secs(5);
/// How often it is looked whether they have.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The signals that end a machine, and how. TERM and INT (Ctrl-Alt-Del) as everywhere; of USR1 and
/// USR2 one is sent by `poweroff`, the other by `halt`: busybox and s6 do not agree which.
const ENDINGS: [(i32, End); 4] = [
    (signals::TERM, End::Reboot),
    (signals::INT, End::Reboot),
    (signals::USR1, End::PowerOff),
    (signals::USR2, End::PowerOff),
];

/// Goes to the scan directory; for process 1 it must come into being.
///
/// # Errors
/// chdir(2), for anybody else.
pub(crate) fn enter(dir: &Path) -> Result<(), Unable> {
    loop {
        let entered = std::env::set_current_dir(dir);
        let Err(error) = entered.unable(format_args!("chdir to {}", dir.display())) else {
            return Ok(());
        };
        if !machine::ends_with_us() {
            return Err(error);
        }
        Voice::new(crate::SVSCAN).warn(error);
        hold();
    }
}

/// Takes the machine's own key.
pub(crate) fn begin(voice: &mut Voice) {
    if machine::ends_with_us()
        && let Err(error) = machine::hear_ctrl_alt_del()
    {
        let reason = cli::reason(&error);
        voice.warn(format_args!("unable to hear Ctrl-Alt-Del: {reason}"));
    }
}

impl Engine {
    /// The machine is to end, after everything on it.
    pub(crate) fn end_machine(&mut self, how: End) {
        if !machine::ends_with_us() {
            let what = words(how).0;
            self.voice.warn(format_args!("unable to {what} the machine: svscan is not process 1"));
            return;
        }
        self.ends_machine = how;
        self.stop_all();
    }

    /// Leaves, and leaves everything running for whoever comes after us.
    pub(crate) fn quit(&mut self) {
        if machine::ends_with_us() {
            self.voice.warn("told to leave, but nobody would come after process 1: it stays");
        } else {
            self.farewell = Farewell::Over;
        }
    }
}

/// What is done to a machine, and what was.
const fn words(how: End) -> (&'static str, &'static str) {
    match how {
        End::Reboot => ("reboot", "rebooted"),
        End::PowerOff => ("switch off", "switched off"),
        End::Halt => ("halt", "halted"),
    }
}

/// Ends the machine; does not return on one that can be ended.
pub(crate) fn end(how: End) {
    let mut voice = Voice::new(crate::SVSCAN);
    voice.tell(format_args!("everything has ended: the machine is {} now", words(how).1));
    let reason = cli::reason(&machine::end(how));
    voice.warn(format_args!("unable to {} the machine: {reason}", words(how).0));
}

/// Does what must be done where services cannot be supervised: reaps, and ends the machine when
/// told to. Gives back when it is to be tried again.
pub(crate) fn hold() {
    // Without the mask they would be dropped, not end us.
    let _ = signals::block();
    let until = now().monotonic + TRY_AGAIN;
    let heard: Vec<i32> =
        ENDINGS.iter().map(|(number, _)| *number).chain([signals::CHLD, signals::HUP]).collect();
    loop {
        while let Ok(Some(_)) = child::reap() {}
        let left = until.since(now().monotonic);
        match signals::wait_for(&heard, Some(left)) {
            Some(signals::HUP) => return,
            Some(number) => end_by(number),
            None if now().monotonic >= until => return,
            None => {}
        }
    }
}

fn end_by(number: i32) {
    if let Some((_, how)) = ENDINGS.iter().find(|(other, _)| *other == number) {
        end_children();
        end(*how);
    }
}

/// Nobody knows what belongs together: all are told, and killed.
fn end_children() {
    for number in [signals::TERM, signals::KILL] {
        let until = now().monotonic + GRACE;
        for pid in child::list().unwrap_or_default() {
            // Who has ended meanwhile needs no signal.
            let _ = child::signal(pid, number);
            let _ = child::signal(pid, signals::CONT);
        }
        while child::any_left() && now().monotonic < until {
            while let Ok(Some(_)) = child::reap() {}
            let _ = signals::wait_for(&[signals::CHLD], Some(LOOK_AGAIN));
        }
    }
}
