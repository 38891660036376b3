//! The signature of Karpenter's chart, checked by the `cosign` binary: keyless, by the workflow that released it.
//!
//! Source: karpenter.sh, "Getting started", which gives the same command for each version.

use std::time::Duration;

use crate::cloud::children;
use crate::cloud::temp::Folder;
use crate::engine::Failure;

const CALL: &str = "cosign";

const ISSUER: &str = "https://token.actions.githubusercontent.com";

const INSTALL: &str = "https://docs.sigstore.dev/cosign/system_config/installation/";

/// It asks the registry and, the first time, for the roots of trust.
const WITHIN: Duration = Duration::from_secs(90);

/// The workflow whose signature a version must bear.
fn identity(version: &str) -> String {
    format!("https://github.com/aws/karpenter-provider-aws/.github/workflows/release.yaml@refs/tags/v{version}")
}

fn args(repository: &str, version: &str, digest: &str) -> Vec<String> {
    vec![
        "verify".to_owned(),
        format!("{repository}@{digest}"),
        format!("--certificate-oidc-issuer={ISSUER}"),
        format!("--certificate-identity={}", identity(version)),
        "--annotations".to_owned(),
        format!("version={version}"),
    ]
}

/// Checks that Karpenter's release workflow has signed the manifest with this digest as this version.
///
/// # Errors
/// If cosign is missing, or says no.
pub async fn verify(repository: &str, version: &str, digest: &str) -> Result<(), Failure> {
    let program = children::find("cosign").ok_or_else(|| {
        let why = "cosign is not on PATH; it checks that Karpenter's own release workflow signed the chart";
        Failure { code: "no-cosign".to_owned(), ..Failure::fatal(CALL, format!("{why}; to install it: {INSTALL}")) }
    })?;
    let folder = Folder::new().map_err(|error| Failure::fatal(CALL, error.to_string()))?;
    let mut command = children::command(&program);
    command.current_dir(folder.path()).args(args(repository, version, digest));
    for variable in ["HOME", "TMPDIR", "DOCKER_CONFIG"] {
        command.env(variable, folder.path());
    }
    let ended = children::run(command, CALL, WITHIN).await?;
    if ended.success {
        return Ok(());
    }
    let why = format!("{repository}@{digest} does not bear the signature of {}: {}", identity(version), ended.words());
    Err(Failure { code: "chart-signature".to_owned(), ..Failure::fatal(CALL, why) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuer_and_workflow_are_named_whole() {
        let args = args("public.ecr.aws/karpenter/karpenter", "1.15.1", "sha256:00");
        assert_eq!(args[1], "public.ecr.aws/karpenter/karpenter@sha256:00");
        assert!(args.contains(&"--certificate-oidc-issuer=https://token.actions.githubusercontent.com".to_owned()));
        let identity = "--certificate-identity=https://github.com/aws/karpenter-provider-aws/.github/workflows/release.yaml@refs/tags/v1.15.1";
        assert!(args.contains(&identity.to_owned()), "{args:?}");
        assert!(args.ends_with(&["--annotations".to_owned(), "version=1.15.1".to_owned()]));
    }
}
