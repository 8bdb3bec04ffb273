//! The house rules, as tests over the repository itself: style that is a test needs no reviewer.
//!
//! Each rule is a function from a file, or from all of them, to offences; here each is applied to
//! the repository. Beside each stands a test on small strings that shows it can fail.

mod lexer;
mod repository;
mod rules;
mod rust;

use std::sync::LazyLock;

use repository::{File, Offence, Repository};
use rules::{crates, manifests, measures, papers, words};

/// Read once for all rules.
static REPOSITORY: LazyLock<Repository> = LazyLock::new(Repository::read);

/// Applies a rule to every file.
#[track_caller]
fn each_file(rule: fn(&File) -> Vec<Offence>) {
    whole(|repository| repository.files.iter().flat_map(rule).collect());
}

/// Applies a rule to the repository.
#[track_caller]
fn whole(rule: impl Fn(&Repository) -> Vec<Offence>) {
    let offences = rule(&REPOSITORY);
    let lines: Vec<String> = offences.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} offences:\n{}\n", lines.len(), lines.join("\n"));
}

#[test]
fn no_line_is_wider_than_a_hundred_columns() {
    each_file(measures::wide_lines);
}

#[test]
fn every_function_is_read_in_one_look() {
    each_file(measures::long_functions);
}

#[test]
fn every_file_is_read_in_one_sitting() {
    each_file(measures::long_file);
}

#[test]
fn no_banned_word_is_in_the_code() {
    each_file(words::banned);
}

#[test]
fn nothing_is_put_off() {
    each_file(words::put_off);
}

#[test]
fn names_say_what_a_thing_does() {
    each_file(words::hollow_names);
}

#[test]
fn no_long_dash_is_in_the_text() {
    each_file(words::dashes);
}

#[test]
fn nothing_names_the_place_where_it_was_written() {
    each_file(words::private_words);
}

#[test]
fn pure_crates_touch_nothing() {
    each_file(crates::impure);
}

#[test]
fn unsafe_code_is_in_sys_and_says_why_it_holds() {
    each_file(crates::unsafe_code);
}

#[test]
fn every_crate_has_the_lints_of_the_workspace() {
    whole(manifests::lints);
}

#[test]
fn dependencies_run_downwards_only() {
    whole(manifests::upward_dependencies);
}

#[test]
fn every_dependency_has_a_reason_in_the_architecture() {
    whole(manifests::unexplained_dependencies);
}

#[test]
fn every_locked_crate_is_from_the_public_registry() {
    whole(manifests::foreign_sources);
}

#[test]
fn every_document_has_one_title() {
    each_file(papers::titles);
}

#[test]
fn every_source_says_at_its_head_what_it_is_for() {
    each_file(papers::heads);
}

#[test]
fn no_line_ends_in_blanks() {
    each_file(papers::ragged_ends);
}

#[test]
fn every_script_can_be_run() {
    each_file(papers::idle_scripts);
}

#[test]
fn every_ignored_test_says_why() {
    each_file(papers::silent_ignores);
}

#[test]
fn the_name_of_every_test_is_a_sentence() {
    each_file(papers::terse_tests);
}

#[test]
fn every_command_has_a_file_a_page_and_a_test() {
    whole(papers::unproven_commands);
}

#[test]
fn every_service_example_runs_and_is_explained_and_tested() {
    whole(papers::poor_examples);
}
