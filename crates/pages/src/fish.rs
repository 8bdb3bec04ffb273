//! Completions for fish: a line for each flag and operand, once for the command by its own name and
//! once for `keepup COMMAND`.

use std::fmt::Write as _;

use cli::{Command, Flag};

use crate::operand::{Kind, operands};
use crate::{HEAD, Suite, dashed, flags};

/// Who is asked for, and how far its operands have come. Sourced twice, it says the same.
const FUNCTIONS: &str = r#"
# keepup runs this command, or is called by its name.
function __keepup_runs
	set -l words (commandline -opc)
	test (string replace -r '.*/' '' -- $words[1]) = $argv[1]; and return
	test "$words[2]" = $argv[1]
end

# That command's next word is its Nth operand, or with N+ one from the Nth on; the further arguments
# are the flags that take a value.
function __keepup_operand
	__keepup_runs $argv[1]; or return
	set -l words (commandline -opc)
	set -l count 1
	set -l at 2
	test (string replace -r '.*/' '' -- $words[1]) = keepup; and set at 3
	while test $at -le (count $words)
		if contains -- $words[$at] $argv[3..]
			set at (math $at + 1)
		else if test $count -gt 1; or not string match -q -- '-*' $words[$at]
			set count (math $count + 1)
		end
		set at (math $at + 1)
	end
	test $count = $argv[2]; and return
	string match -q -- '*+' $argv[2]; and test $count -ge (string trim -c + $argv[2])
end

"#;

/// The file for fish's `vendor_completions.d`, where it is looked for by the name of each program.
pub(crate) fn script(suite: &Suite<'_>) -> String {
    let mut text = format!("# fish completions of keepup and its commands. {HEAD}.\n{FUNCTIONS}");
    let first = "-n '__fish_is_nth_token 1'";
    for command in &suite.commands {
        let summary = quoted(command.summary);
        let _ = writeln!(text, "complete -c keepup {first} -x -a {} -d {summary}", command.name);
    }
    for it in flags(suite.front) {
        let _ = writeln!(text, "complete -c keepup {first}{}", flag(it));
    }
    for command in suite.callable() {
        let by_front = suite.commands.iter().any(|it| it.name == command.name);
        text.push('\n');
        for line in lines(command) {
            let _ = writeln!(text, "complete -c {} {line}", command.name);
            if by_front {
                let _ = writeln!(text, "complete -c keepup {line}");
            }
        }
    }
    text
}

/// What follows the name in each of a command's lines.
fn lines(command: &Command) -> Vec<String> {
    let runs = format!("-n '__keepup_runs {}'", command.name);
    // Files are offered where a line says so, and nowhere else.
    let mut lines = vec![format!("{runs} -f")];
    lines.extend(flags(command).map(|it| format!("{runs}{}", flag(it))));
    let valued = flags(command).filter(|flag| flag.value.is_some()).flat_map(|flag| flag.names);
    let valued: Vec<String> = valued.map(|name| dashed(name)).collect();
    let valued = valued.join(" ");
    for (at, operand) in (1..).zip(operands(command)) {
        let more = if operand.repeated || operand.kind == Kind::Program { "+" } else { "" };
        let asked = format!("__keepup_operand {} {at}{more} {valued}", command.name);
        let when = format!("-n '{}'", asked.trim_end());
        lines.push(format!("{when}{}", action(operand.kind)));
    }
    lines
}

fn flag(flag: &Flag) -> String {
    let mut text = String::new();
    for name in flag.names {
        let kind = if name.chars().count() == 1 { "-s" } else { "-l" };
        let _ = write!(text, " {kind} {name}");
    }
    if let Some(value) = flag.value {
        text.push_str(match Kind::of(value) {
            Kind::Other => " -x",
            Kind::Directory => " -x -a '(__fish_complete_directories)'",
            Kind::File => " -r -F",
            Kind::Account => " -x -a '(__fish_complete_users)'",
            Kind::Program => " -x -a '(__fish_complete_command)'",
        });
    }
    let _ = write!(text, " -d {}", quoted(flag.help));
    text
}

fn action(kind: Kind) -> &'static str {
    match kind {
        Kind::Directory => " -x -a '(__fish_complete_directories)'",
        Kind::File => " -F",
        Kind::Account => " -x -a '(__fish_complete_users)'",
        Kind::Program => " -x -a '(__fish_complete_subcommand)'",
        Kind::Other => " -x",
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
