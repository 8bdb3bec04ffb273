use super::*;
use crate::operand::{Kind, operands};

static SAMPLE: Command = Command {
    name: "sample",
    summary: "show what a table does",
    usage: "[-a] [-f file] [ -nN ] account child",
    flags: &[
        Flag { names: &["a", "all"], value: None, help: "take it all" },
        Flag { names: &["f"], value: Some("FILE"), help: "read FILE[:LINE]; it's there" },
    ],
    about: "",
};

static FRONT: Command = Command { name: "front", usage: "COMMAND", ..SAMPLE };
static ALONE: Command = Command { name: "alone", usage: "dirs...", flags: &[], ..SAMPLE };

const PROSE: &str = "# sample\n\n## Interface\nOne. Two\nlines.\n\n## Signals\n* `A`, `B`: both\n  \
    of them\n\nAnd:\n* plain `C`: it is\n\n## Detailed \
    operation\n.dot and \\.\n\n## Exit codes\n* `0`: \
    done\n\n## Examples\n```sh\n.a -b 'c'\n\nd\n```\n";

fn page() -> Page {
    Page::parse("sample", PROSE).unwrap()
}

fn mistake(text: &str) -> String {
    Page::parse("sample", text).unwrap_err().to_string()
}

fn suite() -> Suite<'static> {
    Suite { front: &FRONT, commands: vec![&SAMPLE], alone: vec![&ALONE], version: "1.2" }
}

#[test]
fn prose_is_read_as_paragraphs_items_and_literal_blocks() {
    assert_eq!(page().under("Interface"), [Block::Paragraph("One. Two lines.".into())]);
    let named = Block::Item(Some("`A`, `B`".into()), "both of them".into());
    let (and, plain) = (Block::Paragraph("And:".into()), "plain `C`: it is".into());
    assert_eq!(page().under("Signals"), [named, and, Block::Item(None, plain)]);
    let literal = Block::Literal("sh".into(), ".a -b 'c'\n\nd".into());
    assert_eq!(page().under("Examples"), [literal]);
    assert_eq!(page().under("Notes"), []);
}

#[test]
fn a_list_of_which_one_item_lacks_its_name_is_a_mistake() {
    let list = |items: &str| PROSE.replace("And:\n* plain `C`: it is", items);
    let each = "unlike the one before: each is `* `NAME`: text`";
    for items in ["* `C`: c\n* plain `D`: d", "* `C`: c\n\n* D: d", "* `C`: c\n* `D` and E: d"] {
        let said = mistake(&list(items));
        assert!(said.ends_with(&format!(": this item has no name, {each}")), "{items}: {said}");
    }
    let said = mistake(&list("And:\n* `C`, plain: c\n* `D`: d"));
    assert_eq!(said, format!("docs/man/sample.md:13: this item has a name, {each}"));
    for items in ["* `C`: c\n* `D`, `E`: d", "And:\n* c\n* `D`, plain: d"] {
        assert!(Page::parse("sample", &list(items)).is_ok(), "{items}");
    }
}

#[test]
fn a_heading_that_is_missing_unknown_empty_or_out_of_order_is_a_mistake() {
    let without = PROSE.replace("## Exit codes", "");
    assert_eq!(mistake(&without), "docs/man/sample.md:25: `## Exit codes` is missing");
    let unknown = PROSE.replace("## Signals", "## Bugs");
    let said = "docs/man/sample.md:7: `Bugs` is no heading, or out of its order";
    assert_eq!(mistake(&unknown), said);
    let swapped =
        PROSE.replace("## Signals", "## Files").replace("# Detailed", "# Signals\na\n# D");
    assert!(mistake(&swapped).contains("`Signals` is no heading"), "{}", mistake(&swapped));
    let empty = PROSE.replace("One. Two\nlines.\n", "");
    assert!(mistake(&empty).ends_with("nothing stands under `## Interface`"));
    assert!(mistake(&PROSE.replace("# sample", "# other")).contains("the title is not"));
    assert!(mistake("# sample\n\nword\n").ends_with(":3: no heading stands above this"));
}

#[test]
fn a_program_without_prose_is_a_mistake() {
    let only = |name: &str| {
        let known = ["front", "sample"].contains(&name);
        known.then(|| PROSE.replace("# sample", &format!("# {name}")))
    };
    let said = suite().write(only).unwrap_err().to_string();
    assert_eq!(said, "docs/man/alone.md:1: there is no such file, or it cannot be read");
}

