//! What the shells offer, asked of the shells themselves where they are here.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{output, tree};

fn file(name: &str) -> std::path::PathBuf {
    tree::root().join("completions").join(name)
}

/// What bash offers for the last of `words`, in a directory that holds a directory `web` and a file
/// `wiki`. `None` without bash.
fn bash(words: &[&str]) -> Option<Vec<String>> {
    let script = r#"source "$1" && shift && COMP_WORDS=("$@") && COMP_CWORD=$(($# - 1)) && _keepup
        printf '%s\n' "${COMPREPLY[@]}""#;
    let place = place();
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", script, "bash"]).arg(file("keepup.bash")).args(words);
    let output = output(command.current_dir(place.path()))?;
    assert!(output.stderr.is_empty(), "{words:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// What fish offers at the end of `line`, in the same directory. `None` without fish.
fn fish(line: &str) -> Option<Vec<String>> {
    let place = place();
    let mut command = Command::new("fish");
    let script = "source $argv[1]; complete -C $argv[2]";
    command.args(["--no-config", "-c", script]).arg(file("keepup.fish")).arg(line);
    let output = output(command.current_dir(place.path()).env("HOME", place.path()))?;
    assert!(output.stderr.is_empty(), "{line}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut offers: Vec<String> =
        text.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned).collect();
    offers.sort();
    Some(offers)
}

/// What `_keepup` hands to zsh's own functions for `words`. `None` without zsh.
fn zsh(words: &[&str]) -> Option<String> {
    let script = r#"_arguments() { print -rl -- $words[1]/$CURRENT "$@" }
        _describe() { print -rl -- ${(P)2} }
        body=$(<$1); shift
        words=("$@") CURRENT=$# service=$1
        ask() { eval $body }
        ask"#;
    let mut command = Command::new("zsh");
    command.args(["-f", "-c", script, "zsh"]).arg(file("_keepup")).args(words);
    let output = output(&mut command)?;
    assert!(output.stderr.is_empty(), "{words:?}: {output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("web")).unwrap();
    fs::write(place.path().join("wiki"), "").unwrap();
    place
}

#[track_caller]
fn offers(asked: Option<Vec<String>>, expected: &[&str]) {
    let Some(offers) = asked else { return };
    assert_eq!(offers, expected);
}

#[test]
fn bash_offers_names_flags_and_what_they_take() {
    offers(bash(&["keepup", "tai"]), &["tai64n", "tai64nlocal"]);
    offers(bash(&["keepup", "--l"]), &["--list"]);
    offers(bash(&["svc", "--h"]), &["--hup", "--help"]);
    offers(bash(&["/usr/bin/svc", "-d", "w"]), &["web"]);
    offers(bash(&["svc", "-d", "web", "w"]), &["web"]);
    offers(bash(&["svc", "-d", "web", "--h"]), &[]);
    offers(bash(&["keepup", "svc", "-u", "w"]), &["web"]);
    offers(bash(&["svscan", "--grace", "w"]), &[]);
    offers(bash(&["svscan", "--grace", "9s", "w"]), &["web"]);
    offers(bash(&["svscan", "web", "w"]), &[]);
    offers(bash(&["ntpd", "-g", "-c", "w"]), &["web", "wiki"]);
    offers(bash(&["ntpd", "--serve-o"]), &["--serve-offset"]);
    offers(bash(&["tai64n", "w"]), &[]);
    offers(bash(&["keepup", "nobody", "w"]), &[]);
}

#[test]
fn fish_offers_names_flags_and_what_they_take() {
    offers(fish("keepup tai"), &["tai64n", "tai64nlocal"]);
    offers(fish("keepup --l"), &["--list"]);
    offers(fish("svc --h"), &["--help", "--hup"]);
    offers(fish("svc -d w"), &["web/"]);
    offers(fish("keepup svc -u web w"), &["web/"]);
    offers(fish("keepup svc --hu"), &["--hup"]);
    offers(fish("svscan --grace w"), &[]);
    offers(fish("svscan --grace 9s w"), &["web/"]);
    offers(fish("svscan web w"), &[]);
    offers(fish("ntpd -c w"), &["web/", "wiki"]);
    offers(fish("tai64n w"), &[]);
}

#[test]
fn zsh_is_handed_what_the_command_takes() {
    let Some(svc) = zsh(&["keepup", "svc", "-d", ""]) else { return };
    assert!(svc.starts_with("svc/3\n"), "{svc}");
    for spec in ["*-d[keep it down; send TERM, then CONT]", "*:dirs:_directories"] {
        assert!(svc.lines().any(|line| line == spec), "{spec}: {svc}");
    }
    assert_eq!(zsh(&["svc", "-d", ""]), Some(svc));
    let names = zsh(&["keepup", ""]).unwrap();
    assert!(names.contains("svok:say by exit code"), "{names}");
    assert!(names.contains("*--list[print the names of the commands]"), "{names}");
    let ntpd = zsh(&["ntpd", ""]).unwrap();
    for spec in ["*-c+[read CONF (else /etc/ntp.conf without -p)]:CONF:_files", "*--serve="] {
        assert!(ntpd.lines().any(|line| line.starts_with(spec)), "{spec}: {ntpd}");
    }
}

#[test]
fn each_file_is_one_its_shell_can_read() {
    for (shell, name) in [("bash", "keepup.bash"), ("zsh", "_keepup"), ("fish", "keepup.fish")] {
        let path = file(name);
        assert!(Path::new(&path).exists(), "{name}");
        let Some(output) = output(Command::new(shell).arg("-n").arg(&path)) else { continue };
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}
