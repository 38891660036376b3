//! What a client needs to trust the Kubernetes door: a certificate authority made for this run, an administrator's token, and
//! the kubeconfig that says both.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;

/// What the door shows and asks for.
pub(super) struct Identity {
    /// Takes connections.
    pub(super) acceptor: TlsAcceptor,
    /// PEM in base64, as EKS and kubeconfigs write it.
    pub(super) authority: String,
    /// The administrator's token.
    pub(super) token: String,
}

impl Identity {
    /// A new one: its keys are never written.
    ///
    /// # Errors
    /// When keys or certificates cannot be made.
    pub(super) fn new() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "rem-ci sandbox");
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let authority = params.self_signed(&key)?;
        let issuer = Issuer::new(params, key);

        let own = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        let certificate = params.signed_by(&own, &issuer)?;
        let secret = PrivatePkcs8KeyDer::from(own.serialize_der());
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], secret.into())?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];

        // A key that nobody keeps is as hard to guess as any.
        let token = hex::encode(&Sha256::digest(KeyPair::generate()?.serialize_der())[..20]);
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            authority: BASE64_STANDARD.encode(authority.pem()),
            token,
        })
    }

    /// A kubeconfig for the administrator: one context for the account's first cluster, and one for each that is there.
    pub(super) fn kubeconfig(&self, address: SocketAddr, clusters: &[String]) -> Json {
        let one = |name: &str, path: &str| {
            let server = format!("https://{address}{path}");
            json!({ "name": name, "cluster": { "server": server, "certificate-authority-data": self.authority } })
        };
        let context = |name: &str| json!({ "name": name, "context": { "cluster": name, "user": "sandbox-admin" } });
        let each = clusters.iter().map(|name| one(name, &format!("/clusters/{name}")));
        let served: Vec<Json> = [one("sandbox", "")].into_iter().chain(each).collect();
        let names = ["sandbox"].into_iter().chain(clusters.iter().map(String::as_str));
        let contexts: Vec<Json> = names.map(context).collect();
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "sandbox", "clusters": served, "contexts": contexts,
            "users": [{ "name": "sandbox-admin", "user": { "token": self.token } }],
        })
    }
}

/// Where the kubeconfig of a sandbox file is: beside it.
pub(super) fn path(state_file: &Path) -> PathBuf {
    let mut name = state_file.as_os_str().to_owned();
    name.push(".kubeconfig");
    PathBuf::from(name)
}

/// Writes a kubeconfig that nobody else can read; gives its full path.
///
/// # Errors
/// When the disk refuses.
pub(super) fn write(path: &Path, config: &Json) -> std::io::Result<PathBuf> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    // The mode counts only for a file that is new.
    fs::remove_file(&fresh)
        .or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    // JSON is YAML.
    file.write_all(format!("{config:#}\n").as_bytes())?;
    fs::rename(&fresh, path)?;
    fs::canonicalize(path)
}
