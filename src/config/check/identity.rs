//! Who and where an environment is.

use super::{Check, shapes};
use crate::config::codes::code;
use crate::config::decode::{did_you_mean, nearest};

/// Regions of the partitions aws, aws-cn and aws-us-gov: botocore 1.44.8, `partitions.json` (2026-11).
const REGIONS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "me-west-1",
    "mx-central-1",
    "sa-east-1",
    "sa-west-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "cn-north-1",
    "cn-northwest-1",
    "us-gov-east-1",
    "us-gov-west-1",
];

/// Partitions that exist but that rem-ci does not know the endpoints and ARNs of (same source).
const OTHER_PARTITIONS: &[&str] = &["eusc-", "us-iso-", "us-isob-", "eu-isoe-", "us-isof-"];

/// Most tags of one's own: AWS takes 50 a resource, and we, EKS and Karpenter add theirs.
const MAX_TAGS: usize = 35;

/// The path under which the roles that the Action assumes live, outside what the apply role may touch.
const ROLE_PATH: &str = "role/rem-ci-access/";

pub(super) fn check(check: &mut Check<'_>) {
    let spec = check.spec;
    name(check, &spec.name);
    if !shapes::owner(&spec.owner) {
        check.error(
            "owner",
            code::OWNER,
            format!("`{}` is not an owner", spec.owner),
            "up to 64 of a-z, 0-9 and ./_-, for example the repository: acme/platform",
        );
    }
    if !shapes::digits(&spec.account, 12) {
        check.error("account", code::ACCOUNT, format!("`{}` is not an AWS account", spec.account), "12 digits, quoted");
    }
    region(check, &spec.region);
    roles(check);
    if let Some(state) = &spec.state
        && !bucket(&state.bucket)
    {
        check.error(
            "state.bucket",
            code::BUCKET,
            format!("`{}` is not the name of an S3 bucket", state.bucket),
            "3 to 63 of a-z, 0-9, `-` and `.`, beginning and ending with a letter or digit",
        );
    }
    tags(check, "tags", &spec.tags);
}

fn name(check: &mut Check<'_>, name: &str) {
    if !shapes::name(name, 32) {
        check.error(
            "name",
            code::NAME,
            format!("`{name}` is not a name for an environment"),
            "up to 32 of a-z, 0-9 and `-`, beginning with a letter and not ending with `-`",
        );
    } else if name.ends_with("-destroy") {
        check.error(
            "name",
            code::NAME,
            format!("`{name}` ends in `-destroy`, which is reserved"),
            "`NAME-destroy` is the GitHub environment that guards the destruction of NAME; choose another name",
        );
    } else if name != check.stem {
        let title = format!("`{name}` is in a file called `{}`", check.stem);
        check.error(
            "name",
            code::NAME_NOT_STEM,
            title,
            format!("rename the file to {name}.yaml, or write `name: {}`", check.stem),
        );
    }
}

fn region(check: &mut Check<'_>, region: &str) {
    if REGIONS.contains(&region) {
        return;
    }
    if OTHER_PARTITIONS.iter().any(|prefix| region.starts_with(prefix)) {
        check.error(
            "region",
            code::REGION,
            format!("`{region}` is in a partition that rem-ci does not know"),
            "rem-ci knows aws, aws-cn and aws-us-gov",
        );
        return;
    }
    let zone = region.strip_suffix(|c: char| c.is_ascii_lowercase()).filter(|region| REGIONS.contains(region));
    let help = match (zone, nearest(region, REGIONS.iter().copied())) {
        (Some(zone), _) => format!("that is a zone; its region is `{zone}`"),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => "for example us-east-1; `aws ec2 describe-regions --all-regions` lists them".to_owned(),
    };
    check.error("region", code::REGION, format!("AWS has no region `{region}`"), help);
}

