use std::fs;
use std::time::Duration;

use service::Boottime;
use tempfile::TempDir;

use super::*;
use crate::limits::Machine;

const EACCES: i32 = 13;

fn task(dir: &TempDir) -> Task {
    let dir = dir.path().join("a");
    fs::create_dir(&dir).unwrap();
    let wanted = Wanted { entry: EntryId(0), part: Part::Main, name: "a".into(), dir };
    let (mut task, _) =
        Task::new(now(), wanted, 0, &defaults(), &mut Inherited::default()).unwrap();
    task.let_go();
    task
}

fn defaults() -> Rc<Settings> {
    Rc::new(Settings::built_in(Machine::default()))
}

fn refresh(task: &mut Task) -> Vec<String> {
    let complaints = task.refresh(&defaults());
    task.let_go();
    complaints
}

fn now() -> Now {
    let since = Duration::from_secs(1000);
    Now { monotonic: Monotonic(since), boottime: Boottime(since) }
}

#[test]
fn a_status_is_written_when_it_has_changed() {
    let dir = tempfile::tempdir().unwrap();
    let mut task = task(&dir);
    let path = dir.path().join("a").join(layout::STATUS);
    task.publish(now()).unwrap();
    let status = Status::decode(&fs::read(&path).unwrap()).unwrap();
    assert_eq!((status.pid, status.want), (0, Wish::Up));
    fs::remove_file(&path).unwrap();
    task.publish(now()).unwrap();
    assert!(!path.exists(), "nothing has changed");
    task.forget_written();
    task.publish(now()).unwrap();
    assert!(path.exists());
}

#[test]
fn a_status_is_not_written_into_a_directory_that_took_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut task = task(&dir);
    let (old, new) = (dir.path().join("old"), dir.path().join("a"));
    fs::rename(&new, old).unwrap();
    fs::create_dir_all(new.join(layout::SUPERVISE)).unwrap();
    let told = task.publish(now()).unwrap_err().to_string();
    assert_eq!(
        told,
        "unable to write a/supervise/status.new: another directory has taken its place"
    );
    assert_eq!(fs::read_dir(new.join(layout::SUPERVISE)).unwrap().count(), 0);
    assert!(task.publish(now()).is_ok(), "told once");
}

#[test]
fn a_status_that_could_not_be_written_is_due_until_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut task = task(&dir);
    let at = |seconds| Now { monotonic: Monotonic(Duration::from_secs(seconds)), ..now() };
    let due = |seconds| Some(Monotonic(Duration::from_secs(seconds) + REWRITE_PAUSE));
    let supervise = dir.path().join("a").join(layout::SUPERVISE);
    fs::remove_dir_all(&supervise).unwrap();
    task.publish(at(1000)).unwrap_err();
    assert_eq!(task.rewrite_at, due(1000));
    task.publish(at(1010)).unwrap();
    assert_eq!(task.rewrite_at, due(1010));
    fs::create_dir(&supervise).unwrap();
    task.publish(at(1020)).unwrap();
    assert_eq!(task.rewrite_at, None);
    assert!(supervise.join("status").exists());
}

#[test]
fn what_is_wrong_with_a_setting_is_told_when_it_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let mut task = task(&dir);
    let file = dir.path().join("a").join(layout::SURVIVORS);
    let told = ["a/survivors: not one of adopt, end, leave: ignored"];
    for _ in 0..2 {
        fs::write(&file, "kill").unwrap();
        assert_eq!(refresh(&mut task), told);
        assert_eq!(refresh(&mut task), [""; 0]);
        fs::write(&file, "end").unwrap();
        assert_eq!(refresh(&mut task), [""; 0]);
    }
}

#[test]
fn the_cure_is_for_the_run_that_failed_until_another_start_is_tried() {
    let dir = tempfile::tempdir().unwrap();
    let mut task = task(&dir);
    let path = dir.path().join("a");
    fs::write(path.join(layout::RUN), "#!/bin/sh\n").unwrap();
    let fault = words::Fault { step: words::Step::Exec, errno: EACCES };
    for event in [words::Event::Tick, words::Event::Started(Err(fault))] {
        task.service.step(now(), event);
    }
    let said = |task: &mut Task| {
        task.remark();
        files::read_remarks(&path).unwrap_or_default()
    };
    let cure = said(&mut task);
    assert!(cure.contains("it is not executable; chmod +x a/run"), "{cure}");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(path.join(layout::RUN), mode).unwrap();
    assert_eq!(said(&mut task), cure);
    refresh(&mut task);
    assert!(!said(&mut task).contains("chmod"));
}

#[test]
fn who_owns_the_directory_or_run_decides_how_it_is_started() {
    /// Nobody whom the tests run as.
    const STRANGER: u32 = 54_321;
    let dir = tempfile::tempdir().unwrap();
    let mut task = task(&dir);
    assert_eq!(task.way, Way::Borrowed);
    let run = dir.path().join("a/run");
    fs::write(&run, "").unwrap();
    if std::os::unix::fs::chown(&run, Some(STRANGER), None).is_err() {
        eprintln!("SKIPPED: only root can give a file away");
        return;
    }
    refresh(&mut task);
    assert_eq!(task.way, Way::Apart);
    std::os::unix::fs::chown(&run, Some(0), None).unwrap();
    refresh(&mut task);
    assert_eq!(task.way, Way::Borrowed);
    std::os::unix::fs::chown(dir.path().join("a"), Some(STRANGER), None).unwrap();
    refresh(&mut task);
    assert_eq!(task.way, Way::Apart);
}
