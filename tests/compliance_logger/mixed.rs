//! A log directory that goes from one multilog to the other, in every state that an outage can
//! leave it in: what one makes of it, the other makes of it too.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::suite::{
    Running, Suite, counted, listing, listing_at_work, make, mode, names, old_files, read, scratch,
    until, whole_log,
};

/// From whom to whom.
fn directions() -> Vec<[Suite; 2]> {
    if Suite::theirs().is_none() {
        return Vec::new();
    }
    vec![[Suite::Theirs, Suite::Ours], [Suite::Ours, Suite::Theirs]]
}

/// A label of years ago, and one of a day later.
const OLD: [&str; 2] = ["@400000003b4a39c23294b13c", "@400000003b4b8b423294b13c"];

/// A file of a log directory: its mode and what is in it.
type Content = Option<(u32, &'static str)>;

/// A log directory as an outage may have left it.
#[derive(Debug, Clone, Copy, Default)]
struct Left {
    current: Content,
    previous: Content,
    /// Whether `previous` has its label already.
    linked: bool,
    processed: Content,
    state: Content,
    newstate: Content,
    /// The codes of the old files.
    old: &'static [&'static str],
}

const CURRENTS: [Content; 6] = [
    None,
    Some((0o644, "")),
    Some((0o644, "one\ntwo\n")),
    Some((0o644, "one\nhalf a li")),
    Some((0o744, "one\ntwo\n")),
    Some((0o744, "")),
];
const PREVIOUSES: [(Content, bool); 6] = [
    (None, false),
    (Some((0o644, "full\n")), false),
    (Some((0o744, "full\n")), false),
    (Some((0o744, "full\n")), true),
    (Some((0o644, "half a fu")), false),
    (Some((0o744, "")), false),
];
const PROCESSEDS: [Content; 4] =
    [None, Some((0o644, "cook")), Some((0o744, "cooked\n")), Some((0o744, ""))];
const STATES: [[Content; 2]; 4] = [
    [None, None],
    [Some((0o644, "state")), None],
    [Some((0o644, "state")), Some((0o644, "newstate"))],
    [None, Some((0o644, ""))],
];
const OLDS: [&[&str]; 2] = [&[], &["s", "u"]];

/// Every combination: more than can happen, and so all that can.
fn all_left() -> Vec<Left> {
    let mut all = Vec::new();
    for current in CURRENTS {
        for (previous, linked) in PREVIOUSES {
            for processed in PROCESSEDS {
                for [state, newstate] in STATES {
                    for old in OLDS {
                        let left =
                            Left { current, previous, linked, processed, state, newstate, old };
                        all.push(left);
                    }
                }
            }
        }
    }
    all
}

impl Left {
    fn make(&self, logs: &Path) {
        fs::create_dir(logs).unwrap();
        let files = [
            ("current", self.current),
            ("previous", self.previous),
            ("processed", self.processed),
            ("state", self.state),
            ("newstate", self.newstate),
        ];
        for (name, content) in files {
            if let Some((mode, text)) = content {
                make(logs.join(name), mode, text);
            }
        }
        for (label, code) in OLD.iter().zip(self.old) {
            make(logs.join(format!("{label}.{code}")), 0o744, &format!("old {code}\n"));
        }
        if self.linked {
            let label = logs.join("@400000003b4c00003294b13c.s");
            fs::hard_link(logs.join("previous"), label).unwrap();
        }
    }
}

/// What a log directory is: names, modes and sizes, and what is in the files, oldest first.
fn whole(logs: &Path) -> (Vec<String>, Vec<String>) {
    let old = old_files(logs).into_iter().map(|path| {
        let code = path.extension().unwrap().to_string_lossy().into_owned();
        format!("{code} {}", read(path))
    });
    let rest = names(logs).into_iter().filter(|name| !name.starts_with('@') && name != "intent");
    let rest = rest.map(|name| format!("{name} {}", read(logs.join(&name))));
    (listing(logs), old.chain(rest).collect())
}

/// Every state, given to both: they leave the same.
fn both_make_the_same_of(every: &[Left], script: &[&str], input: &str) {
    let Some(theirs) = Suite::theirs() else { return };
    let dir = scratch();
    for (number, left) in every.iter().enumerate() {
        let made = [&theirs, &Suite::Ours].map(|suite| {
            let logs = dir.path().join("m");
            left.make(&logs);
            suite.log(dir.path(), script, input);
            let made = whole(&logs);
            fs::remove_dir_all(&logs).unwrap();
            made
        });
        assert_eq!(made[0], made[1], "state {number}: {left:?}");
    }
}

