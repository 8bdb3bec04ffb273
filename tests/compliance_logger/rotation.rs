//! Full files: where they end, what they are called, which ones stay.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::suite::{
    Suite, counted, listing, listing_at_work, make, mode, names, old_files, read, scratch, until,
};
use crate::suite::{system, whole_log};

on_both! {
    a_clean_end_leaves_these_files_with_these_modes,
    rotation_leaves_these_files_with_these_modes,
    the_umask_of_the_caller_does_not_matter,
    a_file_ends_at_the_first_line_end_within_2000_bytes,
    a_burst_fills_files_within_the_margin,
    a_line_that_is_too_long_is_cut_at_the_size,
    sizes_are_clamped,
    a_clean_log_is_continued_and_counts_towards_the_size,
    fewer_old_files_than_asked_for_stay,
    every_name_like_a_label_counts_as_an_old_file,
    a_counting_writer_loses_nothing_in_200_rotations,
    a_log_that_is_renamed_goes_on,
    a_processor_makes_the_old_files_and_keeps_its_state,
    a_processor_that_fails_is_run_again,
}

fn a_clean_end_leaves_these_files_with_these_modes(suite: &Suite) {
    let dir = scratch();
    suite.log(dir.path(), &["./m"], "one\n");
    assert_eq!(mode(dir.path().join("m")), 0o700);
    let expected = ["0744 current 4", "0600 lock 0", "0644 state 0"];
    assert_eq!(listing(&dir.path().join("m")), expected);
}

fn rotation_leaves_these_files_with_these_modes(suite: &Suite) {
    let dir = scratch();
    let mut log = suite.start(dir.path(), &["s4096", "n3", "./m"]);
    log.write(counted(0, 21, 100));
    let logs = dir.path().join("m");
    until("the first file is full", || listing_at_work(&logs).len() == 4);
    log.write("the next\n");
    until("the line is there", || read(logs.join("current")).ends_with("the next\n"));
    let expected = ["0744 @.s 2100", "0644 current 9", "0600 lock 0", "0644 state 0"];
    assert_eq!(listing_at_work(&logs), expected);
    assert!(log.finish().0.success());
    assert_eq!(listing(&logs).len(), 4);
    assert_eq!(listing(&logs)[1], "0744 current 9");
}

fn the_umask_of_the_caller_does_not_matter(suite: &Suite) {
    for umask in ["0", "077"] {
        let dir = scratch();
        let tool = suite.tool("multilog", dir.path());
        let words = [tool.get_program()].into_iter().chain(tool.get_args());
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "umask $0; exec \"$@\"", umask]).args(words).args(["./m", "=status"]);
        let output = crate::suite::run(shell.current_dir(dir.path()), "one\n");
        assert!(output.status.success());
        let expected = ["0744 current 4", "0600 lock 0", "0644 state 0"];
        assert_eq!(listing(&dir.path().join("m")), expected);
        assert_eq!((mode(dir.path().join("m")), mode(dir.path().join("status"))), (0o700, 0o600));
    }
}

/// One line at a time, as a service writes: the original's buffer does not show then.
fn a_file_ends_at_the_first_line_end_within_2000_bytes(suite: &Suite) {
    let dir = scratch();
    let logs = dir.path().join("m");
    let mut log = suite.start(dir.path(), &["s5000", "./m"]);
    // 3001 within the margin; 2999 just before it, so the next line is cut; its rest and two more.
    let lens = [1000, 999, 1000, 2, 2999, 3000, 2000, 1000];
    let mut total = 0;
    for len in lens {
        log.write(counted(0, 1, len));
        total += len;
        let written = || {
            let files = old_files(&logs).into_iter().chain([logs.join("current")]);
            files.filter_map(|file| fs::metadata(file).ok()).map(|found| found.len()).sum::<u64>()
        };
        until("the line is there", || written() == total as u64);
    }
    assert!(log.finish().0.success());
    let sizes: Vec<u64> = old_files(&logs).iter().map(|f| fs::metadata(f).unwrap().len()).collect();
    assert_eq!(sizes, [3001, 5000, 3999]);
    assert_eq!(read(logs.join("current")), "");
}

fn a_burst_fills_files_within_the_margin(suite: &Suite) {
    let dir = scratch();
    let logs = dir.path().join("m");
    let lines = counted(0, 3000, 50);
    suite.log(dir.path(), &["s6000", "n1000", "./m"], &lines);
    for file in old_files(&logs) {
        let content = read(&file);
        assert!((4000..=6000).contains(&content.len()) && content.ends_with('\n'));
    }
    assert_eq!(whole_log(&logs), lines);
}

fn a_line_that_is_too_long_is_cut_at_the_size(suite: &Suite) {
    let dir = scratch();
    let logs = dir.path().join("m");
    suite.log(dir.path(), &["s4096", "./m"], "x".repeat(9000) + "\n");
    let sizes: Vec<usize> = old_files(&logs).iter().map(|file| read(file).len()).collect();
    assert_eq!(sizes, [4096, 4096]);
    assert_eq!(read(logs.join("current")), "x".repeat(9000 - 2 * 4096) + "\n");
}

