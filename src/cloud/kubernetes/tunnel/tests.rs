use std::sync::Arc;

use super::super::live::tests::{Authority, Endpoint, signer};
use super::super::live::{Target, chain, client};
use super::super::road::Road;
use super::*;
use crate::cloud::temp::Folder;
use crate::cloud::{Clock, Cloud, env, simulated};
use crate::sandbox::connector::Sandbox;
use crate::sandbox::state::State;

const HOST: &str = "ABC.gr7.us-east-1.eks.amazonaws.com";
const NODE: &str = "i-0123456789abcdef0";

/// What the tests start in place of AWS's plugin: it forwards one port to another and goes by the plugin's own command line.
#[tokio::test]
#[ignore = "the child of the tests below"]
async fn plugin() {
    let (Some(request), Some(to)) = (env("PLUGIN_REQUEST"), env("PLUGIN_TO")) else { return };
    let request: serde_json::Value = serde_json::from_str(&request).expect("a request");
    let port = request["Parameters"]["localPortNumber"][0].as_str().expect("a port").parse::<u16>().expect("a number");
    let to: u16 = to.parse().expect("a number");
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("the port");
    while let Ok((mut near, _)) = listener.accept().await {
        tokio::spawn(async move {
            if let Ok(mut far) = TcpStream::connect(("127.0.0.1", to)).await {
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            }
        });
    }
}

/// A plugin that leads to a port on this machine, of a version.
fn plugin_to(folder: &Folder, port: u16, version: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let this = std::env::current_exe().expect("this binary");
    let (this, seen) = (this.display(), folder.path().join("seen").display().to_string());
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && {{ echo {version}; exit 0; }}\n\
         [ \"$1\" = AWS_SSM_START_SESSION_RESPONSE ] && [ \"$3\" = StartSession ] || exit 64\n\
         export -p > '{seen}'\nexport PLUGIN_REQUEST=\"$5\" PLUGIN_TO={port}\n\
         exec '{this}' --exact cloud::kubernetes::tunnel::tests::plugin --ignored --nocapture\n"
    );
    let path = folder.file("session-manager-plugin", text.as_bytes()).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("permissions");
    path
}

/// A region with one node whose agent is up; what is asked of Systems Manager is kept.
fn region() -> (Sandbox, Cloud, Arc<Plain<Vec<String>>>) {
    let account = "123456789012";
    let mut state = State::new(7);
    let node = serde_json::json!({
        "instance_type": "t3.medium", "image": "ami-1", "subnet": "subnet-1", "vpc": "vpc-1", "zone": "us-east-1a",
        "zone_id": "use1-az4", "groups": [], "private_ip": "10.0.128.7", "private_dns": "ip-10-0-128-7.ec2.internal",
        "spot": false, "instance_profile": "arn:aws:iam::123456789012:instance-profile/eks-1", "template": null,
        "metadata": [true, 1], "reservation": "r-1", "volumes": [], "interfaces": [], "launched": 0, "ready": 0,
        "going": null, "more_interfaces": 0, "after": [],
    });
    let region =
        state.accounts.entry(account.to_owned()).or_default().regions.entry("us-east-1".to_owned()).or_default();
    region.ec2.instances.insert(NODE.to_owned(), serde_json::from_value(node).expect("an instance"));
    let asked: Arc<Plain<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&asked);
    let sandbox = Sandbox::new(state, Arc::new(|| Clock::Wall.millis()), None).record(Arc::new(move |request| {
        kept.lock().expect("kept").push(String::from_utf8_lossy(request.body()).into_owned());
    }));
    let config = simulated(sandbox.clone(), Clock::Wall, account, "us-east-1", None);
    (sandbox, Cloud::new(&config, account, "us-east-1"), asked)
}

fn sessions(sandbox: &Sandbox) -> Vec<String> {
    sandbox.with(|state| state.accounts["123456789012"].regions["us-east-1"].ssm.sessions.keys().cloned().collect())
}

fn over(cloud: &Cloud, plugin: PathBuf, nodes: &[&str]) -> Tunnel {
    let nodes = nodes.iter().map(|&node| node.to_owned()).collect();
    Tunnel::over(cloud.ssm.clone(), "us-east-1", nodes, HOST, Some(plugin)).expect("nodes")
}

fn now() -> Arc<std::sync::atomic::AtomicU64> {
    Arc::new((Clock::Wall.millis() / 1000).unsigned_abs().into())
}

fn target(authority: &Authority) -> Target {
    Target { cluster: "rem-prod".to_owned(), endpoint: format!("https://{HOST}"), ca: authority.pem.clone() }
}

#[tokio::test]
async fn a_cluster_is_reached_over_a_node_and_by_its_own_name() {
    let (sandbox, cloud, asked) = region();
    let authority = Authority::new();
    let endpoint = Endpoint::of(&authority, HOST).await;
    let folder = Folder::new().expect("a folder");
    let plugin = plugin_to(&folder, endpoint.port, "1.2.707.0");
    // The first is not connected: the second is gone over.
    let tunnel = over(&cloud, plugin, &["i-0fffffffffffffff0", NODE]);
    let client = client(&target(&authority), signer(&now()), Road::Tunnel(tunnel.clone())).expect("a client");
    assert_eq!(client.apiserver_version().await.expect("a version").git_version, "v1.36.3");
    assert_eq!(tunnel.instance(), NODE);
    assert_eq!(endpoint.bearers().len(), 1);

    let body: serde_json::Value = serde_json::from_str(&asked.lock().expect("asked")[1]).expect("JSON");
    let port = tunnel.port().await.expect("a port");
    let want = serde_json::json!({
        "Target": NODE,
        "DocumentName": "AWS-StartPortForwardingSessionToRemoteHost",
        "Reason": "rem-ci: the cluster's private endpoint",
        "Parameters": { "host": [HOST], "portNumber": ["443"], "localPortNumber": [port.to_string()] },
    });
    assert_eq!(body, want);
    assert_eq!(sessions(&sandbox).len(), 1);
    tunnel.close().await;
    assert_eq!(sessions(&sandbox), Vec::<String>::new());
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "the child is gone");
}

