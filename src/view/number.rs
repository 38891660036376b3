//! Money, deltas and durations for people.

use rust_decimal::{Decimal, RoundingStrategy};

/// Rounded to cents, half to even.
#[must_use]
pub fn cents(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointNearestEven)
}

/// `1,234.50`, with a minus sign where it is negative.
#[must_use]
pub fn money(amount: Decimal) -> String {
    let amount = cents(amount);
    let sign = if amount.is_sign_negative() && !amount.is_zero() { "-" } else { "" };
    let text = format!("{:.2}", amount.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "00"));
    format!("{sign}{}.{fraction}", thousands(whole))
}

/// `$673.54`.
#[must_use]
pub fn dollars(amount: Decimal) -> String {
    match money(amount).strip_prefix('-') {
        Some(figure) => format!("-${figure}"),
        None => format!("${}", money(amount)),
    }
}

/// `$673.54`; from $1,000 on, whole dollars: for headlines only.
#[must_use]
pub fn headline(amount: Decimal) -> String {
    if amount.abs() < Decimal::ONE_THOUSAND {
        return dollars(amount);
    }
    let whole = dollars(amount.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven));
    whole.strip_suffix(".00").map_or(whole.clone(), str::to_owned)
}

/// `+ 32.85`, `- 3.65`, or nothing where it rounds to no cent.
#[must_use]
pub fn delta(amount: Decimal) -> String {
    let rounded = cents(amount);
    match rounded {
        _ if rounded.is_zero() => String::new(),
        _ if rounded.is_sign_negative() => format!("- {}", money(-rounded)),
        _ => format!("+ {}", money(rounded)),
    }
}

/// `+$36.50`, `-$3.65`, `$0.00`.
#[must_use]
pub fn signed_dollars(amount: Decimal) -> String {
    let rounded = cents(amount);
    match rounded {
        _ if rounded.is_zero() => "$0.00".to_owned(),
        _ if rounded.is_sign_negative() => dollars(rounded),
        _ => format!("+{}", dollars(rounded)),
    }
}

/// A quantity: `1,000`, `59.178082`, without trailing zeros.
#[must_use]
pub fn quantity(amount: Decimal) -> String {
    let text = amount.normalize().to_string();
    match text.split_once('.') {
        Some((whole, fraction)) => format!("{}.{fraction}", thousands(whole)),
        None => thousands(&text),
    }
}

/// `52,000` from whole digits.
#[must_use]
pub fn thousands(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{sign}{out}")
}

/// `4:12`, `1:02:03`.
#[must_use]
pub fn clock(seconds: u64) -> String {
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds % 3600 / 60, seconds % 60),
    }
}

/// `40 s`, `4 min`, `1 h 5 min`: rough, for what lies ahead.
#[must_use]
pub fn about(seconds: u64) -> String {
    match seconds {
        0..=90 => format!("{seconds} s"),
        91..=3600 => format!("{} min", (seconds + 30) / 60),
        _ => match (seconds + 30) / 60 {
            minutes if minutes % 60 == 0 => format!("{} h", minutes / 60),
            minutes => format!("{} h {} min", minutes / 60, minutes % 60),
        },
    }
}

/// `1 change`, `2 changes`.
#[must_use]
pub fn count(number: usize, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", thousands(&number.to_string()))
}
