//! Several logs as one: their lines by time, each log in the order in which it was written.

use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

use cli::UnableExt as _;
use logbook::{Show, Shown};
use sys::inotify::Watcher;
use tai::Stamp;

use super::source::{Source, State};
use super::{Wanted, local};

/// Lines are collected up to this size and then written: what a pipe holds.
const BUFFER: usize = 64 * 1024;

/// How long to wait for the kernel to say that something was written. It says nothing of what
/// another machine writes.
const TOLD_WAIT: Duration = Duration::from_secs(1);

/// What was told is read so often before the logs are looked at: a busy writer never stops telling.
const TOLD_MAX: u32 = 16;

/// How often to look where the kernel tells nothing.
const UNTOLD_WAIT: Duration = Duration::from_millis(200);

/// Logs that are read together.
#[derive(Debug)]
pub(super) struct Merge {
    sources: Vec<Source>,
    show: Show,
    /// Each line says whose it is.
    named: bool,
    out: Vec<u8>,
    /// Whose line was shown last, where more of that line is to come.
    within: Option<usize>,
    /// Lines that come before those asked for.
    skip: u64,
}

impl Merge {
    pub(super) fn new(sources: Vec<Source>, show: Show, named: bool) -> Self {
        Self { sources, show, named, out: Vec::new(), within: None, skip: 0 }
    }

    /// Shows what is wanted, only the last lines where there is a `limit`. Gives whether all of it
    /// could be read.
    pub(super) fn run(
        mut self,
        wanted: &Wanted,
        limit: Option<u64>,
        follow: bool,
    ) -> anyhow::Result<bool> {
        // Watched before it is read: what is written between is told.
        let watcher = if follow { self.watch() } else { None };
        let of_each: Vec<Wanted> =
            self.sources.iter().map(|source| wanted.ahead_by(source.ahead)).collect();
        let sources = self.sources.iter_mut().zip(&of_each);
        let available: u64 = sources.map(|(source, wanted)| source.begin(wanted, limit)).sum();
        self.skip = limit.map_or(0, |limit| available.saturating_sub(limit));
        loop {
            let left = wanted.until.map_or(Duration::MAX, left);
            let is_open = self.pass(&of_each)?;
            // Once more after the time has come: what is wanted has been written by then.
            if !is_open || !self.flush()? || left.is_zero() {
                break;
            }
            wait(watcher.as_ref(), left)?;
        }
        self.flush()?;
        Ok(!self.sources.iter().any(|source| source.unreadable))
    }

    /// Shows all there is now; whether there may be more later.
    fn pass(&mut self, wanted: &[Wanted]) -> anyhow::Result<bool> {
        let mut waits = vec![false; self.sources.len()];
        loop {
            let sources = self.sources.iter_mut().zip(wanted);
            for ((source, wanted), waits) in sources.zip(&mut waits) {
                if source.head.is_none() && !*waits {
                    *waits = match source.advance(wanted) {
                        State::Line | State::Done => false,
                        State::Waits => true,
                    };
                }
            }
            let Some(next) = self.next() else { return Ok(waits.contains(&true)) };
            self.line(next);
            if self.out.len() >= BUFFER && !self.flush()? {
                return Ok(false);
            }
        }
    }

    /// Whose line comes next: the earliest one; of several, whose line came before.
    fn next(&self) -> Option<usize> {
        let ready = |at: usize| self.sources.get(at).is_some_and(|source| source.head.is_some());
        if let Some(at) = self.within.filter(|at| ready(*at)) {
            return Some(at);
        }
        let open = self.sources.iter().enumerate().filter(|(_, source)| source.head.is_some());
        open.min_by_key(|(_, source)| source.time()).map(|(at, _)| at)
    }

    fn line(&mut self, at: usize) {
        let Some(source) = self.sources.get_mut(at) else { return };
        let Some(head) = source.head.take() else { return };
        self.within = (!head.piece.ends).then_some(at);
        if self.skip > 0 {
            self.skip -= u64::from(head.piece.ends);
            return;
        }
        let line = Shown {
            bytes: source.bytes(head),
            stamp_len: head.stamp_len,
            stamp: source.stamp(),
            is_label: head.is_label,
            begins: head.piece.begins,
            ends: head.piece.ends,
            name: self.named.then_some((source.log.name.as_str(), at)),
        };
        self.show.line(&line, &mut local, &mut self.out);
    }

    /// Writes what was collected; whether somebody still reads it.
    fn flush(&mut self) -> anyhow::Result<bool> {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(&self.out).and_then(|()| stdout.flush());
        self.out.clear();
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            written => Ok(written.map(|()| true).unable("write to standard output")?),
        }
    }

    /// The kernel tells what is written to the logs; `None` where it does not, for all of them.
    fn watch(&self) -> Option<Watcher> {
        let watcher = Watcher::new().ok()?;
        let is_told = |source: &Source| watcher.log(&source.log.path).is_ok();
        self.sources.iter().all(is_told).then_some(watcher)
    }
}

/// How long it is until then.
fn left(until: Stamp) -> Duration {
    until.to_unix().map_or(Duration::MAX, |until| until.saturating_sub(sys::clock::realtime()))
}

/// Waits until something may have been written, at most so long.
fn wait(watcher: Option<&Watcher>, most: Duration) -> anyhow::Result<()> {
    let Some(watcher) = watcher else {
        sys::poll::readable([], Some(UNTOLD_WAIT.min(most))).unable("wait")?;
        return Ok(());
    };
    sys::poll::readable([watcher.as_fd()], Some(TOLD_WAIT.min(most))).unable("wait")?;
    for _ in 0..TOLD_MAX {
        if watcher.changes().unable("read what has changed")?.is_empty() {
            break;
        }
    }
    Ok(())
}
