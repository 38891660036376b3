//! The most that limits allow: a linear bound, so that no mix of nodes within them can cost more.
//!
//! Maximise the price of `x` nodes of each type with the sum of their vCPUs, their memory and their number within the limits, `x` not
//! whole. The dual is what is solved: prices of a vCPU and of a MiB so that no type is worth more than its parts, and the limits cost least.
//! With two prices the optimum is where two types, or one and an axis, are tight; it is found by walking from one to the next.

/// A type as limits see it, and its price a month in millionths of a USD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) vcpu: i64,
    pub(crate) memory_mib: i64,
    pub(crate) price: i64,
}

/// The bound in millionths of a USD, rounded up; at least one limit must be given.
pub(crate) fn most(sizes: &[Size], vcpu: Option<i64>, memory_mib: Option<i64>) -> Option<i64> {
    let single = |limit: i64, of: fn(&Size) -> i64| {
        let each = |size: &Size| div_up(i128::from(limit) * i128::from(size.price), i128::from(of(size).max(1)));
        sizes.iter().map(each).max().unwrap_or(0)
    };
    let bound = match (vcpu, memory_mib) {
        (None, None) => return None,
        (Some(vcpu), None) => single(vcpu, |size| size.vcpu),
        (None, Some(memory)) => single(memory, |size| size.memory_mib),
        (Some(vcpu), Some(memory)) => {
            let either = single(vcpu, |size| size.vcpu).min(single(memory, |size| size.memory_mib));
            either.min(both(sizes, vcpu, memory).unwrap_or(either))
        }
    };
    i64::try_from(bound).ok()
}

/// Both limits at once: starts at the type that is dearest by vCPU and turns towards memory.
fn both(sizes: &[Size], vcpu: i64, memory: i64) -> Option<i128> {
    let (vcpu, memory) = (i128::from(vcpu), i128::from(memory));
    let ratio = |a: &Size, b: &Size| {
        (i128::from(a.price) * i128::from(b.vcpu)).cmp(&(i128::from(b.price) * i128::from(a.vcpu)))
    };
    // At a memory price of 0 this one is tight.
    let mut tight = *sizes.iter().max_by(|a, b| ratio(a, b).then(b.memory_mib.cmp(&a.memory_mib)))?;
    loop {
        let slope = |size: &Size| {
            // As the price of a MiB rises by 1, the price of a vCPU that this type asks for falls by memory / vcpu. The next type to
            // become tight is the first whose demand falls more slowly: where price/vcpu - y * memory/vcpu meet.
            let fall = i128::from(tight.memory_mib) * i128::from(size.vcpu)
                - i128::from(size.memory_mib) * i128::from(tight.vcpu);
            let gap = i128::from(tight.price) * i128::from(size.vcpu) - i128::from(size.price) * i128::from(tight.vcpu);
            (fall, gap)
        };
        // While the type that is tight has more memory per vCPU than the limits, a dearer MiB lowers the bound.
        if i128::from(tight.memory_mib) * vcpu <= memory * i128::from(tight.vcpu) {
            break;
        }
        let next = sizes.iter().map(|size| (slope(size), size)).filter(|((fall, _), _)| *fall > 0).min_by(
            |((fall, gap), a), ((other, wide), b)| {
                (gap * other).cmp(&(wide * fall)).then(a.memory_mib.cmp(&b.memory_mib))
            },
        );
        let zero = (i128::from(tight.price), i128::from(tight.memory_mib));
        match next {
            // Where the tight type alone pays for itself by memory comes first: the price of a vCPU is 0 there.
            Some(((fall, gap), _)) if gap * zero.1 >= zero.0 * fall => return Some(div_up(memory * zero.0, zero.1)),
            None => return Some(div_up(memory * zero.0, zero.1)),
            Some(((fall, gap), size)) => {
                let leaner = i128::from(size.memory_mib) * vcpu <= memory * i128::from(size.vcpu);
                if leaner {
                    // y = gap / fall, x = (price - memory y) / vcpu of the tight type.
                    let (price, mib, cpus) =
                        (i128::from(tight.price), i128::from(tight.memory_mib), i128::from(tight.vcpu));
                    let x = price * fall - mib * gap;
                    return Some(div_up(vcpu * x + memory * gap * cpus, cpus * fall));
                }
                tight = *size;
            }
        }
    }
    Some(div_up(vcpu * i128::from(tight.price), i128::from(tight.vcpu)))
}

fn div_up(a: i128, b: i128) -> i128 {
    a.div_euclid(b) + i128::from(a.rem_euclid(b) > 0)
}
