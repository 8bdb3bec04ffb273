//! What a machine said, and what to think of it.

use std::fmt;
use std::time::Duration;

/// The console of a machine that has ended, or was ended after `Some` time.
#[derive(Debug)]
pub(crate) struct Console {
    pub(crate) lines: Vec<String>,
    pub(crate) given_up: Option<Duration>,
}

/// How a story is meant to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The script gives its verdict.
    Verdict,
    /// There is no script left to give one: the machine itself ends, and the kernel panics or not.
    Machine { panics: bool },
}

impl Console {
    /// What is wrong with it, if anything.
    pub(crate) fn complaint(&self, end: End, in_order: &[&str]) -> Option<String> {
        if let Some(limit) = self.given_up {
            return Some(format!("no end after {} s", limit.as_secs()));
        }
        if let Some(failure) = self.lines.iter().find(|line| line.starts_with("FAIL")) {
            return Some(failure.clone());
        }
        let panicked = self.lines.iter().any(|line| line.contains("Kernel panic"));
        let expected = end == End::Machine { panics: true };
        if panicked != expected {
            return Some(format!("a kernel panic: {panicked}"));
        }
        if end == End::Verdict && !self.lines.iter().any(|line| line == "VERDICT ok") {
            return Some("no verdict".into());
        }
        let mut rest = self.lines.iter();
        let missing = in_order.iter().find(|wanted| !rest.any(|line| line.contains(**wanted)));
        missing.map(|wanted| format!("no line with {wanted:?}, or not in order"))
    }
}

impl fmt::Display for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "    {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str, end: End, in_order: &[&str]) -> Option<String> {
        let lines = text.lines().map(str::to_owned).collect();
        Console { lines, given_up: None }.complaint(end, in_order)
    }

    #[test]
    fn only_a_verdict_without_a_failure_and_a_panic_is_well() {
        let verdict = |text| complaint(text, End::Verdict, &[]).is_none();
        assert!(verdict("ok: a\nVERDICT ok"));
        for text in ["", "ok: a", "FAIL: a\nVERDICT ok", "Kernel panic\nVERDICT ok", "VERDICT fail"]
        {
            assert!(!verdict(text), "{text}");
        }
    }

    #[test]
    fn a_machine_that_ends_by_itself_is_judged_by_its_lines_and_its_panic() {
        let well = |text, panics| complaint(text, End::Machine { panics }, &["a", "b"]).is_none();
        assert!(well("a\nc\nb", false) && well("a\nb\nKernel panic", true));
        assert!(!well("b\na", false) && !well("a", false));
        assert!(!well("a\nb", true) && !well("a\nb\nKernel panic", false));
    }

    #[test]
    fn no_end_is_no_verdict() {
        let lines = vec!["VERDICT ok".to_owned()];
        let console = Console { lines, given_up: Some(Duration::from_secs(1)) };
        assert_eq!(console.complaint(End::Verdict, &[]).unwrap(), "no end after 1 s");
    }
}
