//! One cluster and how to get in: as a client for us, as a kubeconfig for children.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;

use super::kubeconfig::{self, Entry, User};
use super::live::{self, Target};
use super::road::{Road, loopback};
use super::token::Signer;
use super::tunnel::Tunnel;
use crate::cloud::Cloud;
use crate::cloud::temp::Folder;
use crate::config::spec::Connect;
use crate::engine::{Class, Failure, UNREACHABLE};

/// A way into a cluster.
#[derive(Clone)]
pub enum Access {
    /// Endpoint and CA from EKS, tokens signed by us.
    Signed {
        /// The cluster.
        target: Target,
        /// How its endpoint is reached.
        road: Road,
        /// Whose tokens.
        signer: Signer,
    },
    /// The current context of a kubeconfig that the caller named (`--kubeconfig`).
    File(PathBuf),
    /// A client that is there already: the simulated region's.
    Client(kube::Client),
}

impl std::fmt::Debug for Access {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Signed { target, road, .. } => write!(out, "Signed({}, {road:?})", target.endpoint),
            Self::File(path) => write!(out, "File({})", path.display()),
            Self::Client(_) => out.write_str("Client"),
        }
    }
}

/// How an environment wants its clusters reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// `connect` in its file.
    pub connect: Connect,
    /// Its name.
    pub environment: String,
    /// Its stack id: nodes to go over must carry it.
    pub stack: String,
}

/// A kubeconfig for a child.
#[derive(Debug)]
pub(crate) struct ForChild {
    pub(crate) path: PathBuf,
    /// Whether it is the caller's own, with whatever plugins that needs.
    pub(crate) foreign: bool,
}

impl Access {
    /// The way into a cluster that EKS has told the address of. A loopback endpoint is always reached directly.
    ///
    /// # Errors
    /// If `connect: ssm` finds no node to go over.
    pub async fn to(cloud: &Cloud, target: Target, connection: &Connection) -> Result<Self, Failure> {
        if let Some(file) = &cloud.kubeconfig {
            return Ok(Self::File(file.clone()));
        }
        let host = live::host(&target.endpoint);
        let road = match connection.connect {
            Connect::Ssm if !loopback(&host) && !cloud.programs.permitted() => {
                let message = format!(
                    "{host} is reached through a tunnel (connect: ssm), and a plan starts no program to make one"
                );
                let call = "kubernetes".to_owned();
                return Err(Failure { class: Class::Unknown, call, code: UNREACHABLE.to_owned(), message });
            }
            Connect::Ssm if !loopback(&host) => {
                let Connection { environment, stack, .. } = connection;
                Road::Tunnel(Tunnel::over_nodes(cloud, environment, stack, &target.cluster, &host).await?)
            }
            _ => Road::of(&live::address(&target.endpoint)?)?,
        };
        Ok(Self::Signed { target, road, signer: cloud.signer.clone() })
    }

    /// A client.
    ///
    /// # Errors
    /// If endpoint, CA or kubeconfig make no sense; nothing is asked of the cluster yet.
    pub async fn client(&self) -> Result<kube::Client, Failure> {
        match self {
            Self::Signed { target, road, signer } => live::client(target, signer.clone(), road.clone()),
            Self::File(path) => live::from_file(path).await,
            Self::Client(client) => Ok(client.clone()),
        }
    }

    /// A kubeconfig in a private folder, good for the quarter of an hour that its token is.
    pub(crate) async fn kubeconfig(&self, folder: &Folder) -> Result<ForChild, Failure> {
        match self {
            Self::Signed { target, road, signer } => {
                let token = signer.token(&target.cluster).await?;
                let host = live::host(&target.endpoint);
                let (server, name) = match road {
                    Road::Tunnel(tunnel) => (format!("https://127.0.0.1:{}", tunnel.port().await?), Some(host)),
                    Road::Direct | Road::Proxy(_) => (target.endpoint.clone(), None),
                };
                let entry = Entry {
                    name: "cluster".to_owned(),
                    environment: None,
                    server,
                    tls_server_name: name,
                    ca: target.ca.clone(),
                    user: User::Token(token.secret.expose_secret().to_owned().into()),
                };
                let text = kubeconfig::text(&entry)?;
                let path = folder.file("kubeconfig", text.expose_secret().as_bytes());
                let path = path.map_err(|error| Failure::fatal("kubeconfig", error.to_string()))?;
                Ok(ForChild { path, foreign: false })
            }
            Self::File(path) => Ok(ForChild { path: absolute(path)?, foreign: true }),
            Self::Client(_) => Err(Failure::fatal(
                "kubeconfig",
                "the simulated region is in this process: no other program can reach it",
            )),
        }
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::fatal("kubeconfig", format!("{}: {error}", path.display())))
}
