//! What the reactor can say, and the numbers by which the kernel knows it.

use crate::task::TaskId;

/// What the reactor can say is readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// A signal.
    Signals,
    /// A directory has changed.
    Watcher,
    /// The wall clock was set.
    ClockSteps,
    /// Letters for svscan itself.
    Home,
    /// Letters for this service.
    Control(TaskId),
    /// The end of this service, which is no child of ours.
    Adopted(TaskId),
    /// This service says that it is ready.
    Ready(TaskId),
}

impl reactor::Token for Token {
    fn number(&self) -> u64 {
        match *self {
            Self::Signals => 0,
            Self::Watcher => 1,
            Self::ClockSteps => 2,
            Self::Home => 3,
            Self::Control(TaskId(id)) => FIRST_OF_TASKS + KINDS_OF_TASKS * u64::from(id),
            Self::Ready(TaskId(id)) => FIRST_OF_TASKS + KINDS_OF_TASKS * u64::from(id) + 1,
            Self::Adopted(TaskId(id)) => FIRST_OF_TASKS + KINDS_OF_TASKS * u64::from(id) + 2,
        }
    }

    fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Signals),
            1 => Some(Self::Watcher),
            2 => Some(Self::ClockSteps),
            3 => Some(Self::Home),
            _ => {
                let number = number.checked_sub(FIRST_OF_TASKS)?;
                let id = TaskId(u32::try_from(number / KINDS_OF_TASKS).ok()?);
                match number % KINDS_OF_TASKS {
                    0 => Some(Self::Control(id)),
                    1 => Some(Self::Ready(id)),
                    _ => Some(Self::Adopted(id)),
                }
            }
        }
    }
}

const FIRST_OF_TASKS: u64 = 4;
const KINDS_OF_TASKS: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use reactor::Token as _;

    #[test]
    fn every_token_is_read_back_from_its_number() {
        let one = [Token::Signals, Token::Watcher, Token::ClockSteps, Token::Home];
        let of_tasks = [0, 1, u32::MAX].map(TaskId);
        let of_tasks = of_tasks
            .into_iter()
            .flat_map(|id| [Token::Control(id), Token::Ready(id), Token::Adopted(id)]);
        for token in one.into_iter().chain(of_tasks) {
            assert_eq!(Token::from_number(token.number()), Some(token));
        }
    }
}
