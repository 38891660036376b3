//! Asks AWS and this machine. Nothing here decides; a call that fails becomes a reason why something is not known.

use std::collections::BTreeMap;

use super::facts::{Access, Asked, Bounds, Caller, Facts, Hub, Quota, Reached, RoleSeen, Tools};
use crate::bootstrap::{self, Repository, Wish};
use crate::cloud::{children, env, failed, gone_is_none};
use crate::config::Loaded;
use crate::config::spec::NatGateways;
use crate::engine::{Action, Failure, TAG_ENVIRONMENT};
use crate::model::access::Job;
use crate::run::World;
use crate::view::{field_rows, leaf};

/// What a doctor calls beside what `rem-ci bootstrap` reads.
pub const ACTIONS: &[&str] = &[
    "ec2:DescribeAddresses",
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeNatGateways",
    "ec2:DescribeVpcs",
    "eks:ListClusters",
    "iam:GetRole",
    "servicequotas:GetServiceQuota",
];

/// Who answered, and with what.
#[derive(Default)]
struct Heard(BTreeMap<&'static str, Option<String>>);

impl Heard {
    /// Notes whether a service answered; an answer that says no is one.
    fn note<T>(&mut self, service: &'static str, result: Result<T, Failure>) -> Asked<T> {
        let silent =
            result.as_ref().err().filter(|failure| failure.code.is_empty()).map(|failure| failure.message.clone());
        let known = self.0.entry(service).or_insert(silent.clone());
        // One answer is enough to know that it is there.
        if silent.is_none() {
            *known = None;
        }
        result.map_err(|failure| failure.to_string())
    }
}

/// What can be told without asking anybody.
#[must_use]
pub fn offline(loaded: &Loaded, repository: Asked<Repository>, hub: Asked<Hub>) -> Facts<'_> {
    let why = "AWS was not asked";
    let spec = &loaded.spec;
    let roles = roles_of(spec).into_iter();
    Facts {
        spec,
        findings: &loaded.findings,
        bounds: Bounds {
            job: env("GITHUB_ACTIONS").is_some_and(|value| value == "true"),
            identity: env("ACTIONS_ID_TOKEN_REQUEST_URL").is_some_and(|value| !value.is_empty()),
        },
        caller: Err(why.to_owned()),
        roles: roles.map(|(job, arn)| RoleSeen { job, arn, trust: Err(why.to_owned()) }).collect(),
        access: Err(why.to_owned()),
        repository,
        quotas: quotas(spec, &|_| Err(why.to_owned()), &|_| Err(why.to_owned()), 0, true),
        tools: tools(),
        reached: hub.as_ref().map(|_| vec![github()]).unwrap_or_default(),
        hub,
    }
}

fn github() -> Reached {
    Reached { service: "GitHub".to_owned(), silent: None }
}

fn tools() -> Tools {
    let find = |name: &'static str| (name, children::find(name).map(|path| path.display().to_string()));
    Tools(["git", "helm", "session-manager-plugin"].map(find).into())
}

fn roles_of(spec: &crate::config::Spec) -> Vec<(Job, String)> {
    let named = [(Job::Plan, &spec.roles.plan), (Job::Apply, &spec.roles.apply), (Job::Destroy, &spec.roles.destroy)];
    named.into_iter().filter_map(|(job, arn)| Some((job, arn.clone()?))).collect()
}

/// Asks everybody.
pub async fn read<'a>(loaded: &'a Loaded, world: &World, repository: Asked<Repository>, hub: Asked<Hub>) -> Facts<'a> {
    let cloud = &world.cloud;
    let spec = &loaded.spec;
    let mut heard = Heard::default();
    let caller = cloud.sts.get_caller_identity().send().await.map_err(failed("sts:GetCallerIdentity"));
    let caller = heard.note("sts", caller).map(|caller| Caller {
        account: caller.account().unwrap_or_default().to_owned(),
        arn: caller.arn().unwrap_or_default().to_owned(),
    });
    let mut facts = offline(loaded, repository, hub);
    let ours = caller.as_ref().is_ok_and(|caller| caller.account == spec.account);
    facts.caller = caller;
    if !ours {
        // Nothing of another account is looked at.
        facts.reached = told(heard, facts.hub.is_ok());
        return facts;
    }
    for role in &mut facts.roles {
        let name = role.arn.rsplit('/').next().unwrap_or_default();
        let asked = cloud.iam.get_role().role_name(name).send().await.map_err(failed("iam:GetRole"));
        let found = heard.note("iam", gone_is_none(asked));
        role.trust = found.map(|found| {
            let found = found.and_then(|found| found.role).filter(|found| found.arn == role.arn)?;
            let document = found.assume_role_policy_document()?;
            Some(percent_encoding::percent_decode_str(document).decode_utf8_lossy().into_owned())
        });
    }
    if let Ok(repository) = &facts.repository
        && (spec.state.is_some() || !facts.roles.is_empty())
    {
        facts.access = Box::pin(access(loaded, world, repository)).await;
    }
    let clusters = cloud.eks.list_clusters().send().await.map_err(failed("eks:ListClusters"));
    let _ = heard.note("eks", clusters);
    facts.quotas = Box::pin(measured(world, spec, &mut heard)).await;
    facts.reached = told(heard, facts.hub.is_ok());
    facts
}

