//! Files that are not what they should be: operands, and what lies inside them.

use crate::place::{KINDS, Kind, Run};
use crate::programs::{Program, programs};
use crate::try_all;

/// What a supervisor looks at in a service directory.
const OF_SERVICE: [&str; 13] = [
    "run",
    "down",
    "log",
    "log/run",
    "no-setsid",
    "timeout-kill",
    "supervise",
    "supervise/lock",
    "supervise/control",
    "supervise/ok",
    "supervise/status",
    "supervise/status.new",
    "log/supervise/pipe",
];

/// What multilog looks at in a log directory.
const OF_LOG: [&str; 7] = [
    "current",
    "lock",
    "state",
    "previous",
    "processed",
    "newstate",
    "@400000006b0346ad024eef4c.s",
];

fn program(name: &str) -> Option<Program> {
    programs().into_iter().find(|program| program.name == name)
}

fn replaced(arguments: &[&str], path: &str) -> Vec<String> {
    arguments.iter().map(|word| word.replace('@', path)).collect()
}

/// The program's command lines, about `path`, with a file of that kind in its place.
fn about(program: Program, path: &str, files: &[(String, Kind)]) -> Vec<Run> {
    let works = program.works.iter().map(|arguments| replaced(arguments, path));
    works
        .map(|arguments| Run {
            arguments: arguments.into_iter().map(Into::into).collect(),
            files: files.to_vec(),
            ..Run::new(program, &[])
        })
        .collect()
}

#[test]
fn an_operand_of_any_kind_is_used_or_refused() {
    let mut runs = Vec::new();
    for program in programs() {
        for kind in KINDS {
            runs.extend(about(program, "./it", &[("it".into(), kind)]));
            runs.extend(about(program, "./it/inner", &[("it".into(), kind)]));
        }
        runs.extend(about(program, "./dir/", &[]));
        runs.extend(about(program, "/dev/full", &[]));
    }
    try_all(&runs);
}

#[test]
fn a_service_directory_with_anything_in_it_is_used_or_refused() {
    let mut runs = Vec::new();
    for name in ["svc", "svstat", "svok", "supervise"] {
        for inner in OF_SERVICE {
            for kind in KINDS {
                let file = (format!("it/{inner}"), kind);
                runs.extend(about(program(name).unwrap(), "./it", &[file]));
            }
        }
    }
    try_all(&runs);
}

#[test]
fn a_scan_directory_with_anything_in_it_is_scanned() {
    let mut runs = Vec::new();
    for kind in KINDS {
        let svscan = program("svscan").unwrap();
        runs.extend(about(svscan, "./scan", &[("scan/it".into(), kind)]));
        for inner in OF_SERVICE {
            runs.extend(about(svscan, "./scan", &[(format!("scan/it/{inner}"), kind)]));
        }
    }
    try_all(&runs);
}

#[test]
fn a_log_directory_with_anything_in_it_is_used_or_refused() {
    let mut runs = Vec::new();
    for script in [["t", "s4096", "n2", "./log"], ["s4096", "n2", "!cat", "./log"]] {
        for inner in OF_LOG {
            for kind in KINDS {
                let files = vec![(format!("log/{inner}"), kind)];
                runs.push(Run { files, ..Run::new(program("multilog").unwrap(), &script) });
            }
        }
    }
    try_all(&runs);
}

#[test]
fn a_directory_of_variables_with_anything_in_it_is_used_or_refused() {
    let Some(envdir) = program("envdir") else { return };
    let variable = |kind| about(envdir, "./it", &[("it/NAME".into(), kind)]);
    try_all(&KINDS.into_iter().flat_map(variable).collect::<Vec<_>>());
}

#[test]
fn a_drift_file_with_anything_beside_it_is_used_or_refused() {
    let ntpd = program("ntpd").unwrap();
    let first = |kind| Run {
        files: vec![("drift.first".into(), kind)],
        ..Run::new(ntpd, &["-g", "-f", "./drift"])
    };
    try_all(&KINDS.into_iter().map(first).collect::<Vec<_>>());
}
