//! svcheck: what is made wrong is said, with the exit code, and nothing is said of what is right.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "support/mod.rs"]
mod support;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::time::Duration;

use support::{Fake, Ran, Sandbox, Service, is_root, only_ours, skipped};
use tai::Stamp;

const GOOD: &str = "#!/bin/sh\nexec 2>&1\nexec cat\n";

/// Runs svcheck, with multilog, ntpd and the tools of the system to be found.
fn svcheck(sandbox: &Sandbox, args: &[&str]) -> Ran {
    let keepup = env!("CARGO_BIN_EXE_keepup");
    for name in ["svcheck", "multilog", "setuidgid", "envdir"] {
        let _ = symlink(keepup, sandbox.path(".bin").join(name));
    }
    let _ = symlink(env!("CARGO_BIN_EXE_ntpd"), sandbox.path(".bin/ntpd"));
    sandbox.tool("svcheck", args)
}

/// Looks at the service `a`, which is linked in the scan directory.
fn of_a(sandbox: &Sandbox) -> (i32, Vec<String>) {
    if !sandbox.path("scan/a").exists() {
        sandbox.link(&sandbox.service("a"), "a");
    }
    let ran = svcheck(sandbox, &["-s", "scan", "a"]);
    assert_eq!(ran.complaint(), "");
    (ran.code, ran.text().lines().map(str::to_owned).collect())
}

fn mode(service: &Service, file: &str, mode: u32) {
    fs::set_permissions(service.path(file), Permissions::from_mode(mode)).unwrap();
}

/// What is done to a service that is right, what is said of it then, and the exit code.
struct Row {
    make: fn(&Service),
    code: i32,
    said: &'static [&'static str],
}

const fn row(make: fn(&Service), code: i32, said: &'static [&'static str]) -> Row {
    Row { make, code, said }
}

fn run(service: &Service, text: &str) {
    service.executable("run", text);
}

fn log(service: &Service, text: &str) {
    service.log().executable("run", text);
    mode(service, "log", 0o755);
}

