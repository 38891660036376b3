//! EC2NodeClasses: what the CRD refuses (Karpenter 1.14, `karpenter.k8s.aws_ec2nodeclasses.yaml`), and what no node may be
//! here: unencrypted, or with the old metadata service.

use serde_json::{Map, Value};

use super::identity::{suggest, tags};
use super::{Check, addons, node_pool, shapes};
use crate::config::codes::code;
use crate::config::decode::nearest;
use crate::config::spec::NodeClass;

/// Families of aliases, and the `amiFamily` each means.
const FAMILIES: &[(&str, &str)] = &[
    ("al2", "AL2"),
    ("al2023", "AL2023"),
    ("bottlerocket", "Bottlerocket"),
    ("windows2019", "Windows2019"),
    ("windows2022", "Windows2022"),
    ("windows2025", "Windows2025"),
];

const KUBELET: &[&str] = &[
    "clusterDNS",
    "cpuCFSQuota",
    "evictionHard",
    "evictionMaxPodGracePeriod",
    "evictionSoft",
    "evictionSoftGracePeriod",
    "imageGCHighThresholdPercent",
    "imageGCLowThresholdPercent",
    "kubeReserved",
    "maxPods",
    "podsPerCore",
    "systemReserved",
];

const METADATA: &[&str] = &["httpEndpoint", "httpProtocolIPv6", "httpPutResponseHopLimit", "httpTokens"];

const TERM: &[&str] = &["alias", "id", "name", "owner", "ssmParameter", "tags"];

const MAPPING: &[&str] = &["deviceName", "ebs", "rootVolume"];

const EBS: &[&str] = &[
    "deleteOnTermination",
    "encrypted",
    "iops",
    "kmsKeyID",
    "snapshotID",
    "throughput",
    "volumeInitializationRate",
    "volumeSize",
    "volumeType",
];

const VOLUME_TYPES: &[&str] = &["gp2", "gp3", "io1", "io2", "sc1", "st1", "standard"];

/// Longest user data, bytes (EC2 user guide, "Run commands on your Linux instance at launch").
const USER_DATA: usize = 16 * 1024;

pub(super) fn check(check: &mut Check<'_>) {
    for (name, class) in &check.spec.node_classes {
        let path = format!("nodeClasses.{name}");
        if !shapes::dns_name(name) {
            let help = "a-z, 0-9, `-` and `.`, as Kubernetes names objects";
            check.key_error(&path, code::OBJECT_NAME, format!("`{name}` is not a name for an EC2NodeClass"), help);
        }
        image(check, &path, class);
        volumes(check, &path, class);
        metadata(check, &path, &class.metadata_options);
        known(check, &format!("{path}.kubelet"), &class.kubelet, KUBELET);
        kubelet(check, &format!("{path}.kubelet"), &class.kubelet);
        tags(check, &format!("{path}.tags"), &class.tags);
        if let Some(policy) = &class.instance_store_policy
            && policy != "RAID0"
        {
            let at = format!("{path}.instanceStorePolicy");
            check.error(&at, code::NODE_CLASS, format!("`{policy}` is not a policy"), "`RAID0`, or leave it out");
        }
        if class.user_data.as_ref().is_some_and(|data| data.len() > USER_DATA) {
            check.error(
                &format!("{path}.userData"),
                code::NODE_CLASS,
                "more than 16 KiB of user data",
                "fetch the rest at boot",
            );
        }
    }
}

/// Reports keys that a free-form map must not have.
fn known(check: &mut Check<'_>, path: &str, map: &Map<String, Value>, names: &[&str]) {
    for key in map.keys().filter(|key| !names.contains(&key.as_str())) {
        let help = suggest(key, names);
        check.key_error(&format!("{path}.{key}"), code::UNKNOWN_KEY, format!("unknown key `{key}` in {path}"), help);
    }
}

