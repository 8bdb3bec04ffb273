//! kill -9 of svscan: the next one adopts what runs, and nothing is started, ended or lost by it.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use contract::state::{LEN, Phase, Record, SIDE_LEN, Side, World};

use crate::sandbox;
use crate::support::{
    Daemon, Pair, REST, Sandbox, Service, Suite, fork_ticks, is_alive, is_root, is_stopped,
    seconds, skipped, ticks_per_second,
};

const TOOK_ONE: &str = "took over a service that was running";

fn kill(sandbox: &Sandbox, daemon: Daemon) {
    sandbox.kill(daemon);
    sandbox.end_of(daemon);
}

/// svscan on services that are linked, when it has taken them all.
fn svscan(sandbox: &Sandbox, services: &[&Service]) -> Daemon {
    let svscan = sandbox.svscan();
    sandbox.wait_until("all are taken", || services.iter().all(|it| it.is_supervised()));
    svscan
}

fn up(sandbox: &Sandbox, services: &[&Service]) -> Daemon {
    for service in services {
        sandbox.link(service, service.name());
    }
    let svscan = svscan(sandbox, services);
    have_begun(sandbox, services);
    svscan
}

/// Waits until they are up, and those that say so in `starts` have said it.
fn have_begun(sandbox: &Sandbox, services: &[&Service]) {
    // A file is there before it has its line.
    let has_said = |it: &Service| !it.lines("starts").is_empty();
    let has_begun =
        |it: &&Service| it.pid() != 0 && (has_said(it) || !it.read("run").contains(">>starts"));
    sandbox.wait_until("all have begun", || services.iter().all(has_begun));
}

/// A service that says in `starts` that it was started, and in `double` that it was not alone.
fn single(sandbox: &Sandbox, name: &str, then: &str) -> Service {
    let alone = "exec 9>life\nflock -n 9 || echo $$ >>double\necho $$ >>starts";
    sandbox.running(name, &format!("{alone}\n{then}"))
}

/// The state file of svscan, as the next one will find it.
struct State(PathBuf);

impl State {
    fn of(sandbox: &Sandbox) -> Self {
        Self(sandbox.path("scan/.svscan/state"))
    }

    fn forge(&self, bytes: &[u8], offset: usize) {
        let file = fs::OpenOptions::new().write(true).open(&self.0).unwrap();
        file.write_all_at(bytes, offset as u64).unwrap();
    }

    /// Changes the first record.
    fn forge_first(&self, child: u32, change: impl FnOnce(&mut Record)) {
        let bytes = fs::read(&self.0).unwrap();
        let (records, _) = bytes.as_chunks::<LEN>();
        let (side, mut found) = Side::in_force(&records[1]).unwrap();
        change(found.record.as_mut().unwrap());
        found.child = child;
        self.forge(&found.encode(), LEN + side * SIDE_LEN);
    }
}

#[test]
fn every_pid_wish_and_pause_is_kept() {
    let sandbox = sandbox();
    let logged = single(&sandbox, "logged", REST);
    logged.log().script("exec cat >>said");
    let [paused, down, once] = ["paused", "down", "once"].map(|it| single(&sandbox, it, REST));
    let before = up(&sandbox, &[&logged, &paused, &down, &once]);
    sandbox.wait_until("the logger is up", || logged.log().pid() != 0);
    sandbox.svc("-p", &paused);
    sandbox.svc("-d", &down);
    sandbox.svc("-o", &once);
    sandbox.wait_until("all are as wanted", || {
        paused.is_paused() && down.pid() == 0 && once.want() == Some(0)
    });
    let all = [&logged, &paused, &down, &once, &logged.log()];
    let statuses = all.map(Service::status);
    kill(&sandbox, before);
    let after = svscan(&sandbox, &all);
    sandbox.wait_until("it is said", || {
        sandbox.said(after) == "svscan: info: took over 4 services that were running\n"
    });
    let same = |service: &&Service, status: &Vec<u8>| {
        let now = service.status();
        // The stamp is counted back from now; it may differ by less than a tick.
        now[12..] == status[12..] && seconds(&now).abs_diff(seconds(status)) <= 1
    };
    sandbox.stays("all is as before", || all.iter().zip(&statuses).all(|(s, t)| same(s, t)));
    for service in [&logged, &paused, &down, &once] {
        assert_eq!((service.lines("starts").len(), service.has("double")), (1, false));
    }
    sandbox.wait_until("it is stopped", || is_stopped(paused.pid()));
    sandbox.svc("-c", &paused);
    sandbox.wait_until("it goes on", || !is_stopped(paused.pid()));
    sandbox.svc("-u", &down);
    sandbox.wait_until("it is up again", || down.lines("starts").len() == 2);
    sandbox.svc("-t", &once);
    sandbox.wait_until("it has ended", || once.pid() == 0);
    sandbox.stays("it is not started again", || once.pid() == 0);
}

