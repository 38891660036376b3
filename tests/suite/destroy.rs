//! The end of an environment: what may be destroyed, what goes, what stays for a while, and what was forgotten.

use std::time::Duration;

use rem_ci::cloud::Cloud;
use rem_ci::config::Loaded;
use rem_ci::config::spec::Keep;
use rem_ci::engine::wait::pause;
use rem_ci::engine::{Outcome, Stop};
use rem_ci::problem::Exit;
use rem_ci::run::{self, Approval, Destroyed, Wishes};
use rem_ci::sandbox::aws::ec2::NetworkInterface;
use rem_ci::sandbox::state::{RegionState, State};
use rem_ci::view::report::Mode;

use crate::common::{Region, apply, destroy, environment, look, virtual_time};
use crate::litter::{self, Litter};

/// `prod`, with nothing to stay behind.
fn nothing_stays() -> Loaded {
    let mut loaded = environment("prod");
    loaded.spec.on_destroy.kms_key = Keep::Delete;
    loaded.spec.on_destroy.log_group = Keep::Delete;
    loaded
}

fn complete(outcome: &Outcome) {
    let failed: Vec<_> = outcome.reports.iter().filter_map(|report| report.error.clone()).collect();
    assert!(outcome.complete(), "{failed:#?} {:?}", outcome.skipped);
}

fn inside<'a>(state: &'a mut State, loaded: &Loaded) -> &'a mut RegionState {
    let account = state.accounts.get_mut(&loaded.spec.account).expect("the account");
    account.regions.get_mut(&loaded.spec.region).expect("the region")
}

async fn gone(loaded: &Loaded, region: &Region) -> Destroyed {
    let destroyed = destroy(loaded, &region.world(loaded)).await.expect("a destroy");
    complete(&destroyed.applied.outcome);
    destroyed
}

async fn log_groups(cloud: &Cloud) -> Vec<String> {
    let seen = cloud.logs.describe_log_groups().send().await.expect("log groups");
    seen.log_groups().iter().filter_map(|group| group.log_group_name().map(str::to_owned)).collect()
}

#[test]
fn with_nothing_to_stay_the_key_waits_for_its_end_and_is_taken_back_by_the_next_apply() {
    virtual_time(async {
        let loaded = nothing_stays();
        let region = Region::new(7, &loaded.spec.account);
        let world = region.world(&loaded);
        complete(&apply(&loaded, &world).await.expect("an apply").outcome);
        let key = region.sandbox.with(|state| inside(state, &loaded).kms.keys.keys().next().cloned().expect("a key"));
        assert_eq!(log_groups(&world.cloud).await, ["/aws/eks/rem-prod/cluster"]);

        let destroyed = gone(&loaded, &region).await;
        assert_eq!((destroyed.exit(), destroyed.leftovers.as_slice()), (Exit::Done, &[][..]));
        let kept: Vec<_> = destroyed.kept.iter().filter(|kept| kept.noun == "KMS key").collect();
        assert_eq!(kept.iter().map(|kept| kept.id.as_str()).collect::<Vec<_>>(), [&key]);
        assert!(kept[0].why.starts_with("pending deletion until 2026-12-2"), "{}", kept[0].why);
        assert!(log_groups(&world.cloud).await.is_empty(), "EKS has written it anew, and it has gone again");

        // Within the minute, when SQS still refuses the old queue's name, and while the key waits.
        complete(&apply(&loaded, &region.world(&loaded)).await.expect("an apply").outcome);
        let again = look(&loaded, &region.world(&loaded)).await.expect("a look");
        assert!(again.plan.steps.iter().all(|step| step.action.word() == "keep"));
        let keys = region.sandbox.with(|state| {
            inside(state, &loaded)
                .kms
                .keys
                .iter()
                .map(|(id, key)| (id.clone(), key.state().to_owned()))
                .collect::<Vec<_>>()
        });
        assert_eq!(keys, [(key, "Enabled".to_owned())], "the old key is back, and there is no second");
        assert_eq!(gone(&loaded, &region).await.exit(), Exit::Done);
    });
}