/// The family of `al2023@v20260801`, or an error.
fn alias<'a>(check: &mut Check<'_>, path: &str, text: &'a str, ours: bool) -> Option<&'a str> {
    let Some((family, version)) = text.split_once('@').filter(|_| text.len() <= 30) else {
        let help = "family and version: `al2023@default`, or `al2023@v20260801`";
        check.error(path, code::AMI_ALIAS, format!("`{text}` is not an alias"), help);
        return None;
    };
    if !FAMILIES.iter().any(|(known, _)| *known == family) {
        let names: Vec<_> = FAMILIES.iter().map(|(known, _)| *known).collect();
        check.error(path, code::AMI_ALIAS, format!("`{family}` is not a family of AMIs"), suggest(family, &names));
        return None;
    }
    let exact = version.strip_prefix('v').is_some_and(|number| match family {
        "al2" | "al2023" => shapes::digits(number, 8),
        _ => shapes::numbers::<3>(number).is_some(),
    });
    let windows = family.starts_with("windows");
    if version == "latest" {
        if !windows {
            check.warning(
                path,
                code::AMI_LATEST,
                format!("`{text}` replaces every node whenever AWS publishes an AMI"),
                "use `@default` (resolved at creation, then kept) and move it with `rem-ci upgrade`",
            );
        }
    } else if windows || !(exact || ours && version == "default") {
        let help = match family {
            _ if windows => "Windows families take `latest` only",
            "bottlerocket" => "`default`, `latest`, or a release: bottlerocket@v1.49.0",
            _ => "`default`, `latest`, or a release: al2023@v20260801",
        };
        check.error(path, code::AMI_ALIAS, format!("`{version}` is not a version of {family}"), help);
    }
    if family == "windows2025" {
        node_pool::since(check, path, 9, "`windows2025`");
    }
    let minor = shapes::numbers::<2>(&check.spec.cluster.version).map_or(0, |[_, minor]| minor);
    if family == "al2" && minor > 32 {
        let help = "AWS published AL2 for EKS up to Kubernetes 1.32; use al2023";
        check.error(path, code::AMI_ALIAS, format!("there is no AL2 for Kubernetes 1.{minor}"), help);
    }
    Some(family)
}

fn image(check: &mut Check<'_>, path: &str, class: &NodeClass) {
    let terms = &class.ami_selector_terms;
    let mut family = None;
    match (&class.ami_alias, terms.is_empty()) {
        (None, true) => {
            let help = "add `amiAlias: al2023@default`";
            check.error(path, code::AMI_MISSING, "no AMI", help);
            return;
        }
        (Some(_), false) => {
            let help = "Karpenter takes an alias or other terms, never both";
            check.error(
                &format!("{path}.amiSelectorTerms"),
                code::AMI_TERMS,
                "`amiAlias` and `amiSelectorTerms`",
                help,
            );
        }
        (Some(text), true) => family = alias(check, &format!("{path}.amiAlias"), text, true),
        (None, false) => {}
    }
    if terms.len() > 30 {
        check.error(
            &format!("{path}.amiSelectorTerms"),
            code::AMI_TERMS,
            format!("{} terms", terms.len()),
            "at most 30",
        );
    }
    for (index, term) in terms.iter().enumerate() {
        let at = format!("{path}.amiSelectorTerms[{index}]");
        known(check, &at, term, TERM);
        let has = |key: &str| term.contains_key(key);
        if !["alias", "id", "name", "tags", "ssmParameter"].iter().any(|key| has(key)) {
            check.error(
                &at,
                code::AMI_TERMS,
                "selects nothing",
                "one of `alias`, `id`, `name`, `ssmParameter`, `tags`",
            );
        }
        for alone in ["id", "alias", "ssmParameter"] {
            if has(alone) && term.len() > 1 {
                check.error(
                    &at,
                    code::AMI_TERMS,
                    format!("`{alone}` goes with nothing else"),
                    "make it a term of its own",
                );
            }
        }
        if has("ssmParameter") {
            node_pool::since(check, &format!("{at}.ssmParameter"), 4, "`ssmParameter`");
        }
        if let Some(tags) = term.get("tags").and_then(Value::as_object) {
            let empty = tags.iter().any(|(key, value)| key.is_empty() || value.as_str().is_none_or(str::is_empty));
            if empty || tags.len() > 20 {
                let help = "up to 20, each with a key and a value; `*` fits any value";
                check.error(&format!("{at}.tags"), code::AMI_TERMS, "not tags to select by", help);
            }
        }
        if let Some(text) = term.get("alias").and_then(Value::as_str) {
            family = alias(check, &format!("{at}.alias"), text, false);
            if terms.len() > 1 {
                check.error(&at, code::AMI_TERMS, "an alias must be the only term", "remove the others");
            }
        }
    }
    let at = format!("{path}.amiFamily");
    let names: Vec<&str> = FAMILIES.iter().map(|(_, name)| *name).chain(["Custom"]).collect();
    match (&class.ami_family, family) {
        (None, None) if !terms.is_empty() => {
            check.error(
                path,
                code::AMI_FAMILY,
                "no `amiFamily`",
                "without an alias, say how nodes are set up: `amiFamily: AL2023`",
            );
        }
        (Some(given), _) if !names.contains(&given.as_str()) => {
            check.error(&at, code::AMI_FAMILY, format!("`{given}` is not a family of AMIs"), suggest(given, &names));
        }
        (Some(given), Some(family)) if given != "Custom" && !FAMILIES.contains(&(family, given.as_str())) => {
            let help = "leave `amiFamily` out; the alias says it";
            check.error(&at, code::AMI_FAMILY, format!("the alias says {family}, not {given}"), help);
        }
        _ => {}
    }
}

