//! `rem-ci kubeconfig ENV`

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use super::{Common, Say};
use crate::cloud::kubernetes::kubeconfig::{Entry, User, merge, text};
use crate::cloud::kubernetes::live::{Target, host};
use crate::cloud::{env, temp};
use crate::config::spec::Connect;
use crate::problem::{Exit, Problem};
use crate::run::Halt;

/// Arguments of `kubeconfig`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file runs this very binary for tokens (rem-ci token ENV) with the credentials of whoever uses it; it holds none itself.
A private endpoint is reached from inside its VPC. From elsewhere, keep a tunnel open:
    aws ssm start-session --target INSTANCE --document-name AWS-StartPortForwardingSessionToRemoteHost \\
      --parameters host=ENDPOINT-HOST,portNumber=443,localPortNumber=8443
and write the file with --tunnel 8443: it then names 127.0.0.1:8443, and TLS is still checked against the endpoint's name.")]
pub(super) struct Args {
    /// The environment: a name or a path
    #[arg(value_name = "ENV")]
    pub(super) environment: String,
    /// Write to FILE (0600) instead of stdout; a file that is there is replaced
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Add to the file (default: the first of $KUBECONFIG, or ~/.kube/config), and keep what others have in it
    #[arg(long)]
    pub(super) merge: bool,
    /// Name a tunnel's port on this machine instead of the endpoint
    #[arg(long, value_name = "PORT")]
    pub(super) tunnel: Option<u16>,
}

fn refuse(title: impl Into<String>, help: &str) -> Halt {
    Halt::new(Exit::Failed, Problem::error("kubeconfig", title, help))
}

pub(super) async fn run(common: &Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let loaded = Common::load(&args.environment)?;
    let spec = &loaded.spec;
    let world = common.world(&loaded).await?;
    let Some(target) = Target::read(&world.cloud, &spec.cluster.name).await? else {
        let title = format!("the cluster {} is not there, or not up yet", spec.cluster.name);
        return Err(refuse(title, "apply the environment first"));
    };
    let endpoint_host = host(&target.endpoint);
    let (server, tls_server_name) = match args.tunnel {
        Some(port) => (format!("https://127.0.0.1:{port}"), Some(endpoint_host.clone())),
        None => (target.endpoint.clone(), None),
    };
    let entry = Entry {
        name: world.cloud.arn("eks", &format!("cluster/{}", target.cluster)),
        environment: Some(spec.name.clone()),
        server,
        tls_server_name,
        ca: target.ca,
        user: plugin(&args.environment)?,
    };
    let exit = match (destination(args), args.merge) {
        (None, _) => say.result(text(&entry)?.expose_secret()),
        (Some(path), false) => write(&path, &text(&entry)?)?,
        (Some(path), true) => {
            let existing = match std::fs::read_to_string(&path) {
                Ok(existing) => existing,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
                Err(error) => {
                    return Err(refuse(format!("cannot read {}: {error}", path.display()), "name another file"));
                }
            };
            let merged = merge(&existing, &entry)
                .map_err(|failure| refuse(format!("{}: {}", path.display(), failure.message), "nothing was written"))?;
            write(&path, &merged)?
        }
    };
    if spec.connect == Connect::Ssm && args.tunnel.is_none() {
        let host = endpoint_host;
        say.aside(&format!(
            "{host} is reached from inside the VPC only; from elsewhere through a tunnel: rem-ci kubeconfig --help\n"
        ));
    }
    Ok(exit)
}

/// Ourselves, by absolute path, so that it works from any folder.
fn plugin(environment: &str) -> Result<User, Halt> {
    let failed =
        |error: std::io::Error| refuse(format!("cannot tell where this binary is: {error}"), "run it by its path");
    let command = std::env::current_exe().map_err(failed)?.display().to_string();
    let named = if environment.contains(['/', '.']) {
        PathBuf::from(environment)
    } else {
        Path::new("environments").join(format!("{environment}.yaml"))
    };
    let file = std::path::absolute(named).map_err(failed)?.display().to_string();
    // Whoever runs kubectl later may have another profile: the file says which one it was made with, as `aws` does.
    let profile = env("AWS_PROFILE").filter(|profile| !profile.is_empty());
    let env = profile.map(|profile| ("AWS_PROFILE".to_owned(), profile)).into_iter().collect();
    Ok(User::Exec { command, args: vec!["token".to_owned(), file], env })
}

/// The file to write; none is stdout.
fn destination(args: &Args) -> Option<PathBuf> {
    if let Some(output) = &args.output {
        return Some(output.clone()).filter(|output| output.as_os_str() != "-");
    }
    if !args.merge {
        return None;
    }
    let named =
        env("KUBECONFIG").and_then(|list| std::env::split_paths(&list).find(|path| !path.as_os_str().is_empty()));
    let home = env("HOME").map(|home| Path::new(&home).join(".kube/config"));
    named.or(home)
}

/// All or nothing, and for this user alone.
fn write(path: &Path, text: &SecretString) -> Result<Exit, Halt> {
    let failed = |error: std::io::Error| {
        refuse(format!("cannot write {}: {error}", path.display()), "name a regular file in a folder you can write")
    };
    match std::fs::symlink_metadata(path) {
        Ok(there) if !there.is_file() => return Err(failed(std::io::Error::other("not a regular file"))),
        _ => {}
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = temp::private(&draft, text.expose_secret().as_bytes()).and_then(|()| std::fs::rename(&draft, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written.map_err(failed)?;
    Ok(Exit::Done)
}
