#!/usr/bin/env python3
"""Checks recorded requests against GitHub's own OpenAPI descriptions, as npm's @octokit/openapi ships them.

    github_check.py REQUESTS.jsonl

Each line is {"method", "template", "path", "query", "headers", "version", "body", "status", "answer"}, as
`tests/suite/github_double/record.rs` writes it. The request is judged by itself, not by what the double made of it (`template`
is not used): path, method, path and query parameters, headers, and the body with required and unknown fields. Checked against
github.com's description, and against that of the oldest and newest GitHub Enterprise Server in the package. Then the double:
its answer must be a declared one, without invented fields and with the types of the description; it need not have all of them.
The package is fetched by npm into target/, once; version and digest are pinned here.
"""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

VERSION = "23.0.2"
# As the registry tells it: `npm view @octokit/openapi@23.0.2 dist.integrity`.
INTEGRITY = "pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg=="
DESCRIPTIONS = ["api.github.com", "ghes-3.17", "ghes-3.19"]
API_VERSION = "2022-11-28"
FOLDER = Path(os.environ.get("CONTRACT_OPENAPI", "target/contract-openapi"))


# What the descriptions do not have and GitHub does, each with why we believe it.
MORE = {
    "can_admins_bypass": "in the answers about environments, as many who read them show in public",
    "head.repo: null": "a fork that is gone: `pull-request-simple` says so, `pull-request` forgot",
}


class Wrong(Exception):
    """What does not fit the description."""


# --- the package ---------------------------------------------------------------------------------------------------


