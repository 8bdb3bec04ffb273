//! setlock: who gets the lock, who waits, who gives up.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::Instant;

use crate::support::{Daemon, Sandbox, Service, each_suite, is_root, only_ours};

each_suite!(
    a_program_runs_with_the_file_locked,
    the_file_is_made_with_mode_0600,
    a_file_that_is_there_keeps_its_bytes_and_its_mode,
    the_lock_is_that_of_other_programs,
    the_lock_lasts_as_long_as_the_program_and_its_children,
    a_program_that_closes_the_descriptor_gives_the_lock_up,
    a_locked_file_is_waited_for,
    a_locked_file_is_not_waited_for_with_n,
    a_locked_file_is_silent_success_with_nx,
    the_last_letter_wins,
    letters_cluster,
    a_directory_that_is_none_cannot_hold_the_file,
    a_directory_cannot_be_locked,
    a_fifo_without_a_reader_cannot_be_locked,
    a_fifo_with_a_reader_can,
    a_device_can_be_locked,
    a_link_is_followed_to_a_file_that_is_made,
    a_file_that_may_not_be_opened_is_fatal,
    x_is_silent_about_whatever_cannot_be_opened,
    x_is_not_silent_about_a_program_that_cannot_be_run,
    the_program_gets_the_lock_as_its_lowest_free_descriptor,
    the_lock_is_open_for_appending_only,
    an_empty_name_is_no_file,
    a_full_disk_does_not_matter,
    wrong_options_are_said_with_the_usage,
    options_end_at_the_file,
    two_locks_are_two_descriptors,
    a_signal_ends_the_wait,
);

only_ours!(
    a_wait_ends_at_its_time,
    a_lock_that_comes_in_time_is_taken,
    a_time_is_one_of_the_last_letters,
    a_lock_that_was_waited_for_is_kept,
    a_time_that_is_none_is_wrong_usage,
);

const USAGE: &str = "setlock: usage: setlock [ -nNxX ] file program [ arg ... ]\n";

/// A daemon that holds the lock on `lock` until its file `go` is there.
fn hold(sandbox: &Sandbox) -> Daemon {
    let script = "exec setlock lock sh -c 'echo held >held; until [ -e go ]; do sleep 0.05; done'";
    let holder = sandbox.daemon_by_shell(script);
    let held = || fs::read_to_string(sandbox.path("held")).is_ok_and(|text| text == "held\n");
    sandbox.wait_until("the lock is held", held);
    holder
}

fn let_go(sandbox: &Sandbox, holder: Daemon) {
    File::create(sandbox.path("go")).unwrap();
    assert_eq!(sandbox.end_of(holder), 0);
}

fn is_free(sandbox: &Sandbox) -> bool {
    sandbox.shell("flock -n lock true").code == 0
}

fn refused(reason: &str) -> String {
    format!("setlock: fatal: unable to {reason}\n")
}

const LOCKED: &str = "lock lock: temporary failure";

fn a_program_runs_with_the_file_locked(sandbox: &Sandbox) {
    let script = "setlock lock sh -c 'flock -n lock true; echo $?'";
    sandbox.shell(script).is(0, "1\n", "");
    assert!(is_free(sandbox));
}

fn the_file_is_made_with_mode_0600(sandbox: &Sandbox) {
    sandbox.shell("umask 0; setlock lock true").is(0, "", "");
    sandbox.shell("umask 0277; setlock tight true").is(0, "", "");
    let here = Service::make(&sandbox.path(""), ".");
    assert_eq!((here.mode("lock"), here.mode("tight")), (0o600, 0o400));
}

fn a_file_that_is_there_keeps_its_bytes_and_its_mode(sandbox: &Sandbox) {
    let here = Service::make(&sandbox.path(""), ".");
    here.write("lock", "bytes");
    fs::set_permissions(here.path("lock"), fs::Permissions::from_mode(0o644)).unwrap();
    sandbox.tool("setlock", &["lock", "true"]).is(0, "", "");
    assert_eq!((here.read("lock").as_str(), here.mode("lock")), ("bytes", 0o644));
}

fn the_lock_is_that_of_other_programs(sandbox: &Sandbox) {
    let script = "flock lock setlock -n lock true";
    sandbox.shell(script).is(111, "", &refused(LOCKED));
    sandbox.shell("flock -s lock setlock -n lock true").is(111, "", &refused(LOCKED));
}

