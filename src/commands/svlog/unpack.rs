//! What a processor has packed: unpacked again by the program that can, a block at a time.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::process::{Child, Command, Stdio};

/// The first bytes of packed files, and who unpacks them. Names tell nothing: multilog calls
/// everything `.s`.
const PACKERS: [(&[u8], &str, &[&str]); 4] = [
    (b"\x1f\x8b", "gzip", &["-dc"]),
    (b"\x28\xb5\x2f\xfd", "zstd", &["-dcq"]),
    (b"\xfd7zXZ\x00", "xz", &["-dc"]),
    (b"BZh", "bzip2", &["-dc"]),
];

/// A file that is being unpacked.
#[derive(Debug)]
pub(super) struct Unpacker {
    child: Child,
    program: &'static str,
}

impl Unpacker {
    /// Begins to unpack a file whose first bytes are `start`; `None` where it is not packed.
    pub(super) fn of(start: &[u8], file: &File) -> io::Result<Option<Self>> {
        let Some((_, program, args)) = PACKERS.iter().find(|it| start.starts_with(it.0)) else {
            return Ok(None);
        };
        let mut input = file.try_clone()?;
        // It may have been unpacked before, to be counted.
        input.rewind()?;
        let mut command = Command::new(program);
        command.args(*args).stdin(input).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| {
            let why = format!("{program} is needed to unpack it: {}", cli::reason(&error));
            io::Error::other(why)
        })?;
        Ok(Some(Self { child, program }))
    }

    /// The next bytes, nothing at the end.
    ///
    /// # Errors
    /// read(2), and where the program could not make sense of the file.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(stdout) = &mut self.child.stdout else { return Ok(0) };
        let len = loop {
            match stdout.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => break done?,
            }
        };
        if len == 0 {
            self.child.stdout = None;
            let status = self.child.wait()?;
            if !status.success() {
                return Err(io::Error::other(format!("{} cannot unpack it", self.program)));
            }
        }
        Ok(len)
    }
}

impl Drop for Unpacker {
    /// Who reads no further ends it.
    fn drop(&mut self) {
        if self.child.stdout.take().is_some() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
