use super::*;

fn commands(text: &str) -> Vec<String> {
    let script = parse(text);
    assert!(!script.broken, "{text}");
    let show = |command: &Command| {
        let words: Vec<&str> = command.words.iter().map(|word| word.text.as_str()).collect();
        format!("{}:{}", command.line, words.join(" "))
    };
    script.commands().map(show).collect()
}

#[test]
fn words_lose_their_quotes_and_lines_are_joined() {
    let table = [
        ("a 'b c' \"d e\" f\\ g\n", "1:a b c d e f g"),
        ("\n\n a\\\n  b # c\n", "3:a b"),
        ("a\\\nb c", "1:ab c"),
        ("a 'it'\\''s' \"\\$x \\y\"", "1:a it's $x \\y"),
        ("a#b '#c'", "1:a#b #c"),
        ("a \"$(b \"c d\" 'e)')\" f", "1:a $(b \"c d\" 'e)') f"),
        ("a `b c` ${d:-e f} $((1 + 2)) g", "1:a `b c` ${d:-e f} $((1 + 2)) g"),
        ("a 2>&1 >b <c d", "1:a d"),
        ("X=1 Y='2 3' a b=c", "1:a b=c"),
    ];
    for (text, expected) in table {
        let expected = if text.contains("\"c d\"") {
            // The quotes inside a substitution go as well; what is in it is never looked at.
            expected.replace("\"c d\" 'e)'", "c d e)")
        } else {
            expected.to_owned()
        };
        assert_eq!(commands(text), [expected], "{text}");
    }
}

#[test]
fn what_the_shell_expands_is_known_to_be_unknown() {
    for unknown in ["$a", "\"$a\"", "`a`", "$(a)", "${a}", "a*", "~/a", "$1", "$@", "{a,b}", "<(a)"]
    {
        let script = parse(&format!("x {unknown}"));
        let word = script.commands().next().unwrap().words.last().unwrap().clone();
        assert_eq!(word.known(), None, "{unknown}");
    }
    for known in ["'$a'", "\\$a", "'a*'", "a~", "a$", "[", "\"a\""] {
        let script = parse(&format!("x {known}"));
        let word = script.commands().next().unwrap().words.last().unwrap().clone();
        assert!(word.known().is_some(), "{known}");
    }
}

#[test]
fn commands_are_found_wherever_they_stand() {
    let table: [(&str, &[&str]); 11] = [
        ("a; b && c || d | e & f", &["1:a", "1:b", "1:c", "1:d", "1:e", "1:f"]),
        (
            "if a; then b; elif c; then d; else e; fi; f",
            &["1:a", "1:b", "1:c", "1:d", "1:e", "1:f"],
        ),
        ("while a\ndo b\ndone <x\nc", &["1:a", "2:b", "4:c"]),
        ("for x in a b; do c; done; d", &["1:c", "1:d"]),
        ("for x\ndo\nc\ndone", &["3:c"]),
        ("case $x in a|b) c;; (d) e;; *) f; esac; g", &["1:c", "1:e", "1:f", "1:g"]),
        ("f() { a; }; function g { b; }; f", &["1:a", "1:b", "1:f"]),
        ("(a; b) | c; { d; e; } && g", &["1:a", "1:b", "1:c", "1:d", "1:e", "1:g"]),
        ("a <<X b\nc &\nX\nd", &["1:a b", "4:d"]),
        ("[[ a && b || c ]] && d", &["1:[[ a b c ]]", "1:d"]),
        ("! a; echo if then fi", &["1:a", "1:echo if then fi"]),
    ];
    for (text, expected) in table {
        assert_eq!(commands(text), expected, "{text}");
    }
}

#[test]
fn it_is_known_what_a_command_is_in_and_how_it_ends() {
    let script = parse("if a; then b & fi\n(c) &\nf() { d; }\ne | g\nwhile h; do i; done");
    let at = |name: &str| script.commands().find(|it| it.name() == Some(name)).unwrap().clone();
    assert_eq!(at("a").within, [Within::Condition]);
    assert_eq!((at("b").within, at("b").ends), (vec![Within::Branch], Ends::Background));
    assert_eq!((at("c").within, at("c").ends), (vec![Within::Subshell], Ends::Here));
    assert_eq!(at("d").within, [Within::Function]);
    assert_eq!((at("e").ends, at("g").piped, at("e").piped), (Ends::Pipe, true, false));
    assert_eq!((at("h").within, at("i").within), (vec![Within::Condition], vec![Within::Loop]));
    let closed = |step: &Step| matches!(step, Step::Close { line: 2, ends: Ends::Background, .. });
    assert!(script.steps.iter().any(closed), "{:?}", script.steps);
    assert_eq!(script.functions, ["f"]);
}

#[test]
fn a_script_that_never_ends_is_broken() {
    for text in ["'", "\"", "`", "$(", "${", "if a", "(", "{ a", "fi", ")", "a ( b", "case x in"] {
        assert!(parse(text).broken, "{text}");
    }
    for deep in ["(", "$(", "\"$(", "if ", "{ "] {
        assert!(parse(&deep.repeat(1000)).broken, "{deep}");
    }
}