fn the_lock_lasts_as_long_as_the_program_and_its_children(sandbox: &Sandbox) {
    let script = "setlock lock sh -c 'until [ -e go ]; do sleep 0.05; done & echo $!'";
    let daemon = sandbox.daemon_by_shell(script);
    assert_eq!(sandbox.end_of(daemon), 0);
    assert!(!is_free(sandbox));
    File::create(sandbox.path("go")).unwrap();
    sandbox.wait_until("the child has ended", || is_free(sandbox));
}

fn a_program_that_closes_the_descriptor_gives_the_lock_up(sandbox: &Sandbox) {
    let script = "setlock lock sh -c 'exec 3>&-; flock -n lock true; echo $?'";
    sandbox.shell(script).is(0, "0\n", "");
}

fn a_locked_file_is_waited_for(sandbox: &Sandbox) {
    let holder = hold(sandbox);
    let waiter = sandbox.daemon("setlock", &["lock", "echo", "mine"]);
    sandbox.stays("it waits", || sandbox.ended(waiter).is_none());
    let_go(sandbox, holder);
    assert_eq!(sandbox.end_of(waiter), 0);
    assert_eq!((sandbox.printed(waiter), sandbox.said(waiter)), ("mine\n".into(), String::new()));
}

fn a_locked_file_is_not_waited_for_with_n(sandbox: &Sandbox) {
    let holder = hold(sandbox);
    sandbox.tool("setlock", &["-n", "lock", "echo", "mine"]).is(111, "", &refused(LOCKED));
    let_go(sandbox, holder);
    sandbox.tool("setlock", &["-n", "lock", "echo", "mine"]).is(0, "mine\n", "");
}

fn a_locked_file_is_silent_success_with_nx(sandbox: &Sandbox) {
    let holder = hold(sandbox);
    sandbox.tool("setlock", &["-nx", "lock", "echo", "mine"]).is(0, "", "");
    let_go(sandbox, holder);
    sandbox.tool("setlock", &["-nx", "lock", "echo", "mine"]).is(0, "mine\n", "");
}

fn the_last_letter_wins(sandbox: &Sandbox) {
    let holder = hold(sandbox);
    sandbox.tool("setlock", &["-Nnx", "lock", "echo"]).is(0, "", "");
    sandbox.tool("setlock", &["-n", "-X", "-x", "lock", "echo"]).is(0, "", "");
    sandbox.tool("setlock", &["-nxX", "lock", "echo"]).is(111, "", &refused(LOCKED));
    let waiter = sandbox.daemon("setlock", &["-nN", "lock", "true"]);
    sandbox.stays("it waits", || sandbox.ended(waiter).is_none());
    let_go(sandbox, holder);
    assert_eq!(sandbox.end_of(waiter), 0);
}

fn letters_cluster(sandbox: &Sandbox) {
    sandbox.tool("setlock", &["-nNxXn", "lock", "echo", "a"]).is(0, "a\n", "");
    sandbox.tool("setlock", &["-n", "-n", "--", "lock", "echo", "a"]).is(0, "a\n", "");
}

fn a_directory_that_is_none_cannot_hold_the_file(sandbox: &Sandbox) {
    fs::write(sandbox.path("file"), "").unwrap();
    for (name, reason) in [
        ("no/where", "file does not exist"),
        ("file/lock", "not a directory"),
        ("file/", "is a directory"),
        ("new/", "is a directory"),
    ] {
        let said = refused(&format!("open {name}: {reason}"));
        sandbox.tool("setlock", &[name, "true"]).is(111, "", &said);
    }
}

fn a_directory_cannot_be_locked(sandbox: &Sandbox) {
    sandbox.service("dir");
    let said = refused("open dir: is a directory");
    sandbox.tool("setlock", &["dir", "true"]).is(111, "", &said);
}

fn a_fifo_without_a_reader_cannot_be_locked(sandbox: &Sandbox) {
    sandbox.make_fifo(&sandbox.path("fifo"));
    let said = refused("open fifo: device not configured");
    sandbox.tool("setlock", &["fifo", "true"]).is(111, "", &said);
    sandbox.tool("setlock", &["-x", "fifo", "true"]).is(0, "", "");
}

