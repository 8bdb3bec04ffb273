//! pgrphack: a session and a process group of its own, and then the program.

use std::os::unix::process::CommandExt as _;

use crate::exec_rule;
use crate::support::{Sandbox, each_suite};

each_suite!(
    the_program_leads_a_session_and_a_group,
    who_leads_a_group_already_stays_in_its_session,
    it_becomes_the_program,
    the_programs_exit_code_is_its_exit_code,
    without_a_program_it_is_wrong_usage,
    what_cannot_be_run_is_said_with_its_reason,
    path_is_searched_to_its_end_but_for_real_trouble,
    words_and_environment_arrive_as_they_are,
    ignored_signals_are_passed_on,
    a_closed_descriptor_stays_closed,
    a_sentence_that_nobody_hears_changes_no_exit_code,
);

/// Prints the shell's pid, process group and session.
const WHO: &str = "read pid name state parent group session rest </proc/$$/stat; \
                   echo $pid $group $session";

fn numbers(text: &str) -> [u32; 3] {
    let numbers: Vec<u32> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

fn the_program_leads_a_session_and_a_group(sandbox: &Sandbox) {
    let [pid, group, session] = numbers(&sandbox.tool("pgrphack", &["sh", "-c", WHO]).text());
    assert_eq!((group, session), (pid, pid));
    let [pid, group, session] = numbers(&sandbox.shell(WHO).text());
    assert_ne!((group, session), (pid, pid));
}

fn who_leads_a_group_already_stays_in_its_session(sandbox: &Sandbox) {
    let [_, _, ours] = numbers(&sandbox.shell(WHO).text());
    let mut command = sandbox.tool_command("pgrphack");
    let ran = sandbox.finish(command.args(["sh", "-c", WHO]).process_group(0));
    let [pid, group, session] = numbers(&ran.text());
    assert_eq!((group, session), (pid, ours));
    assert_eq!(ran.complaint(), "");
}

fn it_becomes_the_program(sandbox: &Sandbox) {
    let script = "echo $$ >pid; exec sleep 1000000";
    let daemon = sandbox.daemon("pgrphack", &["sh", "-c", script]);
    let pid = || std::fs::read_to_string(sandbox.path("pid")).unwrap_or_default();
    sandbox.wait_until("it runs", || pid().ends_with('\n'));
    assert_eq!(pid().trim(), daemon.pid.to_string());
    sandbox.kill(daemon);
}

fn the_programs_exit_code_is_its_exit_code(sandbox: &Sandbox) {
    for code in [0, 1, 99, 100, 111, 255] {
        sandbox.tool("pgrphack", &["sh", "-c", &format!("exit {code}")]).is(code, "", "");
    }
    sandbox.tool("pgrphack", &["sh", "-c", "kill -9 $$"]).is(128 + 9, "", "");
}

fn without_a_program_it_is_wrong_usage(sandbox: &Sandbox) {
    sandbox.tool::<&str>("pgrphack", &[]).is(100, "", "pgrphack: usage: pgrphack child\n");
}

fn what_cannot_be_run_is_said_with_its_reason(sandbox: &Sandbox) {
    exec_rule::what_cannot_be_run_is_said_with_its_reason(sandbox, "pgrphack");
}

fn path_is_searched_to_its_end_but_for_real_trouble(sandbox: &Sandbox) {
    exec_rule::path_is_searched_to_its_end_but_for_real_trouble(sandbox, "pgrphack");
}

fn words_and_environment_arrive_as_they_are(sandbox: &Sandbox) {
    exec_rule::words_and_environment_arrive_as_they_are(sandbox, "pgrphack");
}

fn ignored_signals_are_passed_on(sandbox: &Sandbox) {
    exec_rule::signals_are_passed_on(sandbox, "pgrphack");
}

fn a_closed_descriptor_stays_closed(sandbox: &Sandbox) {
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let seen = |prefix: &str| {
            // A shell opens nothing below 10 of its own, and nothing else has the number it closes.
            let look = "for fd in 0 1 2; do [ -e /proc/$$/fd/$fd ] && set -- \"$@\" $fd; done; \
                        echo $* >seen";
            sandbox.shell(&format!("exec {prefix} sh -c '{look}' {closed}")).is(0, "", "");
            std::fs::read_to_string(sandbox.path("seen")).unwrap()
        };
        assert_eq!(seen("pgrphack"), seen(""), "{closed}");
    }
}

fn a_sentence_that_nobody_hears_changes_no_exit_code(sandbox: &Sandbox) {
    exec_rule::a_sentence_that_nobody_hears_changes_no_exit_code(sandbox, "pgrphack");
}