#[test]
fn an_adopted_service_that_ends_is_started_again_with_what_ended_it() {
    let sandbox = sandbox();
    let service = single(&sandbox, "a", REST);
    let before = up(&sandbox, &[&service]);
    let pid = service.pid();
    kill(&sandbox, before);
    let after = svscan(&sandbox, &[&service]);
    sandbox.wait_until("it is said", || sandbox.said(after).contains(TOOK_ONE));
    sandbox.svc("-t", &service);
    sandbox.wait_until("another runs", || ![0, pid].contains(&service.pid()));
    assert!(!is_alive(pid));
    sandbox.wait_until("it has told", || service.lines("starts").len() == 2);
    assert!(!service.has("double"));
    sandbox.svc("-t", &service);
    sandbox.wait_until("and another", || service.lines("starts").len() == 3);
}

#[test]
fn what_ended_while_no_svscan_ran_is_started_again() {
    let sandbox = sandbox();
    let service = single(&sandbox, "a", REST);
    let before = up(&sandbox, &[&service]);
    let pid = service.pid();
    kill(&sandbox, before);
    sys::child::signal(pid, sys::signals::KILL).unwrap();
    sandbox.wait_until("it has ended", || !is_alive(pid));
    let after = svscan(&sandbox, &[&service]);
    sandbox.wait_until("another runs", || ![0, pid].contains(&service.pid()));
    assert_eq!(sandbox.said(after), "");
}

/// The pauses are a second each until the sixth death, which is told and has one of two.
#[test]
fn a_crash_loop_does_not_begin_anew() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "cat /proc/$$/stat >>starts\nexit 3");
    sandbox.link(&service, "a");
    let before = sandbox.svscan();
    sandbox.wait_until("the pauses grow", || sandbox.said(before).ends_with("at once\n"));
    kill(&sandbox, before);
    let starts = service.lines("starts").len();
    let after = svscan(&sandbox, &[&service]);
    sandbox.wait_until("the next start comes", || service.lines("starts").len() > starts);
    let forked: Vec<u64> =
        service.lines("starts")[starts - 1..].iter().map(|line| fork_ticks(line)).collect();
    assert!(forked[1] - forked[0] >= 19 * ticks_per_second() / 10, "at once: {forked:?}");
    assert!(!sandbox.said(after).contains("soon after its start"), "it was told before");
}

#[test]
fn quit_and_start_is_no_restart() {
    let sandbox = sandbox();
    let service = single(&sandbox, "a", REST);
    let before = up(&sandbox, &[&service]);
    let pid = service.pid();
    sys::child::signal(before.pid, sys::signals::QUIT).unwrap();
    assert_eq!(sandbox.end_of(before), 0);
    svscan(&sandbox, &[&service]);
    sandbox.stays("it goes on", || service.pid() == pid && is_alive(pid));
    assert_eq!(service.lines("starts").len(), 1);
}

#[test]
fn an_orderly_end_leaves_no_wishes_behind() {
    let sandbox = sandbox();
    let [a, b] = ["a", "b"].map(|name| single(&sandbox, name, REST));
    let before = up(&sandbox, &[&a, &b]);
    sandbox.svc("-d", &b);
    sandbox.wait_until("it is down", || b.pid() == 0);
    sys::child::signal(before.pid, sys::signals::TERM).unwrap();
    assert_eq!(sandbox.end_of(before), 0);
    svscan(&sandbox, &[&a, &b]);
    sandbox.wait_until("both are up, as their directories say", || a.pid() != 0 && b.pid() != 0);
}

