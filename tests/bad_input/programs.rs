//! How each program is called: harmlessly, whatever is done to it besides.

use std::process::Command;

/// A program of this suite.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// Stands before every argument of ours.
    pub(crate) before: &'static [&'static str],
    /// Command lines that make it do its work; `@` is replaced by the name of a file.
    pub(crate) works: &'static [&'static [&'static str]],
    /// It may go on until it gets TERM.
    pub(crate) stays: bool,
    /// It may fail without a word.
    pub(crate) mute: bool,
    /// Exit code 1 is a finding, which it prints.
    pub(crate) finds: bool,
}

const fn tool(name: &'static str, works: &'static [&'static [&'static str]]) -> Program {
    Program { name, before: &[], works, stays: false, mute: false, finds: false }
}

const fn daemon(name: &'static str, works: &'static [&'static [&'static str]]) -> Program {
    Program { stays: true, ..tool(name, works) }
}

/// Every program, also those that are not there yet. The operand of svscanboot is never missing,
/// or it would take `/service`.
const PROGRAMS: [Program; 23] = [
    tool("keepup", &[&[], &["@"], &["svstat", "@"]]),
    daemon("svscan", &[&["@"]]),
    daemon("supervise", &[&["@"]]),
    tool("svc", &[&["-u", "@"]]),
    tool("svscanctl", &[&["-h", "@"]]),
    tool("svstat", &[&["@"], &["-v", "@"], &["--json", "@"]]),
    Program { mute: true, ..tool("svok", &[&["@"]]) },
    Program { finds: true, ..tool("svcheck", &[&["@"], &["-v", "-s", "@"]]) },
    tool("svlog", &[&["@"], &["--json", "-n", "3", "@"], &["--since", "@", "@"]]),
    daemon("multilog", &[&["@"], &["t", "s4096", "n2", "e", "=@"], &["@/log"]]),
    tool("tai64n", &[&[], &["@"]]),
    tool("tai64nlocal", &[&[]]),
    Program { before: &["missing"], mute: true, ..tool("svscanboot", &[&[]]) },
    tool("fghack", &[&["true"], &["@"]]),
    tool("pgrphack", &[&["true"], &["@"]]),
    Program { mute: true, ..tool("readproctitle", &[&["....."], &["@"]]) },
    tool("setuidgid", &[&["root", "@"], &["@", "true"]]),
    tool("envuidgid", &[&["root", "@"], &["root", "true"]]),
    tool("envdir", &[&["@", "true"]]),
    tool("softlimit", &[&["-o", "20", "true"], &["@"]]),
    tool("setlock", &[&["@", "true"], &["-nx", "@", "true"], &["lock", "@"]]),
    Program {
        before: &["-s", "missing"],
        ..tool("ntpctl", &[&["-s", "@"], &["-s", "@/x", "step"], &["--json", "-s", "@"]])
    },
    Program {
        before: &["--observe", "--serve", "127.0.0.1:0"],
        ..daemon(
            "ntpd",
            &[
                &["-c", "@"],
                &["-f", "@"],
                &["-f", "@/x"],
                &["-l", "@"],
                &["-l", "@/x"],
                &["--socket", "@"],
                &["--socket", "@/x"],
            ],
        )
    },
];

/// The programs that are there.
pub(crate) fn programs() -> Vec<Program> {
    let output = Command::new(env!("CARGO_BIN_EXE_keepup")).arg("--list").output().unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = names.lines().chain(["keepup", "ntpd"]).collect();
    PROGRAMS.into_iter().filter(|program| names.contains(&program.name)).collect()
}

#[test]
fn every_command_is_in_the_table() {
    let output = Command::new(env!("CARGO_BIN_EXE_keepup")).arg("--list").output().unwrap();
    for name in String::from_utf8(output.stdout).unwrap().lines() {
        assert!(PROGRAMS.iter().any(|program| program.name == name), "{name}");
    }
}

#[test]
fn no_command_line_of_the_table_could_set_the_clock_or_touch_the_real_scan_directory() {
    let before = |name| PROGRAMS.iter().find(|program| program.name == name).unwrap().before;
    assert_eq!(before("ntpd").first(), Some(&"--observe"));
    assert!(!before("svscanboot").is_empty());
}
