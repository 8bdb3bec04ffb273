//! What the owner of a service, or its processes, may try, and what must not come of it.

use std::fs;
use std::os::unix::fs::{chown, symlink};

use crate::sandbox;
use crate::support::{REST, Sandbox, Service, is_root, skipped};

/// Nobody whom the tests run as.
const STRANGER: u32 = 54_321;

/// Gives a service, with what is in it, to somebody else. Only root can.
fn given_away(service: &Service) -> bool {
    let path = service.path("");
    let entries = fs::read_dir(&path).unwrap().flatten().map(|entry| entry.path());
    entries
        .chain([path.clone()])
        .all(|path| std::os::unix::fs::lchown(path, Some(STRANGER), None).is_ok())
}

fn scan(sandbox: &Sandbox, services: &[&Service]) {
    for service in services {
        sandbox.link(service, service.name());
    }
}

#[test]
fn a_fifo_in_the_place_of_remarks_keeps_nobody_waiting() {
    let sandbox = sandbox();
    let (first, second) = (sandbox.running("aa", REST), sandbox.running("zz", REST));
    fs::create_dir(first.path("supervise")).unwrap();
    sandbox.make_fifo(&first.path("supervise/remarks"));
    scan(&sandbox, &[&first, &second]);
    sandbox.svscan();
    sandbox.wait_until("both are up", || first.pid() != 0 && second.pid() != 0);
}

#[test]
fn a_status_in_a_directory_of_others_names_nobody() {
    let sandbox = sandbox();
    let service = sandbox.running("w", REST);
    let script = format!("cd {}; exec setsid sleep 1000000", service.path("").display());
    let victim = sandbox.daemon_by_shell(&script);
    let started = sandbox.shell("date +%s").text().trim().parse::<u64>().unwrap();
    fs::create_dir(service.path("supervise")).unwrap();
    // As daemontools would have written it: TAI64N, pid, up.
    let mut status = (started + (1 << 62) + 10).to_be_bytes().to_vec();
    status.extend([0; 4]);
    status.extend(victim.pid.to_le_bytes());
    status.extend([0, b'u']);
    fs::write(service.path("supervise/status"), status).unwrap();
    if !given_away(&service) {
        return skipped("only root can give a service away");
    }
    scan(&sandbox, &[&service]);
    sandbox.svscan();
    sandbox.wait_until("it is up", || service.is_supervised() && service.pid() != 0);
    assert_ne!(service.pid(), victim.pid);
    sandbox.svc("-d", &service);
    sandbox.wait_until("it is down", || service.pid() == 0);
    assert!(sandbox.ended(victim).is_none());
}

#[test]
fn supervise_is_not_followed_where_somebody_else_leads_us() {
    let sandbox = sandbox();
    let (service, other) = (sandbox.running("a", REST), sandbox.running("b", REST));
    let victim = sandbox.path("victim");
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("status"), "precious").unwrap();
    symlink(&victim, service.path("supervise")).unwrap();
    if !is_root() || !given_away(&service) {
        return skipped("only root can give a service away");
    }
    scan(&sandbox, &[&service, &other]);
    let svscan = sandbox.svscan();
    sandbox.wait_until("the other is up", || other.pid() != 0);
    sandbox.wait_until("it is told", || sandbox.said(svscan).contains("somebody else's"));
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(victim.join("status")).unwrap(), "precious");
}

#[test]
fn supervise_that_is_exchanged_for_a_link_while_it_runs_is_not_followed() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "echo start >>starts\nexec sleep 1000000");
    let victim = sandbox.path("victim");
    fs::create_dir(&victim).unwrap();
    if !is_root() || !given_away(&service) {
        return skipped("only root can give a service away");
    }
    scan(&sandbox, &[&service]);
    let svscan = sandbox.svscan();
    sandbox.wait_until("it is up", || {
        service.is_supervised() && service.lines("starts").len() == 1 && service.pid() != 0
    });
    let pid = service.pid();
    fs::rename(service.path("supervise"), service.path("moved")).unwrap();
    symlink(&victim, service.path("supervise")).unwrap();
    assert!(given_away(&service));
    sys::child::signal(pid, sys::signals::KILL).unwrap();
    sandbox.wait_until("it is started again", || service.lines("starts").len() == 2);
    sandbox.wait_until("it is told", || sandbox.said(svscan).contains("unable to write a/superv"));
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
    fs::remove_file(service.path("supervise")).unwrap();
    fs::rename(service.path("moved"), service.path("supervise")).unwrap();
}