#[test]
fn killed_while_it_stops_everything_it_has_wished_for_nothing() {
    let sandbox = sandbox();
    let deaf = "trap 'echo deaf >>heard' TERM\necho up >up\nwhile :; do sleep 0.1; done";
    let [deaf, plain] = [("deaf", deaf), ("plain", REST)].map(|(a, b)| single(&sandbox, a, b));
    let before = up(&sandbox, &[&deaf, &plain]);
    sandbox.wait_until("the trap is set", || deaf.has("up"));
    let pid = deaf.pid();
    sys::child::signal(before.pid, sys::signals::TERM).unwrap();
    sandbox.wait_until("it is stopping", || deaf.has("heard") && plain.pid() == 0);
    kill(&sandbox, before);
    svscan(&sandbox, &[&deaf, &plain]);
    sandbox.wait_until("the other is up again", || plain.pid() != 0);
    sandbox.wait_until("nothing is wished", || deaf.want() == Some(b'u'));
    assert_eq!((deaf.pid(), deaf.has("double")), (pid, false));
    sandbox.svc("-k", &deaf);
    sandbox.wait_until("it is another", || deaf.pid() != pid);
    sandbox.svc("-dk", &deaf);
    sandbox.wait_until("it is down", || deaf.pid() == 0);
}

/// A process of the sandbox that is no service.
fn stranger(sandbox: &Sandbox) -> u32 {
    let started = sandbox.shell("sleep 1000000 >/dev/null 2>&1 & echo $!");
    started.text().trim().parse().unwrap()
}

fn end(sandbox: &Sandbox, pid: u32) {
    sys::child::signal(pid, sys::signals::TERM).unwrap();
    sandbox.wait_until("the stranger has ended", || !is_alive(pid));
}

#[test]
fn a_stranger_with_the_pid_of_a_service_is_neither_adopted_nor_signalled() {
    let sandbox = sandbox();
    let service = single(&sandbox, "a", REST);
    let before = up(&sandbox, &[&service]);
    let pid = service.pid();
    kill(&sandbox, before);
    end(&sandbox, pid);
    let stranger = stranger(&sandbox);
    State::of(&sandbox).forge_first(0, |record| record.phase = Phase::Up(stranger));
    let mut status = service.status();
    status[12..16].copy_from_slice(&stranger.to_le_bytes());
    service.write("supervise/status", status);
    let after = svscan(&sandbox, &[&service]);
    sandbox.wait_until("its own runs", || ![0, pid, stranger].contains(&service.pid()));
    assert_eq!(sandbox.said(after), "");
    sandbox.svc("-dk", &service);
    sandbox.wait_until("it is down", || service.pid() == 0);
    assert!(is_alive(stranger));
    end(&sandbox, stranger);
}

#[test]
fn a_start_that_was_under_way_is_known_by_the_child_the_kernel_noted() {
    let sandbox = sandbox();
    let service = single(&sandbox, "a", "cd /\nexec sleep 1000000");
    let before = up(&sandbox, &[&service]);
    sandbox.wait_until("it is elsewhere", || service.has("starts"));
    let pid = service.pid();
    kill(&sandbox, before);
    State::of(&sandbox).forge_first(pid, |record| record.phase = Phase::Starting);
    fs::write(service.path("supervise/status"), [0; 18]).unwrap();
    let after = svscan(&sandbox, &[&service]);
    sandbox.wait_until("it is said", || sandbox.said(after).contains(TOOK_ONE));
    assert_eq!(service.pid(), pid);
    kill(&sandbox, after);
    // A child of that number, but born long before the start was asked for.
    let late = |record: &mut Record| {
        record.phase = Phase::Starting;
        record.asked_for += std::time::Duration::from_hours(1);
    };
    State::of(&sandbox).forge_first(pid, late);
    fs::write(service.path("supervise/status"), [0; 18]).unwrap();
    svscan(&sandbox, &[&service]);
    sandbox.wait_until("another runs", || ![0, pid].contains(&service.pid()));
    assert!(!is_alive(pid), "it carries the mark of the service, and is ended before the next");
}

#[test]
fn the_kernel_has_noted_each_child_where_its_start_is_written_down() {
    let sandbox = sandbox();
    let service = single(&sandbox, "a", REST);
    let svscan = up(&sandbox, &[&service]);
    kill(&sandbox, svscan);
    let bytes = fs::read(&State::of(&sandbox).0).unwrap();
    let (sides, _) = bytes[LEN..2 * LEN].as_chunks::<SIDE_LEN>();
    let sides: Vec<_> = sides.iter().filter_map(Side::decode).collect();
    let start = sides.iter().find(|side| side.record.unwrap().phase == Phase::Starting);
    assert_eq!(start.unwrap().child, service.pid(), "{sides:?}");
    self::svscan(&sandbox, &[&service]);
}

