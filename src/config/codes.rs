//! Every code of this room, with what it means and what to do: what `rem-ci explain CODE` prints.
//!
//! A code is a constant here and nowhere a literal, so an undocumented one cannot be used. Codes are never reused.

/// What there is to say about a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeDoc {
    /// A kebab word.
    pub code: &'static str,
    /// Why this is a finding, in a paragraph.
    pub why: &'static str,
    /// What to do about it.
    pub fix: &'static str,
}

macro_rules! codes {
    ($($name:ident = $code:literal, $why:literal, $fix:literal;)*) => {
        /// The codes as constants.
        pub mod code {
            $(#[doc = $why] pub const $name: &str = $code;)*
        }

        const ALL: &[CodeDoc] = &[$(CodeDoc { code: code::$name, why: $why, fix: $fix },)*];
    };
}

/// All codes of this room.
#[must_use]
pub fn codes() -> &'static [CodeDoc] {
    ALL
}

codes! {
    // files and YAML
    FILE_NOT_FOUND = "file-not-found",
        "No file stands where the name or path points. A name `prod` means environments/prod.yaml in the current folder; everything with a `/` or a dot is a path.",
        "Check the spelling and the folder you run in.";
    FILE_NOT_READABLE = "file-not-readable",
        "The file is there but the system would not hand it over.",
        "Check its permissions and the disk.";
    FILE_TOO_BIG = "file-too-big",
        "Environment files of more than 1 MiB are not read: the largest sensible one is a few hundred lines, and a bound keeps a hostile one cheap.",
        "Split it with `extends`, or move bulky user data elsewhere.";
    BASE_UNKNOWN = "base-unknown",
        "`--base` names what a bill is compared with: a commit of the repository around the environment's folder, or a .yaml file. Git knows no such commit here, or cannot be run.",
        "Fetch the base branch (`actions/checkout` with `fetch-depth: 0`, or `git fetch origin main`), or give a file.";
    UNSAFE_FILE = "unsafe-file",
        "Repository files are read beneath one folder, never through a symbolic link, and only if they are regular files. Otherwise a pull request could have any file of the runner quoted in a comment.",
        "Copy the file instead of linking it.";
    UNSAFE_EXTENDS = "unsafe-extends",
        "`extends` must name a .yaml file in the folder of the environment file or below it. Absolute paths, `..` and hidden files are refused, because the text of a file can be quoted in an error.",
        "Move the base file beside the environments: `extends: base.yaml`.";
    EXTENDS_CYCLE = "extends-cycle",
        "A file extends itself, directly or through others.",
        "Break the circle: a base file extends nothing that extends it.";
    EXTENDS_DEPTH = "extends-depth",
        "More than 8 files extend one another. Nobody can say any more which of them a value comes from.",
        "Merge some of the files.";
    FRAGMENT = "fragment",
        "A file without `name` only serves `extends`; it is not an environment and cannot be planned.",
        "Name an environment that extends it, or give it a name and all that goes with it.";
    NOT_UTF8 = "not-utf8",
        "The file holds bytes that are not UTF-8.",
        "Save it as UTF-8.";
    HIDDEN_CHARACTER = "hidden-character",
        "Control characters, direction marks and characters without a width can make a reviewer see other text than the parser reads.",
        "Delete them; they are most likely pasted.";
    EMPTY_FILE = "empty-file",
        "The file says nothing.",
        "Start from environments/dev.yaml.";
    TAB_INDENT = "tab-indent",
        "YAML forbids tabs in indentation.",
        "Indent with spaces.";
    YAML_SYNTAX = "yaml-syntax",
        "The text is not YAML.",
        "Check indentation, brackets and quotes at the place shown.";
    YAML_AMBIGUOUS = "yaml-ambiguous",
        "Every file is read by two YAML readers, and they must agree on every value. Here they don't, so a reviewer may read it differently too.",
        "Quote the value, or write it more plainly.";
    YAML_TAG = "yaml-tag",
        "Tags (`!x`, `!!str`) mean nothing in environment files.",
        "Remove the tag; quote what is text.";
    YAML_KEY = "yaml-key",
        "Keys are text. A number, a boolean, a list or an alias as a key is refused.",
        "Quote the key.";
    YAML_ALIASES = "yaml-aliases",
        "Only a few aliases are allowed, because nested ones grow beyond bounds.",
        "Write it out, or put what is shared into a base file.";
    YAML_TOO_LARGE = "yaml-too-large",
        "The file nests deeper, or holds more values, than any environment can need.",
        "Take out what does not belong there.";
    SEVERAL_DOCUMENTS = "several-documents",
        "One file is one environment; `---` may only stand at its top.",
        "Make two files.";
    MERGE_KEY = "merge-key",
        "`<<` merges in ways that readers differ about.",
        "Use `extends`, which merges maps, replaces lists and removes with null.";
    DUPLICATE_KEY = "duplicate-key",
        "A key stands twice in one map. Which of them counts differs from reader to reader.",
        "Keep one.";
    UNKNOWN_KEY = "unknown-key",
        "A key that nothing reads, often a spelling mistake; it would silently do nothing.",
        "Take the suggestion, or remove it. `rem-ci schema` lists all keys.";
    UNKNOWN_VALUE = "unknown-value",
        "The value is not one of the names that this field takes.",
        "Take one that the message lists.";
    MISSING_FIELD = "missing-field",
        "A field that has no default is not there, neither here nor in a file it extends.",
        "Add it.";
    WRONG_TYPE = "wrong-type",
        "The value has another shape than the field: a list for a map, text for a number.",
        "Write it as the message says.";
    UNQUOTED = "unquoted",
        "Text that looks like a number or a boolean must be quoted. Unquoted, 1.30 is the number 1.3, and an account loses its leading zeros.",
        "Put it in double quotes.";
    // identity
    NAME = "name",
        "The name of an environment is part of tags, roles and GitHub's settings: up to 32 of a-z, 0-9 and `-`, beginning with a letter. `-destroy` at the end is reserved for the GitHub environment that guards its destruction.",
        "Choose another name.";
    NAME_NOT_STEM = "name-not-stem",
        "File and environment are called alike, so that `prod` on the command line, in the file and on GitHub is one thing.",
        "Rename one of them.";
    NAME_TOO_LONG = "name-too-long",
        "Names of roles, rules and queues are made of the environment's name. AWS limits them, and rem-ci never cuts a name, because two cut names could be equal.",
        "Shorten the environment's name.";
    OWNER = "owner",
        "`owner` says who may own the environment's name in the account. It is hashed into every ownership tag.",
        "Use the repository: acme/platform.";
    ACCOUNT = "account",
        "The AWS account is 12 digits. rem-ci refuses to work with credentials of another one.",
        "Quote it, so that leading zeros stay.";
    REGION = "region",
        "AWS has no such region, or it is in a partition (ISO, European Sovereign Cloud) that rem-ci does not know.",
        "Check the spelling.";
    ROLE = "role",
        "The roles that the Action assumes are IAM roles of the environment's own account.",
        "Run `rem-ci bootstrap`, which writes them.";
    ROLE_PATH = "role-path",
        "Roles that the Action assumes should be under /rem-ci-access/, outside the path where the apply role may change roles. Otherwise it could widen its own permissions.",
        "Run `rem-ci bootstrap`.";
    SHARED_ROLE = "shared-role",
        "Plans run for pull requests that nobody has reviewed. With the apply role they could change things.",
        "Give plan a role of its own that only reads.";
    BUCKET = "bucket",
        "Not a name that an S3 bucket can have.",
        "3 to 63 of a-z, 0-9, `-` and `.`.";
    TAG = "tag",
        "AWS would refuse this tag.",
        "Up to 128 characters for the key and 256 for the value: letters, digits, spaces and + - = . _ : / @.";
    TAG_RESERVED = "tag-reserved",
        "AWS, EKS, Karpenter and rem-ci keep some keys for themselves; ownership hangs on them.",
        "Choose another key.";
    // network
    CIDR = "cidr",
        "Not an address range, or one whose address has bits beyond its length.",
        "Write the first address of the range and its length: 10.0.0.0/16.";
    CIDR_PUBLIC = "cidr-public",
        "The VPC would use addresses that belong to somebody on the internet, who could then not be reached.",
        "Use 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10.";
    CIDR_DOCKER = "cidr-docker",
        "172.17.0.0/16 is what Docker, Cloud9 and SageMaker use inside a host.",
        "Use another range.";
    CIDR_SIZE = "cidr-size",
        "A VPC here is /16 to /24; Services have /12 to /24.",
        "Choose a size within that.";
    CIDR_OVERLAP = "cidr-overlap",
        "Services and the VPC must not share addresses: traffic to one would end at the other. Neither range can be changed later.",
        "Give Services another range.";
    SUBNET_TOO_SMALL = "subnet-too-small",
        "Each zone gets a public and a private subnet, an eighth of the VPC each (a sixteenth from five zones on), and AWS keeps five addresses of every one. EKS refuses below 6 free addresses and advises 16 for itself; one t3.medium with its pods takes 18 more.",
        "Use /20 or larger; /23 is the smallest that passes, with up to four zones.";
    SUBNET_SMALL = "subnet-small",
        "The subnets pass, but nodes and pods will run out of addresses soon. The range of a VPC cannot be changed later.",
        "Use /20 or larger.";
    ZONES = "zones",
        "EKS asks for subnets in two zones at least; rem-ci lays out up to six.",
        "Use 2 to 6; 3 is usual.";
    ZONE = "zone",
        "Zones are named by id (`use1-az1`), because letters differ from account to account; the id must belong to the region.",
        "`aws ec2 describe-availability-zones` shows the ids.";
    ZONE_UNSUPPORTED = "zone-unsupported",
        "EKS takes no cluster subnets in use1-az3, usw1-az2 and cac1-az3.",
        "Choose another zone.";
    ENDPOINT_NAME = "endpoint-name",
        "VPC endpoints are named by the short name of their service.",
        "`s3`, `ecr.dkr`, `sts`; each once.";
    NO_EGRESS = "no-egress",
        "Without NAT gateways nodes reach AWS only through interface endpoints. IAM has none, so Karpenter needs an instance profile that exists.",
        "List the endpoints that the message names, or use `natGateways: single`.";
    EC2_ID = "ec2-id",
        "Not an id of the kind asked for, or one that stands twice.",
        "Copy it from `aws ec2`.";
    INGRESS = "ingress",
        "A rule of the node security group that AWS would refuse.",
        "Peer, protocol, ports and why, as the message says.";
    INGRESS_WORLD = "ingress-world",
        "Nothing may reach nodes from anywhere; load balancers are what faces the internet.",
        "Name the range, a security group, or `self`.";
    // cluster
    CLUSTER_NAME = "cluster-name",
        "Not a name that EKS takes.",
        "1 to 100 letters, digits, `-` and `_`.";
    KUBERNETES_VERSION = "kubernetes-version",
        "Not a version of Kubernetes that EKS has.",
        "Two numbers, quoted: \"1.36\".";
    KUBERNETES_UNKNOWN = "kubernetes-unknown",
        "The version is newer than this build, which knows neither its support dates nor which Karpenter goes with it.",
        "Use a newer rem-ci, or mind both yourself.";
    OUT_OF_SUPPORT = "out-of-support",
        "A Kubernetes version has 14 months of standard support and 12 of extended support on EKS. In the second, the control plane costs 0.60 USD an hour instead of 0.10 (or AWS upgrades it by force, by `upgradePolicy`); after it, no new cluster can be made and existing ones are upgraded without asking.",
        "Upgrade, one minor at a time: `rem-ci upgrade`.";
    SUPPORT_ENDS = "support-ends",
        "Standard support ends within 90 days.",
        "Plan the upgrade.";
    ENDPOINT_UNREACHABLE = "endpoint-unreachable",
        "Neither the private nor the public endpoint is on.",
        "Set `private: true`.";
    ENDPOINT_OPEN = "endpoint-open",
        "AWS takes an empty list of ranges as the whole internet. rem-ci wants that said.",
        "Name the ranges, or write 0.0.0.0/0 if that is meant.";
    ENDPOINT_WORLD = "endpoint-world",
        "Everybody can reach the API server and try; only authentication stands before it.",
        "Name your ranges, or use a private endpoint.";
    ENDPOINT_CIDRS = "endpoint-cidrs",
        "The list of ranges does not fit the endpoint: twins, too many, or ranges without a public endpoint.",
        "As the message says.";
    ENDPOINT_PUBLIC_ONLY = "endpoint-public-only",
        "Nodes talk to the API server through the NAT gateways, so their addresses must be among the ranges, or no node ever joins.",
        "Set `private: true` too.";
    CONNECT = "connect",
        "The way to the endpoint and the endpoint do not fit.",
        "`ssm` needs a private endpoint.";
    LOG_TYPE = "log-type",
        "Not a log of the control plane.",
        "api, audit, authenticator, controllerManager, scheduler.";
    NO_AUDIT_LOG = "no-audit-log",
        "Without the audit log nobody can say later who did what.",
        "Add `audit`.";
    RETENTION = "retention",
        "CloudWatch Logs takes certain numbers of days only.",
        "Take the nearest, which the message names.";
    IP_FAMILY = "ip-family",
        "An IPv6 cluster gets its Service range from EKS.",
        "Leave `serviceCidr` out.";
    PRINCIPAL = "principal",
        "An access entry is for an IAM role or user. Sessions, service-linked roles and principals of another partition cannot have one, and each has one entry only.",
        "The role's own ARN, with its path.";
    ACCESS_POLICY = "access-policy",
        "Not an access policy of EKS for people.",
        "Take one that the message lists.";
    ACCESS_EMPTY = "access-empty",
        "The entry gives no rights.",
        "Add a policy, or groups.";
    ACCESS_GROUP = "access-group",
        "EKS keeps groups that begin with system:, eks:, aws:, amazon: or iam: for itself.",
        "Use a group of your own, or an access policy.";
    NAMESPACE = "namespace",
        "Not a name that a namespace can have.",
        "a-z, 0-9 and `-`, up to 63.";
    // add-ons and system nodes
    ADDON = "addon",
        "The add-on's name or configuration has the wrong shape.",
        "See `aws eks describe-addon-configuration`.";
    ADDON_UNKNOWN = "addon-unknown",
        "This build does not know the add-on. It may be from the Marketplace, or a spelling mistake; a live plan asks EKS.",
        "Check the name.";
    ADDON_VERSION = "addon-version",
        "Versions of add-ons are `default`, `latest` (both resolved at creation and then kept), or exact.",
        "v1.21.1-eksbuild.1";
    ADDON_IDENTITY = "addon-identity",
        "The add-on's pods call AWS and cannot use the node's role; or it is given a role whose permissions rem-ci does not know.",
        "Add `identity: irsa` or `identity: podIdentity`.";
    ADDON_MISSING = "addon-missing",
        "rem-ci makes clusters without EKS's own copies of these, so that every one is an add-on with a version. Without them nodes stay NotReady or pods resolve nothing, unless you bring a replacement.",
        "Add it.";
    IDENTITY = "identity",
        "IRSA needs the cluster's OIDC provider, Pod Identity needs its agent.",
        "Add what is missing, or use the other.";
    INSTANCE_TYPE = "instance-type",
        "Not the shape of an instance type.",
        "Family and size: t3.medium.";
    SYSTEM_NODES = "system-nodes",
        "Karpenter's replicas exclude one another from a host; with fewer nodes than replicas the rollout never ends.",
        "As many nodes as replicas, 2 at least.";
    SYSTEM_NODE_SMALL = "system-node-small",
        "A replica requests 1 vCPU and 1 GiB, beside the add-ons.",
        "Use t3.medium or larger.";
    VOLUME = "volume",
        "A volume that EC2 or Karpenter would refuse.",
        "20 GiB or more for AL2023, up to 16384; one root volume.";
    VOLUME_PLAIN = "volume-plain",
        "Node volumes are always encrypted here.",
        "`encrypted: true`.";
    // Karpenter
    KARPENTER_VERSION = "karpenter-version",
        "Not a version of the chart.",
        "Three numbers without `v`, quoted: \"1.15.1\".";
    KARPENTER_UNKNOWN = "karpenter-unknown",
        "The controller's permissions and rules differ from minor to minor. rem-ci knows those it lists and does not guess the others.",
        "Use a version it knows, or a newer rem-ci.";
    KARPENTER_TOO_OLD = "karpenter-too-old",
        "The field came with a later Karpenter.",
        "Raise `karpenter.version`.";
    VERSION_PAIR = "version-pair",
        "Each Kubernetes version has an oldest Karpenter that works with it (Karpenter's Compatibility page).",
        "Upgrade Karpenter first, then the cluster.";
    CHART = "chart",
        "Not where a chart can be.",
        "oci://…, or a local .tgz.";
    CHART_DIGEST = "chart-digest",
        "The digest of the chart's manifest is what a live apply checks before it installs anything.",
        "`rem-ci pin` writes it.";
    REPLICAS = "replicas",
        "Without the controller no node is made.",
        "Use 2.";
    REPLICAS_ONE = "replicas-one",
        "While the one replica restarts, no node is made or replaced.",
        "Use 2.";
    FEATURE_GATE = "feature-gate",
        "Not a feature gate of Karpenter.",
        "Take the suggestion.";
    QUANTITY = "quantity",
        "Not a quantity of Kubernetes.",
        "A number with a suffix or none: 100, 500m, 16Gi.";
    OBJECT_NAME = "object-name",
        "Kubernetes would refuse this name.",
        "a-z, 0-9, `-` and `.`.";
    NODE_CLASS = "node-class",
        "The EC2NodeClass has a value that Karpenter's CRD refuses.",
        "As the message says.";
    AMI_ALIAS = "ami-alias",
        "An alias is FAMILY@VERSION. `default` is ours: it is resolved when the class is made and then kept.",
        "al2023@default, or al2023@v20260801.";
    AMI_LATEST = "ami-latest",
        "With `@latest` every new AMI makes all nodes drift: they are replaced when AWS publishes, not when you decide.",
        "`@default`, moved by `rem-ci upgrade`.";
    AMI_MISSING = "ami-missing",
        "A node class must say which AMI its nodes have.",
        "`amiAlias: al2023@default`.";
    AMI_TERMS = "ami-terms",
        "Terms select by id, name and owner, tags, or SSM parameter, 30 at most; an alias stands alone.",
        "As the message says.";
    AMI_FAMILY = "ami-family",
        "The family says how nodes are set up. An alias implies it; other terms need it.",
        "`amiFamily: AL2023`.";
    IMDS_V1 = "imds-v1",
        "The old metadata service answers requests without a token, so a forged request through any pod yields the node's credentials.",
        "Leave `httpTokens` out.";
    IMDS_HOPS = "imds-hops",
        "With more than one hop pods reach the metadata service and can use the node's role.",
        "Keep 1, and give pods their own roles.";
    // pools
    NODE_CLASS_UNKNOWN = "node-class-unknown",
        "The pool names a node class that is not there.",
        "Name a key of `nodeClasses`.";
    REQUIREMENT = "requirement",
        "A requirement that Karpenter's CRD refuses, or that no node can meet.",
        "As the message says.";
    LABEL = "label",
        "Not a label or annotation that Kubernetes takes.",
        "Optional DNS prefix and `/`, then up to 63 characters.";
    LABEL_RESTRICTED = "label-restricted",
        "Kubernetes and Karpenter keep labels in their domains for themselves.",
        "Use a prefix of your own.";
    TAINT = "taint",
        "Not a taint that Kubernetes takes.",
        "Key, value and one of NoSchedule, PreferNoSchedule, NoExecute.";
    DURATION = "duration",
        "Karpenter's durations are numbers with s, m or h.",
        "`90s`, `1h30m`, `720h`; some fields take `Never`.";
    DISRUPTION = "disruption",
        "Not a consolidation policy.",
        "WhenEmpty, WhenEmptyOrUnderutilized, Balanced.";
    BUDGET = "disruption-budget",
        "A disruption budget that Karpenter's CRD refuses.",
        "`nodes` as \"3\" or \"10%\", known reasons, `schedule` together with `duration`.";
    BUDGET_BLOCKS = "budget-blocks",
        "A budget of 0 for all reasons and at all times means that no node is ever replaced, so upgrades never end.",
        "Give it reasons, or a schedule.";
    WEIGHT = "weight",
        "Weights are 1 to 100.",
        "Leave it out for 0.";
    STATIC_POOL = "static-pool",
        "A pool with `replicas` has a fixed size: no weight, no limit but `nodes`.",
        "Remove the other.";
    STATIC_GATE = "static-gate",
        "Pools of a fixed size work only with the feature gate staticCapacity.",
        "Switch it on.";
    NO_LIMIT = "no-limit",
        "Nothing bounds what the pool may buy, and its cost has no maximum.",
        "Add `limits`.";
    POOL_PAUSED = "pool-paused",
        "A limit of 0 stops new nodes.",
        "Raise it when that is no longer meant.";
    ANY_ARCHITECTURE = "any-architecture",
        "Without a word on the architecture Karpenter also makes arm64 nodes, where they are cheaper.",
        "Ask for amd64 if some image has no arm64 variant.";
    STATEFUL_EXPIRY = "stateful-expiry",
        "`expireAfter` (720h if left out) replaces nodes by force and knows no budgets. A pool that never consolidates most likely means to keep its nodes.",
        "`expireAfter: Never`.";
    STATEFUL_DRIFT = "stateful-drift",
        "Drift replaces nodes after a new AMI or a change of the node class. A pool that never consolidates most likely means to keep its nodes.",
        "A budget of \"0\" for the reason Drifted.";
    SPOT_TO_SPOT = "spot-to-spot",
        "Replacing spot by cheaper spot is behind a feature gate that is off by default; without it a spot-only pool consolidates much less than it says.",
        "Switch spotToSpotConsolidation on.";
    SPOT_DIVERSITY = "spot-diversity",
        "With few instance types spot capacity is often not there, and spot is replaced by spot only from 15 types on.",
        "Allow types by category and generation.";
    // policy and cost
    POOL_UNKNOWN = "pool-unknown",
        "The workload names a pool that is not there.",
        "Name a key of `nodePools`.";
    COST_BUDGET = "budget-threshold",
        "A budget warns, fails or both, in whole USD a month, on a subtotal of the summary.",
        "`fixed: {warn: 300, fail: 400}`.";
    PERCENT = "percent",
        "Shares are 0 to 100.",
        "Write a percentage.";
    WAIVER = "waiver",
        "A waiver names a code, says why, and has a last day.",
        "`{code: no-limit, reason: why, until: 2027-01-31}`.";
    WAIVER_EXPIRED = "waiver-expired",
        "What was set aside for a time counts again.",
        "Fix what it was about, or argue for a new date.";
    ACKNOWLEDGE = "acknowledge",
        "An acknowledgement repeats exactly what the plan printed, so that it covers that change and no other.",
        "CODE:DIGEST, 12 hex digits.";
    MOVED = "moved",
        "`moved` tells a rename from a delete and a create.",
        "`{from: nodePools/old, to: nodePools/new}`, old gone, new there.";
    // import
    IMPORT_UNKNOWN = "import-unknown",
        "The old configuration has a key that has no counterpart here.",
        "Set what it meant by hand; the message says where if it is known.";
    IMPORT_VALUE = "import-value",
        "The old configuration has a value that cannot be taken over.",
        "Fix it there, or in the new file.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_kebab_words_said_once_and_explained() {
        let mut seen = std::collections::BTreeSet::new();
        for doc in codes() {
            let plain = doc.code.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
            assert!(plain && !doc.code.starts_with('-'), "{}", doc.code);
            assert!(seen.insert(doc.code), "{} stands twice", doc.code);
            assert!(doc.why.len() > 12 && !doc.fix.is_empty(), "{}", doc.code);
        }
    }

    /// Only constants are used as codes: a literal would not be documented.
    #[test]
    fn no_code_is_a_literal() {
        fn walk(folder: &std::path::Path, seen: &mut usize) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, seen);
                    continue;
                }
                let text: String = std::fs::read_to_string(&path).unwrap().split_whitespace().collect();
                for call in ["Problem::error(", "Problem::warning(", "Problem::new("] {
                    for (_, rest) in text.match_indices(call).map(|(at, _)| text[at..].split_at(call.len())) {
                        assert!(
                            rest.starts_with("code") || rest.starts_with("\",") || rest.starts_with('"'),
                            "{}: {call}{}",
                            path.display(),
                            &rest[..20]
                        );
                        *seen += usize::from(rest.starts_with("code"));
                    }
                }
            }
        }
        let mut seen = 0;
        walk(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config"), &mut seen);
        assert!(seen > 20, "found only {seen}");
    }
}
