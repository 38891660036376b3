//! From a cluster's name to a client for what is inside it: one for each endpoint and run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_eks::types::{Cluster, ClusterStatus};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::future::FutureExt as _;

use super::access::{Access, Connection};
use super::in_process;
use super::live::{Target, host};
use super::road::loopback;
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{Class, Failure, Read, UNREACHABLE};
use crate::sandbox::connector::Sandbox;

/// How clusters are reached.
#[derive(Clone, Debug, Default)]
pub enum Dial {
    /// Not at all: whatever is inside a cluster is unknown.
    #[default]
    Nowhere,
    /// Simulated clusters, in this process.
    Sandbox(Sandbox),
    /// Real endpoints, as the environment's file says.
    Live(Connection),
}

/// The ways in that are open, by the cluster's name: each with the endpoint it leads to.
#[derive(Clone, Default)]
pub struct Doors(Arc<Mutex<BTreeMap<String, Door>>>);

/// The endpoint, how it is reached, and the client that has reached it.
type Door = (String, Access, kube::Client);

impl fmt::Debug for Doors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Doors")
    }
}

impl Doors {
    fn get(&self, cluster: &str) -> Option<Door> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(cluster).cloned()
    }

    fn put(&self, cluster: &str, door: Door) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(cluster.to_owned(), door);
    }

    /// The cluster ends: one of its name that comes later has another endpoint.
    pub fn forget(&self, cluster: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(cluster);
    }
}

impl Cloud {
    /// DescribeCluster; whoever asks for the same one meanwhile shares the answer.
    ///
    /// # Errors
    /// As the call's.
    pub async fn cluster(&self, name: &str) -> Read<Option<Cluster>> {
        let call = self.eks.describe_cluster().name(name);
        let describe = async move {
            let answer = call.send().await.map_err(failed("eks:DescribeCluster"));
            Ok(gone_is_none(answer)?.and_then(|answer| answer.cluster))
        };
        self.clusters.join(name, || describe.boxed()).await
    }

    /// A client for what is inside a cluster; none where there is no cluster, or its control plane is not up. The same all
    /// through a run.
    ///
    /// # Errors
    /// If the cluster cannot be read, or there is no way to it: what is inside is unknown then, not absent.
    pub async fn kube(&self, cluster: &str) -> Read<Option<kube::Client>> {
        Ok(Box::pin(self.door(cluster)).await?.map(|(_, client)| client))
    }

    /// As [`kube`](Self::kube), for programs that we start: a way in that a kubeconfig can be made of.
    ///
    /// # Errors
    /// As [`kube`](Self::kube).
    pub async fn access(&self, cluster: &str) -> Read<Option<Access>> {
        Ok(self.door(cluster).await?.map(|(access, _)| access))
    }

    async fn door(&self, cluster: &str) -> Read<Option<(Access, kube::Client)>> {
        if let Some((_, access, client)) = self.doors.get(cluster) {
            return Ok(Some((access, client)));
        }
        match self.cluster(cluster).await? {
            // On the heap: a way in is a large future, and every kind inside a cluster asks for one.
            Some(cluster) => Box::pin(self.open(&cluster)).await,
            None => Ok(None),
        }
    }

    /// [`kube`](Self::kube) of a cluster that has just been described.
    ///
    /// # Errors
    /// As [`kube`](Self::kube).
    pub async fn kube_of(&self, cluster: &Cluster) -> Read<Option<kube::Client>> {
        Ok(self.open(cluster).await?.map(|(_, client)| client))
    }

    async fn open(&self, cluster: &Cluster) -> Read<Option<(Access, kube::Client)>> {
        let up = matches!(cluster.status(), Some(ClusterStatus::Active | ClusterStatus::Updating));
        let (Some(name), Some(endpoint)) = (cluster.name(), cluster.endpoint().filter(|_| up)) else {
            return Ok(None);
        };
        if let Some((known, access, client)) = self.doors.get(name)
            && known == endpoint
        {
            return Ok(Some((access, client)));
        }
        let access = self.way(cluster, name, endpoint).await?;
        let client = access.client().await?;
        self.doors.put(name, (endpoint.to_owned(), access.clone(), client.clone()));
        Ok(Some((access, client)))
    }

    async fn way(&self, cluster: &Cluster, name: &str, endpoint: &str) -> Read<Access> {
        let closed = self.kubeconfig.is_none() && !loopback(&host(endpoint));
        if let Some(opening) = self.opening.as_ref().filter(|_| closed) {
            opening.open().await?;
        }
        let bad = |why: String| Failure::fatal("kubernetes", format!("{endpoint}: {why}"));
        let connection = match &self.dial {
            Dial::Nowhere => {
                let message = format!("{endpoint} is not asked: this run has no way into clusters");
                let call = "kubernetes".to_owned();
                return Err(Failure { class: Class::Unknown, call, code: UNREACHABLE.to_owned(), message });
            }
            Dial::Sandbox(sandbox) => {
                return Ok(Access::Client(in_process::client(sandbox, self.signer.clone(), name, endpoint)?));
            }
            Dial::Live(connection) => connection,
        };
        let ca = cluster.certificate_authority().and_then(|ca| ca.data()).unwrap_or_default();
        let ca = BASE64_STANDARD.decode(ca).map_err(|error| bad(format!("its CA is no base64: {error}")))?;
        let target = Target { cluster: name.to_owned(), endpoint: endpoint.to_owned(), ca };
        Access::to(self, target, connection).await
    }
}
