//! fghack: it stays as long as somebody has the pipe.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::exec_rule;
use crate::support::{Daemon, Sandbox, each_suite, is_alive, skipped};

each_suite!(
    the_programs_exit_code_is_its_exit_code,
    a_program_ended_by_a_signal_has_crashed,
    without_a_program_it_is_wrong_usage,
    it_waits_for_what_stays_in_the_background,
    a_daemon_that_closes_all_its_descriptors_is_not_waited_for,
    a_program_that_stays_is_waited_for_though_it_closes_all,
    the_pipe_has_thirty_one_descriptors,
    what_is_written_into_the_pipe_is_thrown_away,
    a_closed_descriptor_becomes_one_of_the_pipe,
    term_reaches_it_and_not_the_program,
    without_descriptors_there_is_no_pipe,
    where_ends_of_children_are_ignored_it_cannot_know,
    what_cannot_be_run_is_said_with_its_reason,
    path_is_searched_to_its_end_but_for_real_trouble,
    words_and_environment_arrive_as_they_are,
    ignored_signals_are_passed_on,
    a_sentence_that_nobody_hears_changes_no_exit_code,
);

/// A background process that lasts until there is a file `go`.
const STAYS: &str = "(echo up >up; while [ ! -e go ]; do sleep 0.05; done) &";

fn starts(sandbox: &Sandbox, script: &str) -> Daemon {
    let daemon = sandbox.daemon("fghack", &["sh", "-c", script]);
    sandbox.wait_until("the background process runs", || sandbox.path("up").exists());
    daemon
}

fn let_go(sandbox: &Sandbox) {
    fs::write(sandbox.path("go"), "").unwrap();
}

fn the_programs_exit_code_is_its_exit_code(sandbox: &Sandbox) {
    for code in [0, 1, 99, 100, 111, 255] {
        sandbox.tool("fghack", &["sh", "-c", &format!("exit {code}")]).is(code, "", "");
    }
    sandbox.tool("fghack", &["echo", "said"]).is(0, "said\n", "");
}

fn a_program_ended_by_a_signal_has_crashed(sandbox: &Sandbox) {
    for signal in [1, 9, 15, 34, 64] {
        let script = format!("kill -{signal} $$");
        let said = "fghack: fatal: child crashed\n";
        sandbox.tool("fghack", &["sh", "-c", &script]).is(111, "", said);
    }
}

fn without_a_program_it_is_wrong_usage(sandbox: &Sandbox) {
    sandbox.tool::<&str>("fghack", &[]).is(100, "", "fghack: usage: fghack child\n");
}

fn it_waits_for_what_stays_in_the_background(sandbox: &Sandbox) {
    let closes = "exec 0<&- 1>&- 2>&- 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-";
    let daemon = starts(sandbox, &format!("{closes}; {STAYS} exit 3"));
    sandbox.stays("it waits", || sandbox.ended(daemon).is_none());
    let_go(sandbox);
    assert_eq!(sandbox.end_of(daemon), 3);
}

/// For bash: other shells cannot name a descriptor of two digits.
const CLOSES_ALL: &str = "for fd in /proc/$$/fd/*; do fd=${fd##*/}; exec {fd}>&-; done";

/// Whether there is a shell that can close any descriptor.
fn can_close_all() -> bool {
    let there = Path::new("/bin/bash").exists();
    if !there {
        skipped("there is no bash");
    }
    there
}

fn a_daemon_that_closes_all_its_descriptors_is_not_waited_for(sandbox: &Sandbox) {
    if can_close_all() {
        let script = format!("{CLOSES_ALL}; {STAYS} exit 4");
        let daemon = sandbox.daemon("fghack", &["bash", "-c", &script]);
        assert_eq!(sandbox.end_of(daemon), 4);
        assert!(!sandbox.path("go").exists());
        let_go(sandbox);
    }
}

fn a_program_that_stays_is_waited_for_though_it_closes_all(sandbox: &Sandbox) {
    if can_close_all() {
        let stays = "echo up >up; while [ ! -e go ]; do sleep 0.05; done; exit 5";
        let script = format!("{CLOSES_ALL}; {stays}");
        let daemon = sandbox.daemon("fghack", &["bash", "-c", &script]);
        sandbox.wait_until("it runs", || sandbox.path("up").exists());
        sandbox.stays("it waits", || sandbox.ended(daemon).is_none());
        let_go(sandbox);
        assert_eq!(sandbox.end_of(daemon), 5);
    }
}

