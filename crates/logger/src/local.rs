//! `tai64nlocal`: labels at the start of lines become local time.

use memchr::memchr;
use tai::{LABEL_LEN, Stamp, UNIX_EPOCH};

/// A local date and time; the nanoseconds are the label's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// The year.
    pub year: u64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
}

/// Days from the first of January of the year 1 to the Unix epoch.
const EPOCH: i64 = 719_162;

impl Civil {
    /// Seconds since the Unix epoch, were it a date and time of UTC; `None` where there is no such
    /// day.
    #[must_use]
    pub fn unix_of_utc(self) -> Option<i64> {
        let Self { year, month, day, hour, minute, second } = self;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days_of = [31, 28 + u8::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let last = *days_of.get(usize::from(month).checked_sub(1)?)?;
        if !(1..=9999).contains(&year) || day < 1 || day > last || hour > 23 || minute > 59 {
            return None;
        }
        let before = i64::try_from(year).ok()? - 1;
        let in_year: i64 =
            days_of.iter().take(usize::from(month) - 1).map(|days| i64::from(*days)).sum();
        let days =
            before * 365 + before / 4 - before / 100 + before / 400 + in_year + i64::from(day) - 1;
        let of_day = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
        Some((days - EPOCH) * 86_400 + of_day)
    }
}

/// How long local time is sure to run evenly where it does so at both ends: no zone has been
/// changed twice within a quarter of an hour.
const SPAN: i64 = 15 * 60;

/// Gives the local time of a Unix time in seconds, where there is one.
pub type Zone<'a> = &'a mut dyn FnMut(i64) -> Option<Civil>;

/// Local time as text, second by second. The zone is asked at both ends of a span and, where its
/// time runs evenly between them, not again for any second of it.
#[derive(Debug, Default)]
pub struct LocalClock {
    /// The second of `text`; nothing was asked for yet where there is none.
    second: Option<u64>,
    /// Its text up to the dot, `None` where the zone knows no such time.
    text: Option<String>,
    /// The first second of a span in which time runs evenly, and its local time.
    even: Option<(i64, Civil)>,
}

impl LocalClock {
    /// `YYYY-MM-DD HH:MM:SS.` for a second of TAI64; `None` where the zone knows no such time.
    pub fn text(&mut self, secs: u64, zone: Zone<'_>) -> Option<&str> {
        if self.second != Some(secs) {
            let unix = secs.wrapping_sub(UNIX_EPOCH).cast_signed();
            self.text = self.civil(unix, zone).map(|civil| civil.to_string());
            self.second = Some(secs);
        }
        self.text.as_deref()
    }

    /// The local time of a second since the Unix epoch.
    pub fn civil(&mut self, unix: i64, zone: Zone<'_>) -> Option<Civil> {
        let first = unix.checked_sub(unix.rem_euclid(SPAN))?;
        if self.even.is_none_or(|(begin, _)| begin != first) {
            self.even = even_from(first, zone).map(|civil| (first, civil));
        }
        match self.even {
            Some((_, civil)) => civil.later_that_day(unix - first),
            None => zone(unix),
        }
    }
}

/// The local time of `first`, where the whole span that begins there is one stretch of a day.
fn even_from(first: i64, zone: Zone<'_>) -> Option<Civil> {
    let last = first.checked_add(SPAN - 1)?;
    let begin = zone(first)?;
    (begin.later_that_day(SPAN - 1) == Some(zone(last)?)).then_some(begin)
}

/// Replaces labels in a stream that comes in blocks. A label is `@` and exactly 24 lower-case hex
/// digits at the start of a line; everything else goes through unchanged.
#[derive(Debug, Default)]
pub struct Localizer {
    within_line: bool,
    /// The start of a line that may yet become a label; less than a label and one byte.
    held: Vec<u8>,
    clock: LocalClock,
}

/// What the first bytes of a line are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Label(Stamp),
    Plain,
    Unknown,
}

impl Localizer {
    /// Appends `block` to `out`.
    pub fn feed(&mut self, block: &[u8], zone: Zone<'_>, out: &mut Vec<u8>) {
        let mut rest = self.complete(block, zone, out);
        while !rest.is_empty() {
            if !self.within_line {
                match start(rest) {
                    Start::Unknown => return self.held.extend_from_slice(rest),
                    Start::Plain => {}
                    Start::Label(stamp) => {
                        let (label, after) = rest.split_at(LABEL_LEN.min(rest.len()));
                        self.show(stamp, label, zone, out);
                        rest = after;
                    }
                }
            }
            let end = memchr(b'\n', rest);
            self.within_line = end.is_none();
            let (line, after) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
            out.extend_from_slice(line);
            rest = after;
        }
    }

