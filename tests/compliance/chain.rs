//! What setuidgid, envuidgid, envdir, softlimit and setlock share: how the next program is found,
//! and that it inherits everything as it was.

use std::fs;

use crate::support::{Ran, Sandbox, each_suite, is_root, only_ours};

each_suite!(
    a_program_that_is_not_there_is_111,
    a_name_with_a_slash_is_executed_as_it_is,
    the_first_program_in_path_runs,
    an_empty_element_of_path_is_the_current_directory,
    without_path_it_is_looked_for_in_bin,
    a_file_that_may_not_be_executed_is_passed_over_and_remembered,
    a_directory_of_that_name_is_passed_over_and_remembered,
    an_element_of_path_that_is_no_directory_ends_the_search,
    a_file_that_is_no_program_ends_the_search,
    an_empty_name_is_a_directory_of_path,
    every_word_reaches_the_program_as_it_is,
    the_exit_code_is_that_of_the_program,
    the_program_has_the_pid_of_the_tool,
    signals_reach_the_program_as_they_were,
    the_environment_reaches_the_program_in_its_order,
    descriptors_reach_the_program_as_they_were,
    a_closed_descriptor_stays_closed,
    directory_umask_and_limits_reach_the_program,
    options_of_the_program_are_not_ours,
    no_program_is_wrong_usage,
    words_that_look_like_long_flags_are_operands_of_old,
);

only_ours!(
    a_lock_does_not_take_the_place_of_a_closed_descriptor,
    a_complaint_goes_nowhere_where_standard_error_is_closed,
);

/// Each tool with what it needs before the program, and its name. Only root may use setuidgid.
fn tools(sandbox: &Sandbox) -> Vec<(&'static str, &'static str)> {
    fs::create_dir_all(sandbox.path("env")).unwrap();
    let mut tools = vec![
        ("envuidgid", "envuidgid nobody"),
        ("envdir", "envdir env"),
        ("softlimit", "softlimit -c 0"),
        ("setlock", "setlock lock"),
    ];
    if is_root() {
        tools.push(("setuidgid", "setuidgid root"));
    }
    tools
}

/// All of them in a row.
fn chain(sandbox: &Sandbox) -> String {
    tools(sandbox).into_iter().map(|(_, words)| words).collect::<Vec<_>>().join(" ")
}

/// Runs each tool by its path with this PATH and this program.
fn each_with_path(sandbox: &Sandbox, path: &str, program: &str, judge: impl Fn(&str, Ran)) {
    for (name, words) in tools(sandbox) {
        let arguments = words.split_once(' ').unwrap().1;
        let script = format!("exec env PATH={path} \"$(command -v {name})\" {arguments} {program}");
        judge(name, sandbox.shell(&script));
    }
}

fn unable(name: &str, program: &str, reason: &str) -> String {
    format!("{name}: fatal: unable to run {program}: {reason}\n")
}

fn script(sandbox: &Sandbox, path: &str, says: &str) {
    let (dir, file) = path.split_once('/').unwrap();
    sandbox.service(dir).executable(file, &format!("#!/bin/sh\necho {says}\n"));
}

fn a_program_that_is_not_there_is_111(sandbox: &Sandbox) {
    each_with_path(sandbox, "/bin", "no-such-program a", |name, ran| {
        ran.is(111, "", &unable(name, "no-such-program", "file does not exist"));
    });
    each_with_path(sandbox, "/bin", "./none", |name, ran| {
        ran.is(111, "", &unable(name, "./none", "file does not exist"));
    });
}

fn a_name_with_a_slash_is_executed_as_it_is(sandbox: &Sandbox) {
    script(sandbox, "a/prog", "a");
    script(sandbox, "b/prog", "b");
    each_with_path(sandbox, "b", "a/prog", |_, ran| ran.is(0, "a\n", ""));
    fs::write(sandbox.path("a/plain"), "").unwrap();
    each_with_path(sandbox, "b", "a/plain", |name, ran| {
        ran.is(111, "", &unable(name, "a/plain", "access denied"));
    });
}

fn the_first_program_in_path_runs(sandbox: &Sandbox) {
    script(sandbox, "a/prog", "a");
    script(sandbox, "b/prog", "b");
    each_with_path(sandbox, "none:b:a", "prog", |_, ran| ran.is(0, "b\n", ""));
}

fn an_empty_element_of_path_is_the_current_directory(sandbox: &Sandbox) {
    script(sandbox, "./prog", "a");
    for path in ["", ":none", "none:", "none::none2"] {
        each_with_path(sandbox, path, "prog", |_, ran| ran.is(0, "a\n", ""));
    }
}

