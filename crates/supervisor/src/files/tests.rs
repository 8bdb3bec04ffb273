use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::Wish;
use tai::Stamp;
use tempfile::TempDir;

use super::*;

/// A service directory, and the turn to use it: a child that one test forks holds copies of the
/// locks of another until it executes.
fn service() -> ((MutexGuard<'static, ()>, TempDir), PathBuf) {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    ((turn, dir), path)
}

fn status(pid: u32) -> Status {
    let since = Stamp::from_unix(Duration::from_secs(1_000_000_000));
    Status { since, pid, paused: false, want: Wish::Up }
}

fn supervised(dir: &Path) -> Files {
    let (locked, _) = Locked::take(dir, "a").unwrap();
    write_status(dir, &status(7)).unwrap();
    locked.open(dir, "a").unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Runs a tool of Debian's daemontools on the directory; `None` where it is not installed.
fn theirs(tool: &str, dir: &Path) -> Option<std::process::Output> {
    let program = Path::new("/usr/bin").join(tool);
    // A link to ours is not theirs.
    let real = program.canonicalize().ok()?;
    if real.file_name() != program.file_name() {
        return None;
    }
    Some(Command::new(program).arg(dir).output().unwrap())
}

#[test]
fn the_lock_is_taken_before_anything_else_is_touched() {
    let (_keep, dir) = service();
    let held = Locked::take(&dir, "a").unwrap();
    assert_eq!(mode(&dir.join("supervise")), 0o700);
    assert_eq!(fs::read_dir(dir.join("supervise")).unwrap().count(), 1, "the lock alone");
    assert_eq!(mode(&dir.join(layout::LOCK)), 0o600);
    let refused = Locked::take(&dir, "a").unwrap_err();
    assert_eq!(refused.to_string(), "unable to acquire a/supervise/lock: temporary failure");
    drop(held);
    Locked::take(&dir, "a").unwrap();
}

#[test]
fn ok_is_another_name_of_control_and_costs_nothing() {
    let (_keep, dir) = service();
    let files = supervised(&dir);
    let (control, ok) = (dir.join(layout::CONTROL), dir.join(layout::OK));
    assert!(is_same(&ok, &files.control) && is_same(&control, &files.control));
    assert!(files.ok.is_none());
    assert_eq!(mode(&ok), 0o600);
    fifo::open_writer(&ok).unwrap();
    drop(files);
    assert!(fifo::means_no_reader(&fifo::open_writer(&ok).unwrap_err()));
    assert!(supervised(&dir).ok.is_none(), "and again");
    assert!(!dir.join(layout::OK_NEW).exists());
}

#[test]
fn the_fifos_of_a_daemontools_before_us_are_taken_over() {
    let (_keep, dir) = service();
    make_supervise(&dir.join("supervise")).unwrap();
    for name in [layout::CONTROL, layout::OK, layout::OK_NEW] {
        fifo::make(&dir.join(name)).unwrap();
    }
    let files = supervised(&dir);
    assert!(files.ok.is_none() && is_same(&dir.join(layout::OK), &files.control));
    assert!(!dir.join(layout::OK_NEW).exists());
}

#[test]
fn without_hard_links_ok_is_a_fifo_of_its_own() {
    let (_keep, dir) = service();
    make_supervise(&dir.join("supervise")).unwrap();
    let ok = dir.join(layout::OK);
    fifo::make(&ok).unwrap();
    // What is in the way of the second name is as good as a file system that gives none.
    fs::create_dir(dir.join(layout::OK_NEW)).unwrap();
    let files = supervised(&dir);
    assert!(files.ok.is_some() && !is_same(&ok, &files.control));
    fifo::open_writer(&ok).unwrap();
    drop(files);
    assert!(fifo::means_no_reader(&fifo::open_writer(&ok).unwrap_err()));
}

#[test]
fn what_stands_where_a_fifo_should_be_is_told_and_left_alone() {
    for name in [layout::CONTROL, layout::OK] {
        let (_keep, dir) = service();
        make_supervise(&dir.join("supervise")).unwrap();
        fs::create_dir(dir.join(name)).unwrap();
        let refused = Locked::take(&dir, "a").unwrap().0.open(&dir, "a").unwrap_err();
        assert!(refused.to_string().starts_with(&format!("unable to open a/{name}: ")));
        assert!(dir.join(name).is_dir());
        assert!(!dir.join(layout::OK_NEW).exists(), "nothing is left about");
    }
}

#[test]
fn planted_links_are_not_followed() {
    let (_keep, dir) = service();
    let foreign = dir.join("foreign");
    make_supervise(&dir.join("supervise")).unwrap();
    symlink(&foreign, dir.join(layout::LOCK)).unwrap();
    assert!(Locked::take(&dir, "a").is_err());
    assert!(!foreign.exists());
    fs::remove_file(dir.join(layout::LOCK)).unwrap();
    fifo::make(&foreign).unwrap();
    symlink(&foreign, dir.join(layout::CONTROL)).unwrap();
    assert!(Locked::take(&dir, "a").unwrap().0.open(&dir, "a").is_err());
}

#[test]
fn a_status_is_written_whole_and_over_nobodys_file() {
    let (_keep, dir) = service();
    make_supervise(&dir.join("supervise")).unwrap();
    let (path, new) = (dir.join(layout::STATUS), dir.join(layout::STATUS_NEW));
    write_status(&dir, &status(7)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), status(7).encode());
    assert_eq!(mode(&path) & 0o700, 0o600);
    let foreign = dir.join("foreign");
    fs::write(&foreign, "precious").unwrap();
    let plants: [fn(&PathBuf, &PathBuf) -> io::Result<()>; 2] =
        [|foreign, new| symlink(foreign, new), |foreign, new| fs::hard_link(foreign, new)];
    for plant in plants {
        plant(&foreign, &new).unwrap();
        write_status(&dir, &status(8)).unwrap();
        assert_eq!(fs::read_to_string(&foreign).unwrap(), "precious");
        assert_eq!(fs::read(&path).unwrap(), status(8).encode());
        assert!(fs::symlink_metadata(&new).is_err());
    }
    fs::write(&new, "half a sta").unwrap();
    write_status(&dir, &status(9)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), status(9).encode());
}

