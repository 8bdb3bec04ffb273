//! Children that are on their way while we go on.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod bench;

use std::borrow::Cow;
use std::fs;
use std::rc::Rc;

use bench::{Bench, c_path, descriptors, end, let_go, plan, turn, wait_until};
use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use sys::held::Held;
use sys::spawn::{Ahead, Failed, Place, Settled, Spawner, Started, Step, Way, shares_our_memory};

/// More than there are processors.
const MANY: usize = 20;

fn spawner() -> Spawner {
    Spawner::new(nix::sys::signal::SigSet::empty()).unwrap()
}

fn start(spawner: &mut Spawner, steps: &[Step]) -> Ahead {
    spawner.start_ahead(plan(steps), None).expect("here it can be done")
}

#[track_caller]
fn pid(settled: &Settled) -> u32 {
    match settled {
        Settled::Runs(pid) => *pid,
        Settled::Failed(_) | Settled::TryAgain => panic!("{settled:?}"),
    }
}

#[track_caller]
fn ends_with(pid: u32, code: i32) {
    let ended = end(Started::Runs(pid)).unwrap();
    assert!(matches!(ended, WaitStatus::Exited(_, it) if it == code), "{ended:?}");
}

/// What enters a directory that is held open, as svscan does it.
fn enter(bench: &Bench) -> Step {
    Step::EnterHeld(Rc::new(Held::open(&bench.path("")).unwrap()))
}

#[test]
fn many_are_on_their_way_at_once_each_to_its_own_place() {
    let _turn = turn();
    let mut spawner = spawner();
    let scripts = (0..MANY).map(|n| Bench::with_script(&format!("pwd -P >out\nexit {n}")));
    let benches: Vec<Bench> = scripts.collect();
    let (here, before) = (std::env::current_dir().unwrap(), descriptors());
    let all = benches.iter().map(|bench| start(&mut spawner, &[enter(bench), Step::Session]));
    let all: Vec<Ahead> = all.collect();
    for (n, ahead) in all.into_iter().enumerate() {
        let known = ahead.pid();
        let pid = pid(&spawner.settle(ahead));
        assert_eq!(pid, known);
        ends_with(pid, i32::try_from(n).unwrap());
    }
    for bench in &benches {
        let place = bench.path("").canonicalize().unwrap();
        assert_eq!(bench.read("out"), format!("{}\n", place.display()));
    }
    assert_eq!((std::env::current_dir().unwrap(), descriptors()), (here, before), "ours stay");
}

#[test]
fn those_that_fail_say_where_and_disturb_nobody() {
    let _turn = turn();
    let (good, bad) = (Bench::with_script("exit 3"), Bench::new());
    let mut spawner = spawner();
    let (_, another) = good.here();
    let (gone, _) = bad.here();
    for _ in 0..MANY {
        let missing = start(&mut spawner, &[enter(&bad)]);
        let runs = start(&mut spawner, &[enter(&good)]);
        let stale = start(&mut spawner, &[Step::Enter(Cow::Owned(gone.clone()), another)]);
        let failed = |settled, at, errno| {
            let wanted = Failed { at, errno };
            assert!(matches!(settled, Settled::Failed(it) if it == wanted), "{settled:?}");
        };
        failed(spawner.settle(missing), Place::Exec, libc::ENOENT);
        failed(spawner.settle(stale), Place::Enter, libc::ESTALE);
        ends_with(pid(&spawner.settle(runs)), 3);
        assert!(!sys::child::any_left(), "who failed is no zombie");
    }
}

#[test]
fn errno_is_ours() {
    let _turn = turn();
    let bad = Bench::new();
    let mut spawner = spawner();
    let missing = Cow::Owned(c_path(&bad.path("missing")));
    let (dir, another) = (bad.here().0, Bench::new().here().1);
    let group = [Step::Group(missing)];
    for steps in [vec![enter(&bad)], vec![Step::Enter(dir.into(), another)], group.to_vec()] {
        Errno::EXDEV.set();
        let ahead = start(&mut spawner, &steps);
        // None of these calls fails.
        let child = || Id::Pid(Pid::from_raw(ahead.pid().cast_signed()));
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        while waitid(child(), flags) == Ok(WaitStatus::StillAlive) {}
        assert_eq!(Errno::last(), Errno::EXDEV, "{steps:?}");
        assert!(matches!(spawner.settle(ahead), Settled::Failed(_)));
    }
}

#[test]
fn their_stacks_are_used_again_and_given_back() {
    let _turn = turn();
    let maps = || fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    let bench = Bench::with_script("exit 0");
    let mut spawner = spawner();
    let before = maps();
    for _ in 0..100 {
        let ahead = start(&mut spawner, &[enter(&bench)]);
        ends_with(pid(&spawner.settle(ahead)), 0);
    }
    assert!(maps() < before + 20, "{before} and then {}", maps());
    for _ in 0..100 {
        let ahead = start(&mut spawner, &[enter(&bench)]);
        ends_with(pid(&spawner.settle(ahead)), 0);
        spawner.shrink();
    }
    assert!(maps() < before + 20, "{before} and then {}", maps());
}

