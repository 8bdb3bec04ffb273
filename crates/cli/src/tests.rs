use std::ffi::OsString;
use std::io;

use super::*;

static SAMPLE: Command = Command {
    name: "sample",
    summary: "show what a table does",
    usage: "[-abc] [-f file] dir",
    flags: &[
        Flag { names: &["a"], value: None, help: "the letter a" },
        Flag { names: &["b", "big"], value: None, help: "as large as may be" },
        Flag { names: &["f", "file"], value: Some("FILE"), help: "read FILE" },
    ],
    about: "More to know.",
};

fn read(words: &[&str]) -> Result<Args, Stop> {
    parse(&SAMPLE, words.iter().map(OsString::from))
}

fn keys(args: &Args) -> Vec<&'static str> {
    args.flags.iter().map(|given| given.flag.key()).collect()
}

#[test]
fn letters_cluster_and_keep_their_order() {
    assert_eq!(keys(&read(&["-ba", "-b", "dir"]).unwrap()), ["b", "a", "b"]);
}

#[test]
fn a_value_is_joined_or_follows_and_the_last_one_counts() {
    for words in [["-fx", "-f", "y"].as_slice(), &["--file=x", "--file", "y"], &["-afx", "-fy"]] {
        let args = read(words).unwrap();
        assert_eq!(args.value("f"), Some(&OsString::from("y")), "{words:?}");
        assert_eq!(args.values("f").len(), 2);
    }
}

#[test]
fn options_stop_at_the_first_operand_and_at_two_dashes() {
    assert_eq!(read(&["-a", "dir", "-b"]).unwrap().operands, ["dir", "-b"]);
    assert_eq!(read(&["-a", "--", "-b"]).unwrap().operands, ["-b"]);
}

#[test]
fn a_joined_value_is_taken_byte_for_byte() {
    assert_eq!(read(&["-f=", "dir"]).unwrap().value("f"), Some(&OsString::from("=")));
    assert_eq!(read(&["-af=x"]).unwrap().value("f"), Some(&OsString::from("=x")));
    assert_eq!(read(&["-f", ""]).unwrap().value("f"), Some(&OsString::new()));
    assert_eq!(read(&["--file=", "x"]).unwrap().value("f"), Some(&OsString::new()));
}

#[test]
fn a_single_dash_is_an_operand() {
    assert_eq!(read(&["-a", "-", "-b"]).unwrap().operands, ["-", "-b"]);
}

#[test]
fn a_command_without_options_of_old_reads_leading_words_that_are_exactly_its_flags() {
    let read = |words: &[&str]| parse_leading(&SAMPLE, words.iter().map(OsString::from));
    let args = read(&["-a", "--big", "-f", "x", "--file=y", "dir", "-a"]).unwrap();
    assert_eq!(keys(&args), ["a", "b", "f", "f"]);
    assert_eq!(args.values("f"), ["x", "y"]);
    assert_eq!(args.operands, ["dir", "-a"]);
    for words in [["-ab", "x"], ["-z", "-a"], ["--", "-a"], ["-fx", "-a"], ["--big=", "-a"]] {
        let args = read(&words).unwrap();
        assert_eq!((args.flags.len(), args.operands), (0, words.map(OsString::from).to_vec()));
    }
    assert_eq!(read(&["-f"]), Err(Stop::wrong("option requires an argument -- f".into())));
    assert!(matches!(read(&["--help"]), Err(Stop::Help(_))));
    assert_eq!(read(&["--help", "x"]).unwrap().operands, ["--help", "x"]);
}

#[test]
fn a_command_that_nobody_had_of_old_reads_its_flags_behind_operands_too() {
    let read = |words: &[&str]| parse_anywhere(&SAMPLE, words.iter().map(OsString::from));
    let args = read(&["dir", "-ab", "-", "-f", "x", "--file=y", "--", "-a"]).unwrap();
    assert_eq!(keys(&args), ["a", "b", "f", "f"]);
    assert_eq!(args.operands, ["dir", "-", "-a"]);
    assert_eq!(read(&["dir", "-z"]), Err(Stop::wrong("illegal option -- z".into())));
    let of_old = parse(&SAMPLE, ["dir", "-a"].map(OsString::from)).unwrap();
    assert_eq!((of_old.flags.len(), of_old.operands.len()), (0, 2));
}

static FLAGLESS: Command = Command { flags: &[], ..SAMPLE };

#[test]
fn a_command_without_flags_reads_none() {
    let read = |words: &[&str]| parse(&FLAGLESS, words.iter().map(OsString::from));
    assert_eq!(read(&["-*", "--", "+x", "--help"]).unwrap().operands, ["-*", "--", "+x", "--help"]);
    assert_eq!(read(&["--version"]), Err(Stop::Version));
    assert!(matches!(read(&["--help"]), Err(Stop::Help(_))));
}

#[test]
fn what_is_wrong_is_said_in_the_words_of_getopt() {
    assert_eq!(read(&["-z"]), Err(Stop::wrong("illegal option -- z".into())));
    assert_eq!(read(&["-f"]), Err(Stop::wrong("option requires an argument -- f".into())));
    assert_eq!(read(&["-a-b"]), Err(Stop::wrong("illegal option -- -".into())));
    assert_eq!(read(&["-a=b"]), Err(Stop::wrong("illegal option -- =".into())));
    assert_eq!(read(&["--f=b"]), Err(Stop::wrong("illegal option -- f".into())));
    assert_eq!(read(&["--big=b"]), Err(Stop::wrong("option takes no argument -- big".into())));
}

#[test]
fn help_shows_every_flag_of_the_table() {
    let Err(Stop::Help(text)) = read(&["--help"]) else { panic!("--help is understood") };
    for flag in SAMPLE.flags {
        assert!(text.contains(flag.help), "{text}");
    }
    assert!(text.contains("-f, --file FILE"), "{text}");
    assert!(text.starts_with("usage: sample [-abc] [-f file] dir\n"), "{text}");
}

#[test]
fn a_second_line_of_usage_answers_a_wrong_command_line_and_is_not_in_the_help() {
    static LISTING: Command = Command { usage: "[-ab]\nsample options: a, b", ..SAMPLE };
    assert_eq!(SAMPLE.usage_line(), "sample: usage: sample [-abc] [-f file] dir");
    assert_eq!(LISTING.usage_line(), "sample options: a, b");
    assert!(LISTING.help().starts_with("usage: sample [-ab]\n\n"), "{}", LISTING.help());
}

#[test]
fn a_command_that_takes_nothing_has_a_usage_line_without_blanks_at_its_end() {
    static BARE: Command = Command { usage: "", flags: &[], ..SAMPLE };
    assert_eq!(BARE.usage_line(), "sample: usage: sample");
    assert!(BARE.help().starts_with("usage: sample\n"), "{}", BARE.help());
}

#[test]
fn reasons_are_djbs() {
    let said = |errno| reason(&io::Error::from_raw_os_error(errno)).into_owned();
    assert_eq!(said(libc::ENOENT), "file does not exist");
    assert_eq!(said(libc::EACCES), "access denied");
    assert_eq!(said(libc::EPERM), "permission denied");
    assert_eq!(said(libc::EAGAIN), "temporary failure");
    assert_eq!(said(libc::ENXIO), "device not configured");
    assert!(!said(libc::EKEYREJECTED).is_empty());
}

#[test]
fn a_failure_is_one_sentence() {
    let failed: Result<(), _> = Err(io::Error::from_raw_os_error(libc::EMFILE));
    let sentence = failed.unable("open x").unwrap_err().to_string();
    assert_eq!(sentence, "unable to open x: process cannot open more files");
}
