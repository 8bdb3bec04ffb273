//! How a line is shown: as text, for a terminal, as JSON.

use std::io::Write as _;

use logger::{LocalClock, Zone, push_nanos};
use tai::{LABEL_LEN, Stamp};

/// What the lines become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Labels become local time, as tai64nlocal has it.
    Local,
    /// As written.
    Raw,
    /// An object on a line for each.
    Json,
}

/// Who looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// A program: the bytes that were written.
    Plain,
    /// A terminal: nothing it would obey.
    Harmless,
    /// A terminal that has colours.
    Coloured,
}

/// Shows lines, many of them in the same second.
#[derive(Debug)]
pub struct Show {
    form: Form,
    looks: Looks,
    clock: LocalClock,
}

/// A line, or a piece of one, with what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Its bytes, with its stamp and without its end.
    pub bytes: &'a [u8],
    /// Length of its stamp.
    pub stamp_len: usize,
    /// The time of the line, or of the one it belongs to.
    pub stamp: Option<Stamp>,
    /// Its stamp is a label.
    pub is_label: bool,
    /// A line begins with it.
    pub begins: bool,
    /// A line ends with it.
    pub ends: bool,
    /// Whose it is, and its number among those, where several are shown.
    pub name: Option<(&'a str, usize)>,
}

const RESET: &[u8] = b"\x1b[0m";
const DIM: &[u8] = b"\x1b[2m";

/// Colours of names: those of the sixteen that can be read on black and on white.
const COLOURS: [&[u8]; 6] =
    [b"\x1b[36m", b"\x1b[33m", b"\x1b[32m", b"\x1b[35m", b"\x1b[34m", b"\x1b[31m"];

impl Show {
    /// JSON looks the same everywhere.
    #[must_use]
    pub fn new(form: Form, looks: Looks) -> Self {
        Self { form, looks, clock: LocalClock::default() }
    }

    /// Appends a line to `out`.
    pub fn line(&mut self, line: &Shown<'_>, zone: Zone<'_>, out: &mut Vec<u8>) {
        if self.form == Form::Json {
            json(line, out);
            return out.push(b'\n');
        }
        let (stamp, text) = line.bytes.split_at(line.stamp_len.min(line.bytes.len()));
        self.stamp(line, stamp, zone, out);
        if let Some((name, number)) = line.name.filter(|_| line.begins) {
            self.name(name, number, out);
        }
        if self.looks == Looks::Plain {
            out.extend_from_slice(text);
        } else {
            harmless(text, out);
        }
        if line.ends {
            out.push(b'\n');
        }
    }

    fn stamp(&mut self, line: &Shown<'_>, written: &[u8], zone: Zone<'_>, out: &mut Vec<u8>) {
        let local = match line.stamp {
            Some(stamp) if line.is_label && self.form == Form::Local => {
                self.clock.text(stamp.secs(), zone).map(|text| (text, stamp.nanos()))
            }
            Some(_) | None => None,
        };
        if written.is_empty() {
            return;
        }
        if self.looks == Looks::Coloured {
            out.extend_from_slice(DIM);
        }
        match local {
            Some((text, nanos)) => {
                out.extend_from_slice(text.as_bytes());
                push_nanos(nanos, out);
                out.extend_from_slice(written.get(LABEL_LEN..).unwrap_or_default());
            }
            None => out.extend_from_slice(written),
        }
        if self.looks == Looks::Coloured {
            out.extend_from_slice(RESET);
        }
    }

    fn name(&self, name: &str, number: usize, out: &mut Vec<u8>) {
        let is_coloured = self.looks == Looks::Coloured;
        if is_coloured {
            out.extend_from_slice(COLOURS.get(number % COLOURS.len()).unwrap_or(&RESET));
        }
        if self.looks == Looks::Plain {
            out.extend_from_slice(name.as_bytes());
        } else {
            harmless(name.as_bytes(), out);
        }
        out.push(b':');
        if is_coloured {
            out.extend_from_slice(RESET);
        }
        out.push(b' ');
    }
}

/// A text of somebody's on a terminal: what that would obey is a `?`, and so is what is not UTF-8.
fn harmless(text: &[u8], out: &mut Vec<u8>) {
    if text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return out.extend_from_slice(text);
    }
    for chunk in text.utf8_chunks() {
        let plain = |c: char| if c.is_control() && c != '\t' { '?' } else { c };
        let valid: String = chunk.valid().chars().map(plain).collect();
        out.extend_from_slice(valid.as_bytes());
        if !chunk.invalid().is_empty() {
            out.push(b'?');
        }
    }
}

