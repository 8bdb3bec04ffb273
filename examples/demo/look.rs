//! One look at what goes on: the state of every service, and what stands in the logs.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Stdio;

use anyhow::Context as _;

use crate::place::Place;

/// How much of each log is read: more than the lines that are shown.
const TAIL_BYTES: u64 = 4096;
/// The length of `@` and 24 digits.
const LABEL: usize = 25;
/// Where hours to milliseconds stand in what tai64nlocal writes.
const TIME: std::ops::Range<usize> = 11..23;

/// A line of a service's log.
#[derive(Debug, Clone)]
pub(crate) struct LogLine {
    /// Its TAI64N label: sorts as time does.
    pub(crate) label: String,
    /// What is shown: the local time, the service, the line.
    pub(crate) text: String,
}

/// What there is to see.
#[derive(Debug)]
pub(crate) struct Look {
    /// A line of svstat for each service and each logger.
    pub(crate) states: Vec<String>,
    /// The newest lines of all logs together, oldest first.
    pub(crate) log: Vec<LogLine>,
    /// What svscan itself has said.
    pub(crate) svscan: Vec<String>,
}

impl Look {
    pub(crate) fn at(place: &Place) -> anyhow::Result<Self> {
        let services = services(place).context("unable to list the services")?;
        Ok(Self {
            states: states(place, &services).context("unable to run svstat")?,
            log: log(place, &services).context("unable to show the logs")?,
            svscan: place.said_by_svscan().iter().map(|line| printable(line)).collect(),
        })
    }
}

/// The names in the scan directory, sorted.
fn services(place: &Place) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(place.path("service"))? {
        names.extend(entry?.file_name().into_string());
    }
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    Ok(names)
}

/// What svstat says of each service and its logger.
fn states(place: &Place, services: &[String]) -> io::Result<Vec<String>> {
    let mut svstat = place.command("svstat");
    for name in services {
        svstat.arg(format!("service/{name}"));
        if place.path("service").join(name).join("log").exists() {
            svstat.arg(format!("service/{name}/log"));
        }
    }
    let output = svstat.stderr(Stdio::null()).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(printable).collect())
}

/// The ends of all logs, in the order in which the lines were written.
fn log(place: &Place, services: &[String]) -> io::Result<Vec<LogLine>> {
    let mut lines: Vec<(String, &str)> = Vec::new();
    for name in services {
        let current = place.path("service").join(name).join("log/main/current");
        // The logger may not have made it yet, or be about to rotate it.
        let tail = tail(&current).unwrap_or_default();
        let labelled =
            tail.lines().filter(|line| line.starts_with('@') && line.is_char_boundary(LABEL));
        lines.extend(labelled.map(|line| (line.to_owned(), name.as_str())));
    }
    lines.sort();
    let local = local_times(place, &lines)?;
    Ok(lines.iter().zip(local.lines()).map(|(line, local)| log_line(line, local)).collect())
}

/// The last whole lines of a file.
fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let skipped = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    let begin = if skipped == 0 { 0 } else { whole.find('\n').map_or(0, |end| end + 1) };
    Ok(whole[begin..].to_owned())
}

/// The lines as tai64nlocal writes them.
fn local_times(place: &Place, lines: &[(String, &str)]) -> io::Result<String> {
    let mut command = place.command("tai64nlocal");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let text: Vec<&str> = lines.iter().flat_map(|(line, _)| [line.as_str(), "\n"]).collect();
    // A pipe holds more than the ends of a few logs, so this cannot wait for a reader that waits
    // for us; and where the reader is gone, its output says so.
    let written =
        child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(text.concat().as_bytes()));
    let output = child.wait_with_output()?;
    written?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn log_line((line, service): &(String, &str), local: &str) -> LogLine {
    let (label, said) = line.split_at(LABEL.min(line.len()));
    let time = local.get(TIME).unwrap_or_default();
    LogLine { label: label.into(), text: printable(&format!("{time} {service}: {}", said.trim())) }
}

/// The text without what would move the cursor.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}
