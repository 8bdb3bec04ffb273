//! Starts that wait: for what there is too little of, and for a flood of letters to end.

use super::{Service, State};
use crate::guard::Scarcity;
use crate::time::Monotonic;
use crate::words::{Action, Actions, Report};

impl Service {
    /// Nothing is held against a service that only has to wait.
    pub(super) fn delay(&mut self, what: Scarcity, until: Monotonic, actions: &mut Actions) {
        self.state = State::Down { not_before: until };
        if self.delayed.replace(what) != Some(what) {
            actions.push(Action::Report(Report::Delayed(what)));
        }
    }

    /// Whether it was asked for so many starts that this one has to wait.
    pub(super) fn is_one_letter_too_many(&mut self, now: Monotonic, actions: &mut Actions) -> bool {
        let taken = if self.at_once { self.letters.take(now) } else { Ok(()) };
        if let Err(at) = taken {
            self.delay(Scarcity::Restarts, at, actions);
        }
        taken.is_err()
    }
}
