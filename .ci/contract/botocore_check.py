#!/usr/bin/env python3
"""Checks recorded requests against AWS's own API models, as PyPI's botocore ships them.

    botocore_check.py REQUESTS.jsonl

Each line is {"service", "operation", "params", "headers", "method", "path", "body"} (body in base64), as the sandbox's
recorder writes it. Only the wire is judged: method, path, headers and body are parsed back by the model of the operation,
then names, required members, types, lengths and enumerations are checked. `params` is the sandbox's own reading and is
not used. The first run makes a virtual environment in target/contract-venv.
"""

import base64
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree

VENV = Path(os.environ.get("CONTRACT_VENV", "target/contract-venv"))


def enter_venv():
    """Runs this script again inside the virtual environment, if botocore is not here."""
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    has = subprocess.run([str(python), "-c", "import botocore"], capture_output=True, check=False)
    if has.returncode:
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "botocore"], check=True)
    os.execv(str(python), [str(python), *sys.argv])


try:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel
    from botocore.validate import ParamValidator
except ImportError:
    enter_venv()


class Wrong(Exception):
    """What does not fit the model."""


def scalar(shape, text, where):
    """A text of the wire as the type that the model says."""
    kind = shape.type_name
    if kind in ("integer", "long"):
        if not re.fullmatch(r"-?\d+", text):
            raise Wrong(f"{where}: {text!r} is not a whole number")
        return int(text)
    if kind in ("float", "double"):
        return float(text)
    if kind == "boolean":
        if text not in ("true", "false"):
            raise Wrong(f"{where}: {text!r} is not true or false")
        return text == "true"
    if kind in ("structure", "list", "map"):
        raise Wrong(f"{where}: a value where the model has a {kind}")
    return text


# --- query and EC2 -------------------------------------------------------------------------------------------------


def tree(pairs):
    """`A.1.B=c` as {"A": {"1": {"B": "c"}}}."""
    root = {}
    for key, value in pairs:
        at = root
        *path, last = key.split(".")
        for part in path:
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                raise Wrong(f"{key}: both a value and a structure")
        if last in at:
            raise Wrong(f"{key}: said twice")
        at[last] = value
    return root


def numbered(node, where):
    """The items of {"1": …, "2": …}."""
    if not isinstance(node, dict):
        raise Wrong(f"{where}: a value where the model has a list")
    if sorted(node, key=lambda key: int(key) if key.isdigit() else -1) != [str(at + 1) for at in range(len(node))]:
        raise Wrong(f"{where}: list items are not numbered from 1 on: {sorted(node)}")
    return [node[str(at + 1)] for at in range(len(node))]


def query_name(member, shape, ec2):
    given = shape.serialization
    if not ec2:
        # A flattened list is named by its items.
        if shape.type_name == "list" and given.get("flattened") and "name" in shape.member.serialization:
            return shape.member.serialization["name"]
        return given.get("name", member)
    if "queryName" in given:
        return given["queryName"]
    name = given.get("name", member)
    return name[0].upper() + name[1:]


def query_value(shape, node, where, ec2):
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(node, dict):
            raise Wrong(f"{where}: a value where the model has a structure")
        names = {query_name(member, inner, ec2): (member, inner) for member, inner in shape.members.items()}
        out = {}
        for key, inner_node in node.items():
            if key not in names:
                raise Wrong(f"{where}: unknown parameter {key}")
            member, inner = names[key]
            out[member] = query_value(inner, inner_node, f"{where}.{member}", ec2)
        return out
    if kind == "list":
        if not ec2 and not shape.serialization.get("flattened"):
            if node == "":
                return []  # an empty list
            item = shape.member.serialization.get("name", "member")
            if not isinstance(node, dict) or list(node) != [item]:
                raise Wrong(f"{where}: items are not under {item}")
            node = node[item]
        return [query_value(shape.member, item, where, ec2) for item in numbered(node, where)]
    if kind == "map":
        node = node if shape.serialization.get("flattened") else node.get("entry", {})
        entries = numbered(node, where)
        key = shape.key.serialization.get("name", "key")
        value = shape.value.serialization.get("name", "value")
        return {entry[key]: query_value(shape.value, entry[value], where, ec2) for entry in entries}
    if not isinstance(node, str):
        raise Wrong(f"{where}: a structure where the model has a {kind}")
    return scalar(shape, node, where)


