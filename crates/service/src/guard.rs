//! When the machine is almost out of something, starts wait: whoever has eaten it, the reserve is
//! for the operator who comes to mend it.

use std::time::Duration;

/// How long a start waits before the machine is looked at again.
pub const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// So many processes a login and a few commands take.
const PIDS_RESERVE: u64 = 32;
/// So many open files do.
const FILES_RESERVE: u64 = 256;
/// So much memory does: two shells and a command.
const MEMORY_RESERVE: u64 = 8 << 20;
/// On a large machine the reserve is one part in this many.
const RESERVE_PARTS: u64 = 32;
/// And on a small one no more than one part in this many: a service must have room too.
const RESERVE_PARTS_MIN: u64 = 8;

/// What a machine can be short of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scarcity {
    /// Processes.
    Pids,
    /// Open files of all processes together.
    Files,
    /// Memory.
    Memory,
    /// Restarts of all services together ([`crate::budget`]).
    Restarts,
}

/// How much there is of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// What nobody uses.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

/// What the machine says; `None` where it does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Readings {
    /// Processes and threads.
    pub pids: Option<Amount>,
    /// Open files.
    pub files: Option<Amount>,
    /// Bytes of memory.
    pub memory: Option<Amount>,
}

/// What there is almost nothing left of.
#[must_use]
pub fn scarce(readings: &Readings) -> Option<Scarcity> {
    let Readings { pids, files, memory } = *readings;
    let short = |amount: Option<Amount>, reserve: u64| {
        amount.is_some_and(|Amount { free, total }| {
            let reserve = reserve.max(total / RESERVE_PARTS).min(total / RESERVE_PARTS_MIN);
            free < reserve
        })
    };
    [
        (Scarcity::Pids, short(pids, PIDS_RESERVE)),
        (Scarcity::Files, short(files, FILES_RESERVE)),
        // Memory is never free on a healthy machine; a large one needs no larger reserve.
        (
            Scarcity::Memory,
            memory.is_some_and(|memory| {
                memory.free < MEMORY_RESERVE.min(memory.total / RESERVE_PARTS_MIN)
            }),
        ),
    ]
    .into_iter()
    .find_map(|(what, short)| short.then_some(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pids(free: u64, total: u64) -> Option<Scarcity> {
        scarce(&Readings { pids: Some(Amount { free, total }), ..Readings::default() })
    }

    #[test]
    fn a_machine_that_says_nothing_is_short_of_nothing() {
        assert_eq!(scarce(&Readings::default()), None);
    }

    #[test]
    fn the_reserve_grows_with_the_machine_and_shrinks_with_it() {
        assert_eq!(pids(1024, 32_768), None);
        assert_eq!(pids(1023, 32_768), Some(Scarcity::Pids));
        assert_eq!(pids(32, 1000), None);
        assert_eq!(pids(31, 1000), Some(Scarcity::Pids));
        assert_eq!(pids(12, 100), None);
        assert_eq!(pids(11, 100), Some(Scarcity::Pids));
    }

    #[test]
    fn each_is_told_by_its_name_and_the_first_of_two() {
        let (files, memory) =
            (Amount { free: 200, total: 8000 }, Amount { free: 1, total: 1 << 30 });
        let readings = Readings { pids: None, files: Some(files), memory: Some(memory) };
        assert_eq!(scarce(&readings), Some(Scarcity::Files));
        assert_eq!(scarce(&Readings { files: None, ..readings }), Some(Scarcity::Memory));
        let memory = Some(Amount { free: MEMORY_RESERVE, total: 1 << 40 });
        assert_eq!(scarce(&Readings { pids: None, files: None, memory }), None);
    }
}
