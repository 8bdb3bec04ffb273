//! `make install` puts everything in its place, and `make uninstall` takes it all away.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A place to install into.
struct Destination {
    root: TempDir,
}

impl Destination {
    /// `None`, and a line that says so, where there is no make.
    fn new() -> Option<Self> {
        if Command::new("make").arg("--version").output().is_err() {
            println!("SKIPPED: there is no make");
            return None;
        }
        Some(Self { root: tempfile::tempdir().expect("a directory can be made") })
    }

    /// Runs make with what this build has made.
    fn make(&self, goal: &str) -> Output {
        let binaries = Path::new(env!("CARGO_BIN_EXE_keepup")).parent().expect("it is in one");
        Command::new("make")
            .args(["-s", "-C", env!("CARGO_MANIFEST_DIR"), "PREFIX=/opt/keep up", goal])
            .arg(format!("BUILT={}", binaries.display()))
            .arg(format!("DESTDIR={}", self.root.path().display()))
            .env_remove("MAKEFLAGS")
            .output()
            .expect("there is a make")
    }

    #[track_caller]
    fn made(&self, goal: &str) {
        let output = self.make(goal);
        assert!(output.status.success(), "{output:?}");
    }

    fn path(&self, inner: &str) -> PathBuf {
        self.root.path().join("opt/keep up").join(inner)
    }

    /// The files and links in the destination, without directories.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut directories = vec![self.root.path().to_path_buf()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("it can be read") {
                let entry = entry.expect("it can be read");
                let is_directory = entry.file_type().expect("it has a type").is_dir();
                if is_directory { &mut directories } else { &mut files }.push(entry.path());
            }
        }
        files
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

/// The names of all commands, as the program itself lists them.
fn commands() -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_keepup")).arg("--list").output();
    let names = String::from_utf8(output.expect("it can be run").stdout).expect("it is text");
    names.lines().map(str::to_owned).collect()
}

#[test]
fn every_command_of_the_index_is_listed() {
    let output = Command::new(env!("CARGO_BIN_EXE_keepup")).output().unwrap();
    let index = String::from_utf8(output.stdout).unwrap();
    let listed = commands();
    let shown = index.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    assert_eq!(shown.collect::<Vec<_>>(), listed);
    assert!(listed.contains(&"svok".into()), "{listed:?}");
}

#[test]
fn every_command_runs_by_its_own_name() {
    let Some(destination) = Destination::new() else { return };
    destination.made("install");
    for name in commands() {
        let help = Command::new(destination.path("bin").join(&name)).arg("--help").output();
        let help = String::from_utf8(help.unwrap().stdout).unwrap();
        assert!(help.starts_with(&format!("usage: {name}")), "{name}: {help}");
    }
    let svok = Command::new(destination.path("bin/svok")).output().unwrap();
    assert_eq!(svok.status.code(), Some(100), "{svok:?}");
    assert_eq!(mode(&destination.path("bin/ntpd")), 0o755);
}

#[test]
fn the_service_examples_are_there_and_can_be_run() {
    let Some(destination) = Destination::new() else { return };
    destination.made("install");
    let example = destination.path("share/keepup/service-examples/backgrounds-itself");
    assert_eq!(mode(&example.join("run")), 0o755);
    assert_eq!(mode(&example.join("log/run")), 0o755);
    assert_eq!(mode(&example.join("README.md")), 0o644);
}

#[test]
fn man_pages_and_completions_are_found_by_the_name_of_each_command() {
    let Some(destination) = Destination::new() else { return };
    destination.made("install");
    let starts = |inner: &str, start: &str| {
        let text = fs::read_to_string(destination.path(inner)).expect(inner);
        assert!(text.starts_with(start), "{inner}: {text}");
        assert_eq!(mode(&destination.path(inner)), 0o644, "{inner}");
    };
    for name in commands().iter().map(String::as_str).chain(["keepup", "ntpd"]) {
        starts(&format!("share/man/man8/{name}.8"), ".\\\" Written by `cargo pages`");
        let bash = format!("share/bash-completion/completions/{name}");
        starts(&bash, "# bash completions of keepup");
        let fish = format!("share/fish/vendor_completions.d/{name}.fish");
        starts(&fish, "# fish completions of keepup");
    }
    starts("share/zsh/site-functions/_keepup", "#compdef keepup ");
}

#[test]
fn an_upgrade_leaves_what_an_installation_leaves() {
    let Some(destination) = Destination::new() else { return };
    destination.made("install");
    let first = destination.files().len();
    destination.made("install");
    assert_eq!(destination.files().len(), first);
}

#[test]
fn uninstall_leaves_nothing_of_ours_and_all_that_is_not() {
    let Some(destination) = Destination::new() else { return };
    destination.made("install");
    symlink("keepup-of-another", destination.path("bin/other")).unwrap();
    let theirs = ["bin/svup", "share/man/man8/svup.8", "share/zsh/site-functions/_svup"];
    for theirs in theirs {
        fs::write(destination.path(theirs), "").unwrap();
    }
    let link = destination.path("share/fish/vendor_completions.d/svup.fish");
    symlink("keepup-of-another", &link).unwrap();
    destination.made("uninstall");
    let mut left = destination.files();
    left.sort();
    let mut kept = theirs.map(|theirs| destination.path(theirs)).to_vec();
    kept.extend([destination.path("bin/other"), link]);
    kept.sort();
    assert_eq!(left, kept);
    assert!(!destination.path("share/keepup").exists());
}

#[test]
fn what_is_somebody_elses_is_not_replaced() {
    let Some(destination) = Destination::new() else { return };
    for inner in ["bin/svc", "share/man/man8/svc.8", "share/bash-completion/completions/svc"] {
        for place in [|path| fs::write(path, "theirs"), |path| symlink("/command/svc", path)] {
            let svc = destination.path(inner);
            fs::create_dir_all(svc.parent().unwrap()).unwrap();
            place(svc.clone()).unwrap();
            let output = destination.make("install");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success(), "{output:?}");
            assert!(said.contains(&format!("{inner} is there and not keepup's")), "{said}");
            assert_eq!(destination.files(), [svc.as_path()]);
            fs::remove_file(svc).unwrap();
        }
    }
}