#[test]
fn a_torn_record_is_the_one_before() {
    let sandbox = sandbox();
    let service = single(&sandbox, "a", REST);
    let before = up(&sandbox, &[&service]);
    let pid = service.pid();
    kill(&sandbox, before);
    let bytes = fs::read(&State::of(&sandbox).0).unwrap();
    let (records, _) = bytes.as_chunks::<LEN>();
    let (side, _) = Side::in_force(&records[1]).unwrap();
    // The side in force says that it is up, the one before that it is being started.
    State::of(&sandbox).forge(&[0xff; 8], LEN + side * SIDE_LEN + 20);
    fs::write(service.path("supervise/status"), [0; 18]).unwrap();
    svscan(&sandbox, &[&service]);
    sandbox.stays("it goes on", || service.pid() == pid);
    assert_eq!(service.lines("starts").len(), 1);
}

#[test]
fn another_boot_makes_a_state_stale() {
    let sandbox = sandbox();
    let service = single(&sandbox, "a", REST);
    let before = up(&sandbox, &[&service]);
    sandbox.svc("-d", &service);
    sandbox.wait_until("it is down", || service.pid() == 0);
    kill(&sandbox, before);
    let state = State::of(&sandbox);
    let mut world = World::decode(&fs::read(&state.0).unwrap()).unwrap();
    world.boot[3] ^= 1;
    state.forge(&world.encode(0), 0);
    let after = svscan(&sandbox, &[&service]);
    sandbox.wait_until("it is up, as after a boot", || service.pid() != 0);
    assert_eq!((service.want(), sandbox.said(after)), (Some(b'u'), String::new()));
}

#[test]
fn a_state_that_is_garbage_is_said_and_what_runs_is_found_by_its_status() {
    let sandbox = sandbox();
    let service = single(&sandbox, "a", REST);
    let before = up(&sandbox, &[&service]);
    let pid = service.pid();
    kill(&sandbox, before);
    fs::write(&State::of(&sandbox).0, "garbage").unwrap();
    let after = svscan(&sandbox, &[&service]);
    sandbox.wait_until("it is said", || sandbox.said(after).contains(TOOK_ONE));
    assert!(sandbox.said(after).contains(".svscan/state cannot be read"));
    assert_eq!((service.pid(), service.lines("starts").len()), (pid, 1));
    kill(&sandbox, after);
    let last = svscan(&sandbox, &[&service]);
    sandbox.wait_until("it is written anew", || sandbox.said(last).contains(TOOK_ONE));
    assert!(!sandbox.said(last).contains("cannot be read"));
}

#[test]
fn a_state_of_another_owner_is_left_alone() {
    /// Nobody whom the tests run as.
    const STRANGER: u32 = 54_321;
    if !is_root() {
        return skipped("only root can give a file away");
    }
    let sandbox = sandbox();
    let service = single(&sandbox, "a", REST);
    let before = up(&sandbox, &[&service]);
    sandbox.svc("-d", &service);
    sandbox.wait_until("it is down", || service.pid() == 0);
    kill(&sandbox, before);
    let state = State::of(&sandbox);
    let bytes = fs::read(&state.0).unwrap();
    std::os::unix::fs::chown(&state.0, Some(STRANGER), None).unwrap();
    let after = svscan(&sandbox, &[&service]);
    sandbox.wait_until("his word does not count", || service.pid() != 0);
    let told = || sandbox.said(after).contains("belongs to somebody else");
    sandbox.wait_until("it is told", told);
    assert_eq!(fs::read(&state.0).unwrap(), bytes);
}

#[test]
fn where_nothing_can_be_written_down_the_status_must_do() {
    let sandbox = sandbox();
    let service = single(&sandbox, "a", REST);
    sandbox.link(&service, "a");
    fs::create_dir_all(sandbox.path("scan/.svscan/lock")).unwrap();
    let before = svscan(&sandbox, &[&service]);
    have_begun(&sandbox, &[&service]);
    let pid = service.pid();
    kill(&sandbox, before);
    let after = svscan(&sandbox, &[&service]);
    sandbox.wait_until("it is said", || sandbox.said(after).contains(TOOK_ONE));
    assert_eq!((service.pid(), service.lines("starts").len()), (pid, 1));
    assert_eq!(sandbox.said(before), "", "no warning");
}

