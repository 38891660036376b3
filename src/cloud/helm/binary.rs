//! The `helm` binary: arguments, environment, what its failures mean.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::archive::{self, Archive};
use super::chart::Chart;
use super::{Release, values};
use crate::cloud::children::{self, Ended};
use crate::cloud::kubernetes::Access;
use crate::cloud::lock::may_write_for;
use crate::cloud::temp::Folder;
use crate::engine::{Class, Failure, Read};

const CALL: &str = "helm";

/// Helm's own bound on one call; it does not wait for pods.
const TIMEOUT: &str = "60s";

/// Ours, a little over it: a helm that hangs is killed.
const WITHIN: Duration = Duration::from_secs(75);

/// As many revisions are kept as Secrets in the cluster.
const HISTORY: &str = "5";

const INSTALL: &str = "https://helm.sh/docs/intro/install/";

/// The `helm` binary, and the chart of this run.
#[derive(Clone, Debug, Default)]
pub struct Binary {
    /// Where it is; found on `PATH` when none is given.
    program: Option<PathBuf>,
    pulled: Arc<Mutex<Option<Pulled>>>,
}

/// A chart that was pulled and checked in this run.
#[derive(Clone, Debug)]
struct Pulled {
    chart: Chart,
    bytes: bytes::Bytes,
    archive: Arc<Archive>,
}

impl Binary {
    /// A certain one instead of that on `PATH`.
    #[must_use]
    pub fn at(program: &Path) -> Self {
        Self { program: Some(program.to_owned()), ..Self::default() }
    }

    async fn pulled(&self, chart: &Chart) -> Result<Pulled, Failure> {
        let mut pulled = self.pulled.lock().await;
        if let Some(one) = pulled.as_ref().filter(|one| one.chart == *chart) {
            return Ok(one.clone());
        }
        let bytes = chart.bytes().await?;
        let archive = archive::read(&bytes)?;
        archive.is(&chart.version)?;
        let one = Pulled { chart: chart.clone(), bytes, archive: Arc::new(archive) };
        Ok(pulled.insert(one).clone())
    }

    pub(super) async fn crds(&self, chart: &Chart) -> Read<Vec<Json>> {
        Ok(self.pulled(chart).await?.archive.crds.clone())
    }

    pub(super) async fn apply(&self, release: &Release, access: &Access) -> Result<(), Failure> {
        values::harmless(&release.values)?;
        let chart = self.pulled(&release.chart).await?;
        let home = Home::new(self, access, Some((&chart.bytes, &release.values))).await?;
        let ended = home.run(&upgrade(release)).await?;
        let Err(failure) = judge(&ended) else { return Ok(()) };
        if failure.code != PENDING {
            return Err(failure);
        }
        // A helm that was killed half-way leaves a revision that says it is still at work. We hold the environment's lock, so
        // nobody is: what was begun is taken back, then done again.
        let status = home.run(&status(release)).await?;
        let back = match pending(&status.out).as_deref() {
            Some("pending-install") => uninstall(&release.name, &release.namespace),
            Some("pending-upgrade" | "pending-rollback") => rollback(release),
            _ => return Err(failure),
        };
        judge(&home.run(&back).await?)?;
        judge(&home.run(&upgrade(release)).await?)
    }

    pub(super) async fn uninstall(&self, name: &str, namespace: &str, access: &Access) -> Result<(), Failure> {
        let home = Home::new(self, access, None).await?;
        judge(&home.run(&uninstall(name, namespace)).await?)
    }
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|&word| word.to_owned()).collect()
}

/// Relative names: a child runs in its private folder.
const CHART: &str = "chart.tgz";
const VALUES: &str = "values.json";

/// CRDs are ours to apply, before the controller; `--reset-values` forgets what an earlier release said.
fn upgrade(release: &Release) -> Vec<String> {
    words(&[
        "upgrade",
        "--install",
        &release.name,
        CHART,
        "--namespace",
        &release.namespace,
        "--values",
        VALUES,
        "--reset-values",
        "--skip-crds",
        "--history-max",
        HISTORY,
        "--timeout",
        TIMEOUT,
    ])
}

fn uninstall(name: &str, namespace: &str) -> Vec<String> {
    words(&["uninstall", name, "--namespace", namespace, "--ignore-not-found", "--timeout", TIMEOUT])
}

