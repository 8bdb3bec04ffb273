use super::*;
use std::io::{BufRead as _, BufReader};
use std::ops::{Deref, DerefMut};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A child that does not outlive its test.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Deref for Held {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

fn shell(script: &str) -> Held {
    let mut command = Command::new("/bin/sh");
    Held(command.args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap())
}

fn sleeper() -> Held {
    Held(Command::new("sleep").arg("1000").spawn().unwrap())
}

/// The process, by its descriptor and by its number.
fn both(pid: u32) -> [Process; 2] {
    let by_descriptor = Process::open(pid).unwrap();
    assert!(by_descriptor.pollable().is_some());
    let started = proc::facts(pid).unwrap().started;
    [by_descriptor, Process { pid, hold: Hold::Started(started) }]
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_mins(1), "waited in vain");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_signal_reaches_the_process_and_nobody_once_it_is_reaped() {
    for which in [0, 1] {
        let mut child = sleeper();
        let process = &both(child.id())[which];
        assert_eq!(process.pid(), child.id());
        assert!(!process.has_ended());
        assert_eq!(process.how_ended(), None, "it runs");
        assert_eq!(process.signal(999).unwrap_err().raw_os_error(), Some(libc::EINVAL));
        process.signal(libc::SIGTERM).unwrap();
        wait_until(|| process.has_ended());
        process.signal(libc::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
        assert!(process.has_ended());
        let refused = process.signal(libc::SIGTERM).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::ESRCH), "{which}");
    }
}

#[test]
fn the_end_of_a_child_is_known_and_reaped() {
    for (script, end) in [("exit 7", Ended::Exited(7)), ("kill -9 $$", Ended::Signalled(9))] {
        for which in [0, 1] {
            let mut child = shell(script);
            let [first, second] = both(child.id());
            let process = if which == 0 { first } else { second };
            wait_until(|| process.has_ended());
            assert_eq!(process.how_ended(), Some(end), "{which}");
            assert_eq!(child.wait().unwrap_err().raw_os_error(), Some(libc::ECHILD));
            assert!(process.has_ended());
        }
    }
}

#[test]
fn the_end_of_a_strangers_child_is_known_where_the_kernel_tells_it() {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split('.').map(|word| word.parse::<u32>().unwrap_or(0));
    let tells = (numbers.next(), numbers.next()) >= (Some(6), Some(15));
    let mut shell = shell("sleep 60 & echo $!; wait; echo reaped; read line");
    let mut lines = BufReader::new(shell.stdout.take().unwrap()).lines();
    let grandchild = lines.next().unwrap().unwrap().parse().unwrap();
    let [by_descriptor, by_number] = both(grandchild);
    assert_eq!((by_descriptor.how_ended(), by_number.how_ended()), (None, None), "it runs");
    by_descriptor.signal(libc::SIGUSR1).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "reaped");
    assert!(by_descriptor.has_ended() && by_number.has_ended());
    let told = tells.then_some(Ended::Signalled(libc::SIGUSR1));
    assert_eq!(by_descriptor.how_ended(), told, "{release}");
    assert_eq!(by_number.how_ended(), None, "nobody tells it of a number");
    shell.kill().unwrap();
    shell.wait().unwrap();
}

#[test]
fn a_stranger_with_the_same_number_is_not_taken_for_it() {
    let mut child = sleeper();
    let started = proc::facts(child.id()).unwrap().started;
    assert!(Process::open_if(child.id(), started).is_ok());
    let other = Process::open_if(child.id(), started - 1).unwrap_err();
    assert_eq!(other.raw_os_error(), Some(libc::ESRCH));
    let stranger = Process { pid: child.id(), hold: Hold::Started(started - 1) };
    let refused = stranger.signal(libc::SIGKILL).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::ESRCH));
    assert!(stranger.has_ended());
    assert_eq!(stranger.how_ended(), None);
    assert_eq!(child.try_wait().unwrap(), None, "it lives");
    child.kill().unwrap();
    let started = proc::facts(child.id()).unwrap().started;
    assert!(Process::open_if(child.id(), started).is_ok(), "it was not reaped");
    child.wait().unwrap();
    let gone = Process::open_if(child.id(), started).unwrap_err();
    assert_eq!(gone.raw_os_error(), Some(libc::ESRCH));
}

#[test]
fn number_zero_is_no_process() {
    assert_eq!(Process::open(0).unwrap_err().raw_os_error(), Some(libc::EINVAL));
}

#[test]
fn by_number_nobody_signals_a_group_all_or_process_one() {
    for pid in [0, 1, u32::MAX, u32::MAX - 1, 1 << 31] {
        let refused = kill(pid, libc::SIGCONT).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EPERM), "{pid}");
    }
}

#[test]
fn a_process_is_held_by_its_number_where_descriptors_are_forbidden() {
    for errno in [libc::ENOSYS, libc::EPERM] {
        let without_it = std::thread::spawn(move || {
            crate::seccomp::forbid(&[(libc::SYS_pidfd_open, errno)]).unwrap();
            let mut child = sleeper();
            let process = Process::open(child.id()).unwrap();
            assert!(process.pollable().is_none());
            process.signal(libc::SIGTERM).unwrap();
            assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
            let gone = [Process::open(child.id()), Process::open(0)];
            gone.map(|gone| gone.unwrap_err().raw_os_error())
        });
        assert_eq!(without_it.join().unwrap(), [Some(libc::ESRCH); 2], "{errno}");
    }
}

#[test]
fn a_signal_goes_by_number_where_only_the_call_for_descriptors_is_forbidden() {
    for errno in [libc::ENOSYS, libc::EPERM] {
        let without_it = std::thread::spawn(move || {
            crate::seccomp::forbid(&[(libc::SYS_pidfd_send_signal, errno)]).unwrap();
            let mut child = sleeper();
            let [process, _] = both(child.id());
            process.signal(libc::SIGTERM).unwrap();
            assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
            process.signal(libc::SIGTERM).unwrap_err().raw_os_error()
        });
        assert_eq!(without_it.join().unwrap(), Some(libc::ESRCH), "{errno}");
    }
}
