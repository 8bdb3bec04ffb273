//! The configuration that a daemon of a script is told to read.

use crate::script::chain::Chain;
use crate::script::{Named, Reading, words};
use crate::shell::{Command, Script, Word};

/// A daemon whose configuration is looked at, as its manual has the flag.
struct Spec {
    name: &'static str,
    letter: char,
    long: &'static str,
    /// Its flags that take a value.
    valued: &'static str,
}

/// ntpd's are those of keepup and of the reference implementation.
const DAEMONS: [Spec; 2] = [
    Spec { name: "ntpd", letter: 'c', long: "--configfile", valued: "cDfiIklpPrstuUvVw" },
    Spec { name: "chronyd", letter: 'f', long: "", valued: "fFlLPtu" },
];

/// Adds the file that the last program of `chain` reads, unless the script itself may make it.
pub(super) fn read(reading: &mut Reading, script: &Script, command: &Command, chain: &Chain<'_>) {
    let Some(program) = chain.program.filter(|_| !chain.has("busybox")) else { return };
    let spec = DAEMONS.iter().find(|spec| chain.name() == Some(spec.name));
    let Some(name) = spec.and_then(|spec| spec.value(chain.args)) else { return };
    let others = || script.commands().filter(|it| !std::ptr::eq(*it, command));
    if others().any(|other| runs(other) || mentions(other, name)) {
        return;
    }
    let (line, name, by) = (command.line, name.to_owned(), program.to_owned());
    reading.configs.push(Named { line, name, by });
}

impl Spec {
    /// The value of the flag, where that is known; the last one counts.
    fn value<'a>(&self, args: &'a [Word]) -> Option<&'a str> {
        let mut found = None;
        let mut args = args.iter();
        while let Some(word) = args.next() {
            let text = word.text.as_str();
            if text == self.long {
                found = args.next()?.known();
            } else if let Some(rest) = text.strip_prefix(self.long).filter(|_| text.contains('=')) {
                let value = rest.strip_prefix('=').filter(|_| !self.long.is_empty());
                found = value.filter(|_| !word.expands).or(found);
            } else if let Some(letters) = text.strip_prefix('-').filter(|it| !it.starts_with('-')) {
                let Some(at) = letters.find(|letter| self.valued.contains(letter)) else {
                    continue;
                };
                let (_, rest) = letters.split_at(at);
                let joined = rest.get(1..).filter(|value| !value.is_empty());
                let value = match joined {
                    Some(value) => (!word.expands).then_some(value),
                    None => args.next()?.known(),
                };
                if rest.starts_with(self.letter) {
                    found = value;
                }
            }
        }
        found
    }
}

/// Whether it is a program, which may do anything.
fn runs(command: &Command) -> bool {
    command.name().is_some_and(|name| !words::is_of_shell(name) && name != "exec")
        || command.name() == Some("exec") && command.words.len() > 1
}

fn mentions(command: &Command, name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    let words = command.words.iter().chain(&command.assignments);
    let targets = command.redirects.iter().map(|redirect| &redirect.target);
    words.chain(targets).any(|word| word.text.contains(base))
}

#[cfg(test)]
mod tests {
    use crate::script::{Place, read};

    fn configs(text: &str) -> Vec<(u32, String)> {
        let reading = read(text, Place::default());
        reading.configs.into_iter().map(|named| (named.line, named.name)).collect()
    }

    #[test]
    fn the_file_is_found_however_the_flag_is_written() {
        for args in [
            "-c ./n",
            "-gnc ./n",
            "-gnc./n",
            "--configfile ./n",
            "--configfile=./n -g",
            "-p c -l c -c a -c ./n",
            "-g ${OBSERVE:+--observe} -c ./n -f ./ntp.drift",
            "-u ntp:ntp -c './n'",
        ] {
            let text = format!("#!/bin/sh\nexec 2>&1\nexec setuidgid ntp ntpd {args}\n");
            assert_eq!(configs(&text), [(3, "./n".to_owned())], "{args}");
        }
        assert_eq!(configs("exec chronyd -n -u c -f /c"), [(1, "/c".to_owned())]);
    }

    #[test]
    fn what_is_not_known_or_made_by_the_script_is_passed_over() {
        for text in [
            "exec ntpd -n -p c",
            "exec ntpd -n -f c -l ./c",
            "exec ntpd -n -c",
            "exec ntpd -n -c $CONF",
            "exec ntpd -n -c./$CONF",
            "exec ntpd -n --configfile=$CONF",
            "exec openntpd -d -c ./n",
            "exec busybox ntpd -n -c ./n",
            "echo server a >n\nexec ntpd -n -c ./n",
            "[ -e ./n ] || exit 1\nexec ntpd -n -c ./n",
            "./make-it\nexec ntpd -n -c ./n",
            "if true; then exec ntpd -n -c ./n; fi\nexec ntpd -n -p a",
        ] {
            assert_eq!(configs(text), [], "{text}");
        }
    }
}
