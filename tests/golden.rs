//! What every program says when it is asked for help, asked wrongly, or cannot do what it is asked:
//! to the letter, in `tests/golden/NAME.txt`. Scripts match these words, and people read them.
//!
//! A line of standard error begins with `! `. Each command line has a directory of its own, with a
//! directory `dir`, a file `file` and a file `conf` in it, and nothing on standard input.
//!
//! After a change that is meant: `KEEPUP_GOLDEN=write cargo test --test golden`, and read the diff.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What every program is asked. Of those that take no options the last one is an operand.
const ALWAYS: [&[&str]; 3] = [&["--help"], &["--version"], &["--no-such-option"]];

/// What else each is asked. Nothing here may begin its work: ntpd could set the clock, svscan would
/// run for ever.
const CASES: [(&str, &[&[&str]]); 22] = [
    (
        "keepup",
        &[&[], &["--list-all"], &["-l"], &["nobody"], &["ntpd"], &["svok"], &["svok", "dir"]],
    ),
    ("svscan", &[&["missing"], &["file"], &["dir", "dir"], &["--grace"], &["--grace", "soon"]]),
    ("supervise", &[&[], &["missing"], &["file"], &["dir", "dir"], &[""]]),
    (
        "svc",
        &[
            &[],
            &["-z"],
            &["-u", "missing", "dir", "file", ""],
            &["--nap", "dir"],
            &["restart", "dir"],
        ],
    ),
    ("svstat", &[&[], &["missing", "dir", "file", ""]]),
    ("svcheck", &[&["missing"], &["-s"], &["-s", "missing"], &["-z", "dir"]]),
    (
        "svlog",
        &[&[], &["missing"], &["dir"], &["./file"], &["-n", "x", "dir"], &["--since", "x", "dir"]],
    ),
    ("svok", &[&[], &["missing"], &["dir"], &["file"], &[""]]),
    ("multilog", &[&[], &["t", "./file"], &["./missing/dir"], &["=missing/file"], &["z", "-*"]]),
    ("tai64n", &[&[], &["operand"]]),
    ("tai64nlocal", &[&[], &["operand"]]),
    ("svscanboot", &[&["missing"], &["dir", "dir"]]),
    ("fghack", &[&[], &["./missing"], &["./dir"]]),
    ("pgrphack", &[&[], &["./missing"], &["./dir"]]),
    ("readproctitle", &[&[], &["...."]]),
    ("setuidgid", &[&[], &["root"], &["no-such-account", "true"]]),
    ("envuidgid", &[&[], &["root"], &["no-such-account", "true"], &["root", "./missing"]]),
    ("envdir", &[&[], &["dir"], &["missing", "true"], &["dir", "./missing"]]),
    ("softlimit", &[&[], &["-z", "true"], &["-o"], &["-o", "x", "true"], &["./missing"]]),
    ("setlock", &[&[], &["file"], &["dir", "true"], &["-x", "dir", "true"], &["-z", "file"]]),
    (
        "ntpctl",
        &[
            &["-s", "missing"],
            &["-s", "missing", "step"],
            &["-s", "file", "--json"],
            &["sauces"],
            &["sources", "history"],
            &["--json", "sources"],
        ],
    ),
    (
        "ntpd",
        &[
            &["--observe", "operand"],
            &["--observe", "-p"],
            &["--observe", "-c", "missing"],
            &["--observe", "-c", "dir"],
            &["--observe", "-c", "conf"],
            &["--observe", "-c", "/dev/null"],
            &["--observe", "--serve", "here"],
            &["--observe", "--stratum", "3", "-p", "localhost"],
            &["--observe", "--serve", "127.0.0.1:0", "--stratum", "16"],
            &["--observe", "--serve", "127.0.0.1:0", "--serve-offset", "much"],
            &["--observe", "--serve", "127.0.0.1:0", "-l", "missing/log"],
            &["--observe", "-p", "localhost", "--ready-within", "soon"],
            &["--observe", "-p", "localhost", "--ready-within", "1s", "--ready-fd", "2"],
            &["--observe", "-p", "localhost", "--ready-fd", "3"],
        ],
    ),
];

fn directory() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or(env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
        .join("tests/golden")
}

/// The names of all programs.
fn programs() -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_keepup")).arg("--list").output().unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    names.lines().chain(["keepup", "ntpd"]).map(str::to_owned).collect()
}

/// The whole of one program's file.
fn said(name: &str) -> String {
    let own = CASES.iter().find(|(program, _)| *program == name).map_or(&[][..], |(_, own)| own);
    ALWAYS.iter().chain(own).map(|arguments| case(name, arguments)).collect::<Vec<_>>().join("\n")
}

/// One command line, what it says, and how it ends.
fn case(name: &str, arguments: &[&str]) -> String {
    let place = tempfile::tempdir().unwrap();
    let bin = place.path().join("bin");
    for directory in [&bin, &place.path().join("dir")] {
        fs::create_dir(directory).unwrap();
    }
    let program = match name {
        "ntpd" => env!("CARGO_BIN_EXE_ntpd"),
        _ => env!("CARGO_BIN_EXE_keepup"),
    };
    symlink(program, bin.join(name)).unwrap();
    fs::write(place.path().join("file"), "").unwrap();
    fs::write(place.path().join("conf"), "server 192.0.2.1\nsevrer 192.0.2.2\n").unwrap();
    let output = Command::new(bin.join(name))
        .args(arguments)
        .env_clear()
        .env("PATH", "/bin:/usr/bin")
        .current_dir(place.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut text = format!("$ {name}");
    for word in arguments {
        let _ = write!(text, " {}", if word.is_empty() { "''" } else { word });
    }
    text.push('\n');
    text.push_str(&String::from_utf8(output.stdout).unwrap());
    for line in String::from_utf8(output.stderr).unwrap().lines() {
        let _ = writeln!(text, "! {line}");
    }
    let code = output.status.code().unwrap_or_else(|| panic!("{text}{}", output.status));
    let _ = writeln!(text, "exit {code}");
    text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

fn is_to_be_written() -> bool {
    std::env::var_os("KEEPUP_GOLDEN").is_some_and(|value| value == "write")
}

fn compare(path: &Path, said: &str) {
    let there = fs::read_to_string(path).unwrap_or_default();
    let other = there.lines().zip(said.lines()).find(|(there, said)| there != said);
    assert!(
        there == said,
        "{} says something else, first {other:?}; if that is meant: KEEPUP_GOLDEN=write",
        path.display()
    );
}

#[test]
fn every_program_says_what_it_said() {
    for name in programs() {
        let path = directory().join(format!("{name}.txt"));
        if is_to_be_written() {
            fs::write(&path, said(&name)).unwrap();
        }
        compare(&path, &said(&name));
    }
}

#[test]
fn no_file_is_of_a_program_that_is_gone() {
    let programs: BTreeSet<String> = programs().into_iter().collect();
    for entry in fs::read_dir(directory()).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        assert!(programs.contains(name.trim_end_matches(".txt")), "{name}");
    }
}

#[test]
fn another_word_is_seen() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("svok.txt");
    fs::write(&path, said("svok")).unwrap();
    compare(&path, &said("svok"));
    let changed = said("svok").replace("file does not exist", "no such file");
    assert!(std::panic::catch_unwind(|| compare(&path, &changed)).is_err());
}
