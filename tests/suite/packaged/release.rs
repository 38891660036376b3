//! The parts of a release that are scripts, run dry in a repository of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Repository {
    folder: tempfile::TempDir,
}

fn run(command: &mut Command) -> Output {
    command.output().expect("it starts")
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

impl Repository {
    /// A clone of what a release needs, with two builds of it that are equal.
    fn new() -> Self {
        let repository = Self { folder: tempfile::tempdir().expect("a folder") };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let names = [
            "Cargo.toml",
            "Cargo.lock",
            ".github/digests",
            ".github/release/digests.sh",
            ".github/release/publish.sh",
            ".github/release/sbom.py",
        ];
        for name in names {
            let to = repository.path(name);
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            std::fs::copy(root.join(name), to).expect(name);
        }
        for arguments in
            [&["init", "--quiet", "--initial-branch=main"][..], &["add", "."], &["commit", "--quiet", "--message=all"]]
        {
            let git = run(repository.git().args(arguments));
            assert!(git.status.success(), "{}", words(&git));
        }
        for time in ["first", "second"] {
            std::fs::create_dir(repository.path(time)).expect("a folder");
            for arch in ["x64", "arm64"] {
                repository.build(time, arch, format!("\x7fELF static {arch}").as_bytes());
            }
        }
        repository
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn git(&self) -> Command {
        let mut git = Command::new("git");
        git.current_dir(self.folder.path()).args(["-c", "user.name=t", "-c", "user.email=t@t.example"]);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        git
    }

    fn build(&self, time: &str, arch: &str, bytes: &[u8]) {
        let name = format!("{time}/rem-ci-{}-linux-{arch}", env!("CARGO_PKG_VERSION"));
        std::fs::write(self.path(&name), bytes).expect("a build");
    }

    fn publish(&self) -> Output {
        let mut publish = Command::new(self.path(".github/release/publish.sh"));
        publish.args(["first", "second"]).current_dir(self.folder.path());
        publish.env("DRY_RUN", "1").env("GITHUB_REPOSITORY", "acme/rem-ci").env("GIT_CONFIG_GLOBAL", "/dev/null");
        run(&mut publish)
    }
}

#[test]
fn a_release_is_a_commit_that_names_its_bytes() {
    let repository = Repository::new();
    let published = repository.publish();
    assert!(published.status.success(), "{}", words(&published));
    let version = env!("CARGO_PKG_VERSION");
    let said = words(&published);
    for part in [format!("would publish v{version} at "), format!("rem-ci-{version}.cdx.json"), "SHA256SUMS".to_owned()]
    {
        assert!(said.contains(&part), "{said}");
    }
    let list = std::fs::read_to_string(repository.path(".github/digests")).expect("a list");
    assert!(list.contains(&format!("from https://github.com/acme/rem-ci/releases/download/v{version}\n")), "{list}");
    let rows: Vec<_> = list.lines().filter(|line| line.len() > 64 && !line.starts_with('#')).collect();
    assert_eq!(rows.len(), 2, "{list}");
    // Nothing but the list is in the commit that is tagged.
    let changed = run(repository.git().args(["show", "--name-only", "--format=", &format!("v{version}")]));
    assert_eq!(words(&changed).trim(), ".github/digests");
    let parts = std::fs::read_to_string(repository.path(&format!("first/rem-ci-{version}.cdx.json"))).expect("an SBOM");
    let parts: serde_json::Value = serde_json::from_str(&parts).expect("JSON");
    let components = parts["components"].as_array().expect("a list");
    assert!(
        components.len() > 200
            && components.iter().all(|one| one["hashes"][0]["content"].as_str().is_some_and(|sum| sum.len() == 64))
    );
    // Never twice.
    let again = repository.publish();
    assert!(!again.status.success() && words(&again).contains("is there already"), "{}", words(&again));
}

#[test]
fn a_release_that_cannot_be_built_again_is_none() {
    let refused = |change: &dyn Fn(&Repository)| {
        let repository = Repository::new();
        change(&repository);
        let published = repository.publish();
        assert!(!published.status.success());
        let tags = run(repository.git().arg("tag"));
        assert_eq!(words(&tags), "");
        words(&published)
    };
    let said = refused(&|repository| repository.build("second", "arm64", b"\x7fELF other"));
    assert!(said.contains("came out differently the second time"), "{said}");
    let both = |bytes: &'static [u8]| {
        move |repository: &Repository| {
            repository.build("first", "x64", bytes);
            repository.build("second", "x64", bytes);
        }
    };
    assert!(refused(&both(b"#!/bin/sh\n")).contains("is no program"));
    let dynamic = std::fs::read("/bin/sh").expect("a program of this machine");
    assert!(refused(&both(Vec::leak(dynamic))).contains("wants libraries of the machine"));
    let large = vec![0_u8; 26 << 20];
    let large = [b"\x7fELF".as_slice(), &large].concat();
    assert!(refused(&both(Vec::leak(large))).contains("is larger than 25 MiB"));
    let missing = refused(&|repository| {
        let name = format!("second/rem-ci-{}-linux-x64", env!("CARGO_PKG_VERSION"));
        std::fs::remove_file(repository.path(&name)).expect("there");
    });
    assert!(missing.contains("second holds no rem-ci-"), "{missing}");
    let more = refused(&|repository| std::fs::write(repository.path("first/evil"), b"x").expect("a file"));
    assert!(more.contains("first also holds evil"), "{more}");
}
