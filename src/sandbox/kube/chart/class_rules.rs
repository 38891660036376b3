//! What the rules of EC2NodeClass refuse.

use serde_json::Value as Json;

use super::rules::{Broken, items, say};

/// Tags that are Karpenter's own, with the message's words.
const RESERVED: &[&str] =
    &["eks:eks-cluster-name", "karpenter.sh/nodepool", "karpenter.sh/nodeclaim", "karpenter.k8s.aws/ec2nodeclass"];

fn set(value: &Json) -> bool {
    !value.is_null()
}

pub(super) fn class(version: (u32, u32), new: &Json, old: Option<&Json>) -> Broken {
    let mut broken = Broken::new();
    let spec = &new["spec"];
    let (role, profile) = (set(&spec["role"]), set(&spec["instanceProfile"]));
    say(&mut broken, role == profile, "spec", "must specify exactly one of ['role', 'instanceProfile']");
    if let Some(old) = old.filter(|_| version < (1, 7)) {
        // Lifted when instance profiles got a path of their own.
        let old = &old["spec"];
        say(
            &mut broken,
            set(&old["role"]) && role && old["role"] != spec["role"],
            "spec.role",
            "immutable field changed",
        );
        let swapped = (set(&old["role"]) && !role) || (set(&old["instanceProfile"]) && !profile);
        say(
            &mut broken,
            swapped,
            "spec",
            "changing from 'instanceProfile' to 'role' is not supported. You must delete and recreate this node class if you want to change this.",
        );
    }
    images(&mut broken, spec);
    selectors(&mut broken, spec);
    for key in spec["tags"].as_object().into_iter().flatten().map(|(key, _)| key) {
        say(&mut broken, key.is_empty(), "spec.tags", "empty tag keys aren't supported");
        say(
            &mut broken,
            RESERVED.contains(&key.as_str()),
            "spec.tags",
            &format!("tag contains a restricted tag matching {key}"),
        );
        say(
            &mut broken,
            key.starts_with("kubernetes.io/cluster"),
            "spec.tags",
            "tag contains a restricted tag matching kubernetes.io/cluster/",
        );
    }
    volumes(&mut broken, spec);
    kubelet(&mut broken, &spec["kubelet"]);
    broken
}

fn images(broken: &mut Broken, spec: &Json) {
    const AT: &str = "spec.amiSelectorTerms";
    let terms = items(spec, "/amiSelectorTerms");
    let any = |term: &Json| ["tags", "id", "name", "alias", "ssmParameter"].iter().any(|field| set(&term[*field]));
    say(
        broken,
        terms.iter().any(|term| !any(term)),
        AT,
        "expected at least one, got none, ['tags', 'id', 'name', 'alias', 'ssmParameter']",
    );
    let with =
        |term: &Json, one: &str, others: &[&str]| set(&term[one]) && others.iter().any(|field| set(&term[*field]));
    let mixed = terms.iter().any(|term| with(term, "id", &["alias", "tags", "name", "owner"]));
    say(
        broken,
        mixed,
        AT,
        "'id' is mutually exclusive, cannot be set with a combination of other fields in amiSelectorTerms",
    );
    let mixed = terms.iter().any(|term| with(term, "alias", &["id", "tags", "name", "owner"]));
    say(
        broken,
        mixed,
        AT,
        "'alias' is mutually exclusive, cannot be set with a combination of other fields in amiSelectorTerms",
    );
    let aliases: Vec<&str> = terms.iter().filter_map(|term| term["alias"].as_str()).collect();
    say(
        broken,
        !aliases.is_empty() && terms.len() > 1,
        AT,
        "'alias' is mutually exclusive, cannot be set with a combination of other amiSelectorTerms",
    );
    let empty = terms.iter().any(tags_empty);
    say(broken, empty, AT, "empty tag keys or values aren't supported");
    for alias in &aliases {
        let family = alias.split('@').next().unwrap_or_default().to_lowercase();
        let known =
            ["al2", "al2023", "bottlerocket", "windows2019", "windows2022", "windows2025"].contains(&family.as_str());
        say(
            broken,
            !known,
            &format!("{AT}[0].alias"),
            "family is not supported, must be one of the following: 'al2', 'al2023', 'bottlerocket', 'windows2019', 'windows2022', 'windows2025'",
        );
        let pinned_windows = family.starts_with("windows") && !alias.ends_with("@latest");
        say(broken, pinned_windows, &format!("{AT}[0].alias"), "windows families may only specify version 'latest'");
        let own = spec["amiFamily"].as_str();
        let agrees = own.is_none_or(|own| own == "Custom" || own.to_lowercase() == family);
        say(broken, !agrees, "spec", "must specify amiFamily consistent with the family of the alias, or 'Custom'");
    }
    say(
        broken,
        aliases.is_empty() && !set(&spec["amiFamily"]),
        "spec",
        "must specify amiFamily if amiSelectorTerms does not contain an alias",
    );
}

