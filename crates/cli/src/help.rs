//! The text of `--help`, written from the flag table.

use crate::{Command, Flag};

const COLUMN: usize = 24;

/// Usage, summary, flags, and what else there is to know.
pub(crate) fn text(command: &Command) -> String {
    let mut text = format!("usage: {}\n\n{}\n\n", command.synopsis(), command.summary);
    for flag in command.flags {
        text.push_str(&line(&names(flag), flag.help));
    }
    text.push_str(&line("--help", "print this and exit"));
    text.push_str(&line("--version", "print the version and exit"));
    if !command.about.is_empty() {
        text.push('\n');
        text.push_str(command.about.trim());
        text.push('\n');
    }
    text
}

fn names(flag: &Flag) -> String {
    let mut names = flag
        .names
        .iter()
        .map(
            |name| if name.chars().count() == 1 { format!("-{name}") } else { format!("--{name}") },
        )
        .collect::<Vec<_>>()
        .join(", ");
    if let Some(value) = flag.value {
        names.push(' ');
        names.push_str(value);
    }
    names
}

fn line(names: &str, help: &str) -> String {
    if names.len() < COLUMN - 2 {
        format!("  {names:<width$}{help}\n", width = COLUMN - 2)
    } else {
        format!("  {names}\n{:COLUMN$}{help}\n", "")
    }
}
