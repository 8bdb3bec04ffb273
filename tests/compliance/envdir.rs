//! envdir: which files become which variables.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};

use crate::support::{Ran, Sandbox, Service, each_suite, is_root, only_ours};

each_suite!(
    a_first_line_is_a_value,
    blanks_at_the_end_of_the_line_are_removed_and_no_others,
    a_line_of_blanks_is_an_empty_value,
    nuls_become_newlines,
    a_carriage_return_is_kept,
    an_empty_file_takes_the_variable_away,
    an_empty_file_for_a_variable_that_is_not_there_does_nothing,
    a_value_replaces_that_of_old,
    of_a_variable_that_is_there_twice_one_is_replaced,
    names_with_a_dot_at_their_beginning_are_passed_over,
    a_name_with_an_equals_sign_sets_what_stands_before_it,
    names_and_values_need_not_be_text,
    a_link_is_followed,
    a_link_that_leads_in_a_circle_is_fatal,
    a_subdirectory_is_fatal,
    a_file_that_may_not_be_read_is_fatal,
    a_fifo_that_nobody_writes_is_empty,
    a_fifo_with_a_silent_writer_is_not_waited_for,
    a_large_file_has_a_first_line_too,
    a_value_that_no_kernel_takes_is_too_long,
    a_directory_that_is_none_is_fatal,
    a_directory_that_may_not_be_entered_or_read_is_fatal,
    a_directory_may_be_named_in_any_way,
    an_empty_directory_changes_nothing,
    a_thousand_files_are_a_thousand_variables,
    the_program_is_looked_for_in_the_path_of_old,
    a_file_that_is_not_there_when_read_is_no_error,
    wrong_usage_is_111,
);

only_ours!(
    a_link_to_nothing_takes_the_variable_away,
    a_file_without_end_ends,
    a_huge_file_is_not_read_beyond_its_first_line,
    clear_starts_with_nothing,
    a_missing_directory_may_be_ignored,
    a_prefix_stands_before_every_name,
    our_flags_may_be_directories_by_another_name,
    unreadable_is_only_what_is_read,
);

/// What the value of `V` is in the program; nothing where there is none.
const SHOW: &str = "printf '%s' \"${V-unset}.\"";

/// The value of `V` with this file.
fn value(sandbox: &Sandbox, bytes: &[u8]) -> Vec<u8> {
    sandbox.service("d").write("V", bytes);
    let shown = sandbox.shell(&format!("V=old exec envdir d sh -c '{}'", SHOW.replace('\'', "\"")));
    shown.out
}

#[track_caller]
fn gives(sandbox: &Sandbox, bytes: &[u8], expected: &[u8]) {
    let given = value(sandbox, bytes);
    assert_eq!(given.strip_suffix(b"."), Some(expected), "{:?}", String::from_utf8_lossy(bytes));
}

/// The environment that the program has, without what the sandbox puts there.
fn environment(sandbox: &Sandbox, given: &str, words: &str) -> Vec<String> {
    let ran = sandbox.shell(&format!("exec env {given} {words} env"));
    assert_eq!((ran.code, ran.complaint()), (0, String::new()));
    let ours =
        |line: &&str| !["PATH=", "KEEPUP_TEST=", "PWD="].iter().any(|it| line.starts_with(it));
    let mut lines: Vec<String> = ran.text().lines().filter(ours).map(str::to_owned).collect();
    lines.sort();
    lines
}

fn refused(sandbox: &Sandbox, file: &str, reason: &str) {
    let fatal = format!("envdir: fatal: unable to read d/{file}: {reason}\n");
    sandbox.tool("envdir", &["d", "true"]).is(111, "", &fatal);
}

fn a_first_line_is_a_value(sandbox: &Sandbox) {
    gives(sandbox, b"one", b"one");
    gives(sandbox, b"one\n", b"one");
    gives(sandbox, b"one\ntwo\n", b"one");
    gives(sandbox, b"one\n\ntwo", b"one");
    gives(sandbox, b"\ntwo\n", b"");
}

fn blanks_at_the_end_of_the_line_are_removed_and_no_others(sandbox: &Sandbox) {
    gives(sandbox, b"a \t \t\n", b"a");
    gives(sandbox, b"a b\tc ", b"a b\tc");
    gives(sandbox, b" \ta\n", b" \ta");
    gives(sandbox, b"a\x0b\x0c\n", b"a\x0b\x0c");
    gives(sandbox, b"a\n  \n", b"a");
}

fn a_line_of_blanks_is_an_empty_value(sandbox: &Sandbox) {
    gives(sandbox, b"\n", b"");
    gives(sandbox, b" ", b"");
    gives(sandbox, b"\t \t\n", b"");
}