fn tags_empty(term: &Json) -> bool {
    term["tags"].as_object().into_iter().flatten().any(|(key, value)| key.is_empty() || *value == "")
}

fn selectors(broken: &mut Broken, spec: &Json) {
    for (field, ways, others) in [
        (
            "subnetSelectorTerms",
            &["tags", "id"][..],
            "'id' is mutually exclusive, cannot be set with a combination of other fields in subnetSelectorTerms",
        ),
        (
            "securityGroupSelectorTerms",
            &["tags", "id", "name"][..],
            "'id' is mutually exclusive, cannot be set with a combination of other fields in securityGroupSelectorTerms",
        ),
    ] {
        let (at, terms) = (format!("spec.{field}"), items(spec, &format!("/{field}")));
        let none = terms.iter().any(|term| ways.iter().all(|way| term[*way].is_null()));
        let told: Vec<String> = ways.iter().map(|way| format!("'{way}'")).collect();
        say(broken, none, &at, &format!("expected at least one, got none, [{}]", told.join(", ")));
        let mixed =
            terms.iter().any(|term| set(&term["id"]) && ways.iter().any(|way| *way != "id" && set(&term[*way])));
        say(broken, mixed, &at, others);
        say(broken, terms.iter().any(tags_empty), &at, "empty tag keys or values aren't supported");
        if field == "securityGroupSelectorTerms" {
            let named = terms.iter().any(|term| set(&term["name"]) && set(&term["tags"]));
            say(
                broken,
                named,
                &at,
                "'name' is mutually exclusive, cannot be set with a combination of other fields in securityGroupSelectorTerms",
            );
        }
    }
}

fn volumes(broken: &mut Broken, spec: &Json) {
    let all = items(spec, "/blockDeviceMappings");
    let roots = all.iter().filter(|one| one["rootVolume"] == true).count();
    say(broken, roots > 1, "spec.blockDeviceMappings", "must have only one blockDeviceMappings with rootVolume");
    for (place, one) in all.iter().enumerate().filter(|(_, one)| one["ebs"].is_object()) {
        let (at, ebs) = (format!("spec.blockDeviceMappings[{place}].ebs"), &one["ebs"]);
        say(
            broken,
            ebs["snapshotID"].is_null() && ebs["volumeSize"].is_null(),
            &at,
            "snapshotID or volumeSize must be defined",
        );
        let rated = set(&ebs["volumeInitializationRate"]) && ebs["snapshotID"].is_null();
        say(broken, rated, &at, "snapshotID must be set when volumeInitializationRate is set");
    }
}

fn kubelet(broken: &mut Broken, kubelet: &Json) {
    const AT: &str = "spec.kubelet";
    let (high, low) = (kubelet["imageGCHighThresholdPercent"].as_i64(), kubelet["imageGCLowThresholdPercent"].as_i64());
    let crossed = high.zip(low).is_some_and(|(high, low)| high <= low);
    say(broken, crossed, AT, "imageGCHighThresholdPercent must be greater than imageGCLowThresholdPercent");
    for (one, other) in [("evictionSoft", "evictionSoftGracePeriod"), ("evictionSoftGracePeriod", "evictionSoft")] {
        let keys = |field: &str| {
            kubelet[field].as_object().map(|map| map.keys().cloned().collect::<Vec<_>>()).unwrap_or_default()
        };
        let lost = keys(one).iter().any(|key| !keys(other).contains(key));
        say(broken, lost, AT, &format!("{one} OwnerKey does not have a matching {other}"));
    }
    for field in ["kubeReserved", "systemReserved"] {
        let map = kubelet[field].as_object();
        let odd = map.is_some_and(|map| {
            map.keys().any(|key| !["cpu", "memory", "ephemeral-storage", "pid"].contains(&key.as_str()))
        });
        say(
            broken,
            odd,
            &format!("{AT}.{field}"),
            &format!("valid keys for {field} are ['cpu','memory','ephemeral-storage','pid']"),
        );
        let negative =
            map.is_some_and(|map| map.values().any(|value| value.as_str().is_some_and(|value| value.starts_with('-'))));
        say(
            broken,
            negative,
            &format!("{AT}.{field}"),
            &format!("{field} value cannot be a negative resource quantity"),
        );
    }
}
