//! Installs what stands for Karpenter's chart in the simulated region: the objects are applied as helm would apply them, with
//! helm's field manager, and no helm, chart or network is needed.

use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value as Json;

use super::{Chart, Release};
use crate::cloud::kubernetes::Access;
use crate::cloud::kubernetes::live::chain;
use crate::engine::{Class, Failure};
use crate::sandbox::kube::chart;

/// The chart's CustomResourceDefinitions, by version.
pub type Crds = fn(&str) -> Vec<Json>;

/// The chart's objects, by version, namespace and values.
pub type Objects = fn(&str, &str, &Json) -> Vec<Json>;

/// What stands for the chart.
#[derive(Clone, Copy, Debug)]
pub struct StandIn {
    /// Its CustomResourceDefinitions.
    pub crds: Crds,
    /// Its objects.
    pub objects: Objects,
}

fn failed(error: &kube::Error) -> Failure {
    let class = match error {
        kube::Error::Api(status) => match status.code {
            401 | 403 => Class::Denied,
            404 => Class::Gone,
            429 => Class::Throttled,
            500.. => Class::Unknown,
            _ => Class::Fatal,
        },
        _ => Class::Unknown,
    };
    Failure { class, call: "helm".to_owned(), code: String::new(), message: chain(error) }
}

fn api(client: &kube::Client, namespace: &str, object: &Json) -> Api<DynamicObject> {
    let text = |name: &str| object[name].as_str().unwrap_or_default();
    let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, text("kind")));
    if text("kind").starts_with("ClusterRole") {
        Api::all_with(client.clone(), &resource)
    } else {
        // A chart may place an object elsewhere: leases of the nodes live in kube-node-lease.
        let place = object["metadata"]["namespace"].as_str().unwrap_or(namespace);
        Api::namespaced_with(client.clone(), place, &resource)
    }
}

impl StandIn {
    /// What stands for Karpenter's.
    pub const KARPENTER: Self = Self { crds: chart::crds, objects: chart::objects };

    pub(super) fn crds(self, chart: &Chart) -> Vec<Json> {
        (self.crds)(&chart.version)
    }

    pub(super) async fn apply(self, release: &Release, access: &Access) -> Result<(), Failure> {
        let client = access.client().await?;
        for object in (self.objects)(&release.chart.version, &release.namespace, &release.values) {
            let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let api = api(&client, &release.namespace, &object);
            let params = PatchParams::apply("helm").force();
            api.patch(&name, &params, &Patch::Apply(&object)).await.map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    pub(super) async fn uninstall(self, namespace: &str, access: &Access) -> Result<(), Failure> {
        let client = access.client().await?;
        // Names do not depend on version or values.
        for object in (self.objects)("", namespace, &Json::Null).iter().rev() {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            match api(&client, namespace, object).delete(name, &DeleteParams::foreground()).await {
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(failed(&error)),
                Ok(_) => {}
            }
        }
        Ok(())
    }
}
