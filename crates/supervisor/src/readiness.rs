//! s6's way of being ready: the service writes a newline on a descriptor that it was given
//! (`notification-fd`).
//!
//! The descriptor is a FIFO in `supervise/`, opened afresh by the child; we hold its reading end
//! until the newline has come, or until nobody is left who could write it.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use contract::layout;
use service::words::Event;
use sys::fifo;
use sys::spawn::Identity;

use crate::engine::Engine;
use crate::supervise_dir::SuperviseDir;
use crate::task::TaskId;
use crate::token::Token;

/// So much is read at once of what a service says before its newline.
const CHUNK: usize = 512;

/// Makes the FIFO and opens its reading end.
///
/// # Errors
/// The directory cannot be written, or something else has its name.
pub(crate) fn open(dir: &Path) -> io::Result<(File, Identity)> {
    let held = SuperviseDir::of(dir)?;
    let path = held.path(layout::READY);
    fifo::make(&path)?;
    let file = fifo::open_reader(&path)?;
    let meta = file.metadata()?;
    Ok((file, Identity { dev: meta.dev(), ino: meta.ino() }))
}

impl Engine {
    /// Arranges to hear when the next process of a service is ready, if it can say so.
    pub(crate) fn listen_for_readiness(&mut self, id: TaskId) -> Option<(Identity, i32)> {
        let task = self.tasks.get_mut(&id)?;
        task.readiness = None;
        let number = task.settings.notification?;
        let opened = open(&task.dir).and_then(|(file, identity)| {
            self.reactor.add(&file, &Token::Ready(id))?;
            Ok((file, identity))
        });
        match opened {
            Ok((file, identity)) => {
                task.readiness = Some(file);
                Some((identity, number))
            }
            Err(error) => {
                let (name, reason) = (&task.name, cli::reason(&error));
                let sentence = format!("unable to open {name}/{}: {reason}", layout::READY);
                self.warn_of(id, sentence);
                None
            }
        }
    }

    /// The service has said something, or can say nothing more.
    pub(crate) fn take_readiness(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let Some(pipe) = &mut task.readiness else { return };
        let mut bytes = [0; CHUNK];
        let said = match pipe.read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Ok(len) if len > 0 => bytes.get(..len).unwrap_or_default(),
            Ok(_) | Err(_) => &[],
        };
        let ready = said.contains(&b'\n');
        // Who says so much and no newline has something else to say.
        if ready || said.is_empty() || said.len() == CHUNK {
            task.readiness = None;
        }
        if ready {
            self.feed(id, Event::Ready);
        }
    }
}
