//! What a script names that has to be there: users, directories, programs.

use crate::script::{Logger, Named, Reading, TAKEN_MAX, chain::Chain, config, main_chains, words};
use crate::shell::{Command, Ends, Script, Word};

/// All that the script names and becomes.
pub(super) fn read(script: &Script) -> Reading {
    let mut reading = Reading { stays_in_place: true, ..Reading::default() };
    for command in script.commands() {
        match command.name() {
            Some("cd" | "chdir" | "pushd" | "chroot") => reading.stays_in_place = false,
            Some("." | "source" | "eval") => reading.names_are_open = true,
            Some(_) | None => {}
        }
        path(&mut reading, command);
    }
    for (command, chain) in main_chains(script) {
        if reading.programs.len() < TAKEN_MAX {
            named(&mut reading, script, command, &chain);
        }
    }
    reading
}

/// `PATH=...` and `export PATH=...`.
fn path(reading: &mut Reading, command: &Command) {
    let exported = matches!(command.name(), Some("export" | "readonly"));
    let alone = command.words.is_empty() || exported;
    let assignments = command.assignments.iter().chain(&command.words);
    for word in assignments {
        let Some(value) = word.text.strip_prefix("PATH=") else { continue };
        let rest = value.replace("${PATH}", "$PATH").replace("$PATH", "");
        if !alone || rest.contains(['$', '`', '~']) {
            reading.names_are_open = true;
        }
        reading.path = Some(value.replace("${PATH}", "$PATH"));
    }
}

fn named(reading: &mut Reading, script: &Script, command: &Command, chain: &Chain<'_>) {
    let line = command.line;
    let named = |name: &str, by: &str| Named { line, name: name.into(), by: by.into() };
    let mut user = None;
    for loader in &chain.loaders {
        if let Some(name) = loader.user() {
            reading.users.push(named(name, loader.name));
        }
        if loader.changes_user() {
            user = loader.user().map(str::to_owned);
        }
        if let Some(directory) = loader.envdir() {
            reading.envdirs.push(named(directory, loader.name));
        }
    }
    // What stands in a branch or after `&&` may be there for a machine that is not this one.
    let guarded = !command.within.is_empty() || is_guarded(script, command);
    let soon_over = chain.name().is_none_or(words::is_soon_over);
    if !guarded && (chain.is_exec() || !soon_over) {
        programs(reading, script, command, chain);
        config::read(reading, script, command, chain);
    }
    logger(reading, line, user, chain);
}

/// Whether the command runs only where the one before it succeeds.
fn is_guarded(script: &Script, command: &Command) -> bool {
    let before = script.commands().take_while(|it| !std::ptr::eq(*it, command)).last();
    before.is_some_and(|before| matches!(before.ends, Ends::And | Ends::Or))
}

fn programs(reading: &mut Reading, script: &Script, command: &Command, chain: &Chain<'_>) {
    let mut add = |name: &str| {
        let own = script.functions.iter().any(|function| function == name);
        let elsewhere = chain.has("env") && !name.contains('/');
        if !own && !elsewhere && !words::is_of_shell(name) && name != "busybox" {
            reading.programs.push(Named {
                line: command.line,
                name: name.to_owned(),
                by: String::new(),
            });
        }
    };
    let first = chain.loaders.iter().filter(|loader| !matches!(loader.name, "exec" | "command"));
    first.for_each(|loader| add(loader.name));
    let of_busybox = chain.loaders.last().is_some_and(|loader| loader.name == "busybox");
    if let Some(program) = chain.program.filter(|_| !of_busybox) {
        add(program);
    }
}

fn logger(reading: &mut Reading, line: u32, user: Option<String>, chain: &Chain<'_>) {
    let Some(program @ ("multilog" | "svlogd" | "s6-log")) = chain.name() else { return };
    let is_directory = |word: &&Word| word.text.starts_with(['.', '/']);
    let directories = chain.args.iter().filter(is_directory).filter_map(Word::known);
    let directories: Vec<String> = directories.map(str::to_owned).collect();
    let words = chain.args.iter().map(|word| word.known().map(str::to_owned)).collect();
    reading.loggers.push(Logger { line, program: program.to_owned(), user, directories, words });
}
