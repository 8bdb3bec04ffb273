use proptest::prelude::*;

use super::*;
use crate::finding::Weight;

mod right;
mod wrong;

const LOGGED: Place = Place { logged: true, is_logger: false };

fn said(text: &str) -> Vec<String> {
    read(text, LOGGED).findings.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_is_said_of_scripts_that_are_right() {
    for (name, text) in right::SCRIPTS {
        let reading = read(text, Place { logged: true, is_logger: name.ends_with("/log") });
        assert_eq!(reading.findings, [], "{name}:\n{text}");
    }
    assert!(right::SCRIPTS.len() >= 30, "{}", right::SCRIPTS.len());
}

#[test]
fn every_script_that_is_wrong_is_told_what_is_wrong() {
    for (text, expected) in wrong::SCRIPTS {
        let found = read(text, Place::default()).findings;
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, [*expected], "{text}");
    }
    assert!(wrong::SCRIPTS.len() >= 30, "{}", wrong::SCRIPTS.len());
}

#[test]
fn standard_error_that_is_not_logged_is_noted_where_there_is_a_logger() {
    let note = "note: its standard error is not logged; write: exec 2>&1 before what it starts";
    assert_eq!(said("#!/bin/sh\nexec chronyd -n\n"), [note]);
    for logged in [
        "exec 2>&1\nexec chronyd -n\n",
        "exec chronyd -n 2>&1\n",
        "exec chronyd -n 2>/dev/null\n",
        "exec chronyd -n &>/dev/null\n",
        "exec fdmove -c 2 1 chronyd -n\n",
        "exec >log 2>&1\nexec chronyd -n\n",
        "exec \"$@\"\n",
        ". ./start\n",
    ] {
        assert!(!said(logged).contains(&note.to_owned()), "{logged}");
    }
    assert_eq!(read("exec chronyd -n\n", Place::default()).findings, []);
}

#[test]
fn what_has_to_be_there_is_named() {
    let reading = read(
        "#!/bin/sh\nexec 2>&1\nexec envdir ./env setuidgid log softlimit -m 99 \\\n  chronyd -n\n",
        LOGGED,
    );
    let named = |name: &str, by: &str| Named { line: 3, name: name.into(), by: by.into() };
    assert_eq!(reading.users, [named("log", "setuidgid")]);
    assert_eq!(reading.envdirs, [named("./env", "envdir")]);
    let programs: Vec<&str> = reading.programs.iter().map(|named| named.name.as_str()).collect();
    assert_eq!(programs, ["envdir", "setuidgid", "softlimit", "chronyd"]);
    assert!(reading.stays_in_place && !reading.names_are_open && reading.path.is_none());
}

#[test]
fn accounts_are_read_of_every_loader_that_takes_one() {
    let users = |line: &str| -> Vec<String> {
        read(line, LOGGED).users.into_iter().map(|named| named.name).collect()
    };
    for line in [
        "exec setuidgid joe a",
        "exec envuidgid joe a",
        "exec s6-setuidgid joe a",
        "exec chpst -u joe a",
        "exec chpst -ujoe:staff a",
        "exec chpst -v -P -u joe:staff -e ./env a",
        "exec gosu joe:staff a",
        "setuidgid joe a",
    ] {
        assert_eq!(users(line), ["joe"], "{line}");
    }
    for line in [
        "exec setuidgid $USER a",
        "exec chpst -u$USER a",
        "exec chpst -u :100:100 a",
        "exec chpst -e env a",
    ] {
        assert!(users(line).is_empty(), "{line}");
    }
}

#[test]
fn a_logger_is_read_with_its_account_and_its_directories() {
    let loggers = |line: &str| -> Vec<Logger> {
        let loggers = read(line, LOGGED).loggers.into_iter();
        loggers.map(|logger| Logger { words: Vec::new(), ..logger }).collect()
    };
    let logger = |program: &str, user: Option<&str>, directories: &[&str]| Logger {
        line: 1,
        program: program.into(),
        user: user.map(str::to_owned),
        directories: directories.iter().map(|&it| it.to_owned()).collect(),
        words: Vec::new(),
    };
    assert_eq!(
        loggers("exec setuidgid log multilog t s99 '-*' '+*fatal*' ./main /var/log/x"),
        [logger("multilog", Some("log"), &["./main", "/var/log/x"])]
    );
    assert_eq!(loggers("exec svlogd -tt ./main"), [logger("svlogd", None, &["./main"])]);
    assert_eq!(loggers("exec multilog t \"$DIR\" ./a"), [logger("multilog", None, &["./a"])]);
    assert_eq!(loggers("exec chpst -u log svlogd ."), [logger("svlogd", Some("log"), &["."])]);
    let words = read("exec setuidgid log multilog t $MORE ./a\n", LOGGED).loggers.remove(0).words;
    assert_eq!(words, [Some("t".to_owned()), None, Some("./a".to_owned())]);
}

#[test]
fn the_lines_a_script_surely_ends_with_are_known() {
    for (text, lines) in [
        ("exec a\n", &[1][..]),
        ("exec 2>&1\na\nexec \\\n b\nexit\n", &[3, 5]),
        ("a || exit 1\na && exec b\na | exec b\nexec b | c\nexec b &\n", &[]),
        ("if a; then exec b; fi\n(exec b)\nf() { exit; }\nwhile a; do exit; done\n", &[]),
        ("if a; then b; fi || exit\nexec c\n", &[2]),
    ] {
        assert_eq!(last_lines(text), lines, "{text}");
    }
}

