//! A region with one cluster, two system nodes and what Karpenter needs, made by hand.

use serde_json::{Value as Json, json};

use crate::sandbox::aws::{ec2, eks, iam, sqs};
use crate::sandbox::kube::chart;
use crate::sandbox::kube::store::{Key, Store};
use crate::sandbox::region::{Here, settle, with_here};
use crate::sandbox::state::{Millis, RegionState, State};

pub(super) const START: Millis = 1_795_000_000_000;
const ACCOUNT: &str = "123456789012";
const ISSUER: &str = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF";

pub(super) struct Lab {
    pub(super) state: State,
    pub(super) now: Millis,
}

pub(super) fn arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{role}")
}

fn everything() -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}).to_string()
}

impl Lab {
    /// A cluster that EKS has just made ACTIVE, with its add-ons, and nodes that boot.
    pub(super) fn new() -> Self {
        let mut lab = Self { state: State::new(11), now: START };
        lab.with(|here| {
            network(here);
            roles(here);
            here.region.sqs.queues.insert("prod".to_owned(), sqs::Queue::default());
            cluster(here);
        });
        lab.settle();
        lab
    }

    pub(super) fn with<T>(&mut self, f: impl FnOnce(&mut Here<'_>) -> T) -> T {
        with_here(&mut self.state, self.now, ACCOUNT, "us-east-1", "arn:aws:iam::123456789012:user/sandbox", f)
    }

    pub(super) fn settle(&mut self) {
        self.with(settle);
    }

    pub(super) fn region(&mut self) -> &mut RegionState {
        self.state.accounts.get_mut(ACCOUNT).expect("the account").regions.get_mut("us-east-1").expect("the region")
    }

    pub(super) fn cluster(&mut self) -> &mut eks::Cluster {
        self.region().eks.clusters.get_mut("prod").expect("the cluster")
    }

    pub(super) fn store(&mut self) -> &mut Store {
        &mut self.region().kube.clusters.get_mut("prod").expect("the insides").store
    }

    /// Lets seconds pass, in one step.
    pub(super) fn pass(&mut self, seconds: i64) {
        self.now += seconds * 1000;
        self.settle();
    }

    /// EKS finds the nodes ready, as it does when the CNI is there.
    pub(super) fn join(&mut self) {
        let now = self.now;
        for node in self.cluster().groups.values_mut().flat_map(|group| &mut group.nodes) {
            node.ready = true;
            node.since = now;
        }
        self.settle();
    }

    pub(super) fn create(&mut self, resource: &str, object: Json) {
        let now = self.now;
        self.store().create(now, resource, object).expect("a new object");
        self.settle();
    }

    pub(super) fn get(&mut self, resource: &str, name: &str) -> Json {
        let (namespace, name) = name.split_once('/').unwrap_or(("", name));
        self.store().get(resource, &Key::new(namespace, name)).cloned().unwrap_or_default()
    }

    pub(super) fn list(&mut self, resource: &str) -> Vec<Json> {
        self.store().list(resource).cloned().collect()
    }

    /// Reasons and messages of the events about a name.
    pub(super) fn events(&mut self, name: &str) -> Vec<String> {
        let about = |event: &Json| event["involvedObject"]["name"].as_str().is_some_and(|one| one.starts_with(name));
        let told = |event: &Json| {
            format!(
                "{}: {}",
                event["reason"].as_str().unwrap_or_default(),
                event["message"].as_str().unwrap_or_default()
            )
        };
        self.store().list("events").filter(|event| about(event)).map(told).collect()
    }

    pub(super) fn condition(&mut self, resource: &str, name: &str, kind: &str) -> (String, String) {
        let object = self.get(resource, name);
        let one = super::super::meta::condition(&object, kind);
        (one["status"].as_str().unwrap_or_default().to_owned(), one["message"].as_str().unwrap_or_default().to_owned())
    }

    /// Definitions, release, node class and pools.
    pub(super) fn karpenter(&mut self, pools: &[Json]) {
        let values = json!({
            "settings": {"clusterName": "prod", "interruptionQueue": "prod"},
            "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": arn("karpenter")}},
            "controller": {"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}},
        });
        self.release(&values);
        self.create("ec2nodeclasses.karpenter.k8s.aws", class());
        for pool in pools {
            self.create("nodepools.karpenter.sh", pool.clone());
        }
    }

