use super::*;

#[test]
fn a_pool_of_fixed_size_says_so() {
    let mut live = Live::new("c/batch");
    assert_eq!(sized(live.clone()).fields.get("fixedSize"), None);
    live.fields.insert("replicas".to_owned(), Value::text(3));
    assert_eq!(sized(live).text("fixedSize"), "true");
}