fn without_path_it_is_looked_for_in_bin(sandbox: &Sandbox) {
    for (name, words) in tools(sandbox) {
        let arguments = words.split_once(' ').unwrap().1;
        let script = format!("exec env -u PATH \"$(command -v {name})\" {arguments} echo found");
        sandbox.shell(&script).is(0, "found\n", "");
    }
}

fn a_file_that_may_not_be_executed_is_passed_over_and_remembered(sandbox: &Sandbox) {
    sandbox.service("a").write("prog", "");
    sandbox.service("c");
    each_with_path(sandbox, "a:c", "prog", |name, ran| {
        ran.is(111, "", &unable(name, "prog", "access denied"));
    });
    script(sandbox, "b/prog", "b");
    each_with_path(sandbox, "a:c:b", "prog", |_, ran| ran.is(0, "b\n", ""));
}

fn a_directory_of_that_name_is_passed_over_and_remembered(sandbox: &Sandbox) {
    sandbox.service("a/prog");
    each_with_path(sandbox, "a:/bin", "prog", |name, ran| {
        ran.is(111, "", &unable(name, "prog", "access denied"));
    });
    script(sandbox, "b/prog", "b");
    each_with_path(sandbox, "a:b", "prog", |_, ran| ran.is(0, "b\n", ""));
}

fn an_element_of_path_that_is_no_directory_ends_the_search(sandbox: &Sandbox) {
    sandbox.service("a").write("file", "");
    each_with_path(sandbox, "a/file:/bin", "true", |name, ran| {
        ran.is(111, "", &unable(name, "true", "not a directory"));
    });
}

fn a_file_that_is_no_program_ends_the_search(sandbox: &Sandbox) {
    sandbox.service("a").executable("true", "nothing of a script\n");
    each_with_path(sandbox, "a:/bin", "true", |name, ran| {
        ran.is(111, "", &unable(name, "true", "exec format error"));
    });
}

fn an_empty_name_is_a_directory_of_path(sandbox: &Sandbox) {
    each_with_path(sandbox, "/bin", "''", |name, ran| {
        ran.is(111, "", &unable(name, "", "access denied"));
    });
    each_with_path(sandbox, "/none", "''", |name, ran| {
        ran.is(111, "", &unable(name, "", "file does not exist"));
    });
}

fn every_word_reaches_the_program_as_it_is(sandbox: &Sandbox) {
    let show = "sh -c 'printf \"%s,\" \"$0\" \"$@\"' zero '' 'a b' -- -n --help '*' \
        \"$(printf '\\377')\"";
    let shown = sandbox.shell(&format!("exec {} {show}", chain(sandbox)));
    assert_eq!(shown.out, b"zero,,a b,--,-n,--help,*,\xff,", "{shown:?}");
    assert_eq!((shown.code, shown.complaint()), (0, String::new()));
}

fn the_exit_code_is_that_of_the_program(sandbox: &Sandbox) {
    for code in [0, 1, 100, 111, 255] {
        sandbox.shell(&format!("exec {} sh -c 'exit {code}'", chain(sandbox))).is(code, "", "");
    }
    let killed = sandbox.shell(&format!("exec {} sh -c 'kill -TERM $$'", chain(sandbox)));
    killed.is(128 + libc::SIGTERM, "", "");
}

fn the_program_has_the_pid_of_the_tool(sandbox: &Sandbox) {
    let ran = sandbox.shell(&format!("echo $$; exec {} sh -c 'echo $$'", chain(sandbox)));
    let text = ran.text();
    let mut pids = text.lines();
    assert_eq!(pids.next(), pids.next(), "{text}");
}

/// What /proc says of a program about its signals.
const SIGNALS: &str = "grep -E '^(Shd|Sig)(Pnd|Blk|Ign|Cgt)' /proc/self/status";

fn signals_reach_the_program_as_they_were(sandbox: &Sandbox) {
    for given in [
        "",
        "--ignore-signal=PIPE",
        "--ignore-signal=HUP --ignore-signal=CHLD --ignore-signal=SEGV --ignore-signal=ALRM",
        "--block-signal=USR1 --block-signal=TERM",
        "--ignore-signal=PIPE --block-signal=PIPE",
    ] {
        let bare = sandbox.shell(&format!("exec env {given} {SIGNALS}"));
        assert_eq!(bare.text().lines().count(), 5, "{bare:?}");
        for (_, words) in tools(sandbox) {
            let through = sandbox.shell(&format!("exec env {given} {words} {SIGNALS}"));
            assert_eq!(through, bare, "{words}");
        }
        let through = sandbox.shell(&format!("exec env {given} {} {SIGNALS}", chain(sandbox)));
        assert_eq!(through, bare, "{given}");
    }
}