    pub(super) fn release(&mut self, values: &Json) {
        for crd in chart::crds("1.14.1") {
            self.create("customresourcedefinitions.apiextensions.k8s.io", crd);
        }
        for object in chart::objects("1.14.1", "kube-system", values) {
            let resource = match object["kind"].as_str().unwrap_or_default() {
                "ServiceAccount" => "serviceaccounts",
                "PodDisruptionBudget" => "poddisruptionbudgets.policy",
                "Deployment" => "deployments.apps",
                "Service" => "services",
                _ => continue,
            };
            self.create(resource, object);
        }
    }

    /// A cluster whose Karpenter runs, with these pools.
    pub(super) fn running(pools: &[Json]) -> Self {
        let mut lab = Self::new();
        lab.karpenter(pools);
        lab.pass(60);
        lab.join();
        lab.pass(60);
        lab
    }
}

pub(super) fn class() -> Json {
    json!({
        "apiVersion": "karpenter.k8s.aws/v1", "kind": "EC2NodeClass", "metadata": {"name": "default"},
        "spec": {
            "role": "nodes", "amiSelectorTerms": [{"alias": "al2023@latest"}],
            "subnetSelectorTerms": [{"tags": {"karpenter.sh/discovery": "prod"}}],
            "securityGroupSelectorTerms": [{"tags": {"karpenter.sh/discovery": "prod"}}],
            "tags": {"team": "platform"},
            "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
        },
    })
}

/// A pool with these requirements and more in its template's spec.
pub(super) fn pool(name: &str, capacity: &[&str], more: &Json) -> Json {
    let mut spec = json!({
        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"},
        "expireAfter": "720h",
        "requirements": [
            {"key": "karpenter.sh/capacity-type", "operator": "In", "values": capacity},
            {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
            {"key": "karpenter.k8s.aws/instance-category", "operator": "In", "values": ["c", "m", "r"]},
            {"key": "karpenter.k8s.aws/instance-generation", "operator": "Gt", "values": ["4"]},
        ],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": name},
        "spec": {
            "template": {"metadata": {"labels": {"workload-type": name}}, "spec": spec},
            "disruption": {"consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": "30s", "budgets": [{"nodes": "100%"}]},
            "limits": {"cpu": "100"},
        },
    })
}

/// A pod that asks for so much, with more in its spec.
pub(super) fn pod(name: &str, cpu: &str, more: &Json) -> Json {
    let mut spec = json!({
        "containers": [{"name": "app", "image": "registry.example/app:1", "resources": {"requests": {"cpu": cpu, "memory": "256Mi"}}}],
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler",
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
        "spec": spec, "status": {"phase": "Pending"},
    })
}

fn network(here: &mut Here<'_>) {
    for (at, zone) in ["a", "b", "c"].iter().enumerate() {
        let id = format!("subnet-0000000000000000{at}");
        let subnet = ec2::Subnet {
            vpc: "vpc-00000000000000001".to_owned(),
            cidr: format!("10.0.{}.0/20", at * 16).parse().expect("a block"),
            zone: format!("us-east-1{zone}"),
            zone_id: format!("use1-az{}", at + 4),
            map_public_ip: false,
            map_public_ip_seen: 0,
            resource_name_dns_a: false,
            hostname_type: "ip-name".to_owned(),
            ready: 0,
        };
        here.region.ec2.subnets.insert(id.clone(), subnet);
        here.region.ec2.tags.insert(id, [("karpenter.sh/discovery".to_owned(), "prod".to_owned())].into());
    }
    let group = ec2::SecurityGroup {
        name: "eks-cluster-sg-prod".to_owned(),
        description: String::new(),
        vpc: "vpc-00000000000000001".to_owned(),
    };
    here.region.ec2.security_groups.insert("sg-00000000000000001".to_owned(), group);
    here.region
        .ec2
        .tags
        .insert("sg-00000000000000001".to_owned(), [("karpenter.sh/discovery".to_owned(), "prod".to_owned())].into());
    let endpoint = ec2::Endpoint {
        vpc: "vpc-00000000000000001".to_owned(),
        service: "com.amazonaws.us-east-1.eks".to_owned(),
        kind: "Interface".to_owned(),
        policy: String::new(),
        route_tables: Vec::new(),
        subnets: Vec::new(),
        groups: Vec::new(),
        private_dns: true,
        created: 0,
        ready: 0,
        gone: None,
    };
    here.region.ec2.endpoints.insert("vpce-1".to_owned(), endpoint);
}

fn roles(here: &mut Here<'_>) {
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}");
    here.iam.providers.insert(
        provider.clone(),
        iam::Provider {
            url: ISSUER.to_owned(),
            client_ids: vec!["sts.amazonaws.com".to_owned()],
            ..iam::Provider::default()
        },
    );
    let trust = json!({"Statement": [{
        "Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {
            format!("{ISSUER}:sub"): "system:serviceaccount:kube-system:karpenter", format!("{ISSUER}:aud"): "sts.amazonaws.com",
        }},
    }]});
    let nobody = || json!({"Statement": []});
    let csi = trust.to_string().replace("kube-system:karpenter", "kube-system:ebs-csi-controller-sa");
    let csi = serde_json::from_str(&csi).expect("a policy");
    for (name, trust) in
        [("karpenter", trust), ("csi", csi), ("nodes", nobody()), ("AWSServiceRoleForEC2Spot", nobody())]
    {
        let role = iam::Role {
            name: name.to_owned(),
            arn: arn(name),
            trust: trust.to_string(),
            inline: [("all".to_owned(), everything())].into(),
            ..iam::Role::default()
        };
        here.iam.roles.insert(name.to_owned(), role);
    }
}

