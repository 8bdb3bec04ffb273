//! Control groups on a real kernel: as root, as a user who was given one, and as one who was not.
//!
//! Where there is none to be had the tests say so and pass.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod bench;

use std::ffi::OsStr;
use std::fs;
use std::ops::Deref;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use bench::{Bench, WAYS, Way, c_path, end, plan, turn, wait_until};
use nix::sys::wait::WaitStatus;
use sys::cgroup::{Controller, Group, NoTree, Tree, V1Group, V1Pids};
use sys::spawn::{Failed, Place, Settled, Started, Step};

/// The user that owns nothing.
const NOBODY: u32 = 65534;

/// Says why a test has nothing to do, past the harness.
fn skipped(why: &dyn std::fmt::Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// A group of a test: emptied and removed with it.
struct OfTest(Group);

impl Deref for OfTest {
    type Target = Group;

    fn deref(&self) -> &Group {
        &self.0
    }
}

impl OfTest {
    fn new() -> Option<Self> {
        let tree = Tree::find().map_err(|why| skipped(&why)).ok()?;
        Some(Self(tree.group(OsStr::new(&unique())).unwrap()))
    }
}

impl Drop for OfTest {
    fn drop(&mut self) {
        if self.path().exists() {
            self.kill().unwrap();
            wait_until("nobody is left", || {
                reap();
                !self.is_populated().unwrap()
            });
            self.remove().unwrap();
        }
    }
}

/// As [`OfTest`], in version 1: whoever was in it has ended by then.
struct OfV1(V1Group);

impl Deref for OfV1 {
    type Target = V1Group;

    fn deref(&self) -> &V1Group {
        &self.0
    }
}

impl Drop for OfV1 {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("keepup.test.{}.{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Only children of the test whose turn it is are left.
fn reap() {
    while sys::child::reap().unwrap().is_some() {}
}

/// Starts a program in the group and leaves it running.
fn start(bench: &mut Bench, group: &Group) {
    let (entrance, (dir, known)) = (group.entrance().unwrap(), bench.here());
    let steps = [Step::Group(entrance.clone().into()), Step::Enter(dir.clone().into(), known)];
    let started = bench.start(Way::Borrowed, &steps, None);
    assert!(matches!(started, Ok(Started::Runs(_))), "{started:?}");
}

/// Two that hide as well as they can, and one that stays.
const ESCAPE: &str = "setsid sh -c 'env -i setsid sleep 1000 & env -i setsid sleep 1000 & exit' &
wait\nexec sleep 1000";

fn start_escaping(bench: &mut Bench, group: &Group) {
    start(bench, group);
    wait_until("all three sleep", || {
        let pids = group.members(10).unwrap();
        let name = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        pids.len() == 3 && pids.iter().all(|pid| name(pid) == "sleep\n")
    });
}

fn is_empty(group: &Group) -> bool {
    reap();
    !group.is_populated().unwrap()
}

#[test]
fn a_child_is_in_its_group_before_it_is_its_program() {
    let _turn = turn();
    let Some(group) = OfTest::new() else { return };
    let name = group.path().file_name().unwrap().to_str().unwrap();
    for way in WAYS {
        let mut bench = Bench::with_script("grep ^0: /proc/self/cgroup >out");
        let entrance = group.entrance().unwrap();
        bench.succeeds(way, &[Step::Group(entrance.clone().into())]);
        let out = bench.read("out");
        assert!(out.trim_end().ends_with(&format!("/{name}")), "{way:?}: {out}");
        bench.succeeds(way, &[]);
        assert!(!bench.read("out").contains(name), "{way:?}: only where asked");
    }
    let ours = fs::read_to_string("/proc/self/cgroup").unwrap();
    assert!(!ours.contains(name), "we stay where we are");
}

#[test]
fn who_enters_a_group_in_which_all_were_killed_lives() {
    let _turn = turn();
    let Some(group) = OfTest::new() else { return };
    let mut bench = Bench::with_script("exit 0");
    let entrance = group.entrance().unwrap();
    for way in WAYS {
        bench.succeeds(way, &[Step::Group(entrance.clone().into())]);
        group.kill().unwrap();
        bench.succeeds(way, &[Step::Group(entrance.clone().into())]);
    }
}

#[test]
fn who_is_born_in_a_group_in_which_all_were_killed_lives_or_is_to_be_tried_again() {
    let _turn = turn();
    let Some(group) = OfTest::new() else { return };
    let mut bench = Bench::with_script("exit 3");
    let ((dir, known), entrance) = (bench.here(), group.entrance().unwrap());
    let steps = [Step::Group(entrance.into()), Step::Enter(dir.into(), known)];
    let lives = |ended| matches!(ended, Ok(WaitStatus::Exited(_, 3)));
    group.kill().unwrap();
    for _ in 0..20 {
        assert!(lives(bench.run_steps(Way::Borrowed, &steps)));
        // On a processor of which we do not know how, nobody goes ahead.
        let Ok(ahead) = bench.spawner.start_ahead(plan(&steps), None) else { return };
        match bench.spawner.settle(ahead) {
            Settled::Runs(pid) => assert!(lives(end(Started::Runs(pid)))),
            Settled::TryAgain => assert!(!sys::child::any_left(), "it is no zombie"),
            Settled::Failed(failed) => panic!("{failed:?}"),
        }
    }
}

#[test]
fn a_group_that_cannot_be_entered_is_told() {
    let _turn = turn();
    for way in WAYS {
        let mut bench = Bench::with_script("echo wrong >out");
        let missing = c_path(&bench.path("group/cgroup.procs"));
        let told = |errno| Err(Failed { at: Place::Group, errno });
        assert_eq!(
            bench.run(way, &[Step::Group(missing.clone().into())]),
            told(libc::ENOENT),
            "{way:?}"
        );
        let dir = c_path(&bench.path("."));
        assert_eq!(
            bench.run(way, &[Step::Group(dir.clone().into())]),
            told(libc::EISDIR),
            "{way:?}"
        );
        assert_eq!(
            bench.run(way, &[Step::Group(c"/dev/full".into())]),
            told(libc::ENOSPC),
            "{way:?}"
        );
        assert_eq!(bench.read("out"), "");
    }
}

/// On a thread of its own: what is forbidden once is forbidden for good.
fn without_pidfd_open<T: Send>(does: impl FnOnce() -> T + Send) -> T {
    let forbidden = || {
        sys::seccomp::forbid(&[(libc::SYS_pidfd_open, libc::EPERM)]).unwrap();
        does()
    };
    std::thread::scope(|scope| scope.spawn(forbidden).join().unwrap())
}

#[test]
fn kill_ends_all_whatever_they_did_to_escape() {
    let _turn = turn();
    for way in ["at once", "by hand", "by hand and by number"] {
        let Some(group) = OfTest::new() else { return };
        let mut bench = Bench::with_script(ESCAPE);
        start_escaping(&mut bench, &group);
        assert!(group.is_populated().unwrap());
        match way {
            "at once" => group.kill(),
            "by hand" => group.kill_by_hand(),
            _ => without_pidfd_open(|| group.kill_by_hand()),
        }
        .unwrap();
        wait_until(way, || is_empty(&group));
        assert_eq!(group.members(10).unwrap(), [] as [u32; 0], "{way}");
        let mut bench = Bench::with_script("exit 3");
        let entrance = group.entrance().unwrap();
        let ended = bench.run(Way::Borrowed, &[Step::Group(entrance.clone().into())]);
        assert!(matches!(ended, Ok(WaitStatus::Exited(_, 3))), "{way}: it can be entered again");
    }
}

#[test]
fn kill_by_hand_ends_who_forks_faster_than_he_is_killed() {
    let _turn = turn();
    let Some(group) = OfTest::new() else { return };
    // Each lives shortly and is the parent of the next: a list of them is old once it is read.
    let mut bench = Bench::with_script("\"$0\" &");
    for _ in 0..4 {
        start(&mut bench, &group);
    }
    group.kill_by_hand().unwrap();
    wait_until("it is empty", || is_empty(&group));
    let frozen = fs::read_to_string(group.path().join("cgroup.freeze")).unwrap();
    assert_eq!(frozen, "0\n", "it is thawed");
}

#[test]
fn a_frozen_group_is_killed_and_thawed() {
    let _turn = turn();
    let Some(group) = OfTest::new() else { return };
    let mut bench = Bench::with_script(ESCAPE);
    start_escaping(&mut bench, &group);
    fs::write(group.path().join("cgroup.freeze"), "1").unwrap();
    let is_frozen = || group.event_count("cgroup.events", "frozen").unwrap() == 1;
    wait_until("it is frozen", is_frozen);
    assert_eq!(group.signal_all(libc::SIGTERM).unwrap(), 3);
    group.thaw().unwrap();
    wait_until("all have ended", || is_empty(&group));
    start_escaping(&mut bench, &group);
    fs::write(group.path().join("cgroup.freeze"), "1").unwrap();
    group.kill().unwrap();
    wait_until("all were killed", || is_empty(&group));
    group.thaw().unwrap();
    assert!(!is_frozen());
}

#[test]
fn groups_below_are_listed_signalled_and_removed_as_well() {
    let _turn = turn();
    let Some(group) = OfTest::new() else { return };
    let below = group.path().join("below");
    fs::create_dir_all(below.join("deep/deeper")).unwrap();
    fs::create_dir(group.path().join("empty")).unwrap();
    let (mut bench, deeper) =
        (Bench::with_script(ESCAPE), Group::at(&below.join("deep/deeper")).unwrap());
    start_escaping(&mut bench, &deeper);
    let mut pids = group.members(10).unwrap();
    pids.sort_unstable();
    let mut theirs = deeper.members(10).unwrap();
    theirs.sort_unstable();
    assert_eq!((pids.len(), &pids), (3, &theirs));
    assert_eq!(group.members(2).unwrap().len(), 2, "no more than asked for");
    assert_eq!(group.members(0).unwrap().len(), 0);
    assert_eq!(Group::at(&below).unwrap().members(10).unwrap().len(), 3);
    let refused = group.remove().unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EBUSY));
    assert_eq!(group.signal_all(libc::SIGTERM).unwrap(), 3);
    wait_until("all have ended", || is_empty(&group));
    group.remove().unwrap();
    assert!(!group.path().exists());
    group.remove().unwrap();
    group.kill().unwrap();
    assert_eq!(group.members(1).unwrap_err().raw_os_error(), Some(libc::ENOENT));
    assert_eq!(group.is_populated().unwrap_err().raw_os_error(), Some(libc::ENOENT));
}

#[test]
fn a_group_that_is_made_again_is_the_same() {
    let Ok(tree) = Tree::find() else { return };
    let name = unique();
    let group = tree.group(OsStr::new(&name)).unwrap();
    assert_eq!(tree.group(OsStr::new(&name)).unwrap(), group);
    assert_eq!(group.path(), tree.path().join(&name));
    assert_eq!(Group::at(group.path()).unwrap(), group);
    group.remove().unwrap();
    let gone = Group::at(group.path()).unwrap_err();
    assert_eq!(gone.raw_os_error(), Some(libc::ENOENT));
    for name in ["keepup.supervisor", "a/b", "..", "cgroup.kill"] {
        let refused = tree.group(OsStr::new(name)).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EINVAL), "{name}");
    }
}

