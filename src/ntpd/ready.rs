//! Readiness: whoever must have the right time before it starts waits for this (`notification-fd`
//! in [the service directory](../../docs/service-directory.md)).

use ntp::time::Span;
use sys::notification::Notification;

/// The clock is within bounds where its offset and so many standard deviations are.
const SDS: f64 = 3.0;

/// Saying once that the clock is right.
#[derive(Debug)]
pub(crate) struct Ready {
    within: Span,
    /// Until it was said.
    to: Option<Notification>,
    is_said: bool,
}

impl Ready {
    /// It is to be said on descriptor `fd`; where that is not open, there is nobody to tell.
    pub(crate) fn new(within: Span, fd: i32) -> (Self, Option<String>) {
        let to = Notification::inherited(fd);
        let trouble = to.as_ref().err().map(|error| {
            let why = cli::reason(error);
            format!("--ready-within: unable to use descriptor {fd}: {why}; nobody is told")
        });
        (Self { within, to: to.ok(), is_said: false }, trouble)
    }

    /// Whether it was said.
    pub(crate) fn is_said(&self) -> bool {
        self.is_said
    }

    /// The clock is off by `offset`, give or take `sd` seconds. A line, once that is good enough.
    pub(crate) fn look(&mut self, offset: Span, sd: f64) -> Option<Result<String, String>> {
        let error = offset.abs().seconds() + SDS * sd;
        if self.is_said || error > self.within.seconds() {
            return None;
        }
        self.is_said = true;
        let within = self.within.seconds();
        let line = format!("ready: the clock is within {within} s");
        match self.to.take()?.ready() {
            Ok(()) => Some(Ok(line)),
            Err(error) => Some(Err(format!("{line}; unable to say so: {}", cli::reason(&error)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_and_not_while_it_may_be_noise() {
        let mut ready = Ready { within: Span::from_seconds(0.01), to: None, is_said: false };
        for (offset, sd, expected) in
            [(0.02, 0.0, false), (-0.009, 0.001, false), (-0.004, 0.001, true), (1.0, 1.0, true)]
        {
            let _ = ready.look(Span::from_seconds(offset), sd);
            assert_eq!(ready.is_said(), expected, "{offset} {sd}");
        }
    }
}