#[test]
fn supervise_may_be_a_link_to_a_place_that_can_be_written() {
    let (_keep, dir) = service();
    symlink("made/by/us", dir.join("supervise")).unwrap();
    let files = supervised(&dir);
    assert!(dir.join("made/by/us/control").symlink_metadata().unwrap().file_type().is_fifo());
    drop(files);
    supervised(&dir);
}

#[test]
fn where_supervise_is_a_file_nothing_is_made() {
    let (_keep, dir) = service();
    fs::write(dir.join("supervise"), "").unwrap();
    let refused = Locked::take(&dir, "a").unwrap_err();
    assert_eq!(refused.to_string(), "unable to acquire a/supervise/lock: not a directory");
}

#[test]
fn down_is_down_whatever_is_in_it() {
    let (_keep, dir) = service();
    assert!(!is_down(&dir, Names::UNKNOWN));
    fs::write(dir.join("down"), "").unwrap();
    assert!(is_down(&dir, Names::UNKNOWN));
}

#[test]
fn daemontools_own_tools_read_it() {
    let (_keep, dir) = service();
    let files = supervised(&dir);
    let (Some(svok), Some(svstat)) = (theirs("svok", &dir), theirs("svstat", &dir)) else {
        eprintln!("SKIPPED: daemontools is not installed");
        return;
    };
    assert_eq!(svok.status.code(), Some(0));
    let line = String::from_utf8(svstat.stdout).unwrap();
    assert!(line.starts_with(&format!("{}: up (pid 7) ", dir.display())), "{line}");
    drop(files);
    assert_eq!(theirs("svok", &dir).unwrap().status.code(), Some(100));
    let svstat = theirs("svstat", &dir).unwrap();
    let line = String::from_utf8(svstat.stdout).unwrap();
    assert_eq!(line, format!("{}: supervise not running\n", dir.display()));
}

#[test]
fn a_status_in_a_held_directory_is_whole_and_goes_through_no_link() {
    let (_keep, dir) = service();
    let (_locked, made) = Locked::take(&dir, "a").unwrap();
    let held = Held::open(&dir).unwrap();
    let says = |pid| assert_eq!(fs::read(dir.join(layout::STATUS)).unwrap(), status(pid).encode());
    assert!(made);
    write_status_in(&held, 0, &status(7), true).unwrap();
    says(7);
    assert!(!dir.join(layout::STATUS_NEW).exists());
    let (elsewhere, new) = (dir.join("elsewhere"), dir.join(layout::STATUS_NEW));
    fs::write(&elsewhere, "mine").unwrap();
    for first in [false, true] {
        symlink(&elsewhere, &new).unwrap();
        write_status_in(&held, 0, &status(8), first).unwrap();
        says(8);
        fs::write(&new, "half of").unwrap();
        write_status_in(&held, 0x801, &status(9), first).unwrap();
        says(9);
    }
    assert_eq!(fs::read(&elsewhere).unwrap(), b"mine");
    assert_eq!(mode(&dir.join(layout::STATUS)), 0o644);
}