#[test]
fn what_cannot_be_looked_up_is_left_alone() {
    let open = |text: &str| read(text, LOGGED).names_are_open;
    for text in [". ./lib\nexec a", "source x\nexec a", "PATH=$HOME/bin:$PATH\nexec a"] {
        assert!(open(text), "{text}");
    }
    for text in ["PATH=/a:$PATH\nexec a", "export PATH=/a:${PATH}\nexec a", "exec a"] {
        assert!(!open(text), "{text}");
    }
    assert_eq!(read("PATH=/a:${PATH}\nexec a", LOGGED).path.as_deref(), Some("/a:$PATH"));
    assert!(!read("cd /x\nexec ./a", LOGGED).stays_in_place);
    let programs = |text: &str| read(text, LOGGED).programs.len();
    for text in [
        "if [ -x /a ]; then exec /a; fi\nexec /b",
        "[ -x /a ] && exec /a\nexec /b",
        "a() { b; }\na\nexec /b",
        "rm -f x\nexec /b",
    ] {
        assert_eq!(programs(text), 1, "{text}");
    }
    assert_eq!(programs("exec env PATH=/x a"), 0);
}

#[test]
fn a_script_that_cannot_be_read_is_not_judged() {
    for text in ["ntpd 'x\n", "ntpd \"$(\n", "if a; then ntpd\n", "done\nntpd\n", "a | ( b\nntpd"] {
        let reading = read(text, LOGGED);
        assert_eq!(reading.findings, [], "{text}");
        assert!(reading.stays_a_shell && reading.names_are_open, "{text}");
    }
}

#[test]
fn the_program_a_script_becomes_is_found() {
    let main = |text: &str| main_program(text);
    assert_eq!(main("#!/bin/sh\nexec setuidgid a /usr/sbin/ntpd -g\n").as_deref(), Some("ntpd"));
    assert_eq!(main("mkdir -p x\nchronyd\n").as_deref(), Some("chronyd"));
    assert_eq!(main("exec \"$PROGRAM\"\n"), None);
    assert_eq!(main(""), None);
}

#[test]
fn a_script_that_means_to_stay_a_shell_is_known() {
    for stays in ["trap x TERM\na &\nwait\n", "while :; do a; done\n", "a &\nwait\n", ""] {
        assert!(read(stays, LOGGED).stays_a_shell, "{stays}");
    }
    for goes in ["exec a\n", "a\n", "mkdir -p x\na\n"] {
        assert!(!read(goes, LOGGED).stays_a_shell, "{goes}");
    }
}

#[test]
fn a_script_of_the_largest_size_is_read_in_time() {
    for line in ["a &\n", "exec a\n", "if a; then\n", "$(", "\"$(", "((", "{\n", "a <<b\n", "$((("]
    {
        let text = line.repeat(65_536 / line.len());
        let _ = read(&text, LOGGED);
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "exec ",
        "ntpd",
        " -n",
        " -g",
        "\n",
        ";",
        "&",
        "&&",
        "||",
        "|",
        "(",
        ")",
        "{ ",
        " }",
        "if ",
        "then ",
        "else ",
        "fi",
        "while ",
        "do ",
        "done",
        "case ",
        " in ",
        "esac",
        ";;",
        "'",
        "\"",
        "$",
        "${",
        "$(",
        "`",
        "\\",
        "#",
        "<<E\n",
        "E\n",
        "2>&1",
        ">",
        "setuidgid ",
        "envdir ",
        "chpst ",
        "-u ",
        "-",
        "--",
        "=",
        "PATH=",
        "f() ",
        "[[ ",
        " ]]",
        "\u{e9}",
        "\0",
        "\r",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Found by the property below.
#[test]
fn a_test_that_never_closes_has_a_line() {
    let reading = read("f() [[ \"\"f() { ", LOGGED);
    assert!(reading.findings.iter().all(|finding| finding.line != Some(0)));
}

proptest! {
    #[test]
    fn no_script_is_too_odd(text in pieces()) {
        let lines = u32::try_from(text.lines().count() + 1).unwrap();
        let reading = read(&text, LOGGED);
        for finding in &reading.findings {
            prop_assert!(finding.line.is_none_or(|line| (1..=lines).contains(&line)), "{finding}");
        }
        let _ = main_program(&text);
    }

    #[test]
    fn no_text_is_too_odd(text: String) {
        let _ = read(&text, LOGGED);
    }

    #[test]
    fn comments_and_quotes_alarm_nobody(words in "[a-z &;|<>()-]{0,40}") {
        let text = format!("exec 2>&1\n# ntpd {words}\necho 'ntpd & {words}'\nexec chronyd -n\n");
        prop_assert_eq!(said(&text), Vec::<String>::new());
    }

    #[test]
    fn a_foreground_flag_is_seen_wherever_it_stands(
        before in prop::collection::vec("-[abcx]|[a-z./]{1,9}", 0..4),
        after in prop::collection::vec("-[abcx]|[a-z./]{1,9}", 0..4),
    ) {
        let (before, after) = (before.join(" "), after.join(" "));
        let line = |flag: &str| format!("exec ntpd {before} {flag} {after}\n");
        let found = read(&line("-n"), Place::default()).findings;
        prop_assert_eq!(found, Vec::new());
        let found = read(&line("-g"), Place::default()).findings;
        prop_assert_eq!(found.first().map(|it| it.weight), Some(Weight::Wrong));
    }
}
