//! The last good time and the last good addresses, in a file beside the drift file: for a boot
//! without a hardware clock, or without a name service.
//!
//! ```text
//! time 1795305600
//! address pool.ntp.org 192.0.2.1 192.0.2.2
//! ```

use std::fmt::Write as _;
use std::net::IpAddr;

/// No file of ours names more hosts, or more addresses of one.
const HOSTS_MAX: usize = 16;
const ADDRESSES_MAX: usize = 16;

/// What was good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LastGood {
    /// Seconds since the Unix epoch.
    pub(crate) time: Option<i64>,
    /// The addresses of hosts.
    pub(crate) hosts: Vec<(String, Vec<IpAddr>)>,
}

impl LastGood {
    /// Reads the file's text. A line that is none is passed over: another version may have written
    /// it, and a disk may have eaten of it.
    pub(crate) fn parse(text: &str) -> Self {
        let mut this = Self::default();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("time") => {
                    this.time = words.next().and_then(|time| time.parse().ok()).or(this.time);
                }
                Some("address") if this.hosts.len() < HOSTS_MAX => {
                    let Some(host) = words.next() else { continue };
                    let addresses = words.filter_map(|word| word.parse().ok());
                    let addresses: Vec<IpAddr> = addresses.take(ADDRESSES_MAX).collect();
                    if !addresses.is_empty() {
                        this.hosts.push((host.to_owned(), addresses));
                    }
                }
                Some(_) | None => {}
            }
        }
        this
    }

    /// The file's text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if let Some(time) = self.time {
            let _ = writeln!(text, "time {time}");
        }
        for (host, addresses) in self.hosts.iter().take(HOSTS_MAX) {
            let _ = write!(text, "address {host}");
            for address in addresses.iter().take(ADDRESSES_MAX) {
                let _ = write!(text, " {address}");
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let good = LastGood {
            time: Some(1_795_305_600),
            hosts: vec![
                ("a.example".into(), vec!["192.0.2.1".parse().unwrap(), "::1".parse().unwrap()]),
                ("b.example".into(), vec!["192.0.2.2".parse().unwrap()]),
            ],
        };
        let text =
            "time 1795305600\naddress a.example 192.0.2.1 ::1\naddress b.example 192.0.2.2\n";
        assert_eq!(good.text(), text);
        assert_eq!(LastGood::parse(text), good);
    }

    #[test]
    fn damage_is_passed_over() {
        let text = "time soon\naddress\naddress x\naddress y nowhere 192.0.2.1\nnonsense\ntime 5 6";
        let good = LastGood::parse(text);
        assert_eq!(good.time, Some(5));
        assert_eq!(good.hosts, [("y".to_owned(), vec!["192.0.2.1".parse::<IpAddr>().unwrap()])]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_within_bounds(text in "((time|address)[ a-z0-9.:]{0,30}\n){0,40}") {
            let good = LastGood::parse(&text);
            prop_assert!(good.hosts.len() <= HOSTS_MAX);
            prop_assert_eq!(LastGood::parse(&good.text()), good);
        }
    }
}
