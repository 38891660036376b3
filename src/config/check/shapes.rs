//! Shapes of texts: AWS's and Kubernetes' patterns as plain functions.

/// `^[a-z][a-z0-9-]*$` of at most `most` characters, not ending in `-`: names of environments and the like.
pub(super) fn name(text: &str, most: usize) -> bool {
    text.len() <= most
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// A DNS label (RFC 1123): names of namespaces.
pub(super) fn dns_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// DNS labels with dots between: names of NodePools, prefixes of labels.
pub(super) fn dns_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(dns_label)
}

/// `^[a-z0-9][a-z0-9./_-]{0,63}$`
pub(super) fn owner(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "./_-".contains(c))
}

/// All digits, of exactly `count`.
pub(super) fn digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|c| c.is_ascii_digit())
}

/// All lower-case hex digits, within `lengths`.
pub(super) fn hex(text: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}

/// An EC2 id: `vpc-`, then 8 or 17 hex digits.
pub(super) fn ec2_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| hex(rest, 8..=17))
}

/// The numbers of `1.15.1`, if there are exactly `N` without signs or leading zeros.
pub(super) fn numbers<const N: usize>(text: &str) -> Option<[u32; N]> {
    let mut found = [0; N];
    let mut parts = text.split('.');
    for slot in &mut found {
        let part = parts.next()?;
        let plain = part.bytes().all(|c| c.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
        *slot = plain.then(|| part.parse().ok()).flatten()?;
    }
    parts.next().is_none().then_some(found)
}

/// An EC2 instance type by its shape: `m7i-flex.2xlarge`, `u-6tb1.metal`.
pub(super) fn instance_type(text: &str) -> bool {
    text.split_once('.').is_some_and(|(family, size)| {
        family.starts_with(|c: char| c.is_ascii_lowercase())
            && family.chars().any(|c| c.is_ascii_digit())
            && family.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !size.is_empty()
            && size.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    })
}

/// Seconds of `90s`, `1h30m`: `^([0-9]+(s|m|h))+$`, as Karpenter's CRDs have it.
pub(super) fn duration(text: &str) -> Option<u64> {
    let (mut total, mut number) = (0_u64, String::new());
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                number.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    (number.is_empty() && !text.is_empty()).then_some(total)
}

/// A Kubernetes label key: an optional DNS prefix, `/`, and a name of at most 63 characters.
pub(super) fn label_key(text: &str) -> bool {
    let (prefix, name) = text.rsplit_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(dns_name) && !name.is_empty() && label_value(name)
}

/// A Kubernetes label value: at most 63 of `[A-Za-z0-9._-]`, ends alphanumeric; may be empty.
pub(super) fn label_value(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    text.len() <= 63
        && (text.is_empty() || (text.starts_with(edge) && text.ends_with(edge)))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// A Kubernetes quantity that is not negative (apimachinery `resource.Quantity`), in its base unit times 1,000, as far as
/// that fits; `None` if it is no quantity.
pub(crate) fn quantity(text: &str) -> Option<u128> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && part.is_empty()) || part.contains('.') || whole.len() > 18 || part.len() > 18 {
        return None;
    }
    let binary = |power: u32| 1024_u128.checked_pow(power);
    // In thousandths, so that `m` has a whole factor; finer ones round to nothing.
    let factor = match suffix {
        "n" | "u" => 0,
        "m" => 1,
        "" => 1_000,
        "k" => 1_000_000,
        "M" => 1_000_000_000,
        "G" => 1_000_000_000_000,
        "T" => 1_000_000_000_000_000,
        "P" => 1_000_000_000_000_000_000,
        "E" => 1_000_000_000_000_000_000_000,
        "Ki" => 1_000 * binary(1)?,
        "Mi" => 1_000 * binary(2)?,
        "Gi" => 1_000 * binary(3)?,
        "Ti" => 1_000 * binary(4)?,
        "Pi" => 1_000 * binary(5)?,
        "Ei" => 1_000 * binary(6)?,
        exponent => {
            let power = exponent.strip_prefix(['e', 'E'])?;
            let power: i32 = power.strip_prefix('+').unwrap_or(power).parse().ok()?;
            let power = u32::try_from(power + 3).ok().filter(|power| *power <= 21)?;
            10_u128.pow(power)
        }
    };
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let tail: u128 = if part.is_empty() { 0 } else { part.parse().ok()? };
    let places = 10_u128.pow(u32::try_from(part.len()).ok()?);
    whole.checked_mul(factor)?.checked_add(tail.checked_mul(factor)? / places)
}

/// An IAM ARN taken apart: partition, account, resource (`role/path/name`).
pub(super) fn iam_arn(text: &str) -> Option<(&str, &str, &str)> {
    let mut parts = text.splitn(6, ':');
    let fixed = (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let ("arn", partition, "iam", "", account, resource) = fixed else { return None };
    let (kind, name) = resource.split_once('/')?;
    let good = partition.starts_with("aws")
        && digits(account, 12)
        && matches!(kind, "role" | "user")
        && !name.is_empty()
        && !name.ends_with('/')
        && name.len() <= 576
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@_-/".contains(c));
    good.then_some((partition, account, resource))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        assert_eq!(quantity("1"), Some(1_000));
        assert_eq!(quantity("500m"), Some(500));
        assert_eq!(quantity("1.5Gi"), Some(1_000 * 1024 * 1024 * 1024 * 3 / 2));
        assert_eq!(quantity("1e3"), Some(1_000_000));
        for bad in ["", "x", "1.2.3", "-1", "1Zi", "Gi", "1 Gi"] {
            assert_eq!(quantity(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(duration("1h30m"), Some(5400));
        assert_eq!(duration("30s"), Some(30));
        for bad in ["", "1", "1d", "h", "Never", "-1s", "99999999999999999999s"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn versions_have_exactly_their_numbers() {
        assert_eq!(numbers::<2>("1.36"), Some([1, 36]));
        assert_eq!(numbers::<3>("1.15.1"), Some([1, 15, 1]));
        for bad in ["1", "1.36.1", "v1.36", "1.", "1.036", "+1.2", "1.x"] {
            assert_eq!(numbers::<2>(bad), None, "{bad}");
        }
    }

    #[test]
    fn arns() {
        assert!(iam_arn("arn:aws:iam::123456789012:role/a/b").is_some());
        for bad in [
            "arn:aws:iam::123456789012:root",
            "arn:aws:sts::123456789012:assumed-role/a/b",
            "arn:aws:iam::12:role/a",
            "x",
        ] {
            assert!(iam_arn(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn labels() {
        assert!(label_key("karpenter.sh/capacity-type") && label_key("team") && label_value(""));
        assert!(!label_key("a/b/c") && !label_key("/x") && !label_key("x/") && !label_value("-a"));
    }
}
