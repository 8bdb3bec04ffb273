//! Completions for bash: one function for all programs, with a branch for each.

use std::fmt::Write as _;

use cli::Command;

use crate::operand::{Kind, Operand, operands};
use crate::{HEAD, Suite, dashed, flags};

const BEGIN: &str = r"
_keepup() {
	local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[0]##*/} at=1
	if [[ $command == keepup ]] && ((COMP_CWORD > 1)); then
		command=${COMP_WORDS[1]} at=2
	fi
	local flags= operands=() rest= is_operand=
	local -A values=()
	case $command in
";

/// What the words before the one at the cursor leave open.
const END: &str = r#"	*) return ;;
	esac
	local first=$at kind=
	for ((; at < COMP_CWORD; at++)); do
		case ${COMP_WORDS[at]} in
		--) is_operand=1 first=$((at + 1)) && break ;;
		-*) [[ ${values[${COMP_WORDS[at]}]} ]] && ((at++)) ;;
		*) is_operand=1 first=$at && break ;;
		esac
	done
	if ((at > COMP_CWORD)); then
		kind=${values[${COMP_WORDS[COMP_CWORD - 1]}]}
	elif [[ ! $is_operand && $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$word")
		return
	else
		[[ $is_operand ]] || first=$COMP_CWORD
		kind=${operands[COMP_CWORD - first]:-$rest}
	fi
	case $kind in
	directory) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
	file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	account) mapfile -t COMPREPLY < <(compgen -u -- "$word") ;;
	program) mapfile -t COMPREPLY < <(compgen -c -- "$word") ;;
	name) mapfile -t COMPREPLY < <(compgen -W "$names" -- "$word") ;;
	*) COMPREPLY=() ;;
	esac
}

complete -F _keepup"#;

/// The file for bash-completion, which is looked for by the name of each program.
pub(crate) fn script(suite: &Suite<'_>) -> String {
    let mut text = format!("# bash completions of keepup and its commands. {HEAD}.\n{BEGIN}");
    let names: Vec<&str> = suite.commands.iter().map(|command| command.name).collect();
    let names = format!("operands=(name) names='{}'", names.join(" "));
    text.push_str(&branch(suite.front, &names));
    for command in suite.callable() {
        text.push_str(&branch(command, &takes(command)));
    }
    text.push_str(END);
    suite.programs().for_each(|command| {
        let _ = write!(text, " {}", command.name);
    });
    text.push('\n');
    text
}

/// The branch of a command: its flags, their values, and `operands`.
fn branch(command: &Command, operands: &str) -> String {
    let names: Vec<String> = flags(command).flat_map(|it| it.names).map(|it| dashed(it)).collect();
    let mut text = format!("\t{})\n\t\tflags='{}'\n", command.name, names.join(" "));
    let values = flags(command).filter_map(|flag| Some((flag, flag.value?)));
    for (flag, value) in values {
        for name in flag.names {
            let kind = word(Kind::of(value));
            let _ = writeln!(text, "\t\tvalues[{}]={kind}", dashed(name));
        }
    }
    let _ = writeln!(text, "\t\t{operands}\n\t\t;;");
    text
}

/// What each operand may be, and what may follow the last.
fn takes(command: &Command) -> String {
    let operands = operands(command);
    let kinds: Vec<&str> = operands.iter().map(|operand| word(operand.kind)).collect();
    format!("operands=({}) rest={}", kinds.join(" "), operands.last().map_or("", rest))
}

/// What may follow the last operand.
fn rest(last: &Operand) -> &'static str {
    match last.kind {
        Kind::Program => "file",
        Kind::Directory | Kind::File | Kind::Account | Kind::Other if last.repeated => {
            word(last.kind)
        }
        Kind::Directory | Kind::File | Kind::Account | Kind::Other => "",
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Directory => "directory",
        Kind::File => "file",
        Kind::Account => "account",
        Kind::Program => "program",
        Kind::Other => "other",
    }
}
