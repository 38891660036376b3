//! `connect: ssm`: a port of this machine that Systems Manager forwards to the cluster's endpoint over a system node.
//!
//! The one document that is started can forward a port to a host and can do nothing else; a session without a document
//! would be a root shell, so the permission that goes with this names the document, and the instances by our tags. The
//! protocol behind the session is spoken by AWS's own `session-manager-plugin`. The port listens on 127.0.0.1, and TLS is
//! checked end to end against the cluster's CA and name, so whoever else gets at the port, or stands behind it, gets nothing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex as Plain, PoisonError, Weak};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::sync::Mutex;

use crate::cloud::children::{self, Said};
use crate::cloud::{Cloud, failed};
use crate::engine::wait::pause;
use crate::engine::{Class, Failure, TAG_ENVIRONMENT, TAG_STACK};

/// The one document that may be started.
pub const DOCUMENT: &str = "AWS-StartPortForwardingSessionToRemoteHost";

/// What this needs of IAM: `ssm:StartSession` on instances with the environment's tag and on [`DOCUMENT`] alone, with
/// `ssm:SessionDocumentAccessCheck`, so that no document is no shell.
pub const ACTIONS: &[&str] = &["ec2:DescribeInstances", "ssm:StartSession", "ssm:TerminateSession"];

/// The longest from StartSession to a port that answers.
pub(super) const OPENING: Duration = Duration::from_secs(20);

/// AWS's client of Systems Manager sessions.
const PLUGIN: &str = "session-manager-plugin";

const INSTALL: &str =
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html";

/// The variable in which the plugin looks for the answer of StartSession when its first argument is this name. Older than
/// 1.2.497, it takes the session's token as an argument only, where every user of the machine can read it.
const ANSWER: &str = "AWS_SSM_START_SESSION_RESPONSE";

const FIRST_SAFE: [u32; 3] = [1, 2, 497];

/// Every tunnel that is open, for the end of the run.
static OPEN: Plain<Vec<Weak<Inner>>> = Plain::new(Vec::new());

/// A tunnel to one endpoint; opened at the first connection, again when it has died, and closed at the end of the run.
#[derive(Clone)]
pub struct Tunnel(Arc<Inner>);

struct Inner {
    ssm: aws_sdk_ssm::Client,
    region: String,
    host: String,
    /// Nodes to go over, the best first.
    instances: Vec<String>,
    /// The one that was last gone over.
    over: Plain<String>,
    running: Mutex<Option<Running>>,
    /// Where the plugin is; found on `PATH` when none is given.
    plugin: Option<PathBuf>,
}

struct Running {
    child: Child,
    said: Said,
    session: String,
    port: u16,
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Tunnel({} over {})", self.0.host, self.instance())
    }
}

fn trouble(class: Class, message: impl Into<String>) -> Failure {
    Failure { class, call: "ssm:StartSession".to_owned(), code: String::new(), message: message.into() }
}

impl Tunnel {
    /// A tunnel over the system nodes of an environment's cluster, to the host of its endpoint.
    ///
    /// # Errors
    /// If the nodes cannot be read, or there is none that runs.
    pub async fn over_nodes(
        cloud: &Cloud,
        environment: &str,
        stack: &str,
        cluster: &str,
        host: &str,
    ) -> Result<Self, Failure> {
        let filter = |name: &str, value: &str| aws_sdk_ec2::types::Filter::builder().name(name).values(value).build();
        let answer = cloud
            .ec2
            .describe_instances()
            .filters(filter(&format!("tag:{TAG_ENVIRONMENT}"), environment))
            .filters(filter(&format!("tag:{TAG_STACK}"), stack))
            .filters(filter("tag:eks:cluster-name", cluster))
            .filters(filter("tag-key", "eks:nodegroup-name"))
            .filters(filter("instance-state-name", "running"))
            .send()
            .await
            .map_err(failed("ec2:DescribeInstances"))?;
        let instances = answer.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances);
        let mut nodes: Vec<_> = instances
            .filter_map(|one| {
                let began = one.launch_time().map_or(i64::MAX, aws_smithy_types::DateTime::secs);
                Some((began, one.instance_id()?.to_owned()))
            })
            .collect();
        // The longest running is the likeliest to have its agent up.
        nodes.sort();
        let nodes = nodes.into_iter().map(|(_, id)| id).collect();
        Self::over(cloud.ssm.clone(), &cloud.region, nodes, host, None)
    }

    /// A tunnel over one of these instances. `plugin` is where the plugin is, if not on `PATH`.
    ///
    /// # Errors
    /// If there is none.
    pub fn over(
        ssm: aws_sdk_ssm::Client,
        region: &str,
        instances: Vec<String>,
        host: &str,
        plugin: Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let Some(first) = instances.first().cloned() else {
            return Err(trouble(Class::Passing, "no system node is running yet to go over (connect: ssm)"));
        };
        let inner = Arc::new(Inner {
            ssm,
            region: region.to_owned(),
            host: host.to_owned(),
            instances,
            over: Plain::new(first),
            running: Mutex::new(None),
            plugin,
        });
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|one| one.strong_count() > 0);
        open.push(Arc::downgrade(&inner));
        Ok(Self(inner))
    }

    /// The instance that it goes over.
    #[must_use]
    pub fn instance(&self) -> String {
        self.0.over.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The port on 127.0.0.1, of a session that lives.
    ///
    /// # Errors
    /// If none can be opened.
    pub async fn port(&self) -> Result<u16, Failure> {
        let mut running = self.0.running.lock().await;
        if let Some(one) = running.as_mut() {
            if matches!(one.child.try_wait(), Ok(None)) {
                return Ok(one.port);
            }
            // The plugin ends when its connection does: the session is of no use any more.
            let dead = running.take();
            self.0.end(dead).await;
        }
        let opened = self.0.open().await?;
        let port = opened.port;
        *running = Some(opened);
        Ok(port)
    }

    /// Ends the session, if there is one.
    pub async fn close(&self) {
        let running = self.0.running.lock().await.take();
        self.0.end(running).await;
    }
}

