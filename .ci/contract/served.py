"""A served sandbox, for the checks that speak to one."""

import subprocess


def exports(server: subprocess.Popen) -> dict:
    """The environment variables that `rem-ci sandbox serve` prints; KUBECONFIG is the last of them."""
    found = {}
    for line in server.stdout:
        name, _, value = line.strip().removeprefix("export ").partition("=")
        found[name] = value
        if name == "KUBECONFIG":
            break
    return found
