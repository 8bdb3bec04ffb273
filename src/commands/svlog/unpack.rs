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

/// So much of a packed file is shown: twice what s6-log puts into a file at most, and seconds of
/// work. A small file may unpack to terabytes.
const UNPACKED_MAX: usize = 512 << 20;

/// A file that is being unpacked.
#[derive(Debug)]
pub(super) struct Unpacker {
    child: Child,
    program: &'static str,
    /// How much more of it is shown.
    left: usize,
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
        Ok(Some(Self { child, program, left: UNPACKED_MAX }))
    }

    /// The next bytes, nothing at the end.
    ///
    /// # Errors
    /// read(2), where the program could not make sense of the file, and where it is too long.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(stdout) = &mut self.child.stdout else { return Ok(0) };
        let len = loop {
            match stdout.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => break done?,
            }
        };
        let Some(left) = self.left.checked_sub(len) else {
            self.end();
            let why = format!("it unpacks to more than {} MiB", UNPACKED_MAX >> 20);
            return Err(io::Error::other(why));
        };
        self.left = left;
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

impl Unpacker {
    fn end(&mut self) {
        if self.child.stdout.take().is_some() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Unpacker {
    /// Who reads no further ends it.
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_file_that_unpacks_to_too_much_is_left_with_a_sentence_and_its_program_ended() {
        let mut packed = tempfile::tempfile().unwrap();
        let mut gzip = Command::new("gzip");
        let gzip = gzip.arg("-c").stdin(Stdio::piped()).stdout(packed.try_clone().unwrap());
        let mut gzip = gzip.spawn().unwrap();
        gzip.stdin.take().unwrap().write_all(&vec![b'x'; 3_000_000]).unwrap();
        assert!(gzip.wait().unwrap().success());
        packed.flush().unwrap();
        let mut unpacker = Unpacker::of(b"\x1f\x8b", &packed).unwrap().unwrap();
        unpacker.left = 1_000_000;
        let (mut buffer, mut total) = (vec![0; 10_000], 0);
        let error = loop {
            match unpacker.read(&mut buffer) {
                Ok(len) => total += len,
                Err(error) => break error,
            }
        };
        assert!((990_001..=1_000_000).contains(&total), "{total}");
        assert_eq!(error.to_string(), "it unpacks to more than 512 MiB");
        assert_eq!(unpacker.read(&mut buffer).unwrap(), 0);
        assert!(unpacker.child.try_wait().unwrap().is_some(), "nothing of it is left");
    }
}
