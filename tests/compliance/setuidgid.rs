//! setuidgid: as whom the program runs. Most of it is root's alone.

use std::fs;

use crate::support::{Sandbox, each_suite, is_root, only_ours, skipped};

each_suite!(
    the_program_runs_as_the_account,
    all_three_ids_are_set,
    supplementary_groups_are_dropped,
    the_environment_stays_as_it_is,
    the_program_cannot_come_back,
    it_runs_in_a_directory_that_the_account_may_not_see,
    root_is_an_account_like_others,
    a_program_that_the_account_may_not_run_is_fatal,
    two_changes_are_one_too_many,
    an_unknown_account_is_111,
    a_number_alone_is_no_account,
    a_name_is_taken_byte_for_byte,
    an_ordinary_user_is_refused,
    wrong_usage_is_100,
);

only_ours!(
    a_group_may_be_named,
    numbers_need_no_name,
    numbers_that_are_none_are_unknown_accounts,
    all_groups_are_those_that_id_gives,
    our_flag_is_a_flag_alone,
);

/// Whether root is asked; said where not.
fn is_asked() -> bool {
    if !is_root() {
        skipped("setuidgid changes users for root only");
    }
    is_root()
}

/// Uid, gid and home of an account, as the machine has them.
fn ids(name: &str) -> (String, String) {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
    let fields: Vec<&str> = line.split(':').collect();
    (fields[2].to_owned(), fields[3].to_owned())
}

const WHO: &str = "sh -c 'id -u; id -g; id -G'";

fn unknown(account: &str) -> String {
    format!("setuidgid: fatal: unknown account {account}\n")
}

fn the_program_runs_as_the_account(sandbox: &Sandbox) {
    if !is_asked() {
        return;
    }
    for name in ["nobody", "daemon"] {
        let (uid, gid) = ids(name);
        let ran = sandbox.shell(&format!("exec setuidgid {name} {WHO}"));
        ran.is(0, &format!("{uid}\n{gid}\n{gid}\n"), "");
    }
}

fn all_three_ids_are_set(sandbox: &Sandbox) {
    if !is_asked() {
        return;
    }
    let (uid, gid) = ids("nobody");
    let script = "exec setuidgid nobody grep -E '^[UG]id|^Groups' /proc/self/status";
    let all = |id: &str| [id; 4].join("\t");
    let expected = format!("Uid:\t{}\nGid:\t{}\nGroups:\t{gid} \n", all(&uid), all(&gid));
    sandbox.shell(script).is(0, &expected, "");
}

fn supplementary_groups_are_dropped(sandbox: &Sandbox) {
    if !is_asked() {
        return;
    }
    let (_, gid) = ids("daemon");
    let script = "exec setpriv --groups 1234,5678 setuidgid daemon id -G";
    sandbox.shell(script).is(0, &format!("{gid}\n"), "");
}

fn the_environment_stays_as_it_is(sandbox: &Sandbox) {
    if !is_asked() {
        return;
    }
    let bare = sandbox.shell("HOME=/else USER=who UID=3 exec env env");
    let ran = sandbox.shell("HOME=/else USER=who UID=3 exec env setuidgid nobody env");
    assert_eq!(ran, bare);
}

fn the_program_cannot_come_back(sandbox: &Sandbox) {
    if !is_asked() {
        return;
    }
    let ran = sandbox.shell("exec setuidgid nobody setpriv --reuid 0 id -u");
    assert_ne!(ran.code, 0, "{ran:?}");
    let none = "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n";
    let ran = sandbox.shell("exec setuidgid nobody grep -E '^Cap(Prm|Eff)' /proc/self/status");
    ran.is(0, none, "");
}

fn it_runs_in_a_directory_that_the_account_may_not_see(sandbox: &Sandbox) {
    if !is_asked() {
        return;
    }
    sandbox.service("closed");
    let script = "cd closed && chmod 700 . && exec setuidgid nobody sh -c 'echo fine; ls'";
    let ran = sandbox.shell(script);
    assert_eq!(ran.text(), "fine\n");
    assert_ne!(ran.code, 0);
}

fn root_is_an_account_like_others(sandbox: &Sandbox) {
    if !is_asked() {
        return;
    }
    sandbox.shell(&format!("exec setuidgid root {WHO}")).is(0, "0\n0\n0\n", "");
}

fn a_program_that_the_account_may_not_run_is_fatal(sandbox: &Sandbox) {
    if !is_asked() {
        return;
    }
    let service = sandbox.service("s");
    service.executable("prog", "#!/bin/sh\n");
    sandbox.shell("chmod 700 s/prog").is(0, "", "");
    let fatal = "setuidgid: fatal: unable to run s/prog: access denied\n";
    // The tools must stay within its reach.
    let script = "chmod 755 . && exec setuidgid nobody s/prog";
    sandbox.shell(script).is(111, "", fatal);
    let path = "chmod 755 . && exec env PATH=s:/bin \"$(command -v setuidgid)\" nobody prog";
    let fatal = "setuidgid: fatal: unable to run prog: access denied\n";
    sandbox.shell(path).is(111, "", fatal);
}

