//! The digest of what an environment says.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::spec::Spec;

/// `sha256:` and hex over the resolved environment and the version of rem-ci, without acknowledgements: what was planned,
/// so that an approval can say so.
#[must_use]
pub fn input_digest(spec: &Spec) -> String {
    // What runs in the cluster is for cost only: figures read from a cluster do not make it another input.
    // Keys of serde_json's maps are sorted and every number is whole: this is RFC 8785 for what a Spec can hold.
    let mut json = serde_json::to_value(spec).unwrap_or_default();
    if let Value::Object(fields) = &mut json {
        fields.remove("acknowledge");
        fields.insert("workloads".to_owned(), Value::Object(serde_json::Map::new()));
    }
    let text = format!("rem-ci/input/1\n{}\n{json}", env!("CARGO_PKG_VERSION"));
    format!("sha256:{}", hex::encode(Sha256::digest(text.as_bytes())))
}
