//! Text in the language of man(7): what must be quoted, and where lines end.

use std::fmt::Write as _;

/// Input lines end here: `mandoc -T lint` wants no longer ones.
const COLUMNS: usize = 78;

/// Letters that roff would turn into prettier ones, or reads as its own, and what stands for them.
const QUOTED: [(char, &str); 6] =
    [('\\', "\\e"), ('-', "\\-"), ('\'', "\\(aq"), ('`', "\\(ga"), ('^', "\\(ha"), ('~', "\\(ti")];

/// Text that is copied and typed: every letter stands for itself.
pub(crate) fn exact(text: &str) -> String {
    let mut quoted = String::new();
    for letter in text.chars() {
        match QUOTED.iter().find(|(special, _)| *special == letter) {
            Some((_, instead)) => quoted.push_str(instead),
            None => quoted.push(letter),
        }
    }
    quoted
}

/// Prose: only the backslash must be quoted.
fn plain(text: &str) -> String {
    text.replace('\\', "\\e")
}

pub(crate) fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", exact(text))
}

pub(crate) fn italic(text: &str) -> String {
    format!("\\fI{}\\fR", exact(text))
}

/// Prose with `code` in it, in bold, on one line.
pub(crate) fn inline(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { bold(part) } else { plain(part) }).collect()
}

/// Prose in lines, a new one after each sentence.
pub(crate) fn filled(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in inline(text).split(' ') {
        let Some(line) = lines.last_mut() else { break };
        let ended = line.ends_with(['.', '?', '!']) || line.ends_with(".)");
        if !line.is_empty() && (ended || line.len() + word.len() >= COLUMNS) {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{}", guarded(line));
        text
    })
}

/// Lines as they are.
pub(crate) fn literal(text: &str) -> String {
    let mut quoted = String::from(".PP\n.RS 4\n.nf\n");
    for line in text.lines() {
        let _ = writeln!(quoted, "{}", guarded(&exact(line)));
    }
    quoted.push_str(".fi\n.RE\n");
    quoted
}

/// A line that is no request, whatever it begins with.
fn guarded(line: &str) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() }
}