    /// The stream has ended: what was held is given up.
    pub fn finish(&mut self, zone: Zone<'_>, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        match Stamp::parse_label(&held) {
            Some(stamp) => self.show(stamp, &held, zone, out),
            None => out.extend_from_slice(&held),
        }
    }

    /// Adds to what is held until it is known what it is; the rest of the block.
    fn complete<'a>(&mut self, block: &'a [u8], zone: Zone<'_>, out: &mut Vec<u8>) -> &'a [u8] {
        let mut rest = block;
        while !self.held.is_empty() {
            let Some((&byte, after)) = rest.split_first() else { break };
            self.held.push(byte);
            let start = start(&self.held);
            if start == Start::Unknown {
                rest = after;
                continue;
            }
            // The byte that told is not part of what it told about: it is seen again in `rest`.
            self.held.pop();
            let held = std::mem::take(&mut self.held);
            match start {
                Start::Label(stamp) => self.show(stamp, &held, zone, out),
                Start::Plain | Start::Unknown => out.extend_from_slice(&held),
            }
            self.within_line = true;
        }
        rest
    }

    /// Writes the time of `stamp`, or `label` itself where the zone knows no such time.
    fn show(&mut self, stamp: Stamp, label: &[u8], zone: Zone<'_>, out: &mut Vec<u8>) {
        match self.clock.text(stamp.secs(), zone) {
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                push_nanos(stamp.nanos(), out);
            }
            None => out.extend_from_slice(label),
        }
    }
}

/// What a line is that starts with `bytes`, of which there is at least one.
fn start(bytes: &[u8]) -> Start {
    let Some(digits) = bytes.strip_prefix(b"@") else { return Start::Plain };
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if let (Some(stamp), Some(after)) = (Stamp::parse_label(bytes), bytes.get(LABEL_LEN)) {
        return if is_digit(after) { Start::Plain } else { Start::Label(stamp) };
    }
    let is_begun = digits.len() < LABEL_LEN && digits.iter().all(is_digit);
    if is_begun { Start::Unknown } else { Start::Plain }
}

/// Nine digits, or ten where a hostile label has more than a second of nanoseconds.
pub fn push_nanos(nanos: u32, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 10];
    let mut rest = nanos;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(digits.strip_prefix(b"0").unwrap_or(&digits));
}

impl Civil {
    /// `secs` seconds later by the clock on the wall, where that is on the same day. A 61st second
    /// is nowhere.
    fn later_that_day(self, secs: i64) -> Option<Self> {
        let whole = [self.hour, self.minute, self.second].map(i64::from);
        let total = (whole[0] * 60 + whole[1]) * 60 + whole[2] + secs;
        let hour = u8::try_from(total / 3600).ok().filter(|hour| *hour < 24)?;
        let part = |value: i64| u8::try_from(value % 60).ok();
        Some(Self { hour, minute: part(total / 60)?, second: part(total)?, ..self })
    }
}

impl std::fmt::Display for Civil {
    /// `YYYY-MM-DD HH:MM:SS.`, the year as long as it is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(f, "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A zone whose seconds are shown as they are, with years up to a million.
    fn zone(unix: i64) -> Option<Civil> {
        let (year, second) = (u64::try_from(unix / 60).ok()?, u8::try_from(unix % 60).ok()?);
        (year < 1_000_000).then_some(Civil { year, month: 1, day: 2, hour: 3, minute: 4, second })
    }

