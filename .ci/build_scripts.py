#!/usr/bin/env python3
"""Which crates run code of theirs on the machine that builds us: build scripts and procedural macros.

    build_scripts.py LIST            compares with LIST, a line `KIND NAME` each; a difference either way is a failure
    build_scripts.py LIST --write    writes it, for a person to look at what is new before it is committed

A new version of a crate that is in the list passes: Cargo.lock's checksum and review are the guard there.
"""

import json
import subprocess
import sys

KINDS = {"custom-build": "build-script", "proc-macro": "macro"}


def found():
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"]
    packages = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["packages"]
    return sorted(
        {
            f"{KINDS[kind]} {package['name']}"
            for package in packages
            for target in package["targets"]
            for kind in target["kind"]
            if kind in KINDS
        }
    )


def main():
    path = sys.argv[1]
    now = found()
    if "--write" in sys.argv[2:]:
        with open(path, "w") as file:
            file.write("\n".join(now) + "\n")
        return
    with open(path) as file:
        known = file.read().split("\n")[:-1]
    new, gone = sorted(set(now) - set(known)), sorted(set(known) - set(now))
    for line in new:
        print(f"new, and not looked at: {line}")
    for line in gone:
        print(f"in {path}, but no longer there: {line}")
    print(f"build scripts and macros: {len(now)}, {len(new)} new, {len(gone)} gone")
    sys.exit(1 if new or gone else 0)


main()
