//! A service, its logger, and the pipe between them.
//!
//! The pipe is a FIFO in the logger's directory, so that it has a name by which both ends can be
//! opened afresh. We hold a description of our own, reading and writing: the pipe, and what is in
//! it, outlives the death of either end.

use std::ffi::CString;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cli::{Unable, UnableExt as _};
use contract::layout;
use sys::{fifo, proc, spawn::Identity};

use crate::files;
use crate::task::{Part, TaskId};

/// A service of the scan directory, as the engine knows it.
#[derive(Debug, Default)]
pub(crate) struct Pair {
    /// What it is called.
    pub(crate) name: String,
    /// Its directory.
    pub(crate) dir: PathBuf,
    /// The service itself, while it is supervised.
    pub(crate) main: Option<TaskId>,
    /// Its logger, while it is supervised.
    pub(crate) log: Option<TaskId>,
    /// What lies between them.
    pub(crate) pipe: Option<LogPipe>,
    /// Why the service is not supervised, as the operator was last told.
    pub(crate) main_told: Option<String>,
    /// Why its logger is not.
    pub(crate) log_told: Option<String>,
}

impl Pair {
    pub(crate) fn part_mut(&mut self, part: Part) -> &mut Option<TaskId> {
        match part {
            Part::Main => &mut self.main,
            Part::Log => &mut self.log,
        }
    }

    pub(crate) fn told_mut(&mut self, part: Part) -> &mut Option<String> {
        match part {
            Part::Main => &mut self.main_told,
            Part::Log => &mut self.log_told,
        }
    }
}

/// Our own description of the pipe between a service and its logger.
#[derive(Debug)]
pub(crate) struct LogPipe {
    file: File,
    /// The FIFO itself, whoever changes its name.
    pub(crate) identity: Identity,
    /// Whether the name in the logger's directory is that of another pipe, or was none.
    nameless: bool,
}

impl LogPipe {
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Makes and opens the FIFO of the logger in `log_dir`.
    ///
    /// # Errors
    /// The directory cannot be written, or the name is taken by something else.
    pub(crate) fn open(log_dir: &Path, name: &str) -> Result<Self, Unable> {
        let path = log_dir.join(layout::LOG_PIPE);
        let opened = files::make_supervise(&log_dir.join(layout::SUPERVISE))
            .and_then(|()| fifo::make(&path))
            .and_then(|()| fifo::open_both(&path))
            .and_then(|file| file.metadata().map(|meta| (file, meta)));
        let (file, meta) = opened.unable(format_args!("open {name}/{}", layout::LOG_PIPE))?;
        let identity = Identity { dev: meta.dev(), ino: meta.ino() };
        Ok(Self { file, identity, nameless: false })
    }

    /// The pipe that an adopted service writes to and an adopted logger reads from, where that is
    /// another one than the name says: what lies in it must not be lost, and both ends go on.
    pub(crate) fn or_that_of(self, writer: Option<u32>, reader: Option<u32>) -> Self {
        let end = |pid: Option<u32>, fd: u32| {
            let pid = pid?;
            Some((proc::pipe_of(pid, fd)?, proc::descriptor(pid, fd)))
        };
        let other = match (end(writer, STDOUT), end(reader, STDIN)) {
            (Some((written, _)), _) if written == self.identity => None,
            (_, Some((read, path))) if read != self.identity => Some((read, path)),
            (Some((written, path)), None) if is_log_pipe(&path) => Some((written, path)),
            (_, _) => None,
        };
        let opened = other.and_then(|(identity, path)| {
            let file = fifo::reopen_both(&path).ok()?;
            let meta = file.metadata().ok()?;
            let same = Identity { dev: meta.dev(), ino: meta.ino() } == identity;
            same.then_some(Self { file, identity, nameless: true })
        });
        opened.unwrap_or(self)
    }

    /// The path by which a pipe can be opened that its name does not lead to: our own descriptor.
    pub(crate) fn path_without_name(&self) -> Option<CString> {
        let fd = u32::try_from(self.file.as_raw_fd()).ok().filter(|_| self.nameless)?;
        let path = proc::descriptor(std::process::id(), fd);
        CString::new(path.into_os_string().into_vec()).ok()
    }

