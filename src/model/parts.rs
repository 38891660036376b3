//! What one part of the model hands to the next: symbolic values, so that a part does not care whether a thing is ours or
//! was there before.

use std::collections::BTreeMap;

use crate::engine::{Address, Value};
use crate::resources::k8s::Home;

/// What the network offers to the rest.
#[derive(Clone, Debug)]
pub struct Network {
    /// The VPC's id: a reference, or text for an existing one.
    pub vpc: Value,
    /// Ids of the private subnets, in zone order.
    pub private_subnets: Vec<Value>,
    /// Ids of the public subnets, in zone order.
    pub public_subnets: Vec<Value>,
    /// Id of the second node security group, if there is one.
    pub node_security_group: Option<Value>,
    /// What must be ready before a node can reach AWS: routes through NAT gateways, endpoints.
    pub egress: Vec<Address>,
}

/// The roles that need no cluster.
#[derive(Clone, Debug)]
pub struct BaseRoles {
    /// ARN of the control plane's role.
    pub cluster: Value,
    /// ARN of the system nodes' role.
    pub system_node: Value,
    /// ARN of the role of Karpenter's nodes.
    pub karpenter_node: Value,
    /// Its name, which is what an EC2NodeClass takes.
    pub karpenter_node_name: Value,
}

/// The control plane, once it is in the graph.
#[derive(Clone, Debug)]
pub struct ControlPlane {
    /// `cluster/cluster`.
    pub address: Address,
    /// The cluster's name as a reference: whoever uses it waits for the cluster.
    pub name: Value,
    /// The issuer URL without `https://`, as a token for templates and policies.
    pub issuer: String,
    /// The id of the security group that EKS makes.
    pub security_group: Value,
    /// The cluster's name as text.
    pub cluster_name: String,
    /// What must be there before the API server lets us in: our access entries, and where the road leads over them, nodes.
    pub doors: Vec<Address>,
}

impl ControlPlane {
    /// For what is inside it.
    #[must_use]
    pub fn home(&self) -> Home {
        Home { cluster: self.name.clone(), cluster_name: self.cluster_name.clone(), doors: self.doors.clone() }
    }
}

/// The roles of pods, which trust the cluster's OIDC provider or the Pod Identity service.
#[derive(Clone, Debug, Default)]
pub struct PodRoles {
    /// ARNs by add-on name, for add-ons with an `identity`.
    pub addons: BTreeMap<String, Value>,
    /// ARN of the Karpenter controller's role.
    pub karpenter: Option<Value>,
}