fn a_fifo_with_a_reader_can(sandbox: &Sandbox) {
    sandbox.make_fifo(&sandbox.path("fifo"));
    sandbox.shell("exec 5<>fifo; setlock fifo echo held").is(0, "held\n", "");
}

fn a_device_can_be_locked(sandbox: &Sandbox) {
    sandbox.tool("setlock", &["/dev/null", "echo", "held"]).is(0, "held\n", "");
}

fn a_link_is_followed_to_a_file_that_is_made(sandbox: &Sandbox) {
    symlink("target", sandbox.path("link")).unwrap();
    sandbox.tool("setlock", &["link", "flock", "-n", "target", "true"]).is(1, "", "");
    symlink("circle", sandbox.path("circle")).unwrap();
    let said = refused("open circle: symbolic link loop");
    sandbox.tool("setlock", &["circle", "true"]).is(111, "", &said);
}

fn a_file_that_may_not_be_opened_is_fatal(sandbox: &Sandbox) {
    sandbox.shell(">lock; chmod 0444 lock").is(0, "", "");
    let ran = sandbox.tool("setlock", &["lock", "echo", "held"]);
    if is_root() {
        ran.is(0, "held\n", "");
    } else {
        ran.is(111, "", &refused("open lock: access denied"));
    }
}

fn x_is_silent_about_whatever_cannot_be_opened(sandbox: &Sandbox) {
    sandbox.service("dir");
    for name in ["no/where", "dir", ""] {
        sandbox.tool("setlock", &["-x", name, "echo"]).is(0, "", "");
    }
}

fn x_is_not_silent_about_a_program_that_cannot_be_run(sandbox: &Sandbox) {
    let said = refused("run no-such-program: file does not exist");
    sandbox.tool("setlock", &["-nx", "lock", "no-such-program"]).is(111, "", &said);
    sandbox.tool("setlock", &["-x"]).is(100, "", USAGE);
}

fn the_program_gets_the_lock_as_its_lowest_free_descriptor(sandbox: &Sandbox) {
    let script = "cd -P . && exec setlock lock readlink /proc/self/fd/3";
    let lock = sandbox.path("lock").display().to_string();
    sandbox.shell(script).is(0, &format!("{lock}\n"), "");
    let script = "cd -P . && exec setlock lock readlink /proc/self/fd/4 3</dev/null";
    sandbox.shell(script).is(0, &format!("{lock}\n"), "");
}

fn the_lock_is_open_for_appending_only(sandbox: &Sandbox) {
    let script =
        "echo a >lock; exec setlock lock sh -c 'echo b >&3; cat <&3 2>/dev/null || echo no'";
    sandbox.shell(script).is(0, "no\n", "");
    assert_eq!(fs::read_to_string(sandbox.path("lock")).unwrap(), "a\nb\n");
    let flags = sandbox.shell("exec setlock lock grep flags /proc/self/fdinfo/3");
    let flags = flags.text().split_whitespace().nth(1).map(|text| i32::from_str_radix(text, 8));
    let wanted = libc::O_WRONLY | libc::O_APPEND | libc::O_NONBLOCK;
    let relevant = libc::O_ACCMODE | libc::O_APPEND | libc::O_NONBLOCK | libc::O_CLOEXEC;
    assert_eq!(flags.unwrap().unwrap() & relevant, wanted);
}

fn an_empty_name_is_no_file(sandbox: &Sandbox) {
    let said = refused("open : file does not exist");
    sandbox.tool("setlock", &["", "true"]).is(111, "", &said);
}

fn a_full_disk_does_not_matter(sandbox: &Sandbox) {
    sandbox.tool("setlock", &["/dev/full", "echo", "held"]).is(0, "held\n", "");
}

fn wrong_options_are_said_with_the_usage(sandbox: &Sandbox) {
    for (word, letter) in [("-z", "z"), ("-nz", "z"), ("-n-x", "-"), ("-n=", "="), ("-?", "?")] {
        let said = format!("setlock: illegal option -- {letter}\n{USAGE}");
        sandbox.tool("setlock", &[word, "lock", "true"]).is(100, "", &said);
    }
    assert!(!sandbox.path("lock").exists());
}