fn nuls_become_newlines(sandbox: &Sandbox) {
    gives(sandbox, b"a\0b\0\0c\n", b"a\nb\n\nc");
    gives(sandbox, b"a\0", b"a\n");
    gives(sandbox, b"\0\n", b"\n");
    gives(sandbox, b"a \0 \n", b"a \n");
}

fn a_carriage_return_is_kept(sandbox: &Sandbox) {
    gives(sandbox, b"a\r\n", b"a\r");
    gives(sandbox, b"a \r\n", b"a \r");
}

fn an_empty_file_takes_the_variable_away(sandbox: &Sandbox) {
    gives(sandbox, b"", b"unset");
}

fn an_empty_file_for_a_variable_that_is_not_there_does_nothing(sandbox: &Sandbox) {
    sandbox.service("d").write("NEW", "");
    assert_eq!(environment(sandbox, "A=1 NEWER=2", "envdir d"), ["A=1", "NEWER=2"]);
}

fn a_value_replaces_that_of_old(sandbox: &Sandbox) {
    let dir = sandbox.service("d");
    dir.write("A", "new");
    dir.write("C", "");
    assert_eq!(environment(sandbox, "A=1 AB=2 B=3 C=4", "envdir d"), ["A=new", "AB=2", "B=3"]);
}

fn of_a_variable_that_is_there_twice_one_is_replaced(sandbox: &Sandbox) {
    let first = sandbox.service("first");
    first.write("A=1", "");
    first.write("B", "1");
    sandbox.service("second").write("A", "new");
    let seen = environment(sandbox, "A=0", "envdir first envdir second");
    assert_eq!(seen, ["A=new", "B=1"]);
}

fn names_with_a_dot_at_their_beginning_are_passed_over(sandbox: &Sandbox) {
    let dir = sandbox.service("d");
    dir.write(".A", "1");
    dir.write("B.", "2");
    dir.write("..C", "3");
    fs::create_dir(dir.path(".D")).unwrap();
    assert_eq!(environment(sandbox, "", "envdir d"), ["B.=2"]);
}

fn a_name_with_an_equals_sign_sets_what_stands_before_it(sandbox: &Sandbox) {
    sandbox.service("d").write("A=B", "v");
    assert_eq!(environment(sandbox, "A=old", "envdir d"), ["A=B=v"]);
    sandbox.service("e").write("A=B", "");
    assert_eq!(environment(sandbox, "A=old", "envdir e"), ["A=B"]);
    sandbox.service("f").write("=", "x");
    assert_eq!(environment(sandbox, "A=old", "envdir f"), ["==x", "A=old"]);
}

fn names_and_values_need_not_be_text(sandbox: &Sandbox) {
    let dir = sandbox.service("d");
    fs::write(dir.path("").join(OsStr::from_bytes(b"\xff\xfe")), b"\x80\x01").unwrap();
    dir.write("a name\twith\nblanks", "1");
    let ran = sandbox.shell("exec env -i \"$(command -v envdir)\" d /usr/bin/env -0");
    let mut lines: Vec<&[u8]> = ran.out.split(|&byte| byte == 0).collect();
    lines.sort_unstable();
    let expected: [&[u8]; 3] = [b"", b"a name\twith\nblanks=1", b"\xff\xfe=\x80\x01"];
    assert_eq!(lines, expected, "{ran:?}");
}

fn a_link_is_followed(sandbox: &Sandbox) {
    let dir = sandbox.service("d");
    sandbox.service("data").write("target", "linked");
    symlink("../data/target", dir.path("V")).unwrap();
    symlink("d", sandbox.path("link")).unwrap();
    assert_eq!(environment(sandbox, "", "envdir link"), ["V=linked"]);
}

fn a_link_that_leads_in_a_circle_is_fatal(sandbox: &Sandbox) {
    symlink("V", sandbox.service("d").path("V")).unwrap();
    refused(sandbox, "V", "symbolic link loop");
}

fn a_subdirectory_is_fatal(sandbox: &Sandbox) {
    sandbox.service("d/sub");
    refused(sandbox, "sub", "is a directory");
}

fn a_file_that_may_not_be_read_is_fatal(sandbox: &Sandbox) {
    sandbox.service("d").write("V", "secret");
    sandbox.shell("chmod 0 d/V").is(0, "", "");
    if is_root() {
        assert_eq!(environment(sandbox, "", "envdir d"), ["V=secret"]);
    } else {
        refused(sandbox, "V", "access denied");
    }
}