fn volumes(check: &mut Check<'_>, path: &str, class: &NodeClass) {
    let mappings = &class.block_device_mappings;
    if let Some(gib) = class.volume_gib {
        let at = format!("{path}.volumeGiB");
        if !mappings.is_empty() {
            let help = "`volumeGiB` makes the root volume; use one of the two";
            check.error(&at, code::VOLUME, "`volumeGiB` and `blockDeviceMappings`", help);
        }
        let al = class.ami_alias.as_ref().is_none_or(|alias| alias.starts_with("al"));
        addons::volume(check, &at, gib, if al { addons::ROOT_GIB } else { 1 });
    }
    if mappings.len() > 50 {
        check.error(
            &format!("{path}.blockDeviceMappings"),
            code::VOLUME,
            format!("{} volumes", mappings.len()),
            "at most 50",
        );
    }
    let mut root = false;
    for (index, mapping) in mappings.iter().enumerate() {
        let at = format!("{path}.blockDeviceMappings[{index}]");
        known(check, &at, mapping, MAPPING);
        if mapping.get("rootVolume") == Some(&Value::Bool(true)) && std::mem::replace(&mut root, true) {
            check.error(&format!("{at}.rootVolume"), code::VOLUME, "a second root volume", "mark one");
        }
        let Some(ebs) = mapping.get("ebs").and_then(Value::as_object) else {
            check.error(&at, code::VOLUME, "no `ebs`", "say at least `ebs: {volumeSize: 50Gi, encrypted: true}`");
            continue;
        };
        known(check, &format!("{at}.ebs"), ebs, EBS);
        self::ebs(check, &format!("{at}.ebs"), ebs);
        let snapshot = ebs.contains_key("snapshotID");
        if !snapshot && !ebs.contains_key("volumeSize") {
            check.error(&at, code::VOLUME, "neither `volumeSize` nor `snapshotID`", "add `volumeSize: 50Gi`");
        }
        // A volume from a snapshot is encrypted as the snapshot is; EC2 refuses a second word on it.
        if !snapshot && ebs.get("encrypted") != Some(&Value::Bool(true)) {
            let at = if ebs.contains_key("encrypted") { format!("{at}.ebs.encrypted") } else { at };
            check.error(
                &at,
                code::VOLUME_PLAIN,
                "the volume is not encrypted",
                "add `encrypted: true`; it costs nothing",
            );
        }
    }
}