fn sizes_are_clamped(suite: &Suite) {
    let dir = scratch();
    suite.log(dir.path(), &["s1", "./m"], "x".repeat(5000) + "\n");
    assert_eq!(read(&old_files(&dir.path().join("m"))[0]).len(), 4096);
    suite.log(dir.path(), &["./default"], "x".repeat(100_000) + "\n");
    assert_eq!(read(&old_files(&dir.path().join("default"))[0]).len(), 99_999);
    suite.log(dir.path(), &["s99999999", "./most"], "x".repeat(16_777_300) + "\n");
    assert_eq!(read(&old_files(&dir.path().join("most"))[0]).len(), 16_777_215);
}

fn a_clean_log_is_continued_and_counts_towards_the_size(suite: &Suite) {
    let dir = scratch();
    let logs = dir.path().join("m");
    suite.log(dir.path(), &["s10000", "./m"], counted(0, 50, 100));
    let before = fs::metadata(logs.join("current")).unwrap().ino();
    suite.log(dir.path(), &["s10000", "./m"], "short\n");
    assert_eq!(fs::metadata(logs.join("current")).unwrap().ino(), before);
    // Too long already for the new size: it ends before the first line.
    suite.log(dir.path(), &["s4096", "./m"], "first\n");
    assert_eq!(read(logs.join("current")), "first\n");
    assert_eq!(read(&old_files(&logs)[0]), counted(0, 50, 100) + "short\n");
}

fn fewer_old_files_than_asked_for_stay(suite: &Suite) {
    for (word, stay) in [("n1", 1), ("n2", 1), ("n3", 2), ("n10", 9), ("", 9)] {
        let dir = scratch();
        let logs = dir.path().join("m");
        let lines = counted(0, 60, 1500);
        suite.log(dir.path(), &["s4096", word, "./m"], &lines);
        assert_eq!(old_files(&logs).len(), stay, "{word}");
        let kept = whole_log(&logs);
        assert!(lines.ends_with(&kept), "the newest lines stay");
    }
}

fn every_name_like_a_label_counts_as_an_old_file(suite: &Suite) {
    let dir = scratch();
    let logs = dir.path().join("m");
    suite.log(dir.path(), &["./m"], "");
    for name in ["@3000000000000000000000000", "@300000000000000000000001.u", "@short", "@4.txt"] {
        make(logs.join(name), 0o600, name);
    }
    suite.log(dir.path(), &["s4096", "n3", "./m"], counted(0, 3, 1500));
    let old = names(&logs);
    assert!(!old.contains(&"@3000000000000000000000000".to_owned()), "{old:?}");
    for name in ["@300000000000000000000001.u", "@short", "@4.txt"] {
        assert!(old.contains(&name.to_owned()), "{old:?}");
    }
}

fn a_counting_writer_loses_nothing_in_200_rotations(suite: &Suite) {
    let dir = scratch();
    let logs = dir.path().join("m");
    let lines = counted(0, 8500, 60);
    suite.log(dir.path(), &["s4096", "n1000", "./m"], &lines);
    assert!(old_files(&logs).len() >= 200);
    assert_eq!(whole_log(&logs), lines);
    let mut labels = old_files(&logs);
    labels.dedup();
    assert!(labels.is_sorted());
}

fn a_log_that_is_renamed_goes_on(suite: &Suite) {
    let dir = scratch();
    let (before, after) = (dir.path().join("m"), dir.path().join("moved"));
    let mut log = suite.start(dir.path(), &["s4096", "./m"]);
    log.write("one\n");
    until("it is there", || before.join("current").exists());
    system(&["mv", before.to_str().unwrap(), after.to_str().unwrap()]);
    log.write(counted(0, 3, 1500));
    assert!(log.finish().0.success());
    assert_eq!(whole_log(&after), format!("one\n{}", counted(0, 3, 1500)));
    assert_eq!(old_files(&after).len(), 1);
}

fn a_processor_makes_the_old_files_and_keeps_its_state(suite: &Suite) {
    let dir = scratch();
    let logs = dir.path().join("m");
    // The state counts the runs; what stands in the old files is the count and the size.
    let processor = "!read n <&4; n=$((n+1)); echo $n >&5; echo $n $(wc -c) $(basename $(pwd))";
    let lines = counted(0, 44, 100);
    suite.log(dir.path(), &["s4096", processor, "./m"], &lines[..2100]);
    suite.log(dir.path(), &["s4096", processor, "./m"], &lines[2100..4200]);
    let contents: Vec<String> = old_files(&logs).iter().map(read).collect();
    assert_eq!(contents, ["1 2100 m\n", "2 2100 m\n"]);
    assert_eq!(read(logs.join("state")), "2\n");
    let expected = ["0744 @.s 9", "0744 @.s 9", "0744 current 0", "0600 lock 0", "0644 state 2"];
    assert_eq!(listing(&logs), expected);
}

fn a_processor_that_fails_is_run_again(suite: &Suite) {
    let dir = scratch();
    let logs = dir.path().join("m");
    let processor =
        "!test -e ok || { touch ok; echo half | tee /dev/fd/5; exit 1; }; tr 0 o; echo 2 >&5";
    let output = suite.multilog(dir.path(), &["s4096", processor, "./m"], counted(0, 21, 100));
    assert!(output.status.success());
    let said = crate::suite::text(&output.stderr);
    assert!(said.starts_with("multilog: warning: processor failed in ./m, pausing\n"), "{said}");
    assert_eq!(read(&old_files(&logs)[0]), counted(0, 21, 100).replace('0', "o"));
    assert_eq!(read(logs.join("state")), "2\n");
}
