#!/usr/bin/env python3
"""Do the NodePools and EC2NodeClasses of a sandbox file fit Karpenter's own definitions?

usage: crd_check.py CRD_DIR SANDBOX.json

CRD_DIR holds karpenter.sh_nodepools.yaml and karpenter.k8s.aws_ec2nodeclasses.yaml of some version (pkg/apis/crds of the
karpenter-provider-aws repository). They are not part of this one, so the check runs only where their place is given. The schema is taken
strictly (an unknown field is an error), and every rule in CEL that speaks of one object alone is evaluated; defaults are not needed.
Wants PyYAML, jsonschema and cel-python.
"""

import json
import pathlib
import re
import sys

import celpy
import jsonschema
import yaml

KINDS = {"nodepools.karpenter.sh": "karpenter.sh_nodepools.yaml", "ec2nodeclasses.karpenter.k8s.aws": "karpenter.k8s.aws_ec2nodeclasses.yaml"}


def strict(schema):
    """A structural schema as JSON Schema: nothing that it does not name, numbers where quantities may be."""
    schema = dict(schema)
    if schema.pop("x-kubernetes-int-or-string", False):
        schema.pop("type", None)
        schema.pop("anyOf", None)
        return {"anyOf": [{"type": "integer"}, {"type": "string", **({"pattern": schema["pattern"]} if "pattern" in schema else {})}]}
    # Names of JSON Schema formats mean other things here.
    schema.pop("format", None)
    if "properties" in schema:
        schema["properties"] = {name: strict(inner) for name, inner in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema["additionalProperties"] = False
    elif isinstance(schema.get("additionalProperties"), dict):
        schema["additionalProperties"] = strict(schema["additionalProperties"])
    if isinstance(schema.get("items"), dict):
        schema["items"] = strict(schema["items"])
    return schema


def find(text, pattern):
    """Kubernetes' own string function: the first match, or nothing."""
    match = re.search(str(pattern), str(text))
    return celpy.celtypes.StringType(match.group(0) if match else "")


def split(text, separator):
    """Kubernetes' own string function."""
    return celpy.celtypes.ListType([celpy.celtypes.StringType(part) for part in str(text).split(str(separator))])


class Rules:
    """The rules in CEL of a schema, wherever they stand."""

    def __init__(self):
        self.environment = celpy.Environment()
        self.ran, self.skipped, self.broken = 0, set(), []

    def walk(self, schema, value, path):
        for rule in schema.get("x-kubernetes-validations", []):
            self.one(rule, value, path)
        if isinstance(value, dict):
            for name, inner in value.items():
                below = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
                if isinstance(below, dict):
                    self.walk(below, inner, f"{path}.{name}")
        elif isinstance(value, list) and isinstance(schema.get("items"), dict):
            for index, inner in enumerate(value):
                self.walk(schema["items"], inner, f"{path}[{index}]")

    def one(self, rule, value, path):
        text = rule["rule"]
        if "oldSelf" in text:
            return
        try:
            program = self.environment.program(self.environment.compile(text), functions={"find": find, "split": split})
            holds = program.evaluate({"self": celpy.json_to_cel(value)})
        except Exception as error:  # what this CEL cannot do (Kubernetes' own functions) is listed, not hidden
            self.skipped.add(f"{text}: {type(error).__name__}")
            return
        self.ran += 1
        if not holds:
            self.broken.append(f"{path}: {rule.get('message', text)}")


def main():
    folder, state = pathlib.Path(sys.argv[1]), json.loads(pathlib.Path(sys.argv[2]).read_text())
    found, wrong = 0, []
    rules = Rules()
    regions = [region for account in state["accounts"].values() for region in account["regions"].values()]
    clusters = [cluster for region in regions for cluster in region.get("kube", {}).get("clusters", {}).values()]
    for resource, file in KINDS.items():
        definition = yaml.safe_load((folder / file).read_text())
        version = next(one for one in definition["spec"]["versions"] if one["name"] == "v1")
        schema = version["schema"]["openAPIV3Schema"]
        spec = schema["properties"]["spec"]
        checker = jsonschema.Draft202012Validator(strict(spec))
        for cluster in clusters:
            for stored in cluster["store"]["objects"].get(resource, {}).values():
                found += 1
                name = f"{resource}/{stored['metadata']['name']}"
                wrong += [f"{name}{error.json_path[1:]}: {error.message}" for error in checker.iter_errors(stored["spec"])]
                rules.walk(spec, stored["spec"], f"{name}.spec")
    wrong += rules.broken
    print(f"{found} objects, {rules.ran} rules evaluated, {len(rules.skipped)} that this CEL cannot evaluate")
    for line in sorted(rules.skipped):
        print(f"  not evaluated: {line}")
    for line in wrong:
        print(f"  wrong: {line}")
    if found == 0:
        print("  wrong: nothing to check; apply an environment first")
    sys.exit(1 if wrong or found == 0 or rules.ran == 0 else 0)


main()