def parse_query(model, operation, request, body):
    pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    root = tree(pairs)
    if root.pop("Action", None) != operation.name:
        raise Wrong("Action is not the operation")
    if root.pop("Version", None) != model.metadata["apiVersion"]:
        raise Wrong("Version is not the API's")
    if request["method"] != "POST":
        raise Wrong(f"method {request['method']}")
    if operation.input_shape is None:
        return {}
    return query_value(operation.input_shape, root, "input", model.metadata["protocol"] == "ec2")


# --- JSON ----------------------------------------------------------------------------------------------------------


def json_value(shape, value, where):
    """Wire names as member names; the validator checks the rest."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict) and not getattr(shape, "is_document_type", False):
        names = {inner.serialization.get("name", member): (member, inner) for member, inner in shape.members.items()}
        out = {}
        for key, inner_value in value.items():
            if inner_value is None:
                raise Wrong(f"{where}.{key}: null")
            if key not in names:
                raise Wrong(f"{where}: unknown member {key}")
            member, inner = names[key]
            out[member] = json_value(inner, inner_value, f"{where}.{member}")
        return out
    if kind == "list" and isinstance(value, list):
        return [json_value(shape.member, item, where) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {key: json_value(shape.value, item, f"{where}[{key}]") for key, item in value.items()}
    return value


def parse_json(model, operation, request, body):
    headers = request["headers"]
    target = f"{model.metadata['targetPrefix']}.{operation.name}"
    if headers.get("x-amz-target") != target:
        raise Wrong(f"x-amz-target is {headers.get('x-amz-target')!r}, not {target!r}")
    kind = f"application/x-amz-json-{model.metadata['jsonVersion']}"
    if headers.get("content-type") != kind:
        raise Wrong(f"content-type is {headers.get('content-type')!r}, not {kind!r}")
    if request["method"] != "POST" or urlsplit(request["path"]).path != "/":
        raise Wrong(f"{request['method']} {request['path']}, not POST /")
    value = json.loads(body or b"{}")
    return json_value(operation.input_shape, value, "input") if operation.input_shape is not None else value


# --- REST ----------------------------------------------------------------------------------------------------------


def xml_value(shape, node, where):
    kind = shape.type_name
    if kind == "structure":
        out = {}
        names = {}
        for member, inner in shape.members.items():
            flat = inner.type_name == "list" and inner.serialization.get("flattened")
            given = inner.serialization.get("name", member)
            names[inner.member.serialization.get("name", given) if flat else given] = (member, inner, flat)
        for child in node:
            tag = child.tag.split("}")[-1]
            if tag not in names:
                raise Wrong(f"{where}: unknown element {tag}")
            member, inner, flat = names[tag]
            if flat:
                out.setdefault(member, []).append(xml_value(inner.member, child, f"{where}.{member}"))
            else:
                out[member] = xml_value(inner, child, f"{where}.{member}")
        return out
    if kind == "list":
        return [xml_value(shape.member, child, where) for child in node]
    return scalar(shape, node.text or "", where)


def parse_rest(model, operation, request, body):
    wanted, parts = operation.http, urlsplit(request["path"])
    shape = operation.input_shape
    if request["method"] != wanted["method"]:
        raise Wrong(f"method {request['method']}, not {wanted['method']}")
    path, _, constants = wanted["requestUri"].partition("?")
    pattern = re.sub(r"\\\{(\w+)(\\\+)?\\\}", lambda m: f"(?P<{m[1]}>{'.+' if m[2] else '[^/]+'})", re.escape(path))
    have = parts.path
    host = request["headers"].get("host", "")
    if model.service_name == "s3" and ".s3." in host:
        have = f"/{host.split('.s3.')[0]}{parts.path}"
    found = re.fullmatch(pattern.rstrip("/") + "/?", have)
    if not found:
        raise Wrong(f"path {have} does not fit {wanted['requestUri']}")
    query = parse_qsl(parts.query, keep_blank_values=True)
    for pair in parse_qsl(constants, keep_blank_values=True):
        if pair not in query:
            raise Wrong(f"the query lacks {pair}")
        query.remove(pair)
    query = [pair for pair in query if pair[0] != "x-id"]
    if shape is None:
        return {}
    out, inner_body = {}, {}
    headers = request["headers"]
    by_query = {}
    for member, inner in shape.members.items():
        place = inner.serialization.get("location")
        name = inner.serialization.get("name", member)
        if place == "uri":
            out[member] = scalar(inner, unquote(found[name]), member)
        elif place == "querystring":
            by_query[name] = (member, inner)
        elif place == "header" and name.lower() in headers:
            out[member] = scalar(inner, headers[name.lower()], member)
        elif place == "headers":
            cut = len(name)
            out[member] = {key[cut:]: value for key, value in headers.items() if key.startswith(name.lower())} or None
        elif place is None:
            inner_body[member] = inner
    out = {member: value for member, value in out.items() if value is not None}
    for name, text in query:
        if name not in by_query:
            raise Wrong(f"unknown query parameter {name}")
        member, inner = by_query[name]
        if inner.type_name == "list":
            out.setdefault(member, []).append(scalar(inner.member, text, member))
        else:
            out[member] = scalar(inner, text, member)
    payload = shape.serialization.get("payload")
    if payload:
        inner = shape.members[payload]
        if inner.type_name == "structure":
            if body:
                out[payload] = (
                    xml_value(inner, ElementTree.fromstring(body), payload)
                    if model.metadata["protocol"] == "rest-xml"
                    else json_value(inner, json.loads(body), payload)
                )
        elif body:
            out[payload] = body if inner.type_name == "blob" else body.decode()
    elif body and model.metadata["protocol"] == "rest-json":
        value = json.loads(body)
        names = {inner.serialization.get("name", member): (member, inner) for member, inner in inner_body.items()}
        for key, inner_value in value.items():
            if key not in names:
                raise Wrong(f"unknown member {key}")
            member, inner = names[key]
            out[member] = json_value(inner, inner_value, member)
    elif body:
        raise Wrong("a body where the model has none")
    return out


# --- all of it -----------------------------------------------------------------------------------------------------


def enums(shape, value, where):
    """Values that are none of the model's enumeration."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        for member, inner in value.items():
            yield from enums(shape.members[member], inner, f"{where}.{member}")
    elif kind == "list" and isinstance(value, list):
        for item in value:
            yield from enums(shape.member, item, where)
    elif kind == "map" and isinstance(value, dict):
        for key, item in value.items():
            yield from enums(shape.key, key, where)
            yield from enums(shape.value, item, f"{where}[{key}]")
    elif kind == "string" and getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{where}: {value!r} is none of {sorted(shape.enum)[:12]}"