fn options_end_at_the_file(sandbox: &Sandbox) {
    sandbox.tool("setlock", &["-", "echo", "-n"]).is(0, "", "");
    assert!(sandbox.path("-").exists());
    sandbox.tool("setlock", &["lock", "echo", "-x", "-z"]).is(0, "-x -z\n", "");
    let said = refused("run -n: file does not exist");
    sandbox.tool("setlock", &["lock", "-n", "true"]).is(111, "", &said);
}

fn two_locks_are_two_descriptors(sandbox: &Sandbox) {
    let script = "exec setlock a setlock b sh -c '\
        flock -n a true; echo $?; flock -n b true; echo $?'";
    sandbox.shell(script).is(0, "1\n1\n", "");
    sandbox.shell("exec setlock a setlock -n a true").is(
        111,
        "",
        &refused("lock a: temporary failure"),
    );
}

fn a_signal_ends_the_wait(sandbox: &Sandbox) {
    let holder = hold(sandbox);
    let waiter = sandbox.daemon("setlock", &["lock", "true"]);
    sandbox.stays("it waits", || sandbox.ended(waiter).is_none());
    sandbox.shell(&format!("kill -TERM {}", waiter.pid)).is(0, "", "");
    assert_eq!(sandbox.end_of(waiter), 128 + libc::SIGTERM);
    let_go(sandbox, holder);
}

fn a_wait_ends_at_its_time(sandbox: &Sandbox) {
    let holder = hold(sandbox);
    let late = refused("lock lock: timed out");
    for words in [["-t", "300"], ["-t", "300ms"], ["--timeout", "0.3s"]] {
        let before = Instant::now();
        let ran = sandbox.tool("setlock", &[&words[..], &["lock", "echo"]].concat());
        ran.is(111, "", &late);
        assert!(before.elapsed().as_millis() >= 300);
    }
    sandbox.tool("setlock", &["-t0", "lock", "echo"]).is(111, "", &late);
    sandbox.tool("setlock", &["-xt0", "lock", "echo"]).is(0, "", "");
    let_go(sandbox, holder);
}

fn a_lock_that_comes_in_time_is_taken(sandbox: &Sandbox) {
    let holder = hold(sandbox);
    let waiter = sandbox.daemon("setlock", &["-t", "10m", "lock", "echo", "mine"]);
    sandbox.stays("it waits", || sandbox.ended(waiter).is_none());
    let_go(sandbox, holder);
    assert_eq!(sandbox.end_of(waiter), 0);
    assert_eq!((sandbox.printed(waiter), sandbox.said(waiter)), ("mine\n".into(), String::new()));
    sandbox.tool("setlock", &["-t0", "lock", "echo", "mine"]).is(0, "mine\n", "");
}

fn a_time_is_one_of_the_last_letters(sandbox: &Sandbox) {
    let holder = hold(sandbox);
    sandbox.tool("setlock", &["-t", "1h", "-n", "lock", "echo"]).is(111, "", &refused(LOCKED));
    let late = refused("lock lock: timed out");
    sandbox.tool("setlock", &["-nN", "-t1ms", "lock", "echo"]).is(111, "", &late);
    let_go(sandbox, holder);
}

fn a_lock_that_was_waited_for_is_kept(sandbox: &Sandbox) {
    let holder = hold(sandbox);
    let signals = "grep -E '^(Threads|Sig[PBIC]|Shd)' /proc/self/status";
    let bare = sandbox.shell(&format!("exec {signals}")).text();
    let script =
        format!("exec setlock -t 10m lock sh -c \"{signals}; flock -n lock true; echo \\$?\"");
    let waiter = sandbox.daemon_by_shell(&script);
    sandbox.stays("it waits", || sandbox.ended(waiter).is_none());
    let_go(sandbox, holder);
    assert_eq!(sandbox.end_of(waiter), 0);
    assert_eq!(sandbox.printed(waiter), format!("{bare}1\n"));
}

fn a_time_that_is_none_is_wrong_usage(sandbox: &Sandbox) {
    let said = format!("setlock: soon is no duration; write it as 90s or 2m\n{USAGE}");
    sandbox.tool("setlock", &["-t", "soon", "lock", "true"]).is(100, "", &said);
    let said = format!("setlock: option requires an argument -- t\n{USAGE}");
    sandbox.tool("setlock", &["-t"]).is(100, "", &said);
    assert!(!sandbox.path("lock").exists());
}