#[test]
fn what_is_no_group_of_a_service_is_refused() {
    let _turn = turn();
    let Some(group) = OfTest::new() else { return };
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("cgroup.events"), "populated 0\n").unwrap();
    let link = temp.path().join("link");
    std::os::unix::fs::symlink(group.path(), &link).unwrap();
    let own = group.path().parent().unwrap();
    let is_group = |dir: &&Path| dir.join("cgroup.procs").exists();
    let top = group.path().ancestors().take_while(is_group).last().unwrap();
    let procs = group.path().join("cgroup.procs");
    for path in [temp.path(), &link, own, top, &procs, Path::new("/proc/self"), Path::new(".")] {
        let refused = Group::at(path).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EINVAL), "{}", path.display());
    }
}

#[test]
fn a_limit_without_its_controller_is_refused_and_nothing_is_made() {
    let _turn = turn();
    let Some(group) = OfTest::new() else { return };
    let refused = group.limit("nothing.max", "3").unwrap_err();
    // Whoever may write files there still cannot make one.
    assert_eq!(refused.raw_os_error(), Some(libc::ENOENT));
    let refused = group.limit("../cgroup.procs", "0").unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EINVAL));
    let refused = group.event_count("cgroup.events", "nothing").unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EINVAL));
}

#[test]
fn version_1_limits_the_processes_of_a_group() {
    let _turn = turn();
    let tree = match V1Pids::find() {
        Ok(tree) => tree,
        Err(why) => return skipped(&why),
    };
    let group = OfV1(tree.group(OsStr::new(&unique())).unwrap());
    group.limit("2").unwrap();
    assert_eq!(group.limit("many").unwrap_err().raw_os_error(), Some(libc::EINVAL));
    let mut bench = Bench::with_script("sleep 0 && echo one >out; (sleep 0; sleep 0) && exit 4");
    let entrance = group.entrance().unwrap();
    let ended = bench.run(Way::Borrowed, &[Step::Group(entrance.clone().into())]).unwrap();
    assert!(!matches!(ended, WaitStatus::Exited(_, 0 | 4)), "{ended:?}");
    assert_eq!(bench.read("out"), "one\n");
    assert!(group.refused().unwrap() > 0);
    assert_eq!(V1Group::at(group.path()).unwrap(), *group);
    let none = V1Group::at(Path::new("/")).unwrap_err();
    assert_eq!(none.raw_os_error(), Some(libc::EINVAL));
    group.remove().unwrap();
    let gone = V1Group::at(group.path()).unwrap_err();
    assert_eq!(gone.raw_os_error(), Some(libc::ENOENT));
}

