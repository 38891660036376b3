//! Durations as `kubectl` writes them: two units at most, fewer the longer it is.

use crate::sandbox::state::Millis;

/// From a time to now; `<unknown>` without one.
pub(super) fn since(time: &str, now: Millis) -> String {
    match time.parse::<jiff::Timestamp>() {
        Ok(time) => duration((now - time.as_millisecond()).div_euclid(1000)),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// So many seconds.
pub(super) fn duration(seconds: i64) -> String {
    let two = |large: i64, unit: char, small: i64, part: char| {
        if small == 0 { format!("{large}{unit}") } else { format!("{large}{unit}{small}{part}") }
    };
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if seconds < -1 {
        "<invalid>".to_owned()
    } else if seconds < 0 {
        "0s".to_owned()
    } else if seconds < 120 {
        format!("{seconds}s")
    } else if minutes < 10 {
        two(minutes, 'm', seconds % 60, 's')
    } else if minutes < 180 {
        format!("{minutes}m")
    } else if hours < 8 {
        two(hours, 'h', minutes % 60, 'm')
    } else if hours < 48 {
        format!("{hours}h")
    } else if days < 8 {
        two(days, 'd', hours % 24, 'h')
    } else if days < 730 {
        format!("{days}d")
    } else if days < 2920 {
        two(days / 365, 'y', days % 365, 'd')
    } else {
        format!("{}y", days / 365)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations_read_as_kubectl_writes_them() {
        let told: Vec<String> =
            [-5, 0, 119, 120, 185, 3600, 10_799, 11_000, 90_000, 200_000, 8_640_000].map(super::duration).to_vec();
        let want = ["<invalid>", "0s", "119s", "2m", "3m5s", "60m", "179m", "3h3m", "25h", "2d7h", "100d"];
        assert_eq!(told, want);
    }
}