fn told(heard: Heard, hub: bool) -> Vec<Reached> {
    let aws = heard.0.into_iter().map(|(service, silent)| Reached { service: service.to_owned(), silent });
    aws.chain(hub.then(github)).collect()
}

/// What bootstrap would change, leaf by leaf.
async fn access(loaded: &Loaded, world: &World, repository: &Repository) -> Asked<Vec<Access>> {
    let wish = Wish::default().of(&loaded.spec);
    let looked = Box::pin(bootstrap::look(loaded, world, repository, &wish)).await.map_err(|halt| {
        halt.problems.first().map_or_else(|| "the look failed".to_owned(), |problem| problem.title.clone())
    })?;
    let told = |value: &Option<crate::engine::Value>| value.as_ref().map(leaf).unwrap_or_default();
    let differing = looked.plan.steps.iter().filter(|step| !matches!(step.action, Action::Keep | Action::Settle));
    Ok(differing
        .map(|step| {
            let rows = step.changes.iter().flat_map(field_rows);
            let lines = rows.map(|row| match (&row.before, &row.after) {
                (None, after) => format!("{} lacks {}", row.path, told(after)),
                (before, None) => format!("{} has {} too", row.path, told(before)),
                (before, after) => format!("{} is {}, not {}", row.path, told(before), told(after)),
            });
            Access {
                address: step.address.to_string(),
                action: step.action.word().to_owned(),
                lines: lines.map(|line| line.chars().take(160).collect()).collect(),
            }
        })
        .collect())
}

/// A quota by its code: the service it is of, and its name.
const QUOTAS: [(&str, &str, &str); 5] = [
    ("vpc", "L-F678F1CE", "VPCs of the region"),
    ("ec2", "L-0263D0A3", "elastic IP addresses of the region"),
    ("vpc", "L-FE5A380F", "NAT gateways of an availability zone"),
    ("ec2", "L-1216C47A", "vCPUs of on-demand instances, standard families"),
    ("ec2", "L-34B43A08", "vCPUs of spot instances, standard families"),
];

fn quotas(
    spec: &crate::config::Spec,
    limit: &dyn Fn(&str) -> Asked<u64>,
    used: &dyn Fn(&str) -> Asked<u64>,
    system: u64,
    new: bool,
) -> Vec<Quota> {
    let network = new && spec.network.existing.is_none();
    let zones = u64::try_from(crate::model::network::layout(spec).len()).unwrap_or(3);
    let gateways = match spec.network.nat_gateways {
        NatGateways::PerZone => zones,
        NatGateways::Single => 1,
        NatGateways::None => 0,
    };
    let pools = |market: &str| -> u64 {
        let takes = |pool: &&crate::config::spec::NodePool| {
            let asked = pool.requirements.iter().find(|one| one.key == "karpenter.sh/capacity-type");
            asked.map_or(market == "on-demand", |one| one.values.iter().any(|value| value == market))
        };
        let cpus = |pool: &crate::config::spec::NodePool| {
            pool.limits.iter().find(|(key, _)| key.as_str() == "cpu")?.1.to_string().parse::<u64>().ok()
        };
        spec.node_pools.values().filter(takes).filter_map(cpus).sum()
    };
    let adds = |code: &str| match code {
        "L-F678F1CE" if network => (1, None),
        "L-0263D0A3" if network => (gateways, None),
        "L-FE5A380F" if network && gateways > 0 => (1, None),
        "L-1216C47A" => (if new { system } else { 0 }, Some(pools("on-demand"))),
        "L-34B43A08" => (0, Some(pools("spot"))),
        _ => (0, None),
    };
    QUOTAS
        .iter()
        .map(|(_, code, name)| {
            let (adds, most) = adds(code);
            Quota { name, code, limit: limit(code), used: used(code), adds, most: most.filter(|most| *most > 0) }
        })
        .collect()
}

