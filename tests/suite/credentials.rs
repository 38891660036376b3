//! Role credentials that end long before the run does: the Action's own provider, over the simulated STS.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use rem_ci::cloud::oidc::{Assume, session_name};
use rem_ci::cloud::web::Page;
use rem_ci::cloud::{Clock, Cloud, Store};
use rem_ci::config::Loaded;
use rem_ci::config::spec::Connect;
use rem_ci::engine::{Class, Event, Happening};
use rem_ci::github::oidc::{AUDIENCE, Asking, Runner};
use rem_ci::model::access::Job;
use rem_ci::run::World;
use rem_ci::sandbox::state::{Action, Rule};
use rem_ci::sandbox::wire;
use serde_json::{Value as Json, json};

use crate::common::{Region, apply_with, destroy, look, virtual_time};
use crate::fault::{BUCKET, bucket_region, bucket_world, failures, fault, moved, set_faults, with_bucket};

/// GitHub's issuer, as IAM names its provider.
pub(crate) const ISSUER: &str = "token.actions.githubusercontent.com";

/// The shortest that STS gives.
const SESSION: Duration = Duration::from_mins(15);

/// Services whose every call takes long.
const SLOW: [&str; 9] = ["ec2", "eks", "iam", "sqs", "events", "kms", "logs", "autoscaling", "ssm"];

/// A runner whose tokens say this, each good for five minutes from when it is asked for. Counts them.
pub(crate) fn runner(clock: Clock, claims: Json, given: Arc<AtomicUsize>) -> Runner {
    let double = Asking::Given(Arc::new(move |_, _| {
        given.fetch_add(1, Ordering::SeqCst);
        let mut claims = claims.clone();
        claims["iss"] = json!(format!("https://{ISSUER}"));
        claims["aud"] = json!(AUDIENCE);
        claims["exp"] = json!(clock.millis() / 1000 + 300);
        let token = format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
        let body = Bytes::from(json!({ "value": token }).to_string());
        Box::pin(async move { Ok(Page { status: StatusCode::OK, headers: HeaderMap::new(), body }) })
    }));
    let url = "https://run-1.actions.githubusercontent.com/idtoken?api-version=2.0";
    let runner = Runner::new(url, "bearer".to_owned(), "github.com", clock, Arc::new(|_| {}));
    runner.expect("GitHub's own").asking(double)
}

/// An empty region with the state bucket, GitHub's provider and a role that may do everything.
async fn lab(loaded: &Loaded) -> (Region, String) {
    let region = bucket_region(7, loaded).await;
    let (account, admin) = (&loaded.spec.account, bucket_world(&region, loaded).cloud);
    let call = admin.iam.create_open_id_connect_provider().url(format!("https://{ISSUER}"));
    call.client_id_list(AUDIENCE).send().await.expect("a provider");
    let provider = format!("arn:aws:iam::{account}:oidc-provider/{ISSUER}");
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": { "Federated": provider },
        "Condition": { "StringEquals": {
            format!("{ISSUER}:aud"): AUDIENCE, format!("{ISSUER}:sub"): "repo:acme/platform:environment:prod",
        } },
    }] });
    let call = admin.iam.create_role().role_name("apply").assume_role_policy_document(trust.to_string());
    let role = call.send().await.expect("a role").role.expect("a role").arn;
    let call = admin.iam.attach_role_policy().role_name("apply");
    call.policy_arn("arn:aws:iam::aws:policy/AdministratorAccess").send().await.expect("a policy");
    rem_ci::engine::wait::pause(Duration::from_mins(1)).await;
    (region, role)
}

fn assume(clock: Clock, role: &str, given: &Arc<AtomicUsize>) -> Assume {
    let claims =
        json!({ "sub": "repo:acme/platform:environment:prod", "environment": "prod", "ref": "refs/heads/main" });
    Assume {
        runner: runner(clock, claims, Arc::clone(given)),
        role: role.to_owned(),
        purpose: Job::Apply,
        session: session_name(Job::Apply, "12345678901", "1", Some(7)),
        length: SESSION,
    }
}

/// Counts calls that are signed with a session that has ended.
fn watched(region: &mut Region) -> Arc<AtomicUsize> {
    let expired = Arc::new(AtomicUsize::new(0));
    let (shared, clock, count) = (region.sandbox.state.clone(), region.clock, expired.clone());
    region.sandbox = region.sandbox.clone().record(Arc::new(move |request| {
        let call = wire::parse(request).expect("every call is understood");
        let state = shared.lock().expect("a state");
        let session = state.accounts.values().find_map(|account| account.iam.sessions.get(&call.access_key));
        let unsigned = call.access_key.is_empty();
        let good = unsigned || session.is_some_and(|session| session.expires > clock.millis());
        count.fetch_add(usize::from(!good), Ordering::SeqCst);
    }));
    expired
}

