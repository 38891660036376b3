use serde_json::json;

use crate::sandbox::aws::trial::Trial;

const PATH: &str = "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/standard";

fn value(trial: &mut Trial, tail: &str) -> String {
    let answer = trial.good("ssm", "GetParameter", json!({ "Name": format!("{PATH}/{tail}") }));
    answer["Parameter"]["Value"].as_str().unwrap().to_owned()
}

#[test]
fn the_recommended_ami_agrees_with_itself() {
    let mut trial = Trial::new();
    let image = value(&mut trial, "recommended/image_id");
    assert!(image.starts_with("ami-0") && image.len() == 21);
    assert_eq!(value(&mut trial, "recommended/release_version"), "1.35.6-20261118");
    let name = value(&mut trial, "recommended/image_name");
    assert_eq!(name, "amazon-eks-node-al2023-x86_64-standard-1.35-v20261118");
    assert_eq!(value(&mut trial, &format!("{name}/image_id")), image, "Karpenter's alias of that release");
    let whole: serde_json::Value = serde_json::from_str(&value(&mut trial, "recommended")).unwrap();
    assert_eq!(whole["image_id"], image);
    let listed = super::releases(trial.now).find(|release| release.name() == name).unwrap();
    assert_eq!((listed.image("us-east-1"), listed.version().as_str()), (image, "1.35.6-20261118"));
}

#[test]
fn a_newer_release_comes_and_the_older_stays_by_name() {
    let mut trial = Trial::new();
    let (image, name) = (value(&mut trial, "recommended/image_id"), value(&mut trial, "recommended/image_name"));
    trial.wait(14 * 86_400);
    assert_ne!(value(&mut trial, "recommended/image_id"), image);
    assert_eq!(value(&mut trial, &format!("{name}/image_id")), image);
}

#[test]
fn what_is_not_public_is_not_found() {
    let mut trial = Trial::new();
    for name in [
        "/aws/service/eks/optimized-ami/1.10/amazon-linux-2023/x86_64/standard/recommended/image_id",
        "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/sparc/standard/recommended/image_id",
        "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/standard/recommended/image_id/more",
        "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/standard/v1/image_id",
        "/mine",
    ] {
        assert_eq!(trial.code("ssm", "GetParameter", json!({ "Name": name })), "ParameterNotFound", "{name}");
    }
    let both = json!({ "Names": [format!("{PATH}/recommended/image_id"), "/mine"] });
    let answer = trial.good("ssm", "GetParameters", both);
    assert_eq!(answer["Parameters"].as_array().unwrap().len(), 1);
    assert_eq!(answer["InvalidParameters"], json!(["/mine"]));
}