fn json(line: &Shown<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    if let Some(stamp) = line.stamp {
        let _ = write!(out, "\"stamp\":\"{stamp}\",");
        if let Some(unix) = stamp.to_unix() {
            let _ = write!(out, "\"unix\":{}.{:09},", unix.as_secs(), unix.subsec_nanos());
        }
    }
    if let Some((name, _)) = line.name {
        out.extend_from_slice(b"\"log\":");
        string(name.as_bytes(), out);
        out.push(b',');
    }
    if line.stamp_len == 0 {
        // A stack trace: it belongs to the line before.
        out.extend_from_slice(b"\"continues\":true,");
    }
    out.extend_from_slice(b"\"line\":");
    string(line.bytes.get(line.stamp_len..).unwrap_or_default(), out);
    out.push(b'}');
}

/// A string as RFC 8259 has it; what is not UTF-8 becomes U+FFFD.
fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
                c if c.is_control() => {
                    let _ = write!(out, "\\u{:04x}", u32::from(c));
                }
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LABEL: &str = "@400000000000000b00000005 ";

    fn shown(bytes: &[u8], stamp_len: usize) -> Shown<'_> {
        let stamp = Some(Stamp::from_unix(Duration::new(1, 5)));
        Shown { bytes, stamp_len, stamp, is_label: true, begins: true, ends: true, name: None }
    }

    fn show(form: Form, looks: Looks, line: &Shown<'_>) -> String {
        let mut zone = |unix: i64| {
            let second = u8::try_from(unix).ok()?;
            Some(logger::Civil { year: 1970, month: 1, day: 1, hour: 1, minute: 0, second })
        };
        let mut out = Vec::new();
        Show::new(form, looks).line(line, &mut zone, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_label_becomes_local_time_unless_it_is_to_stay() {
        let text = format!("{LABEL}text");
        let line = shown(text.as_bytes(), LABEL.len());
        assert_eq!(show(Form::Local, Looks::Plain, &line), "1970-01-01 01:00:01.000000005 text\n");
        assert_eq!(show(Form::Raw, Looks::Plain, &line), format!("{text}\n"));
        let named = Shown { name: Some(("web", 0)), ends: false, ..line };
        assert_eq!(
            show(Form::Local, Looks::Plain, &named),
            "1970-01-01 01:00:01.000000005 web: text"
        );
        let dated = Shown { bytes: b"2001 x", stamp_len: 5, is_label: false, ..line };
        assert_eq!(show(Form::Local, Looks::Plain, &dated), "2001 x\n");
    }

    #[test]
    fn a_terminal_gets_colours_and_nothing_to_obey_and_a_pipe_what_was_written() {
        let text = format!("{LABEL}\x1b]0;a\u{7}\tb\u{9b}ä");
        let line = Shown { name: Some(("web", 1)), ..shown(text.as_bytes(), LABEL.len()) };
        let expected = "\x1b[2m1970-01-01 01:00:01.000000005 \x1b[0m\x1b[33mweb:\x1b[0m \
                        ?]0;a?\tb?ä\n";
        assert_eq!(show(Form::Local, Looks::Coloured, &line), expected);
        assert!(show(Form::Local, Looks::Plain, &line).ends_with("\x1b]0;a\u{7}\tb\u{9b}ä\n"));
        assert_eq!(show(Form::Raw, Looks::Harmless, &shown(b"a\xff\xfeb\x1b", 0)), "a??b?\n");
    }

    #[test]
    fn a_terminal_obeys_no_name_either() {
        let line = Shown { name: Some(("w\x1b[2Jb\n", 0)), ..shown(b"a", 0) };
        assert_eq!(show(Form::Raw, Looks::Harmless, &line), "w?[2Jb?: a\n");
        let coloured = show(Form::Raw, Looks::Coloured, &line);
        assert_eq!(coloured, "\x1b[36mw?[2Jb?:\x1b[0m a\n");
        assert_eq!(show(Form::Raw, Looks::Plain, &line), "w\x1b[2Jb\n: a\n");
    }

    #[test]
    fn an_object_has_all_that_is_known() {
        let text = format!("{LABEL}a \"b\" \\ \u{1}ä");
        let line = Shown { name: Some(("web", 1)), ..shown(text.as_bytes(), LABEL.len()) };
        let stamp = "\"stamp\":\"@400000000000000b00000005\",\"unix\":1.000000005,";
        let expected =
            format!("{{{stamp}\"log\":\"web\",\"line\":\"a \\\"b\\\" \\\\ \\u0001ä\"}}\n");
        assert_eq!(show(Form::Json, Looks::Coloured, &line), expected);
        let continued = Shown { stamp: None, ..shown(b"\xff more", 0) };
        let expected = "{\"continues\":true,\"line\":\"\u{fffd} more\"}\n";
        assert_eq!(show(Form::Json, Looks::Plain, &continued), expected);
    }
}
