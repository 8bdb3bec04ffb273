//! svscan's own directory, `.svscan` in the scan directory: the lock, what is remembered, and the
//! FIFO that takes its letters.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use cli::{Unable, UnableExt as _};
use contract::layout;
use contract::svscan::Letter;
use sys::machine::End;
use sys::{fifo, lock, place};

use crate::engine::Engine;
use crate::explain;
use crate::files;
use crate::ledger::Ledger;
use crate::token::Token;

/// So many letters are taken in a turn: as many as there are kinds.
const LETTERS_PER_TURN: usize = Letter::ALL.len();

/// What svscan holds open of it.
#[derive(Debug)]
pub(crate) struct Home {
    /// Held for as long as we run.
    lock: File,
    /// Both ends, so that it never ends.
    control: File,
}

impl Engine {
    /// Takes the scan directory, which is the working directory, for our own. Where nothing can be
    /// written in it we run all the same, without lock, letters and memory.
    ///
    /// # Errors
    /// Another svscan has it.
    pub(crate) fn take_home(&mut self) -> Result<(), Unable> {
        let inherited = self.inherited.find(Path::new(layout::SVSCAN_LOCK));
        let lock = match inherited.map_or_else(lock_home, lock_again) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(taken(&error));
            }
            Err(error) => {
                self.tell_of_strangers(&error);
                return Ok(());
            }
        };
        self.open_ledger(Path::new(layout::SVSCAN_STATE));
        let path = Path::new(layout::SVSCAN_CONTROL);
        let control = fifo::make(path).and_then(|()| fifo::open_both(path));
        let control = control.unable(format_args!("open {}", layout::SVSCAN_CONTROL))?;
        self.reactor
            .add(&control, &Token::Home)
            .unable(format_args!("watch {}", layout::SVSCAN_CONTROL))?;
        self.home = Some(Home { lock, control });
        Ok(())
    }

    /// Takes over what an earlier supervisor has written down.
    pub(crate) fn open_ledger(&mut self, path: &Path) {
        match Ledger::open(path) {
            Ok(ledger) => self.ledger = ledger,
            Err(error) => self.tell_of_strangers(&error),
        }
        if self.ledger.damaged {
            let path = path.display();
            self.voice.warn(format_args!(
                "{path} cannot be read: what runs is known by supervise/status alone"
            ));
        }
    }

    /// A directory that cannot be written is nothing unusual; one that others own is.
    fn tell_of_strangers(&mut self, error: &io::Error) {
        if error.raw_os_error() == Some(sys::EPERM) {
            let dir = layout::SVSCAN;
            self.voice.warn(format_args!(
                "{dir} or a file in it belongs to somebody else or can be written by others: \
                 nothing is remembered there"
            ));
        }
    }

    pub(crate) fn take_orders(&mut self) {
        for letter in self.home.as_ref().map(Home::letters).unwrap_or_default() {
            match letter {
                Letter::Upgrade => self.upgrade(),
                Letter::Hangup => self.rescan(),
                Letter::Terminate => self.stop_all(),
                Letter::Quit => self.quit(),
                Letter::Reboot => self.end_machine(End::Reboot),
                Letter::PowerOff => self.end_machine(End::PowerOff),
                Letter::Halt => self.end_machine(End::Halt),
            }
        }
    }
}

impl Home {
    /// All of it, to be handed over.
    pub(crate) fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.lock.as_fd(), self.control.as_fd()]
    }

    /// The letters that wait, in order; bytes that are none are dropped.
    fn letters(&self) -> Vec<Letter> {
        let mut bytes = [0; LETTERS_PER_TURN];
        let len = (&self.control).read(&mut bytes).unwrap_or(0);
        bytes.iter().take(len).filter_map(|byte| Letter::from_byte(*byte)).collect()
    }
}

fn lock_home() -> io::Result<File> {
    let home = Path::new(layout::SVSCAN);
    files::make_supervise(home)?;
    let meta = std::fs::metadata(home)?;
    if !place::is_trusted_owner(meta.uid()) || meta.mode() & 0o022 != 0 {
        return Err(io::Error::from_raw_os_error(sys::EPERM));
    }
    let path = Path::new(layout::SVSCAN_LOCK);
    match lock::acquire_for_process(path) {
        // Whoever has taken it has ended, or else it is free by now.
        Err(error)
            if error.kind() == io::ErrorKind::WouldBlock
                && lock::is_left(path).unwrap_or(false) =>
        {
            lock::acquire_for_process_within(path, LEFT_MAX).map_err(|_| error)
        }
        other => other,
    }
}

/// A child that was just made shares its parent's descriptors, and so the lock, until it has run a
/// little. That takes longer only where the machine is overloaded; an svscan that gives up then is
/// started again by whoever has started it.
const LEFT_MAX: Duration = Duration::from_secs(5);

/// What was handed over is locked already, but not by every svscan in the same way.
fn lock_again(handed: File) -> io::Result<File> {
    lock::lock_for_process(&handed)?;
    Ok(handed)
}

fn taken(error: &io::Error) -> Unable {
    let whom = lock::holder(Path::new(layout::SVSCAN_LOCK)).map(explain::who).unwrap_or_default();
    let what = format!("acquire {}", layout::SVSCAN_LOCK);
    let reason = format!("{}: another svscan runs here{whom}", cli::reason(error));
    Unable::new(what, io::Error::new(error.kind(), reason))
}
