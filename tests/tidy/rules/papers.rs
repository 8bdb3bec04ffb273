//! What is promised beside the code: documents, tests, commands, examples.

use crate::repository::{File, Offence, Repository};
use crate::rust::{Line, functions, item_after};

/// Prose without a title, or with more than one.
pub(crate) fn titles(file: &File) -> Vec<Offence> {
    if !file.has_extension("md") {
        return Vec::new();
    }
    let mut fenced = false;
    let mut titles = 0;
    for line in &file.lines {
        fenced ^= line.raw.trim_start().starts_with("```");
        titles += usize::from(!fenced && line.raw.starts_with("# "));
    }
    if titles == 1 {
        Vec::new()
    } else {
        vec![file.offence(1, format!("{titles} titles, not one"))]
    }
}

/// A source that does not begin by saying what it is for.
pub(crate) fn heads(file: &File) -> Vec<Offence> {
    let first = file.own_lines().next();
    let silent = first.is_some_and(|line| !line.raw.starts_with("//! ")) && file.is_rust();
    if silent { vec![file.offence(1, "no `//!` says what the file is for")] } else { Vec::new() }
}

/// Blanks at the end of a line, or no newline at the end of the last.
pub(crate) fn ragged_ends(file: &File) -> Vec<Offence> {
    let ragged = file.lines.iter().filter(|line| line.raw.ends_with([' ', '\t']));
    ragged.map(|line| file.offence(line.number, "blanks at the end of the line")).collect()
}

/// Scripts that nobody can run.
pub(crate) fn idle_scripts(file: &File) -> Vec<Offence> {
    let runs = file.lines.first().is_some_and(|line| line.raw.starts_with("#!/"));
    if runs && !file.executable { vec![file.offence(1, "not executable")] } else { Vec::new() }
}

/// Tests that are skipped without a word.
pub(crate) fn silent_ignores(file: &File) -> Vec<Offence> {
    let silent = |line: &&Line| {
        let code = &line.code;
        let bare = code.contains("#[ignore]") || code.contains(", ignore)");
        bare || (code.contains("ignore = ") && line.raw.contains("ignore = \"\""))
    };
    let found = file.lines.iter().filter(silent);
    found.map(|line| file.offence(line.number, "an ignored test says why")).collect()
}

/// The fewest words that make a sentence.
const SENTENCE_WORDS: usize = 3;

/// Tests whose names are not sentences.
pub(crate) fn terse_tests(file: &File) -> Vec<Offence> {
    let is_mark = |line: &Line| line.code.trim() == "#[test]";
    let marks = file.lines.iter().enumerate().filter(|(_, line)| is_mark(line));
    let starts: Vec<usize> =
        marks.map(|(at, _)| file.lines[item_after(&file.lines, at)].number).collect();
    let tests = functions(&file.lines).into_iter().filter(|(_, l)| starts.contains(&l[0].number));
    tests
        .filter(|(name, _)| name.split('_').count() < SENTENCE_WORDS)
        .map(|(name, lines)| file.offence(lines[0].number, format!("{name} is no sentence")))
        .collect()
}

/// Tests that need not know a command by name: they would name it whatever it does.
const UNSPECIFIC: [&str; 5] =
    ["tests/tidy/", "tests/install.rs", "tests/demo.rs", "tests/golden.rs", "tests/bad_input/"];

/// Commands without a file, a place in the index, a page, or a test that names them. What must be
/// in a page is `tests/pages`' to say.
pub(crate) fn unproven_commands(repository: &Repository) -> Vec<Offence> {
    const INDEX: &str = "src/commands/mod.rs";
    let Some(index) = repository.file(INDEX) else { return Vec::new() };
    let listed = |text: &str| index.own_lines().any(|line| line.code.contains(text));
    let mut offences = Vec::new();
    for line in index.own_lines() {
        let declared = line.code.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
        let Some(name) = declared else { continue };
        let says_name = |file: &File| has(file, &format!("name: \"{name}\""));
        let file = ["src/commands/{}.rs", "src/commands/{}/mod.rs"]
            .iter()
            .find_map(|path| repository.file(&path.replace("{}", name)));
        if !file.is_some_and(says_name) {
            offences.push(index.offence(line.number, format!("{name} has no file of its name")));
        }
        if !listed(&format!("&{name}::COMMAND, run: {name}::run")) {
            offences.push(index.offence(line.number, format!("{name} is not in the index")));
        }
        let page = format!("docs/man/{name}.md");
        if repository.file(&page).is_none() {
            offences.push(index.offence(line.number, format!("{page} is missing")));
        }
        if !is_tested(repository, &format!("\"{name}\"")) {
            offences.push(index.offence(line.number, format!("no test names \"{name}\"")));
        }
    }
    offences
}

/// Service examples that cannot be run, are not explained, or not tried by a test.
pub(crate) fn poor_examples(repository: &Repository) -> Vec<Offence> {
    const EXAMPLES: &str = "service-examples/";
    let inside = repository
        .below(EXAMPLES)
        .filter_map(|file| file.path[EXAMPLES.len()..].split_once('/').map(|(name, _)| name));
    let mut names: Vec<&str> = inside.collect();
    names.dedup();
    let mut offences = Vec::new();
    for name in names {
        let directory = format!("{EXAMPLES}{name}");
        let file = |path: &str| repository.file(&format!("{directory}/{path}"));
        let runs = |path| file(path).is_some_and(|it| it.executable && it.is_script());
        let has_log = repository.below(&format!("{directory}/log/")).next().is_some();
        let lacks = [
            (!runs("run"), "no executable run"),
            (has_log && !runs("log/run"), "no executable log/run"),
            (file("README.md").is_none(), "no README.md"),
            (!is_tested(repository, &directory), "no test runs it"),
        ];
        let said = lacks.into_iter().filter(|(lacking, _)| *lacking);
        offences.extend(said.map(|(_, what)| File::new(&directory, "").offence(1, what)));
    }
    offences
}

