use super::*;

fn entry() -> Entry {
    Entry {
        name: "arn:aws:eks:us-east-1:123456789012:cluster/rem-prod".to_owned(),
        environment: Some("prod".to_owned()),
        server: "https://abc.gr7.us-east-1.eks.amazonaws.com".to_owned(),
        tls_server_name: None,
        ca: b"PEM".to_vec(),
        user: User::Exec {
            command: "/opt/rem-ci".to_owned(),
            args: vec!["token".to_owned(), "/repo/environments/prod.yaml".to_owned()],
            env: vec![("AWS_PROFILE".to_owned(), "prod".to_owned())],
        },
    }
}

const FOREIGN: &str = "\
apiVersion: v1
kind: Config
preferences: {colors: true}
clusters:
- name: kind
  cluster: {server: 'https://127.0.0.1:6443'}
users:
- name: kind
  user: {token: keep-me}
contexts:
- name: kind
  context: {cluster: kind, user: kind, namespace: web}
current-context: kind
";

fn file(text: &SecretString) -> Value {
    serde_yaml::from_str(text.expose_secret()).expect("YAML")
}

#[test]
fn kube_reads_what_is_written() {
    let written = text(&entry()).expect("text");
    let read: kube::config::Kubeconfig = serde_yaml::from_str(written.expose_secret()).expect("a kubeconfig");
    assert_eq!(read.current_context.as_deref(), Some(entry().name.as_str()));
    let user = read.auth_infos[0].auth_info.clone().expect("a user");
    let exec = user.exec.expect("a plugin");
    assert_eq!(exec.command.as_deref(), Some("/opt/rem-ci"));
    assert_eq!(exec.api_version.as_deref(), Some("client.authentication.k8s.io/v1"));
    let cluster = read.clusters[0].cluster.clone().expect("a cluster");
    assert_eq!(cluster.certificate_authority_data.as_deref(), Some("UEVN"));
}

#[test]
fn merging_keeps_what_others_have_and_replaces_what_is_ours() {
    let once = merge(FOREIGN, &entry()).expect("merged");
    let mut newer = entry();
    newer.server = "https://new.example".to_owned();
    let twice = file(&merge(once.expose_secret(), &newer).expect("merged again"));
    assert_eq!(twice["users"][0]["user"]["token"], Value::from("keep-me"));
    assert_eq!(twice["contexts"][0]["context"]["namespace"], Value::from("web"));
    assert_eq!(twice["preferences"]["colors"], Value::from(true));
    assert_eq!(twice["clusters"].as_sequence().map(Vec::len), Some(2));
    assert_eq!(twice["clusters"][1]["cluster"]["server"], Value::from("https://new.example"));
    assert_eq!(twice["current-context"], Value::from(entry().name));
}

#[test]
fn what_others_have_under_our_name_is_refused() {
    let theirs = FOREIGN.replace("name: kind", &format!("name: {}", entry().name));
    let refused = merge(&theirs, &entry()).expect_err("not ours").message;
    assert!(refused.contains("did not make") && refused.contains("--output"), "{refused}");
}

#[test]
fn what_is_no_kubeconfig_is_refused() {
    for other in ["- a list", "kind: Pod\napiVersion: v1\n", "{", "clusters: 7"] {
        assert!(merge(other, &entry()).is_err(), "{other}");
    }
    assert!(merge("", &entry()).is_ok());
}

#[test]
fn debugging_shows_no_token() {
    let entry = Entry { user: User::Token("k8s-aws-v1.secret".to_owned().into()), ..entry() };
    assert!(!format!("{entry:?} {:?}", text(&entry)).contains("k8s-aws-v1.secret"));
}
