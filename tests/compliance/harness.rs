//! The harness can fail: what it promises about processes and marks is tried here.

use std::panic::catch_unwind;

use crate::support::{Pair, Sandbox, Suite, is_alive, run};

const OURS: Pair = Pair { tools: Suite::Ours, daemon: Suite::Ours };

/// Starts a process that has left the session of its parent, and gives its pid.
fn escape(sandbox: &Sandbox) -> u32 {
    let script = "setsid sh -c 'echo $$ >pid; exec sleep 1000000' >/dev/null 2>&1 &";
    sandbox.shell(script).is(0, "", "");
    let pid = || std::fs::read_to_string(sandbox.path("pid")).unwrap_or_default();
    sandbox.wait_until("it runs", || pid().ends_with('\n'));
    pid().trim().parse().unwrap()
}

fn panic_text(outcome: std::thread::Result<()>) -> String {
    let panic = outcome.expect_err("it must fail");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

#[test]
fn what_a_test_leaves_is_killed_and_is_a_failure() {
    let sandbox = Sandbox::new(OURS);
    let pid = escape(&sandbox);
    let root = sandbox.path("");
    let outcome = catch_unwind(std::panic::AssertUnwindSafe(|| drop(sandbox)));
    let said = panic_text(outcome);
    assert!(said.contains("had to be killed") && said.contains("sleep 1000000"), "{said}");
    assert!(!is_alive(pid));
    assert!(!root.exists());
}

#[test]
fn what_a_failing_test_leaves_is_killed_and_the_failure_is_its_own() {
    let outcome = catch_unwind(|| {
        let sandbox = Sandbox::new(OURS);
        panic!("its own, {}", escape(&sandbox));
    });
    let said = panic_text(outcome);
    let pid = said.strip_prefix("its own, ").and_then(|pid| pid.parse().ok()).unwrap();
    assert!(!is_alive(pid));
}

#[test]
fn a_test_marked_as_failing_must_fail() {
    run(OURS, |sandbox| {
        sandbox.expect_failure_on_ours("an example");
        panic!("as expected");
    });
    let outcome = catch_unwind(|| {
        run(OURS, |sandbox| sandbox.expect_failure_on_ours("an example"));
    });
    assert_eq!(panic_text(outcome), "this passes; take the mark away: an example");
}
