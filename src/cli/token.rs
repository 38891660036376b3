//! `rem-ci token ENV`

use super::{Common, Say};
use crate::cloud::env;
use crate::cloud::kubernetes::token;
use crate::problem::{Exit, Problem};
use crate::run::Halt;

/// Arguments of `token`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
kubectl and other clients run this by themselves, from a kubeconfig that `rem-ci kubeconfig ENV` has written. The token is
signed here, by the credentials at hand; no call is made, and neither aws nor aws-iam-authenticator is needed. Whoever has
the token is you for 14 minutes.")]
pub(super) struct Args {
    /// The environment: a name or a path
    #[arg(value_name = "ENV")]
    pub(super) environment: String,
}

pub(super) async fn run(common: &Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let version = token::exec_version(env("KUBERNETES_EXEC_INFO").as_deref()).map_err(|why| {
        let help = "write the kubeconfig anew: rem-ci kubeconfig ENV";
        Halt::new(Exit::Failed, Problem::error("exec-version", why, help))
    })?;
    let loaded = Common::load(&args.environment)?;
    let world = common.world(&loaded).await?;
    let made = world.cloud.signer.token(&loaded.spec.cluster.name).await?;
    Ok(say.result(&token::exec_credential(&made, version)))
}