const RUN: &[Row] = &[
    row(|_| {}, 0, &["a: nothing is wrong"]),
    row(
        |a| fs::remove_file(a.path("run")).unwrap(),
        1,
        &["a/run: there is none; write it, or remove the link a if it is no service"],
    ),
    row(
        |a| {
            fs::remove_file(a.path("run")).unwrap();
            symlink("/nowhere/run", a.path("run")).unwrap();
        },
        1,
        &["a/run: it is a link to /nowhere/run, which is not there"],
    ),
    row(
        |a| {
            fs::remove_file(a.path("run")).unwrap();
            fs::create_dir(a.path("run")).unwrap();
        },
        1,
        &["a/run: it is a directory; it must be a program"],
    ),
    row(|a| mode(a, "run", 0o644), 1, &["a/run: it is not executable; chmod +x a/run"]),
    row(|a| run(a, ""), 1, &["a/run: it is empty; write it"]),
    row(
        |a| run(a, "exec cat\n"),
        1,
        &["a/run: it has no first line that names its interpreter, as #!/bin/sh does"],
    ),
    row(
        |a| run(a, "#!/nowhere/sh\nexec cat\n"),
        1,
        &["a/run: its first line asks for /nowhere/sh, which is not there"],
    ),
    row(
        |a| run(a, "#!/usr/bin/env nosuchshell\nexec cat\n"),
        1,
        &["a/run: its first line asks for nosuchshell, which is not there"],
    ),
    row(
        |a| run(a, "#!/etc/passwd\nexec cat\n"),
        1,
        &["a/run: its first line asks for /etc/passwd, which is not executable"],
    ),
    row(
        |a| run(a, "#!/bin/sh\r\nexec cat\r\n"),
        1,
        &[
            "a/run: its first line ends in a carriage return; save it with Unix line ends",
            "a/run: line 2: it ends in a carriage return, which becomes a part of its last word; \
             save the file with Unix line ends",
        ],
    ),
    row(
        |a| run(a, "\u{feff}#!/bin/sh\nexec cat\n"),
        1,
        &["a/run: it begins with a byte order mark, so that the kernel does not see its #!; save \
           it as UTF-8 without one"],
    ),
    row(
        |a| run(a, "#!/bin/sh\nexec 2>&1\nexec /bin/cat &\n"),
        1,
        &["a/run: line 3: the & puts cat in the background and the script ends; take the & away \
           and write: exec cat"],
    ),
    row(
        |a| run(a, "#!/bin/sh\nexec 2>&1\nntpd -g\n"),
        1,
        &["a/run: line 3: starts ntpd without -n: it will put itself in the background; write: \
           exec ntpd -n"],
    ),
    row(
        |a| run(a, "#!/bin/sh\nif true; then\n  exec cat\nend\n"),
        1,
        &["a/run: line 5: the shell cannot read it: SHELL"],
    ),
    row(|a| run(a, "#!/bin/sh\nexec cat\n)\n"), 0, &["a: nothing is wrong"]),
    row(
        |a| run(a, "#!/bin/sh\nsleep 100\n"),
        0,
        &["a/run: line 2: note: starts sleep without exec: svc would signal the shell and not \
           sleep; write: exec sleep"],
    ),
    row(
        |a| run(a, "#!/bin/sh\nexec 2>&1\nexec ntpd -gnc ./ntp.conf\n"),
        1,
        &["a/run: line 3: ntpd reads ./ntp.conf, which is not there; write it"],
    ),
    row(
        |a| {
            run(a, "#!/bin/sh\nexec 2>&1\nexec ntpd -n -c ./ntp.conf\n");
            a.write("ntp.conf", "driftfile d\nsevrer pool.ntp.org\n");
        },
        1,
        &["a/ntp.conf: line 2: no such word: sevrer; ntpd does not start with that"],
    ),
    row(
        |a| {
            run(a, "#!/bin/sh\nexec 2>&1\nexec ntpd -n -c ./ntp.conf\n");
            a.write("ntp.conf", "server pool.ntp.org iburst\n");
        },
        0,
        &["a: nothing is wrong"],
    ),
    row(
        // Another ntpd, with words of its own.
        |a| {
            run(a, "#!/bin/sh\nexec 2>&1\nexec ./ntpd -n -c ./ntp.conf\n");
            a.executable("ntpd", "#!/bin/sh\nexec cat\n");
            a.write("ntp.conf", "listen on *\n");
        },
        0,
        &["a: nothing is wrong"],
    ),
    row(
        |a| run(a, "#!/bin/sh\nexec setuidgid nosuchuser envdir ./env cat\n"),
        1,
        &[
            "a/run: line 2: setuidgid asks for the user nosuchuser, who is not there; create it",
            "a/run: line 2: envdir reads ./env, which is not there; mkdir a/env",
        ],
    ),
    row(
        |a| run(a, "#!/bin/sh\nexec ./server\n"),
        1,
        &["a/run: line 2: starts ./server, which is not there"],
    ),
    row(
        |a| run(a, "#!/bin/sh\nexec nosuchprogram -f\n"),
        1,
        &["a/run: line 2: starts nosuchprogram, which is not in PATH; install it, or write its \
           whole path"],
    ),
    row(
        |a| {
            a.write("server", "");
            run(a, "#!/bin/sh\nexec ./server\n");
        },
        1,
        &["a/run: line 2: starts ./server, which is not executable"],
    ),
    row(
        |a| mode(a, "run", 0o757),
        1,
        &["a/run: anybody may write it, and so run anything as USER; chmod o-w a/run"],
    ),
    row(
        |a| mode(a, "", 0o777),
        1,
        &["a: anybody may write it, and so run anything as USER; chmod o-w a"],
    ),
    row(
        |a| a.write("down", ""),
        0,
        &["a/down: note: it keeps the service from being started by itself; rm a/down"],
    ),
    row(
        |a| a.executable("finish", "#!/bin/sh\nif true\n"),
        1,
        &["a/finish: line 3: the shell cannot read it: SHELL"],
    ),
    row(
        |a| a.write("finish", "#!/bin/sh\n"),
        1,
        &["a/finish: it is not executable; chmod +x a/finish"],
    ),
    row(|a| a.write("supervise", ""), 1, &["a/supervise: it is not a directory; remove it"]),
    row(
        |a| {
            fs::create_dir(a.path("supervise")).unwrap();
            a.write("supervise/ok", "");
        },
        1,
        &["a/supervise/ok: it is not a FIFO; remove it, and supervise makes a new one"],
    ),
];

