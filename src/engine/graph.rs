//! What should exist, as a graph that cannot have cycles or dangling edges.
//!
//! [`Graph::add`] is the only mint of [`Ref`], so a resource can refer only to those added before it: insertion order
//! is a topological order. Edges are found by asking each resource what it wants and reading the references in it.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use super::kind::{AnyKind, Facts, Resource, kind};
use super::value::{Address, Fields, Value};

/// A handle on a resource of kind `K` in a graph.
pub struct Ref<K> {
    address: Address,
    kind: PhantomData<fn() -> K>,
}

impl<K> Clone for Ref<K> {
    fn clone(&self) -> Self {
        Self { address: self.address.clone(), kind: PhantomData }
    }
}

impl<K> fmt::Debug for Ref<K> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.address)
    }
}

impl<K> Ref<K> {
    /// The address referred to.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The attribute as a whole value.
    #[must_use]
    pub fn attr(&self, attr: &str) -> Value {
        Value::Ref { node: self.address.clone(), attr: attr.to_owned() }
    }

    /// The attribute as a part of a [`Value::Template`] or a policy.
    #[must_use]
    pub fn token(&self, attr: &str) -> String {
        format!("$[{}#{attr}]", self.address)
    }
}

/// An instance without its type.
trait AnyNode: fmt::Debug + Send + Sync {
    fn want(&self, facts: &Facts) -> Fields;
}

impl<K: Resource> AnyNode for K {
    fn want(&self, facts: &Facts) -> Fields {
        Resource::want(self, facts)
    }
}

/// One desired resource.
#[derive(Debug)]
pub struct Node<W: 'static> {
    /// Where it stands.
    pub address: Address,
    /// Its kind's row.
    pub kind: &'static dyn AnyKind<W>,
    /// The nodes it refers to or waits for, by index, each smaller than its own.
    pub needs: Vec<usize>,
    /// See [`Resource::leans`].
    pub leans: Vec<Address>,
    /// See [`Resource::formerly`].
    pub formerly: Option<Address>,
    instance: Box<dyn AnyNode>,
}

impl<W> Node<W> {
    /// What it should be, given what is known.
    #[must_use]
    pub fn want(&self, facts: &Facts) -> Fields {
        self.instance.want(facts)
    }
}

/// All desired resources, needs first.
#[derive(Debug)]
pub struct Graph<W: 'static> {
    nodes: Vec<Node<W>>,
    by_address: BTreeMap<Address, usize>,
}

impl<W> Default for Graph<W> {
    fn default() -> Self {
        Self { nodes: Vec::new(), by_address: BTreeMap::new() }
    }
}

impl<W: 'static> Graph<W> {
    /// Adds a resource and gives the handle by which later ones may refer to it.
    ///
    /// # Panics
    /// If the address is taken, or an edge names an address that is not in the graph: both are mistakes of
    /// the model, not of any input (the configuration's maps have unique keys).
    pub fn add<K: Resource<World = W>>(&mut self, instance: K) -> Ref<K> {
        let address = Resource::address(&instance);
        let after = Resource::after(&instance);
        let (leans, formerly) = (Resource::leans(&instance), Resource::formerly(&instance));
        let mut needs = Vec::new();
        let mut need = |node: &Address| {
            let index = self.by_address.get(node);
            let index = *index.unwrap_or_else(|| panic!("{address} needs {node}, which is not in the graph"));
            if !needs.contains(&index) {
                needs.push(index);
            }
        };
        for value in Resource::want(&instance, &Facts::default()).values() {
            value.refs(&mut |node, _| need(&node));
        }
        after.iter().for_each(&mut need);
        needs.sort_unstable();
        for stands in &leans {
            assert!(self.by_address.contains_key(stands), "{address} leans on {stands}, which is not in the graph");
        }
        let index = self.nodes.len();
        let twin = self.by_address.insert(address.clone(), index);
        assert!(twin.is_none(), "two resources at {address}");
        let node =
            Node { address: address.clone(), kind: kind::<K>(), needs, leans, formerly, instance: Box::new(instance) };
        self.nodes.push(node);
        Ref { address, kind: PhantomData }
    }

    /// All nodes, needs first.
    #[must_use]
    pub fn nodes(&self) -> &[Node<W>] {
        &self.nodes
    }

    /// The node at an address.
    #[must_use]
    pub fn get(&self, address: &Address) -> Option<&Node<W>> {
        self.by_address.get(address).map(|index| &self.nodes[*index])
    }
}
