//! `[networks]`: names for groups of addresses.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::reader::Reader;

/// All addresses with one beginning (RFC 4632): `192.168.7.0/24`, or one address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    first: IpAddr,
    /// Bits that the addresses have in common.
    bits: u8,
}

/// The widest networks that no one but their owner can be in: 10.0.0.0/8 (RFC 1918) and fc00::/7 (RFC 4193).
const WIDEST: (u8, u8) = (8, 7);

impl Network {
    fn parse(text: &str) -> Result<Self, String> {
        let form =
            || format!("wants networks such as \"192.168.7.0/24\" or \"10.1.2.3\", not {text:?}");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| form())?)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| form())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return Err(form());
        }
        let first = beginning(address, bits);
        if first != address {
            return Err(format!(
                "has {text:?}, which is not the beginning of a network; did you mean {first}/{bits}?"
            ));
        }
        Ok(Self { first, bits })
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        // A socket for both protocols shows IPv4 addresses as ::ffff:a.b.c.d.
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && beginning(address, self.bits) == self.first
    }

    /// Whether people are in it whom nobody here knows.
    pub(super) fn is_too_wide(&self) -> bool {
        self.bits < if self.first.is_ipv4() { WIDEST.0 } else { WIDEST.1 }
    }
}

/// The address with all but its first `bits` cleared.
fn beginning(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

/// Every named group.
pub(super) fn read(reader: &mut Reader<'_>) -> BTreeMap<String, Vec<Network>> {
    let mut networks = BTreeMap::new();
    for name in reader.keys_in("networks") {
        let key = format!("networks.{name}");
        let before = reader.problems.len();
        let group = reader.list(&key, Vec::new(), Network::parse);
        if group.is_empty() && reader.problems.len() == before {
            reader.problem(&key, "has no address in it");
        }
        networks.insert(name, group);
    }
    networks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        Network::parse(network).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_like_it() {
        for (network, address) in [
            ("192.168.7.0/24", "192.168.7.0"),
            ("192.168.7.0/24", "192.168.7.255"),
            ("192.168.7.0/24", "::ffff:192.168.7.9"),
            ("10.1.2.3", "10.1.2.3"),
            ("0.0.0.0/0", "8.8.8.8"),
            ("fd00:7::/32", "fd00:7:1::2"),
            ("::1", "::1"),
            ("::/0", "2001:db8::1"),
        ] {
            assert!(contains(network, address), "{network} {address}");
        }
        for (network, address) in [
            ("192.168.7.0/24", "192.168.8.0"),
            ("10.1.2.3", "10.1.2.4"),
            ("0.0.0.0/0", "::1"),
            ("::/0", "127.0.0.1"),
            ("fd00:7::/32", "fd00:8::1"),
        ] {
            assert!(!contains(network, address), "{network} {address}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in ["", "printer", "10.0.0.0/33", "::/129", "10.0.0.0/x", "10.0.0", "10.0.0.0/-1"]
        {
            assert!(Network::parse(text).unwrap_err().starts_with("wants networks"), "{text}");
        }
        let near = Network::parse("192.168.7.5/24").unwrap_err();
        assert!(near.ends_with("did you mean 192.168.7.0/24?"), "{near}");
    }

    #[test]
    fn wider_than_any_private_network_is_too_wide() {
        for (text, too_wide) in [
            ("0.0.0.0/0", true),
            ("128.0.0.0/1", true),
            ("10.0.0.0/8", false),
            ("::/0", true),
            ("fc00::/7", false),
        ] {
            assert_eq!(Network::parse(text).unwrap().is_too_wide(), too_wide, "{text}");
        }
    }
}
