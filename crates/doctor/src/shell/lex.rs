//! Cuts a script into words and operators, as POSIX's "Token Recognition" has it.

use std::iter::Peekable;
use std::str::Chars;

/// How deep quotes and substitutions are followed into each other; beyond, the script is given up.
/// People write two or three levels.
const NESTING_MAX: u32 = 32;

/// A word, its quotes taken off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Word {
    /// What it says; an expansion stands in it as it is written.
    pub(crate) text: String,
    /// Whether the shell expands something in it, so that it will say something else.
    pub(crate) expands: bool,
    /// Whether a part of it is quoted: then it is no reserved word, and it stays one word.
    pub(crate) quoted: bool,
}

impl Word {
    /// What it says, where that is known before it runs.
    pub(crate) fn known(&self) -> Option<&str> {
        (!self.expands).then_some(&*self.text)
    }
}

/// `2>file`, `2>&1`, `<file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redirect {
    /// The descriptor, where it is written.
    pub(crate) fd: Option<u32>,
    /// `>`, `>>`, `>&`, `&>`, ...
    pub(crate) operator: String,
    /// Where to.
    pub(crate) target: Word,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Word(Word),
    Newline,
    Semicolon,
    /// Between the branches of a `case`.
    DoubleSemicolon,
    Background,
    And,
    Or,
    Pipe,
    Open,
    Close,
    Redirect(Redirect),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Counted from 1.
    pub(crate) line: u32,
    pub(crate) kind: Kind,
}

/// A script cut into pieces.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) tokens: Vec<Token>,
    /// Whether it makes no sense to us from somewhere on.
    pub(crate) broken: bool,
}

/// Cuts `script`.
pub(crate) fn tokens(script: &str) -> Tokens {
    let mut lexer = Lexer {
        rest: script.chars().peekable(),
        line: 1,
        out: Tokens::default(),
        documents: Vec::new(),
    };
    while lexer.token() {}
    lexer.out
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    line: u32,
    out: Tokens,
    /// The ends of the here-documents that begin after this line, and whether their tabs go.
    documents: Vec<(String, bool)>,
}