    fn feed(blocks: &[&[u8]]) -> String {
        let mut localizer = Localizer::default();
        let mut out = Vec::new();
        for block in blocks {
            localizer.feed(block, &mut zone, &mut out);
        }
        localizer.finish(&mut zone, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn label(unix: u64, nanos: u32) -> String {
        format!("@{:016x}{nanos:08x}", UNIX_EPOCH + unix)
    }

    #[test]
    fn a_label_becomes_a_time_and_the_rest_stays() {
        let text = format!("{} mark @4000\nplain\n{}.s\n", label(61, 5), label(61, 1));
        let expected =
            "1-01-02 03:04:01.000000005 mark @4000\nplain\n1-01-02 03:04:01.000000001.s\n";
        assert_eq!(feed(&[text.as_bytes()]), expected);
    }

    /// A zone that runs evenly but for its changes: from each Unix time on, that offset holds.
    fn steps(changes: &[(i64, i64)], unix: i64) -> Option<Civil> {
        let offset = changes.iter().rev().find(|(from, _)| *from <= unix).map_or(0, |it| it.1);
        let local = unix + offset;
        let (day, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let part = |value: i64| u8::try_from(value).ok();
        Some(Civil {
            year: u64::try_from(1970 + day / 28).ok()?,
            month: 1,
            day: part(day % 28 + 1)?,
            hour: part(second / 3600)?,
            minute: part(second / 60 % 60)?,
            second: part(second % 60)?,
        })
    }

    #[test]
    fn a_zone_is_asked_twice_for_a_quarter_of_an_hour() {
        let text: String = (0..900).map(|second| label(9000 + second, 5) + "\n").collect();
        let (mut localizer, mut asked) = (Localizer::default(), 0);
        let mut counting = |unix| {
            asked += 1;
            steps(&[], unix)
        };
        localizer.feed(text.as_bytes(), &mut counting, &mut Vec::new());
        assert_eq!(asked, 2);
    }

    #[test]
    fn a_zone_that_changes_within_a_minute_or_has_a_61st_second_is_shown_as_it_is() {
        let mut clock = LocalClock::default();
        let mut leap = |unix: i64| {
            let civil = steps(&[(4530, -1)], unix)?;
            Some(Civil { second: if unix == 4530 { 60 } else { civil.second }, ..civil })
        };
        for unix in [4529, 4530, 4531, 4500, 5399, 5400] {
            assert_eq!(clock.civil(unix, &mut leap), leap(unix), "{unix}");
        }
    }

    #[test]
    fn time_may_go_back() {
        let text = format!("{}\n{}\n{}\n", label(62, 1), label(5, 2), label(62, 3));
        let expected = "1-01-02 03:04:02.000000001\n0-01-02 03:04:05.000000002\n\
                        1-01-02 03:04:02.000000003\n";
        assert_eq!(feed(&[text.as_bytes()]), expected);
    }

    #[test]
    fn what_is_no_label_passes_unchanged() {
        let long = format!("{}0 x\n", label(61, 5));
        let capital = label(61, 5).replace("@4", "@A");
        let beyond = format!("@{:016x}00000000 x", u64::MAX / 2);
        for text in ["@", "@\n", "@ x\n", "@4000 x\n", "x@", " @4\n", &long, &capital, &beyond] {
            assert_eq!(feed(&[text.as_bytes()]), *text);
        }
    }

    #[test]
    fn an_end_within_a_label_loses_nothing() {
        let text = label(61, 5);
        for end in 0..text.len() {
            assert_eq!(feed(&[&text.as_bytes()[..end]]), text[..end]);
        }
        assert_eq!(feed(&[text.as_bytes()]), "1-01-02 03:04:01.000000005");
    }

    #[test]
    fn nanoseconds_beyond_a_second_have_ten_digits() {
        assert_eq!(feed(&[label(61, u32::MAX).as_bytes()]), "1-01-02 03:04:01.4294967295");
        assert_eq!(feed(&[label(61, 999_999_999).as_bytes()]), "1-01-02 03:04:01.999999999");
    }

    #[test]
    fn a_line_is_held_only_while_it_may_be_a_label() {
        let mut localizer = Localizer::default();
        let mut out = Vec::new();
        localizer.feed(b"@4000", &mut zone, &mut out);
        assert_eq!(out, b"");
        localizer.feed(b"x", &mut zone, &mut out);
        assert_eq!(out, b"@4000x");
        localizer.feed(b"yz", &mut zone, &mut out);
        assert_eq!(out, b"@4000xyz");
    }

    fn lines() -> impl Strategy<Value = String> {
        let label = (0u64..200, 0u32..9).prop_map(|(unix, nanos)| label(unix, nanos));
        let piece = prop_oneof![label, "[@0-9a-g]{0,30}", Just("\n".to_owned())];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn how_a_stream_is_cut_into_blocks_does_not_show(text in lines(), cuts: [usize; 3]) {
            let mut cuts = cuts.map(|cut| cut % (text.len() + 1));
            cuts.sort_unstable();
            let text = text.as_bytes();
            let blocks = [&text[..cuts[0]], &text[cuts[0]..cuts[1]], &text[cuts[1]..cuts[2]],
                &text[cuts[2]..]];
            prop_assert_eq!(feed(&blocks), feed(&[text]));
        }

        #[test]
        fn no_change_of_a_zone_is_overlooked(
            change in 0i64..200_000, offset in -50_000i64..50_000,
            asked in proptest::collection::vec(0i64..200_000, 1..40),
        ) {
            let mut zone = |unix| steps(&[(0, 60_000), (change, 60_000 + offset)], unix);
            let mut clock = LocalClock::default();
            for unix in asked.into_iter().chain([change - 1, change, change + 1]) {
                prop_assert_eq!(clock.civil(unix, &mut zone), zone(unix));
            }
        }

        #[test]
        fn a_zone_that_knows_nothing_changes_nothing(text in lines()) {
            let (mut localizer, mut out) = (Localizer::default(), Vec::new());
            localizer.feed(text.as_bytes(), &mut |_| None, &mut out);
            localizer.finish(&mut |_| None, &mut out);
            prop_assert_eq!(out, text.into_bytes());
        }
    }
}