fn the_environment_reaches_the_program_in_its_order(sandbox: &Sandbox) {
    let given = "ZZ=1 EMPTY= A='x y' =odd \"B=$(printf '\\377')\" _=z PWD=/else UIDS=3";
    let bare = sandbox.shell(&format!("exec env {given} env"));
    assert!(bare.text().contains("\nA=x y\n"), "{bare:?}");
    for (_, words) in tools(sandbox).into_iter().filter(|(name, _)| *name != "envuidgid") {
        assert_eq!(sandbox.shell(&format!("exec env {given} {words} env")), bare, "{words}");
    }
}

/// The numbers of the descriptors that a program has, told to descriptor 9.
const DESCRIPTORS: &str = "sh -c 'for fd in 0 1 2 3 4 5 6 7 8 9; do \
    [ -e /proc/$$/fd/$fd ] && all=$all$fd; done; echo $all >&9'";

fn descriptors_reach_the_program_as_they_were(sandbox: &Sandbox) {
    let given = "</dev/null 5</dev/null 9>&1";
    for (name, words) in tools(sandbox) {
        let ran = sandbox.shell(&format!("exec {words} {DESCRIPTORS} {given}"));
        let lock = if name == "setlock" { "3" } else { "" };
        ran.is(0, &format!("012{lock}59\n"), "");
    }
}

fn a_closed_descriptor_stays_closed(sandbox: &Sandbox) {
    for (name, words) in tools(sandbox) {
        // Their lock takes the lowest descriptor there is.
        if name == "setlock" {
            continue;
        }
        let all_closed = format!("exec {words} {DESCRIPTORS} 9>&1 <&- >&- 2>&-");
        sandbox.shell(&all_closed).is(0, "9\n", "");
        let closed = format!("exec {words} {DESCRIPTORS} 9>&1 >&-");
        sandbox.shell(&closed).is(0, "029\n", "");
    }
}

fn a_lock_does_not_take_the_place_of_a_closed_descriptor(sandbox: &Sandbox) {
    let script = format!("exec setlock lock {DESCRIPTORS} 9>&1 <&- 2>&-");
    sandbox.shell(&script).is(0, "139\n", "");
}

fn a_complaint_goes_nowhere_where_standard_error_is_closed(sandbox: &Sandbox) {
    for (_, words) in tools(sandbox) {
        sandbox.shell(&format!("exec {words} no-such-program 2>&-")).is(111, "", "");
    }
    assert_eq!(fs::read(sandbox.path("lock")).unwrap(), b"");
}

fn directory_umask_and_limits_reach_the_program(sandbox: &Sandbox) {
    sandbox.service("here/env");
    let show = "sh -c 'pwd -P; umask; ulimit -n'";
    let given = "cd here; umask 027; ulimit -n 77";
    let bare = sandbox.shell(&format!("{given}; exec {show}"));
    assert!(bare.text().ends_with("/here\n0027\n77\n"), "{bare:?}");
    assert_eq!(sandbox.shell(&format!("{given}; exec {} {show}", chain(sandbox))), bare);
}

fn options_of_the_program_are_not_ours(sandbox: &Sandbox) {
    for (_, words) in tools(sandbox) {
        sandbox.shell(&format!("exec {words} echo -x -n --help")).is(0, "-x -n --help\n", "");
    }
}

fn no_program_is_wrong_usage(sandbox: &Sandbox) {
    let code = |name: &str| if name == "envdir" { 111 } else { 100 };
    for (name, words, usage) in [
        ("setuidgid", "setuidgid root", "account child"),
        ("envuidgid", "envuidgid root", "account child"),
        ("envdir", "envdir env", "dir child"),
        ("setlock", "setlock -n lock", "[ -nNxX ] file program [ arg ... ]"),
    ] {
        let line = format!("{name}: usage: {name} {usage}\n");
        sandbox.shell(&format!("exec {words}")).is(code(name), "", &line);
        sandbox.shell(&format!("exec {name}")).is(code(name), "", &line);
    }
    assert!(!sandbox.path("lock").exists());
}

fn words_that_look_like_long_flags_are_operands_of_old(sandbox: &Sandbox) {
    for word in ["--", "-", "--nothing", "-z", "-zs"] {
        let fatal = format!("envuidgid: fatal: unknown account {word}\n");
        sandbox.tool("envuidgid", &[word, "true"]).is(111, "", &fatal);
        let fatal = format!("setuidgid: fatal: unknown account {word}\n");
        sandbox.tool("setuidgid", &[word, "true"]).is(111, "", &fatal);
        let fatal =
            format!("envdir: fatal: unable to switch to directory {word}: file does not exist\n");
        sandbox.tool("envdir", &[word, "true"]).is(111, "", &fatal);
    }
}