#[tokio::test]
async fn who_stands_behind_the_tunnel_without_the_clusters_certificate_gets_no_token() {
    let (_, cloud, _) = region();
    let (right, wrong) = (Authority::new(), Authority::new());
    let endpoint = Endpoint::of(&wrong, HOST).await;
    let folder = Folder::new().expect("a folder");
    let tunnel = over(&cloud, plugin_to(&folder, endpoint.port, "1.2.707.0"), &[NODE]);
    let client = client(&target(&right), signer(&now()), Road::Tunnel(tunnel.clone())).expect("a client");
    let refused = chain(&client.apiserver_version().await.expect_err("another authority"));
    assert!(refused.contains("certificate"), "{refused}");
    assert_eq!(endpoint.bearers(), Vec::<String>::new());
    tunnel.close().await;
}

#[tokio::test]
async fn a_tunnel_that_dies_is_opened_again() {
    let (sandbox, cloud, _) = region();
    let authority = Authority::new();
    let endpoint = Endpoint::of(&authority, HOST).await;
    let folder = Folder::new().expect("a folder");
    let tunnel = over(&cloud, plugin_to(&folder, endpoint.port, "1.2.707.0"), &[NODE]);
    tunnel.port().await.expect("a port");
    let first = sessions(&sandbox);
    if let Some(running) = tunnel.0.running.lock().await.as_mut() {
        running.child.kill().await.expect("killed");
    }
    let client = client(&target(&authority), signer(&now()), Road::Tunnel(tunnel.clone())).expect("a client");
    client.apiserver_version().await.expect("a version");
    let second = sessions(&sandbox);
    assert_eq!((first.len(), second.len()), (1, 1), "the dead one is ended");
    assert_ne!(first, second);
    tunnel.close().await;
}

#[tokio::test]
async fn the_plugin_gets_the_session_and_nothing_else_of_ours() {
    let (_, cloud, _) = region();
    let folder = Folder::new().expect("a folder");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let to = listener.local_addr().expect("an address").port();
    let tunnel = over(&cloud, plugin_to(&folder, to, "1.2.707.0"), &[NODE]);
    tunnel.port().await.expect("a port");
    tunnel.close().await;
    let seen = std::fs::read_to_string(folder.path().join("seen")).expect("the child's environment");
    assert!(seen.contains("AWS_SSM_START_SESSION_RESPONSE") && seen.contains("TokenValue"), "{seen}");
    // Of a variable only the name: a value may be a path that says anything.
    let names = seen.lines().filter_map(|line| line.strip_prefix("export ")?.split('=').next());
    let more: Vec<_> =
        names.filter(|name| !["AWS_SSM_START_SESSION_RESPONSE", "PWD", "OLDPWD"].contains(name)).collect();
    let network = [
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "NO_PROXY",
        "no_proxy",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ];
    assert!(more.iter().all(|name| network.contains(name)), "{more:?}");
}

#[tokio::test]
async fn only_nodes_of_the_systems_own_group_are_gone_over() {
    let (sandbox, cloud, _) = region();
    let none = Tunnel::over_nodes(&cloud, "prod", "0123456789abcdef", "rem-prod", HOST).await.expect_err("no tags");
    assert_eq!(none.class, Class::Passing);
    let tags =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let own = [(TAG_ENVIRONMENT, "prod"), (TAG_STACK, "0123456789abcdef"), ("eks:cluster-name", "rem-prod")];
    let karpenters: Vec<_> = own.into_iter().chain([("karpenter.sh/nodepool", "burst")]).collect();
    let systems: Vec<_> = own.into_iter().chain([("eks:nodegroup-name", "system")]).collect();
    for (pairs, found) in [(karpenters, false), (systems, true)] {
        sandbox.with(|state| {
            let region = state.accounts.get_mut("123456789012").and_then(|one| one.regions.get_mut("us-east-1"));
            region.expect("a region").ec2.tags.insert(NODE.to_owned(), tags(&pairs));
        });
        let tunnel = Tunnel::over_nodes(&cloud, "prod", "0123456789abcdef", "rem-prod", HOST).await;
        assert_eq!(tunnel.ok().map(|tunnel| tunnel.instance()), found.then(|| NODE.to_owned()), "{pairs:?}");
    }
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let (sandbox, cloud, _) = region();
    let folder = Folder::new().expect("a folder");
    let old = over(&cloud, plugin_to(&folder, 1, "1.2.463.0"), &[NODE]).port().await.expect_err("old");
    assert!(old.message.contains("1.2.497") && old.message.contains("https://docs.aws.amazon.com/"), "{old}");
    assert_eq!(sessions(&sandbox), Vec::<String>::new(), "no session is begun for it");
    let none = Tunnel::over(cloud.ssm.clone(), "us-east-1", Vec::new(), HOST, None).expect_err("no node");
    assert_eq!(none.class, Class::Passing);
}

#[test]
fn versions_are_compared_as_numbers() {
    let all = ["1.2.497.0", "1.2.707.0", "1.3.0", "2.0.0.0\n", "1.2.99", "1.2.463.0", "", "nonsense"];
    assert_eq!(all.map(safe), [true, true, true, true, false, false, false, false]);
}