/// Runs tests of this file in another process: in `group`, as `user`.
fn elsewhere(group: Option<&Group>, user: Option<u32>, tests: &[&str]) -> Output {
    let mut command = Command::new("/bin/sh");
    let enter = "[ -z \"$1\" ] || echo 0 >\"$1\"/cgroup.procs || exit; shift; exec \"$@\"";
    command.args(["-c", enter, "sh"]).arg(group.map_or(Path::new(""), Group::path));
    if let Some(user) = user {
        command.args(["setpriv", "--clear-groups"]);
        command.args([format!("--reuid={user}"), format!("--regid={user}")]);
    }
    command.arg(std::env::current_exe().unwrap()).args(tests).output().unwrap()
}

#[track_caller]
fn succeeded(output: &Output) {
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("test result: ok"), "{output:?}");
}

/// What [`elsewhere`] runs of a test that would move everybody else.
const INNER: [&str; 3] = ["--ignored", "--nocapture", "--exact"];

fn inner(group: &Group, user: Option<u32>, test: &str) {
    let output = elsewhere(Some(group), user, &[&INNER[..], &[test]].concat());
    succeeded(&output);
    assert!(String::from_utf8_lossy(&output.stdout).contains(" 1 passed"), "{output:?}");
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Gives a group to a user as systemd does (`Delegate=yes`).
fn delegate(group: &Group, user: u32) {
    for file in ["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"] {
        chown(group.path().join(file), Some(user), Some(user)).unwrap();
    }
}

#[test]
fn all_of_this_holds_for_a_user_who_was_given_a_group() {
    if !is_root() {
        return skipped(&"only root gives groups away");
    }
    let _turn = turn();
    let Some(group) = OfTest::new() else { return };
    delegate(&group, NOBODY);
    let output = elsewhere(Some(&group), Some(NOBODY), &["--nocapture"]);
    succeeded(&output);
    let said = String::from_utf8_lossy(&output.stderr);
    let skipped = said.lines().filter(|line| line.starts_with("SKIPPED")).count();
    assert_eq!(skipped, 4, "only what needs root and version 1: {said}");
    assert!(group.members(1).unwrap().is_empty());
}

#[test]
fn a_user_who_was_given_none_is_told_why() {
    if !is_root() {
        return skipped(&"only root becomes somebody else");
    }
    let _turn = turn();
    let Some(group) = OfTest::new() else { return };
    inner(&group, Some(NOBODY), "inner_without_a_right_to_make_groups");
    // He may make groups then, and nobody could enter them.
    chown(group.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    inner(&group, Some(NOBODY), "inner_without_a_right_to_make_groups");
}

#[test]
#[ignore = "run by the test above, as nobody"]
fn inner_without_a_right_to_make_groups() {
    let Err(why) = Tree::find() else { panic!("nobody may not make groups") };
    assert!(
        matches!(&why, NoTree::Refused(_, error) if error.raw_os_error() == Some(libc::EACCES))
    );
    let words = why.to_string();
    assert!(words.starts_with("unable to make control groups in /"), "{words}");
    assert!(words.ends_with(": Permission denied"), "{words}");
}

#[test]
fn where_no_mount_shows_our_own_group_there_are_none() {
    let _turn = turn();
    let Some(group) = OfTest::new() else { return };
    let mut command = Command::new("/bin/sh");
    // A namespace of its own, and only the mounts of the one above.
    let enter = "echo 0 >\"$1\"/cgroup.procs && shift && exec unshare --cgroup \"$@\"";
    command.args(["-c", enter, "sh"]).arg(group.path()).env(OUTSIDE, group.path());
    command.arg(std::env::current_exe().unwrap()).args(INNER);
    let output = command.arg("inner_that_is_shown_nowhere").output().unwrap();
    if String::from_utf8_lossy(&output.stderr).contains("unshare failed") {
        return skipped(&"no namespace can be made here");
    }
    succeeded(&output);
}

/// A group for the test below.
const OUTSIDE: &str = "SYS_TEST_OUTSIDE";

#[test]
#[ignore = "run by the test above, in a namespace of its own"]
fn inner_that_is_shown_nowhere() {
    let Err(why) = Tree::find() else { panic!("the mount point is not our group") };
    assert!(matches!(&why, NoTree::Outside(own) if own == Path::new("/")), "{why}");
    let refused = Group::at(Path::new(&std::env::var_os(OUTSIDE).unwrap())).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EINVAL), "it may hold ourselves, and does");
}

