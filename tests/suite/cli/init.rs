//! `rem-ci init`: what it writes is valid and plans offline, and it never writes over what is there.

use std::path::Path;

use super::{command, run};

const FLAGS: [&str; 6] = ["init", "--yes", "--account", "123456789012", "--owner", "acme/platform"];

fn run_in(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let done = run(&mut command(folder, folder, arguments));
    (done.code, done.out, done.err)
}

fn text(folder: &Path, file: &str) -> String {
    std::fs::read_to_string(folder.join(file)).unwrap_or_default()
}

#[test]
fn what_it_writes_passes_check_and_an_offline_plan() {
    let folder = tempfile::tempdir().expect("a folder");
    let (exit, out, error) = run_in(folder.path(), &FLAGS);
    assert_eq!(exit, 0, "{error}");
    for line in ["new       environments/prod.yaml", "new       .github/workflows/rem-ci.yml", "rem-ci bootstrap prod"]
    {
        assert!(out.contains(line), "{out}");
    }
    assert_eq!(run_in(folder.path(), &["check", "prod"]).0, 0);
    let (exit, plan, error) = run_in(folder.path(), &["plan", "prod", "--offline"]);
    assert_eq!(exit, 0, "{error}");
    assert!(plan.contains("cluster"), "{plan}");
    // A second environment beside it keeps what they share.
    let edited = text(folder.path(), "environments/base.yaml") + "# mine\n";
    std::fs::write(folder.path().join("environments/base.yaml"), &edited).expect("a file");
    let (exit, out, error) =
        run_in(folder.path(), &[&FLAGS[..], &["--name", "dev", "--zones", "2", "--nat", "single"]].concat());
    assert_eq!(exit, 0, "{error}");
    assert!(
        out.contains("kept      environments/base.yaml") && out.contains("as it is  .github/workflows/rem-ci.yml"),
        "{out}"
    );
    assert_eq!(text(folder.path(), "environments/base.yaml"), edited);
    assert_eq!(run_in(folder.path(), &["check", "prod", "dev"]).0, 0);
}

#[test]
fn it_writes_over_nothing_unless_forced() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(run_in(folder.path(), &FLAGS).0, 0);
    let file = folder.path().join("environments/prod.yaml");
    std::fs::write(&file, "mine").expect("a file");
    let (exit, _, error) = run_in(folder.path(), &FLAGS);
    assert_eq!(exit, 4, "{error}");
    assert!(error.contains("init-exists"), "{error}");
    assert_eq!(text(folder.path(), "environments/prod.yaml"), "mine");
    assert_eq!(run_in(folder.path(), &[&FLAGS[..], &["--force"]].concat()).0, 0);
    assert!(text(folder.path(), "environments/prod.yaml").contains("name: prod"));
}

#[test]
fn it_asks_nobody_where_nobody_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let (exit, _, error) = run_in(folder.path(), &["init", "--yes", "--owner", "acme/platform"]);
    assert_eq!(exit, 64, "{error}");
    assert!(error.contains("--account is missing"), "{error}");
    let (exit, _, error) = run_in(folder.path(), &["init", "--account", "123456789012", "--owner", "acme/platform"]);
    assert_eq!(exit, 4, "{error}");
    assert!(!folder.path().join("environments").exists(), "nothing was written");
    let (exit, _, error) = run_in(folder.path(), &["init", "--yes", "--account", "12", "--owner", "acme/platform"]);
    assert_eq!(exit, 3, "{error}");
    assert!(!folder.path().join("environments").exists(), "what is not valid is not written");
}

#[cfg(unix)]
#[test]
fn it_writes_through_no_link() {
    let (folder, elsewhere) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("environments")).expect("a link");
    assert_eq!(run_in(folder.path(), &FLAGS).0, 1);
    assert_eq!(elsewhere.path().read_dir().expect("a folder").count(), 0);
}
