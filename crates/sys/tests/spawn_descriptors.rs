//! What becomes of descriptors when a program is started: the child's, and ours.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod bench;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Duration;

use bench::{Bench, WAYS, Way, descriptors, end, identity, let_go, turn, wait_until};
use nix::sys::stat::fstat;
use sys::spawn::{Failed, Identity, PipeEnd, Place, Spawner, Step};
use sys::{fifo, lock, spawn};

/// Opening flags of a descriptor of `$$`, as /proc shows them.
const FLAGS_TO_OUT: &str = "flags() { grep ^flags /proc/$$/fdinfo/$1 | cut -f2; }; ";

fn make_fifo(path: &Path) -> (File, Identity) {
    fifo::make(path).unwrap();
    (fifo::open_both(path).unwrap(), identity(path))
}

fn octal(text: &str) -> i32 {
    i32::from_str_radix(text.trim(), 8).unwrap()
}

/// Of our own 0 to 2: who they are, which flags they have.
fn ours() -> Vec<(u64, u64, String)> {
    let stat = [
        fstat(std::io::stdin().as_fd()),
        fstat(std::io::stdout().as_fd()),
        fstat(std::io::stderr().as_fd()),
    ];
    let info = |fd| fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap();
    let flags = |fd| info(fd).lines().find(|line| line.starts_with("flags")).map(str::to_owned);
    (0..)
        .zip(stat.map(Result::unwrap))
        .map(|(fd, s)| (s.st_dev, s.st_ino, flags(fd).unwrap()))
        .collect()
}

#[test]
fn a_reader_gets_a_blocking_end_of_its_own_and_sees_the_end_of_the_pipe() {
    let _turn = turn();
    for way in WAYS {
        let script = format!("{FLAGS_TO_OUT} flags 0 >flags; cat >out");
        let mut bench = Bench::with_script(&script);
        let (mut pipe, known) = make_fifo(&bench.path("pipe"));
        let (dir, here) = bench.here();
        let before = ours();
        let steps = [
            Step::Enter(dir.clone().into(), here),
            Step::Pipe(c"pipe".into(), known, PipeEnd::Stdin),
        ];
        let started = bench.start(way, &steps, None).unwrap();
        wait_until("it has its end", || bench.read("flags").ends_with('\n'));
        pipe.write_all(b"a line\n").unwrap();
        drop(pipe);
        end(started).unwrap();
        assert_eq!(bench.read("out"), "a line\n", "{way:?}");
        let flags = octal(&bench.read("flags"));
        assert_eq!(flags & libc::O_ACCMODE, libc::O_RDONLY, "{way:?}");
        assert_eq!(flags & libc::O_NONBLOCK, 0, "{way:?}");
        assert_eq!(ours(), before, "{way:?}");
    }
}

#[test]
fn a_writer_gets_a_blocking_end_that_needs_no_reader() {
    let _turn = turn();
    for way in WAYS {
        let script = format!("{FLAGS_TO_OUT} (flags 1) >flags; echo a line");
        let mut bench = Bench::with_script(&script);
        let (mut pipe, known) = make_fifo(&bench.path("pipe"));
        let before = ours();
        bench.succeeds(way, &[Step::Pipe(c"pipe".into(), known, PipeEnd::Stdout)]);
        let mut bytes = [0; 100];
        let len = pipe.read(&mut bytes).unwrap();
        assert_eq!(&bytes[..len], b"a line\n", "{way:?}");
        assert_eq!(pipe.read(&mut bytes).unwrap_err().raw_os_error(), Some(libc::EAGAIN));
        let flags = octal(&bench.read("flags"));
        assert_eq!(flags & libc::O_ACCMODE, libc::O_RDWR, "{way:?}");
        assert_eq!(flags & libc::O_NONBLOCK, 0, "{way:?}");
        assert_eq!(ours(), before, "{way:?}");
    }
}

#[test]
fn a_pipe_that_is_another_file_by_now_is_not_opened() {
    let _turn = turn();
    for way in WAYS {
        let mut bench = Bench::with_script("echo wrong >out");
        let (_pipe, known) = make_fifo(&bench.path("pipe"));
        let (_other, _) = make_fifo(&bench.path("other"));
        fs::write(bench.path("file"), "").unwrap();
        std::os::unix::fs::symlink("pipe", bench.path("link")).unwrap();
        let file = identity(&bench.path("file"));
        let cases = [
            (c"other", known, libc::ESTALE),
            (c"file", file, libc::ESTALE),
            (c"link", known, libc::ELOOP),
            (c"missing", known, libc::ENOENT),
        ];
        for (name, known, errno) in cases {
            for side in [PipeEnd::Stdin, PipeEnd::Stdout] {
                let ended = bench.run(way, &[Step::Pipe(name.into(), known, side)]);
                let expected = Err(Failed { at: Place::Pipe, errno });
                assert_eq!(ended, expected, "{way:?} {name:?} {side:?}");
            }
        }
        assert_eq!(bench.read("out"), "");
    }
}

