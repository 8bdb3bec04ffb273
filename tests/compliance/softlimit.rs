//! softlimit: which numbers become which limits.

use crate::support::{Sandbox, each_suite, only_ours};

each_suite!(
    every_letter_sets_its_limit_and_no_other,
    memory_is_four_limits,
    only_the_soft_limit_is_set,
    a_number_above_the_hard_limit_is_the_hard_limit,
    an_equals_sign_is_the_hard_limit,
    a_value_is_joined_or_follows,
    the_last_number_counts,
    letters_for_the_same_limit_work_in_their_order,
    an_empty_number_is_zero,
    zeroes_before_a_number_are_nothing,
    what_is_no_number_is_wrong_usage_without_another_word,
    an_unknown_letter_is_said_with_the_usage,
    a_missing_number_is_said_with_the_usage,
    options_end_at_two_dashes_and_at_the_program,
    without_options_the_program_runs_as_it_is,
    no_program_is_wrong_usage_after_options_too,
    a_limit_that_kills_the_program_kills_it,
    words_that_do_not_fit_the_stack_are_too_long,
    a_raised_soft_limit_is_still_under_the_hard_one,
    the_largest_number_of_64_bits_is_no_limit,
);

only_ours!(
    a_number_beyond_64_bits_is_the_hard_limit,
    a_complaint_is_heard_whatever_the_limits,
    every_limit_of_the_kernel_has_a_name,
    every_letter_has_the_name_of_prlimit,
);

/// The letters, and how /proc calls what they limit.
const LETTERS: [(&str, &str); 10] = [
    ("a", "Max address space"),
    ("c", "Max core file size"),
    ("d", "Max data size"),
    ("f", "Max file size"),
    ("l", "Max locked memory"),
    ("o", "Max open files"),
    ("p", "Max processes"),
    ("r", "Max resident set"),
    ("s", "Max stack size"),
    ("t", "Max cpu time"),
];

const USAGE: &str = "softlimit: usage: softlimit [-a allbytes] [-c corebytes] [-d databytes] \
    [-f filebytes] [-l lockbytes] [-m membytes] [-o openfiles] [-p processes] \
    [-r residentbytes] [-s stackbytes] [-t cpusecs] child\n";

/// More than any program here needs, in bytes, files, processes, seconds.
const MUCH: u64 = 2_000_000_000;

/// All limits under these words, one a line. They start from the same ones everywhere.
fn limits(sandbox: &Sandbox, words: &str) -> String {
    let start = "ulimit -S -n 200 && ulimit -H -n 300";
    let ran = sandbox.shell(&format!("{start}; exec {words} cat /proc/self/limits"));
    assert_eq!((ran.code, ran.complaint()), (0, String::new()), "{words}");
    ran.text()
}

/// The soft and the hard limit in the line of that name.
fn limit(limits: &str, name: &str) -> (String, String) {
    let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let mut words = line.split_whitespace();
    let mut word = || words.next().unwrap_or_default().to_owned();
    (word(), word())
}

/// The lines that two lists do not share.
fn changed(before: &str, after: &str) -> Vec<String> {
    let lines = before.lines().zip(after.lines());
    lines.filter(|(before, after)| before != after).map(|(_, after)| after.to_owned()).collect()
}

fn open_files(sandbox: &Sandbox, words: &str) -> (String, String) {
    limit(&limits(sandbox, words), "Max open files")
}

fn files(soft: &str) -> (String, String) {
    (soft.to_owned(), "300".to_owned())
}

fn every_letter_sets_its_limit_and_no_other(sandbox: &Sandbox) {
    let before = limits(sandbox, "env");
    for (letter, name) in LETTERS {
        let (_, hard) = limit(&before, name);
        let number = hard.parse().map_or(MUCH, |hard: u64| (hard / 2).min(MUCH));
        let after = limits(sandbox, &format!("softlimit -{letter} {number}"));
        assert_eq!(limit(&after, name), (number.to_string(), hard), "{letter}");
        assert!(changed(&before, &after).iter().all(|line| line.starts_with(name)), "{after}");
    }
}

fn memory_is_four_limits(sandbox: &Sandbox) {
    // Each of the four is another one before.
    let lower = "softlimit -a 1900000000 -d 1900000000 -l 4096 -s 1000000";
    let before = limits(sandbox, lower);
    let after = limits(sandbox, &format!("{lower} softlimit -m {MUCH}"));
    for name in ["Max address space", "Max data size", "Max locked memory", "Max stack size"] {
        let (_, hard) = limit(&before, name);
        let expected = hard.parse().map_or(MUCH, |hard: u64| hard.min(MUCH));
        assert_eq!(limit(&after, name), (expected.to_string(), hard), "{name}");
    }
    assert_eq!(changed(&before, &after).len(), 4, "{after}");
}