#[test]
fn a_second_svscan_says_so_and_leaves() {
    let sandbox = sandbox();
    let service = sandbox.resting("a");
    let first = up(&sandbox, &[&service]);
    let second = sandbox.svscan();
    assert_eq!(sandbox.end_of(second), 111);
    let pid = first.pid;
    assert_eq!(
        sandbox.said(second),
        format!(
            "svscan: fatal: unable to acquire .svscan/lock: temporary failure: another svscan \
             runs here (svscan, process {pid})\n"
        )
    );
    assert!(service.is_supervised());
}

#[test]
fn supervise_adopts_what_supervise_left_and_svscan_both() {
    let sandbox = sandbox();
    let service = single(&sandbox, "a", "cd /\nexec sleep 1000000");
    let before = sandbox.supervise_up(&service);
    sandbox.wait_until("it is elsewhere", || service.has("starts"));
    let pid = service.pid();
    kill(&sandbox, before);
    let again = sandbox.supervise(&service);
    sandbox.wait_until("it is said", || sandbox.said(again).contains(TOOK_ONE));
    assert_eq!(service.pid(), pid);
    kill(&sandbox, again);
    sandbox.link(&service, "a");
    let svscan = svscan(&sandbox, &[&service]);
    sandbox.wait_until("it is said", || sandbox.said(svscan).contains(TOOK_ONE));
    sandbox.wait_until("its state is svscan's", || !service.has("supervise/state"));
    assert_eq!(service.pid(), pid);
    assert_eq!(service.lines("starts").len(), 1);
}

#[test]
fn a_service_whose_link_comes_back_is_adopted_then() {
    let sandbox = sandbox();
    let service = single(&sandbox, "a", REST);
    let before = up(&sandbox, &[&service]);
    let pid = service.pid();
    kill(&sandbox, before);
    fs::remove_file(sandbox.path("scan/a")).unwrap();
    let between = sandbox.svscan();
    sandbox.stays("nobody supervises it", || !service.is_supervised() && is_alive(pid));
    kill(&sandbox, between);
    let after = sandbox.svscan();
    sandbox.link(&service, "a");
    sandbox.wait_until("it is taken", || sandbox.said(after).contains(TOOK_ONE));
    assert_eq!((service.pid(), service.lines("starts").len()), (pid, 1));
}

#[test]
fn a_new_directory_with_an_old_number_has_no_past() {
    let sandbox = sandbox();
    let service = single(&sandbox, "a", REST);
    let before = up(&sandbox, &[&service]);
    sandbox.svc("-d", &service);
    sandbox.wait_until("it is down", || service.pid() == 0);
    kill(&sandbox, before);
    fs::remove_dir_all(service.path("supervise")).unwrap();
    svscan(&sandbox, &[&service]);
    sandbox.wait_until("it is up", || service.pid() != 0);
}

#[test]
fn two_hundred_services_go_on() {
    let sandbox = sandbox();
    let services: Vec<_> = (0..200).map(|n| sandbox.resting(&format!("s{n}"))).collect();
    let all: Vec<&Service> = services.iter().collect();
    let before = up(&sandbox, &all);
    let pids: Vec<u32> = all.iter().map(|it| it.pid()).collect();
    kill(&sandbox, before);
    let after = sandbox.svscan();
    sandbox.wait_until("it is said", || {
        sandbox.said(after) == "svscan: info: took over 200 services that were running\n"
    });
    let now: Vec<u32> = all.iter().map(|it| it.pid()).collect();
    assert_eq!(now, pids);
    assert!(all.iter().all(|it| it.is_supervised() && is_alive(it.pid())));
}

/// daemontools' daemon, and our tools.
fn theirs() -> Option<Sandbox> {
    let pair = Pair { tools: Suite::Ours, daemon: Suite::Theirs };
    match pair.missing() {
        Some(why) => {
            skipped(why);
            None
        }
        None => Some(Sandbox::new(pair)),
    }
}