#[test]
fn where_it_is_refused_the_plan_comes_back() {
    let _turn = turn();
    for errno in [libc::ENOSYS, libc::EPERM] {
        let without_it = std::thread::spawn(move || {
            sys::seccomp::forbid(&[(libc::SYS_clone3, errno)]).unwrap();
            let bench = Bench::with_script("exit 4");
            let mut spawner = spawner();
            for _ in 0..2 {
                let plan = spawner.start_ahead(plan(&[enter(&bench)]), None).unwrap_err();
                let started = spawner.start(plan, None, Way::Borrowed).unwrap();
                assert!(matches!(end(started), Ok(WaitStatus::Exited(_, 4))));
            }
        });
        without_it.join().unwrap();
    }
}

#[test]
fn one_that_does_not_come_is_waited_for_once_and_keeps_what_it_has() {
    let _turn = turn();
    let bench = Bench::with_script("exit 5");
    let mut spawner = spawner();
    let Some(run) = bench.hold_run() else { return };
    let all = [start(&mut spawner, &[enter(&bench)]), start(&mut spawner, &[enter(&bench)])];
    let pids = all.map(|ahead| pid(&spawner.settle(ahead)));
    let name = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let waiting = pids.iter().all(|pid| name(pid) != "run\n");
    assert!(spawner.start_ahead(plan(&[enter(&bench)]), None).is_err(), "nobody goes ahead now");
    spawner.shrink();
    let_go(&run);
    assert!(waiting, "the lease did not keep them");
    for pid in pids {
        ends_with(pid, 5);
    }
}

fn one_that_hangs_is_given_up(bench: &Bench, spawner: &mut Spawner) {
    let Some(run) = bench.hold_run() else { return };
    let ahead = start(spawner, &[enter(bench)]);
    let pid = pid(&spawner.settle(ahead));
    let refused = spawner.start_ahead(plan(&[enter(bench)]), None).is_err();
    let_go(&run);
    ends_with(pid, 5);
    assert!(refused, "the lease did not keep it");
}

#[test]
fn where_nobody_says_who_has_ended_what_a_child_uses_stays_its() {
    let _turn = turn();
    let without_it = std::thread::spawn(|| {
        let bench = Bench::with_script("exit 5");
        let mut spawner = spawner();
        sys::seccomp::forbid(&[(libc::SYS_waitid, libc::EPERM)]).unwrap();
        one_that_hangs_is_given_up(&bench, &mut spawner);
    });
    without_it.join().unwrap();
}

#[test]
fn one_that_hangs_has_its_environment_when_we_have_ended() {
    let _turn = turn();
    let bench = Bench::with_script("tr '\\0' '\\n' </proc/$$/environ >out\nexit 5");
    let mut spawner = spawner();
    let Some(run) = bench.hold_run() else { return };
    let ahead = start(&mut spawner, &[enter(&bench)]);
    let pid = pid(&spawner.settle(ahead));
    drop(spawner);
    let memory: Vec<String> = (0..1000).map(|n| "x".repeat(n % 100)).collect();
    let_go(&run);
    ends_with(pid, 5);
    drop(memory);
    let has = bench.read("out");
    for (name, value) in std::env::vars().filter(|(_, value)| !value.contains('\n')) {
        let entry = format!("{name}={value}");
        assert!(has.lines().any(|line| line == entry), "{entry} is not in {has}");
    }
}

#[test]
fn one_that_is_killed_on_its_way_is_not_waited_for() {
    let _turn = turn();
    let bench = Bench::with_script("exit 5");
    let mut spawner = spawner();
    let Some(run) = bench.hold_run() else { return };
    let ahead = start(&mut spawner, &[enter(&bench)]);
    let entered = fs::canonicalize(bench.path("")).unwrap();
    let place = format!("/proc/{}/cwd", ahead.pid());
    wait_until("it is in its directory", || fs::read_link(&place).is_ok_and(|it| it == entered));
    sys::child::signal(ahead.pid(), libc::SIGKILL).unwrap();
    let pid = pid(&spawner.settle(ahead));
    let_go(&run);
    assert!(matches!(end(Started::Runs(pid)), Ok(WaitStatus::Signaled(..))));
}

#[test]
fn it_is_known_who_shares_our_memory() {
    let _turn = turn();
    for forbidden in [None, Some(libc::ENOSYS), Some(libc::EPERM)] {
        let so = std::thread::spawn(move || {
            if let Some(errno) = forbidden {
                sys::seccomp::forbid(&[(libc::SYS_kcmp, errno)]).unwrap();
            }
            tell_who_shares();
        });
        so.join().unwrap();
    }
}

fn tell_who_shares() {
    let bench = Bench::with_script("read -r end <wait\nexit 5");
    nix::unistd::mkfifo(&bench.path("wait"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut spawner = spawner();
    let Some(run) = bench.hold_run() else { return };
    let ahead = start(&mut spawner, &[enter(&bench)]);
    let shared = shares_our_memory(ahead.pid());
    let_go(&run);
    let pid = pid(&spawner.settle(ahead));
    wait_until("it has memory of its own", || !shares_our_memory(pid));
    fs::write(bench.path("wait"), "end\n").unwrap();
    ends_with(pid, 5);
    assert!(shared, "before its program");
    assert!(!shares_our_memory(pid), "there is no such process");
}
