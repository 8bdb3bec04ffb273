//! Whether a shell can read a script to its end: it is asked, with `-n`, which has it execute
//! nothing.
//!
//! The script may be anybody's, and names its interpreter itself. So a shell is asked only where
//! root alone could have put it there, with an empty environment, and for a limited time.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use doctor::program::{Start, start};
use doctor::{Finding, script};

/// Shells that know `-n` and read no other file with it (zsh does).
const SHELLS: [&str; 6] = ["sh", "dash", "bash", "ash", "ksh", "mksh"];
/// Where the system keeps them.
const DIRECTORIES: [&str; 4] = ["/bin", "/usr/bin", "/usr/local/bin", "/usr/local/sbin"];
/// What changes the language while the script runs, and so cannot be seen by `-n`.
const REREADING: [&str; 2] = ["alias", "extglob"];
/// A shell reads a page of text in a moment; on a machine under load it may have to wait for that.
const PATIENCE: Duration = Duration::from_secs(10);
/// So much of what it says is read: the first line is enough.
const SAID_MAX: usize = 1024;

/// What the shell that the first line of the script names has against it.
pub(crate) fn error(bytes: &[u8]) -> Option<Finding> {
    let Start::Script(interpreter, argument) = start(bytes) else { return None };
    let by_env = interpreter.ends_with(b"/env");
    let asked = if by_env { argument? } else { interpreter };
    let shell = String::from_utf8_lossy(&asked).split_whitespace().find_map(known)?;
    let text = String::from_utf8_lossy(bytes);
    if REREADING.iter().any(|word| text.contains(word)) {
        return None;
    }
    let (line, said) = refusal(&shell, bytes)?;
    // What stands behind the last thing the shell does may be anything: it never gets there.
    let reached = script::last_lines(&text);
    let before = reached.into_iter().find(|last| line.is_none_or(|line| line > *last));
    if before.is_some_and(|last| refusal(&shell, first_lines(bytes, last)).is_none()) {
        return None;
    }
    let finding = Finding::wrong(format!("the shell cannot read it: {said}"));
    Some(match line {
        Some(line) => finding.at(line),
        None => finding,
    })
}

/// The path of a shell that can be trusted to be one.
fn known(word: &str) -> Option<String> {
    let (dir, name) = word.rsplit_once('/').unwrap_or(("", word));
    if !SHELLS.contains(&name) {
        return None;
    }
    let all = DIRECTORIES.iter().filter(|known| dir.is_empty() || **known == dir);
    all.map(|dir| format!("{dir}/{name}")).find(|path| is_of_the_system(Path::new(path)))
}

/// Whether root alone may have put it there, and may change it.
fn is_of_the_system(path: &Path) -> bool {
    let roots = |place: &Path| {
        fs::metadata(place).is_ok_and(|meta| meta.uid() == 0 && meta.mode() & 0o022 == 0)
    };
    roots(path) && path.parent().is_some_and(roots)
}

/// The lines up to this one, and those that a backslash at the end makes a part of it.
fn first_lines(bytes: &[u8], last: u32) -> &[u8] {
    let mut end = 0;
    for (line, number) in bytes.split_inclusive(|byte| *byte == b'\n').zip(1_u32..) {
        end += line.len();
        if number >= last && !line.trim_ascii_end().ends_with(b"\\") {
            break;
        }
    }
    bytes.get(..end).unwrap_or(bytes)
}

/// The line, counted from 1, and the words with which the shell refuses the script; `None` where it
/// does not, or did not say.
fn refusal(shell: &str, bytes: &[u8]) -> Option<(Option<u32>, String)> {
    let mut command = Command::new(shell);
    command.arg("-n").env_clear().current_dir("/");
    let command = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let stdin = child.stdin.take();
    let said = thread::scope(|scope| {
        // It may have seen enough before the end.
        scope.spawn(|| stdin.map(|mut stdin| stdin.write_all(bytes)));
        hear(&mut child)
    });
    let ended = child.wait().ok()?;
    let refuses = ended.code().is_some_and(|code| code != 0);
    refuses.then(|| understood(shell, &said.unwrap_or_default()))?
}