/// Ends every session that this run has opened. What cannot be ended runs into Systems Manager's own idle time-out.
pub async fn close_all() {
    let open = std::mem::take(&mut *OPEN.lock().unwrap_or_else(PoisonError::into_inner));
    for inner in open.iter().filter_map(Weak::upgrade) {
        Tunnel(inner).close().await;
    }
}

impl Inner {
    async fn end(&self, running: Option<Running>) {
        let Some(mut running) = running else { return };
        let _ = running.child.kill().await;
        let _ = self.ssm.terminate_session().session_id(&running.session).send().await;
    }

    async fn open(&self) -> Result<Running, Failure> {
        let plugin = self.plugin.clone().or_else(|| children::find(PLUGIN)).ok_or_else(|| {
            trouble(
                Class::Fatal,
                format!("connect: ssm needs {PLUGIN}, which is not on PATH; to install it: {INSTALL}"),
            )
        })?;
        let version = children::run(version_of(&plugin), PLUGIN, Duration::from_secs(10)).await?;
        if !safe(&version.out) {
            let title = format!(
                "{PLUGIN} {} is too old: it would show the session's token to everybody on this machine",
                version.out.trim()
            );
            return Err(trouble(
                Class::Fatal,
                format!("{title}; 1.2.497 is the first that does not; to install it: {INSTALL}"),
            ));
        }
        let mut last = None;
        for instance in &self.instances {
            instance.clone_into(&mut self.over.lock().unwrap_or_else(PoisonError::into_inner));
            match self.start(&plugin, instance).await {
                Ok(running) => return Ok(running),
                // Its agent has not come up, or is gone: another node may do.
                Err(failure) if failure.code == "TargetNotConnected" => last = Some(failure),
                Err(failure) => return Err(failure),
            }
        }
        let mut failure = last.unwrap_or_else(|| trouble(Class::Passing, "no instance to go over"));
        failure.class = Class::Passing;
        Err(failure)
    }

    async fn start(&self, plugin: &std::path::Path, instance: &str) -> Result<Running, Failure> {
        let port =
            free_port().map_err(|error| trouble(Class::Fatal, format!("no port is free on 127.0.0.1: {error}")))?;
        let parameters = HashMap::from([
            ("host".to_owned(), vec![self.host.clone()]),
            ("portNumber".to_owned(), vec!["443".to_owned()]),
            ("localPortNumber".to_owned(), vec![port.to_string()]),
        ]);
        let call = self.ssm.start_session().target(instance).document_name(DOCUMENT);
        let call = call.set_parameters(Some(parameters.clone())).reason("rem-ci: the cluster's private endpoint");
        let answer = call.send().await.map_err(failed("ssm:StartSession"))?;
        let session = answer.session_id().unwrap_or_default().to_owned();
        let response = serde_json::json!({
            "SessionId": session,
            "TokenValue": answer.token_value(),
            "StreamUrl": answer.stream_url(),
        });
        // A bearer of the session: in the child's environment, readable by this user alone, and nowhere else.
        let response = SecretString::from(response.to_string());
        let request = serde_json::json!({ "Target": instance, "DocumentName": DOCUMENT, "Parameters": parameters });
        let endpoint = format!("https://ssm.{}.amazonaws.com", self.region);
        let mut command = children::command(plugin);
        command.arg(ANSWER).arg(&self.region).arg("StartSession").arg("").arg(request.to_string()).arg(endpoint);
        command.env(ANSWER, response.expose_secret());
        let mut child = command
            .spawn()
            .map_err(|error| trouble(Class::Fatal, format!("{} cannot be started: {error}", plugin.display())))?;
        let (said, _) = (Said::of(child.stdout.take()), Said::of(child.stderr.take()));
        let mut running = Running { child, said, session, port };
        match tokio::time::timeout(OPENING, answers(&mut running)).await {
            Ok(Ok(())) => Ok(running),
            Ok(Err(failure)) => {
                self.end(Some(running)).await;
                Err(failure)
            }
            Err(_) => {
                let why = format!("{instance}: the tunnel's port did not open within {} s", OPENING.as_secs());
                self.end(Some(running)).await;
                Err(trouble(Class::Unknown, why))
            }
        }
    }
}

/// Waits until the port takes a connection, or the plugin has ended.
async fn answers(running: &mut Running) -> Result<(), Failure> {
    loop {
        if let Ok(Some(status)) = running.child.try_wait() {
            let words = running.said.text();
            return Err(trouble(Class::Unknown, format!("{PLUGIN} ended ({status}): {}", words.trim())));
        }
        if TcpStream::connect(("127.0.0.1", running.port)).await.is_ok() {
            return Ok(());
        }
        pause(Duration::from_millis(100)).await;
    }
}

/// A port that nobody has at this moment. Whoever takes it in between can only be in the way: TLS is checked end to end.
fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn version_of(plugin: &std::path::Path) -> tokio::process::Command {
    let mut command = children::command(plugin);
    command.arg("--version");
    command
}

fn safe(version: &str) -> bool {
    let parts: Option<Vec<u32>> = version.trim().split('.').take(3).map(|part| part.parse().ok()).collect();
    parts.is_some_and(|parts| parts.len() == 3 && parts.as_slice() >= FIRST_SAFE.as_slice())
}

#[cfg(test)]
mod tests;
