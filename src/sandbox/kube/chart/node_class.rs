//! The schema of an EC2NodeClass.

use serde_json::{Value as Json, json};

use super::schema::{amount, conditions, flag, list, map, number, object, one_of, pattern, some, text, with};

const ALIAS: &str = r"^[a-zA-Z0-9]+@.+$";

/// `spec` and `status`.
pub(super) fn schema(version: (u32, u32)) -> (Json, Json) {
    let tags = || with(map(text()), &[("maxProperties", json!(20))]);
    let image = object(
        &[
            ("alias", with(pattern(ALIAS), &[("maxLength", json!(30))])),
            ("id", pattern("^ami-[0-9a-z]+$")),
            ("name", text()),
            ("owner", pattern("^[0-9]{12}$|^(?:self|amazon|aws-marketplace)$|^(?:[a-z]+)$")),
            ("ssmParameter", text()),
            ("tags", tags()),
        ],
        &[],
    );
    let mut families = vec!["AL2", "AL2023", "Bottlerocket", "Custom", "Windows2019", "Windows2022"];
    if version >= (1, 9) {
        families.push("Windows2025");
    }
    let mut fields = vec![
        ("amiFamily", one_of(&families)),
        ("amiSelectorTerms", some(image, 30)),
        ("associatePublicIPAddress", flag()),
        ("blockDeviceMappings", list(volume(version), Some(50))),
        ("context", text()),
        ("detailedMonitoring", flag()),
        ("instanceProfile", with(text(), &[("minLength", json!(1))])),
        ("instanceStorePolicy", one_of(&["RAID0"])),
        ("kubelet", kubelet()),
        ("metadataOptions", metadata()),
        ("role", with(text(), &[("minLength", json!(1))])),
        (
            "securityGroupSelectorTerms",
            some(object(&[("id", pattern("^sg-[0-9a-z]+$")), ("name", text()), ("tags", tags())], &[]), 30),
        ),
        ("subnetSelectorTerms", some(object(&[("id", pattern("^subnet-[0-9a-z]+$")), ("tags", tags())], &[]), 30)),
        ("tags", map(text())),
        ("userData", text()),
    ];
    if version >= (1, 3) {
        let term =
            object(&[("id", pattern("^cr-[0-9a-z]+$")), ("ownerID", pattern("^[0-9]{12}$")), ("tags", tags())], &[]);
        fields.push(("capacityReservationSelectorTerms", list(term, Some(30))));
    }
    if version >= (1, 9) {
        fields.push(("ipPrefixCount", number(Some(0), None)));
    }
    if version >= (1, 11) {
        fields.push(("placementGroupSelector", object(&[("id", text()), ("name", text())], &[])));
    }
    let spec = object(&fields, &["amiSelectorTerms", "securityGroupSelectorTerms", "subnetSelectorTerms"]);
    (spec, status(version))
}

fn volume(version: (u32, u32)) -> Json {
    let mut fields = vec![
        ("deleteOnTermination", flag()),
        ("encrypted", flag()),
        ("iops", number(None, None)),
        ("kmsKeyID", text()),
        ("snapshotID", text()),
        ("throughput", number(None, None)),
        (
            "volumeSize",
            pattern(
                "^((?:[1-9][0-9]{0,3}|[1-4][0-9]{4}|[5][0-8][0-9]{3}|59000)Gi|(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|[6][0-3][0-9]{3}|64000)G|([1-9]||[1-5][0-7]|58)Ti|([1-9]||[1-5][0-9]|6[0-3]|64)T)$",
            ),
        ),
        ("volumeType", one_of(&["standard", "io1", "io2", "gp2", "sc1", "st1", "gp3"])),
    ];
    if version >= (1, 5) {
        fields.push(("volumeInitializationRate", number(Some(100), Some(300))));
    }
    object(&[("deviceName", text()), ("ebs", object(&fields, &[])), ("rootVolume", flag())], &[])
}

fn kubelet() -> Json {
    object(
        &[
            ("clusterDNS", list(text(), None)),
            ("cpuCFSQuota", flag()),
            ("evictionHard", map(text())),
            ("evictionMaxPodGracePeriod", number(None, None)),
            ("evictionSoft", map(text())),
            ("evictionSoftGracePeriod", map(text())),
            ("imageGCHighThresholdPercent", number(Some(0), Some(100))),
            ("imageGCLowThresholdPercent", number(Some(0), Some(100))),
            ("kubeReserved", map(text())),
            ("maxPods", number(Some(0), None)),
            ("podsPerCore", number(Some(0), None)),
            ("systemReserved", map(text())),
        ],
        &[],
    )
}

fn metadata() -> Json {
    let fields = [
        ("httpEndpoint", with(one_of(&["enabled", "disabled"]), &[("default", json!("enabled"))])),
        ("httpProtocolIPv6", with(one_of(&["enabled", "disabled"]), &[("default", json!("disabled"))])),
        ("httpPutResponseHopLimit", with(number(Some(1), Some(64)), &[("default", json!(1))])),
        ("httpTokens", with(one_of(&["required", "optional"]), &[("default", json!("required"))])),
    ];
    let all = json!({"httpEndpoint": "enabled", "httpProtocolIPv6": "disabled", "httpPutResponseHopLimit": 1, "httpTokens": "required"});
    with(object(&fields, &[]), &[("default", all)])
}

fn status(version: (u32, u32)) -> Json {
    let requirement = object(
        &[("key", text()), ("operator", text()), ("values", list(text(), None)), ("minValues", number(None, None))],
        &["key", "operator"],
    );
    let image = object(
        &[("deprecated", flag()), ("id", text()), ("name", text()), ("requirements", list(requirement, None))],
        &["id", "requirements"],
    );
    let mut fields = vec![
        ("amis", list(image, None)),
        ("conditions", conditions()),
        ("instanceProfile", text()),
        ("securityGroups", list(object(&[("id", text()), ("name", text())], &["id"]), None)),
        ("subnets", list(object(&[("id", text()), ("zone", text()), ("zoneID", text())], &["id", "zone"]), None)),
    ];
    if version >= (1, 3) {
        fields.push((
            "capacityReservations",
            list(with(map(amount()), &[("x-kubernetes-preserve-unknown-fields", json!(true))]), None),
        ));
    }
    object(&fields, &[])
}
