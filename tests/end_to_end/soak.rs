//! Services that come, crash, log and go for long leave nothing behind in svscan.
//!
//! `KEEPUP_SOAK_ROUNDS=20000` makes an hour of it.

use std::fs;

use super::sandbox;
use crate::support::{Daemon, Sandbox, Service};

/// The first rounds fill what is kept for later: tables, the heap, the record of services.
const WARM_UP: usize = 10;
/// So many rounds of churn follow, unless the environment says otherwise.
const ROUNDS: usize = 40;
/// Services that come and go in a round.
const SERVICES: usize = 6;
/// A kilobyte for each service that has come and gone would be twice as much (240 services).
const GROWTH_MAX_KB: u64 = 128;

/// Descriptors and kilobytes of memory: counted page by page, for the sums of `status` are rough
/// where there are many processors.
fn weight(svscan: Daemon) -> (usize, u64) {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", svscan.pid)).unwrap().count();
    let pages = fs::read_to_string(format!("/proc/{}/smaps_rollup", svscan.pid)).unwrap();
    let line = pages.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
    (descriptors, line.trim().trim_end_matches(" kB").parse().unwrap())
}

fn add(sandbox: &Sandbox, name: &str, script: &str, logged: bool) -> Service {
    let service = sandbox.service(name);
    service.script(script);
    if logged {
        fs::create_dir(service.path("log")).unwrap();
        service.log().script("exec cat >> ../lines\n");
    }
    sandbox.link(&service, name);
    service
}

/// Services come, crash or talk, and go.
fn churn(sandbox: &Sandbox, round: usize) {
    let scripts = ["echo $$ > ran; exec sleep 1000\n", "echo $$ > ran; exit 1\n"];
    let services: Vec<Service> = (0..SERVICES)
        .map(|number| {
            let script = scripts[number % scripts.len()];
            add(sandbox, &format!("r{round}-{number}"), script, number % 3 == 0)
        })
        .collect();
    for service in &services {
        sandbox.wait_until("it has run", || service.has("ran"));
        fs::remove_file(sandbox.path("scan").join(service.name())).unwrap();
    }
    for service in &services {
        service.control(b"dx");
    }
    for service in &services {
        sandbox.wait_until("it has left", || !service.is_supervised());
        if service.has("log") {
            let log = service.log();
            sandbox.wait_until("its logger has started", || log.is_supervised());
            log.control(b"dx");
            sandbox.wait_until("its logger has left", || !log.is_supervised());
        }
        fs::remove_dir_all(service.path("")).unwrap();
    }
}

#[test]
fn services_that_come_and_go_leave_neither_descriptors_nor_memory_behind() {
    let rounds = std::env::var("KEEPUP_SOAK_ROUNDS").ok().and_then(|text| text.parse().ok());
    let sandbox = sandbox();
    fs::create_dir_all(sandbox.path("scan")).unwrap();
    let svscan = sandbox.svscan();
    (0..WARM_UP).for_each(|round| churn(&sandbox, round));
    let (descriptors, memory) = weight(svscan);
    (0..rounds.unwrap_or(ROUNDS)).for_each(|round| churn(&sandbox, WARM_UP + round));
    sandbox.wait_until("all descriptors are closed", || weight(svscan).0 <= descriptors);
    let grown = weight(svscan).1.saturating_sub(memory);
    assert!(grown <= GROWTH_MAX_KB, "{grown} kB more than before");
}
