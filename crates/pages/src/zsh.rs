//! Completions for zsh: one function for all programs, with an `_arguments` for each.

use std::fmt::Write as _;

use cli::{Command, Flag};

use crate::operand::{Kind, Operand, operands};
use crate::{HEAD, Suite, dashed, flags};

/// How an `_arguments` begins: letters cluster, and no flag is read after `--` or an operand.
const ARGUMENTS: &str = "_arguments -s -S -A '-*'";

/// The file for zsh's `site-functions`.
pub(crate) fn script(suite: &Suite<'_>) -> String {
    let mut text = String::from("#compdef");
    suite.programs().for_each(|command| {
        let _ = write!(text, " {}", command.name);
    });
    let _ = write!(text, "\n# {HEAD}.\n\nlocal command=$service\n");
    text.push_str(&front(suite));
    text.push_str("case $command in\n");
    for command in suite.callable() {
        let _ = writeln!(text, "{})\n\t{ARGUMENTS}{}\n\t;;", command.name, specs(command));
    }
    text.push_str("esac\n");
    text
}

/// keepup itself: the name of a command, then what that command takes.
fn front(suite: &Suite<'_>) -> String {
    let mut text =
        String::from("if [[ $command == keepup ]]; then\n\tif (( CURRENT == 2 )); then\n");
    text.push_str("\t\tlocal -a commands=(\n");
    for command in &suite.commands {
        let _ =
            writeln!(text, "\t\t\t{}", quoted(&format!("{}:{}", command.name, command.summary)));
    }
    let flags: String = flags(suite.front).map(flag).collect();
    let flags = flags.replace("\n\t\t", "\n\t\t\t");
    let _ = write!(
        text,
        "\t\t)\n\t\t_describe command commands\n\t\t{ARGUMENTS}{flags}\n\t\treturn\n\tfi\n\
         \tshift words\n\t(( CURRENT-- ))\n\tcommand=$words[1]\nfi\n"
    );
    text
}

fn specs(command: &Command) -> String {
    let mut text: String = flags(command).map(flag).collect();
    for (at, operand) in (1..).zip(operands(command)) {
        text.push_str(&argument(at, &operand));
    }
    text
}

/// `'*'{-c+,--configfile=}'[read CONF]:CONF:_files'`: any flag may be given again.
fn flag(flag: &Flag) -> String {
    let names: Vec<String> = flag.names.iter().map(|name| spelled(name, flag.value)).collect();
    let names = match names.as_slice() {
        [only] => only.clone(),
        [..] => format!("{{{}}}", names.join(",")),
    };
    let value = flag
        .value
        .map_or(String::new(), |value| format!(":{}:{}", escaped(value), action(Kind::of(value))));
    format!(" \\\n\t\t'*'{names}{}", quoted(&format!("[{}]{value}", escaped(flag.help))))
}

/// A value may follow or be joined: `-c+` and `--configfile=`.
fn spelled(name: &str, value: Option<&str>) -> String {
    let joint = match value {
        None => "",
        Some(_) if name.chars().count() == 1 => "+",
        Some(_) => "=",
    };
    dashed(name) + joint
}

fn argument(at: usize, operand: &Operand) -> String {
    let word = escaped(&operand.word);
    let action = action(operand.kind);
    match operand.kind {
        Kind::Program => {
            format!(" \\\n\t\t'(-){at}:{word}:{action}' \\\n\t\t'*::arguments:_normal'")
        }
        Kind::Directory | Kind::File | Kind::Account | Kind::Other => {
            let at = if operand.repeated { "*".to_owned() } else { at.to_string() };
            format!(" \\\n\t\t'{at}:{word}:{action}'")
        }
    }
}

fn action(kind: Kind) -> &'static str {
    match kind {
        Kind::Directory => "_directories",
        Kind::File => "_files",
        Kind::Account => "_users",
        Kind::Program => "_command_names -e",
        Kind::Other => " ",
    }
}

/// What `_arguments` would read as its own.
fn escaped(text: &str) -> String {
    text.replace('[', "\\[").replace(']', "\\]").replace(':', "\\:")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