fn only_the_soft_limit_is_set(sandbox: &Sandbox) {
    assert_eq!(open_files(sandbox, "softlimit -o 50"), files("50"));
    assert_eq!(open_files(sandbox, "softlimit -o 50 softlimit -o 60"), files("60"));
}

fn a_number_above_the_hard_limit_is_the_hard_limit(sandbox: &Sandbox) {
    for number in ["301", "99999", "18446744073709551614"] {
        assert_eq!(open_files(sandbox, &format!("softlimit -o {number}")), files("300"));
    }
}

fn an_equals_sign_is_the_hard_limit(sandbox: &Sandbox) {
    assert_eq!(open_files(sandbox, "softlimit -o ="), files("300"));
    assert_eq!(open_files(sandbox, "softlimit -o50 softlimit -o="), files("300"));
}

fn a_value_is_joined_or_follows(sandbox: &Sandbox) {
    assert_eq!(open_files(sandbox, "softlimit -o50"), files("50"));
    assert_eq!(open_files(sandbox, "softlimit -o 50"), files("50"));
    assert_eq!(open_files(sandbox, "softlimit -c0 -o50 -t 1000"), files("50"));
}

fn the_last_number_counts(sandbox: &Sandbox) {
    assert_eq!(open_files(sandbox, "softlimit -o 50 -o 60"), files("60"));
    assert_eq!(open_files(sandbox, "softlimit -o 50 -o ="), files("300"));
}

fn letters_for_the_same_limit_work_in_their_order(sandbox: &Sandbox) {
    let data = |words: &str| limit(&limits(sandbox, words), "Max data size").0;
    assert_eq!(data("softlimit -d 1000000000 -m 1500000000"), "1500000000");
    assert_eq!(data("softlimit -m 1500000000 -d 1000000000"), "1000000000");
}

fn an_empty_number_is_zero(sandbox: &Sandbox) {
    let core = |words: &str| limit(&limits(sandbox, words), "Max core file size").0;
    assert_eq!(core("softlimit -c ''"), "0");
}

fn zeroes_before_a_number_are_nothing(sandbox: &Sandbox) {
    assert_eq!(open_files(sandbox, "softlimit -o 00000000000000000000000000050"), files("50"));
}

fn what_is_no_number_is_wrong_usage_without_another_word(sandbox: &Sandbox) {
    for wrong in ["x", "1x", "-1", "+1", " 1", "1 ", "==", "=1", "1=", "0x10", "1.5", "unlimited"] {
        sandbox.tool("softlimit", &["-o", wrong, "true"]).is(100, "", USAGE);
    }
    sandbox.tool("softlimit", &["-otrue"]).is(100, "", USAGE);
    sandbox.tool("softlimit", &["-o", "true"]).is(100, "", USAGE);
}

fn an_unknown_letter_is_said_with_the_usage(sandbox: &Sandbox) {
    for (word, letter) in [("-z", "z"), ("-H", "H"), ("-?", "?"), ("-=", "="), ("-o5", "")] {
        let said = format!("softlimit: illegal option -- {letter}\n{USAGE}");
        let said = if letter.is_empty() { USAGE.to_owned() } else { said };
        sandbox.tool("softlimit", &[word]).is(100, "", &said);
    }
}

fn a_missing_number_is_said_with_the_usage(sandbox: &Sandbox) {
    let said = format!("softlimit: option requires an argument -- t\n{USAGE}");
    sandbox.tool("softlimit", &["-t"]).is(100, "", &said);
    sandbox.tool("softlimit", &["-c", "0", "-t"]).is(100, "", &said);
}

fn options_end_at_two_dashes_and_at_the_program(sandbox: &Sandbox) {
    sandbox.tool("softlimit", &["-o", "50", "--", "echo", "-o"]).is(0, "-o\n", "");
    sandbox.tool("softlimit", &["echo", "-o", "5"]).is(0, "-o 5\n", "");
    let fatal = "softlimit: fatal: unable to run -: file does not exist\n";
    sandbox.tool("softlimit", &["-", "-o", "5"]).is(111, "", fatal);
}

