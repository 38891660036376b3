//! A person in the console: drifts by the SDK's own clients, or, where AWS has no call for it, in the region's state.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use rem_ci::cloud::Cloud;
use rem_ci::engine::{Address, Live};
use rem_ci::run::{Looked, World};
use serde_json::Value as Json;

/// When a row is drifted: rows of one pass do not get in each other's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// Changed back in place, or by rolling nodes.
    InPlace,
    /// As `InPlace`, for what EKS does not let differ at the same time.
    Endpoint,
    /// Replaced, and few things with it.
    Leaf,
    /// The launch template and the system nodes are replaced.
    Nodes,
    /// A subnet is replaced.
    Subnet,
    /// The cluster is replaced, and all in it.
    Cluster,
    /// The VPC is replaced, and all in it.
    Vpc,
    /// Nothing can change it back.
    Fixed,
    /// A read finds the resource by this field, so it cannot differ: what has another is not seen as ours.
    Apart,
}

/// One drift by hand.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) kind: &'static str,
    pub(super) fields: &'static [&'static str],
    pub(super) at: &'static str,
    pub(super) pass: Pass,
    pub(super) drift: for<'a> fn(&'a Hand<'a>) -> LocalBoxFuture<'a, ()>,
}

impl Row {
    pub(super) fn address(&self) -> Address {
        Address::parse(self.at).unwrap_or_else(|| panic!("{} is not an address", self.at))
    }
}

/// `row!("vpc", ["dnsSupport"], "network/vpc", InPlace, |h| { … })`
macro_rules! row {
    ($kind:literal, [$($field:literal),+], $at:literal, $pass:ident, |$hand:ident| $drift:expr) => {
        $crate::conformance::hand::Row {
            kind: $kind,
            fields: &[$($field),+],
            at: $at,
            pass: $crate::conformance::hand::Pass::$pass,
            drift: |$hand| Box::pin(async move { let _ = $drift; }),
        }
    };
}
pub(super) use row;

/// What a person has before them.
pub(super) struct Hand<'a> {
    pub(super) cloud: &'a Cloud,
    world: &'a World,
    live: &'a BTreeMap<Address, Live>,
    /// Take another of its kind where an address is not there: an environment with fewer of them.
    anywhere: bool,
}

/// The two halves of the state, as JSON.
pub(super) struct Insides {
    pub(super) region: Json,
    pub(super) iam: Json,
}

impl<'a> Hand<'a> {
    pub(super) fn new(world: &'a World, looked: &'a Looked) -> Self {
        Self { cloud: &world.cloud, world, live: &looked.plan.sorted.owned, anywhere: false }
    }

    /// In an environment that may have fewer of a kind than the rows name.
    pub(super) fn anywhere(world: &'a World, looked: &'a Looked) -> Self {
        Self { anywhere: true, ..Self::new(world, looked) }
    }

    /// The address itself, or another of its kind in its stead.
    pub(super) fn place(&self, at: &str) -> Option<&'a Address> {
        let address = Address::parse(at).expect("an address");
        let own = self.live.get_key_value(&address);
        let mut others = self.live.keys().filter(|other| self.anywhere && other.kind() == address.kind());
        own.map(|(address, _)| address).or_else(|| others.next())
    }

    pub(super) fn live(&self, at: &str) -> &'a Live {
        let place = self.place(at).unwrap_or_else(|| panic!("{at} is not there"));
        &self.live[place]
    }

    /// All of a kind.
    pub(super) fn all(&self, kind: &str) -> impl Iterator<Item = (&'a Address, &'a Live)> {
        self.live.iter().filter(move |(address, _)| address.kind() == kind)
    }

    pub(super) fn id(&self, at: &str) -> String {
        self.live(at).id.clone()
    }

    pub(super) fn name(&self, at: &str, attr: &str) -> String {
        let name = self.live(at).name(attr).to_owned();
        assert!(!name.is_empty(), "{at} has no {attr}");
        name
    }

    /// Until EKS has done one update and takes the next.
    pub(super) async fn wait(&self) {
        rem_ci::engine::wait::pause(Duration::from_mins(20)).await;
    }

    /// A change that AWS has no call for.
    pub(super) fn edit(&self, change: impl FnOnce(&mut Insides)) {
        let sandbox = self.world.sandbox.as_ref().expect("a sandbox");
        let (account, region) = (self.cloud.account.clone(), self.cloud.region.clone());
        sandbox.with(|state| {
            let account = state.accounts.get_mut(&account).expect("the account");
            let place = account.regions.get_mut(&region).expect("the region");
            let mut insides = Insides {
                region: serde_json::to_value(&*place).expect("JSON"),
                iam: serde_json::to_value(&account.iam).expect("JSON"),
            };
            let before = (insides.region.clone(), insides.iam.clone());
            change(&mut insides);
            assert!(before != (insides.region.clone(), insides.iam.clone()), "the edit changed nothing");
            *place = serde_json::from_value(insides.region).expect("a region");
            account.iam = serde_json::from_value(insides.iam).expect("IAM");
        });
    }

    /// One more or another tag on a thing of EC2.
    pub(super) async fn ec2_tag(&self, at: &str) {
        let tag = aws_sdk_ec2::types::Tag::builder().key("team").value("intruders").build();
        self.cloud.ec2.create_tags().resources(self.id(at)).tags(tag).send().await.expect("CreateTags");
    }

    /// The same for EKS.
    pub(super) async fn eks_tag(&self, at: &str) {
        let call = self.cloud.eks.tag_resource().resource_arn(self.name(at, "arn")).tags("team", "intruders");
        call.send().await.expect("TagResource");
    }
}

impl Insides {
    /// The body of the only cluster.
    pub(super) fn cluster(&mut self) -> &mut Json {
        let clusters = self.region["eks"]["clusters"].as_object_mut().expect("clusters");
        clusters.values_mut().next().expect("a cluster")
    }

    /// Renames a key of a map, and whatever says the old name in the value.
    pub(super) fn rename(map: &mut Json, old: &str, new: &str) {
        let map = map.as_object_mut().expect("a map");
        let value = map.remove(old).unwrap_or_else(|| panic!("no {old} among {:?}", map.keys()));
        map.insert(new.to_owned(), replaced(&value, old, new));
    }
}

/// The same JSON with one text in place of another, wherever it stands.
pub(super) fn replaced(value: &Json, old: &str, new: &str) -> Json {
    serde_json::from_str(&value.to_string().replace(old, new)).expect("JSON")
}
