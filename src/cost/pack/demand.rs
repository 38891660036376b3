//! Workloads as the packer sees them, and which pool each goes to.

use super::ground::Ground;
use super::puzzle::{Amount, fits};
use crate::config::Spec;
use crate::config::check::quantity;
use crate::config::spec::{Requirement, Spread, Taint, Toleration, Workload};

/// Pods that are all alike.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    pub(crate) name: String,
    pub(crate) replicas: u32,
    pub(crate) least: u32,
    pub(crate) need: Amount,
    pub(crate) pool: Option<String>,
    pub(crate) tolerations: Vec<Toleration>,
    pub(crate) requirements: Vec<Requirement>,
    pub(crate) spot_share: Option<u8>,
    pub(crate) spread: Option<Spread>,
    pub(crate) daemon: bool,
    /// Neither cpu nor memory is asked for.
    pub(crate) silent: bool,
}

impl Demand {
    /// All workloads of an environment, by name.
    pub(crate) fn all(spec: &Spec) -> Vec<Self> {
        spec.workloads.iter().map(|(name, workload)| Self::of(name, workload)).collect()
    }

    fn of(name: &str, workload: &Workload) -> Self {
        let asks = |key: &str, unit: u128| {
            let value = workload.requests.get(key).and_then(|value| quantity(&value.to_string())).unwrap_or(0);
            i64::try_from(value.div_ceil(unit)).unwrap_or(i64::MAX / 4)
        };
        let gpus = workload.gpu.map_or_else(|| asks("nvidia.com/gpu", 1000), i64::from);
        let mut requirements = workload.requirements.clone();
        if let Some(arch) = &workload.arch {
            let (key, operator) = ("kubernetes.io/arch".to_owned(), "In".to_owned());
            requirements.push(Requirement { key, operator, values: vec![arch.clone()], min_values: None });
        }
        Self {
            name: name.to_owned(),
            replicas: workload.replicas,
            least: workload.min_replicas.unwrap_or(0).min(workload.replicas),
            // A quantity is in thousandths: of a core that is a milli-cpu.
            need: [asks("cpu", 1), asks("memory", 1000), gpus, 1],
            pool: workload.pool.clone(),
            tolerations: workload.tolerations.clone(),
            requirements,
            spot_share: workload.spot_share_percent,
            spread: workload.spread,
            daemon: workload.daemon_set,
            silent: !workload.requests.contains_key("cpu") && !workload.requests.contains_key("memory"),
        }
    }

    /// Whether a node of this type would do for its selectors.
    pub(crate) fn takes(&self, found: &super::facts::Type) -> bool {
        self.requirements.iter().all(|requirement| found.meets(requirement).unwrap_or(false))
    }

    /// The heaviest pool, then the first by name, that takes it: as Karpenter chooses. A pool it names is the only one.
    pub(crate) fn home(&self, grounds: &[Ground<'_>]) -> Option<usize> {
        let mut order: Vec<usize> = (0..grounds.len()).collect();
        order.sort_by_key(|index| {
            let ground = &grounds[*index];
            (std::cmp::Reverse(ground.pool.weight.unwrap_or(0)), ground.name)
        });
        if let Some(pool) = &self.pool {
            return order.into_iter().find(|index| grounds[*index].name == pool);
        }
        order.into_iter().find(|index| {
            let ground = &grounds[*index];
            let hard = ground.pool.taints.iter().filter(|taint| taint.effect != "PreferNoSchedule");
            let open = hard.clone().all(|taint| tolerated(&self.tolerations, taint));
            let holds =
                || ground.types.iter().zip(&ground.rooms).any(|(t, room)| fits(&self.need, room) && self.takes(t));
            open && holds()
        })
    }
}

/// Whether one of these tolerates a taint (Kubernetes, "Taints and Tolerations").
pub(crate) fn tolerated(tolerations: &[Toleration], taint: &Taint) -> bool {
    tolerations.iter().any(|toleration| {
        let effect = toleration.effect.as_ref().is_none_or(|effect| *effect == taint.effect);
        let key = toleration.key.as_ref();
        effect
            && match toleration.operator.as_deref().unwrap_or("Equal") {
                "Exists" => key.is_none_or(|key| *key == taint.key),
                _ => {
                    key == Some(&taint.key)
                        && toleration.value.as_deref().unwrap_or_default() == taint.value.as_deref().unwrap_or_default()
                }
            }
    })
}