def fetched():
    """The package's tarball, checked."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    tarball = FOLDER / f"octokit-openapi-{VERSION}.tgz"
    if not tarball.exists():
        command = ["npm", "pack", "--silent", "--ignore-scripts", f"@octokit/openapi@{VERSION}"]
        subprocess.run(command, cwd=FOLDER, check=True, timeout=300, stdout=subprocess.DEVNULL)
    digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if digest != INTEGRITY:
        tarball.unlink()
        sys.exit(f"{tarball.name} is not the file that is pinned: sha512-{digest}")
    return tarball


def descriptions():
    with tarfile.open(fetched()) as package:
        for name in DESCRIPTIONS:
            yield name, json.load(package.extractfile(f"package/generated/{name}.json"))


# --- schemas -------------------------------------------------------------------------------------------------------

TYPES = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


class Description:
    def __init__(self, document):
        self.document = document
        self.partial = False  # whether required fields may be missing
        self.paths = [(path.split("/"), path, item) for path, item in document["paths"].items()]

    def whole(self, node):
        """A node, or what it refers to."""
        while "$ref" in node:
            at = self.document
            for word in node["$ref"].removeprefix("#/").split("/"):
                at = at[word.replace("~1", "/").replace("~0", "~")]
            node = at
        return node

    def check(self, schema, value, where):
        schema = self.whole(schema)
        if value is None:
            if schema.get("nullable") or schema.get("type") == "null":
                return
            if not any(self.whole(one).get("nullable") for key in ("oneOf", "anyOf") for one in schema.get(key, [])):
                raise Wrong(f"{where}: null")
            return
        schema = self.joined(schema)
        for key in ("oneOf", "anyOf"):
            if key in schema:
                self.any_of(schema[key], value, where)
        kind = schema.get("type")
        if kind and not TYPES[kind](value):
            raise Wrong(f"{where}: {value!r} is not of type {kind}")
        if "enum" in schema and value not in schema["enum"]:
            raise Wrong(f"{where}: {value!r} is none of {schema['enum']}")
        if isinstance(value, str):
            if len(value) > schema.get("maxLength", len(value)) or len(value) < schema.get("minLength", 0):
                raise Wrong(f"{where}: {len(value)} characters")
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if value > schema.get("maximum", value) or value < schema.get("minimum", value):
                raise Wrong(f"{where}: {value} is out of bounds")
        if isinstance(value, list):
            if len(value) > schema.get("maxItems", len(value)) or len(value) < schema.get("minItems", 0):
                raise Wrong(f"{where}: {len(value)} items")
            for at, item in enumerate(value):
                self.check(schema.get("items", {}), item, f"{where}[{at}]")
        if isinstance(value, dict) and kind == "object":
            self.fields(schema, value, where)

    def joined(self, schema):
        """One schema of those that all hold."""
        if "allOf" not in schema:
            return schema
        out = {key: value for key, value in schema.items() if key != "allOf"}
        for one in map(self.joined, map(self.whole, schema["allOf"])):
            out["properties"] = {**one.get("properties", {}), **out.get("properties", {})}
            out["required"] = [*out.get("required", []), *one.get("required", [])]
            out = {**one, **out}
        return out

    def fields(self, schema, value, where):
        known = schema.get("properties", {})
        for name in schema.get("required", []):
            if name not in value and not self.partial:
                raise Wrong(f"{where}.{name} is missing")
        more = schema.get("additionalProperties") or not known
        for name, item in value.items():
            if name in known:
                self.check(known[name], item, f"{where}.{name}")
            elif isinstance(more, dict):
                self.check(more, item, f"{where}.{name}")
            elif not more:
                # GitHub ignores what it does not know; a field that is ignored is a mistake of ours.
                raise Wrong(f"{where}.{name} is unknown")

    def any_of(self, schemas, value, where):
        found = []
        for one in schemas:
            try:
                return self.check(one, value, where)
            except Wrong as wrong:
                found.append(str(wrong))
        raise Wrong(f"{where} fits none of {len(schemas)}: {'; '.join(found)}")

    # --- requests --------------------------------------------------------------------------------------------------

    def operation(self, method, path):
        """The operation that a request is for, its template, and the words in its holes."""
        words = path.split("/")
        found = []
        for holes, template, item in self.paths:
            if len(holes) == len(words) and all(hole.startswith("{") or hole == word for hole, word in zip(holes, words)):
                found.append((sum(hole.startswith("{") for hole in holes), template, item, holes))
        if not found:
            raise Wrong(f"no path is like {path}")
        _, template, item, holes = min(found, key=lambda one: one[0])
        if method.lower() not in item:
            raise Wrong(f"{template} has no {method}")
        given = {hole.strip("{}"): unquote(word) for hole, word in zip(holes, words) if hole.startswith("{")}
        return item, item[method.lower()], template, given

    def request(self, request):
        item, operation, template, given = self.operation(request["method"], request["path"])
        parameters = [self.whole(one) for one in item.get("parameters", []) + operation.get("parameters", [])]
        for place, values in (("path", list(given.items())), ("query", [tuple(pair) for pair in request["query"]])):
            declared = {one["name"]: one for one in parameters if one["in"] == place}
            for name, value in values:
                if name not in declared:
                    raise Wrong(f"{template}: unknown {place} parameter {name}")
                self.check(declared[name]["schema"], self.typed(declared[name]["schema"], value), f"{place} {name}")
            for name, one in declared.items():
                if one.get("required") and name not in dict(values):
                    raise Wrong(f"{template}: {place} parameter {name} is missing")
        self.headers(request, template)
        self.body(operation, request, template)
        return f"{request['method']} {template}"

    def typed(self, schema, text):
        schema = self.whole(schema)
        kinds = {schema.get("type")} | {self.whole(one).get("type") for one in schema.get("oneOf", [])}
        if kinds & {"integer", "number"} and re.fullmatch(r"-?\d+", text):
            return int(text)
        return {"true": True, "false": False}.get(text, text) if kinds == {"boolean"} else text

    @staticmethod
    def headers(request, template):
        for name in ("accept", "authorization", "user-agent"):
            if name not in request["headers"]:
                raise Wrong(f"{template}: no header {name}")
        if request["version"] != [API_VERSION]:
            raise Wrong(f"{template}: x-github-api-version is {request['version']}")
        if request["body"] is not None and "content-type" not in request["headers"]:
            raise Wrong(f"{template}: a body without a type")

    def body(self, operation, request, template):
        expected = self.whole(operation.get("requestBody", {}))
        if request["body"] is None:
            if expected.get("required"):
                raise Wrong(f"{template}: the body is missing")
            return
        if not expected:
            raise Wrong(f"{template}: {request['method']} takes no body")
        self.check(expected["content"]["application/json"]["schema"], request["body"], "body")


    def answer(self, request):
        """What the double said."""
        _, operation, template, _ = self.operation(request["method"], request["path"])
        status, declared = request["status"], operation["responses"]
        if str(status) not in declared:
            # The descriptions leave out refusals that every call may meet.
            if status in (304, 401, 403, 404, 410, 422):
                return
            raise Wrong(f"{template}: {status} is not declared")
        content = self.whole(declared[str(status)]).get("content", {})
        if "application/json" not in content:
            if request["answer"] is not None:
                raise Wrong(f"{template}: {status} has no body")
            return
        self.partial = True
        try:
            self.check(content["application/json"]["schema"], request["answer"], f"answer {status}")
        finally:
            self.partial = False


# --- itself --------------------------------------------------------------------------------------------------------


def refusals():
    """Requests that must not pass: a check that lets them through checks nothing."""
    good = {"headers": ["accept", "authorization", "content-type", "user-agent"], "version": [API_VERSION], "query": []}
    repo = "/repos/octo/infra"
    for method, path, change in [
        ("POST", f"{repo}/issues/7/comments", {"body": {"text": "x"}}),
        ("POST", f"{repo}/issues/7/comments", {"body": {"body": "x", "more": 1}}),
        ("POST", f"{repo}/issues/7/comments", {"body": {"body": 7}}),
        ("POST", f"{repo}/issues/7/comments", {"body": None}),
        ("POST", f"{repo}/issues/seven/comments", {"body": {"body": "x"}}),
        ("POST", f"{repo}/issues/7/comments", {"body": {"body": "x"}, "version": []}),
        ("POST", f"{repo}/issues/7/comments", {"body": {"body": "x"}, "version": [API_VERSION] * 2}),
        ("POST", f"{repo}/issues/7/comments", {"body": {"body": "x"}, "headers": ["accept", "authorization"]}),
        ("POST", f"{repo}/issues/comments/7", {"body": {"body": "x"}}),
        ("GET", f"{repo}/issues/7/remarks", {"body": None}),
        ("GET", f"{repo}/pulls", {"body": None, "query": [["status", "open"]]}),
        ("GET", f"{repo}/pulls", {"body": None, "query": [["state", "opened"]]}),
        ("POST", f"{repo}/statuses/{'0' * 40}", {"body": {"state": "green"}}),
        ("PUT", f"{repo}/environments/prod", {"body": {"deployment_branch_policy": {"protected_branches": True}}}),
    ]:
        yield {**good, "method": method, "path": path, **change}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    if not lines:
        sys.exit("no requests: nothing was checked")
    requests = [json.loads(line) for line in lines]
    passed = failed = 0
    for name, document in descriptions():
        description = Description(document)
        for request in refusals():
            try:
                description.request(request)
            except Wrong:
                continue
            sys.exit(f"this check lets through what it must not: {json.dumps(request)}")
        operations = Counter()
        for request in requests:
            try:
                operations[description.request(request)] += 1
            except Wrong as wrong:
                failed += 1
                print(f"{name}: {request['method']} {request['path']}: {wrong}\n    {json.dumps(request)[:400]}")
        passed += sum(operations.values())
        if name == DESCRIPTIONS[0]:
            for request in requests:
                try:
                    description.answer(request)
                except Wrong as wrong:
                    if any(known in str(wrong) for known in MORE):
                        continue
                    failed += 1
                    print(f"the double: {request['method']} {request['path']}: {wrong}\n    {json.dumps(request['answer'])[:400]}")
        if name == DESCRIPTIONS[0]:
            for operation, count in sorted(operations.items()):
                print(f"{count:6}  {operation}")
    print(f"{len(DESCRIPTIONS)} descriptions of @octokit/openapi {VERSION}: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
