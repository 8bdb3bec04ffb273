use ntp::bank::Frequency;
use ntp::history::{History, Point};
use ntp::server::Reference;
use ntp::time::{Raw, Span};
use proptest::prelude::*;

use super::*;

fn source(label: &str, mark: Mark, heard: bool) -> SourceView {
    SourceView {
        label: label.to_owned(),
        mark,
        why: "so \"it\" is".to_owned(),
        reach: if heard { 0o377 } else { 0 },
        interval: Span::from_secs(64),
        age: heard.then_some(Span::from_secs(12)),
        stratum: heard.then_some(2),
        offset: heard.then_some(Span::from_nanos(-123_456)),
        delay: if heard { 0.012_34 } else { 0.0 },
        jitter: if heard { 2.5e-5 } else { 0.0 },
        interleaved: mark == Mark::Agrees,
    }
}

fn view(sources: Vec<SourceView>) -> View {
    View {
        state: "refusing",
        sentence: "the clock is wrong".to_owned(),
        is_synchronised: false,
        is_known: false,
        authority: Authority::Steer,
        reference: Reference::unknown(),
        offset: Some((Span::from_secs(-7200), 1e-6)),
        distance: Some(0.05),
        frequency: Some(Frequency { ratio: 1e-5, sd: 1e-8 }),
        sources,
        unresolved: vec!["a.example: no such name".to_owned()],
    }
}

#[test]
fn figures_have_a_unit_and_four_digits() {
    for (seconds, text) in [
        (0.0, "+0.000 ns"),
        (-1e-9, "-1.000 ns"),
        (1.234_56e-6, "+1.235 us"),
        (0.123_456, "+123.5 ms"),
        (-14_399.3, "-14399 s"),
        (0.999_999, "+1000.0 ms"),
    ] {
        assert_eq!(signed(seconds), text);
    }
    let words = [3.0, 599.0, 1024.0, 36_000.0, 86_400.0 * 3.0].map(coarse);
    assert_eq!(words, ["3s", "599s", "17m", "10h", "3d"]);
}

#[test]
fn a_line_for_each_server_and_nothing_but_dashes_for_what_is_not_known() {
    let text = sources(&view(vec![
        source("time.example (192.0.2.1)", Mark::Best, true),
        source("192.0.2.2", Mark::Silent, false),
        source("192.0.2.3", Mark::Agrees, true),
    ]));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[1],
        "* time.example (192.0.2.1)  2   377   64s    12s   -123.5 us  12.34 ms  25.00 us  \
         so \"it\" is"
    );
    assert_eq!(
        lines[2],
        "  192.0.2.2                 -   000   64s      -           -         -         -  \
         so \"it\" is"
    );
    assert!(lines[3].ends_with(" us  so \"it\" is, interleaved"), "{}", lines[3]);
    assert_eq!(lines[4], "  a.example: no such name");
}

#[test]
fn the_cure_is_named_only_while_there_is_something_to_heal() {
    let cure = Beyond { cure: Some("ntpctl step".to_owned()), ..Beyond::default() };
    assert!(status(&view(vec![]), &cure).contains("to allow it: ntpctl step\n"));
    assert!(!status(&view(vec![]), &Beyond::default()).contains("allow"));
}

#[test]
fn an_observer_says_how_wrong_the_clock_is() {
    let observed = View { authority: Authority::Observe, ..view(vec![]) };
    let text = status(&observed, &Beyond::default());
    assert!(text.contains("\nclock:       2 h 0 min fast, left alone (--observe)\n"), "{text}");
    let unknown = View { offset: None, ..observed };
    let text = status(&unknown, &Beyond::default());
    assert!(text.contains("\nclock:       left alone (--observe)\n"), "{text}");
    let kept = status(&view(vec![]), &Beyond::default());
    assert!(kept.contains("\nclock:       kept by this ntpd\n"), "{kept}");
    let none = std::iter::empty::<&Point>;
    let text = object(&view(vec![]), &Beyond::default(), none(), Raw::default());
    assert!(text.contains("\"clock\":\"2 h 0 min fast\","), "{text}");
    let text = object(&unknown, &Beyond::default(), none(), Raw::default());
    assert!(text.contains("\"clock\":null,"), "{text}");
}

fn point(seconds: i64, offset: f64) -> Point {
    Point { at: Raw::default() + Span::from_secs(seconds), offset, sd: 0.0 }
}

fn drawn(points: &[Point], now: i64, width: usize) -> String {
    plot(points.iter(), Raw::default() + Span::from_secs(now), width)
}

#[test]
fn a_plot_goes_from_the_first_point_to_now_and_from_the_worst_to_its_opposite() {
    let text = drawn(&[point(0, -0.002), point(50, 0.001), point(100, 0.0)], 100, 53);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 15, "{text}");
    assert!(lines.iter().all(|line| line.len() <= 100), "{text}");
    assert!(lines[0].starts_with("  +2.000 ms |"), "{text}");
    assert_eq!(lines[3].find('*'), Some(13 + 20), "half as far up, half as far on\n{text}");
    assert!(lines[6].ends_with("-*"), "{text}");
    assert_eq!(lines[12], "  -2.000 ms |*", "{text}");
    assert!(lines[13].contains("100s ago") && lines[13].ends_with("now"), "{text}");
}

#[test]
fn nothing_is_drawn_of_nothing() {
    assert_eq!(drawn(&[], 5, 80), "no offset is known yet\n");
}

proptest! {
    #[test]
    fn any_life_fits_any_terminal(
        steps in proptest::collection::vec((0_i64..100_000, -1e5_f64..1e5), 1..600),
        width in 0_usize..400,
    ) {
        let mut history = History::default();
        let mut now = 0;
        for (ahead, offset) in steps {
            now += ahead;
            history.push(point(now, offset));
        }
        let points: Vec<Point> = history.points().copied().collect();
        let text = drawn(&points, now, width);
        let most = text.lines().take(14).map(|line| line.chars().count()).max();
        prop_assert!(most <= Some(width.max(40)), "{}", text);
        prop_assert!(text.contains('*'));
    }

    #[test]
    fn the_object_is_balanced_and_names_everything(label in "[ -~]{0,30}", mark in 0_usize..5) {
        let marks = [Mark::Best, Mark::Agrees, Mark::False, Mark::Young, Mark::Silent];
        let view = view(vec![source(&label, marks[mark], mark % 2 == 0)]);
        let points = [point(0, f64::NAN), point(1, 0.5)];
        let text = object(&view, &Beyond::default(), points.iter(), Raw::default());
        let (mut depth, mut quoted, mut escaped, mut last) = (0_i32, false, false, ' ');
        for c in text.trim_end().chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                '{' | '[' if !quoted => depth += 1,
                '}' | ']' if !quoted => {
                    depth -= 1;
                    prop_assert!(last != ',', "{}", text);
                }
                _ => {}
            }
            last = c;
        }
        prop_assert!(depth == 0 && !quoted, "{}", text);
        prop_assert!(!text.contains("NaN"), "JSON knows no such number: {}", text);
        let of_source = ["reach", "why", "interleaved"];
        for key in ["state", "offset", "sources", "history", "cure"].iter().chain(&of_source) {
            let key = format!("\"{key}\":");
            prop_assert!(text.contains(&key), "{} in {}", key, text);
        }
    }
}
