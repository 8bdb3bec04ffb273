//! How a program is found and what is said when it is not: the same for every command that runs
//! one (`pathexec_run.c`).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use crate::support::Sandbox;

/// Each reason why a program cannot be run, as `prog` says it.
pub(crate) fn what_cannot_be_run_is_said_with_its_reason(sandbox: &Sandbox, prog: &str) {
    let here = sandbox.service(".");
    here.write("plain", "#!/bin/sh\n");
    here.executable("no-format", "no program at all\n");
    here.executable("lost", "#!/nowhere/interpreter\n");
    symlink("loop", here.path("loop")).unwrap();
    let long = "x".repeat(300);
    let table = [
        ("nonesuch", "file does not exist"),
        ("--", "file does not exist"),
        ("-x", "file does not exist"),
        ("", "access denied"), // every directory of PATH
        ("./", "access denied"),
        ("./plain", "access denied"),
        ("./nonesuch", "file does not exist"),
        ("./lost", "file does not exist"),
        ("./no-format", "exec format error"),
        ("./loop", "symbolic link loop"),
        ("plain/x", "not a directory"),
        (&long, "file name too long"),
    ];
    for (name, reason) in table {
        let fatal = format!("{prog}: fatal: unable to run {name}: {reason}\n");
        sandbox.tool(prog, &[name, "argument"]).is(111, "", &fatal);
    }
    let name = OsStr::from_bytes(b"none\xff\xfesuch\n");
    let fatal =
        [prog.as_bytes(), b": fatal: unable to run none\xff\xfesuch\n: file does not exist\n"];
    assert_eq!(sandbox.tool(prog, &[name]).err, fatal.concat());
}

/// Which error of several elements of PATH is told, and which ends the search.
pub(crate) fn path_is_searched_to_its_end_but_for_real_trouble(sandbox: &Sandbox, prog: &str) {
    let refusing = sandbox.service("refusing");
    refusing.write("it", "");
    let (good, last) = (sandbox.service("good"), sandbox.service("last"));
    good.executable("it", "#!/bin/sh\necho found\n");
    last.executable("it", "no program at all\n");
    sandbox.service("plain").write("file", "");
    let program = sandbox.pair().tools.bin(&sandbox.path("")).join(prog);
    let program = program.display();
    let table = [
        ("nowhere:good", 0, "found\n", ""),
        ("refusing:good", 0, "found\n", ""),
        ("good/it/:good", 111, "", "not a directory"),
        ("plain/file:good", 111, "", "not a directory"),
        ("last:good", 111, "", "exec format error"),
        ("refusing:nowhere", 111, "", "access denied"),
        ("refusing:plain/file", 111, "", "not a directory"),
        ("nowhere:nowhere", 111, "", "file does not exist"),
        ("", 111, "", "file does not exist"),
    ];
    for (path, code, out, reason) in table {
        let ran = sandbox.shell(&format!("PATH={path} exec {program} it"));
        let fatal = format!("{prog}: fatal: unable to run it: {reason}\n");
        ran.is(code, out, if reason.is_empty() { "" } else { &fatal });
    }
    let out = |script: &str| sandbox.shell(&format!("{script} exec {program} it")).text();
    for here in ["", ":nowhere", "nowhere:", "nowhere::nowhere"] {
        assert_eq!(out(&format!("cd good; PATH={here}")), "found\n", "{here:?}");
    }
    let ran = sandbox.shell(&format!("unset PATH; exec {program} echo without a path"));
    ran.is(0, "without a path\n", "");
}

/// Words and environment arrive byte by byte, whatever they are.
pub(crate) fn words_and_environment_arrive_as_they_are(sandbox: &Sandbox, prog: &str) {
    let show: OsString = "exec 0</proc/$$/cmdline; cat".into();
    let words = [b"a\xff\xfe\nb".to_vec(), Vec::new(), b"--help".to_vec(), vec![b'x'; 100_000]];
    let script = ["sh".into(), "-c".into(), show].into_iter();
    let words: Vec<OsString> =
        script.chain(words.iter().map(|word| OsStr::from_bytes(word).to_owned())).collect();
    let expected: Vec<u8> =
        words.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
    let ran = sandbox.tool(prog, &words);
    assert!(ran.out == expected && ran.code == 0, "{ran:?}");
    let environ = |prefix: &str| {
        let script = format!("A=1 B= exec {prefix} cat /proc/self/environ");
        sandbox.shell(&script).out
    };
    assert_eq!(environ(prog), environ(""));
}

/// What std does to SIGPIPE at the start of a program is not seen.
pub(crate) fn signals_are_passed_on(sandbox: &Sandbox, prog: &str) {
    for given in ["--default-signal=PIPE", "--ignore-signal=PIPE", "--ignore-signal=HUP"] {
        let seen = |prefix: &str| {
            let script = format!("exec env {given} {prefix} grep -h ^Sig[BI] /proc/self/status");
            let ran = sandbox.shell(&script);
            assert_eq!(ran.code, 0);
            ran.text()
        };
        assert_eq!(seen(prog), seen(""), "{given}");
    }
}

/// The exit code says it where nobody hears the sentence.
pub(crate) fn a_sentence_that_nobody_hears_changes_no_exit_code(sandbox: &Sandbox, prog: &str) {
    let ran = sandbox.shell(&format!("exec {prog} nonesuch 2>&-"));
    ran.is(111, "", "");
    let ran = sandbox.shell(&format!("exec {prog} nonesuch 2>/dev/full"));
    ran.is(111, "", "");
    let ran = sandbox.shell(&format!("exec {prog} <&- >&- 2>&-"));
    ran.is(100, "", "");
}
