//! Requests as they are made, a line each: `--verbose`.

use crate::engine::calls::Call;

/// `EC2 DescribeVpcs: 200 in 34 ms, try 1`
#[must_use]
pub fn line(call: &Call) -> String {
    let status = call.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let (took, attempt) = (call.took.as_millis(), call.attempt);
    format!("{} {}: {status} in {took} ms, try {attempt}\n", call.service, call.operation)
}
