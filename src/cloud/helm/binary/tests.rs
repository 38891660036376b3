use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::super::archive::tests::{Part, tgz};
use super::super::chart::{Source, digest};
use super::super::{Helm, Release};
use super::*;

/// A helm that writes down how it was called and does what `script` says.
fn helm(folder: &Folder, script: &str) -> PathBuf {
    let log = folder.path().join("log").display().to_string();
    let text = format!(
        "#!/bin/sh\n{{ echo \"helm $*\"; export -p; for f in chart.tgz values.json; do [ -f $f ] && echo \"$f here\"; done; }} >> '{log}'\n{script}\n"
    );
    let path = folder.file("helm", text.as_bytes()).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("permissions");
    path
}

fn log(folder: &Folder) -> String {
    std::fs::read_to_string(folder.path().join("log")).unwrap_or_default()
}

fn calls(folder: &Folder) -> Vec<String> {
    let log = log(folder);
    log.lines()
        .filter_map(|line| line.strip_prefix("helm "))
        .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
        .collect()
}

fn release(folder: &Folder) -> Release {
    let chart = tgz(&[Part::File("tiny/Chart.yaml", "apiVersion: v2\nname: tiny\nversion: 1.2.3\n")]);
    let path = folder.file("tiny.tgz", &chart).expect("a chart");
    let chart = Chart { source: Source::File(path), version: "1.2.3".to_owned(), digest: Some(digest(&chart)) };
    Release { name: "karpenter".to_owned(), namespace: "karpenter".to_owned(), chart, values: json!({ "replicas": 2 }) }
}

fn access(folder: &Folder) -> Access {
    Access::File(folder.path().join("config"))
}

#[tokio::test]
async fn helm_gets_a_file_that_was_checked_and_an_environment_of_its_own() {
    let folder = Folder::new().expect("a folder");
    let helm = Helm::Binary(Binary::at(&helm(&folder, "")));
    helm.apply(&release(&folder), &access(&folder)).await.expect("installed");
    let log = log(&folder);
    let kubeconfig = folder.path().join("config").display().to_string();
    let want = format!(
        "helm upgrade --install karpenter chart.tgz --namespace karpenter --values values.json --reset-values --skip-crds \
         --history-max 5 --timeout 60s --kubeconfig {kubeconfig}\n"
    );
    assert!(log.starts_with(&want), "{log}");
    assert!(log.contains("chart.tgz here") && log.contains("values.json here"), "{log}");
    let names = log.lines().filter_map(|line| line.strip_prefix("export ")?.split('=').next());
    let ours = HOMES.map(|(name, _)| name);
    let known = [
        "PATH",
        "PWD",
        "OLDPWD",
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "NO_PROXY",
        "no_proxy",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ];
    let more: Vec<_> = names.filter(|name| !ours.contains(name) && !known.contains(name)).collect();
    assert_eq!(more, Vec::<&str>::new());
}

#[tokio::test]
async fn one_flipped_byte_and_no_helm_is_started() {
    let folder = Folder::new().expect("a folder");
    let helm = Helm::Binary(Binary::at(&helm(&folder, "")));
    let release = release(&folder);
    let Source::File(path) = &release.chart.source else { panic!("a file") };
    let mut bytes = std::fs::read(path).expect("the chart");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(path, bytes).expect("written");
    let refused = helm.apply(&release, &access(&folder)).await.expect_err("flipped");
    assert_eq!(refused.code, "chart-digest");
    let unpinned = Release { chart: Chart { digest: None, ..release.chart.clone() }, ..release };
    let refused = helm.apply(&unpinned, &access(&folder)).await.expect_err("no pin");
    assert!(refused.message.contains("rem-ci pin"), "{refused}");
    assert_eq!(calls(&folder), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_killed_helm_left_behind_is_taken_back() {
    for (status, back) in [("pending-install", "uninstall"), ("pending-upgrade", "rollback")] {
        let folder = Folder::new().expect("a folder");
        let done = folder.path().join("done").display().to_string();
        let script = format!(
            "case $1 in\n\
             upgrade) [ -f '{done}' ] || {{ echo 'Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress' >&2; exit 1; }} ;;\n\
             status) echo '{{\"info\":{{\"status\":\"{status}\"}}}}' ;;\n\
             *) : > '{done}' ;;\nesac"
        );
        let helm = Helm::Binary(Binary::at(&helm(&folder, &script)));
        helm.apply(&release(&folder), &access(&folder)).await.expect("installed");
        assert_eq!(calls(&folder), ["upgrade", "status", back, "upgrade"]);
    }
}

#[tokio::test]
async fn what_helm_says_is_told_and_classed() {
    let cases = [
        ("Error: roles.rbac.authorization.k8s.io is forbidden: User cannot create", Class::Denied),
        ("Error: Kubernetes cluster unreachable: dial tcp 10.0.0.1:443: i/o timeout", Class::Unknown),
        ("Error: UPGRADE FAILED: template: bad", Class::Fatal),
    ];
    for (words, class) in cases {
        let folder = Folder::new().expect("a folder");
        let helm = Helm::Binary(Binary::at(&helm(&folder, &format!("echo '{words}' >&2; exit 1"))));
        let failure = helm.uninstall("karpenter", "karpenter", &access(&folder)).await.expect_err("failed");
        assert_eq!((failure.class, failure.message.as_str()), (class, words));
    }
}

#[tokio::test]
async fn values_that_look_like_code_never_reach_helm() {
    let folder = Folder::new().expect("a folder");
    let helm = Helm::Binary(Binary::at(&helm(&folder, "")));
    let release = Release { values: json!({ "a": "{{ lookup }}" }), ..release(&folder) };
    assert!(helm.apply(&release, &access(&folder)).await.is_err());
    assert_eq!(calls(&folder), Vec::<String>::new());
}
