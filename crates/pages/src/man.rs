//! One man page: the flag table and the prose, under the headings of s6's pages.

use std::fmt::Write as _;

use cli::{Command, Flag};

use crate::prose::{Block, Page};
use crate::{HEAD, SECTION, dashed, flags, roff};

/// The day of this edition, for the foot of each page: it changes with what the pages say.
const EDITION: &str = "2026-11-23";

/// The page of `command` in the language of man(7).
pub(crate) fn page(command: &Command, page: &Page, version: &str) -> String {
    let mut text = format!(".\\\" {HEAD}, but docs/man/{}.md and the flag table.\n", command.name);
    let title = command.name.to_uppercase();
    let _ = writeln!(text, ".TH {title} {SECTION} {EDITION} \"keepup {version}\" \"keepup\"");
    let _ = writeln!(text, ".SH NAME\n{} \\- {}", command.name, roff::inline(command.summary));
    heading(&mut text, "Interface");
    text.push_str(&usage(command));
    blocks(&mut text, page.under("Interface"), false);
    heading(&mut text, "Options");
    for flag in flags(command) {
        let _ = write!(text, ".TP\n{}\n{}", names(flag), roff::filled(&sentence(flag.help)));
    }
    blocks(&mut text, page.under("Options"), false);
    for section in &page.sections {
        if !["Interface", "Options"].contains(&section.heading) {
            heading(&mut text, section.heading);
            blocks(&mut text, &section.blocks, true);
        }
    }
    text
}

fn heading(text: &mut String, heading: &str) {
    let _ = writeln!(text, ".SH {}", heading.to_uppercase());
}

/// The command line: the name in bold, what is in the usage line behind it, folded between words.
fn usage(command: &Command) -> String {
    let usage = command.usage.lines().next().unwrap_or_default();
    let line = roff::exact(usage).replace("] [", "]\n[");
    format!("{} {line}\n", roff::bold(command.name)).replace(" \n", "\n")
}

/// The help of a flag is a part of a sentence in `--help`, where it stands in a column.
fn sentence(help: &str) -> String {
    let mut letters = help.chars();
    let first = letters.next().map_or(String::new(), |letter| letter.to_uppercase().collect());
    format!("{first}{}.", letters.as_str())
}

fn names(flag: &Flag) -> String {
    let names: Vec<String> = flag.names.iter().map(|name| roff::bold(&dashed(name))).collect();
    let value = flag.value.map(|value| format!(" {}", roff::italic(value)));
    names.join(", ") + &value.unwrap_or_default()
}

/// `first`: nothing stands between them and their heading, so that no space is due.
fn blocks(text: &mut String, blocks: &[Block], mut first: bool) {
    for block in blocks {
        match block {
            Block::Paragraph(prose) => {
                text.push_str(if first { "" } else { ".PP\n" });
                text.push_str(&roff::filled(prose));
            }
            Block::Item(Some(name), prose) => {
                let _ = write!(text, ".TP\n{}\n{}", roff::inline(name), roff::filled(prose));
            }
            Block::Item(None, prose) => {
                let _ = write!(text, ".IP \\(bu 2\n{}", roff::filled(prose));
            }
            Block::Literal(_, lines) => {
                let lines = roff::literal(lines);
                text.push_str(if first { lines.trim_start_matches(".PP\n") } else { &lines });
            }
        }
        first = false;
    }
}