PARSERS = {"ec2": parse_query, "query": parse_query, "json": parse_json, "rest-json": parse_rest, "rest-xml": parse_rest}
LOADER, MODELS = Loader(), {}


def model_of(service):
    if service not in MODELS:
        MODELS[service] = ServiceModel(LOADER.load_service_model(service, "service-2"), service)
    return MODELS[service]


def model_name(request):
    """The model of a request: both generations of Elastic Load Balancing sign with one name and differ in the version they state."""
    if request["service"] != "elasticloadbalancing":
        return request["service"]
    version = dict(parse_qsl(base64.b64decode(request["body"]).decode())).get("Version")
    return "elbv2" if version == "2015-12-01" else "elb"


def check(request):
    """What is wrong with one request; nothing if it is right."""
    try:
        model = model_of(model_name(request))
        if request["operation"] not in model.operation_names:
            return f"{request['service']} has no operation {request['operation']}"
        operation = model.operation_model(request["operation"])
        params = PARSERS[model.metadata["protocol"]](model, operation, request, base64.b64decode(request["body"]))
        if operation.input_shape is None:
            return f"unexpected parameters {params}" if params else ""
        report = ParamValidator().validate(params, operation.input_shape)
        problems = [report.generate_report()] if report.has_errors() else []
        return "\n".join(problems + list(enums(operation.input_shape, params, "input")))
    except Wrong as wrong:
        return str(wrong)
    except (ValueError, KeyError, TypeError, AttributeError, ElementTree.ParseError) as error:
        return f"cannot be parsed back: {type(error).__name__}: {error}"


def main(path):
    passed, failed, seen = 0, 0, Counter()
    problems = Counter()
    with open(path, encoding="utf-8") as lines:
        for line in filter(str.strip, lines):
            request = json.loads(line)
            name = f"{request['service']}:{request['operation']}"
            seen[name] += 1
            why = check(request)
            if why:
                failed += 1
                problems[f"{name}: {why}"] += 1
            else:
                passed += 1
    for why, times in problems.items():
        print(f"FAIL ({times}x) {why}")
    print(f"{len(seen)} operations of {len({name.split(':')[0] for name in seen})} services")
    print(f"botocore: {passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