const LOG: &[Row] = &[
    row(|a| log(a, "#!/bin/sh\nexec multilog t ./main\n"), 0, &["a: nothing is wrong"]),
    row(
        |a| drop(a.log()),
        1,
        &["a/log/run: there is none; write it, or remove a/log if nothing is to be logged"],
    ),
    row(
        |a| a.write("log", ""),
        1,
        &["a/log: it is not a directory, so nothing is logged; make it one, with a run"],
    ),
    row(
        |a| log(a, "#!/bin/sh\nmultilog t ./main\n"),
        1,
        &["a/log/run: line 2: starts multilog without exec: svc would signal the shell and not \
           multilog; write: exec multilog"],
    ),
    row(
        |a| log(a, "#!/bin/sh\nexec multilog t %fulll=drop ./main %age=1h\n"),
        1,
        &[
            "a/log/run: line 2: multilog does not begin: %fulll=drop is no setting; there are \
             %full, %age, %total, %sync, %rate and %visible, and %stamp as the first word",
            "a/log/run: line 2: multilog does not begin: %age=1h must stand before the log \
             directory that it is for",
        ],
    ),
    row(
        |a| {
            log(a, "#!/bin/sh\nexec multilog t ./main\n");
            mode(a, "log/run", 0o600);
        },
        1,
        &["a/log/run: it is not executable; chmod +x a/log/run"],
    ),
    row(
        |a| {
            run(a, "#!/bin/sh\nexec cat\n");
            log(a, "#!/bin/sh\nexec multilog t ./main\n");
        },
        0,
        &["a/run: note: its standard error is not logged; write: exec 2>&1 before what it starts"],
    ),
    row(
        |a| {
            log(a, "#!/bin/sh\nexec multilog t ./main\n");
            a.log().write("main", "");
        },
        1,
        &["a/log/main: it is not a directory"],
    ),
    row(
        |a| {
            log(a, "#!/bin/sh\nexec multilog t ./main\n");
            fs::create_dir_all(a.path("log/main/current")).unwrap();
        },
        1,
        &["a/log/main/current: it is not a plain file; move it away, and the logger makes a new \
           one"],
    ),
    row(
        |a| log(a, "#!/bin/sh\nexec setuidgid daemon multilog t ./main\n"),
        1,
        &["a/log/main: it is not there, and multilog as daemon cannot make it; mkdir a/log/main \
           && chown daemon a/log/main"],
    ),
    row(
        |a| {
            log(a, "#!/bin/sh\nexec setuidgid daemon multilog t ./main\n");
            fs::create_dir(a.path("log/main")).unwrap();
            mode(a, "log/main", 0o755);
        },
        1,
        &["a/log/main: daemon cannot write in it; chown daemon a/log/main"],
    ),
];

/// The name of the account that runs this test, as messages have it.
fn user() -> String {
    let uid = sys::place::own_uid();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = doctor::people::name_of(&passwd, uid);
    name.map_or_else(|| format!("user {uid}"), str::to_owned)
}

