//! Where a server is said to be: a name or an address, with or without a port.

use core::net::{IpAddr, Ipv6Addr};

/// NTP's port.
pub(super) const PORT: u16 = 123;

/// A host and its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host<'a> {
    /// The name or the address, without brackets.
    pub name: &'a str,
    /// The port, where one was given.
    pub port: Option<u16>,
}

/// Why a text is neither a name nor an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoHost {
    /// What follows its last colon is no port.
    Port,
    /// It has a colon or a bracket where there can be none.
    Name,
}

impl<'a> Host<'a> {
    /// `NAME`, `NAME:PORT`, and addresses of six as they are or as `[ADDRESS]` and
    /// `[ADDRESS]:PORT`.
    ///
    /// # Errors
    /// [`NoHost`].
    pub fn of(text: &'a str) -> Result<Self, NoHost> {
        if let Some(rest) = text.strip_prefix('[') {
            let (name, rest) = rest.split_once(']').ok_or(NoHost::Name)?;
            let port = match rest.strip_prefix(':') {
                Some(digits) => Some(port(digits)?),
                None if rest.is_empty() => None,
                None => return Err(NoHost::Name),
            };
            return if is_of_six(name) { Ok(Self { name, port }) } else { Err(NoHost::Name) };
        }
        if is_of_six(text) {
            return Ok(Self { name: text, port: None });
        }
        let (name, port) = match text.split_once(':') {
            Some((_, digits)) if digits.contains(':') => return Err(NoHost::Name),
            Some((name, digits)) => (name, Some(port(digits)?)),
            None => (text, None),
        };
        if name.is_empty() || name.contains(['[', ']']) {
            return Err(NoHost::Name);
        }
        Ok(Self { name, port })
    }

    /// Its address, where it is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.name.parse().ok()
    }

    /// Whether another one has the same name or address.
    pub(super) fn is_named_as(&self, other: &Self) -> bool {
        let name = |host: &Self| host.name.trim_end_matches('.').to_ascii_lowercase();
        match (self.address(), other.address()) {
            (Some(one), Some(two)) => one == two,
            (None, None) => name(self) == name(other),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

/// With or without the name of an interface behind it (RFC 4007, section 11).
fn is_of_six(text: &str) -> bool {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

fn port(digits: &str) -> Result<u16, NoHost> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok().filter(|port| is_number && *port > 0);
    port.ok_or(NoHost::Port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_addresses_and_ports_are_told_apart() {
        for (text, name, port) in [
            ("time.example", "time.example", None),
            ("time.example:44", "time.example", Some(44)),
            ("192.0.2.1", "192.0.2.1", None),
            ("192.0.2.1:65535", "192.0.2.1", Some(65535)),
            ("::1", "::1", None),
            ("2001:db8::1", "2001:db8::1", None),
            ("2001:db8::1:1123", "2001:db8::1:1123", None),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:db8::1]:44", "2001:db8::1", Some(44)),
            ("fe80::1%eth0", "fe80::1%eth0", None),
            ("[fe80::1%eth0]:44", "fe80::1%eth0", Some(44)),
        ] {
            assert_eq!(Host::of(text), Ok(Host { name, port }), "{text}");
        }
    }

    #[test]
    fn what_is_no_port_is_no_part_of_a_name() {
        for text in ["x:99999", "x:65536", "x:0", "x:", "x:ntp", "x:+1", "x:-1", "192.0.2.1:123456"]
        {
            assert_eq!(Host::of(text), Err(NoHost::Port), "{text}");
        }
        for text in ["[::1]:", "[::1]:0", "[::1]:99999", "[::1]:x"] {
            assert_eq!(Host::of(text), Err(NoHost::Port), "{text}");
        }
    }

    #[test]
    fn a_colon_or_a_bracket_is_no_part_of_a_name() {
        for text in [":123", "a:b:1", "2001:db8:1", "::x", "[a]", "[a]:1", "[::1", "[::1]1"] {
            assert!(Host::of(text).is_err(), "{text}");
        }
        for text in ["", "::1]", "a]", "a[:1", "[192.0.2.1]", "[]", "[]:1", "[::1]]"] {
            assert_eq!(Host::of(text), Err(NoHost::Name), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_name_has_no_colon_unless_it_is_an_address(text in "[a:.1%\\[\\]]{0,12}") {
            if let Ok(host) = Host::of(&text) {
                prop_assert!(!host.name.contains(':') || is_of_six(host.name));
            }
        }
    }
}
