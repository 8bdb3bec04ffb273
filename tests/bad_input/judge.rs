//! What is asked of every program, whatever is done to it.

use crate::place::{Outcome, Run};

/// How programs of this suite end.
const CODES: [i32; 3] = [0, 100, 111];

/// What the loader of shared libraries says where the program itself never ran.
const LOADER: &str = "error while loading shared libraries";

/// Fails with what is wrong.
pub(crate) fn judge(run: &Run, outcome: &Outcome) -> Result<(), String> {
    let said = &outcome.err;
    if let Some(call) = &outcome.hung {
        return Err(format!("it neither ends nor rests, in system call {call}: {said}"));
    }
    if said.contains("panicked") {
        return Err(format!("it panics: {said}"));
    }
    if let Some(signal) = outcome.signal {
        let expected = run.pipe && signal == libc::SIGPIPE;
        return if expected { Ok(()) } else { Err(format!("signal {signal} ends it: {said}")) };
    }
    let is_finding = run.program.finds && outcome.code == Some(1);
    if is_finding || (outcome.code == Some(127) && said.contains(LOADER)) {
        return Ok(());
    }
    if !outcome.code.is_some_and(|code| CODES.contains(&code)) {
        return Err(format!("{:?} is no exit code of ours: {said}", outcome.code));
    }
    let may_be_silent = outcome.code == Some(0) || run.program.mute || run.unheard;
    if !may_be_silent && !is_a_sentence(run.program.name, said) {
        return Err(format!("{:?} without a sentence: {said:?}", outcome.code));
    }
    Ok(())
}

/// Whether a line is one of the program's own, and the last one is whole. A name with a newline in
/// it is said as it is. keepup's line may be of the command it runs.
fn is_a_sentence(name: &str, said: &str) -> bool {
    let names = [name, if name == "keepup" { "svstat" } else { name }];
    let is_own = |line: &str| {
        let rest = names.iter().find_map(|name| line.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with(": ") || rest.starts_with(" options: "))
    };
    said.ends_with('\n') && said.lines().any(is_own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::programs;

    fn complaint(change: impl Fn(&mut Run, &mut Outcome)) -> Option<String> {
        let program = programs().into_iter().find(|program| program.name == "svc").unwrap();
        let mut run = Run::new(program, &[]);
        let mut outcome = Outcome { code: Some(0), ..Outcome::default() };
        change(&mut run, &mut outcome);
        judge(&run, &outcome).err()
    }

    fn failed(code: i32, said: &str) -> Option<String> {
        complaint(|_, outcome| {
            outcome.code = Some(code);
            outcome.err = said.into();
        })
    }

    #[test]
    fn who_ends_well_or_says_why_not_passes() {
        assert_eq!(complaint(|_, _| ()), None);
        assert_eq!(failed(111, "svc: fatal: unable to do it: no reason\n"), None);
        assert_eq!(failed(100, "svc: illegal option -- z\nsvc options: u up\n"), None);
        assert_eq!(failed(127, "svc: error while loading shared libraries: libc.so.6\n"), None);
    }

    #[test]
    fn a_hang_a_panic_a_signal_a_strange_code_and_silence_do_not_pass() {
        assert!(complaint(|_, outcome| outcome.hung = Some("257".into())).is_some());
        for (code, said) in [
            (0, "thread 'main' panicked at src/main.rs\n"),
            (101, "svc: fatal: a\n"),
            (127, "svc: fatal: a\n"),
            (1, "svc: fatal: a\n"),
            (111, ""),
            (111, "svc: fatal: half a line"),
            (111, "somebody else\n"),
        ] {
            assert!(failed(code, said).is_some(), "{code} {said}");
        }
        let signalled = |outcome: &mut Outcome| {
            (outcome.code, outcome.signal) = (None, Some(libc::SIGPIPE));
        };
        assert!(complaint(|_, outcome| signalled(outcome)).is_some());
        let allowed = complaint(|run, outcome| {
            run.pipe = true;
            signalled(outcome);
        });
        assert_eq!(allowed, None);
    }

    #[test]
    fn only_who_is_mute_or_unheard_may_fail_in_silence() {
        assert_eq!(
            complaint(|run, outcome| {
                run.unheard = true;
                outcome.code = Some(111);
            }),
            None
        );
        assert_eq!(
            complaint(|run, outcome| {
                run.program.mute = true;
                outcome.code = Some(100);
            }),
            None
        );
    }
}
