//! envuidgid: which numbers the program is told. And how both it and setuidgid ask getent.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::{Sandbox, each_suite, only_ours};

each_suite!(
    the_program_is_told_uid_and_gid,
    what_it_was_told_before_is_replaced,
    nothing_else_is_told,
    every_account_of_the_machine_is_known,
    an_ordinary_user_may_do_it,
    an_unknown_account_is_111,
    no_flag_is_known,
    wrong_usage_is_100,
);

only_ours!(
    a_group_or_numbers_may_be_given,
    a_name_that_is_not_in_the_files_is_asked_of_getent,
    a_name_in_the_files_is_not_asked,
    what_getent_takes_for_a_number_is_not_asked,
    nonsense_of_getent_is_an_unknown_account,
    getent_may_say_too_much,
    getent_may_never_answer,
    without_getent_there_are_only_the_files,
    getent_is_reaped_where_sigchld_is_ignored,
);

const TOLD: &str = "sh -c 'echo \"$UID $GID\"'";

fn unknown(account: &str) -> String {
    format!("envuidgid: fatal: unknown account {account}\n")
}

/// Name, uid and gid of each account of the machine.
fn accounts() -> Vec<(String, String)> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let whole = fields.filter(|fields| fields.len() == 7);
    whole.map(|it| (it[0].to_owned(), format!("{} {}\n", it[2], it[3]))).collect()
}

fn the_program_is_told_uid_and_gid(sandbox: &Sandbox) {
    for name in ["nobody", "daemon", "root"] {
        let (_, ids) = accounts().into_iter().find(|(known, _)| known == name).unwrap();
        sandbox.shell(&format!("exec envuidgid {name} {TOLD}")).is(0, &ids, "");
    }
}

fn what_it_was_told_before_is_replaced(sandbox: &Sandbox) {
    let script = "exec env A=1 UID=7 GID=8 B=2 envuidgid root env";
    let ran = sandbox.shell(script);
    let of_ids = |line: &&str| line.starts_with("UID=") || line.starts_with("GID=");
    let text = ran.text();
    let mut lines: Vec<&str> = text.lines().filter(of_ids).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["GID=0", "UID=0"], "{ran:?}");
}

