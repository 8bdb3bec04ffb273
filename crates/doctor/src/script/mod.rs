//! Reads a run script and says what is wrong with it, and what else has to be looked at for that:
//! users, directories, programs.
//!
//! A false alarm does more harm than a silence, so nothing is said of what is expanded when the
//! script runs, of functions, and of scripts that cannot be read to their end.

mod chain;
mod config;
mod judge;
mod names;
mod words;

use crate::finding::Finding;
use crate::foreground;
use crate::shell::{self, Command, Ends, Script, Step, Within};
use chain::Chain;

/// What is known of the place where a script runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Whether its output goes to a logger.
    pub logged: bool,
    /// Whether it is a logger itself.
    pub is_logger: bool,
}

/// Something a script names, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Counted from 1.
    pub line: u32,
    /// What it names.
    pub name: String,
    /// The program that will look for it.
    pub by: String,
}

/// A logger that a script becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logger {
    /// Counted from 1.
    pub line: u32,
    /// `multilog`, `svlogd` or `s6-log`.
    pub program: String,
    /// The account it runs as, where the script changes it.
    pub user: Option<String>,
    /// Its log directories.
    pub directories: Vec<String>,
    /// All it is told; `None` stands for words that are known only when the script runs.
    pub words: Vec<Option<String>>,
}

/// What a script says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// What is wrong with the script itself.
    pub findings: Vec<Finding>,
    /// The accounts it changes to.
    pub users: Vec<Named>,
    /// The directories it takes its environment from.
    pub envdirs: Vec<Named>,
    /// The programs it becomes in the end, and the chain loaders before them.
    pub programs: Vec<Named>,
    /// The configurations that the programs it becomes are told to read.
    pub configs: Vec<Named>,
    /// The loggers it becomes.
    pub loggers: Vec<Logger>,
    /// Whether relative names are relative to the directory it is started in.
    pub stays_in_place: bool,
    /// The value it gives to `PATH`, where that is known; `$PATH` stands for the one it has.
    pub path: Option<String>,
    /// Whether the names of programs cannot be looked up: it reads another script, or its `PATH`
    /// is not known.
    pub names_are_open: bool,
    /// Whether it means to stay a shell with something below it: it waits, loops or traps.
    pub stays_a_shell: bool,
}

/// So many findings of each kind are taken from a script: more help nobody.
const TAKEN_MAX: usize = 32;

/// Whether the interpreter of a script reads the language of sh.
#[must_use]
pub fn is_shell(interpreter: &str) -> bool {
    const SHELLS: [&str; 9] =
        ["sh", "dash", "bash", "ash", "ksh", "mksh", "zsh", "busybox", "bash-static"];
    SHELLS.contains(&foreground::base(interpreter))
}

/// Reads the text of a shell script.
#[must_use]
pub fn read(text: &str, place: Place) -> Reading {
    let script = shell::parse(text);
    let mut reading = names::read(&script);
    if script.broken {
        // A line that is misread may be anything.
        return Reading { stays_a_shell: true, names_are_open: true, ..Reading::default() };
    }
    reading.stays_a_shell = judge::stays_a_shell(&script);
    reading.findings = judge::findings(&script, place);
    reading.findings.truncate(TAKEN_MAX);
    reading
}

/// The name of the program that the script becomes in the end.
#[must_use]
pub fn main_program(text: &str) -> Option<String> {
    let script = shell::parse(text);
    let command = mains(&script).into_iter().last()?;
    chain::unwrap(&command.words).name().map(str::to_owned)
}

/// The lines with which a script surely ends, as far as it can be read: it becomes another program
/// there, or exits, and what follows is never looked at.
#[must_use]
pub fn last_lines(text: &str) -> Vec<u32> {
    let script = shell::parse(text);
    let mut sure = true;
    let mut lines = Vec::new();
    for step in &script.steps {
        let (ends, is_last) = match step {
            Step::Command(command) => (command.ends, is_last(command)),
            Step::Close { ends, .. } => (*ends, None),
        };
        lines.extend(is_last.filter(|_| sure && ends == Ends::Here));
        sure = ends == Ends::Here;
    }
    lines
}

/// The line of a command at the top that the shell becomes, or exits with.
fn is_last(command: &Command) -> Option<u32> {
    let is_last = is_executed(command) || command.name() == Some("exit");
    (is_last && command.within.is_empty()).then_some(command.line)
}

/// The commands that a script becomes, or ends with: those it executes, and the last one.
fn mains(script: &Script) -> Vec<&Command> {
    let mut mains: Vec<&Command> = script.commands().filter(|it| is_executed(it)).collect();
    if let Some(last) = last(script)
        && !mains.iter().any(|main| std::ptr::eq(*main, last))
    {
        mains.push(last);
    }
    mains
}

/// Whether the shell becomes this command, in the script itself.
fn is_executed(command: &Command) -> bool {
    let apart = [Within::Condition, Within::Subshell, Within::Function];
    let in_script = !command.within.iter().any(|within| apart.contains(within));
    let pipes = command.piped || command.ends == Ends::Pipe;
    command.name() == Some("exec") && command.words.len() > 1 && in_script && !pipes
}

/// The command a script ends with, where it is a plain one.
fn last(script: &Script) -> Option<&Command> {
    let mut steps = script.steps.iter().rev();
    let mut step = steps.next()?;
    // `exec a || exit 1`: it is a that matters.
    while let Step::Command(command) = step
        && words::is_of_shell(command.name().unwrap_or_default())
        && let Some(before @ Step::Command(first)) = steps.next()
        && first.ends == Ends::Or
    {
        step = before;
    }
    match step {
        Step::Command(command) if command.within.is_empty() => Some(command),
        Step::Command(_) | Step::Close { .. } => None,
    }
}

/// The chains of the commands a script becomes.
fn main_chains(script: &Script) -> Vec<(&Command, Chain<'_>)> {
    mains(script).into_iter().map(|main| (main, chain::unwrap(&main.words))).collect()
}

#[cfg(test)]
mod tests;