fn every_row(sandbox: &Sandbox, rows: &[Row]) {
    for (number, row) in rows.iter().enumerate() {
        let _ = fs::remove_dir_all(sandbox.path("a"));
        let service = sandbox.service("a");
        run(&service, GOOD);
        (row.make)(&service);
        let said: Vec<String> = row.said.iter().map(|line| line.replace("USER", &user())).collect();
        let (code, mut found) = of_a(sandbox);
        for line in &mut found {
            // Each shell has words of its own.
            if let Some((before, _)) = line.split_once("cannot read it: ") {
                *line = format!("{before}cannot read it: SHELL");
            }
        }
        assert_eq!((code, found), (row.code, said), "row {number}");
    }
}

fn a_run_that_is_wrong_is_told_so(sandbox: &Sandbox) {
    every_row(sandbox, RUN);
}

fn a_logger_that_is_wrong_is_told_so(sandbox: &Sandbox) {
    every_row(sandbox, LOG);
}

fn a_run_that_would_keep_a_reader_waiting_does_not(sandbox: &Sandbox) {
    let service = sandbox.service("a");
    sandbox.make_fifo(&service.path("run"));
    let said = "a/run: it is a FIFO or a device; it must be a program".to_owned();
    assert_eq!(of_a(sandbox), (1, vec![said]));
}

fn a_run_that_its_interpreter_cannot_read_is_told_so(sandbox: &Sandbox) {
    let service = sandbox.running("a", "exec cat");
    mode(&service, "run", 0o311);
    let (code, said) = of_a(sandbox);
    if is_root() {
        assert_eq!((code, said), (0, vec!["a: nothing is wrong".to_owned()]));
    } else {
        let cure = "a/run: its interpreter cannot read it; chmod u+r a/run".to_owned();
        assert_eq!((code, said), (1, vec![cure]));
    }
}

fn a_service_that_nobody_has_linked_is_noted(sandbox: &Sandbox) {
    run(&sandbox.service("a"), GOOD);
    fs::create_dir(sandbox.path("scan")).unwrap();
    let note = "a: note: no name in scan leads to it, so svscan does not start it; ln -s its whole \
                path into scan\n";
    svcheck(sandbox, &["-s", "scan", "a"]).is(0, note, "");
}

fn a_service_that_svscan_has_not_seen_yet_is_no_fault(sandbox: &Sandbox) {
    run(&sandbox.service("a"), GOOD);
    assert_eq!(of_a(sandbox), (0, vec!["a: nothing is wrong".to_owned()]));
    fs::create_dir(sandbox.path("scan/.svscan")).unwrap();
    let control = sandbox.path("scan/.svscan/control");
    sandbox.make_fifo(&control);
    assert_eq!(of_a(sandbox), (0, vec!["a: nothing is wrong".to_owned()]));
    let _reader = sys::fifo::open_reader(&control).unwrap();
    let note = "a: note: svscan has not picked it up yet";
    assert_eq!(of_a(sandbox), (0, vec![note.to_owned()]));
    svcheck(sandbox, &["-s", "scan"]).is(0, &format!("scan/{note}\n"), "");
    run(&sandbox.service("a"), "");
    let empty = "a/run: it is empty; write it";
    assert_eq!(of_a(sandbox), (1, vec![empty.to_owned()]));
    let fake = Fake::new(sandbox, "a");
    run(&fake, GOOD);
    assert_eq!(of_a(sandbox), (0, vec!["a: nothing is wrong".to_owned()]));
    // However long svcheck takes to come to it.
    status_since(&fake, 0, b'u', sys::clock::realtime() + Duration::from_hours(1));
    let soon = "a: note: it is wanted up, and is to be started in a moment";
    assert_eq!(of_a(sandbox), (0, vec![soon.to_owned()]));
}