/// Quotas as AWS has them, and what is in use.
#[expect(clippy::redundant_closure_for_method_calls, reason = "the types of the SDKs stay in their rooms")]
async fn measured(world: &World, spec: &crate::config::Spec, heard: &mut Heard) -> Vec<Quota> {
    let cloud = &world.cloud;
    let mut limits: BTreeMap<&str, Asked<u64>> = BTreeMap::new();
    for (service, code, _) in QUOTAS {
        let asked = cloud.quotas.get_service_quota().service_code(service).quota_code(code).send().await;
        let found = heard.note("servicequotas", asked.map_err(failed("servicequotas:GetServiceQuota")));
        let value = found.and_then(|found| {
            let value = found.quota().and_then(|quota| quota.value()).ok_or("AWS gives no number")?;
            whole(value).ok_or_else(|| format!("AWS says {value}"))
        });
        limits.insert(code, value);
    }
    let vpcs = cloud.ec2.describe_vpcs().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let vpcs = heard.note("ec2", vpcs.map_err(failed("ec2:DescribeVpcs")));
    let ours = vpcs.as_ref().is_ok_and(|vpcs| {
        vpcs.iter()
            .flat_map(|vpc| vpc.tags())
            .any(|tag| tag.key() == Some(TAG_ENVIRONMENT) && tag.value() == Some(spec.name.as_str()))
    });
    let addresses = cloud.ec2.describe_addresses().send().await.map_err(failed("ec2:DescribeAddresses"));
    let addresses = heard.note("ec2", addresses).map(|found| found.addresses().len() as u64);
    let gateways =
        cloud.ec2.describe_nat_gateways().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let gateways = heard.note("ec2", gateways.map_err(failed("ec2:DescribeNatGateways")));
    // Without asking for subnets the zone is not known: as if all stood in one, which errs on the safe side.
    let gateways = gateways.map(|all| {
        let zones = crate::model::network::layout(spec).len().max(1);
        (all.iter().filter(|one| one.state().is_some_and(|state| state.as_str() != "deleted")).count()).div_ceil(zones)
            as u64
    });
    let (on_demand, spot) = Box::pin(running(world, heard)).await;
    let system = Box::pin(system(world, spec, heard)).await;
    let used = |code: &str| match code {
        "L-F678F1CE" => vpcs.as_ref().map(|vpcs| vpcs.len() as u64).map_err(Clone::clone),
        "L-0263D0A3" => addresses.clone(),
        "L-FE5A380F" => gateways.clone(),
        "L-1216C47A" => on_demand.clone(),
        _ => spot.clone(),
    };
    let limit = |code: &str| limits.get(code).cloned().unwrap_or_else(|| Err("it was not asked for".to_owned()));
    quotas(spec, &limit, &used, system, !ours)
}

/// A quota is a floating point number that holds a whole one.
fn whole(value: f64) -> Option<u64> {
    format!("{value:.0}").parse().ok()
}

/// vCPUs of what runs: on demand, and spot. Families that are counted apart (GPUs and the like) are left out.
#[expect(clippy::redundant_closure_for_method_calls, reason = "the types of the SDKs stay in their rooms")]
async fn running(world: &World, heard: &mut Heard) -> (Asked<u64>, Asked<u64>) {
    let pages = world.cloud.ec2.describe_instances().into_paginator().items().send();
    let found = pages.collect::<Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeInstances"));
    let reservations = match heard.note("ec2", found) {
        Ok(reservations) => reservations,
        Err(why) => return (Err(why.clone()), Err(why)),
    };
    let (mut on_demand, mut spot) = (0, 0);
    for instance in reservations.iter().flat_map(|reservation| reservation.instances()) {
        let state = instance.state().and_then(|state| state.name()).map_or("", |name| name.as_str());
        let family = instance.instance_type().map_or("", |kind| kind.as_str());
        if !matches!(state, "pending" | "running") || !family.starts_with(['a', 'c', 'd', 'h', 'i', 'm', 'r', 't', 'z'])
        {
            continue;
        }
        let options = instance.cpu_options();
        let cores = options.and_then(|options| options.core_count()).unwrap_or(1);
        let threads = options.and_then(|options| options.threads_per_core()).unwrap_or(2);
        let cpus = u64::try_from(cores * threads).unwrap_or(0);
        if instance.instance_lifecycle().is_some_and(|cycle| cycle.as_str() == "spot") {
            spot += cpus;
        } else {
            on_demand += cpus;
        }
    }
    (Ok(on_demand), Ok(spot))
}

/// vCPUs of the system nodes.
async fn system(world: &World, spec: &crate::config::Spec, heard: &mut Heard) -> u64 {
    let kind = spec.system_nodes.instance_type.as_str();
    let asked = world.cloud.ec2.describe_instance_types().instance_types(kind.into()).send().await;
    let found = heard.note("ec2", asked.map_err(failed("ec2:DescribeInstanceTypes")));
    let each = found.ok().and_then(|found| found.instance_types().first()?.v_cpu_info()?.default_v_cpus());
    let nodes = u64::from(spec.system_nodes.count);
    nodes * each.and_then(|each| u64::try_from(each).ok()).unwrap_or(2)
}