fn has(file: &File, text: &str) -> bool {
    file.lines.iter().any(|line| line.raw.contains(text))
}

fn is_tested(repository: &Repository, text: &str) -> bool {
    let specific = |file: &&File| !UNSPECIFIC.iter().any(|path| file.path.starts_with(path));
    repository.below("tests/").filter(specific).any(|file| has(file, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rule: fn(&File) -> Vec<Offence>, path: &str, text: &str) -> usize {
        rule(&File::new(path, text)).len()
    }

    #[test]
    fn prose_with_no_title_or_two_is_seen() {
        assert_eq!(found(titles, "a.md", "# A\n## B\n```\n# c\n```\nd\n"), 0);
        for text in ["## B\n", "# A\n# B\n", "", "```\n# A\n```\n", "# A\n```\n```\n# B\n"] {
            assert_eq!(found(titles, "a.md", text), 1, "{text}");
        }
    }

    #[test]
    fn a_source_without_a_head_is_seen() {
        assert_eq!(found(heads, "src/a.rs", "//! Words.\n"), 0);
        assert_eq!(found(heads, "src/a.rs", "use a;\n//! Words.\n"), 1);
        assert_eq!(found(heads, "src/tests.rs", "use a;\n"), 0);
    }

    #[test]
    fn blanks_at_the_end_of_a_line_are_seen() {
        assert_eq!(found(ragged_ends, "a.md", "a \nb\t\nc\n"), 2);
    }

    #[test]
    fn a_script_that_cannot_be_run_is_seen() {
        let mut file = File::new("a", "#!/bin/sh\n");
        assert_eq!(idle_scripts(&file).len(), 1);
        file.executable = true;
        assert_eq!(idle_scripts(&file), []);
        assert_eq!(found(idle_scripts, "a", "#!\n"), 0);
    }

    #[test]
    fn a_test_ignored_without_a_reason_is_seen() {
        for mark in ["#[ignore]", "#[ignore = \"\"]", "#[cfg_attr(a, ignore)]"] {
            assert_eq!(found(silent_ignores, "tests/a.rs", mark), 1, "{mark}");
        }
        for mark in ["#[ignore = \"a reason\"]", "// #[ignore]", "a(\"#[ignore]\")"] {
            assert_eq!(found(silent_ignores, "tests/a.rs", mark), 0, "{mark}");
        }
    }

    #[test]
    fn a_test_whose_name_is_no_sentence_is_seen() {
        let test = |name| format!("#[test]\n#[ignore = \"a\"]\nfn {name}() {{}}\nfn b() {{}}\n");
        assert_eq!(found(terse_tests, "src/a.rs", &test("it_works")), 1);
        assert_eq!(found(terse_tests, "src/a.rs", &test("a_line_is_cut")), 0);
    }

    const INDEX: &str = "mod svc;\n\n    Entry { command: &svc::COMMAND, run: svc::run },\n";

    const PAGE: (&str, &str) = ("docs/man/svc.md", "# svc\n");

    fn unproven(index: &str, command: (&str, &str), test: (&str, &str)) -> usize {
        unproven_with(PAGE, index, command, test)
    }

    fn unproven_with(
        page: (&str, &str),
        index: &str,
        command: (&str, &str),
        test: (&str, &str),
    ) -> usize {
        let files = [("src/commands/mod.rs", index), command, page, test];
        let files = files.iter().map(|(path, text)| File::new(path, text)).collect();
        unproven_commands(&Repository::new(files)).len()
    }

    #[test]
    fn a_command_without_a_file_an_entry_a_page_or_a_test_is_seen() {
        let command = ("src/commands/svc.rs", "    name: \"svc\",\n");
        let test = ("tests/compliance/svc.rs", "run(\"svc\");\n");
        assert_eq!(unproven(INDEX, command, test), 0);
        assert_eq!(unproven("mod svc;\n", command, test), 1);
        assert_eq!(unproven(INDEX, ("src/commands/svc.rs", ""), test), 1);
        assert_eq!(unproven(INDEX, ("src/svc.rs", command.1), test), 1);
        assert_eq!(unproven(INDEX, command, ("tests/install.rs", test.1)), 1);
        assert_eq!(unproven(INDEX, command, (test.0, "run(\"svcs\");\n")), 1);
        assert_eq!(unproven_with(("docs/svc.md", PAGE.1), INDEX, command, test), 1);
    }

    #[test]
    fn an_example_that_cannot_be_run_is_unexplained_or_untried_is_seen() {
        let example = |paths: &[&str], test: &str, executable: bool| {
            let files = paths.iter().map(|path| {
                let mut file = File::new(&format!("service-examples/a/{path}"), "#!/bin/sh\n");
                file.executable = executable;
                file
            });
            let tests = File::new("tests/a.rs", test);
            poor_examples(&Repository::new(files.chain([tests]).collect())).len()
        };
        let test = "run(\"service-examples/a\");\n";
        assert_eq!(example(&["run", "README.md"], test, true), 0);
        assert_eq!(example(&["run", "README.md", "log/run"], test, true), 0);
        assert_eq!(example(&["run", "README.md", "log/run"], test, false), 2);
        assert_eq!(example(&["run", "README.md", "log/a"], test, true), 1);
        assert_eq!(example(&["README.md"], test, true), 1);
        assert_eq!(example(&["run"], test, true), 1);
        assert_eq!(example(&["run", "README.md"], "", true), 1);
    }
}