impl Lexer<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next();
        if next == Some('\n') {
            self.line = self.line.saturating_add(1);
        }
        next
    }

    fn peek(&mut self) -> Option<char> {
        self.rest.peek().copied()
    }

    /// The character after the next.
    fn second(&self) -> Option<char> {
        self.rest.clone().nth(1)
    }

    /// Takes the next character if it is this one.
    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }

    fn push(&mut self, line: u32, kind: Kind) {
        self.out.tokens.push(Token { line, kind });
    }

    /// Reads one token, or what is none; `false` at the end.
    fn token(&mut self) -> bool {
        let Some(next) = self.peek() else { return false };
        let line = self.line;
        match next {
            ' ' | '\t' | '\r' => {
                self.next();
            }
            '\n' => {
                self.next();
                self.push(line, Kind::Newline);
                self.skip_documents();
            }
            '\\' if self.second() == Some('\n') => {
                self.next();
                self.next();
            }
            '#' => while !matches!(self.peek(), None | Some('\n')) && self.next().is_some() {},
            '<' | '>' if self.second() == Some('(') => self.word_token(line),
            '<' | '>' => self.redirect(line, None),
            '&' if self.second() == Some('>') => {
                self.next();
                self.next();
                self.take('>');
                self.redirect_to(line, None, "&>".into());
            }
            ';' | '&' | '|' | '(' | ')' => self.operator(line, next),
            _ => self.word_token(line),
        }
        true
    }

    fn operator(&mut self, line: u32, first: char) {
        self.next();
        let kind = match first {
            ';' if self.take(';') || self.take('&') => {
                self.take('&');
                Kind::DoubleSemicolon
            }
            ';' => Kind::Semicolon,
            '&' if self.take('&') => Kind::And,
            '&' => Kind::Background,
            '|' if self.take('|') => Kind::Or,
            '|' => {
                self.take('&');
                Kind::Pipe
            }
            '(' => Kind::Open,
            _ => Kind::Close,
        };
        self.push(line, kind);
    }

    fn word_token(&mut self, line: u32) {
        let word = self.word();
        let fd = if word.quoted || word.expands { None } else { word.text.parse().ok() };
        if fd.is_some() && matches!(self.peek(), Some('<' | '>')) {
            self.redirect(line, fd);
        } else {
            self.push(line, Kind::Word(word));
        }
    }

    fn redirect(&mut self, line: u32, fd: Option<u32>) {
        let mut operator = String::new();
        operator.extend(self.next());
        while let Some(next) = self.peek() {
            let more = matches!(
                (operator.as_str(), next),
                ("<", '<' | '&' | '>') | ("<<", '<' | '-') | (">", '>' | '&' | '|')
            );
            if !more {
                break;
            }
            operator.push(next);
            self.next();
        }
        self.redirect_to(line, fd, operator);
    }

    fn redirect_to(&mut self, line: u32, fd: Option<u32>, operator: String) {
        while matches!(self.peek(), Some(' ' | '\t')) {
            self.next();
        }
        let target = self.word();
        if matches!(operator.as_str(), "<<" | "<<-") {
            self.documents.push((target.text.clone(), operator == "<<-"));
        }
        self.push(line, Kind::Redirect(Redirect { fd, operator, target }));
    }

    fn skip_documents(&mut self) {
        for (end, tabs_go) in std::mem::take(&mut self.documents) {
            while self.peek().is_some() {
                let mut text = String::new();
                while let Some(next) = self.next().filter(|next| *next != '\n') {
                    text.push(next);
                }
                let text = if tabs_go { text.trim_start_matches('\t') } else { &text };
                if text == end {
                    break;
                }
            }
        }
    }

    /// Reads a word; an empty one where something else begins.
    fn word(&mut self) -> Word {
        let mut word = Word::default();
        while let Some(next) = self.peek() {
            match next {
                '<' | '>' if word.text.is_empty() && self.second() == Some('(') => {
                    self.keep(&mut word);
                    self.parentheses(&mut word, 0);
                }
                '(' if word.text.ends_with('=') => self.parentheses(&mut word, 0),
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
                '\\' => self.escaped(&mut word),
                '\'' => self.single(&mut word),
                '"' => self.double(&mut word, 0),
                '$' => self.dollar(&mut word, 0),
                '`' => self.backquoted(&mut word),
                '*' | '?' | '[' | '{' => {
                    // A lone `[` or `{` is a command of that name.
                    let alone = word.text.is_empty()
                        && matches!(self.second(), None | Some(' ' | '\t' | '\n' | '['));
                    word.expands |= !alone;
                    self.keep(&mut word);
                }
                '~' if word.text.is_empty() => {
                    word.expands = true;
                    self.keep(&mut word);
                }
                _ => self.keep(&mut word),
            }
        }
        word
    }

    /// Takes the next character as it is.
    fn keep(&mut self, word: &mut Word) {
        word.text.extend(self.next());
    }

    fn escaped(&mut self, word: &mut Word) {
        self.next();
        if !self.take('\n') {
            word.quoted = true;
            self.keep(word);
        }
    }

    fn single(&mut self, word: &mut Word) {
        word.quoted = true;
        self.next();
        loop {
            match self.next() {
                Some('\'') => return,
                Some(next) => word.text.push(next),
                None => return self.out.broken = true,
            }
        }
    }

    fn double(&mut self, word: &mut Word, depth: u32) {
        word.quoted = true;
        self.next();
        loop {
            match self.peek() {
                Some('"') => {
                    self.next();
                    return;
                }
                Some('\\') => {
                    self.next();
                    if !self.take('\n') {
                        if !matches!(self.peek(), Some('$' | '`' | '"' | '\\')) {
                            word.text.push('\\');
                        }
                        self.keep(word);
                    }
                }
                Some('$') => self.dollar(word, depth),
                Some('`') => self.backquoted(word),
                Some(_) => self.keep(word),
                None => return self.out.broken = true,
            }
        }
    }

    /// A parameter, a substitution, or a dollar sign.
    fn dollar(&mut self, word: &mut Word, depth: u32) {
        self.keep(word);
        match self.peek() {
            Some('(') => self.parentheses(word, depth),
            Some('{') => self.braces(word, depth),
            Some(next) if next.is_ascii_alphanumeric() || next == '_' => {
                word.expands = true;
                while self.peek().is_some_and(|next| next.is_ascii_alphanumeric() || next == '_') {
                    self.keep(word);
                }
            }
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => {
                word.expands = true;
                self.keep(word);
            }
            Some(_) | None => {}
        }
    }

    fn backquoted(&mut self, word: &mut Word) {
        word.expands = true;
        self.keep(word);
        loop {
            match self.peek() {
                Some('`') => return self.keep(word),
                Some('\\') => {
                    self.keep(word);
                    self.keep(word);
                }
                Some(_) => self.keep(word),
                None => return self.out.broken = true,
            }
        }
    }

    fn parentheses(&mut self, word: &mut Word, depth: u32) {
        self.nested(word, depth, '(', ')');
    }

    fn braces(&mut self, word: &mut Word, depth: u32) {
        self.nested(word, depth, '{', '}');
    }

    /// Takes all from `open` to the `close` that belongs to it.
    fn nested(&mut self, word: &mut Word, depth: u32, open: char, close: char) {
        word.expands = true;
        let mut level = 0_u32;
        while let Some(next) = self.peek() {
            if depth >= NESTING_MAX {
                break;
            }
            match next {
                '\\' => {
                    self.keep(word);
                    self.keep(word);
                }
                '\'' if open == '(' => self.single(word),
                '"' => self.double(word, depth + 1),
                '$' => self.dollar(word, depth + 1),
                _ => {
                    self.keep(word);
                    if next == open {
                        level += 1;
                    } else if next == close {
                        level = level.saturating_sub(1);
                        if level == 0 {
                            return;
                        }
                    }
                }
            }
        }
        // Too deep, or it never ends: what follows is not to be understood.
        self.out.broken = true;
        while self.next().is_some() {}
    }
}