#[test]
fn what_daemontools_supervise_left_is_adopted() {
    let Some(sandbox) = theirs() else { return };
    let service = single(&sandbox, "a", REST);
    let supervise = sandbox.supervise_up(&service);
    have_begun(&sandbox, &[&service]);
    let pid = service.pid();
    kill(&sandbox, supervise);
    let ours = sandbox.daemon_by_shell("exec .bin/supervise a");
    sandbox.wait_until("it is said", || sandbox.said(ours).contains(TOOK_ONE));
    assert_eq!((service.pid(), service.want()), (pid, Some(b'u')));
    sandbox.svc("-dx", &service);
    assert_eq!(sandbox.end_of(ours), 0);
    assert!(!is_alive(pid));
    assert_eq!(service.lines("starts").len(), 1);
}

#[test]
fn a_living_supervise_of_daemontools_is_respected_and_named() {
    let Some(sandbox) = theirs() else { return };
    let service = single(&sandbox, "a", REST);
    let supervise = sandbox.supervise_up(&service);
    have_begun(&sandbox, &[&service]);
    sandbox.link(&service, "a");
    let ours = sandbox.daemon_by_shell("exec .bin/svscan scan");
    let named = format!("another supervise runs there (supervise, process {})", supervise.pid);
    sandbox.wait_until("it is said", || sandbox.said(ours).contains(&named));
    assert_eq!(service.lines("starts").len(), 1);
}

/// The lines of all files of a log directory, oldest first.
fn logged(dir: &std::path::Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| name.as_encoded_bytes().starts_with(b"@"));
    names.sort();
    names.push("current".into());
    let text: String =
        names.iter().map(|name| fs::read_to_string(dir.join(name)).unwrap_or_default()).collect();
    text.lines().map(str::to_owned).collect()
}

/// Fails unless the lines are 1, 2, 3, ...
fn assert_counted(lines: &[String]) {
    for (number, line) in (1..).zip(lines) {
        assert_eq!(*line, number.to_string(), "of {}", lines.len());
    }
}

const COUNTER: &str = "i=0\nwhile :; do i=$((i+1)); echo $i; sleep 0.002; done";

#[test]
fn the_pipe_of_another_svscan_goes_on_and_no_line_is_lost() {
    let Some(sandbox) = theirs() else { return };
    let service = single(&sandbox, "a", COUNTER);
    // Told to end it writes what it has read, as cat would not.
    service.log().script("exec multilog s1000000 ./main");
    sandbox.link(&service, "a");
    let svscan = sandbox.svscan();
    let log = service.log();
    sandbox.wait_until("lines are written", || log.lines("main/current").len() > 10);
    let pids = (service.pid(), log.pid());
    // Its supervises go with it: first it, or it would start them again.
    let children = children(svscan.pid);
    kill(&sandbox, svscan);
    for child in children {
        sys::child::signal(child, sys::signals::KILL).unwrap();
    }
    sandbox.wait_until("nobody supervises", || !service.is_supervised() && !log.is_supervised());
    let ours = sandbox.daemon_by_shell("exec .bin/svscan scan");
    sandbox.wait_until("it is said", || sandbox.said(ours).contains("took over 2 services"));
    assert_eq!((service.pid(), log.pid()), pids);
    sandbox.svc("-t", &log);
    sandbox.wait_until("another logger runs", || ![0, pids.1].contains(&log.pid()));
    let so_far = log.lines("main/current").len();
    sandbox.wait_until("it reads", || log.lines("main/current").len() > so_far + 10);
    assert_eq!(service.pid(), pids.0, "its pipe did not break");
    sandbox.svc("-d", &service);
    sandbox.wait_until("the service is down", || service.pid() == 0);
    sandbox.svc("-u", &service);
    sandbox.wait_until("another service writes to it", || {
        log.lines("main/current").iter().filter(|line| *line == "1").count() == 2
    });
    let lines = log.lines("main/current");
    let second = lines.iter().rposition(|line| line == "1").unwrap();
    assert_counted(&lines[..second]);
}

fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    text.split_whitespace().map(|word| word.parse().unwrap()).collect()
}

/// Numbers to choose moments by; the seed is in the message of a failure.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// So often svscan is killed.
const KILLS: usize = 20;

