//! Finds the simple commands of a script, and how each follows the one before.

use crate::shell::lex::{self, Kind, Redirect, Token, Word};

/// How deep `if`, loops and groups are followed into each other; beyond, the script is given up.
const NESTING_MAX: usize = 32;

/// What stands between a command and the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Ends {
    /// A newline, a semicolon, or the end.
    #[default]
    Here,
    /// `&`
    Background,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `|`
    Pipe,
}

/// What a command is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Within {
    /// Between `if` and `then`, `while` and `do`.
    Condition,
    /// A branch of `if` or `case`.
    Branch,
    /// Between `do` and `done`.
    Loop,
    /// `{ }`
    Group,
    /// `( )`
    Subshell,
    /// The body of a function.
    Function,
}

/// A simple command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Command {
    /// Where it begins, counted from 1.
    pub(crate) line: u32,
    pub(crate) assignments: Vec<Word>,
    /// Its name and arguments.
    pub(crate) words: Vec<Word>,
    pub(crate) redirects: Vec<Redirect>,
    pub(crate) ends: Ends,
    /// The innermost last; empty at the top.
    pub(crate) within: Vec<Within>,
    /// Whether it reads from a pipe.
    pub(crate) piped: bool,
}

impl Command {
    fn is_empty(&self) -> bool {
        self.words.is_empty() && self.assignments.is_empty() && self.redirects.is_empty()
    }

    /// Its name, where that is known before it runs.
    pub(crate) fn name(&self) -> Option<&str> {
        self.words.first()?.known()
    }
}

/// What happens, in the order it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Command(Command),
    /// The end of an `if`, a loop, a group, ...
    Close {
        line: u32,
        ends: Ends,
        /// What is around it.
        within: Vec<Within>,
    },
}

/// A script, as far as it can be read.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    /// The names of its functions.
    pub(crate) functions: Vec<String>,
    /// Whether it makes no sense to us from somewhere on.
    pub(crate) broken: bool,
}

impl Script {
    pub(crate) fn commands(&self) -> impl Iterator<Item = &Command> {
        self.steps.iter().filter_map(|step| match step {
            Step::Command(command) => Some(command),
            Step::Close { .. } => None,
        })
    }
}