/// What the schema says of a volume's values.
fn ebs(check: &mut Check<'_>, path: &str, ebs: &Map<String, Value>) {
    if let Some(size) = ebs.get("volumeSize") {
        let text = size.as_str().unwrap_or_default();
        // Largest in each unit: a byte under 64 TB (EC2 user guide, "Amazon EBS volume types").
        let units = [("Gi", 59_000), ("G", 64_000), ("Ti", 58), ("T", 64)];
        let fits = units.iter().any(|(unit, most)| {
            let number = text.strip_suffix(unit).filter(|digits| !digits.starts_with('0'));
            number.is_some_and(|digits| digits.parse::<u32>().is_ok_and(|number| (1..=*most).contains(&number)))
        });
        if !fits {
            let help = "a whole number with Gi, G, Ti or T, in quotes: \"50Gi\"";
            check.error(&format!("{path}.volumeSize"), code::VOLUME, format!("`{text}` is not a size"), help);
        }
    }
    if let Some(kind) = ebs.get("volumeType") {
        let (text, at) = (kind.as_str().unwrap_or_default(), format!("{path}.volumeType"));
        if !VOLUME_TYPES.contains(&text) {
            check.error(&at, code::VOLUME, format!("`{text}` is not a volume type"), suggest(text, VOLUME_TYPES));
        }
    }
    if let Some(rate) = ebs.get("volumeInitializationRate") {
        let at = format!("{path}.volumeInitializationRate");
        node_pool::since(check, &at, 4, "`volumeInitializationRate`");
        if !ebs.contains_key("snapshotID") {
            check.error(
                &at,
                code::VOLUME,
                "a rate without a snapshot",
                "an empty volume has nothing to be filled with",
            );
        }
        if !rate.as_i64().is_some_and(|rate| (100..=300).contains(&rate)) {
            check.error(&at, code::VOLUME, format!("{rate} MiB/s"), "100 to 300");
        }
    }
}

fn metadata(check: &mut Check<'_>, path: &str, options: &Map<String, Value>) {
    let path = format!("{path}.metadataOptions");
    known(check, &path, options, METADATA);
    if options.get("httpTokens").is_some_and(|tokens| tokens != "required") {
        let help = "with tokens optional, a request forged through any pod gets the node's credentials; leave it out";
        check.error(&format!("{path}.httpTokens"), code::IMDS_V1, "the old metadata service", help);
    }
    let switch = |value: &Value| matches!(value.as_str(), Some("enabled" | "disabled"));
    for key in ["httpEndpoint", "httpProtocolIPv6"] {
        if options.get(key).is_some_and(|value| !switch(value)) {
            check.error(
                &format!("{path}.{key}"),
                code::NODE_CLASS,
                format!("`{key}` is a switch"),
                "`enabled` or `disabled`",
            );
        }
    }
    if let Some(limit) = options.get("httpPutResponseHopLimit") {
        let at = format!("{path}.httpPutResponseHopLimit");
        match limit.as_i64() {
            Some(1) => {}
            Some(2..=64) => check.widens(
                &at,
                code::IMDS_HOPS,
                "pods can reach the node's metadata and use its role",
                "keep it at 1, and give pods their own roles",
            ),
            _ => check.error(&at, code::NODE_CLASS, format!("`{limit}` hops"), "1 to 64"),
        }
    }
}

fn kubelet(check: &mut Check<'_>, path: &str, kubelet: &Map<String, Value>) {
    let percent = |key: &str| kubelet.get(key).and_then(Value::as_i64);
    if let (Some(high), Some(low)) = (percent("imageGCHighThresholdPercent"), percent("imageGCLowThresholdPercent"))
        && high <= low
    {
        let help = "collection starts at the high mark and ends at the low one";
        let at = format!("{path}.imageGCHighThresholdPercent");
        check.error(&at, code::NODE_CLASS, format!("the high mark {high} is not above the low mark {low}"), help);
    }
    let keys = |key: &str| -> Vec<&String> {
        kubelet.get(key).and_then(Value::as_object).map(|map| map.keys().collect()).unwrap_or_default()
    };
    let (soft, grace) = (keys("evictionSoft"), keys("evictionSoftGracePeriod"));
    for signal in &soft {
        if !grace.contains(signal) {
            let help = "add it to `evictionSoftGracePeriod`";
            let at = format!("{path}.evictionSoft.{signal}");
            check.error(&at, code::NODE_CLASS, format!("`{signal}` has no grace period"), help);
        }
    }
    let signals = [
        "memory.available",
        "nodefs.available",
        "nodefs.inodesFree",
        "imagefs.available",
        "imagefs.inodesFree",
        "pid.available",
    ];
    for list in ["evictionHard", "evictionSoft"] {
        for signal in keys(list).into_iter().filter(|signal| !signals.contains(&signal.as_str())) {
            let help =
                nearest(signal, signals).map_or_else(|| signals.join(", "), |near| format!("did you mean `{near}`?"));
            let at = format!("{path}.{list}.{signal}");
            check.key_error(&at, code::NODE_CLASS, format!("`{signal}` is not an eviction signal"), help);
        }
    }
}
