//! As much of a runner as a composite action needs: inputs, expressions in `env`, bash with the documented flags, files for outputs
//! (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell>).

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_yaml::Value as Yaml;

/// A program of the release: a script, so that it can say what happened to it.
pub(crate) fn program(body: &str) -> Vec<u8> {
    format!("#!/bin/sh\n{body}\n").into_bytes()
}

/// What the release's server does.
pub(crate) enum Serves {
    File(Vec<u8>),
    /// Announces so many bytes.
    Claims(u64),
    /// Sends for as long as somebody reads.
    Endless,
}

/// A clean machine: the action's folder, a checkout, a temporary folder, a tool cache, a server with the release.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    port: u16,
    requests: Arc<AtomicUsize>,
}

/// How a step ended.
pub(crate) struct Ended {
    pub(crate) pid: u32,
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    /// The action's outputs.
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) summary: String,
}

fn serve(mut stream: TcpStream, serves: &Serves) -> std::io::Result<()> {
    let mut asked = [0; 4096];
    let _ = stream.read(&mut asked)?;
    match serves {
        Serves::File(bytes) => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", bytes.len())?;
            stream.write_all(bytes)
        }
        Serves::Claims(length) => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n#!/bin/sh\n")
        }
        Serves::Endless => {
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            let zeros = vec![0; 1 << 20];
            loop {
                stream.write_all(&zeros)?;
            }
        }
    }
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

fn arch() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" }
}

