//! Children that are on their way where a sandbox does not let us wait for them. Alone in its
//! process: the C library ends that where it has to wait for a lock.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod bench;

use std::rc::Rc;

use bench::{Bench, end, let_go, plan};
use nix::sys::wait::WaitStatus;
use sys::held::Held;
use sys::spawn::{Settled, Spawner, Started, Step};

#[test]
fn it_is_looked_and_not_for_ever() {
    for errno in [libc::ENOSYS, libc::EPERM] {
        let without_it = std::thread::spawn(move || {
            sys::seccomp::forbid(&[(libc::SYS_futex, errno)]).unwrap();
            look();
        });
        without_it.join().unwrap();
    }
}

fn look() {
    let bench = Bench::with_script("exit 5");
    let mut spawner = Spawner::new(nix::sys::signal::SigSet::empty()).unwrap();
    let enter = || Step::EnterHeld(Rc::new(Held::open(&bench.path("")).unwrap()));
    let start = |spawner: &mut Spawner| {
        let ahead = spawner.start_ahead(plan(&[enter()]), None).expect("here it can be done");
        match spawner.settle(ahead) {
            Settled::Runs(pid) => pid,
            other @ (Settled::Failed(_) | Settled::TryAgain) => panic!("{other:?}"),
        }
    };
    let ends = |pid| assert!(matches!(end(Started::Runs(pid)), Ok(WaitStatus::Exited(_, 5))));
    for _ in 0..20 {
        ends(start(&mut spawner));
    }
    let Some(run) = bench.hold_run() else { return };
    let pid = start(&mut spawner);
    let given_up = spawner.start_ahead(plan(&[enter()]), None).is_err();
    let_go(&run);
    ends(pid);
    assert!(given_up, "it was waited for until the lease was broken");
}