#[test]
fn what_is_kept_stays_and_is_taken_up_again() {
    virtual_time(async {
        let loaded = environment("prod");
        let region = Region::new(7, &loaded.spec.account);
        complete(&apply(&loaded, &region.world(&loaded)).await.expect("an apply").outcome);
        let destroyed = gone(&loaded, &region).await;
        let mut kept: Vec<_> = destroyed.kept.iter().filter(|kept| kept.why == "onDestroy: keep").collect();
        kept.sort();
        assert_eq!(kept.iter().map(|kept| kept.noun.as_str()).collect::<Vec<_>>(), ["KMS key", "log group"]);
        assert_eq!(destroyed.exit(), Exit::Done);
        let applied = apply(&loaded, &region.world(&loaded)).await.expect("an apply");
        complete(&applied.outcome);
        let made = applied.outcome.reports.iter().map(|report| report.address.kind());
        assert!(made.clone().all(|kind| kind != "kms-key" && kind != "log-group"), "{:?}", made.collect::<Vec<_>>());
    });
}

#[test]
fn eks_protects_the_cluster_until_the_destroy_has_switched_that_off() {
    virtual_time(async {
        let loaded = environment("prod");
        let region = Region::new(7, &loaded.spec.account);
        let world = region.world(&loaded);
        complete(&apply(&loaded, &world).await.expect("an apply").outcome);
        let refused = world.cloud.eks.delete_cluster().name("rem-prod").send().await.expect_err("a protected cluster");
        assert!(refused.into_service_error().is_invalid_request_exception());
        let destroyed = gone(&loaded, &region).await;
        let mut steps = destroyed.applied.outcome.reports.iter();
        assert!(steps.any(|step| step.address.kind() == "cluster" && step.action == "delete" && step.error.is_none()));
    });
}

#[test]
fn protect_refuses_in_an_account_and_is_a_note_in_the_sandbox() {
    virtual_time(async {
        let loaded = environment("prod");
        assert!(loaded.spec.protect);
        let region = Region::new(7, &loaded.spec.account);
        complete(&apply(&loaded, &region.world(&loaded)).await.expect("an apply").outcome);
        let before = region.sandbox.with(|state| inside(state, &loaded).ec2.vpcs.len());
        let live = run::World { mode: Mode::Live, ..region.world(&loaded) };
        let halt = destroy(&loaded, &live).await.expect_err("a refusal");
        assert_eq!(halt.exit, Exit::Refused);
        assert_eq!(halt.problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["protected"]);
        assert_eq!(region.sandbox.with(|state| inside(state, &loaded).ec2.vpcs.len()), before);

        let destroyed = gone(&loaded, &region).await;
        let notes = destroyed.applied.looked.findings.iter().filter(|problem| problem.code == "protected");
        assert_eq!(notes.map(rem_ci::problem::Problem::stops).collect::<Vec<_>>(), [false]);
    });
}

#[test]
fn what_a_controller_left_behind_is_found_and_ends_with_7() {
    virtual_time(async {
        let loaded = environment("dev");
        let region = Region::new(7, &loaded.spec.account);
        complete(&apply(&loaded, &region.world(&loaded)).await.expect("an apply").outcome);
        let tag = format!("kubernetes.io/cluster/{}", loaded.spec.cluster.name);
        // In a network of somebody else's: nothing of ours waits for it.
        region.sandbox.with(|state| {
            let ec2 = &mut inside(state, &loaded).ec2;
            let (id, subnet) =
                ec2.subnets.iter().next().map(|(id, subnet)| (id.clone(), subnet.clone())).expect("a subnet");
            let mut interface = NetworkInterface::in_subnet(&id, &subnet, "10.99.0.9".parse().expect("an address"));
            (interface.subnet, interface.vpc) = ("subnet-other".to_owned(), "vpc-other".to_owned());
            ec2.network_interfaces.insert("eni-0left".to_owned(), interface);
            ec2.tags.entry("eni-0left".to_owned()).or_default().insert(tag.clone(), "owned".to_owned());
        });
        let destroyed = gone(&loaded, &region).await;
        assert_eq!(destroyed.exit(), Exit::Incomplete);
        let left: Vec<_> = destroyed.leftovers.iter().map(|left| (left.noun.as_str(), left.id.as_str())).collect();
        assert_eq!(left, [("network interface", "eni-0left")]);
        assert_eq!(destroyed.leftovers[0].why, format!("tag {tag}"));

        region.sandbox.with(|state| inside(state, &loaded).ec2.network_interfaces.clear());
        let destroyed = gone(&loaded, &region).await;
        assert_eq!((destroyed.exit(), destroyed.leftovers.as_slice()), (Exit::Done, &[][..]));
    });
}

