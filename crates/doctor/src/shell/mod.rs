//! Just enough of the shell's language to read a run script: what is run, in which order, and how
//! one thing follows another. What is expanded when it runs is known to be unknown.

mod lex;
mod parse;

pub(crate) use lex::{Redirect, Word};
pub(crate) use parse::{Command, Ends, Script, Step, Within, parse};

/// The words of a line that is known to hold words only, as a row of a table does.
pub(crate) fn words(line: &str) -> Vec<String> {
    let tokens = lex::tokens(line).tokens;
    let words = tokens.into_iter().filter_map(|token| match token.kind {
        lex::Kind::Word(word) => Some(word.text),
        lex::Kind::Newline
        | lex::Kind::Semicolon
        | lex::Kind::DoubleSemicolon
        | lex::Kind::Background
        | lex::Kind::And
        | lex::Kind::Or
        | lex::Kind::Pipe
        | lex::Kind::Open
        | lex::Kind::Close
        | lex::Kind::Redirect(_) => None,
    });
    words.collect()
}

#[cfg(test)]
mod tests;
