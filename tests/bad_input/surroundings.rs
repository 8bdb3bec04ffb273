//! Surroundings that nobody should start a program in: descriptors, limits, directories.

use crate::place::Run;
use crate::programs::programs;
use crate::try_all;

/// Each program as it is meant, as it is not, and asked for help.
fn ordinary() -> Vec<Run> {
    let mut runs = Vec::new();
    for program in programs() {
        for work in program.works {
            let arguments: Vec<String> = work.iter().map(|it| it.replace('@', "./dir")).collect();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            runs.push(Run::new(program, &arguments));
        }
        runs.push(Run::new(program, &["--help"]));
        runs.push(Run::new(program, &["--no-such-option"]));
    }
    runs
}

fn each(change: impl Fn(&mut Run)) -> Vec<Run> {
    let mut runs = ordinary();
    runs.iter_mut().for_each(change);
    runs
}

#[test]
fn any_of_the_first_three_descriptors_may_be_closed() {
    const WAYS: [(&str, bool); 3] = [("<&-", false), (">&-", false), ("2>&-", true)];
    let mut runs = Vec::new();
    for combination in 0..1 << WAYS.len() {
        let ways = WAYS.iter().enumerate().filter(|(at, _)| combination & (1 << at) != 0);
        let ways: Vec<(&str, bool)> = ways.map(|(_, way)| *way).collect();
        runs.extend(each(|run| {
            run.redirections = ways.iter().map(|(way, _)| *way).collect::<Vec<_>>().join(" ");
            run.unheard = ways.iter().any(|(_, unheard)| *unheard);
        }));
    }
    try_all(&runs);
}

#[test]
fn output_may_go_where_nothing_can_be_written() {
    for (redirections, unheard) in [
        (">/dev/full", false),
        ("2>/dev/full", true),
        (">/dev/full 2>/dev/full", true),
        ("</dev/full >/dev/null", false),
        ("<. >/dev/null", false),
        (">&0", false),
        ("2>&0", true),
    ] {
        try_all(&each(|run| {
            // What never ends to be read is read for ever by those who are meant to.
            let reads = ["multilog", "tai64n", "tai64nlocal", "readproctitle"];
            if redirections.starts_with("</dev/full") && reads.contains(&run.program.name) {
                return;
            }
            run.redirections = redirections.into();
            run.unheard = unheard;
        }));
    }
}

#[test]
fn nobody_may_read_what_is_written() {
    for redirections in ["1>&4", "2>&4", "1>&4 2>&4"] {
        try_all(&each(|run| {
            run.shell = "mkfifo p; exec 3<>p 4>p 3>&-";
            run.redirections = redirections.into();
            (run.unheard, run.pipe) = (redirections.contains('2'), true);
        }));
    }
}

#[test]
fn the_working_directory_may_be_gone() {
    try_all(&each(|run| {
        run.shell = "exec 5<input; mkdir gone; cd gone; rmdir ../gone";
        run.redirections = "<&5".into();
    }));
}

#[test]
fn the_environment_may_be_empty_or_strange() {
    for shell in [
        "unset PATH",
        "export PATH= TZ=:/dev/zero HOME=/nowhere LC_ALL=none",
        "export PATH=:::/nowhere TZ=/../../.. LANG=\"$(printf '\\377')\"",
    ] {
        try_all(&each(|run| run.shell = shell));
    }
}

#[test]
fn there_may_be_no_descriptor_to_spare() {
    const LIMITS: [&str; 8] = [
        "ulimit -n 3",
        "ulimit -n 4",
        "ulimit -n 5",
        "ulimit -n 6",
        "ulimit -n 7",
        "ulimit -n 8",
        "ulimit -n 9",
        "ulimit -n 10",
    ];
    for shell in LIMITS {
        try_all(&each(|run| run.shell = shell));
    }
}

#[test]
fn files_may_not_be_allowed_to_grow() {
    try_all(&each(|run| run.shell = "ulimit -f 0"));
}

#[test]
fn signals_may_be_ignored_from_the_start() {
    try_all(&each(|run| run.shell = "trap '' PIPE HUP INT CHLD XFSZ ALRM"));
}
