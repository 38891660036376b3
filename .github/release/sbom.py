#!/usr/bin/env python3
"""What the program is made of, as CycloneDX 1.6 JSON: every crate of Cargo.lock with its checksum.

    sbom.py < Cargo.lock > rem-ci-VERSION.cdx.json

Cargo.lock also has crates for other systems and for tests; none of them is left out, so nothing can be forgotten.
"""

import json
import sys
import tomllib


def component(package):
    found = {
        "type": "library",
        "bom-ref": f"{package['name']}@{package['version']}",
        "name": package["name"],
        "version": package["version"],
        "purl": f"pkg:cargo/{package['name']}@{package['version']}",
    }
    if "checksum" in package:
        found["hashes"] = [{"alg": "SHA-256", "content": package["checksum"]}]
    return found


def main():
    packages = tomllib.loads(sys.stdin.read())["package"]
    own = [package for package in packages if package["name"] == "rem-ci" and "source" not in package]
    if len(own) != 1:
        sys.exit("Cargo.lock does not say which package is ours")
    others = [package for package in packages if package is not own[0]]
    unknown = [package["name"] for package in others if "checksum" not in package]
    if unknown:
        sys.exit(f"from no registry, so with no checksum: {', '.join(unknown)}")
    versions = {}
    for package in packages:
        versions.setdefault(package["name"], []).append(package["version"])

    def reference(text):
        name, _, version = text.partition(" ")
        return f"{name}@{version.split()[0] if version else versions[name][0]}"

    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**component(own[0]), "type": "application"}},
        "components": [component(package) for package in others],
        "dependencies": [
            {
                "ref": f"{package['name']}@{package['version']}",
                "dependsOn": sorted(reference(text) for text in package.get("dependencies", [])),
            }
            for package in packages
        ],
    }
    json.dump(document, sys.stdout, indent=1)
    print()


main()
