//! A service directory that looks supervised: the test itself holds the reading ends of its FIFOs.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt as _;

use super::{Sandbox, Service};

/// A made-up supervised directory.
#[derive(Debug)]
pub(crate) struct Fake {
    service: Service,
    ok: File,
    control: File,
}

impl Deref for Fake {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

impl Fake {
    /// The directory `name`, with both FIFOs read and no status.
    pub(crate) fn new(sandbox: &Sandbox, name: &str) -> Self {
        let service = Self::unread(sandbox, name);
        let read = |file| {
            let path = service.path(file);
            OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).unwrap()
        };
        let (ok, control) = (read("supervise/ok"), read("supervise/control"));
        Self { service, ok, control }
    }

    /// The directory `name` as a supervise that was killed leaves it: FIFOs without readers.
    pub(crate) fn unread(sandbox: &Sandbox, name: &str) -> Service {
        let service = sandbox.service(name);
        std::fs::create_dir(service.path("supervise")).unwrap();
        sandbox.make_fifo(&service.path("supervise/ok"));
        sandbox.make_fifo(&service.path("supervise/control"));
        service
    }

    /// The letters that wait in the control FIFO.
    pub(crate) fn letters(&mut self) -> String {
        let mut letters = Vec::new();
        match self.control.read_to_end(&mut letters) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => panic!("control: {error}"),
            Ok(_) | Err(_) => String::from_utf8(letters).unwrap(),
        }
    }
}