#[test]
fn a_logger_of_somebody_else_is_not_ours_to_feed() {
    let sandbox = sandbox();
    let (victim, evil) = (sandbox.running("vic", REST), sandbox.running("evil", "echo INJECTED"));
    victim.log().script("exec cat >lines");
    symlink(victim.path("log"), evil.path("log")).unwrap();
    if !is_root() || !given_away(&evil) || chown(evil.path("run"), Some(0), None).is_err() {
        return skipped("only root can give a service away");
    }
    scan(&sandbox, &[&evil]);
    let svscan = sandbox.svscan();
    let told = "unable to open evil/log: it is a link to a directory of somebody else";
    sandbox.wait_until("it is told", || sandbox.said(svscan).contains(told));
    scan(&sandbox, &[&victim]);
    sandbox.wait_until("the logger is its own", || victim.log().pid() != 0);
    sandbox.stays("nothing is injected", || victim.log().read("lines").is_empty());
}

#[test]
fn a_service_that_freezes_itself_freezes_nobody_else() {
    let sandbox = sandbox();
    let script = "test -e again || echo 1 >supervise/cgroup/cgroup.freeze; exec sleep 1000000";
    let (frozen, other) = (sandbox.running("fz", script), sandbox.running("ok", REST));
    scan(&sandbox, &[&frozen, &other]);
    sandbox.svscan();
    sandbox.wait_until("both are up", || frozen.pid() != 0 && other.pid() != 0);
    if !frozen.path("supervise/cgroup/cgroup.freeze").exists() {
        return skipped("there are no control groups here");
    }
    // Between two lives there may be no group.
    let events = || frozen.read("supervise/cgroup/cgroup.events");
    sandbox.wait_until("it is frozen", || events().contains("frozen 1"));
    frozen.write("again", "");
    let first = other.pid();
    sandbox.svc("-k", &frozen);
    sandbox.svc("-t", &other);
    sandbox.wait_until("the other is obeyed", || ![0, first].contains(&other.pid()));
    sandbox.wait_until("it is started again", || events().contains("frozen 0"));
}

#[test]
fn a_flood_on_the_notification_descriptor_is_not_listened_to() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "exec dd if=/dev/zero of=/dev/fd/5 bs=64k 2>/dev/null");
    service.write("notification-fd", "5");
    let supervise = sandbox.supervise(&service);
    sandbox.wait_until("it is up", || service.pid() != 0);
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", supervise.pid)).unwrap();
        stat.split(' ').skip(13).take(2).map(|it| it.parse::<u64>().unwrap()).sum::<u64>()
    };
    let before = ticks();
    sandbox.stays("it has time", || ticks() < before + 60);
}

#[test]
fn who_has_left_the_group_is_found_by_his_marker() {
    let sandbox = sandbox();
    let script = "root=$(readlink supervise/cgroup) && echo 0 >${root%/*}/cgroup.procs\n\
                  trap '' TERM\nsetsid -f sleep 1000042\nexit 1";
    let service = sandbox.running("a", script);
    service.write("max-deaths", "2 in 1h");
    scan(&sandbox, &[&service]);
    let svscan = sandbox.svscan();
    sandbox.wait_until("it is given up", || sandbox.said(svscan).contains("given up"));
    let left = sandbox.shell("pgrep -f '^sleep 1000042$'").text();
    assert_eq!(left, "", "{}", sandbox.said(svscan));
}

#[test]
fn a_setting_that_is_a_link_to_a_fifo_is_not_opened() {
    let sandbox = sandbox();
    let service = sandbox.running("a", REST);
    let fifo = sandbox.path("fifo");
    sandbox.make_fifo(&fifo);
    symlink(&fifo, service.path("timeout-kill")).unwrap();
    let script = format!("echo secret >{}", fifo.display());
    let writer = sandbox.daemon_by_shell(&script);
    sandbox.supervise_up(&service);
    sandbox.stays("its writer waits", || sandbox.ended(writer).is_none());
    sandbox.shell(&format!("cat {}", fifo.display())).is(0, "secret\n", "");
}

#[test]
fn who_is_spared_is_told_of() {
    let sandbox = sandbox();
    let at_terminal = "setsid -f script -qc 'sleep 1000043' /dev/null </dev/null >/dev/null 2>&1";
    let script = format!("{at_terminal}\n>in\nexec sleep 1000000");
    let service = sandbox.running("a", &script);
    scan(&sandbox, &[&service]);
    let svscan = sandbox.svscan();
    let sits = || sandbox.shell("pgrep -f '^sleep 1000043$'").code == 0;
    sandbox.wait_until("he is in", || service.has("in") && sits());
    sandbox.svc("-d", &service);
    let told = " of its processes are at a terminal or have logged in: they are left";
    sandbox.wait_until("it is told", || sandbox.said(svscan).contains(told));
}