#[test]
fn a_page_and_three_scripts_are_written() {
    let written = suite().write(|name| Some(PROSE.replace("# sample", &format!("# {name}"))));
    let written = written.unwrap();
    let paths: Vec<&str> = written.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths[..3], ["man/front.8", "man/sample.8", "man/alone.8"]);
    let scripts = ["completions/keepup.bash", "completions/_keepup", "completions/keepup.fish"];
    assert_eq!(paths[3..], scripts);
    for file in &written[3..] {
        for word in ["--all", "sample", "alone"] {
            let word =
                if file.path.ends_with("fish") { word.replace("--", "-l ") } else { word.into() };
            assert!(file.text.contains(&word), "{word}: {}", file.text);
        }
    }
}

#[test]
fn the_page_is_its_table_and_its_prose_in_the_language_of_man() {
    let text = man::page(&SAMPLE, &page(), "1.2");
    let expected = "\
        .SH NAME\nsample \\- show what a table does\n\
        .SH INTERFACE\n\\fBsample\\fR [\\-a]\n[\\-f file]\n[ \\-nN ] account child\n\
        .PP\nOne.\nTwo lines.\n\
        .SH OPTIONS\n\
        .TP\n\\fB\\-a\\fR, \\fB\\-\\-all\\fR\nTake it all.\n\
        .TP\n\\fB\\-f\\fR \\fIFILE\\fR\nRead FILE[:LINE]; it's there.\n\
        .TP\n\\fB\\-\\-help\\fR\nPrint a summary and exit.\n\
        .TP\n\\fB\\-\\-version\\fR\nPrint the version and exit.\n\
        .SH SIGNALS\n\
        .TP\n\\fBA\\fR, \\fBB\\fR\nboth of them\n\
        .PP\nAnd:\n\
        .IP \\(bu 2\nplain \\fBC\\fR: it is\n\
        .SH DETAILED OPERATION\n\\&.dot and \\e.\n\
        .SH EXIT CODES\n.TP\n\\fB0\\fR\ndone\n\
        .SH EXAMPLES\n.RS 4\n.nf\n\\&.a \\-b \\(aqc\\(aq\n\nd\n.fi\n.RE\n";
    let (head, body) = text.split_at(text.find(".SH NAME").unwrap());
    assert_eq!(body, expected);
    assert!(head.contains("\n.TH SAMPLE 8 ") && head.contains("\"keepup 1.2\""), "{head}");
}

#[test]
fn lines_are_folded_between_words_and_never_begin_with_a_dot() {
    let text = roff::filled(&format!("{} .x", "word ".repeat(40).trim_end()));
    assert!(text.lines().all(|line| line.len() <= 78), "{text}");
    assert!(text.lines().count() > 2 && !text.contains("\n."), "{text}");
    assert_eq!(roff::filled("`.a` b"), "\\fB.a\\fR b\n");
    assert_eq!(roff::filled("'a"), "\\&'a\n");
}

fn kinds(usage: &'static str) -> Vec<(String, Kind, bool)> {
    let command = Command { usage, flags: &[], ..SAMPLE };
    operands(&command).into_iter().map(|it| (it.word, it.kind, it.repeated)).collect()
}

#[test]
fn a_usage_line_names_operands_and_the_flags_in_it_are_none() {
    let operand = |word: &str, kind, repeated| (word.to_owned(), kind, repeated);
    assert_eq!(kinds("[-abc] dirs..."), [operand("dirs", Kind::Directory, true)]);
    assert_eq!(kinds("[-ab] [-c conf]... [--d e:f]"), []);
    assert_eq!(kinds("[dir]\nsecond line"), [operand("dir", Kind::Directory, false)]);
    let loader = [operand("account", Kind::Account, false), operand("child", Kind::Program, false)];
    assert_eq!(kinds("account child"), loader);
    let lock = [operand("file", Kind::File, false), operand("program", Kind::Program, false)];
    assert_eq!(kinds("[ -nNxX ] file program [ arg ... ]"), lock);
    assert_eq!(kinds("words... dots")[1], operand("dots", Kind::Other, false));
}

#[test]
fn shells_get_what_they_would_misread_quoted() {
    let zsh = zsh::script(&suite());
    assert!(zsh.contains("'*'-f+'[read FILE\\[\\:LINE\\]; it'\\''s there]:FILE:_files'"), "{zsh}");
    assert!(zsh.contains("'(-)2:child:_command_names -e'"), "{zsh}");
    let fish = fish::script(&suite());
    assert!(fish.contains("-s f -r -F -d 'read FILE[:LINE]; it\\'s there'"), "{fish}");
    assert!(!fish.contains("complete -c front -n '__keepup_runs alone'"), "{fish}");
    let bash = bash::script(&suite());
    assert!(bash.contains("values[-f]=file"), "{bash}");
    assert!(bash.contains("operands=(account program) rest=file"), "{bash}");
    assert!(bash.contains("operands=(name) names='sample'"), "{bash}");
}