/// Reads `text`.
pub(crate) fn parse(text: &str) -> Script {
    let cut = lex::tokens(text);
    let mut parser = Parser::default();
    parser.script.broken = cut.broken;
    let mut tokens = cut.tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_function = token.kind == Kind::Open
            && (parser.function || parser.may_be_function())
            && tokens.next_if(|next| next.kind == Kind::Close).is_some();
        if is_function {
            parser.function();
        } else {
            parser.token(token);
        }
        if parser.frames.len() > NESTING_MAX {
            parser.script.broken = true;
            return parser.script;
        }
    }
    parser.finish(Ends::Here);
    parser.script.broken |= !parser.frames.is_empty();
    parser.script
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    If { condition: bool },
    While { condition: bool },
    For { header: bool },
    Case { place: InCase },
    Group { function: bool },
    Subshell { function: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InCase {
    /// Before `in`.
    Header,
    /// Before the `)` of a branch.
    Pattern,
    Branch,
}

impl Frame {
    fn within(self) -> Within {
        match self {
            Self::If { condition: true } | Self::While { condition: true } => Within::Condition,
            Self::If { condition: false } | Self::Case { .. } => Within::Branch,
            Self::While { condition: false } | Self::For { .. } => Within::Loop,
            Self::Group { function: true } | Self::Subshell { function: true } => Within::Function,
            Self::Group { function: false } => Within::Group,
            Self::Subshell { function: false } => Within::Subshell,
        }
    }
}

#[derive(Default)]
struct Parser {
    script: Script,
    frames: Vec<Frame>,
    current: Command,
    /// The next command reads from a pipe.
    piped: bool,
    /// The next group is the body of a function.
    function: bool,
    /// Something was closed and nothing has come since.
    closed: bool,
    /// Inside `[[ ]]`, where operators are words.
    test: bool,
}

impl Parser {
    fn within(&self) -> Vec<Within> {
        self.frames.iter().map(|frame| frame.within()).collect()
    }

    fn may_be_function(&self) -> bool {
        let name = matches!(self.current.words.as_slice(), [name] if !name.quoted && !name.expands);
        name && self.current.assignments.is_empty() && !self.test
    }

    /// `name ( )` was read.
    fn function(&mut self) {
        let name = std::mem::take(&mut self.current).words.pop();
        self.script.functions.extend(name.map(|name| name.text));
        self.function = true;
    }

    fn token(&mut self, token: Token) {
        let line = token.line;
        if self.test {
            return self.in_test(token);
        }
        match token.kind {
            Kind::Word(word) => self.word(line, word),
            Kind::Redirect(redirect) if !self.closed => {
                self.begin(line);
                self.current.redirects.push(redirect);
            }
            Kind::Redirect(_) => {}
            Kind::Newline | Kind::Semicolon => self.finish(Ends::Here),
            Kind::Background => self.finish(Ends::Background),
            Kind::And => self.finish(Ends::And),
            Kind::Or => self.finish(Ends::Or),
            Kind::Pipe => self.pipe(),
            Kind::Open => self.open(),
            Kind::Close => self.close_parenthesis(line),
            Kind::DoubleSemicolon => {
                self.finish(Ends::Here);
                self.turn(|frame| match frame {
                    Frame::Case { place } => *place = InCase::Pattern,
                    Frame::If { .. }
                    | Frame::While { .. }
                    | Frame::For { .. }
                    | Frame::Group { .. }
                    | Frame::Subshell { .. } => {}
                });
            }
        }
    }

    fn in_test(&mut self, token: Token) {
        if let Kind::Word(word) = token.kind {
            self.test = word.text != "]]";
            self.begin(token.line);
            self.current.words.push(word);
        } else if token.kind == Kind::Newline && self.current.words.len() > 64 {
            self.script.broken = true;
            self.test = false;
        }
    }

    fn begin(&mut self, line: u32) {
        if self.current.is_empty() {
            self.current.line = line;
        }
    }

    /// Changes the innermost frame.
    fn turn(&mut self, change: impl Fn(&mut Frame)) {
        match self.frames.last_mut() {
            Some(frame) => change(frame),
            None => self.script.broken = true,
        }
    }

    fn pipe(&mut self) {
        let in_pattern = matches!(
            self.frames.last(),
            Some(Frame::Case { place: InCase::Header | InCase::Pattern })
        );
        if !in_pattern {
            self.finish(Ends::Pipe);
        }
    }

    fn open(&mut self) {
        match self.frames.last() {
            Some(Frame::Case { place: InCase::Pattern }) => {}
            _ if self.current.is_empty() => {
                let function = std::mem::take(&mut self.function);
                self.frames.push(Frame::Subshell { function });
            }
            _ => self.script.broken = true,
        }
    }

    fn close_parenthesis(&mut self, line: u32) {
        if let Some(Frame::Case { place: place @ InCase::Pattern }) = self.frames.last_mut() {
            *place = InCase::Branch;
            self.current = Command::default();
            return;
        }
        self.close(line, |frame| matches!(frame, Frame::Subshell { .. }));
    }

    /// Ends the command that is being read.
    fn finish(&mut self, ends: Ends) {
        let command = std::mem::take(&mut self.current);
        if !command.is_empty() {
            let (within, piped) = (self.within(), std::mem::take(&mut self.piped));
            self.script.steps.push(Step::Command(Command { ends, within, piped, ..command }));
            self.piped = ends == Ends::Pipe;
        } else if self.closed {
            if let Some(Step::Close { ends: last, .. }) = self.script.steps.last_mut() {
                *last = ends;
            }
            self.piped = ends == Ends::Pipe;
        }
        self.closed = false;
    }

    fn close(&mut self, line: u32, belongs: impl Fn(Frame) -> bool) {
        self.finish(Ends::Here);
        if !self.frames.pop().is_some_and(belongs) {
            self.script.broken = true;
        }
        self.script.steps.push(Step::Close { line, ends: Ends::Here, within: self.within() });
        self.closed = true;
    }

    fn word(&mut self, line: u32, word: Word) {
        match self.frames.last_mut() {
            Some(Frame::Case { place: InCase::Pattern }) if word.text == "esac" => {
                return self.close(line, |frame| matches!(frame, Frame::Case { .. }));
            }
            Some(Frame::Case { place: InCase::Pattern }) => return,
            Some(Frame::Case { place: place @ InCase::Header }) => {
                if word.text == "in" && !word.quoted {
                    *place = InCase::Pattern;
                }
                return;
            }
            Some(Frame::For { header }) if *header => {
                *header = word.quoted || word.text != "do";
                return;
            }
            _ => {}
        }
        let may_be_reserved = self.current.is_empty() && !word.quoted && !word.expands;
        if may_be_reserved && self.reserved(line, &word.text) {
            return;
        }
        self.closed = false;
        self.begin(line);
        if self.current.words.is_empty() && is_assignment(&word.text) {
            self.current.assignments.push(word);
        } else {
            self.test = self.current.words.is_empty() && word.text == "[[";
            self.current.words.push(word);
        }
    }

    /// Whether the word is one of the language's own here.
    fn reserved(&mut self, line: u32, word: &str) -> bool {
        match word {
            "if" => self.frames.push(Frame::If { condition: true }),
            "elif" => self.set_if(true),
            "then" | "else" => self.set_if(false),
            "while" | "until" => self.frames.push(Frame::While { condition: true }),
            "for" | "select" => self.frames.push(Frame::For { header: true }),
            "do" => self.turn(|frame| {
                if let Frame::While { condition } = frame {
                    *condition = false;
                }
            }),
            "fi" => self.close(line, |frame| matches!(frame, Frame::If { .. })),
            "done" => {
                let belongs = |frame| matches!(frame, Frame::While { .. } | Frame::For { .. });
                self.close(line, belongs);
            }
            "case" => self.frames.push(Frame::Case { place: InCase::Header }),
            "esac" => self.close(line, |frame| matches!(frame, Frame::Case { .. })),
            "{" => {
                let function = std::mem::take(&mut self.function);
                self.frames.push(Frame::Group { function });
            }
            "}" => self.close(line, |frame| matches!(frame, Frame::Group { .. })),
            "!" | "time" => {}
            "function" => self.function = true,
            _ if self.function => self.script.functions.push(word.to_owned()),
            _ => return false,
        }
        true
    }

    fn set_if(&mut self, condition: bool) {
        self.finish(Ends::Here);
        self.turn(|frame| {
            if let Frame::If { condition: now } = frame {
                *now = condition;
            }
        });
    }
}

/// Whether it is `NAME=value`.
fn is_assignment(text: &str) -> bool {
    let Some((name, _)) = text.split_once('=') else { return false };
    let name = name.strip_suffix('+').unwrap_or(name);
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}