/// A fifth of them. No list above has a multiple of five, so each of its members meets each of any
/// other.
fn a_fifth() -> Vec<Left> {
    all_left().into_iter().step_by(5).collect()
}

#[test]
fn both_recover_every_state_to_the_same() {
    both_make_the_same_of(&a_fifth(), &["./m"], "");
}

#[test]
fn both_go_on_with_every_state_in_the_same_way() {
    both_make_the_same_of(&all_left(), &["./m"], "three\nfour");
}

#[test]
fn both_keep_the_same_number_of_old_files_after_every_state() {
    // Where nothing unfinished is found, ours prunes and theirs does not.
    let unfinished = |left: &Left| left.current.is_some_and(|(mode, _)| mode == 0o644);
    let mut left = a_fifth();
    left.retain(|left| left.old.is_empty() || unfinished(left));
    both_make_the_same_of(&left, &["n2", "./m"], "three\n");
}

#[test]
fn theirs_runs_no_processor_over_what_an_outage_has_left_and_ours_does() {
    let Some(theirs) = Suite::theirs() else { return };
    for left in a_fifth().into_iter().step_by(7) {
        let dir = scratch();
        let logs = dir.path().join("m");
        let ran_and_left = [&theirs, &Suite::Ours].map(|suite| {
            left.make(&logs);
            // A state that is missing is worth a word.
            let output = suite.multilog(dir.path(), &["!echo >../ran; cat", "./m"], "three\n");
            assert!(output.status.success());
            let unfinished = names(&logs)
                .iter()
                .any(|name| Path::new(name).extension().is_some_and(|code| code == "u"));
            fs::remove_dir_all(&logs).unwrap();
            (fs::remove_file(dir.path().join("ran")).is_ok(), unfinished)
        });
        let unfinished = ran_and_left[0].1;
        assert_eq!(ran_and_left, [(false, unfinished), (unfinished, false)], "{left:?}");
    }
}

/// Logs `lines` and dies by KILL when they are in `current`.
fn killed_after(suite: &Suite, dir: &Path, script: &[&str], lines: &str) {
    let logs = dir.join("m");
    let mut log = suite.start(dir, script);
    log.write(lines);
    until("the lines are there", || whole_log_or_less(&logs).ends_with(lines));
    log.signal("KILL");
    assert!(!log.end().0.success());
}

/// What is in a log directory of which a logger may rename a file at this moment: then some of it
/// is missing.
fn whole_log_or_less(logs: &Path) -> String {
    let files = old_files(logs).into_iter().chain([logs.join("current")]);
    files.map(|file| fs::read_to_string(file).unwrap_or_default()).collect()
}

#[test]
fn what_one_has_written_before_it_was_killed_the_other_keeps() {
    for suites in directions() {
        let (dir, mut lines) = (scratch(), String::new());
        let logs = dir.path().join("m");
        for turn in 0..6 {
            let suite = &suites[turn % 2];
            let more = counted(turn * 10, turn * 10 + 10, 60);
            lines.push_str(&more);
            killed_after(suite, dir.path(), &["n20", "./m"], &more);
            assert_eq!(whole_log(&logs), lines);
            assert_eq!(listing_at_work(&logs).len(), 3 + turn);
        }
        assert_eq!(mode(logs.join("current")), 0o644);
        for suite in &suites {
            suite.log(dir.path(), &["n20", "./m"], "end\n");
            lines.push_str("end\n");
        }
        assert_eq!(whole_log(&logs), lines);
        assert_eq!(mode(logs.join("current")), 0o744);
    }
}

/// A line that was cut by the death of its logger stays as it is, in a file of its own.
#[test]
fn half_a_line_is_kept_and_not_joined_to_the_next() {
    for suites in directions() {
        let dir = scratch();
        let logs = dir.path().join("m");
        killed_after(&suites[0], dir.path(), &["./m"], "one\n");
        let current = fs::OpenOptions::new().append(true).open(logs.join("current"));
        std::io::Write::write_all(&mut current.unwrap(), b"half a li").unwrap();
        suites[1].log(dir.path(), &["./m"], "two\n");
        assert_eq!(whole(&logs).1, ["u one\nhalf a li", "current two\n", "lock ", "state "]);
        suites[0].log(dir.path(), &["./m"], "three\n");
        assert_eq!(read(logs.join("current")), "two\nthree\n");
    }
}