fn a_fifo_that_nobody_writes_is_empty(sandbox: &Sandbox) {
    let dir = sandbox.service("d");
    sandbox.make_fifo(&dir.path("V"));
    assert_eq!(environment(sandbox, "V=old W=1", "envdir d"), ["W=1"]);
}

fn a_fifo_with_a_silent_writer_is_not_waited_for(sandbox: &Sandbox) {
    let dir = sandbox.service("d");
    sandbox.make_fifo(&dir.path("V"));
    let mut both = OpenOptions::new();
    both.read(true).write(true).custom_flags(libc::O_NONBLOCK);
    let _writer = both.open(dir.path("V")).unwrap();
    refused(sandbox, "V", "temporary failure");
}

fn a_large_file_has_a_first_line_too(sandbox: &Sandbox) {
    let line = vec![b'x'; 100_000];
    let text = [&line[..], b"  \n", &vec![b'y'; 3_000_000][..]].concat();
    gives(sandbox, &text, &line);
}

fn a_value_that_no_kernel_takes_is_too_long(sandbox: &Sandbox) {
    let fatal = "envdir: fatal: unable to run true: argument list too long\n";
    for size in [3_000_000, 20_000_000] {
        sandbox.service("d").write("V", vec![b'x'; size]);
        sandbox.tool("envdir", &["d", "true"]).is(111, "", fatal);
    }
    let many = sandbox.service("many");
    for number in 0..130 {
        many.write(&format!("V{number}"), vec![b'x'; 100_000]);
    }
    sandbox.tool("envdir", &["many", "true"]).is(111, "", fatal);
}

fn a_directory_that_is_none_is_fatal(sandbox: &Sandbox) {
    sandbox.service("d").write("file", "");
    symlink("circle", sandbox.path("circle")).unwrap();
    let long = "x".repeat(300);
    for (name, reason) in [
        ("nowhere", "file does not exist"),
        ("d/file", "not a directory"),
        ("", "file does not exist"),
        ("circle", "symbolic link loop"),
        (&long, "file name too long"),
    ] {
        let fatal = format!("envdir: fatal: unable to switch to directory {name}: {reason}\n");
        sandbox.tool("envdir", &[name, "true"]).is(111, "", &fatal);
    }
}

fn a_directory_that_may_not_be_entered_or_read_is_fatal(sandbox: &Sandbox) {
    sandbox.service("d").write("V", "1");
    if is_root() {
        return;
    }
    let refused = |mode: &str, verb: &str| {
        sandbox.shell(&format!("chmod {mode} d")).is(0, "", "");
        let fatal = format!("envdir: fatal: unable to {verb} directory d: access denied\n");
        sandbox.tool("envdir", &["d", "true"]).is(111, "", &fatal);
    };
    refused("600", "switch to");
    refused("000", "switch to");
    refused("300", "read");
    sandbox.shell("chmod 700 d").is(0, "", "");
}

fn a_directory_may_be_named_in_any_way(sandbox: &Sandbox) {
    for name in ["-p x", "--", "-", "a b", "-x", "--clear="] {
        sandbox.service(name).write("V", name);
        let ran = sandbox.tool("envdir", &[name, "sh", "-c", SHOW]);
        ran.is(0, &format!("{name}."), "");
    }
    let here = sandbox.shell("cd -- -x && exec envdir . sh -c 'echo $V'");
    here.is(0, "-x\n", "");
    let absolute = sandbox.path("-x/");
    sandbox.tool("envdir", &[absolute.to_str().unwrap(), "sh", "-c", SHOW]).is(0, "-x.", "");
}

fn an_empty_directory_changes_nothing(sandbox: &Sandbox) {
    sandbox.service("d");
    let bare = sandbox.shell("exec env A=1 env");
    assert_eq!(sandbox.shell("exec env A=1 envdir d env"), bare);
}

fn a_thousand_files_are_a_thousand_variables(sandbox: &Sandbox) {
    let dir = sandbox.service("d");
    for number in 0..1000 {
        dir.write(&format!("V{number}"), format!("{number}"));
    }
    let seen = environment(sandbox, "V7=old", "envdir d");
    let mut expected: Vec<_> = (0..1000).map(|number| format!("V{number}={number}")).collect();
    expected.sort();
    assert_eq!(seen, expected);
}

fn the_program_is_looked_for_in_the_path_of_old(sandbox: &Sandbox) {
    sandbox.service("a").executable("prog", "#!/bin/sh\necho a $PATH\n");
    sandbox.service("b").executable("prog", "#!/bin/sh\necho b\n");
    sandbox.service("d").write("PATH", "b");
    let script = "exec env PATH=a \"$(command -v envdir)\" d prog";
    sandbox.shell(script).is(0, "a b\n", "");
}