/// Controllers of the tree that the tests run in, as long as they are needed.
struct Enabled {
    any: bool,
    tree: Tree,
    before: Vec<Controller>,
}

impl Enabled {
    fn all() -> Self {
        let tree = Tree::find().unwrap();
        let before = tree.enabled();
        Self { any: !tree.enable_all(&Controller::ALL).is_empty(), tree, before }
    }
}

impl Drop for Enabled {
    fn drop(&mut self) {
        let file = self.tree.path().join("cgroup.subtree_control");
        for controller in self.tree.enabled() {
            if !self.before.contains(&controller) {
                // Refused where a group of a test that failed still uses it.
                let _ = fs::write(&file, format!("-{}", controller.name()));
            }
        }
    }
}

#[test]
fn room_is_made_for_controllers_and_given_back_where_it_does_not_help() {
    let _turn = turn();
    if Tree::find().is_err() {
        return;
    }
    let enabled = Enabled::all();
    let Some(group) = OfTest::new() else { return };
    inner(&group, None, "inner_that_makes_room");
    let leaf = group.path().join("keepup.supervisor");
    assert_eq!(leaf.exists(), enabled.any, "it was needed");
    if is_root() {
        let Some(group) = OfTest::new() else { return };
        delegate(&group, NOBODY);
        inner(&group, Some(NOBODY), "inner_that_makes_room");
    }
}

