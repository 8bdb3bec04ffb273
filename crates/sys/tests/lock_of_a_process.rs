//! A lock that no child shares. In a process of its own: every child of `lock.rs` would share its.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{ptr, thread};

use sys::lock::{acquire_for_process, acquire_now, lock_for_process};

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

/// A process that takes the lock and ends, while its child shares its table of descriptors until
/// there is something to read.
fn end_with_a_child_in_the_table(file: &File, until: &io::PipeReader) {
    let null = ptr::null_mut::<libc::c_void>;
    // SAFETY: the child makes only system calls, and does not return.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let locked = lock_for_process(file).is_ok();
        let flags = libc::c_long::from(libc::CLONE_FILES | libc::SIGCHLD);
        // SAFETY: without a stack and CLONE_VM this is fork(2), but for the table.
        let born = unsafe { libc::syscall(libc::SYS_clone, flags, null(), null(), null(), null()) };
        if born == 0 {
            let mut byte = 0_u8;
            // SAFETY: room for one byte.
            unsafe { libc::read(until.as_raw_fd(), (&raw mut byte).cast(), 1) };
        }
        // SAFETY: ends the child without running anything of the parent's.
        unsafe { libc::_exit(i32::from(!locked || born < 0)) };
    }
    let mut status = -1;
    // SAFETY: room for the status of a child of ours.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0);
}

#[test]
fn a_child_that_is_just_born_when_its_parent_is_killed_keeps_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let file = File::create(&path).unwrap();
    let (until, mut go_on) = io::pipe().unwrap();
    end_with_a_child_in_the_table(&file, &until);
    let held = lock_for_process(&file).unwrap_err();
    assert_eq!(held.kind(), io::ErrorKind::WouldBlock, "the child has the lock");
    let later = thread::spawn(move || {
        // Earlier than the first try of the others it would be no test, but no failure either.
        thread::sleep(Duration::from_millis(50));
        go_on.write_all(b"x").unwrap();
    });
    let acquired = acquire_for_process(&path);
    later.join().unwrap();
    acquired.unwrap();
}