/// What the shell says until it ends; `None` where it did not in time, and was killed.
fn hear(child: &mut Child) -> Option<String> {
    let mut stderr = child.stderr.take()?;
    let deadline = sys::clock::monotonic().saturating_add(PATIENCE);
    let (mut said, mut piece) = (Vec::new(), [0; SAID_MAX]);
    loop {
        let left = deadline.saturating_sub(sys::clock::monotonic());
        let ready = sys::poll::readable([stderr.as_fd()], Some(left)).is_ok_and(|[ready]| ready);
        if !ready && !left.is_zero() {
            continue;
        }
        let read = if ready { stderr.read(&mut piece).ok() } else { None };
        match read.and_then(|read| piece.get(..read)) {
            Some([]) => return Some(String::from_utf8_lossy(&said).into_owned()),
            Some(bytes) if said.len() < SAID_MAX => said.extend_from_slice(bytes),
            Some(_) => {}
            None => {
                let _ = child.kill();
                return None;
            }
        }
    }
}

/// Takes apart `/bin/sh: 3: Syntax error: ...`, `bash: line 3: syntax error ...` and
/// `mksh: <stdin>[3]: syntax error: ...`.
fn understood(shell: &str, said: &str) -> Option<(Option<u32>, String)> {
    let first = said.lines().next()?.trim();
    let rest = first.strip_prefix(shell).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(first);
    let (place, words) = rest.split_once(": ")?;
    let number = place.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_end_matches(']');
    match number.parse() {
        Ok(line) => Some((Some(line), words.to_owned())),
        Err(_) => Some((None, rest.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SH: &str = "#!/bin/sh\n";

    fn said(text: &str) -> Option<String> {
        let text = format!("{SH}{text}");
        error(text.as_bytes()).map(|finding| finding.to_string())
    }

    #[test]
    fn the_words_of_each_shell_are_understood() {
        for (shell, line, expected) in [
            ("/bin/sh", "/bin/sh: 3: Syntax error: \"fi\" unexpected", (Some(3), "Syntax error")),
            ("/bin/bash", "/bin/bash: line 12: syntax error near x", (Some(12), "syntax error")),
            ("/bin/mksh", "/bin/mksh: <stdin>[7]: syntax error: x", (Some(7), "syntax error")),
            ("/bin/sh", "sh: syntax error: unexpected \"fi\"", (None, "sh: syntax error")),
        ] {
            let (number, words) = understood(shell, line).unwrap();
            assert_eq!(number, expected.0, "{line}");
            assert!(words.starts_with(expected.1), "{words}");
        }
    }

    #[test]
    fn a_script_that_cannot_be_read_is_seen_and_none_of_it_is_executed() {
        let mark = std::env::temp_dir().join(format!("keepup-syntax-{}", std::process::id()));
        let text = format!(">{0}\n$(>{0}) `>{0}`\nif true; then\n", mark.display());
        let said = said(&text).unwrap();
        assert!(said.contains("the shell cannot read it: "), "{said}");
        assert!(!mark.exists());
    }

    #[test]
    fn what_the_shell_never_gets_to_may_be_anything() {
        for text in [
            "exec cat \\\n  -u\n)( \n",
            "cat\nexit 0\n'",
            "exec cat\n",
            "if true; then\n  exec cat\nfi\n",
        ] {
            assert_eq!(said(text), None, "{text}");
        }
        for text in [
            "test -e x || exit 1\n)(\n",
            "if true; then\n  exec cat\n",
            "exec cat 'x\n",
            "f() { exec cat; }\n)\n",
            "(exec cat)\n)\n",
        ] {
            assert!(said(text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_shell_that_is_not_the_systems_is_not_asked() {
        assert!(known("/bin/sh").is_some());
        assert!(known("sh").is_some());
        for other in ["/tmp/sh", "./sh", "/bin/zsh", "/bin/cat", "/bin/../bin/sh", ""] {
            assert_eq!(known(other), None, "{other}");
        }
    }

    #[test]
    fn a_long_script_is_read_to_its_end() {
        let long = ": a line of it\n".repeat(20_000);
        assert_eq!(said(&long), None);
        assert!(said(&format!("{long}fi\n")).unwrap().starts_with("line 20002: "));
    }
}
