//! What supervise does at each letter, and what the tools of both suites say of it.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{Sandbox, Service, each_pair, is_alive, is_stopped, parent, seconds, stamp};

each_pair!(
    a_service_is_up,
    a_service_that_is_normally_down_waits_for_u,
    d_ends_it_and_u_starts_it,
    p_stops_it_and_c_lets_it_go_on,
    d_ends_a_paused_service,
    o_starts_it_once,
    o_lets_a_running_service_end_for_good_and_u_takes_that_back,
    each_signal_arrives_and_changes_no_status,
    a_service_that_ends_by_a_signal_is_started_again,
    letters_of_one_svc_are_done_in_their_order,
    x_waits_for_the_end_and_then_supervise_leaves,
    x_ends_a_supervise_at_once_when_its_service_is_down,
    a_service_that_ignores_term_is_up_and_wanted_down,
    signals_to_a_service_that_is_down_do_nothing,
    unknown_letters_do_nothing,
    a_status_is_replaced_and_never_half_written,
);

/// The line on `service`, with its pid as PID and its seconds as N.
fn line(sandbox: &Sandbox, service: &Service) -> String {
    let ran = sandbox.tool("svstat", &[service.name()]);
    assert_eq!((ran.code, ran.complaint()), (0, String::new()));
    let text = ran.text();
    let words: Vec<&str> = text.trim_end().split(' ').collect();
    let pid = format!("{})", service.pid());
    let shown = words.iter().enumerate().map(|(n, &word)| match words.get(n + 1) {
        Some(next) if next.starts_with("seconds") && word.parse::<u32>().is_ok() => "N",
        _ if word == pid => "PID)",
        _ => word,
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn flags(service: &Service) -> (u8, u8) {
    let status = service.status();
    (status[16], status[17])
}

/// Waits until the service has another process than `old`, and a running one.
fn renewed(sandbox: &Sandbox, service: &Service, old: u32) -> u32 {
    sandbox.wait_until("it was started again", || ![0, old].contains(&service.pid()));
    service.pid()
}

fn goes_down(sandbox: &Sandbox, service: &Service) {
    sandbox.wait_until("it is down", || service.pid() == 0);
}

fn a_service_is_up(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    let daemon = sandbox.supervise_up(&service);
    let (status, pid) = (service.status(), service.pid());
    assert_eq!(status.len(), 18);
    assert_eq!(flags(&service), (0, b'u'));
    assert!(is_alive(pid));
    assert_eq!(parent(pid), Some(daemon.pid));
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let age = (unix + 10).abs_diff(seconds(&status) - (1 << 62));
    assert!(age < 120, "{age}");
    assert_eq!(line(sandbox, &service), "s: up (pid PID) N seconds");
    sandbox.tool("svok", &["s"]).is(0, "", "");
}

fn a_service_that_is_normally_down_waits_for_u(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    service.write("down", "");
    sandbox.supervise(&service);
    sandbox.stays("it is down", || service.pid() == 0);
    assert_eq!(flags(&service), (0, b'd'));
    assert_eq!(line(sandbox, &service), "s: down N seconds");
    sandbox.svc("-u", &service);
    sandbox.wait_until("it is up", || service.pid() != 0);
    assert_eq!(flags(&service), (0, b'u'));
    assert_eq!(line(sandbox, &service), "s: up (pid PID) N seconds, normally down");
}

fn d_ends_it_and_u_starts_it(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    sandbox.supervise_up(&service);
    let (up, pid) = (service.status(), service.pid());
    sandbox.svc("-d", &service);
    goes_down(sandbox, &service);
    assert!(!is_alive(pid));
    assert_eq!(flags(&service), (0, b'd'));
    let down = service.status();
    assert!(stamp(&up) < stamp(&down));
    sandbox.stays("it is down", || service.status() == down);
    assert_eq!(line(sandbox, &service), "s: down N seconds, normally up");
    sandbox.svc("-u", &service);
    renewed(sandbox, &service, pid);
    assert_eq!(flags(&service), (0, b'u'));
    assert!(stamp(&down) < stamp(&service.status()));
}

fn p_stops_it_and_c_lets_it_go_on(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    sandbox.supervise_up(&service);
    let (status, pid) = (service.status(), service.pid());
    sandbox.svc("-p", &service);
    sandbox.wait_until("it is stopped", || service.is_paused() && is_stopped(pid));
    assert_eq!(line(sandbox, &service), "s: up (pid PID) N seconds, paused");
    assert_eq!(service.status()[..16], status[..16]);
    assert_eq!(service.want(), Some(b'u'));
    sandbox.svc("-c", &service);
    sandbox.wait_until("it goes on", || !service.is_paused() && !is_stopped(pid));
    assert_eq!(service.status(), status);
    sandbox.svc("-p", &service);
    sandbox.wait_until("it is stopped", || is_stopped(pid));
    sandbox.svc("-k", &service);
    renewed(sandbox, &service, pid);
    assert_eq!(flags(&service), (0, b'u'));
}

fn d_ends_a_paused_service(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    sandbox.supervise_up(&service);
    let pid = service.pid();
    sandbox.svc("-p", &service);
    sandbox.wait_until("it is stopped", || is_stopped(pid));
    sandbox.svc("-d", &service);
    goes_down(sandbox, &service);
    assert!(!is_alive(pid));
    assert_eq!(flags(&service), (0, b'd'));
}

fn o_starts_it_once(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    service.write("down", "");
    sandbox.supervise(&service);
    sandbox.svc("-o", &service);
    sandbox.wait_until("it is up", || service.pid() != 0);
    assert_eq!(flags(&service), (0, 0));
    assert_eq!(line(sandbox, &service), "s: up (pid PID) N seconds, normally down");
    sandbox.svc("-t", &service);
    goes_down(sandbox, &service);
    sandbox.stays("it is down", || service.pid() == 0);
    assert_eq!(flags(&service), (0, 0));
    assert_eq!(line(sandbox, &service), "s: down N seconds");
}

fn o_lets_a_running_service_end_for_good_and_u_takes_that_back(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    sandbox.supervise_up(&service);
    let (status, pid) = (service.status(), service.pid());
    sandbox.svc("-o", &service);
    sandbox.wait_until("it is wanted once", || service.want() == Some(0));
    sandbox.svc("-u", &service);
    sandbox.wait_until("it is wanted up", || service.want() == Some(b'u'));
    assert_eq!(service.status(), status);
    sandbox.svc("-t", &service);
    renewed(sandbox, &service, pid);
    sandbox.svc("-ot", &service);
    goes_down(sandbox, &service);
    sandbox.stays("it is down", || service.pid() == 0);
    sandbox.svc("-u", &service);
    sandbox.wait_until("it is up", || service.pid() != 0);
    assert_eq!(flags(&service), (0, b'u'));
}

/// Writes a line for each signal, and ends at none of them but KILL.
const LISTENER: &str = "
for signal in HUP ALRM INT TERM; do trap \"echo $signal >>got\" $signal; done
echo >>ready
while :; do sleep 0.05; done";

fn listener(sandbox: &Sandbox) -> Service {
    let service = sandbox.running("s", LISTENER);
    sandbox.supervise_up(&service);
    sandbox.wait_until("it listens", || service.has("ready"));
    service
}

fn each_signal_arrives_and_changes_no_status(sandbox: &Sandbox) {
    let service = listener(sandbox);
    let status = service.status();
    let mut got = Vec::new();
    for (letter, name) in [("-h", "HUP"), ("-a", "ALRM"), ("-i", "INT"), ("-t", "TERM")] {
        sandbox.svc(letter, &service);
        got.push(name);
        sandbox.wait_until(name, || service.lines("got").len() >= got.len());
        assert_eq!(service.lines("got"), got);
    }
    assert_eq!(service.status(), status);
    sandbox.svc("-dkx", &service);
}

fn a_service_that_ends_by_a_signal_is_started_again(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    sandbox.supervise_up(&service);
    let mut pid = service.pid();
    for letter in ["-t", "-k", "-h"] {
        let before = service.status();
        sandbox.svc(letter, &service);
        let next = renewed(sandbox, &service, pid);
        assert!(!is_alive(pid));
        assert_eq!(flags(&service), (0, b'u'));
        assert!(stamp(&before) < stamp(&service.status()));
        pid = next;
    }
}

fn letters_of_one_svc_are_done_in_their_order(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    sandbox.supervise_up(&service);
    let first = service.pid();
    sandbox.svc("-du", &service);
    let second = renewed(sandbox, &service, first);
    assert_eq!(service.want(), Some(b'u'));
    sandbox.svc("-ud", &service);
    goes_down(sandbox, &service);
    assert!(!is_alive(second));
    assert_eq!(service.want(), Some(b'd'));
}

fn x_waits_for_the_end_and_then_supervise_leaves(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    let daemon = sandbox.supervise_up(&service);
    let status = service.status();
    sandbox.svc("-x", &service);
    sandbox.stays("both are there", || sandbox.ended(daemon).is_none());
    assert_eq!(service.status(), status);
    sandbox.svc("-t", &service);
    assert_eq!(sandbox.end_of(daemon), 0);
    assert_eq!(service.pid(), 0);
    sandbox.tool("svok", &["s"]).is(100, "", "");
    assert_eq!(line(sandbox, &service), "s: supervise not running");
    let warning = "svc: warning: unable to control s: supervise not running\n";
    sandbox.tool("svc", &["-u", "s"]).is(0, "", warning);
}

fn x_ends_a_supervise_at_once_when_its_service_is_down(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    let daemon = sandbox.supervise_up(&service);
    let pid = service.pid();
    sandbox.svc("-dx", &service);
    assert_eq!(sandbox.end_of(daemon), 0);
    assert!(!is_alive(pid));
    assert_eq!((service.pid(), flags(&service)), (0, (0, b'd')));
    service.write("down", "");
    let second = sandbox.supervise(&service);
    sandbox.svc("-x", &service);
    assert_eq!(sandbox.end_of(second), 0);
}

fn a_service_that_ignores_term_is_up_and_wanted_down(sandbox: &Sandbox) {
    let service = listener(sandbox);
    sandbox.svc("-d", &service);
    sandbox.wait_until("TERM arrives", || service.has("got"));
    sandbox.wait_until("it is wanted down", || service.want() == Some(b'd'));
    assert_eq!(line(sandbox, &service), "s: up (pid PID) N seconds, want down");
    sandbox.svc("-k", &service);
    goes_down(sandbox, &service);
    sandbox.stays("it is down", || service.pid() == 0);
}

fn signals_to_a_service_that_is_down_do_nothing(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    service.write("down", "");
    sandbox.supervise(&service);
    let status = service.status();
    sandbox.svc("-pchaitk", &service);
    sandbox.svc("-p", &service);
    sandbox.stays("nothing changes", || service.status() == status);
    sandbox.svc("-u", &service);
    sandbox.wait_until("it is up", || service.pid() != 0);
    assert_eq!(flags(&service), (0, b'u'));
    assert!(!is_stopped(service.pid()));
}

fn unknown_letters_do_nothing(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    let daemon = sandbox.supervise_up(&service);
    let status = service.status();
    let known = b"udopchaitkx";
    let unknown: Vec<u8> = (0..=u8::MAX).filter(|byte| !known.contains(byte)).collect();
    service.control(&unknown);
    sandbox.svc("-p", &service);
    sandbox.wait_until("the known one behind them is done", || service.is_paused());
    assert_eq!((&service.status()[..16], service.want()), (&status[..16], Some(b'u')));
    assert_eq!(sandbox.ended(daemon), None);
}

fn a_status_is_replaced_and_never_half_written(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    sandbox.supervise_up(&service);
    let up = service.status();
    let mut kept = File::open(service.path("supervise/status")).unwrap();
    sandbox.svc("-d", &service);
    sandbox.wait_until("it is down", || {
        assert_eq!(service.status().len(), 18);
        service.pid() == 0
    });
    let mut bytes = Vec::new();
    kept.rewind().unwrap();
    kept.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, up);
    assert!(!service.has("supervise/status.new"));
}