fn rollback(release: &Release) -> Vec<String> {
    words(&[
        "rollback",
        &release.name,
        "--namespace",
        &release.namespace,
        "--history-max",
        HISTORY,
        "--timeout",
        TIMEOUT,
    ])
}

fn status(release: &Release) -> Vec<String> {
    words(&["status", &release.name, "--namespace", &release.namespace, "--output", "json"])
}

/// The state of a release, from `helm status --output json`.
fn pending(status: &str) -> Option<String> {
    let status: Json = serde_json::from_str(status).ok()?;
    Some(status["info"]["status"].as_str()?.to_owned())
}

/// The code of a failure that an interrupted helm has left behind.
const PENDING: &str = "helm-pending";

/// What a run of helm means.
fn judge(ended: &Ended) -> Result<(), Failure> {
    if ended.success {
        return Ok(());
    }
    let words = ended.words();
    let says = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
    let (class, code) = if says(&["another operation (install/upgrade/rollback) is in progress"]) {
        (Class::Fatal, PENDING)
    } else if says(&["forbidden", "Unauthorized", "must be logged in"]) {
        (Class::Denied, "")
    } else if says(&[
        "connection refused",
        "i/o timeout",
        "no such host",
        "connection reset",
        "TLS handshake timeout",
        "context deadline exceeded",
        "cluster unreachable",
        "EOF",
    ]) {
        (Class::Unknown, "")
    } else {
        (Class::Fatal, "")
    };
    Err(Failure { class, call: CALL.to_owned(), code: code.to_owned(), message: words })
}

/// A helm with a private folder for everything that it reads or writes.
struct Home {
    program: PathBuf,
    folder: Folder,
    kubeconfig: PathBuf,
    foreign: bool,
}

impl Home {
    async fn new(binary: &Binary, access: &Access, with: Option<(&[u8], &Json)>) -> Result<Self, Failure> {
        let program = binary.program.clone().or_else(|| children::find("helm")).ok_or_else(|| {
            Failure::fatal(
                CALL,
                format!("helm is not on PATH; it installs Karpenter's chart; to install it: {INSTALL}"),
            )
        })?;
        let disk = |error: std::io::Error| Failure::fatal(CALL, error.to_string());
        let folder = Folder::new().map_err(disk)?;
        for name in FOLDERS {
            folder.folder(name).map_err(disk)?;
        }
        if let Some((chart, values)) = with {
            folder.file(CHART, chart).map_err(disk)?;
            folder.file(VALUES, values.to_string().as_bytes()).map_err(disk)?;
        }
        let kubeconfig = access.kubeconfig(&folder).await?;
        Ok(Self { program, folder, kubeconfig: kubeconfig.path, foreign: kubeconfig.foreign })
    }

    fn command(&self, args: &[String]) -> Command {
        let mut command = children::command(&self.program);
        command.current_dir(self.folder.path()).args(args).arg("--kubeconfig").arg(&self.kubeconfig);
        for (variable, folder) in HOMES {
            command.env(variable, self.folder.path().join(folder));
        }
        if self.foreign {
            // The caller's own kubeconfig may name plugins: they get what such plugins always need, and none of our secrets.
            for name in ["PATH", "HOME"] {
                if let Some(value) = crate::cloud::env(name) {
                    command.env(name, value);
                }
            }
        }
        command
    }

    async fn run(&self, args: &[String]) -> Result<Ended, Failure> {
        let reads = args.first().is_some_and(|verb| verb == "status");
        if !reads && !may_write_for(WITHIN) {
            let why = "the lock's lease is too short for another write: somebody else may hold it by now";
            return Err(Failure { code: crate::engine::LOCK_LOST.to_owned(), ..Failure::fatal(CALL, why) });
        }
        children::run(self.command(args), CALL, WITHIN).await
    }
}

const FOLDERS: [&str; 4] = ["home", "cache", "config", "data"];

/// Empty ones of our own: no plugin, repository or login of the caller's has a say.
const HOMES: [(&str, &str); 8] = [
    ("HOME", "home"),
    ("HELM_CACHE_HOME", "cache"),
    ("HELM_CONFIG_HOME", "config"),
    ("HELM_DATA_HOME", "data"),
    ("HELM_PLUGINS", "data/plugins"),
    ("HELM_REGISTRY_CONFIG", "config/registry.json"),
    ("DOCKER_CONFIG", "config"),
    ("TMPDIR", "cache"),
];

#[cfg(test)]
mod tests;