fn nothing_else_is_told(sandbox: &Sandbox) {
    let sorted = |script: &str| {
        let text = sandbox.shell(script).text();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let bare = sorted("exec env HOME=/h UID=0 GID=0 env");
    assert_eq!(sorted("exec env HOME=/h envuidgid root env"), bare);
}

fn every_account_of_the_machine_is_known(sandbox: &Sandbox) {
    for (name, ids) in accounts() {
        sandbox.shell(&format!("exec envuidgid '{name}' {TOLD}")).is(0, &ids, "");
    }
}

fn an_ordinary_user_may_do_it(sandbox: &Sandbox) {
    sandbox.tool("envuidgid", &["root", "id", "-u"]).is(0, &sandbox.shell("id -u").text(), "");
}

fn an_unknown_account_is_111(sandbox: &Sandbox) {
    for account in ["no-such-account", "", "0", "+0", "-0", " 0", "ROOT", "root ", "root:x:0:0"] {
        sandbox.tool("envuidgid", &[account, "true"]).is(111, "", &unknown(account));
    }
}

fn no_flag_is_known(sandbox: &Sandbox) {
    for word in ["-s", "--groups", "-z", "--"] {
        sandbox.tool("envuidgid", &[word, "root", "true"]).is(111, "", &unknown(word));
    }
}

fn wrong_usage_is_100(sandbox: &Sandbox) {
    let usage = "envuidgid: usage: envuidgid account child\n";
    sandbox.tool::<&str>("envuidgid", &[]).is(100, "", usage);
    sandbox.tool("envuidgid", &["root"]).is(100, "", usage);
}

fn a_group_or_numbers_may_be_given(sandbox: &Sandbox) {
    for (account, told) in [
        ("root:daemon", "0 1\n"),
        ("7:8", "7 8\n"),
        (":7:8", "7 8\n"),
        ("7:root:9", "7 0\n"),
        ("root:4294967294", "0 4294967294\n"),
    ] {
        sandbox.shell(&format!("exec envuidgid {account} {TOLD}")).is(0, told, "");
    }
}

/// Runs envuidgid for `account` where `script` stands for getent; what it was asked lies in
/// `asked`.
fn with_getent(sandbox: &Sandbox, script: &str, account: &str) -> crate::support::Ran {
    let text = format!("#!/bin/sh\necho \"$*\" >>asked\n{script}\n");
    sandbox.service("fake").executable("getent", &text);
    sandbox.shell(&format!("PATH=\"$PWD/fake:$PATH\" exec envuidgid '{account}' {TOLD}"))
}

fn a_name_that_is_not_in_the_files_is_asked_of_getent(sandbox: &Sandbox) {
    let known = "[ \"$*\" = 'passwd far away' ] && echo 'far away:*:7:8:Far:/:/bin/sh'";
    with_getent(sandbox, known, "far away").is(0, "7 8\n", "");
    let known = "case $* in passwd*) echo 'far:*:7:8::/:';; group*) echo 'many:*:9:a,b';; esac";
    with_getent(sandbox, known, "far:many").is(0, "7 9\n", "");
    let asked = fs::read_to_string(sandbox.path("asked")).unwrap();
    assert_eq!(asked, "passwd far away\ngroup many\npasswd far\n");
}

fn a_name_in_the_files_is_not_asked(sandbox: &Sandbox) {
    with_getent(sandbox, "echo root:x:7:8:::", "root").is(0, "0 0\n", "");
    with_getent(sandbox, "echo root:x:7:8:::", "0:root").is(0, "0 0\n", "");
    assert!(!sandbox.path("asked").exists());
}

fn what_getent_takes_for_a_number_is_not_asked(sandbox: &Sandbox) {
    for account in ["0", "+0", "-0", " 0", " + 0", "", "a\nb", "-s", "--help", "007", "\t-1"] {
        with_getent(sandbox, "echo root:x:0:0:::", account).is(111, "", &unknown(account));
    }
    let asked = fs::read_to_string(sandbox.path("asked")).unwrap_or_default();
    assert_eq!(asked, "");
}

fn nonsense_of_getent_is_an_unknown_account(sandbox: &Sandbox) {
    for answer in [
        "exit 2",
        "echo",
        "echo far",
        "echo far:x:7",
        "echo far:x:-7:8:::",
        "echo far:x:7:eight:::",
        "echo far:x:4294967296:8",
        "printf '\\377\\000:::::::'",
        "printf '\\nfar:x:7:8:::'",
        "kill -KILL $$",
    ] {
        with_getent(sandbox, answer, "far").is(111, "", &unknown("far"));
    }
}

fn getent_may_say_too_much(sandbox: &Sandbox) {
    let said = "envuidgid: fatal: unable to look up far with getent: it says too much\n";
    with_getent(sandbox, "exec cat /dev/zero", "far").is(111, "", said);
}

fn getent_may_never_answer(sandbox: &Sandbox) {
    let said = "envuidgid: fatal: unable to look up far with getent: timed out\n";
    let before = Instant::now();
    with_getent(sandbox, "echo far:x:; exec sleep 1000000", "far").is(111, "", said);
    assert!(before.elapsed() >= Duration::from_secs(5));
}

fn without_getent_there_are_only_the_files(sandbox: &Sandbox) {
    let ran = sandbox
        .shell("tool=$(command -v envuidgid); exec env PATH=/none \"$tool\" no-such-account true");
    ran.is(111, "", &unknown("no-such-account"));
}

fn getent_is_reaped_where_sigchld_is_ignored(sandbox: &Sandbox) {
    let text = "#!/bin/sh\necho far:x:7:8:::\n";
    sandbox.service("fake").executable("getent", text);
    let signals = "grep -E '^(Sig[PBIC]|Shd)' /proc/self/status";
    let script = "PATH=\"$PWD/fake:$PATH\" exec env --ignore-signal=CHLD";
    let bare = sandbox.shell(&format!("{script} {signals}"));
    assert_eq!(sandbox.shell(&format!("{script} envuidgid far {signals}")), bare);
    let none = "envuidgid far sh -c 'exec cat /proc/$$/task/$$/children'";
    sandbox.shell(&format!("{script} {none}")).is(0, "", "");
}
