//! Command lines that nobody means.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::place::Run;
use crate::programs::programs;
use crate::try_all;

/// Close to the longest argument that Linux takes.
const LONG: usize = 100 * 1024;

/// More than anybody types.
const MANY: usize = 2000;

fn command_lines() -> Vec<Vec<OsString>> {
    let words = |words: &[&str]| words.iter().map(OsString::from).collect();
    let bytes = |bytes: &[u8]| vec![OsString::from_vec(bytes.to_vec())];
    vec![
        words(&[]),
        words(&[""]),
        words(&["", ""]),
        words(&["-"]),
        words(&["--"]),
        words(&["--", "--"]),
        words(&["-Z"]),
        words(&["-dZ"]),
        words(&["--no-such-option"]),
        words(&["--no-such-option=value"]),
        words(&["--help=value"]),
        words(&["--help", "operand"]),
        words(&["-\u{fffd}"]),
        words(&["line\nbreak\u{1b}[2J"]),
        bytes(&[b'a'; LONG]),
        bytes(&[&b"-"[..], &[b'Z'; LONG]].concat()),
        bytes(&[&b"--"[..], &[b'z'; LONG]].concat()),
        vec![OsString::from("x"); MANY],
        bytes(b"\xff\xfe"),
        bytes(b"-\xff"),
        bytes(b"--\xff=\xfe"),
    ]
}

#[test]
fn no_command_line_is_too_odd() {
    let mut runs = Vec::new();
    for program in programs() {
        for arguments in command_lines() {
            runs.push(Run { arguments, ..Run::new(program, &[]) });
        }
    }
    try_all(&runs);
}

#[test]
fn keepup_that_is_called_by_no_name_or_a_strange_one_is_keepup() {
    for name in ["", "/", "..", "-svc", "svc/", "svc\n"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keepup"));
        let output = command.arg0(name).arg("--list").output().unwrap();
        let is_svc = name == "svc/";
        assert_eq!(output.status.code(), Some(if is_svc { 100 } else { 0 }), "{name:?} {output:?}");
        assert_eq!(output.stdout.is_empty(), is_svc, "{name:?} {output:?}");
    }
}
