//! A VPC's range cut into the subnets of its zones.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// The two ranges of one zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// For load balancers and NAT gateways: from the first half of the VPC's range.
    pub public: Ipv4Net,
    /// For nodes and pods: from the second half.
    pub private: Ipv4Net,
}

/// Largest subnet that is made: /20, 4,091 usable addresses.
const LARGEST: u8 = 20;
/// Smallest subnet that AWS takes ("Subnet CIDR blocks", Amazon VPC user guide).
const SMALLEST: u8 = 28;

/// Public subnets from the start of the range, private ones from its middle. Each half is cut into four equal parts, or as
/// many as a power of two needs for the zones, but no part is larger than a /20. So 10.0.0.0/16 with 3 zones gives publics
/// from 10.0.0.0/20 and privates from 10.0.128.0/20, and a zone more or less moves nobody as long as there are four at most.
///
/// `None` if there is no zone, or no room for subnets that AWS takes.
#[must_use]
pub fn split(range: Ipv4Net, zones: usize) -> Option<Vec<Pair>> {
    let parts = zones.checked_next_power_of_two().filter(|_| zones > 0)?.max(4);
    let bits = u8::try_from(parts.trailing_zeros()).ok()?;
    let prefix = range.prefix_len().checked_add(1)?.checked_add(bits)?.max(LARGEST);
    if prefix > SMALLEST {
        return None;
    }
    let start = u64::from(u32::from(range.network()));
    let half = 1_u64 << (32 - range.prefix_len()) >> 1;
    let size = 1_u64 << (32 - prefix);
    let subnet = |from: u64, zone: u64| {
        let first = u32::try_from(from + zone * size).ok()?;
        Ipv4Net::new(Ipv4Addr::from(first), prefix).ok()
    };
    (0..u64::try_from(zones).ok()?)
        .map(|zone| Some(Pair { public: subnet(start, zone)?, private: subnet(start + half, zone)? }))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(range: &str, zones: usize) -> Vec<(String, String)> {
        let pairs = split(range.parse().unwrap(), zones).unwrap();
        pairs.iter().map(|pair| (pair.public.to_string(), pair.private.to_string())).collect()
    }

    #[test]
    fn the_default_is_laid_out_as_the_original() {
        let expected =
            [("10.0.0.0/20", "10.0.128.0/20"), ("10.0.16.0/20", "10.0.144.0/20"), ("10.0.32.0/20", "10.0.160.0/20")];
        assert_eq!(texts("10.0.0.0/16", 3), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!(texts("10.0.7.9/16", 3), texts("10.0.0.0/16", 3), "host bits do not count");
    }

    #[test]
    fn small_ranges_are_cut_smaller() {
        assert_eq!(texts("192.168.4.0/24", 2)[1], ("192.168.4.32/27".to_owned(), "192.168.4.160/27".to_owned()));
        assert_eq!(texts("192.168.4.0/24", 6)[5], ("192.168.4.80/28".to_owned(), "192.168.4.208/28".to_owned()));
        assert_eq!(split("192.168.4.0/25".parse().unwrap(), 6), None);
        assert_eq!(split("10.0.0.0/16".parse().unwrap(), 0), None);
        assert_eq!(split("10.0.0.0/16".parse().unwrap(), usize::MAX), None);
    }

    proptest! {
        #[test]
        fn subnets_are_disjoint_inside_and_aligned(address: u32, prefix in 1_u8..=27, zones in 1_usize..=40) {
            let range = Ipv4Net::new(address.into(), prefix).unwrap();
            let Some(pairs) = split(range, zones) else {
                prop_assert!(prefix > 20 || zones > 8, "no room in {range} for {zones}");
                return Ok(());
            };
            prop_assert_eq!(pairs.len(), zones);
            let all: Vec<_> = pairs.iter().flat_map(|pair| [pair.public, pair.private]).collect();
            for (index, one) in all.iter().enumerate() {
                prop_assert!(range.trunc().contains(one));
                prop_assert_eq!(one.trunc(), *one);
                prop_assert!((20..=28).contains(&one.prefix_len()));
                prop_assert!(all[..index].iter().all(|other| !other.contains(one) && !one.contains(other)));
            }
        }

        #[test]
        fn one_zone_more_moves_nobody(prefix in 16_u8..=24, zones in 1_usize..=3) {
            let range = Ipv4Net::new([10, 1, 0, 0].into(), prefix).unwrap();
            let (less, more) = (split(range, zones).unwrap(), split(range, zones + 1).unwrap());
            prop_assert_eq!(&more[..zones], &less[..]);
        }
    }
}
