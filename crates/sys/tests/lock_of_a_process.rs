//! A lock that no child shares. In a process of its own: every child of `lock.rs` would share its.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs::File;
use std::process::{Child, Command, Stdio};

use sys::lock::{acquire_for_process, acquire_now};

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