#[test]
fn nothing_beyond_0_to_2_reaches_the_program() {
    let _turn = turn();
    for way in WAYS {
        // dash has its script open under 10, and ls the directory that it lists.
        let mut bench = Bench::with_script("exec ls -l /proc/self/fd >out");
        let kept = File::open("/").unwrap();
        // What dup gives is passed on by execve, unlike all that Rust opens.
        let given: Vec<_> = (0..50).map(|_| nix::unistd::dup(&kept).unwrap()).collect();
        bench.succeeds(way, &[]);
        let out = bench.read("out");
        let own = |line: &&str| line.contains("/proc/") && line.ends_with("/fd");
        let lines: Vec<&str> = out.lines().filter(|line| line.contains("->")).collect();
        assert_eq!(lines.iter().filter(|line| !own(line)).count(), 3, "{way:?}: {out}");
        drop(given);
    }
}

#[test]
fn a_thousand_starts_leak_nothing() {
    let _turn = turn();
    let mut bench = Bench::new();
    std::os::unix::fs::symlink("/bin/true", bench.path("run")).unwrap();
    let (_pipe, known) = make_fifo(&bench.path("pipe"));
    let before = (ours(), descriptors());
    for way in WAYS {
        for _ in 0..500 {
            bench
                .succeeds(way, &[Step::Pipe(c"pipe".into(), known, PipeEnd::Stdin), Step::Session]);
            let failed = bench.run(way, &[Step::Pipe(c"missing".into(), known, PipeEnd::Stdin)]);
            assert!(failed.is_err());
        }
        assert_eq!((ours(), descriptors()), before, "{way:?}");
    }
    assert!(!sys::child::any_left());
}

#[test]
fn a_spawner_takes_its_stack_with_it() {
    let _turn = turn();
    let maps = || fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    let before = maps();
    for _ in 0..200 {
        drop(Spawner::new(nix::sys::signal::SigSet::empty()).unwrap());
    }
    assert!(maps() < before + 100, "{before} and then {}", maps());
}

#[test]
fn what_we_were_given_by_accident_is_not_passed_on() {
    let _turn = turn();
    let given = nix::unistd::dup(File::open("/").unwrap()).unwrap();
    let flags = || nix::fcntl::fcntl(&given, nix::fcntl::FcntlArg::F_GETFD).unwrap();
    assert_eq!(flags(), 0);
    spawn::keep_descriptors_to_ourselves();
    assert_eq!(flags(), libc::FD_CLOEXEC);
    let standard = nix::fcntl::fcntl(std::io::stderr(), nix::fcntl::FcntlArg::F_GETFD).unwrap();
    assert_eq!(standard, 0, "0 to 2 are");
}

#[test]
fn a_child_that_hangs_before_its_program_holds_nothing_of_ours() {
    let _turn = turn();
    hangs_and_holds_nothing();
}

#[test]
fn a_child_that_hangs_holds_nothing_where_close_range_is_forbidden() {
    let _turn = turn();
    let without_it = std::thread::spawn(|| {
        sys::seccomp::forbid(&[(libc::SYS_close_range, libc::EPERM)]).unwrap();
        hangs_and_holds_nothing();
    });
    without_it.join().unwrap();
}

fn hangs_and_holds_nothing() {
    let mut bench = Bench::with_script("exit 5");
    let Some(run) = bench.hold_run() else { return };
    let held = lock::acquire_now(&bench.path("lock")).unwrap();
    let (pipe, _) = make_fifo(&bench.path("pipe"));
    let (dir, here) = bench.here();
    let steps = [Step::Enter(dir.clone().into(), here)];
    let started = bench.start(Way::Apart, &steps, None).unwrap();
    drop((held, pipe));
    // Less than the kernel gives whom it asks to give a lease back.
    let start = std::time::Instant::now();
    let is_free = || {
        lock::acquire_now(&bench.path("lock")).is_ok()
            && fifo::open_writer(&bench.path("pipe")).is_err()
    };
    while !is_free() && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(2));
    }
    let free = is_free();
    let_go(&run);
    let ended = end(started).unwrap();
    assert!(matches!(ended, nix::sys::wait::WaitStatus::Exited(_, 5)), "{ended:?}");
    assert!(free, "somebody held the lock, or read the pipe");
}
