//! A lock is shared with every child until it executes: so nothing is started in this process.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use sys::lock::{acquire_now, holder};

#[test]
fn a_lock_is_held_once_and_freed_with_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let held = acquire_now(&path).unwrap();
    let refused = acquire_now(&path).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EAGAIN));
    drop(held);
    acquire_now(&path).unwrap();
}

#[test]
fn a_lock_lasts_until_the_last_copy_of_its_descriptor_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let held = acquire_now(&path).unwrap();
    let copy = held.try_clone().unwrap();
    drop(held);
    assert!(acquire_now(&path).is_err());
    drop(copy);
    acquire_now(&path).unwrap();
}

#[test]
fn a_link_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, foreign) = (dir.path().join("lock"), dir.path().join("foreign"));
    std::os::unix::fs::symlink(&foreign, &path).unwrap();
    assert_eq!(acquire_now(&path).unwrap_err().raw_os_error(), Some(libc::ELOOP));
    assert!(!foreign.exists());
}

#[test]
fn a_fifo_in_its_place_makes_nobody_wait() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    sys::fifo::make(&path).unwrap();
    assert_eq!(acquire_now(&path).unwrap_err().raw_os_error(), Some(libc::ENXIO));
}

#[test]
fn we_are_found_as_the_holder_of_our_own_lock() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let lock = acquire_now(&path).unwrap();
    let found = holder(&path);
    // None: a file system that shows other devices, or a sandbox without /proc/locks.
    assert!(found.is_none_or(|pid| pid == std::process::id()), "{found:?}");
    drop(lock);
    assert_eq!(holder(&path), None);
}