#[test]
fn a_log_group_that_comes_back_after_the_end_is_found_and_the_next_destroy_removes_it() {
    virtual_time(async {
        let loaded = nothing_stays();
        let region = Region::new(7, &loaded.spec.account);
        complete(&apply(&loaded, &region.world(&loaded)).await.expect("an apply").outcome);
        gone(&loaded, &region).await;
        let now = region.clock.millis();
        region.sandbox.with(|state| inside(state, &loaded).logs.ensure("/aws/eks/rem-prod/cluster", now));
        assert_eq!(gone(&loaded, &region).await.exit(), Exit::Done);
        assert!(log_groups(&region.world(&loaded).cloud).await.is_empty());
    });
}

/// The cluster ended without its Karpenter and its controllers having had their turn: an earlier run, or a person.
#[test]
fn what_nobody_is_left_to_end_is_swept_from_awss_side_and_data_stays() {
    virtual_time(async {
        let loaded = nothing_stays();
        let region = Region::new(7, &loaded.spec.account);
        let world = region.world(&loaded);
        complete(&apply(&loaded, &world).await.expect("an apply").outcome);
        let litter = Litter::strewn(&region, &loaded);
        // One that carries the tag in a network that is not the environment's: told of, and left alone.
        let foreign = litter::balancer_elsewhere(&region, &loaded);
        pause(Duration::from_secs(5)).await;

        let destroyed = gone(&loaded, &region).await;
        let left: Vec<_> = destroyed.leftovers.iter().map(|left| left.id.as_str()).collect();
        assert_eq!((destroyed.exit(), left), (Exit::Incomplete, vec![foreign.as_str()]));
        let kept: Vec<_> = destroyed.kept.iter().map(|kept| (kept.noun.as_str(), kept.id.as_str())).collect();
        assert!(kept.contains(&("volume", litter.volume.as_str())), "{kept:?}");
        assert!(kept.contains(&("snapshot", litter.snapshot.as_str())), "{kept:?}");
        let volume = destroyed.kept.iter().find(|kept| kept.id == litter.volume).expect("the volume");
        assert_eq!(volume.why, "20 GiB of data of the claim shop/data-db-0");
        region.sandbox.with(|state| {
            let profiles = &state.accounts[&loaded.spec.account].iam.profiles;
            assert!(!profiles.contains_key(&litter.profile), "{:?}", profiles.keys());
            let here = inside(state, &loaded);
            assert_eq!(here.elb.classic.keys().collect::<Vec<_>>(), [&foreign]);
            assert!(here.elb.second.is_empty() && here.elb.groups.is_empty());
            assert!(here.ec2.launch_templates.is_empty());
            let running = here.ec2.instances.values().filter(|instance| instance.going.is_none());
            assert_eq!(running.count(), 0);
        });
        let said = destroyed.notes.join("\n");
        assert!(said.contains("load balancer") && said.contains("removed 1 instance"), "{said}");

        region.sandbox.with(|state| inside(state, &loaded).elb.classic.clear());
        // Exactly this volume's end is acknowledged, and nothing else's.
        let (looked, _) = run::look_before(&loaded, &region.world(&loaded), &[]).await.expect("a look");
        let finding = looked.findings.iter().find(|one| one.code == "persistent-volumes").expect("a finding");
        assert!(
            finding.title.contains(&litter.volume) && finding.title.contains("shop/data-db-0"),
            "{}",
            finding.title
        );
        let acknowledged = format!("persistent-volumes:{}", finding.digest.as_deref().expect("a digest"));
        let approval = Approval { acknowledged: vec![acknowledged], ..nothing_approved() };
        let world = region.world(&loaded);
        let ended = run::destroy(&loaded, &world, &approval, Wishes::default(), &|_| {}, &Stop::default()).await;
        let ended = ended.expect("a destroy");
        assert_eq!(ended.exit(), Exit::Done, "{:?}", ended.problems);
        region.sandbox.with(|state| {
            assert!(!inside(state, &loaded).ec2.volumes.contains_key(&litter.volume));
            assert!(inside(state, &loaded).ec2.snapshots.contains_key(&litter.snapshot));
        });
    });
}