fn roles(check: &mut Check<'_>) {
    let spec = check.spec;
    let all = [("plan", &spec.roles.plan), ("apply", &spec.roles.apply), ("destroy", &spec.roles.destroy)];
    for (verb, role) in all {
        let Some(role) = role else { continue };
        let path = format!("roles.{verb}");
        match shapes::iam_arn(role) {
            Some((partition, account, resource)) if resource.starts_with("role/") => {
                if account != spec.account || partition != crate::cloud::partition(&spec.region) {
                    if check.sound("account") && check.sound("region") {
                        check.error(
                            &path,
                            code::ROLE,
                            format!("the role is not in account {} ({})", spec.account, spec.region),
                            "the Action's roles live in the environment's own account; run `rem-ci bootstrap`",
                        );
                    }
                } else if !resource.starts_with(ROLE_PATH) {
                    check.warning(
                        &path,
                        code::ROLE_PATH,
                        "the role is not under /rem-ci-access/",
                        "the apply role may change roles under /rem-ci/; keep those that the Action assumes out of its reach",
                    );
                }
            }
            _ => check.error(
                &path,
                code::ROLE,
                format!("`{role}` is not the ARN of an IAM role"),
                "arn:aws:iam::123456789012:role/rem-ci-access/NAME",
            ),
        }
    }
    if let (Some(plan), Some(apply)) = (&spec.roles.plan, &spec.roles.apply)
        && plan == apply
    {
        check.widens(
            "roles.plan",
            code::SHARED_ROLE,
            "pull requests plan with the role that applies",
            "a plan runs on code nobody has reviewed; give it a role that only reads",
        );
    }
}

/// The rules of the S3 user guide, "General purpose bucket naming rules".
fn bucket(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&text.len())
        && text.starts_with(edge)
        && text.ends_with(edge)
        && text.chars().all(|c| edge(c) || c == '-' || c == '.')
        && !text.contains("..")
        && text.parse::<std::net::Ipv4Addr>().is_err()
}

/// Tags for AWS: the EC2 user guide, "Tag restrictions", and the names we set ourselves.
pub(super) fn tags(check: &mut Check<'_>, path: &str, tags: &std::collections::BTreeMap<String, String>) {
    if tags.len() > MAX_TAGS {
        check.error(
            path,
            code::TAG,
            format!("{} tags", tags.len()),
            format!("at most {MAX_TAGS}: AWS takes 50, and rem-ci, EKS and Karpenter add theirs"),
        );
    }
    let plain = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c));
    for (key, value) in tags {
        let at = format!("{path}.{key}");
        let lower = key.to_lowercase();
        let reserved = ["aws:", "rem-ci:", "eks:", "karpenter.sh/", "karpenter.k8s.aws/", "kubernetes.io/cluster"];
        if let Some(prefix) = reserved.iter().find(|prefix| lower.starts_with(**prefix)) {
            check.key_error(
                &at,
                code::TAG_RESERVED,
                format!("tags that begin with `{prefix}` are reserved"),
                "choose another key",
            );
        } else if key == "Name" {
            check.key_error(&at, code::TAG_RESERVED, "`Name` is set by rem-ci", "choose another key");
        } else if key.is_empty() || key.chars().count() > 128 || !plain(key) {
            check.key_error(
                &at,
                code::TAG,
                format!("`{key}` is not a tag key"),
                "1 to 128 letters, digits, spaces and + - = . _ : / @",
            );
        }
        if value.chars().count() > 256 || !plain(value) {
            check.error(
                &at,
                code::TAG,
                format!("the value of `{key}` is not one that AWS takes"),
                "up to 256 letters, digits, spaces and + - = . _ : / @",
            );
        }
    }
}

/// The known name nearest to one that is not known, as help.
pub(super) fn suggest(wrong: &str, names: &[&str]) -> String {
    did_you_mean(wrong, names)
}

/// What AZ ids of a region begin with: `use1` for us-east-1, `apse2` for ap-southeast-2, `usgw1` for us-gov-west-1.
pub(super) fn zone_prefix(region: &str) -> String {
    let mut prefix = String::new();
    let parts: Vec<&str> = region.split('-').collect();
    for (index, part) in parts.iter().enumerate() {
        match *part {
            "gov" => prefix.push('g'),
            "northeast" => prefix.push_str("ne"),
            "northwest" => prefix.push_str("nw"),
            "southeast" => prefix.push_str("se"),
            "southwest" => prefix.push_str("sw"),
            part if index == 0 || part.bytes().all(|c| c.is_ascii_digit()) => prefix.push_str(part),
            part => prefix.extend(part.chars().next()),
        }
    }
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_ids_of_regions() {
        for (region, prefix) in [
            ("us-east-1", "use1"),
            ("us-west-2", "usw2"),
            ("ap-southeast-2", "apse2"),
            ("ca-central-1", "cac1"),
            ("us-gov-west-1", "usgw1"),
            ("cn-northwest-1", "cnnw1"),
            ("eu-north-1", "eun1"),
        ] {
            assert_eq!(zone_prefix(region), prefix);
        }
    }

    #[test]
    fn buckets() {
        assert!(bucket("acme-rem-ci.state"));
        for bad in ["ab", "Acme", "-acme", "a..b", "10.0.0.1"] {
            assert!(!bucket(bad), "{bad}");
        }
    }
}