fn every_name_of_a_scan_directory_is_looked_at(sandbox: &Sandbox) {
    let service = sandbox.service("a");
    run(&service, GOOD);
    for name in ["one", "two", ".three"] {
        sandbox.link(&service, name);
    }
    fs::write(sandbox.path("scan/file"), "").unwrap();
    symlink("/nowhere", sandbox.path("scan/gone")).unwrap();
    symlink("loop", sandbox.path("scan/loop")).unwrap();
    let said = "\
scan/file: it is no service: it is not a directory; remove it, or let its name begin with a dot
scan/gone: it is a link to /nowhere, which is not there; remove it: rm scan/gone
scan/loop: it is a link that leads nowhere: symbolic link loop
scan/one: nothing is wrong
scan/two: it is the same directory as scan/one: it is supervised once
";
    svcheck(sandbox, &["-s", "scan"]).is(1, said, "");
    let verbose = svcheck(sandbox, &["-v", "-s", "scan"]).text();
    let hidden = "scan/.three: note: its name begins with a dot: svscan does not look at it\n";
    assert!(verbose.starts_with(hidden), "{verbose}");
    assert!(verbose.contains("scan/one: note: it has no directory log: "), "{verbose}");
}

fn a_scan_directory_stands_for_its_services(sandbox: &Sandbox) {
    let a = sandbox.service("a");
    run(&a, GOOD);
    sandbox.link(&a, "a");
    svcheck(sandbox, &["scan"]).is(0, "scan/a: nothing is wrong\n", "");
    fs::remove_file(sandbox.path("scan/a")).unwrap();
    let said = svcheck(sandbox, &["scan"]).text();
    assert!(said.starts_with("scan/run: there is none"), "{said}");
    fs::create_dir(sandbox.path("scan/.svscan")).unwrap();
    svcheck(sandbox, &["scan"]).is(0, "", "");
    fs::remove_file(a.path("run")).unwrap();
    log(&a, "#!/bin/sh\nexec multilog t ./main\n");
    let said = svcheck(sandbox, &["a", "-v"]).text();
    assert!(said.starts_with("a/run: there is none"), "{said}");
}

fn what_cannot_be_looked_at_is_a_failure_of_another_kind(sandbox: &Sandbox) {
    let warning = "svcheck: warning: unable to open nowhere: file does not exist\n";
    fs::create_dir(sandbox.path("scan")).unwrap();
    svcheck(sandbox, &["-s", "scan", "nowhere"]).is(111, "", warning);
    let fatal = "svcheck: fatal: unable to read nowhere: file does not exist\n";
    svcheck(sandbox, &["-s", "nowhere"]).is(111, "", fatal);
    let ran = svcheck(sandbox, &["-x"]);
    assert_eq!((ran.code, ran.text()), (100, String::new()));
    fs::write(sandbox.path("file"), "").unwrap();
    svcheck(sandbox, &["-s", "scan", "file"]).is(1, "file: it is not a directory\n", "");
}

/// A status of an hour ago.
fn status(service: &Service, pid: u32, want: u8) {
    let now = sys::clock::realtime();
    status_since(service, pid, want, now.saturating_sub(Duration::from_hours(1)));
}

fn status_since(service: &Service, pid: u32, want: u8, since: Duration) {
    let since = Stamp::from_unix(since);
    let mut bytes = since.pack().to_vec();
    bytes.extend(pid.to_le_bytes());
    bytes.extend([0, want]);
    service.write("supervise/status", bytes);
}

fn a_shell_above_its_program_is_seen_while_it_runs(sandbox: &Sandbox) {
    let fake = Fake::new(sandbox, "a");
    run(&fake, "#!/bin/sh\nexec 2>&1\nsh -c 'read x <fifo'; exit 1\n");
    sandbox.make_fifo(&fake.path("fifo"));
    let daemon = sandbox.daemon_by_shell("cd a && exec /bin/sh ./run");
    let children = format!("/proc/{0}/task/{0}/children", daemon.pid);
    let child = || fs::read_to_string(&children).unwrap_or_default().trim().to_owned();
    sandbox.wait_until("it has a child", || !child().is_empty());
    status(&fake, daemon.pid, b'u');
    let name = || fs::read_to_string(format!("/proc/{}/comm", child())).unwrap_or_default();
    sandbox.wait_until("the child is itself", || name() == "sh\n");
    let said = format!(
        "a/run: the supervised process {} is a shell, and the program is its child {} (sh): svc \
         signals the shell only; write exec before sh",
        daemon.pid,
        child()
    );
    assert_eq!(of_a(sandbox), (1, vec![said]));
    fs::write(fake.path("fifo"), "\n").unwrap();
    assert_eq!(sandbox.end_of(daemon), 1);
}

