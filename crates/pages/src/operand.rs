//! What the words of a usage line stand for, so that a shell knows what to offer.

use cli::Command;

/// What may stand in the place of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A directory.
    Directory,
    /// Any file.
    File,
    /// An account of this machine.
    Account,
    /// A program; all that follows are its arguments.
    Program,
    /// Something no shell can know.
    Other,
}

/// The words of usage lines and flag values, in small letters and without brackets and dots.
const WORDS: [(&str, Kind); 13] = [
    ("dir", Kind::Directory),
    ("dirs", Kind::Directory),
    ("file", Kind::File),
    ("conf", Kind::File),
    ("drift", Kind::File),
    ("script", Kind::File),
    ("account", Kind::Account),
    ("child", Kind::Program),
    ("prog", Kind::Program),
    ("program", Kind::Program),
    ("command", Kind::Program),
    ("d", Kind::Directory),
    ("fn", Kind::File),
];

impl Kind {
    /// What the word stands for.
    pub(crate) fn of(word: &str) -> Self {
        let word = word.trim_matches(['[', ']', '.']).to_lowercase();
        WORDS.iter().find(|(known, _)| *known == word).map_or(Self::Other, |(_, kind)| *kind)
    }
}

/// An operand of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Operand {
    /// Its word in the usage line.
    pub(crate) word: String,
    pub(crate) kind: Kind,
    /// It may be given again, or is followed by more of its kind.
    pub(crate) repeated: bool,
}

/// The operands of a command, as its usage line names them: all that is not a flag in brackets.
pub(crate) fn operands(command: &Command) -> Vec<Operand> {
    let usage = command.usage.lines().next().unwrap_or_default();
    let mut operands = Vec::new();
    let mut depth = 0;
    let mut in_flag = false;
    for word in usage.split_whitespace() {
        in_flag &= depth > 0;
        in_flag |= word.trim_start_matches('[').starts_with('-');
        if !in_flag && let Some(operand) = operand(word) {
            operands.push(operand);
        }
        depth += word.matches('[').count();
        depth = depth.saturating_sub(word.matches(']').count());
        if operands.last().is_some_and(|it| it.kind == Kind::Program) {
            break;
        }
    }
    operands
}

fn operand(word: &str) -> Option<Operand> {
    let name = word.trim_matches(['[', ']', '.']);
    (!name.is_empty()).then(|| Operand {
        word: name.to_owned(),
        kind: Kind::of(name),
        repeated: word.contains("..."),
    })
}