#[test]
fn a_log_that_was_killed_while_its_processor_ran_goes_on() {
    for suites in directions() {
        let dir = scratch();
        let logs = dir.path().join("m");
        // It has written half when its logger dies, and then goes on without a reader.
        let slow = "!head -c 100; echo >../half; while [ ! -e ../go ]; do sleep 0.05; done";
        let mut log = suites[0].start(dir.path(), &["s4096", "n20", slow, "./m"]);
        let lines = counted(0, 60, 80);
        log.write(&lines);
        until("the processor runs", || dir.path().join("half").exists());
        log.signal("KILL");
        fs::write(dir.path().join("go"), "").unwrap();
        assert!(!log.end().0.success()); // the processor has the same standard error
        let left = names(&logs);
        assert!(left.contains(&"processed".into()), "{left:?}");
        // Ours has its label already.
        let previous = left.iter().find(|name| *name == "previous" || name.starts_with('@'));
        let previous = read(logs.join(previous.unwrap()));
        suites[1].log(dir.path(), &["s4096", "n20", "./m"], "end\n");
        let old = old_files(&logs);
        assert_eq!(read(&old[0]), previous);
        assert!(lines.starts_with(&previous));
        assert!(!names(&logs).iter().any(|name| name.starts_with("pr") || name == "newstate"));
        assert!(read(logs.join("current")).ends_with("end\n"));
    }
}

/// Half full, by one; filled by the other: sizes, limits and states are understood.
#[test]
fn rotations_and_processors_go_on_where_the_other_stopped() {
    for suites in directions() {
        let dir = scratch();
        let logs = dir.path().join("m");
        let count = "!n=$(cat <&4); echo $((n + 1)) >&5; sed 's/^/cooked /'";
        let mut written = 0;
        for turn in 0..8 {
            let more = counted(written, written + 40, 80);
            written += 40;
            suites[turn % 2].log(dir.path(), &["s4096", "n100", count, "./m"], &more);
        }
        let log = whole_log(&logs);
        let raw: Vec<&str> = log.lines().map(raw).collect();
        assert_eq!(raw.join("\n") + "\n", counted(0, written, 80));
        let (old, state) = (old_files(&logs), read(logs.join("state")));
        assert_eq!(state.trim(), old.len().to_string());
        assert!(old.len() >= 4, "{old:?}");
        assert!(old.iter().all(|path| read(path).lines().all(|line| line.starts_with("cooked "))));
    }
}

fn raw(line: &str) -> &str {
    line.strip_prefix("cooked ").unwrap_or(line)
}

#[test]
fn one_refuses_while_the_other_has_the_lock() {
    for suites in directions() {
        let dir = scratch();
        let logs = dir.path().join("m");
        let mut log = suites[0].start(dir.path(), &["./m"]);
        log.write("one\n");
        until("the line is there", || whole_log_or_less(&logs) == "one\n");
        let before = whole(&logs);
        let refused = suites[1].multilog(dir.path(), &["./m"], "lost\n");
        let fatal = "multilog: fatal: unable to lock directory ./m: temporary failure";
        let said = crate::suite::text(&refused.stderr);
        assert!(said.starts_with(fatal), "{said}");
        assert_eq!(refused.status.code(), Some(111));
        assert_eq!(whole(&logs), before);
        log.write("two\n");
        assert!(log.finish().0.success());
        assert_eq!(read(logs.join("current")), "one\ntwo\n");
    }
}

/// The pipe is what both have in common: what one has not read, the other reads.
#[test]
fn what_is_in_the_pipe_goes_from_one_to_the_other() {
    for suites in directions() {
        let dir = scratch();
        let logs = dir.path().join("m");
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut lines = String::new();
        for turn in 0..6 {
            let mut command = suites[turn % 2].tool("multilog", dir.path());
            command.arg("./m").stdin(reader.try_clone().unwrap()).stdout(Stdio::null());
            let line = format!("line {turn}\n");
            std::io::Write::write_all(&mut writer, line.as_bytes()).unwrap();
            lines.push_str(&line);
            let log = Running::on(&mut command);
            until("the line is there", || whole_log_or_less(&logs) == lines);
            log.signal("TERM");
            assert_eq!(log.end().0.code(), Some(0));
        }
        assert_eq!(listing(&logs), ["0744 current 42", "0600 lock 0", "0644 state 0"]);
    }
}
