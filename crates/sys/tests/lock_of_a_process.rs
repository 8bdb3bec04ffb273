//! A lock that no child shares. In a process of its own: every child of `lock.rs` would share its.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs::File;
use std::io::{PipeReader, Write as _};
use std::os::fd::AsRawFd as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sys::lock::{acquire_for_process, acquire_for_process_within, acquire_now};

/// A child that has `file` as its standard input, until it is ended.
fn holder(file: &File) -> Child {
    let mut command = Command::new("sleep");
    command.arg("1000").stdin(Stdio::from(file.try_clone().unwrap())).spawn().unwrap()
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_child_that_has_the_descriptor_has_not_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let (own, shared) = (dir.path().join("own"), dir.path().join("shared"));
    let locks = [acquire_for_process(&own).unwrap(), acquire_now(&shared).unwrap()];
    let [one, other] = locks.each_ref().map(holder);
    drop(locks);
    let (own, shared) = (acquire_for_process(&own), acquire_now(&shared));
    end(one);
    end(other);
    own.unwrap();
    assert!(shared.is_err(), "of flock(2)'s locks the child has a share");
}

/// A process that has locked the file and ended, and a child that still shares its descriptors, as
/// one does that svscan has made a moment ago. The child ends when there is a byte to read.
fn left_behind(file: &File, end: &PipeReader) {
    let (end, mut byte) = (end.as_raw_fd(), [0_u8; 1]);
    let lock = || sys::lock::lock_for_process(file).is_ok();
    // SAFETY: no more than fork(2); whoever is made calls the kernel alone, and ends.
    let parent = unsafe { libc::fork() };
    if parent == 0 {
        let flags = libc::CLONE_FILES | libc::SIGCHLD;
        // SAFETY: as above; without a stack of its own it goes on in a copy of ours.
        let child = lock() && unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) } == 0;
        if child {
            // SAFETY: a byte, and room for one.
            unsafe { libc::read(end, byte.as_mut_ptr().cast(), 1) };
        }
        // SAFETY: it ends us.
        unsafe { libc::_exit(0) };
    }
    // SAFETY: our own child.
    assert_eq!(unsafe { libc::waitpid(parent, std::ptr::null_mut(), 0) }, parent);
}

#[test]
fn who_shares_all_descriptors_of_one_that_has_ended_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let file = File::options().append(true).create(true).open(&path).unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    left_behind(&file, &reader);
    assert_eq!(acquire_for_process(&path).unwrap_err().raw_os_error(), Some(libc::EAGAIN));
    assert!(sys::lock::is_left(&path).unwrap());
    let soon = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        writer.write_all(b"x").unwrap();
    });
    acquire_for_process_within(&path, Duration::from_mins(2)).unwrap();
    soon.join().unwrap();
}

#[test]
fn nobody_waits_longer_than_he_wants_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let held = acquire_now(&path).unwrap();
    let again = File::options().append(true).open(&path).unwrap();
    let late = sys::lock::within(again, Duration::from_millis(10), File::lock).unwrap_err();
    assert_eq!(late.raw_os_error(), Some(libc::ETIMEDOUT));
    drop(held);
}
