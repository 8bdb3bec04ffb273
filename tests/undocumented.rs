//! `docs/undocumented.md` claims nothing without a test, and every test that it names is there.

use std::fs;
use std::path::Path;

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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let source = fs::read_to_string(path).unwrap_or_default();
    let is_listed = |list: &str| {
        let lists = source.split(list).skip(1).map(|rest| rest.split([')', '}']).next());
        lists.flatten().any(|names| names.split([',', '\n']).any(|name| name.trim() == test))
    };
    let compares = source.contains(&format!("#[test]\nfn {test}("));
    ["each_suite!(", "each_pair!(", "on_both! {"].into_iter().any(is_listed) || compares
}

#[test]
fn every_fact_names_a_test_of_the_original_that_is_there() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/undocumented.md");
    let text = fs::read_to_string(path).expect("it can be read");
    let mut facts = 0;
    for fact in text.split("\n* ").skip(1) {
        let fact = fact.split("\n\n").next().unwrap_or_default();
        let named = named(fact);
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