fn without_options_the_program_runs_as_it_is(sandbox: &Sandbox) {
    assert_eq!(limits(sandbox, "softlimit"), limits(sandbox, "env"));
}

fn no_program_is_wrong_usage_after_options_too(sandbox: &Sandbox) {
    sandbox.tool::<&str>("softlimit", &[]).is(100, "", USAGE);
    sandbox.tool("softlimit", &["-o", "5"]).is(100, "", USAGE);
    sandbox.tool("softlimit", &["--"]).is(100, "", USAGE);
}

fn a_limit_that_kills_the_program_kills_it(sandbox: &Sandbox) {
    let loud = "dd if=/dev/zero of=file bs=1000 count=2 2>&1; echo $?";
    let ran = sandbox.shell(&format!("ulimit -c 0; exec softlimit -f 1000 sh -c '{loud}'"));
    assert!(ran.text().ends_with(&format!("{}\n", 128 + libc::SIGXFSZ)), "{ran:?}");
    let ran = sandbox.shell("ulimit -c 0; softlimit -m 4096 true");
    assert_eq!(ran.code, 128 + libc::SIGSEGV, "{ran:?}");
}

fn words_that_do_not_fit_the_stack_are_too_long(sandbox: &Sandbox) {
    let words = "words=$(head -c 100000 /dev/zero | tr '\\0' x); words=\"$words $words $words\"";
    let script = format!("{words}; exec softlimit -s 400000 sh -c : $words");
    let fatal = "softlimit: fatal: unable to run sh: argument list too long\n";
    sandbox.shell(&script).is(111, "", fatal);
}

fn a_raised_soft_limit_is_still_under_the_hard_one(sandbox: &Sandbox) {
    assert_eq!(open_files(sandbox, "softlimit -o 250"), files("250"));
}

fn the_largest_number_of_64_bits_is_no_limit(sandbox: &Sandbox) {
    let all = limits(sandbox, "softlimit -o 18446744073709551615 -t 18446744073709551615");
    assert_eq!(limit(&all, "Max open files"), files("300"));
    let (soft, hard) = limit(&all, "Max cpu time");
    assert_eq!(soft, hard);
}

fn a_number_beyond_64_bits_is_the_hard_limit(sandbox: &Sandbox) {
    for number in ["18446744073709551617", "18446744073709551666", &"9".repeat(5000)] {
        assert_eq!(open_files(sandbox, &format!("softlimit -o {number}")), files("300"));
    }
}

fn a_complaint_is_heard_whatever_the_limits(sandbox: &Sandbox) {
    let fatal = "softlimit: fatal: unable to run none: file does not exist\n";
    for letter in ["a", "c", "d", "f", "l", "m", "o", "p", "r", "s", "t"] {
        // A processor time of 0 is over, with a deadly signal, at the next tick.
        let least = if letter == "t" { "1" } else { "0" };
        let args = ["-f0", &format!("-{letter}"), least, "none"];
        sandbox.tool("softlimit", &args).is(111, "", fatal);
    }
}

fn every_limit_of_the_kernel_has_a_name(sandbox: &Sandbox) {
    let before = limits(sandbox, "env");
    for (flag, name) in [
        ("locks", "Max file locks"),
        ("msgqueue", "Max msgqueue size"),
        ("nice", "Max nice priority"),
        ("rtprio", "Max realtime priority"),
        ("rttime", "Max realtime timeout"),
        ("sigpending", "Max pending signals"),
    ] {
        let (_, hard) = limit(&before, name);
        let number = hard.parse().map_or(1000, |hard: u64| hard.min(1000));
        let after = limits(sandbox, &format!("softlimit --{flag} {number}"));
        assert_eq!(limit(&after, name), (number.to_string(), hard), "{flag}");
        assert!(changed(&before, &after).iter().all(|line| line.starts_with(name)), "{after}");
    }
}

fn every_letter_has_the_name_of_prlimit(sandbox: &Sandbox) {
    let names =
        ["as", "core", "data", "fsize", "memlock", "nofile", "nproc", "rss", "stack", "cpu"];
    for (name, (letter, _)) in names.into_iter().zip(LETTERS) {
        let short = limits(sandbox, &format!("softlimit -{letter} {MUCH}"));
        assert_eq!(limits(sandbox, &format!("softlimit --{name} {MUCH}")), short, "{name}");
        assert_eq!(limits(sandbox, &format!("softlimit --{name}={MUCH}")), short, "{name}");
    }
}
