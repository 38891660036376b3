//! Services of type LoadBalancer: what the cloud controller of the control plane makes for them, and takes away.

use serde_json::{Value as Json, json};

use super::inside::Inside;
use super::meta::{annotation, born, finalizer, has_finalizer, leaving, name, namespace, uid};
use crate::sandbox::aws::elb;
use crate::sandbox::kube::store::{Key, text};

const SERVICES: &str = "services";
const FINALIZER: &str = "service.kubernetes.io/load-balancer-cleanup";
const SOURCE: &str = "service-controller";

/// How long the controller waits before it tries again what AWS has refused, in milliseconds.
const AGAIN_MS: i64 = 5_000;

pub(super) fn run(inside: &mut Inside<'_, '_>) {
    let services: Vec<Json> = inside.store.list(SERVICES).cloned().collect();
    for service in services {
        let wanted = text(&service, "/spec/type") == "LoadBalancer" && service["spec"]["loadBalancerClass"].is_null();
        if wanted && !leaving(&service) {
            load_balancer(inside, &service);
        } else if has_finalizer(&service, FINALIZER) {
            remove(inside, &service);
        }
    }
}

/// Makes a Service's load balancer, some seconds after the Service.
fn load_balancer(inside: &mut Inside<'_, '_>, service: &Json) {
    let key = Key::of(service);
    if !has_finalizer(service, FINALIZER) {
        inside.store.change(SERVICES, &key, |service| finalizer(service, FINALIZER, true));
        inside.event(service, SOURCE, "Normal", "EnsuringLoadBalancer", "Ensuring load balancer");
    }
    let has = service.pointer("/status/loadBalancer/ingress/0").is_some();
    let at = born(service) + inside.span(&format!("balancer/{}", uid(service)), 2, 6);
    if has || !inside.reached(at) {
        return;
    }
    let (cluster, of) = (inside.name.clone(), format!("{}/{}", namespace(service), name(service)));
    let network =
        ["nlb", "external"].contains(&annotation(service, "service.beta.kubernetes.io/aws-load-balancer-type"));
    let made = if network {
        elb::service::make_network(inside.here, &cluster, &of, uid(service))
    } else {
        elb::service::make(inside.here, &cluster, &of, uid(service))
    };
    match made {
        Some(host) => {
            inside.store.change(SERVICES, &key, |service| {
                service["status"]["loadBalancer"] = json!({"ingress": [{"hostname": host}]});
            });
            inside.event(service, SOURCE, "Normal", "EnsuredLoadBalancer", "Ensured load balancer");
        }
        None => {
            let message = "Error syncing load balancer: failed to ensure load balancer: could not find any suitable subnets for creating the ELB";
            inside.event(service, SOURCE, "Warning", "SyncLoadBalancerFailed", message);
            let again = inside.now() + 60_000;
            inside.wake(again);
        }
    }
}

/// Takes a load balancer away; the Service goes when nothing of it is left.
fn remove(inside: &mut Inside<'_, '_>, service: &Json) {
    if service.pointer("/status/loadBalancer/ingress/0").is_some() {
        inside.event(service, SOURCE, "Normal", "DeletingLoadBalancer", "Deleting load balancer");
        inside.store.change(SERVICES, &Key::of(service), |service| service["status"]["loadBalancer"] = json!({}));
    }
    // What has gone by this moment is no longer in the way.
    elb::settle(inside.here);
    if elb::service::unmake(inside.here, uid(service)) {
        inside.event(service, SOURCE, "Normal", "DeletedLoadBalancer", "Deleted load balancer");
        inside.store.change(SERVICES, &Key::of(service), |service| finalizer(service, FINALIZER, false));
    } else {
        let again = inside.now() + AGAIN_MS;
        inside.wake(again);
    }
}
