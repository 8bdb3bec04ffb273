//! Why the kernel would not execute a file, and the cure: the words, shared by the supervisor for a
//! start that failed and by svcheck for one that will.

/// So much of a script is read to find its interpreter: the kernel reads no more
/// (`BINPRM_BUF_SIZE`).
pub const FIRST_LINE_MAX: usize = 256;

/// What the beginning of a file says of how it is executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A program the kernel loads itself.
    Binary,
    /// A script, and the path of its interpreter as the kernel reads it, with its argument.
    Script(Vec<u8>, Option<Vec<u8>>),
    /// A script behind a byte order mark, which the kernel does not read past.
    ByteOrderMark,
    /// Nothing at all.
    Empty,
    /// Anything else.
    Unknown,
}

/// Reads the first bytes of a file, at least [`FIRST_LINE_MAX`] of them where it has so many.
#[must_use]
pub fn start(bytes: &[u8]) -> Start {
    if bytes.is_empty() {
        return Start::Empty;
    }
    if bytes.starts_with(b"\x7fELF") {
        return Start::Binary;
    }
    if bytes.starts_with(b"\xef\xbb\xbf#!") {
        return Start::ByteOrderMark;
    }
    let line = bytes.get(..FIRST_LINE_MAX).unwrap_or(bytes);
    let Some(line) = line.strip_prefix(b"#!") else { return Start::Unknown };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.trim_ascii_start().splitn(2, |byte| matches!(byte, b' ' | b'\t'));
    let path = words.next().unwrap_or_default();
    let argument = words.next().map(<[u8]>::trim_ascii).filter(|word| !word.is_empty());
    if path.is_empty() {
        return Start::Unknown;
    }
    Start::Script(path.to_vec(), argument.map(<[u8]>::to_vec))
}

/// Why a file cannot be executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// There is none.
    Missing,
    /// It is a link that leads nowhere.
    Dangling(String),
    /// It is a directory.
    Directory,
    /// It is a FIFO, a device or a socket.
    Special,
    /// Nobody may execute it.
    NotExecutable,
    /// There is nothing in it.
    Empty,
    /// It does not say what is to read it.
    NoInterpreter,
    /// It does, behind a byte order mark.
    ByteOrderMark,
    /// Its first line ends in a carriage return, which becomes a part of the interpreter's name.
    CarriageReturn,
    /// Its interpreter is not there.
    InterpreterMissing(String),
    /// Its interpreter cannot be executed.
    InterpreterNotExecutable(String),
    /// Nothing on its file system can be executed.
    Noexec,
    /// Its file system may be so, or it is something else.
    PerhapsNoexec,
    /// It is open for writing.
    Busy,
}

impl Unfit {
    /// The sentence about `name`/`run`: what is wrong, and the cure.
    #[must_use]
    pub fn words(&self, name: &str, run: &str) -> String {
        match self {
            Self::Missing => format!("write it, or remove the link {name} if it is no service"),
            Self::Dangling(target) => format!("it is a link to {target}, which is not there"),
            Self::Directory => "it is a directory; it must be a program".into(),
            Self::Special => "it is a FIFO or a device; it must be a program".into(),
            Self::NotExecutable => format!("it is not executable; chmod +x {name}/{run}"),
            Self::Empty => "it is empty; write it".into(),
            Self::NoInterpreter => {
                "it has no first line that names its interpreter, as #!/bin/sh does".into()
            }
            Self::ByteOrderMark => "it begins with a byte order mark, so that the kernel does not \
                                    see its #!; save it as UTF-8 without one"
                .into(),
            Self::CarriageReturn => {
                "its first line ends in a carriage return; save it with Unix line ends".into()
            }
            Self::InterpreterMissing(path) => {
                format!("its first line asks for {path}, which is not there")
            }
            Self::InterpreterNotExecutable(path) => {
                format!("its first line asks for {path}, which is not executable")
            }
            Self::Noexec => "its file system is mounted noexec; remount it, or put the directory \
                             elsewhere"
                .into(),
            Self::PerhapsNoexec => {
                "its file system may be mounted noexec, or its owner forbids it".into()
            }
            Self::Busy => "somebody is still writing it".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn script(path: &str, argument: Option<&str>) -> Start {
        Start::Script(path.into(), argument.map(Into::into))
    }

    #[test]
    fn the_first_line_is_read_as_the_kernel_reads_it() {
        let table = [
            (&b""[..], Start::Empty),
            (b"\x7fELF\x02", Start::Binary),
            (b"#!/bin/sh\nexec true\n", script("/bin/sh", None)),
            (b"#! \t/bin/sh -e \n", script("/bin/sh", Some("-e"))),
            (b"#!/usr/bin/env -S bash -e\n", script("/usr/bin/env", Some("-S bash -e"))),
            (b"#!/bin/sh\r\n", script("/bin/sh\r", None)),
            (b"\xef\xbb\xbf#!/bin/sh\n", Start::ByteOrderMark),
            (b"#!\n/bin/sh", Start::Unknown),
            (b"exec true\n", Start::Unknown),
            (b" #!/bin/sh\n", Start::Unknown),
        ];
        for (bytes, expected) in table {
            assert_eq!(start(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }

    proptest! {
        #[test]
        fn no_beginning_is_too_odd(bytes: Vec<u8>) {
            if let Start::Script(path, _) = start(&bytes) {
                prop_assert!(!path.is_empty() && path.len() < FIRST_LINE_MAX);
            }
        }
    }
}
