//! The kernel's side of the [`World`](super::World): one child, and what signals do to it.

use service::words::{End, Fault, Pid, Signal};

const SIGKILL: u8 = 9;
const SIGTERM: u8 = 15;

/// What a child makes of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Temper {
    /// It ends at TERM.
    Obedient,
    /// It ignores TERM.
    Stubborn,
    /// It was forked, and will never become `./run`.
    Hopeless(Fault),
}

/// A process that is not yet reaped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Child {
    pub(crate) pid: Pid,
    pub(crate) temper: Temper,
    stopped: bool,
    /// TERM came while it was stopped.
    pending: bool,
    /// The signal it will end of. It ends later: nothing here ends at once.
    dying: Option<u8>,
}

impl Child {
    pub(crate) fn new(pid: Pid, temper: Temper) -> Self {
        Self { pid, temper, stopped: false, pending: false, dying: None }
    }

    pub(crate) fn take(&mut self, signal: Signal) {
        match signal {
            Signal::Kill => self.dying = Some(SIGKILL),
            Signal::Stop => self.stopped = true,
            Signal::Cont => {
                self.stopped = false;
                if self.pending {
                    self.term();
                }
            }
            Signal::Term if self.stopped => self.pending = true,
            Signal::Term => self.term(),
            // It has its own ideas about these, and lives.
            Signal::Hup | Signal::Int | Signal::Alrm => {}
        }
    }

    fn term(&mut self) {
        self.pending = false;
        if self.temper != Temper::Stubborn {
            self.dying = self.dying.or(Some(SIGTERM));
        }
    }

    /// A stopped process runs no code, not even to end; only KILL ends it.
    pub(crate) fn can_end(&self) -> bool {
        !self.stopped || self.dying == Some(SIGKILL)
    }

    /// Left alone, it will end.
    pub(crate) fn will_end(&self) -> bool {
        let hopeless = matches!(self.temper, Temper::Hopeless(_));
        (hopeless || self.dying.is_some()) && self.can_end()
    }

    /// Whether it goes on running for ever whatever TERM it was sent.
    pub(crate) fn resists(&self) -> bool {
        self.temper == Temper::Stubborn || self.stopped
    }

    /// How it ends: of what hit it, or with `code`.
    pub(crate) fn end(&self, code: u8) -> End {
        match (self.dying, self.temper) {
            (Some(SIGKILL), _) => End::Signalled(SIGKILL),
            (_, Temper::Hopeless(fault)) => End::NotStarted(fault),
            (Some(signal), _) => End::Signalled(signal),
            (None, Temper::Obedient | Temper::Stubborn) => End::Exited(code),
        }
    }
}
