//! Who may ask us: the `restrict` lines of ntp.conf(5).
//!
//! Of the rules that fit an address the one with the longest prefix counts, whatever the order of
//! the lines. Without a rule that fits everybody is answered, as ntpd does.

use core::net::IpAddr;

/// The most rules; a question is compared with each of them.
pub const RULES_MAX: usize = 256;

/// How an address is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// It is answered at all (not `ignore`, not `noserve`).
    pub answered: bool,
    /// It must keep to the limits of `discard` (`limited`).
    pub limited: bool,
    /// Where it does not, it is told so (`kod`).
    pub kod: bool,
    /// It is answered only if it signs its questions with a key of ours (`notrust`).
    pub signed: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self { answered: true, limited: false, kod: false, signed: false }
    }
}

/// An address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Everybody of the family of `address`.
    #[must_use]
    pub fn all_like(address: IpAddr) -> Self {
        Self { address, prefix: 0 }
    }

    /// Of `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('/') {
            None => Self::of(text.parse().ok()?, None),
            Some((address, prefix)) => Self::of(address.parse().ok()?, Some(prefix.parse().ok()?)),
        }
    }

    /// `prefix` bits of an address; `None`: all of them.
    #[must_use]
    pub fn of(address: IpAddr, prefix: Option<u8>) -> Option<Self> {
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(most);
        (prefix <= most).then_some(Self { address, prefix })
    }

    /// An address and a mask, whose ones must all stand before its zeros.
    #[must_use]
    pub fn masked(address: IpAddr, mask: IpAddr) -> Option<Self> {
        let (ones, is_plain) = match mask {
            IpAddr::V4(mask) => {
                let ones = mask.to_bits().leading_ones();
                (ones, mask.to_bits().count_ones() == ones)
            }
            IpAddr::V6(mask) => {
                let ones = mask.to_bits().leading_ones();
                (ones, mask.to_bits().count_ones() == ones)
            }
        };
        let alike = address.is_ipv4() == mask.is_ipv4();
        (alike && is_plain).then_some(())?;
        Self::of(address, Some(u8::try_from(ones).ok()?))
    }

    fn holds(&self, address: IpAddr) -> bool {
        let differ = match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(its)) => (ours.to_bits() ^ its.to_bits()).leading_zeros(),
            (IpAddr::V6(ours), IpAddr::V6(its)) => (ours.to_bits() ^ its.to_bits()).leading_zeros(),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        differ >= u32::from(self.prefix)
    }
}

/// All rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    rules: Vec<(Network, Terms)>,
}

impl Access {
    /// Adds a rule, in the place of an older one for the same network; whether there was room.
    #[must_use]
    pub fn add(&mut self, network: Network, terms: Terms) -> bool {
        self.rules.retain(|(older, _)| *older != network);
        let room = self.rules.len() < RULES_MAX;
        if room {
            self.rules.push((network, terms));
        }
        room
    }

    /// How an address is met. One of IPv4 in the clothes of IPv6 is met as what it is.
    #[must_use]
    pub fn terms(&self, address: IpAddr) -> Terms {
        let address = address.to_canonical();
        let fitting = self.rules.iter().filter(|(network, _)| network.holds(address));
        let nearest = fitting.max_by_key(|(network, _)| network.prefix);
        nearest.map_or_else(Terms::default, |(_, terms)| *terms)
    }

    /// Whether anybody is limited.
    #[must_use]
    pub fn limits_anybody(&self) -> bool {
        self.rules.iter().any(|(_, terms)| terms.limited)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WELCOME: Terms = Terms { answered: true, limited: false, kod: false, signed: false };
    const REFUSED: Terms = Terms { answered: false, ..WELCOME };
    const LIMITED: Terms = Terms { limited: true, kod: true, ..WELCOME };

    fn access(rules: &[(&str, Terms)]) -> Access {
        let mut access = Access::default();
        for (network, terms) in rules {
            assert!(access.add(Network::parse(network).unwrap(), *terms));
        }
        access
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn without_a_rule_everybody_is_answered() {
        assert_eq!(Access::default().terms(ip("192.0.2.1")), Terms::default());
    }

    #[test]
    fn the_longest_prefix_counts_whatever_the_order() {
        let rules =
            [("192.0.2.7", LIMITED), ("0.0.0.0/0", REFUSED), ("192.0.2.0/24", Terms::default())];
        let mut backwards = rules;
        backwards.reverse();
        for access in [access(&rules), access(&backwards)] {
            assert_eq!(access.terms(ip("198.51.100.1")), REFUSED);
            assert_eq!(access.terms(ip("192.0.2.8")), Terms::default());
            assert_eq!(access.terms(ip("192.0.2.7")), LIMITED);
            assert_eq!(access.terms(ip("::ffff:192.0.2.7")), LIMITED, "it is the same one");
            assert_eq!(access.terms(ip("2001:db8::1")), Terms::default(), "another family");
        }
    }

    #[test]
    fn a_mask_is_a_prefix_or_nothing() {
        let masked = |mask: &str| Network::masked(ip("192.168.0.0"), ip(mask));
        assert_eq!(masked("255.255.0.0"), Network::parse("192.168.0.0/16"));
        assert_eq!(masked("255.0.255.0"), None);
        assert_eq!(masked("ffff::"), None);
        for text in ["192.0.2.0/33", "192.0.2", "2001:db8::/129", "/8", "192.0.2.0/"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    #[test]
    fn there_is_a_limit_to_the_number_of_rules() {
        let mut access = Access::default();
        let network = |n: u32| Network::of(IpAddr::V4(n.into()), None).unwrap();
        assert!((0..256).all(|n| access.add(network(n), LIMITED)));
        assert!(!access.add(network(256), LIMITED));
        assert!(access.add(network(0), REFUSED), "the same network again");
    }

    proptest! {
        #[test]
        fn a_network_holds_what_has_its_prefix(bits: u32, other: u32, prefix in 0..=32_u8) {
            let network = Network::of(IpAddr::V4(bits.into()), Some(prefix)).unwrap();
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            let expected = bits & mask == other & mask;
            prop_assert_eq!(network.holds(IpAddr::V4(other.into())), expected);
            prop_assert!(network.holds(IpAddr::V4(bits.into())));
        }
    }
}