fn a_service_that_keeps_ending_is_seen(sandbox: &Sandbox) {
    let fake = Fake::new(sandbox, "a");
    run(&fake, GOOD);
    status(&fake, 0, b'u');
    let (code, said) = of_a(sandbox);
    assert_eq!((code, said.len()), (1, 1), "{said:?}");
    assert!(said[0].starts_with("a: it is wanted up, and has been down for 36"), "{said:?}");
    mode(&fake, "run", 0o644);
    let cannot = "a/run: it is not executable; chmod +x a/run";
    assert_eq!(of_a(sandbox), (1, vec![cannot.to_owned()]));
    mode(&fake, "run", 0o755);
    fake.write("supervise/remarks", "given-up\nbackground\u{1b} x\n");
    let given_up = "a: it ended too often, or asked for it, and is not started again; svc -u a \
                    starts it";
    assert_eq!(of_a(sandbox), (1, vec![given_up.to_owned()]));
}

fn a_service_that_went_into_the_background_is_told_its_flag(sandbox: &Sandbox) {
    let fake = Fake::new(sandbox, "a");
    run(&fake, "#!/bin/sh\nexec 2>&1\n. ./start\n# ntpd\nexec ntpd $OPTIONS\n");
    let daemon = sandbox.daemon_by_shell("cd a && exec sleep 1000000");
    let comm = format!("/proc/{}/comm", daemon.pid);
    let comm = || fs::read_to_string(&comm).unwrap_or_default();
    sandbox.wait_until("it is sleep", || comm() == "sleep\n");
    status(&fake, daemon.pid, b'u');
    fake.write("supervise/remarks", "background\n");
    let said = format!(
        "a: it has put itself in the background, as process {} (sleep); write: exec ntpd -n",
        daemon.pid
    );
    assert_eq!(of_a(sandbox), (1, vec![said]));
}

fn what_a_supervise_that_is_gone_has_left_is_seen(sandbox: &Sandbox) {
    let service = Fake::unread(sandbox, "a");
    run(&service, GOOD);
    let daemon = sandbox.daemon_by_shell("cd a && exec sleep 1000000");
    let cwd = format!("/proc/{}/cwd", daemon.pid);
    let here = service.path("").canonicalize().unwrap();
    sandbox.wait_until("it is there", || fs::read_link(&cwd).is_ok_and(|cwd| cwd == here));
    status(&service, daemon.pid, b'u');
    let said = format!(
        "a: process {} still runs, and nobody supervises it; start svscan, which goes on with what \
         runs",
        daemon.pid
    );
    assert_eq!(of_a(sandbox), (1, vec![said]));
    status(&service, u32::MAX / 2, b'u');
    let (code, said) = of_a(sandbox);
    assert_eq!((code, said.len()), (0, 1), "{said:?}");
    assert!(said[0].ends_with("which is gone"), "{said:?}");
}

fn whoever_holds_the_lock_and_does_not_answer_is_named(sandbox: &Sandbox) {
    let service = Fake::unread(sandbox, "a");
    run(&service, GOOD);
    let lock = File::create(service.path("supervise/lock")).unwrap();
    lock.lock().unwrap();
    let (code, said) = of_a(sandbox);
    assert_eq!((code, said.len()), (1, 1), "{said:?}");
    let holds = format!("process {}, holds supervise/lock and does not answer", std::process::id());
    assert!(said[0].contains(&holds), "{said:?}");
}

