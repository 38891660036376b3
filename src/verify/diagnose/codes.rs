//! All causes, what lies deepest first.

/// One code.
#[derive(Clone, Copy, Debug)]
pub struct CauseDoc {
    /// Kebab word.
    pub code: &'static str,
    /// Why it breaks what it breaks, for `rem-ci explain`.
    pub why: &'static str,
    /// What to do.
    pub help: &'static str,
}

const fn doc(code: &'static str, why: &'static str, help: &'static str) -> CauseDoc {
    CauseDoc { code, why, help }
}

/// In the order in which causes are named: an earlier one explains the later ones.
const CODES: &[CauseDoc] = &[
    doc(
        "cause-cluster-absent",
        "There is no control plane, or it is not ACTIVE. Nothing inside it can be looked at.",
        "apply the environment, or wait for the change that is under way",
    ),
    doc(
        "cause-api-unreachable",
        "The API server does not answer from here, or refuses this caller. Everything inside the cluster is unknown, which is not the same as \
         broken. A private endpoint is reached from the VPC, or with `connect: ssm`; who may do what is in the access entries.",
        "reach the endpoint from a place that may, or give this caller an access entry",
    ),
    doc(
        "cause-api-unhealthy",
        "The API server answers, but one of its own checks does not hold (etcd, admission, a start-up hook). AWS runs it and mends it.",
        "watch it for some minutes; if it stays, open a case with AWS and name the check",
    ),
    doc(
        "cause-definitions-missing",
        "Karpenter's CustomResourceDefinitions are not in the cluster. Without them there are no NodePools, and the controller ends at its start.",
        "apply the environment: it installs them before the controller",
    ),
    doc(
        "cause-definitions-old",
        "The CustomResourceDefinitions are of an older Karpenter than the controller. Helm never upgrades the CRDs that a chart brings along; \
         fields that the controller writes are then dropped or refused.",
        "apply the environment: it upgrades them with the controller",
    ),
    doc(
        "cause-controller-absent",
        "There is no Deployment of Karpenter in its namespace, or it is scaled to nothing: nobody makes nodes.",
        "apply the environment",
    ),
    doc(
        "cause-controller-unschedulable",
        "A replica of the controller has no node. It runs on the system nodes alone, tolerates their taint only, wants 1 CPU and 1 GiB, and two \
         replicas never share a host: a system group of one node can never hold two.",
        "give the system node group as many healthy nodes as there are replicas (systemNodes.count)",
    ),
    doc(
        "cause-provider-missing",
        "IAM has no OIDC provider of the cluster's issuer. Tokens of service accounts mean nothing to it, so no role can be assumed by IRSA.",
        "apply the environment: the provider is `identity/oidc-provider`",
    ),
    doc(
        "cause-service-account",
        "The service account of the controller does not name its role in `eks.amazonaws.com/role-arn`. Its pods then act as the node, \
         which may do none of it. A pod reads the annotation once, when it is made.",
        "apply the environment, then restart the controller so that its pods are made anew",
    ),
    doc(
        "cause-association-missing",
        "With `identity: podIdentity` the role reaches the pods by an association of namespace and service account, and the agent add-on. \
         One of them is not there.",
        "apply the environment, then restart the controller so that its pods are made anew",
    ),
    doc(
        "cause-trust",
        "The role's trust policy does not let in who comes: the subject must be `system:serviceaccount:NAMESPACE:karpenter` exactly, the provider \
         that of this cluster, the audience `sts.amazonaws.com`. A changed namespace or a cluster made anew breaks it.",
        "apply the environment: the trust policy is a field of the role",
    ),
    doc(
        "cause-policy-action",
        "The controller's role lacks an action that its version calls. Some fail loudly at a launch, others degrade quietly: prices, \
         interruption, clean-up of instance profiles.",
        "apply the environment: the policies follow the chart's version",
    ),
    doc(
        "cause-queue-unset",
        "The controller was not told of the queue: its INTERRUPTION_QUEUE is empty. The chart's value is `settings.interruptionQueue`; \
         under any other name (`interruptionQueueName`) helm takes it silently and nothing reads it. Spot nodes then die without a drain.",
        "apply the environment, which sets the right value",
    ),
    doc(
        "cause-queue-other",
        "The controller reads another queue than the one that this environment's rules feed.",
        "apply the environment, which sets the right value",
    ),
    doc(
        "cause-queue-not-wired",
        "Interruption notices do not reach the queue: a rule is missing, off, or sends elsewhere, or the queue's policy does not let it send.",
        "apply the environment: rules, targets and policy are fields of it",
    ),
    doc(
        "cause-controller-crash",
        "The controller starts and ends again. Its last lines say why; most often it cannot reach AWS, or lacks its CRDs.",
        "read the last lines of the container that ended",
    ),
    doc(
        "cause-controller-not-ready",
        "The controller runs and is not Ready: it has not got its lease, or its caches do not fill.",
        "read its log; the lease is `karpenter-leader-election`",
    ),
    doc(
        "cause-queue-unread",
        "Messages wait in the queue: the controller knows of it and does not take them. One queue serves one cluster only.",
        "look for errors of SQS in the controller's log, and for a second cluster that reads the queue",
    ),
    doc(
        "cause-image-gone",
        "The image that the EC2NodeClass names resolves to nothing: the alias has no such version in this region, or AWS withdrew it. \
         Running nodes stay, new ones cannot be made.",
        "set nodeClasses.NAME.amiAlias to a version that exists, then apply",
    ),
    doc(
        "cause-class-subnets",
        "The EC2NodeClass finds no subnet by what it selects.",
        "apply the environment: subnets are selected by id",
    ),
    doc(
        "cause-class-security-groups",
        "The EC2NodeClass finds no security group by what it selects.",
        "apply the environment: security groups are selected by id",
    ),
    doc(
        "cause-class-profile",
        "The controller cannot make or fill the instance profile: the node role does not exist, or the controller may not pass it.",
        "apply the environment: node role and policies are resources of it",
    ),
    doc(
        "cause-class-validation",
        "Karpenter tried launches with this EC2NodeClass without making anything, and EC2 refused one of them.",
        "read the condition's words: they are EC2's",
    ),
    doc(
        "cause-class-not-ready",
        "An EC2NodeClass is not Ready; its pools launch nothing.",
        "read the conditions of the class",
    ),
    doc(
        "cause-pool-not-ready",
        "A NodePool is not Ready though its class is; Karpenter leaves it out.",
        "read the conditions of the pool",
    ),
    doc(
        "cause-pool-too-narrow",
        "Nothing that is on sale satisfies all requirements of the pool, or fewer values than its `minValues`.",
        "widen the requirements in the environment file",
    ),
    doc(
        "cause-pool-limit",
        "The pool's limits are reached. They bound what a mistake can cost, so Karpenter stops there and pods wait.",
        "raise nodePools.NAME.limits, or end what uses it up",
    ),
    doc(
        "cause-quota",
        "EC2 refused a launch because of the account's vCPU quota for this market. Other instance types do not help: they all count.",
        "ask for a greater quota in Service Quotas (spot and on-demand are two), or end other instances",
    ),
    doc(
        "cause-spot-role",
        "The account has no service-linked role of EC2 Spot. The first launch of a spot instance would make it, which the controller may not.",
        "apply the environment: the role is `identity/service-linked-role/spot`",
    ),
    doc(
        "cause-subnet-full",
        "A subnet has no addresses left. Every pod takes one, and a node a handful at once, so launches and pods fail in its zone.",
        "end what is not needed; a wider network.cidr or more zones needs new subnets",
    ),
    doc(
        "cause-spot-capacity",
        "EC2 has no capacity of what was asked for. Karpenter tries every other type of the pool and each failed one again after three minutes; \
         a pool of few types or zones, or of spot alone, has nothing to turn to.",
        "allow more families, sizes and zones, or on-demand besides spot",
    ),
    doc(
        "cause-launch",
        "EC2 refuses to launch for a reason that is none of the other codes. Its own words are in the evidence.",
        "read EC2's words in the evidence",
    ),
    doc(
        "cause-node-entry",
        "The role of the nodes has no access entry of type EC2_LINUX. Instances start, ask to join, and are turned away until Karpenter gives \
         each up after a quarter of an hour.",
        "apply the environment: the entry is a resource of it",
    ),
    doc(
        "cause-node-route",
        "The subnet of the instance has no way out: no default route, or one to a gateway that is gone. A node cannot reach the API server, EC2 \
         or a registry.",
        "apply the environment: routes are fields of the route tables",
    ),
    doc(
        "cause-node-security-group",
        "The instance does not carry the cluster's security group, so control plane and node cannot talk.",
        "apply the environment: the EC2NodeClass names the groups by id",
    ),
    doc(
        "cause-node-not-joining",
        "An instance runs and has not become a node for minutes; access entry, route and security group are as they should be.",
        "read the instance's console output: the bootstrap (nodeadm, user data) says what fails",
    ),
    doc(
        "cause-node-not-ready",
        "A node is not Ready: its kubelet does not report, or the network plug-in is not up on it.",
        "look at the node's conditions and at aws-node on it",
    ),
    doc(
        "cause-addon-tolerations",
        "An add-on's pods do not tolerate the taint of the system nodes, so they have nowhere to run.",
        "set the add-on's configuration.tolerations, then apply",
    ),
    doc(
        "cause-addon-role",
        "The role of an add-on is missing or does not let its service account in; its pods run and can do nothing.",
        "apply the environment: roles of add-ons are resources of it",
    ),
    doc(
        "cause-addon-degraded",
        "EKS says that an add-on is not healthy. What its pods cannot do, others miss: names, addresses, volumes.",
        "read the issues, then the add-on's pods",
    ),
    doc(
        "cause-throttled",
        "AWS or the API server turns calls away because there are too many, or an admission webhook does not answer. Everything is slow rather \
         than broken.",
        "find who calls so much; another controller in the account shares the same limits",
    ),
    doc(
        "cause-image-pull",
        "The image cannot be pulled: the name or tag does not exist, the registry refuses, or cannot be reached.",
        "correct the image, or give the pod's service account the registry's credentials",
    ),
    doc(
        "cause-volume-class",
        "The pod waits for a volume, and the claim names a StorageClass that does not exist, or none while there is no default.",
        "name an existing StorageClass; rem-ci's own is gp3",
    ),
    doc(
        "cause-volume-unbound",
        "The pod waits for a volume that is not made. Volumes are made by the EBS driver's controller, in the zone of the pod's node.",
        "look at the claim's events and at ebs-csi-controller",
    ),
    doc(
        "cause-pod-too-large",
        "No instance type of the pools that would otherwise take the pod has room for what it asks.",
        "ask for less, or allow larger sizes in the pool",
    ),
    doc(
        "cause-taint",
        "Every pool that the pod's selector fits has a taint that the pod does not tolerate.",
        "add the toleration that the evidence names",
    ),
    doc(
        "cause-selector",
        "The pod asks for labels that no pool's nodes can have.",
        "correct nodeSelector or affinity; rem-ci labels every node with workload-type: POOL",
    ),
    doc(
        "cause-pod-waiting",
        "The pod has no node, a pool may take it, and no claim for it is to be seen.",
        "wait for half a minute and look again, then read the controller's log for the pod's name",
    ),
    doc(
        "cause-budget-blocks",
        "A PodDisruptionBudget allows no eviction, so a node cannot be drained. Without terminationGracePeriod Karpenter waits for ever.",
        "let the budget allow one eviction (more replicas, or maxUnavailable: 1)",
    ),
    doc(
        "cause-finalizer",
        "An object is marked for deletion and its finalizer is still there: who should take it off does not run or cannot end the instance.",
        "see that Karpenter runs; take a finalizer off by hand only when the instance is gone",
    ),
    doc(
        "cause-node-expired",
        "A node is older than its expireAfter allows and is still there: its drain is held up.",
        "look for what does not leave it: budgets, pods with karpenter.sh/do-not-disrupt",
    ),
    doc(
        "cause-toleration-only",
        "A toleration permits a tainted pool, it does not choose it. The pod may land in any other pool that it fits, on spot too.",
        "add nodeSelector workload-type with the pool's name",
    ),
];

/// Every cause with its explanation, what lies deepest first.
#[must_use]
pub const fn codes() -> &'static [CauseDoc] {
    CODES
}
