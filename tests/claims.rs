//! The documents that claim something claim nothing without a test, and every test that they name
//! is there: what daemontools does (`docs/undocumented.md`), and what nobody can do to us
//! (`docs/threat-model.md`).

use std::fs;
use std::path::{Path, PathBuf};

/// The tests a text names: `file::test` in backticks.
fn named(text: &str) -> Vec<(String, String)> {
    let quoted = text.split('`').skip(1).step_by(2);
    let pairs = quoted.filter_map(|word| word.split_once("::"));
    let pairs = pairs.filter(|(_, test)| *test != "…");
    pairs.map(|(file, test)| (file.to_owned(), test.to_owned())).collect()
}

/// Whether the test runs against the original: it is in a list of the macros that do so.
fn is_proven(file: &str, test: &str) -> bool {
    let path = match file.strip_prefix("log/") {
        Some(file) => format!("tests/compliance_logger/{file}.rs"),
        None => format!("tests/compliance/{file}.rs"),
    };
    let source = fs::read_to_string(repository(&path)).unwrap_or_default();
    let is_listed = |list: &str| {
        let lists = source.split(list).skip(1).map(|rest| rest.split([')', '}']).next());
        lists.flatten().any(|names| names.split([',', '\n']).any(|name| name.trim() == test))
    };
    let compares = source.contains(&format!("#[test]\nfn {test}("));
    ["each_suite!(", "each_pair!(", "on_both! {"].into_iter().any(is_listed) || compares
}

/// Whether there is such a test of ours.
fn is_there(file: &str, test: &str) -> bool {
    if file == "simulation" {
        let files = ["stories", "crowds", "lives"];
        return files.iter().any(|name| {
            let path = repository(&format!("src/ntpd/simulation/{name}.rs"));
            fs::read_to_string(path).is_ok_and(|source| source.contains(&format!("fn {test}(")))
        });
    }
    let path = match file {
        "ntp_peers" | "vm" => format!("tests/{file}/main.rs"),
        "granting" => "tests/ntp_peers/granting.rs".to_owned(),
        "ntpctl" | "ntpd" | "ntpd_files" => format!("tests/{file}.rs"),
        _ => format!("tests/end_to_end/{file}.rs"),
    };
    let source = fs::read_to_string(repository(&path)).unwrap_or_default();
    source.contains(&format!("fn {test}("))
}

/// Whether a file of the sources has tests, in it or beside it, or is the story of one.
fn has_tests(file: &str) -> bool {
    if file.starts_with("tests/vm/stories/") {
        return repository(file).exists();
    }
    let beside = format!("{}/tests.rs", file.trim_end_matches(".rs"));
    [file, &beside].iter().any(|file| {
        fs::read_to_string(repository(file)).is_ok_and(|source| source.contains("#[test]"))
    })
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The entries of the lists of a document.
fn entries(document: &str) -> Vec<String> {
    let text = fs::read_to_string(repository(document)).expect("it can be read");
    let entries = text.split("\n* ").skip(1).filter_map(|entry| entry.split("\n\n").next());
    entries.map(str::to_owned).collect()
}

#[test]
fn every_threat_names_a_test_that_is_there() {
    let text = fs::read_to_string(repository("docs/threat-model.md")).expect("it can be read");
    let lists = text.split("\n## ").filter(|list| list.starts_with("What "));
    let lists: Vec<&str> = lists.filter(|list| !list.starts_with("What is not")).collect();
    let mut threats = 0;
    for threat in lists.iter().flat_map(|list| list.split("\n* ").skip(1)) {
        let quoted: Vec<&str> = threat.split('`').skip(1).step_by(2).collect();
        let is_file = |word: &&&str| word.starts_with("crates/") || word.starts_with("tests/");
        let files = quoted.iter().filter(is_file);
        let mut proofs = 0;
        for file in files {
            assert!(has_tests(file), "there are no tests in {file}");
            proofs += 1;
        }
        for (file, test) in named(threat) {
            assert!(is_there(&file, &test), "no test is called {file}::{test}");
            proofs += 1;
        }
        assert!(proofs > 0, "no test says: {threat}");
        threats += 1;
    }
    assert!(threats > 15, "{threats}");
}

#[test]
fn every_fact_names_a_test_of_the_original_that_is_there() {
    let mut facts = 0;
    for fact in entries("docs/undocumented.md") {
        let named = named(&fact);
        assert!(!named.is_empty(), "no test says: {fact}");
        for (file, test) in named {
            assert!(is_proven(&file, &test), "no test of the original is called {file}::{test}");
        }
        facts += 1;
    }
    assert!(facts > 50, "{facts}");
}

#[test]
fn a_test_that_is_not_there_or_is_ours_alone_proves_nothing() {
    assert!(is_proven("svc", "options_stop_at_the_first_directory"));
    assert!(is_proven("log/mixed", "both_recover_every_state_to_the_same"));
    assert!(!is_proven("svc", "options_go_on_after_the_first_directory"));
    assert!(!is_proven("svc", "one_free_descriptor_is_enough"));
    assert!(!is_proven("nowhere", "options_stop_at_the_first_directory"));
}