fn denied(event: &Event) -> bool {
    matches!(&event.what, Happening::Retrying { why, .. } | Happening::Failed { why } if why.class == Class::Denied)
}

/// Applies and destroys, again and again, with one provider.
#[test]
fn sessions_of_a_quarter_of_an_hour_last_for_three_hours() {
    virtual_time(async {
        let loaded = with_bucket("prod");
        let (mut region, role) = lab(&loaded).await;
        // Every call takes nine seconds more, so that one apply alone outlasts its first session.
        set_faults(&region, SLOW.map(|service| fault(service, "*", 0, Action::Slow(9_000))).to_vec());
        let (expired, clock, given) = (watched(&mut region), region.clock, Arc::default());
        let assume = assume(clock, &role, &given);
        let world = World::simulated_role(region.sandbox.clone(), clock, &loaded.spec, None, &assume).await;
        let world = world.expect("the role lets the job in");

        let began = clock.boot();
        let refusals = AtomicUsize::new(0);
        let sink = |event: &Event| {
            refusals.fetch_add(usize::from(denied(event)), Ordering::SeqCst);
        };
        let mut longest = Duration::ZERO;
        while clock.boot().saturating_sub(began) < Duration::from_hours(3) {
            let applied = apply_with(&loaded, &world, &sink).await.expect("an apply");
            assert_eq!(failures(&applied.outcome), Vec::<String>::new());
            longest = longest.max(applied.outcome.took);
            assert_eq!(moved(&look(&loaded, &world).await.expect("a look").plan), Vec::<String>::new());
            let destroyed = destroy(&loaded, &world).await.expect("a destroy");
            assert_eq!(failures(&destroyed.applied.outcome), Vec::<String>::new());
        }
        let took = clock.boot().saturating_sub(began);
        assert!(longest > SESSION * 2 / 3, "no apply outlasted its session: {longest:?}");
        assert_eq!(
            (refusals.into_inner(), expired.load(Ordering::SeqCst)),
            (0, 0),
            "denied, calls with an ended session"
        );
        // A third of each session is left when the next takes over; calls and tokens for clusters share them.
        let given = given.load(Ordering::SeqCst) as u64;
        let needed = took.as_secs() / (SESSION.as_secs() * 2 / 3);
        assert!((needed - 1..=needed + 2).contains(&given), "{given} sessions in {took:?}");
    });
}

/// What AWS refuses for want of capacity, and for how long: near the end of each kind's patience.
const STORMS: [(&str, &str, &str, u64); 10] = [
    ("network/vpc", "ec2", "CreateVpc", 3),
    ("network/subnet/", "ec2", "CreateSubnet", 3),
    ("cluster/cluster", "eks", "CreateCluster", 29),
    ("addon/vpc-cni", "eks", "CreateAddon", 17),
    ("node-group", "eks", "CreateNodegroup", 55),
    ("karpenter/namespace", "kubernetes", "patch namespaces", 9),
    ("karpenter/crds", "kubernetes", "patch customresourcedefinitions.apiextensions.k8s.io", 9),
    ("helm-release", "kubernetes", "*", 28),
    ("node-class", "kubernetes", "patch ec2nodeclasses.karpenter.k8s.aws", 27),
    ("node-pool", "kubernetes", "patch nodepools.karpenter.sh", 39),
];

/// prod without the add-ons that EKS gives up after twenty minutes without nodes, and with what is in the cluster made after the
/// first node, through which it is reached.
fn patient() -> Loaded {
    let mut loaded = with_bucket("prod");
    loaded.spec.connect = Connect::Ssm;
    loaded.spec.addons.retain(|name, _| !["coredns", "metrics-server", "aws-ebs-csi-driver"].contains(&name.as_str()));
    loaded
}