    /// Puts a line of ours into the service's own log, where there is room: that is where its
    /// owner looks.
    pub(crate) fn note(&mut self, line: &str) {
        // A full pipe has a reader that stands still; the line was said on standard error as well.
        let _ = self.file.write(line.as_bytes());
    }

    /// Whether the logger in `log_dir` would open this very FIFO.
    pub(crate) fn is_at(&self, log_dir: &Path) -> bool {
        if self.nameless {
            return true; // It is not opened by name.
        }
        std::fs::symlink_metadata(log_dir.join(layout::LOG_PIPE))
            .is_ok_and(|meta| Identity { dev: meta.dev(), ino: meta.ino() } == self.identity)
    }

    /// Whether nothing waits to be read.
    pub(crate) fn is_empty(&self) -> bool {
        fifo::waiting(&self.file).is_ok_and(|bytes| bytes == 0)
    }
}

/// Whether a descriptor of a service leads to its logger, of which there is none: a FIFO that was
/// ours and has lost its name, or the pipe of an svscan that had no FIFOs and is gone with all
/// readers. A pipe that somebody reads may be one within the service.
fn is_log_pipe(descriptor: &Path) -> bool {
    let Ok(target) = std::fs::read_link(descriptor) else { return false };
    let target = target.as_os_str().as_encoded_bytes();
    let name = format!("/{}/{}", layout::LOG, layout::LOG_PIPE);
    let lost = target.strip_suffix(b" (deleted)").unwrap_or(target).ends_with(name.as_bytes());
    lost || fifo::open_writer(descriptor).is_ok_and(|writer| !fifo::is_read(&writer))
}

const STDIN: u32 = 0;
const STDOUT: u32 = 1;