/// A node's interface that is still there as the cluster goes: EKS then leaves the cluster's security group behind.
#[test]
fn a_cluster_group_that_eks_leaves_behind_goes_with_its_vpc() {
    for marked in [true, false] {
        virtual_time(async {
            let loaded = nothing_stays();
            let region = Region::new(7, &loaded.spec.account);
            complete(&apply(&loaded, &region.world(&loaded)).await.expect("an apply").outcome);
            let group = region.sandbox.with(|state| {
                let region = inside(state, &loaded);
                // One of the cluster's: the others may go before it.
                let config = &region.eks.clusters[&loaded.spec.cluster.name].body["resourcesVpcConfig"];
                let id = config["subnetIds"][0].as_str().expect("a subnet").to_owned();
                let ec2 = &mut region.ec2;
                let mut groups = ec2.security_groups.iter();
                let (group, _) = groups.find(|(_, one)| one.name.starts_with("eks-cluster-sg-")).expect("EKS's group");
                let group = group.clone();
                let subnet = ec2.subnets[&id].clone();
                let free = subnet.cidr.hosts().nth(900).expect("an address");
                let mut leaked = NetworkInterface::in_subnet(&id, &subnet, free);
                "aws-K8S-i-0123456789abcdef0".clone_into(&mut leaked.description);
                leaked.groups = vec![group.clone()];
                ec2.network_interfaces.insert("eni-0leaked".to_owned(), leaked);
                if !marked {
                    ec2.tags.entry(group.clone()).or_default().retain(|key, _| !key.starts_with("rem-ci:"));
                }
                group
            });
            let destroyed = gone(&loaded, &region).await;
            assert_eq!((destroyed.exit(), destroyed.leftovers.as_slice()), (Exit::Done, &[][..]), "marked: {marked}");
            let reports = destroyed.applied.outcome.reports.iter();
            let calls = reports.filter(|step| step.address.kind() == "vpc").map(|step| step.calls).sum::<u64>();
            // The refused delete, five looks, the group's end.
            assert!(calls > 6, "EKS has left {group} behind: {calls} calls");
        });
    }
}

#[test]
fn what_holds_a_vpc_is_named() {
    virtual_time(async {
        let loaded = nothing_stays();
        let region = Region::new(7, &loaded.spec.account);
        let world = region.world(&loaded);
        complete(&apply(&loaded, &world).await.expect("an apply").outcome);
        let vpc = region.sandbox.with(|state| inside(state, &loaded).ec2.vpcs.keys().next().cloned().expect("a VPC"));
        let call = world.cloud.ec2.create_security_group().group_name("bastion").description("by hand").vpc_id(vpc);
        let id = call.send().await.expect("CreateSecurityGroup").group_id().expect("an id").to_owned();

        let destroyed = destroy(&loaded, &world).await.expect("a destroy");
        assert_eq!(destroyed.exit(), Exit::Incomplete);
        let failed: Vec<_> = destroyed.applied.outcome.reports.iter().filter_map(|step| step.error.as_ref()).collect();
        let said = failed.iter().map(|failure| failure.message.as_str()).collect::<Vec<_>>();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].ends_with(&format!("Held by security group {id} (bastion).")), "{said:?}");

        world.cloud.ec2.delete_security_group().group_id(id).send().await.expect("DeleteSecurityGroup");
        assert_eq!(gone(&loaded, &region).await.exit(), Exit::Done);
    });
}

fn nothing_approved() -> Approval {
    Approval { digest: String::new(), plan: None, acknowledged: Vec::new(), no_lock: false, only: None }
}