fn cluster(here: &mut Here<'_>) {
    let image = crate::sandbox::aws::ssm::releases(here.now)
        .find(|one| one.minor == "1.36" && one.architecture == "x86_64" && one.variant == "standard")
        .expect("an image")
        .image(here.name);
    let launch = ec2::Launch {
        instance_types: vec!["t3.large".to_owned()],
        image,
        subnets: vec!["subnet-00000000000000000".to_owned(), "subnet-00000000000000001".to_owned()],
        groups: vec!["sg-00000000000000001".to_owned()],
        count: 2,
        spot: false,
        tags: [("eks:nodegroup-name".to_owned(), "system".to_owned())].into(),
        volume: None,
        instance_profile: None,
        template: None,
        metadata: (true, 1),
        more_interfaces: 1,
        after: Vec::new(),
    };
    let nodes = ec2::instance::launch(here, &launch).expect("instances");
    let mut of = eks::Cluster {
        body: json!({
            "name": "prod", "status": "ACTIVE", "version": "1.36", "identity": {"oidc": {"issuer": format!("https://{ISSUER}")}},
            "accessConfig": {"authenticationMode": "API"},
        }),
        ..eks::Cluster::default()
    };
    of.entries.insert(arn("nodes"), eks::Entry::default());
    for (name, version) in [
        ("vpc-cni", "v1.21.2-eksbuild.1"),
        ("kube-proxy", "v1.36.3-eksbuild.2"),
        ("coredns", "v1.13.2-eksbuild.4"),
        ("eks-pod-identity-agent", "v1.3.10-eksbuild.3"),
        ("aws-ebs-csi-driver", "v1.57.1-eksbuild.1"),
        ("metrics-server", "v0.8.1-eksbuild.2"),
    ] {
        let body = json!({"addonName": name, "addonVersion": version, "status": "ACTIVE", "serviceAccountRoleArn": arn("csi")});
        of.addons.insert(name.to_owned(), eks::Addon { body, ..eks::Addon::default() });
    }
    let group = eks::Group {
        body: json!({
            "nodegroupName": "system", "nodeRole": arn("nodes"), "capacityType": "ON_DEMAND", "labels": {"role": "system"},
            "taints": [{"key": "CriticalAddonsOnly", "value": "true", "effect": "NO_SCHEDULE"}], "status": "ACTIVE",
        }),
        nodes: nodes.into_iter().map(|instance| eks::Node { instance, ready: false, since: 0 }).collect(),
        ..eks::Group::default()
    };
    of.groups.insert("system".to_owned(), group);
    here.region.eks.clusters.insert("prod".to_owned(), of);
    let inside = crate::sandbox::kube::bootstrap(here.now, "1.36", "172.20.0.1");
    here.region.kube.clusters.insert("prod".to_owned(), inside);
}
