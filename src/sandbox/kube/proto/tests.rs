use serde_json::json;

use super::read;

/// A field of bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).expect("short");
    [&[number << 3 | 2, length], bytes].concat()
}

fn body(version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let of = [field(1, version.as_bytes()), field(2, kind.as_bytes())].concat();
    [b"k8s\0".to_vec(), field(1, &of), field(2, raw), field(3, b""), field(4, b"")].concat()
}

#[test]
fn a_namespace_and_an_eviction_are_read() {
    let label = [field(1, b"team"), field(2, b"web")].concat();
    let meta = [field(1, b"apps"), field(2, b""), field(11, &label)].concat();
    let space = read(&body("v1", "Namespace", &field(1, &meta))).expect("read");
    let want =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "apps", "labels": { "team": "web" } } });
    assert_eq!(space, want);
    // Ten seconds of grace: a number is a varint.
    let raw = [field(1, &field(1, b"pod")), field(2, &[1 << 3, 10])].concat();
    let eviction = read(&body("policy/v1", "Eviction", &raw)).expect("read");
    assert_eq!(eviction["deleteOptions"], json!({ "gracePeriodSeconds": 10 }));
}

#[test]
fn what_is_not_known_or_broken_is_not_read() {
    assert!(read(b"{}").is_none());
    assert!(read(&body("apps/v1", "Deployment", b"")).is_none());
    let whole = body("v1", "Namespace", &field(1, &field(1, b"apps")));
    assert!(read(&whole[..whole.len() - 6]).is_none());
}