impl Place {
    pub(crate) fn new(serves: Serves) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for name in ["action.yml", "Cargo.toml", ".github/action/run.sh", ".github/digests"] {
            let to = folder.path().join("action").join(name);
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            std::fs::copy(root.join(name), to).expect(name);
        }
        for name in ["workspace", "temp", "tools", "home", "bin"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = serve(stream, &serves);
            }
        });
        Self { folder, port, requests }
    }

    pub(crate) fn action(&self) -> PathBuf {
        self.folder.path().join("action")
    }

    pub(crate) fn workspace(&self) -> PathBuf {
        self.folder.path().join("workspace")
    }

    pub(crate) fn temp(&self) -> PathBuf {
        self.folder.path().join("temp")
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// The action's list, with this program at our server.
    pub(crate) fn digests(&self, program: &[u8]) {
        self.digests_from(&format!("http://127.0.0.1:{}/release", self.port), program);
    }

    pub(crate) fn digests_from(&self, from: &str, program: &[u8]) {
        use sha2::{Digest as _, Sha256};
        let sum = hex::encode(Sha256::digest(program));
        let list = format!("# digests\nfrom {from}\n{sum}  rem-ci-{}-linux-{}\n", version(), arch());
        std::fs::write(self.action().join(".github/digests"), list).expect("a list");
    }

    /// A copy of the program that an administrator has put on the runner.
    pub(crate) fn cache(&self, program: &[u8]) {
        let folder = self.folder.path().join("tools/rem-ci").join(version()).join(arch());
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("rem-ci"), program).expect("a copy");
    }

    /// A cargo that makes this program of any source.
    pub(crate) fn cargo(&self, program: &[u8]) {
        let made = self.folder.path().join("made");
        std::fs::write(&made, program).expect("a program");
        std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o755)).expect("it can run");
        self.cargo_makes(&made);
    }

    /// A cargo that makes the program at this place of any source.
    pub(crate) fn cargo_makes(&self, made: &Path) {
        let script = format!(
            "#!/bin/sh\necho \"cargo $*\" >> \"$RAN\"\nmkdir -p \"$CARGO_TARGET_DIR/release\"\nln -sf {} \"$CARGO_TARGET_DIR/release/rem-ci\"\n",
            made.display()
        );
        let cargo = self.folder.path().join("bin/cargo");
        std::fs::write(&cargo, script).expect("a cargo");
        std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).expect("it can run");
    }

    /// What programs have said of themselves.
    pub(crate) fn ran(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("ran")).unwrap_or_default()
    }

    /// What is in the runner's temporary folder, but for what the runner puts there.
    pub(crate) fn left_behind(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.temp()).expect("a folder").flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| !name.starts_with("_runner_")).collect()
    }

    /// Runs the action with these inputs; other variables as the job has them.
    pub(crate) fn run(&self, inputs: &[(&str, &str)], variables: &[(&str, &str)]) -> Ended {
        let child = self.start(inputs, variables);
        let pid = child.id();
        let ended = child.wait_with_output().expect("it ends");
        let step = outputs(&std::fs::read_to_string(self.temp().join("_runner_output")).unwrap_or_default());
        let action = yaml();
        let mut outputs = BTreeMap::new();
        for (name, about) in action["outputs"].as_mapping().expect("outputs") {
            let name = name.as_str().expect("a name");
            let wanted = format!("${{{{ steps.run.outputs.{name} }}}}");
            assert_eq!(about["value"].as_str(), Some(wanted.as_str()));
            outputs.insert(name.to_owned(), step.get(name).cloned().unwrap_or_default());
        }
        Ended {
            pid,
            code: ended.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&ended.stdout).into_owned(),
            err: String::from_utf8_lossy(&ended.stderr).into_owned(),
            outputs,
            summary: std::fs::read_to_string(self.temp().join("_runner_summary")).unwrap_or_default(),
        }
    }

    pub(crate) fn start(&self, inputs: &[(&str, &str)], variables: &[(&str, &str)]) -> Child {
        let action = yaml();
        let steps = action["runs"]["steps"].as_sequence().expect("steps");
        let [step] = steps.as_slice() else { panic!("more than one step") };
        assert_eq!(step["shell"].as_str(), Some("bash"));
        let script = self.temp().join("_runner_script.sh");
        std::fs::write(&script, step["run"].as_str().expect("a script")).expect("a script");
        for file in ["_runner_output", "_runner_summary"] {
            std::fs::write(self.temp().join(file), "").expect("a file");
        }
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.folder.path().join("bin").display());
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(&script);
        command.env_clear().current_dir(self.workspace());
        command.env("PATH", path).env("HOME", self.folder.path().join("home"));
        command.env("RUNNER_TEMP", self.temp()).env("RUNNER_TOOL_CACHE", self.folder.path().join("tools"));
        command.env("GITHUB_OUTPUT", self.temp().join("_runner_output"));
        command.env("GITHUB_STEP_SUMMARY", self.temp().join("_runner_summary"));
        command.env("GITHUB_WORKSPACE", self.workspace()).env("RAN", self.folder.path().join("ran"));
        for (name, value) in variables {
            command.env(name, value);
        }
        for (name, value) in step["env"].as_mapping().expect("variables") {
            let value = self.evaluated(value.as_str().expect("text"), &action, inputs);
            command.env(name.as_str().expect("a name"), value);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("bash")
    }

    /// An expression of `env`: an input, or one of the two contexts that are used.
    fn evaluated(&self, text: &str, action: &Yaml, inputs: &[(&str, &str)]) -> String {
        let Some(expression) = text.strip_prefix("${{ ").and_then(|text| text.strip_suffix(" }}")) else {
            return text.to_owned();
        };
        match expression {
            "github.action_path" => self.action().display().to_string(),
            "github.token" => "ghs_canary".to_owned(),
            _ => {
                let name = expression.strip_prefix("inputs.").expect("an input");
                let known = &action["inputs"][name];
                assert!(known.is_mapping(), "{name} is no input");
                let given = inputs.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned());
                given.unwrap_or_else(|| self.evaluated(known["default"].as_str().unwrap_or_default(), action, inputs))
            }
        }
    }
}

/// action.yml.
pub(crate) fn yaml() -> Yaml {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml")).expect("action.yml");
    serde_yaml::from_str(&text).expect("YAML")
}

/// A file of outputs as the runner reads it: `NAME=VALUE`, or `NAME<<MARK`, lines, `MARK`.
fn outputs(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some((name, mark)) = line.split_once("<<").filter(|(name, _)| !name.contains('=')) {
            let value: Vec<_> = lines.by_ref().take_while(|line| *line != mark).collect();
            found.insert(name.to_owned(), value.join("\n"));
        } else if let Some((name, value)) = line.split_once('=') {
            found.insert(name.to_owned(), value.to_owned());
        }
    }
    found
}