fn a_service_that_is_supervised_and_well_is_left_in_peace(sandbox: &Sandbox) {
    let service = sandbox.running("a", "exec 2>&1\nexec sleep 1000000");
    let daemon = sandbox.supervise_up(&service);
    let ran = svcheck(sandbox, &["a"]);
    ran.is(0, "a: nothing is wrong\n", "");
    assert_eq!(sandbox.ended(daemon), None);
}

fn what_belongs_to_somebody_else_is_told_so(sandbox: &Sandbox) {
    if !is_root() {
        return skipped("an ordinary user can give nothing away");
    }
    let service = sandbox.service("a");
    run(&service, GOOD);
    chown(service.path("run"), Some(1), None).unwrap();
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let owner = doctor::people::name_of(&passwd, 1).map_or("user 1".to_owned(), str::to_owned);
    let said =
        format!("a/run: it belongs to {owner}, who may so run anything as root; chown root a/run");
    assert_eq!(of_a(sandbox), (1, vec![said]));
    // Somebody whose services these are may own them.
    chown(service.path(""), Some(1), None).unwrap();
    fs::create_dir(service.path("supervise")).unwrap();
    chown(service.path("supervise"), Some(1), None).unwrap();
    assert_eq!(of_a(sandbox), (0, vec!["a: nothing is wrong".to_owned()]));
}

/// Runs svcheck on a service `a` with a logger, which lies on a small file system of its own that
/// `options` tell of; first `prepare` is run. `None` where that cannot be had.
fn on_file_system(sandbox: &Sandbox, options: &str, prepare: &str) -> Option<(i32, String)> {
    let good = sandbox.service("good");
    run(&good, GOOD);
    log(&good, "#!/bin/sh\nexec multilog t ./main\n");
    fs::create_dir(good.path("log/main")).unwrap();
    sandbox.link(&sandbox.service("a"), "a");
    svcheck(sandbox, &["a"]);
    let ran = sandbox.shell(&format!(
        "unshare -m sh -c 'mount -t tmpfs -o size=64k,mode=755 none a && cp -r good/. a && \
         {prepare} && mount -o remount,{options} a && {{ svcheck -s scan a; echo $?; }}'"
    ));
    let text = ran.text();
    let (said, code) = text.trim_end().rsplit_once('\n')?;
    Some((code.parse().ok()?, said.to_owned()))
}

fn a_file_system_that_does_not_serve_is_told_so(sandbox: &Sandbox) {
    let noexec = "\
a/run: its file system is mounted noexec; remount it, or put the directory elsewhere
a/log/run: its file system is mounted noexec; remount it, or put the directory elsewhere";
    let Some(found) = on_file_system(sandbox, "noexec", "true") else {
        return skipped("no file system can be mounted here");
    };
    assert_eq!(found, (1, noexec.to_owned()));
    let _ = fs::remove_dir_all(sandbox.path("good"));
    let _ = fs::remove_file(sandbox.path("scan/a"));
    let no_room = "a/log/main: its disk is full: the logger waits, and so does the service";
    let fill = "! cat /dev/zero >a/log/main/@x.s 2>x";
    assert_eq!(on_file_system(sandbox, "rw", fill), Some((1, no_room.to_owned())));
    let _ = fs::remove_dir_all(sandbox.path("good"));
    let _ = fs::remove_file(sandbox.path("scan/a"));
    let (code, said) = on_file_system(sandbox, "ro", "mkdir a/log/supervise").unwrap();
    let cure = "nothing can be written there; make it a link to a directory that can be written";
    assert_eq!(code, 1);
    assert!(said.contains(&format!("a/supervise: {cure}")), "{said}");
    assert!(said.contains(&format!("a/log/supervise: {cure}")), "{said}");
    assert!(said.contains("a/log/main: its file system is read-only"), "{said}");
}