/// Throttles each of those from when it is first tried, and lets it through when its time is over.
fn storm<'a>(region: &'a Region, began: &'a RefCell<BTreeMap<&'static str, Duration>>) -> impl Fn(&Event) + 'a {
    move |event| {
        let address = event.address.to_string();
        let Some((part, service, operation, minutes)) = STORMS.into_iter().find(|(part, ..)| address.contains(part))
        else {
            return;
        };
        let begun = *began.borrow_mut().entry(part).or_insert(event.at);
        let over = event.at.saturating_sub(begun) > Duration::from_mins(minutes);
        let rule = Rule {
            service: service.to_owned(),
            operation: operation.to_owned(),
            nth: 0,
            action: Action::Throttle,
            seen: 0,
        };
        region.sandbox.with(|state| {
            state.faults.retain(|known| (known.service.as_str(), known.operation.as_str()) != (service, operation));
            if !over {
                state.faults.insert(0, rule);
            }
        });
    }
}

#[test]
fn one_apply_of_three_hours_outlives_eighteen_sessions() {
    virtual_time(async {
        let loaded = patient();
        let (mut region, role) = lab(&loaded).await;
        let (expired, clock, given) = (watched(&mut region), region.clock, Arc::default());
        let assume = assume(clock, &role, &given);
        let world = World::simulated_role(region.sandbox.clone(), clock, &loaded.spec, None, &assume).await;
        let world = world.expect("the role lets the job in");
        set_faults(&region, SLOW.map(|service| fault(service, "*", 0, Action::Slow(9_000))).to_vec());
        let (began, refusals) = (RefCell::default(), AtomicUsize::new(0));
        let storm = storm(&region, &began);
        let sink = |event: &Event| {
            refusals.fetch_add(usize::from(denied(event)), Ordering::SeqCst);
            if let Happening::Done { took } = &event.what
                && *took > Duration::from_mins(3)
            {
                println!("{:>6} s {} took {} s", event.at.as_secs(), event.address, took.as_secs());
            }
            storm(event);
        };
        let applied = apply_with(&loaded, &world, &sink).await.expect("an apply");
        assert_eq!(failures(&applied.outcome), Vec::<String>::new());
        let took = applied.outcome.took;
        println!("one apply: {took:?}, {} sessions", given.load(Ordering::SeqCst));
        assert!(took > Duration::from_hours(3), "{took:?}");
        assert_eq!(
            (refusals.into_inner(), expired.load(Ordering::SeqCst)),
            (0, 0),
            "denied, calls with an ended session"
        );
        assert!(given.load(Ordering::SeqCst) >= 18, "{given:?} sessions");
        assert_eq!(moved(&look(&loaded, &world).await.expect("a look").plan), Vec::<String>::new());
    });
}

/// The same with the first session's credentials alone, as a step before ours would have left them in the environment.
#[test]
fn its_twin_without_renewal_is_denied() {
    virtual_time(async {
        let loaded = patient();
        let (region, role) = lab(&loaded).await;
        let clock = region.clock;
        let assume = assume(clock, &role, &Arc::default());
        let world = World::simulated_role(region.sandbox.clone(), clock, &loaded.spec, None, &assume).await;
        let world = world.expect("the role lets the job in");
        let provider = rem_ci::cloud::oidc::Provider::new(assume, &plain(&region, &loaded, None), clock);
        let once = SharedCredentialsProvider::new(provider.shared().provide_credentials().await.expect("a session"));
        let cloud = Cloud::new(&plain(&region, &loaded, Some(once)), &loaded.spec.account, &loaded.spec.region);
        let cloud = cloud.reaching(world.cloud.dial.clone(), world.cloud.helm.clone());
        let account = loaded.spec.account.clone();
        let store = Store::Bucket { client: cloud.s3.clone(), bucket: BUCKET.to_owned(), account };
        let world = World { cloud, store: Some(store), ..world };
        let began = RefCell::default();
        let refusals = AtomicUsize::new(0);
        let storm = storm(&region, &began);
        let sink = |event: &Event| {
            refusals.fetch_add(usize::from(denied(event)), Ordering::SeqCst);
            storm(event);
        };
        let ended = apply_with(&loaded, &world, &sink).await;
        let good = ended.is_ok_and(|applied| failures(&applied.outcome).is_empty() && !applied.outcome.interrupted);
        assert!(!good, "an apply of hours with one session of a quarter of an hour");
        let elapsed = began.borrow().values().max().copied().unwrap_or_default();
        assert!(elapsed < Duration::from_hours(1), "it went on for {elapsed:?}");
    });
}

fn plain(region: &Region, loaded: &Loaded, provider: Option<SharedCredentialsProvider>) -> aws_types::SdkConfig {
    let spec = &loaded.spec;
    rem_ci::cloud::simulated(region.sandbox.clone(), region.clock, &spec.account, &spec.region, provider)
}