/// Whether nothing waits in the FIFO of the logger in `log_dir`, which we no longer hold.
pub(crate) fn is_drained(log_dir: &Path) -> bool {
    let reader = fifo::open_reader(&log_dir.join(layout::LOG_PIPE));
    // Without a pipe there is nothing left to wait for.
    !reader.and_then(|reader| fifo::waiting(&reader)).is_ok_and(|bytes| bytes > 0)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;

    use tempfile::TempDir;

    use super::*;

    fn pipe() -> (TempDir, LogPipe) {
        let dir = tempfile::tempdir().unwrap();
        let pipe = LogPipe::open(dir.path(), "a/log").unwrap();
        (dir, pipe)
    }

    #[test]
    fn what_is_in_the_pipe_outlives_both_its_ends() {
        let (dir, mut pipe) = pipe();
        assert!(pipe.is_empty() && is_drained(dir.path()));
        pipe.note("a line\n");
        assert!(!pipe.is_empty() && !is_drained(dir.path()));
        let mut reader = fifo::open_reader(&dir.path().join(layout::LOG_PIPE)).unwrap();
        drop(pipe);
        assert!(!is_drained(dir.path()), "a reader has it open");
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "a line\n");
        assert!(is_drained(dir.path()));
    }

    #[test]
    fn a_full_pipe_makes_nobody_wait() {
        let (_dir, mut pipe) = pipe();
        let line = format!("{}\n", "x".repeat(4095));
        for _ in 0..100 {
            pipe.note(&line);
        }
        let waiting = fifo::waiting(&pipe.file).unwrap();
        assert!(waiting > 0 && waiting.is_multiple_of(line.len()), "whole lines only");
    }

    #[test]
    fn the_pipe_is_the_same_until_its_directory_is_made_anew() {
        let (dir, pipe) = pipe();
        assert!(pipe.is_at(dir.path()));
        let again = LogPipe::open(dir.path(), "a/log").unwrap();
        assert_eq!(again.identity, pipe.identity);
        fs::remove_dir_all(dir.path().join(layout::SUPERVISE)).unwrap();
        assert!(!pipe.is_at(dir.path()));
        assert!(is_drained(dir.path()), "there is nothing to wait for");
        let new = LogPipe::open(dir.path(), "a/log").unwrap();
        assert!(new.is_at(dir.path()) && !pipe.is_at(dir.path()));
    }

    #[test]
    fn a_link_in_its_place_is_refused() {
        let (dir, other) = pipe();
        let log = dir.path().join("log");
        fs::create_dir_all(log.join(layout::SUPERVISE)).unwrap();
        let target = dir.path().join(layout::LOG_PIPE);
        std::os::unix::fs::symlink(target, log.join(layout::LOG_PIPE)).unwrap();
        assert!(!other.is_at(&log));
        let refused = LogPipe::open(&log, "a/log").unwrap_err().to_string();
        assert_eq!(refused, "unable to open a/log/supervise/pipe: symbolic link loop");
    }

    /// A process that keeps the pipe as its descriptor 0 or 1.
    fn holder(reads: Option<&File>, writes: Option<&File>) -> Holder {
        let stdio = |file: Option<&File>| {
            file.map_or_else(std::process::Stdio::null, |file| file.try_clone().unwrap().into())
        };
        let mut command = std::process::Command::new("sleep");
        Holder(command.arg("1000").stdin(stdio(reads)).stdout(stdio(writes)).spawn().unwrap())
    }

    fn identity(file: &File) -> Identity {
        let meta = file.metadata().unwrap();
        Identity { dev: meta.dev(), ino: meta.ino() }
    }

    /// It does not outlive the test, however that ends.
    struct Holder(std::process::Child);

    impl Holder {
        fn id(&self) -> u32 {
            self.0.id()
        }
    }

    impl Drop for Holder {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    #[test]
    fn a_pipe_without_a_name_goes_on_where_a_logger_reads_it() {
        let (dir, _) = pipe();
        let (reader, writer) = std::io::pipe().unwrap();
        let ends = [reader.into(), writer.into()].map(|fd: std::os::fd::OwnedFd| File::from(fd));
        let [reader, mut writer] = ends;
        let (logger, service) = (holder(Some(&reader), None), holder(None, Some(&writer)));
        for (writes, reads) in [(Some(service.id()), Some(logger.id())), (None, Some(logger.id()))]
        {
            let named = LogPipe::open(dir.path(), "a/log").unwrap();
            let mut found = named.or_that_of(writes, reads);
            assert_eq!(found.identity, identity(&reader));
            assert!(found.is_at(dir.path()) && found.path_without_name().is_some());
            writer.write_all(b"first\n").unwrap();
            found.note("second\n");
            let mut text = [0; 13];
            (&reader).read_exact(&mut text).unwrap();
            assert_eq!(&text, b"first\nsecond\n");
        }
    }

    #[test]
    fn a_pipe_within_a_service_is_not_that_to_its_logger() {
        let (dir, pipe) = pipe();
        let (reader, writer) = std::io::pipe().unwrap();
        let writer = File::from(std::os::fd::OwnedFd::from(writer));
        let service = holder(None, Some(&writer));
        let other = || LogPipe::open(dir.path(), "a/log").unwrap();
        let found = other().or_that_of(Some(service.id()), None);
        assert_eq!(found.identity, pipe.identity, "somebody reads it");
        drop(reader);
        // A child that another test has just forked may hold it until it executes.
        let begin = std::time::Instant::now();
        let found = || other().or_that_of(Some(service.id()), None).identity;
        while found() != identity(&writer) {
            let waited = begin.elapsed() < std::time::Duration::from_mins(1);
            assert!(waited, "nobody read it, and who wrote would have been killed");
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_pipe_that_has_the_name_is_taken_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join(layout::LOG);
        fs::create_dir(&log).unwrap();
        let open = || LogPipe::open(&log, "a/log").unwrap();
        let pipe = open();
        let both = fifo::open_both(&log.join(layout::LOG_PIPE)).unwrap();
        let (logger, service) = (holder(Some(&both), None), holder(None, Some(&both)));
        let found = open().or_that_of(Some(service.id()), Some(logger.id()));
        assert_eq!((found.identity, found.path_without_name()), (pipe.identity, None));
        fs::remove_file(log.join(layout::LOG_PIPE)).unwrap();
        let new = open();
        assert_ne!(new.identity, pipe.identity);
        let found = new.or_that_of(Some(service.id()), None);
        assert_eq!(found.identity, pipe.identity, "it has lost its name, and has its lines");
    }
}