fn a_setting_that_is_refused_at_the_start_is_told_so(sandbox: &Sandbox) {
    let service = sandbox.service("a");
    run(&service, GOOD);
    log(&service, "#!/bin/sh\nexec multilog t ./main\n");
    service.write("timeout-kill", "5s");
    assert_eq!(of_a(sandbox), (0, vec!["a: nothing is wrong".to_owned()]));
    fs::create_dir(service.path("limits")).unwrap();
    for (file, text) in [
        ("survivors", "kill"),
        ("notification-fd", "x"),
        ("max-deaths", "3/1m"),
        ("limits/open-files", "abc"),
        ("limits/nosuch", "1"),
        ("log/timeout-kill", "soon"),
    ] {
        service.write(file, text);
    }
    let said = [
        "a/limits/nosuch: not one of processes, memory, cpu, open-files, core, data, stack, \
         file-size, locked-memory, cpu-time, user-processes: ignored",
        "a/limits/open-files: neither a number, such as 64M, nor unlimited: ignored",
        "a/survivors: not one of adopt, end, leave: ignored",
        "a/max-deaths: not a number and a time (5 in 1m): ignored",
        "a/notification-fd: not a number from 3 to 255: ignored",
        "a/log/timeout-kill: not milliseconds and not a time (90s, 2m 30s): ignored",
    ];
    assert_eq!(of_a(sandbox), (1, said.map(str::to_owned).to_vec()));
    let of_all = svcheck(sandbox, &["-s", "scan"]);
    assert_eq!((of_all.code, of_all.text()), (1, said.map(|it| format!("scan/{it}\n")).concat()));
}

/// Copies a service directory as `cp -r` does.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if !path.is_dir() {
            fs::copy(&path, to.join(name)).unwrap();
        } else if name == "log" {
            copy(&path, &to.join(name));
        }
    }
}

fn every_service_example_is_right_but_the_one_that_is_not(sandbox: &Sandbox) {
    const BROKEN: &str = "service-examples/backgrounds-itself";
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut clean = 0;
    for entry in fs::read_dir(root.join("service-examples")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        copy(&entry.path(), &sandbox.path(&name));
        sandbox.link(&sandbox.service(&name), &name);
        let ran = svcheck(sandbox, &["-s", "scan", &name]);
        if root.join(BROKEN) == entry.path() {
            let said = "backgrounds-itself/run: line 10: the & puts sleep in the background and \
                        the script ends; take the & away and write: exec sleep\n";
            ran.is(1, said, "");
        } else {
            ran.is(0, &format!("{name}: nothing is wrong\n"), "");
            clean += 1;
        }
    }
    assert!(clean >= 2, "{clean}");
}

only_ours! {
    a_run_that_is_wrong_is_told_so,
    a_logger_that_is_wrong_is_told_so,
    a_run_that_would_keep_a_reader_waiting_does_not,
    a_run_that_its_interpreter_cannot_read_is_told_so,
    a_service_that_nobody_has_linked_is_noted,
    a_service_that_svscan_has_not_seen_yet_is_no_fault,
    every_name_of_a_scan_directory_is_looked_at,
    a_scan_directory_stands_for_its_services,
    what_cannot_be_looked_at_is_a_failure_of_another_kind,
    a_shell_above_its_program_is_seen_while_it_runs,
    a_service_that_keeps_ending_is_seen,
    a_service_that_went_into_the_background_is_told_its_flag,
    what_a_supervise_that_is_gone_has_left_is_seen,
    whoever_holds_the_lock_and_does_not_answer_is_named,
    a_service_that_is_supervised_and_well_is_left_in_peace,
    what_belongs_to_somebody_else_is_told_so,
    a_file_system_that_does_not_serve_is_told_so,
    a_setting_that_is_refused_at_the_start_is_told_so,
    every_service_example_is_right_but_the_one_that_is_not,
}

/// `KEEPUP_WRITE_PAGES=1` in the environment writes the page anew.
#[test]
fn the_page_of_daemons_is_the_table_that_is_used() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/foreground.md");
    let page = doctor::foreground::page();
    if std::env::var_os("KEEPUP_WRITE_PAGES").is_some_and(|value| value == "1") {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, page, "KEEPUP_WRITE_PAGES=1 cargo test --test svcheck writes it anew");
}