fn a_file_that_is_not_there_when_read_is_no_error(sandbox: &Sandbox) {
    symlink("nowhere", sandbox.service("d").path("V")).unwrap();
    sandbox.tool("envdir", &["d", "true"]).is(0, "", "");
    assert_eq!(environment(sandbox, "V=1 W=1", "envdir d"), ["W=1"]);
}

fn wrong_usage_is_111(sandbox: &Sandbox) {
    sandbox.service("d").write("sub", "");
    let usage = "envdir: usage: envdir dir child\n";
    sandbox.tool::<&str>("envdir", &[]).is(111, "", usage);
    sandbox.tool("envdir", &["d"]).is(111, "", usage);
    sandbox.tool("envdir", &["nowhere"]).is(111, "", usage);
    sandbox.tool("envdir", &["-I"]).is(111, "", usage);
}

fn a_link_to_nothing_takes_the_variable_away(sandbox: &Sandbox) {
    let dir = sandbox.service("d");
    for name in ["A", "C", "E"] {
        dir.write(name, "value");
    }
    for name in ["B", "D", "F"] {
        symlink("nowhere", dir.path(name)).unwrap();
    }
    let seen = environment(sandbox, "B=1 D=2 F=3", "envdir d");
    assert_eq!(seen, ["A=value", "C=value", "E=value"]);
}

fn a_file_without_end_ends(sandbox: &Sandbox) {
    let dir = sandbox.service("d");
    let fatal = "envdir: fatal: unable to run true: argument list too long\n";
    for device in ["/dev/zero", "/dev/urandom"] {
        let _ = fs::remove_file(dir.path("V"));
        symlink(device, dir.path("V")).unwrap();
        let ran = sandbox.shell("ulimit -v 200000; exec envdir d true");
        if device == "/dev/zero" {
            ran.is(111, "", fatal);
        } else {
            ran.is(0, "", "");
        }
    }
}

fn a_huge_file_is_not_read_beyond_its_first_line(sandbox: &Sandbox) {
    let dir = sandbox.service("d");
    dir.write("V", "one\n");
    let file = OpenOptions::new().write(true).open(dir.path("V")).unwrap();
    file.set_len(1 << 40).unwrap();
    assert_eq!(environment(sandbox, "", "envdir d"), ["V=one"]);
}

fn clear_starts_with_nothing(sandbox: &Sandbox) {
    let dir = sandbox.service("d");
    dir.write("V", "1");
    dir.write("PATH", "/none");
    let ran = sandbox.shell("A=1 exec envdir --clear d env");
    let mut lines: Vec<String> = ran.text().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["PATH=/none", "V=1"], "{ran:?}");
}

fn a_missing_directory_may_be_ignored(sandbox: &Sandbox) {
    assert_eq!(environment(sandbox, "A=1", "envdir -I nowhere"), ["A=1"]);
    assert_eq!(environment(sandbox, "A=1", "envdir --ignore-missing no/where"), ["A=1"]);
    let found = |dir: &Service| dir.write("V", "1");
    found(&sandbox.service("d"));
    assert_eq!(environment(sandbox, "", "envdir -I d"), ["V=1"]);
    let fatal = "envdir: fatal: unable to switch to directory d/V: not a directory\n";
    sandbox.tool("envdir", &["-I", "d/V", "true"]).is(111, "", fatal);
}

fn a_prefix_stands_before_every_name(sandbox: &Sandbox) {
    let dir = sandbox.service("d");
    dir.write("V", "1");
    dir.write("W", "");
    for words in ["envdir -p MY_ d", "envdir --prefix MY_ d", "envdir --prefix=MY_ d"] {
        assert_eq!(environment(sandbox, "V=2 MY_W=3", words), ["MY_V=1", "V=2"], "{words}");
    }
    let asked: Ran = sandbox.tool("envdir", &["-p"]);
    assert_eq!(asked.code, 100, "{asked:?}");
}

fn our_flags_may_be_directories_by_another_name(sandbox: &Sandbox) {
    sandbox.service("--clear").write("V", "1");
    assert_eq!(environment(sandbox, "A=1", "envdir ./--clear"), ["A=1", "V=1"]);
}

fn unreadable_is_only_what_is_read(sandbox: &Sandbox) {
    sandbox.service("d").write("V", "1");
    sandbox.service("here");
    let script = "cd here && chmod 300 . && envdir \"$OLDPWD/d\" sh -c 'echo $V'; chmod 700 .";
    sandbox.shell(script).is(0, "1\n", "");
}