fn two_changes_are_one_too_many(sandbox: &Sandbox) {
    if !is_asked() {
        return;
    }
    let fatal = "setuidgid: fatal: unable to setgid: permission denied\n";
    // A copy, for ours lies where nobody may not go.
    let script = "chmod 755 . && cp \"$(command -v setuidgid)\" . && chmod 755 setuidgid && \
        exec ./setuidgid nobody ./setuidgid nobody true";
    sandbox.shell(script).is(111, "", fatal);
}

fn an_unknown_account_is_111(sandbox: &Sandbox) {
    for account in ["no-such-account", "", "nobody ", " nobody", "NOBODY", "nob*"] {
        sandbox.tool("setuidgid", &[account, "true"]).is(111, "", &unknown(account));
    }
}

fn a_number_alone_is_no_account(sandbox: &Sandbox) {
    for account in ["0", "65534", "+0", "-0", " 0", "00", "0x0", "+ 0", "\t0"] {
        sandbox.tool("setuidgid", &[account, "true"]).is(111, "", &unknown(account));
    }
}

fn a_name_is_taken_byte_for_byte(sandbox: &Sandbox) {
    for account in ["root:x:0:0", "root\nx", "nobody\n", "#", "+", "+root", "-root", "root:", ":"] {
        sandbox.tool("setuidgid", &[account, "true"]).is(111, "", &unknown(account));
    }
    let long = "x".repeat(5000);
    sandbox.tool("setuidgid", &[&long, "true"]).is(111, "", &unknown(&long));
}

fn an_ordinary_user_is_refused(sandbox: &Sandbox) {
    if is_root() {
        return;
    }
    let fatal = "setuidgid: fatal: unable to setgid: permission denied\n";
    sandbox.tool("setuidgid", &["nobody", "true"]).is(111, "", fatal);
}

fn wrong_usage_is_100(sandbox: &Sandbox) {
    let usage = "setuidgid: usage: setuidgid account child\n";
    sandbox.tool::<&str>("setuidgid", &[]).is(100, "", usage);
    sandbox.tool("setuidgid", &["nobody"]).is(100, "", usage);
    sandbox.tool("setuidgid", &["no-such-account"]).is(100, "", usage);
    sandbox.tool("setuidgid", &["-s"]).is(100, "", usage);
}

fn a_group_may_be_named(sandbox: &Sandbox) {
    if !is_asked() {
        return;
    }
    let (uid, _) = ids("nobody");
    let (_, gid) = ids("daemon");
    for (account, groups) in [
        ("nobody:daemon".to_owned(), gid.clone()),
        (format!("nobody:{gid}"), gid.clone()),
        (format!("{uid}:daemon"), gid.clone()),
        ("nobody:daemon:root:7".to_owned(), format!("{gid} 0 7")),
    ] {
        let ran = sandbox.shell(&format!("exec setuidgid {account} {WHO}"));
        assert_eq!((ran.code, ran.complaint()), (0, String::new()), "{account}");
        let shown: Vec<String> = ran.text().lines().map(str::to_owned).collect();
        assert_eq!(shown[..2], [uid.clone(), gid.clone()], "{account}");
        let sorted = |text: &str| {
            let mut groups: Vec<String> = text.split(' ').map(str::to_owned).collect();
            groups.sort();
            groups
        };
        assert_eq!(sorted(&shown[2]), sorted(&groups), "{account}");
    }
}

fn numbers_need_no_name(sandbox: &Sandbox) {
    if !is_asked() {
        return;
    }
    for account in ["54321:54322", ":54321:54322"] {
        let ran = sandbox.shell(&format!("exec setuidgid {account} {WHO}"));
        ran.is(0, "54321\n54322\n54322\n", "");
        let ran = sandbox.shell(&format!("exec setuidgid -s {account} {WHO}"));
        ran.is(0, "54321\n54322\n54322\n", "");
    }
}

fn numbers_that_are_none_are_unknown_accounts(sandbox: &Sandbox) {
    for account in [
        "4294967295:1",
        "1:4294967295",
        "4294967296:1",
        "1:99999999999999999999",
        "-1:1",
        "1:-1",
        "1:+1",
        ":1",
        "1:",
        "::",
        "1::1",
        "1:1:",
        "1:no-such-group",
        "no-such-account:1",
    ] {
        sandbox.tool("setuidgid", &[account, "true"]).is(111, "", &unknown(account));
    }
}

fn all_groups_are_those_that_id_gives(sandbox: &Sandbox) {
    if !is_asked() {
        return;
    }
    for name in ["nobody", "daemon", "root"] {
        let sort = "| tr ' ' '\\n' | sort";
        let known = sandbox.shell(&format!("id -G {name} {sort}"));
        for flag in ["-s", "--groups"] {
            assert_eq!(sandbox.shell(&format!("setuidgid {flag} {name} id -G {sort}")), known);
        }
    }
}

fn our_flag_is_a_flag_alone(sandbox: &Sandbox) {
    for word in ["-ss", "--group", "--groups=all", "-s-"] {
        sandbox.tool("setuidgid", &[word, "true"]).is(111, "", &unknown(word));
    }
}