#[test]
fn killed_at_any_moment_it_starts_nothing_twice_and_loses_no_line() {
    let sandbox = sandbox();
    let seed = u64::from(std::process::id()) << 20 | sandbox.path("").as_os_str().len() as u64;
    let mut dice = Dice(seed);
    println!("seed {seed}");
    let counter = single(&sandbox, "counter", COUNTER);
    counter.log().script("exec multilog s4096 n1000 ./main");
    // These are started and ended all the time.
    let flighty: Vec<_> = (0..6)
        .map(|n| single(&sandbox, &format!("flighty{n}"), &format!("exec sleep 1.{n}")))
        .collect();
    let mut all: Vec<&Service> = vec![&counter];
    all.extend(&flighty);
    let mut svscan = up(&sandbox, &all);
    let pid = counter.pid();
    sandbox.wait_until("lines are written", || !logged_or_none(&counter).is_empty());
    for round in 0..KILLS {
        for _ in 0..dice.roll(4) {
            let letters = ["-t", "-d", "-u", "-o", "-k"][usize::try_from(dice.roll(5)).unwrap()];
            let service = &flighty[usize::try_from(dice.roll(6)).unwrap()];
            sandbox.tool("svc", &[letters, service.name()]);
        }
        if dice.roll(3) == 0 {
            sandbox.tool("svc", &["-t", "counter/log"]);
        }
        std::thread::sleep(std::time::Duration::from_micros(dice.roll(60_000)));
        kill(&sandbox, svscan);
        svscan = sandbox.svscan();
        if round % 4 == 0 {
            sandbox.wait_until("all are taken", || all.iter().all(|it| it.is_supervised()));
        }
    }
    sandbox.wait_until("all are taken", || all.iter().all(|it| it.is_supervised()));
    assert_eq!(counter.pid(), pid, "seed {seed}");
    for service in &all {
        assert_eq!(service.read("double"), "", "{} of seed {seed}", service.name());
        sandbox.svc("-d", service);
    }
    sandbox.wait_until("all are down", || all.iter().all(|it| it.pid() == 0));
    sandbox.svc("-dx", &counter.log());
    sandbox.wait_until("the logger is done", || counter.log().pid() == 0);
    assert_eq!(counter.lines("starts").len(), 1);
    let lines = logged(&counter.log().path("main"));
    assert_counted(&lines);
    assert!(lines.len() > KILLS, "{}", lines.len());
}

fn logged_or_none(counter: &Service) -> Vec<String> {
    let dir = counter.log().path("main");
    if dir.is_dir() { logged(&dir) } else { Vec::new() }
}

#[test]
fn what_a_life_has_forked_is_known_to_the_next_svscan_without_groups_too() {
    let sandbox = sandbox();
    let service = single(&sandbox, "k", "sleep 1000044 & exec sleep 1000000");
    sandbox.link(&service, "k");
    let start = || sandbox.daemon("svscan", &["--no-cgroups", "scan"]);
    let first = start();
    have_begun(&sandbox, &[&service]);
    sandbox.wait_until("it is up", || service.pid() != 0);
    let pid = service.pid();
    kill(&sandbox, first);
    start();
    sandbox.wait_until("it is taken", || service.is_supervised());
    assert_eq!(service.pid(), pid);
    sandbox.svc("-t", &service);
    sandbox.wait_until("it is up again", || ![0, pid].contains(&service.pid()));
    sandbox.wait_until("it has begun again", || service.lines("starts").len() == 2);
    assert!(!service.has("double"), "{:?}", service.lines("double"));
    sandbox.svc("-d", &service);
    sandbox.wait_until("nobody is left", || sandbox.shell("pgrep -f '^sleep 1000044$'").code == 1);
}

#[test]
fn who_is_left_of_a_life_that_ended_while_no_svscan_ran_is_ended_without_groups_too() {
    let sandbox = sandbox();
    let service = single(&sandbox, "k", "sleep 1000046 & exec sleep 1000000");
    sandbox.link(&service, "k");
    let start = || sandbox.daemon("svscan", &["--no-cgroups", "scan"]);
    let first = start();
    have_begun(&sandbox, &[&service]);
    let pid = service.pid();
    let all_run = || fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name == b"sleep\n");
    sandbox.wait_until("it has forked", all_run);
    kill(&sandbox, first);
    sandbox.shell(&format!("kill -9 {pid}")).is(0, "", "");
    sandbox.wait_until("it has ended", || !is_alive(pid));
    start();
    sandbox.wait_until("it has begun again", || service.lines("starts").len() == 2);
    assert!(!service.has("double"), "{:?}", service.lines("double"));
    sandbox.svc("-d", &service);
    sandbox.wait_until("nobody is left", || sandbox.shell("pgrep -f '^sleep 1000046$'").code == 1);
}