#[test]
fn there_is_no_room_among_others_and_we_stay_with_them() {
    let _turn = turn();
    if Tree::find().is_err() {
        return;
    }
    let _enabled = Enabled::all();
    let Some(group) = OfTest::new() else { return };
    start_escaping(&mut Bench::with_script(ESCAPE), &group);
    inner(&group, None, "inner_among_others");
    assert_eq!(group.members(10).unwrap().len(), 3);
}

#[test]
#[ignore = "run by the test above, in a group with others"]
fn inner_among_others() {
    let (tree, name) = (Tree::find().unwrap(), own_name());
    assert_eq!(tree.enable_all(&Controller::ALL), []);
    assert_eq!(own_name(), name);
    assert!(!tree.path().join("keepup.supervisor").exists());
}

/// Where /proc says we are, by the last name.
fn own_name() -> PathBuf {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let path = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap();
    PathBuf::from(path).file_name().unwrap().into()
}

#[test]
#[ignore = "run by the test above, in a group of its own"]
fn inner_that_makes_room() {
    let leaf = Path::new("keepup.supervisor");
    let tree = Tree::find().unwrap();
    let name = own_name();
    assert!(tree.path().ends_with(&name));
    let refused = Group::at(tree.path()).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EINVAL), "we are in it ourselves");
    let room = tree.make_room().unwrap();
    assert_eq!(own_name(), leaf);
    assert_eq!(Tree::find().unwrap(), tree, "it stays the same");
    let refused = Group::at(tree.path()).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EINVAL), "we are below it");
    room.undo().unwrap();
    assert_eq!(own_name(), name);
    for controller in tree.available() {
        let refused = tree.enable(controller).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EBUSY), "{controller:?}: we are in it");
    }
    assert!(!tree.path().join(leaf).exists());
    let available = tree.available();
    assert_eq!(tree.enable_all(&Controller::ALL), available);
    assert_eq!(tree.enabled(), available);
    assert_eq!(own_name(), if available.is_empty() { &name } else { leaf });
    limits_hold(&tree, &available);
}

fn limits_hold(tree: &Tree, available: &[Controller]) {
    let group = OfTest(tree.group(OsStr::new("limited")).unwrap());
    if available.contains(&Controller::Memory) {
        group.limit("memory.max", "100000000").unwrap();
        assert_eq!(group.event_count("memory.events", "oom_kill").unwrap(), 0);
    }
    if available.contains(&Controller::Cpu) {
        group.limit("cpu.max", "50000 100000").unwrap();
    }
    if available.contains(&Controller::Pids) {
        group.limit("pids.max", "2").unwrap();
        let mut bench =
            Bench::with_script("sleep 0 && echo one >out; (sleep 0; sleep 0) && exit 4");
        let entrance = group.entrance().unwrap();
        let ended = bench.run(Way::Borrowed, &[Step::Group(entrance.clone().into())]).unwrap();
        assert!(!matches!(ended, WaitStatus::Exited(_, 0 | 4)), "{ended:?}");
        assert_eq!(bench.read("out"), "one\n");
        assert!(group.event_count("pids.events", "max").unwrap() > 0);
    } else {
        let refused = group.limit("pids.max", "2").unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::ENOENT));
    }
}