/// The descriptors that the pipe has in the program, and how many.
fn descriptors(sandbox: &Sandbox, closed: &str) -> (Vec<String>, usize) {
    let look = "(ls -l /proc/$$/fd >\"$0\"); :"; // those of the shell, not of ls
    let list = sandbox.path("list");
    let script = format!("exec fghack sh -c '{look}' {} {closed}", list.display());
    sandbox.shell(&script).is(0, "", "");
    let text = fs::read_to_string(list).unwrap();
    let mut pipes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (start, target) in text.lines().filter_map(|line| line.split_once(" -> ")) {
        let (_, fd) = start.rsplit_once(' ').unwrap();
        pipes.entry(target).or_default().push(fd.to_owned());
    }
    let (_, fds) = pipes.into_iter().max_by_key(|(_, fds)| fds.len()).unwrap();
    let count = fds.len();
    (fds, count)
}

fn the_pipe_has_thirty_one_descriptors(sandbox: &Sandbox) {
    let (fds, count) = descriptors(sandbox, "");
    assert_eq!(count, 31, "{fds:?}");
    assert!(!["0", "1", "2"].iter().any(|fd| fds.iter().any(|it| it == fd)), "{fds:?}");
}

fn what_is_written_into_the_pipe_is_thrown_away(sandbox: &Sandbox) {
    // More than a pipe holds, into each of these that is one.
    let script = "for fd in 3 4 5 6; do case $(readlink /proc/$$/fd/$fd) in \
                  pipe:*) head -c 200000 /dev/zero >/proc/$$/fd/$fd; echo written;; esac; done";
    let ran = sandbox.tool("fghack", &["sh", "-c", script]);
    assert_eq!((ran.code, ran.complaint()), (0, String::new()));
    assert!(ran.text().starts_with("written\n"), "{}", ran.text());
}

fn a_closed_descriptor_becomes_one_of_the_pipe(sandbox: &Sandbox) {
    for (closed, expected) in [("<&-", "0"), (">&-", "1"), ("2>&-", "2")] {
        let (fds, count) = descriptors(sandbox, closed);
        assert_eq!(count, 31, "{closed}");
        assert!(fds.iter().any(|fd| fd == expected), "{closed} {fds:?}");
    }
    let (fds, _) = descriptors(sandbox, "<&- >&- 2>&-");
    assert!(["0", "1", "2"].iter().all(|fd| fds.iter().any(|it| it == fd)), "{fds:?}");
}

fn term_reaches_it_and_not_the_program(sandbox: &Sandbox) {
    let script = "echo $$ >up; while [ ! -e go ]; do sleep 0.05; done";
    let daemon = starts(sandbox, script);
    let pid = || fs::read_to_string(sandbox.path("up")).unwrap_or_default();
    sandbox.wait_until("the pid is written", || pid().ends_with('\n'));
    let pid = pid().trim().parse().unwrap();
    sys::child::signal(daemon.pid, libc::SIGTERM).unwrap();
    assert_eq!(sandbox.end_of(daemon), 128 + libc::SIGTERM);
    sandbox.stays("the program goes on", || is_alive(pid));
    let_go(sandbox);
    sandbox.wait_until("the program ends", || !is_alive(pid));
}

fn without_descriptors_there_is_no_pipe(sandbox: &Sandbox) {
    let fatal = "fghack: fatal: unable to create pipe: process cannot open more files\n";
    sandbox.shell("ulimit -n 4; exec fghack true").is(111, "", fatal);
}

fn where_ends_of_children_are_ignored_it_cannot_know(sandbox: &Sandbox) {
    let fatal = "fghack: fatal: wait failed: no child processes\n";
    let script = "exec env --ignore-signal=CHLD fghack sh -c 'exit 3'";
    sandbox.shell(script).is(111, "", fatal);
}

fn what_cannot_be_run_is_said_with_its_reason(sandbox: &Sandbox) {
    exec_rule::what_cannot_be_run_is_said_with_its_reason(sandbox, "fghack");
}

fn path_is_searched_to_its_end_but_for_real_trouble(sandbox: &Sandbox) {
    exec_rule::path_is_searched_to_its_end_but_for_real_trouble(sandbox, "fghack");
}

fn words_and_environment_arrive_as_they_are(sandbox: &Sandbox) {
    exec_rule::words_and_environment_arrive_as_they_are(sandbox, "fghack");
}

fn ignored_signals_are_passed_on(sandbox: &Sandbox) {
    exec_rule::signals_are_passed_on(sandbox, "fghack");
}

fn a_sentence_that_nobody_hears_changes_no_exit_code(sandbox: &Sandbox) {
    exec_rule::a_sentence_that_nobody_hears_changes_no_exit_code(sandbox, "fghack");
}
