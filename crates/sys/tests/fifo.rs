//! FIFOs: who waits, who does not, and what is no FIFO.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use sys::fifo;
use tempfile::TempDir;

fn made() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fifo");
    fifo::make(&path).unwrap();
    (dir, path)
}

fn errno(result: std::io::Result<impl Sized>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

/// Fills a pipe whose description does not block.
fn fill(mut pipe: &File) -> usize {
    let mut len = 0;
    while let Ok(written) = pipe.write(&[0; 4096]) {
        len += written;
    }
    len
}

fn is_blocking(fd: impl AsFd) -> bool {
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL).unwrap());
    !flags.contains(OFlag::O_NONBLOCK)
}

#[test]
fn it_is_made_for_its_owner_and_kept_where_it_is() {
    let (_dir, path) = made();
    let meta = fs::metadata(&path).unwrap();
    assert!(meta.file_type().is_fifo());
    assert_eq!(meta.permissions().mode() & 0o7777, 0o600);
    let _held = fifo::open_both(&path).unwrap();
    fifo::make(&path).unwrap();
    assert!(fifo::open_writer(&path).is_ok(), "it is the same");
}

#[test]
fn a_file_in_its_place_is_not_opened_to_be_written() {
    let (dir, path) = made();
    let _held = fifo::open_both(&path).unwrap();
    let (link, file) = (dir.path().join("link"), dir.path().join("file"));
    symlink(&path, &link).unwrap();
    assert!(fifo::open_writer(&link).is_ok());
    fs::write(&file, "").unwrap();
    assert_eq!(errno(fifo::open_writer(&file)), Some(libc::EINVAL));
    assert_eq!(errno(fifo::open_writer(std::path::Path::new("/dev/null"))), Some(libc::EINVAL));
}

#[test]
fn with_both_ends_there_is_always_a_reader_and_never_an_end() {
    let (_dir, path) = made();
    let mut both = fifo::open_both(&path).unwrap();
    let mut byte = [0; 1];
    assert_eq!(errno(both.read(&mut byte)), Some(libc::EAGAIN));
    drop(fifo::open_writer(&path).unwrap());
    assert_eq!(errno(both.read(&mut byte)), Some(libc::EAGAIN), "a writer that goes is no end");
    both.write_all(b"x").unwrap();
    assert_eq!(both.read(&mut byte).unwrap(), 1);
}

#[test]
fn a_reader_does_not_wait_for_a_writer() {
    let (_dir, path) = made();
    let mut reader = fifo::open_reader(&path).unwrap();
    let mut byte = [0; 1];
    assert_eq!(reader.read(&mut byte).unwrap(), 0);
    let mut writer = fifo::open_writer(&path).unwrap();
    assert_eq!(errno(reader.read(&mut byte)), Some(libc::EAGAIN));
    writer.write_all(b"x").unwrap();
    assert_eq!(reader.read(&mut byte).unwrap(), 1);
}

#[test]
fn a_writer_is_refused_where_nobody_reads() {
    let (dir, path) = made();
    let nobody = fifo::open_writer(&path).unwrap_err();
    assert_eq!(nobody.raw_os_error(), Some(libc::ENXIO));
    let missing = fifo::open_writer(&dir.path().join("missing")).unwrap_err();
    let no_dir = fifo::open_writer(&path.join("file")).unwrap_err();
    assert!(fifo::means_no_reader(&nobody) && fifo::means_no_reader(&missing));
    assert!(!fifo::means_no_reader(&no_dir));
}

#[test]
fn what_is_no_fifo_and_what_is_a_link_to_one_is_refused() {
    let (dir, path) = made();
    let _held = fifo::open_both(&path).unwrap();
    let (file, link) = (dir.path().join("file"), dir.path().join("link"));
    fs::write(&file, "precious").unwrap();
    symlink(&path, &link).unwrap();
    for (path, expected) in [(&file, libc::EINVAL), (&link, libc::ELOOP)] {
        fifo::make(path).unwrap();
        assert_eq!(errno(fifo::open_both(path)), Some(expected), "{}", path.display());
        assert_eq!(errno(fifo::open_reader(path)), Some(expected), "{}", path.display());
    }
    assert_eq!(errno(fifo::open_reader(dir.path())), Some(libc::EINVAL));
    assert_eq!(fs::read_to_string(file).unwrap(), "precious");
}

#[test]
fn what_waits_is_counted() {
    let (_dir, path) = made();
    let mut both = fifo::open_both(&path).unwrap();
    assert_eq!(fifo::waiting(&both).unwrap(), 0);
    both.write_all(b"four").unwrap();
    both.write_all(b"five.").unwrap();
    assert_eq!(fifo::waiting(&both).unwrap(), 9);
    let reader = fifo::open_reader(&path).unwrap();
    assert_eq!(fifo::waiting(&reader).unwrap(), 9, "whoever asks");
    let file = File::open("/").unwrap();
    assert!(fifo::waiting(&file).is_err());
}

#[test]
fn a_full_pipe_is_not_writable_until_a_line_of_the_greatest_length_fits() {
    let (_dir, path) = made();
    let mut both = fifo::open_both(&path).unwrap();
    assert!(fifo::is_writable(&both));
    let len = fill(&both);
    assert_eq!(fifo::waiting(&both).unwrap(), len);
    assert!(!fifo::is_writable(&both));
    let mut bytes = [0; 4096];
    both.read_exact(&mut bytes).unwrap();
    assert!(fifo::is_writable(&both));
    both.write_all(&bytes).unwrap();
    assert!(!fifo::is_writable(&both));
}

#[test]
fn a_pipe_without_a_reader_is_no_reason_to_wait() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    drop(reader);
    if fifo::is_writable(&writer) {
        assert_eq!(errno(writer.write_all(b"x")), Some(libc::EPIPE));
    }
}

#[test]
fn a_pipe_opened_once_more_does_not_block_and_the_old_description_does() {
    let (reader, writer) = std::io::pipe().unwrap();
    let own = fifo::reopen_writer(&writer).unwrap();
    assert!(!is_blocking(&own) && is_blocking(&writer));
    let len = fill(&own);
    assert_eq!(errno((&own).write(b"x")), Some(libc::EAGAIN));
    let mut bytes = vec![0; len];
    (&reader).read_exact(&mut bytes).unwrap();
    (&own).write_all(b"x").unwrap();
}

#[test]
fn a_pipe_that_nobody_reads_does_not_block_either() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let own = fifo::reopen_writer(&writer).unwrap();
    assert_eq!(errno((&own).write(b"x")), Some(libc::EPIPE));
}

#[test]
fn what_is_no_pipe_is_not_opened_once_more() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let file = OpenOptions::new().write(true).create_new(true).open(path).unwrap();
    assert!(fifo::reopen_writer(&file).is_none());
}
