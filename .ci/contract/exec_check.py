#!/usr/bin/env python3
"""Watches plans and checks by strace: which programs do they start, and whom do they speak to?

    exec_check.py REM-CI

A plan reads what a pull request wrote, so it starts no program but git and speaks to AWS, the cluster and GitHub alone
(SECURITY.md, I3). Every bad file of tests/bad is checked and planned offline: nothing is started, nobody is spoken to. Then
applied prod is planned live against a served sandbox, with a kubeconfig whose exec plugin, a helm and a kubectl lie in wait: one
more program or one more address is a failure. strace has to be there; Debian has it.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from served import exports

ROOT = Path(__file__).resolve().parents[2]
STARTED = re.compile(r'execve(?:at)?\(.*?"([^"]+)".* = 0$')
SPOKEN = re.compile(r'(?:connect|sendto|sendmsg)\(.*sa_family=AF_INET6?,.*?port=htons\((\d+)\).*?inet_(?:addr|pton)\((?:AF_INET6, )?"([^"]+)')

failed = 0


def check(what: str, good: bool, told: object = "") -> None:
    global failed
    print(f"{'ok  ' if good else 'FAIL'} {what}{'' if good else f': {told}'}", flush=True)
    failed += not good


def watched(command: list, cwd: Path, env: dict) -> tuple:
    """Runs it; gives its exit code, the programs that were started after it, and the addresses spoken to."""
    with tempfile.NamedTemporaryFile("r") as log:
        strace = ["strace", "-f", "-qq", "--seccomp-bpf", "-s", "400", "-o", log.name]
        strace += ["-e", "trace=execve,execveat,connect,sendto,sendmsg", "-e", "signal=none"]
        done = subprocess.run(strace + command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300)
        lines = log.read().splitlines()
    started = [found[1] for found in map(STARTED.search, lines) if found]
    spoken = {f"{found[2]}:{found[1]}" for found in map(SPOKEN.search, lines) if found}
    assert started and Path(started[0]).name == "rem-ci", f"strace has seen nothing: {lines[:3]} {done.stderr[-500:]}"
    return done, started[1:], spoken


def clean() -> dict:
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }


def bad_files(rem_ci: str) -> None:
    wrong, runs = [], 0
    for case in sorted((ROOT / "tests" / "bad").iterdir()):
        names = sorted(file.stem for file in (case / "environments").iterdir() if file.is_file())
        name = "prod" if "prod" in names else names[0]
        for verb in (["check", name], ["plan", name, "--offline"]):
            done, started, spoken = watched([rem_ci, *verb], case, clean())
            runs += 1
            if started or spoken or done.returncode not in (0, 3, 4):
                wrong.append((case.name, verb, done.returncode, started, sorted(spoken)))
    check(f"{runs} runs over bad files start nothing and speak to nobody", runs > 80 and not wrong, wrong)


def traps(folder: Path) -> tuple:
    """Programs that a plan could start, each of which would leave a mark; a kubeconfig that names one."""
    mark = folder / "mark"
    tools = folder / "tools"
    tools.mkdir()
    for name in ("helm", "kubectl", "aws", "session-manager-plugin", "cosign", "kustomize", "plugin"):
        tool = tools / name
        tool.write_text(f"#!/bin/sh\necho {name} >> '{mark}'\n")
        tool.chmod(0o755)
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(f"""\
apiVersion: v1
kind: Config
current-context: rem-prod
clusters: [{{name: rem-prod, cluster: {{server: "https://127.0.0.1:9"}}}}]
contexts: [{{name: rem-prod, context: {{cluster: rem-prod, user: u}}}}]
users: [{{name: u, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: "{tools}/plugin", interactiveMode: Never}}}}}}]
""")
    return tools, kubeconfig, mark


def live(rem_ci: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        environments = work / "environments"
        environments.mkdir()
        for name in ("base.yaml", "prod.yaml"):
            (environments / name).write_text((ROOT / "environments" / name).read_text())
        git = ["git", "-c", "user.name=t", "-c", "user.email=t@t.example"]
        for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=all"]):
            subprocess.run(git + arguments, cwd=work, check=True)
        env = clean()
        state = work / "region.json"
        applied = subprocess.run(
            [rem_ci, "apply", "prod", f"--sandbox={state}", "--yes", "--quiet"], cwd=work, env=env, capture_output=True, text=True, timeout=600
        )
        assert applied.returncode == 0, applied.stderr[-2000:]
        server = subprocess.Popen([rem_ci, "sandbox", "serve", "--state", str(state)], cwd=work, env=env, stdout=subprocess.PIPE, text=True)
        try:
            env |= exports(server)
            # Whatever the region serves: AWS's one door, and the cluster's.
            own = re.findall(r"127\.0\.0\.1:(\d+)", Path(env["KUBECONFIG"]).read_text() + " " + " ".join(env.values()))
            doors = {f"127.0.0.1:{port}" for port in own}
            tools, kubeconfig, mark = traps(work)
            env |= {"KUBECONFIG": str(kubeconfig), "PATH": f"{tools}:{env['PATH']}", "HELM_PLUGINS": str(tools)}
            for verb in (["plan", "prod"], ["plan", "prod", "--base", "HEAD"], ["drift", "prod"], ["status", "prod"]):
                done, started, spoken = watched([rem_ci, *verb], work, env)
                said = (done.returncode, started, sorted(spoken), sorted(doors), done.stderr[-300:])
                check(f"{' '.join(verb)} starts git at most", {Path(one).name for one in started} <= {"git"}, said)
                check(f"{' '.join(verb)} speaks to the region alone", bool(spoken) and spoken <= doors, said)
                check(f"{' '.join(verb)} got its answers", done.returncode == 0, said)
                check(f"{' '.join(verb)} fell into no trap", not mark.exists(), mark.exists() and mark.read_text())
            # The check sees what it looks for.
            with_git = watched([rem_ci, "plan", "prod", "--base", "HEAD"], work, env)[1]
            check("git is seen where it is started", any(Path(one).name == "git" for one in with_git), with_git)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=30)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rem_ci = str(Path(sys.argv[1]).resolve())
    bad_files(rem_ci)
    live(rem_ci)
    print(f"exec: {failed} failed")
    sys.exit(bool(failed))


main()
