#!/usr/bin/env python3
"""What every fixture truly costs: slow, obvious, and on its own.

    tests/cost/truth.py            writes truths.json
    tests/cost/truth.py --check    says whether truths.json is what it would write
    tests/cost/truth.py NAME...    prints the truth of these fixtures

It reads only JSON: the fixtures, base.json, facts.json, and the price tables in src/cost/data. It shares no code and no method with
rem-ci: node pools are solved by trying everything (every way to fill a node, every sequence of nodes), so that a fixture
has to be small. Money is Decimal throughout.

The rules it follows, in words:
- a month has 730 hours; a line is quantity x price; nothing is rounded;
- a node's memory is its size, less 64 MiB on arm64, less 7.5 % of that (rounded up); from it go 11 MiB per ENI pod
  + 255 MiB (kube-reserved) and 100 MiB (eviction); its cpu loses 6 %, 1 %, 0.5 %, 0.5 % of the first four cores and 0.25 % of each
  further one, each range rounded down to a milli-cpu; pods: the ENI limit, or the node class's maxPods;
- every DaemonSet takes its share of every node; a type too small for them is not used;
- a pod of a workload with `pool` goes there; any other goes to the heaviest pool (then the first by name) whose taints it tolerates;
- `spread: zone` deals the replicas out over the zones, one after the other; a node is in one zone; `spread: host`: one per node;
- a node is the cheapest type that holds its pods, and with minValues enough different types must hold them;
- spot: price x (1 - share x saving); a pool that allows both takes the declared share, a pool that allows one has no choice;
- metal and accelerated types are only used where nothing else is allowed;
- max: the dearest thing the limits allow, on demand, and one more of the dearest node that fits into the limits.
"""
import datetime
import itertools
import json
import pathlib
import sys
from decimal import Decimal
from functools import lru_cache

HERE = pathlib.Path(__file__).parent
DATA = HERE.parent.parent / "src/cost/data"
load = lambda path: json.loads(path.read_text(), parse_float=Decimal)
FACTS, BASE = load(HERE / "facts.json"), load(HERE / "base.json")
PODS = load(DATA / "ec2-pods.json")
GPUS = load(DATA / "gpus.json")["gpus"]
DAEMONS = load(DATA / "daemonsets.json")["daemonsets"]
SERVICES = load(DATA / "services.json")
HOURS = Decimal(FACTS["hours_per_month"])
sys.setrecursionlimit(100000)


def merge(target, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def service(region, key):
    for row in SERVICES:
        if row["region"] == region and row["key"] == key:
            return Decimal(row["usd"])
    return None


def table(region):
    path = DATA / f"ec2-{region}.json"
    return load(path)["instance_types"] if path.exists() else None


# ---- quantities

def quantity(value, scale):
    """A Kubernetes quantity in units of 1/scale; rounded up."""
    text = str(value)
    units = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "m": Decimal("0.001"), "": 1}
    for suffix in ("Ki", "Mi", "Gi", "Ti", "k", "M", "G", "T", "m", ""):
        if text.endswith(suffix):
            exact = Decimal(text[: len(text) - len(suffix)]) * units[suffix] * scale
            return int(exact.to_integral_value(rounding="ROUND_CEILING"))


def requests(workload):
    asked = workload.get("requests", {})
    gpu = workload.get("gpu", asked.get("nvidia.com/gpu", 0))
    return {
        "cpu": quantity(asked.get("cpu", 0), 1000),
        "memory": quantity(asked.get("memory", 0), 1),
        "gpu": int(gpu),
        "pods": 1,
    }


# ---- instance types

def kube_reserved_cpu(vcpu):
    total = 0
    for core in range(min(vcpu, 2)):
        total += [60, 10][core]
    total += int(5 * max(0, min(vcpu, 4) - 2))
    total += int(Decimal("2.5") * max(0, vcpu - 4))
    return total


def labels(name, row):
    usd, vcpu, memory, arch, spot, gpu = row
    family, size = name.split(".", 1)
    letters = "".join(itertools.takewhile(str.isalpha, family))
    rest = family[len(letters):]
    generation = "".join(itertools.takewhile(str.isdigit, rest))
    capabilities = rest[len(generation):].split("-")[0]
    maker = "aws" if arch == "arm64" else "amd" if "a" in capabilities else "intel"
    found = {
        "node.kubernetes.io/instance-type": name,
        "kubernetes.io/arch": {"x86_64": "amd64", "arm64": "arm64"}[arch],
        "kubernetes.io/os": "linux",
        "karpenter.k8s.aws/instance-category": letters,
        "karpenter.k8s.aws/instance-generation": generation,
        "karpenter.k8s.aws/instance-family": family,
        "karpenter.k8s.aws/instance-size": size,
        "karpenter.k8s.aws/instance-cpu": str(vcpu),
        "karpenter.k8s.aws/instance-memory": str(memory),
        "karpenter.k8s.aws/instance-cpu-manufacturer": maker,
        "karpenter.k8s.aws/instance-hypervisor": "" if "metal" in size else "xen" if family in PODS["xen_families"] else "nitro",
    }
    if name in GPUS:
        found["karpenter.k8s.aws/instance-gpu-name"] = GPUS[name][0]
        found["karpenter.k8s.aws/instance-gpu-count"] = str(GPUS[name][1])
        found["karpenter.k8s.aws/instance-gpu-manufacturer"] = "nvidia"
    return found


def matches(requirement, found):
    key, operator, values = requirement["key"], requirement["operator"], requirement.get("values", [])
    if key in ("karpenter.sh/capacity-type",) or key.startswith("topology.kubernetes.io/"):
        return True
    value = found.get(key)
    if operator == "In":
        return value in values
    if operator == "NotIn":
        return value not in values
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    number = int(value) if value is not None and value.isdigit() else None
    if number is None:
        return False
    bound = int(values[0])
    return {"Gt": number > bound, "Lt": number < bound, "Gte": number >= bound, "Lte": number <= bound}[operator]


EXOTIC = ("inf", "trn", "vt", "f", "dl")


def exotic(name, row):
    letters = labels(name, row)["karpenter.k8s.aws/instance-category"]
    return "metal" in name or row[5] or letters in EXOTIC


def allocatable(name, row, node_class, daemons):
    usd, vcpu, memory, arch, spot, gpu = row
    mib = memory - (64 if arch == "arm64" else 0)
    mib -= -(-mib * 75 // 1000)
    eni = PODS["max_pods"][name]
    mib -= 11 * eni + 255 + 100
    kubelet = node_class.get("kubelet", {})
    return {
        "cpu": vcpu * 1000 - kube_reserved_cpu(vcpu) - sum(d["cpu"] for d in daemons),
        "memory": mib * 2**20 - sum(d["memory"] for d in daemons),
        "gpu": GPUS[name][1] if name in GPUS else 0,
        "pods": int(kubelet.get("maxPods", eni)) - len(daemons),
    }


def tolerates(tolerations, taint):
    for t in tolerations:
        if t.get("effect") not in (None, taint["effect"]):
            continue
        if t.get("operator", "Equal") == "Exists":
            if t.get("key") in (None, taint["key"]):
                return True
        elif t.get("key") == taint["key"] and t.get("value", "") == taint.get("value", ""):
            return True
    return False


class Pool:
    def __init__(self, spec, name, types):
        self.name, self.spec = name, spec["nodePools"][name]
        self.node_class = spec["nodeClasses"][self.spec["nodeClass"]]
        self.requirements = self.spec.get("requirements", [])
        self.refused = any(r["key"] == "kubernetes.io/os" and r["operator"] == "In" and "linux" not in r["values"] for r in self.requirements)
        hard = [t for t in self.spec.get("taints", []) if t["effect"] != "PreferNoSchedule"]
        self.taints = hard
        daemons = [{"cpu": d["cpu_milli"], "memory": d["memory_mib"] * 2**20} for a, d in DAEMONS.items() if a in spec["addons"]]
        for w in spec.get("workloads", {}).values():
            if w.get("daemonSet") and all(tolerates(w.get("tolerations", []), t) for t in hard):
                if w.get("pool") in (None, name):
                    daemons.append(requests(w))
        fit = {n: row for n, row in types.items() if all(matches(r, labels(n, row)) for r in self.requirements)}
        plain = {n: row for n, row in fit.items() if not exotic(n, row)}
        self.types = plain or fit
        self.alloc = {n: allocatable(n, row, self.node_class, daemons) for n, row in self.types.items()}
        self.types = {n: row for n, row in self.types.items() if all(v >= 0 for v in self.alloc[n].values())}
        capacity = {"spot", "on-demand"}
        for r in self.requirements:
            if r["key"] == "karpenter.sh/capacity-type":
                given = set(r.get("values", []))
                capacity &= given if r["operator"] == "In" else capacity - given if r["operator"] == "NotIn" else capacity
        self.capacity = capacity
        self.gib = self.node_class.get("volumeGiB", 20)

    def volume(self, region):
        return self.gib * service(region, "ebs.gp3.storage") if service(region, "ebs.gp3.storage") is not None else None


# ---- node pools, by trying everything

def pool_cost(pool, groups, zones, multiplier, region, limits):
    """The least monthly cost of the nodes for these pods. groups: [(requests, count, spread, arch)].
    Returns (cost, nodes, pods that fit nowhere)."""
    volume = pool.volume(region) or Decimal(0)
    kinds, counts = [], []
    homeless = 0
    for need, count, spread, arch in groups:
        usable = [n for n in pool.types if all(need[k] <= pool.alloc[n][k] for k in need)
                  and arch in (None, labels(n, pool.types[n])["kubernetes.io/arch"])]
        if not usable:
            homeless += count
            continue
        if spread == "zone":
            for zone in range(zones):
                share = count // zones + (1 if zone < count % zones else 0)
                if share:
                    kinds.append((need, zone, None, arch))
                    counts.append(share)
        else:
            kinds.append((need, None, 1 if spread == "host" else None, arch))
            counts.append(count)

    @lru_cache(maxsize=None)
    def holders(fill):
        """The types that hold this fill, as (monthly price, name), cheapest first; () if it cannot be on one node."""
        zones_used = {kinds[i][1] for i, n in enumerate(fill) if n and kinds[i][1] is not None}
        if len(zones_used) > 1:
            return ()
        if any(kinds[i][2] is not None and n > kinds[i][2] for i, n in enumerate(fill)):
            return ()
        archs = {kinds[i][3] for i, n in enumerate(fill) if n and kinds[i][3]}
        total = {k: sum(n * kinds[i][0][k] for i, n in enumerate(fill)) for k in ("cpu", "memory", "gpu", "pods")}
        good = []
        for name, row in pool.types.items():
            if archs and {labels(name, row)["kubernetes.io/arch"]} != archs:
                continue
            if all(total[k] <= pool.alloc[name][k] for k in total):
                good.append((Decimal(row[0]) * HOURS * multiplier + volume, name))
        for r in pool.requirements:
            if r.get("minValues"):
                if len({labels(n, pool.types[n]).get(r["key"]) for _, n in good}) < r["minValues"]:
                    return ()
        return tuple(sorted(good))

    def fills(state):
        """Every non-empty fill within the state that has the first pod left (some node must hold it)."""
        first = next(i for i, n in enumerate(state) if n)
        ranges = [range(n + 1) if i != first else range(1, n + 1) for i, n in enumerate(state)]
        for fill in itertools.product(*ranges):
            if holders(fill):
                yield fill

    @lru_cache(maxsize=None)
    def free(state):
        if not any(state):
            return Decimal(0), ()
        best = None
        for fill in fills(state):
            price, name = holders(fill)[0]
            rest, names = free(tuple(a - b for a, b in zip(state, fill)))
            if best is None or price + rest < best[0]:
                best = (price + rest, names + (name,))
        return best

    def size(names):
        return (sum(pool.types[n][1] for n in names), sum(pool.types[n][2] for n in names), len(names))

    def within(used):
        return all(limit is None or u <= limit for u, limit in zip(used, limits))

    start = tuple(counts)
    if not any(start):
        return Decimal(0), [], homeless
    cost, names = free(start)
    if within(size(names)):
        return cost, sorted(names), homeless

    @lru_cache(maxsize=None)
    def bound(state, used):
        """(pods left out, cost, names): as few left out as can be, then the least cost."""
        best = (sum(state), Decimal(0), ())
        if not any(state):
            return best
        first = next(i for i, n in enumerate(state) if n)
        skipped = list(state)
        skipped[first] -= 1
        out, rest, names = bound(tuple(skipped), used)
        best = min(best, (out + 1, rest, names))
        for fill in fills(state):
            seen = set()
            for price, name in holders(fill):
                size_of = (pool.types[name][1], pool.types[name][2])
                if size_of in seen:
                    continue
                seen.add(size_of)
                after = (used[0] + size_of[0], used[1] + size_of[1], used[2] + 1)
                if within(after):
                    out, rest, names = bound(tuple(a - b for a, b in zip(state, fill)), after)
                    best = min(best, (out, price + rest, names + (name,)))
        return best

    out, cost, names = bound(start, (0, 0, 0))
    return cost, sorted(names), homeless + out


def pool_limits(pool):
    given = pool.spec.get("limits", {})
    cpu = quantity(given["cpu"], 1) if "cpu" in given else None
    memory = quantity(given["memory"], 1) // 2**20 if "memory" in given else None
    nodes = int(given["nodes"]) if "nodes" in given else None
    return cpu, memory, nodes


def pool_max(pool, region):
    cpu, memory, nodes = pool_limits(pool)
    volume = pool.volume(region) or Decimal(0)
    price = lambda row: Decimal(row[0]) * HOURS + volume
    if pool.spec.get("replicas") is not None:
        count = nodes if nodes is not None else pool.spec["replicas"]
        return count * max(price(row) for row in pool.types.values())
    if cpu is None and memory is None and nodes is None:
        return None
    rows = [row for row in pool.types.values() if (cpu is None or row[1] <= cpu) and (memory is None or row[2] <= memory)]
    if not rows:
        return Decimal(0)
    over = max(price(row) for row in rows)
    if cpu is None and memory is None:
        return nodes * over + over
    if cpu is None:
        cpu = memory  # a node has less than a cpu per MiB
    best_of = {}
    gib = lambda mib: -(-mib // 1024)
    for row in rows:
        key = (row[1], gib(row[2]) if memory is not None else 0)
        best_of[key] = max(best_of.get(key, Decimal(0)), price(row))
    room = memory // 1024 if memory is not None else 0
    # value[c][m]: the dearest set of nodes within c cpus and m GiB.
    value = [[Decimal(0)] * (room + 1) for _ in range(cpu + 1)]
    for c in range(cpu + 1):
        for m in range(room + 1):
            here = value[c][m]
            for (dc, dm), worth in best_of.items():
                if dc <= c and dm <= m:
                    here = max(here, value[c - dc][m - dm] + worth)
            value[c][m] = here
    return value[cpu][room] + over


def pools(spec, region):
    types = table(region)
    names = spec["nodePools"]
    if types is None:
        return {name: {"idle": None, "expected": None, "max": None} for name in names}
    made = {name: Pool(spec, name, types) for name in names}
    order = sorted((p for p in made.values() if not p.refused), key=lambda p: (-p.spec.get("weight", 0), p.name))
    workloads = {n: w for n, w in spec.get("workloads", {}).items() if not w.get("daemonSet")}
    home, homeless = {}, 0
    for name, w in sorted(workloads.items()):
        fits = []
        # `pool` is the whole of it: the workload selects the pool's label and tolerates its taints.
        for pool in order:
            mine = w.get("pool") in (None, pool.name)
            open_to = w.get("pool") is not None or all(tolerates(w.get("tolerations", []), t) for t in pool.taints)
            need = requests(w)
            holds = any(all(need[k] <= pool.alloc[n][k] for k in need) and w.get("arch") in (None, labels(n, row)["kubernetes.io/arch"]) for n, row in pool.types.items())
            if mine and open_to and (holds or w.get("pool")):
                fits.append(pool.name)
        if fits:
            home[name] = fits[0]
        else:
            homeless += w["replicas"]
    assumed = spec.get("cost", {}).get("assumptions", {})
    saving = Decimal(assumed.get("spotSavingPercent", FACTS["spot_saving_percent"][1])) / 100
    zones = spec.get("network", {}).get("zones", 3)
    result = {}
    for name, pool in made.items():
        if pool.refused or not pool.types:
            result[name] = {"idle": None, "expected": None, "max": None}
            continue
        mine = {n: w for n, w in workloads.items() if home.get(n) == name}

        def cost_of(count_of):
            total, nodes, left = Decimal(0), [], 0
            shares = {}
            for n, w in sorted(mine.items()):
                if pool.capacity == {"spot"}:
                    share = 100
                elif "spot" not in pool.capacity:
                    share = 0
                else:
                    share = w.get("spotSharePercent", assumed.get("spotSharePercent", FACTS["spot_share_percent"]))
                shares.setdefault(share, []).append(w)
            used = [0, 0, 0]
            for share, ws in sorted(shares.items()):
                limits = tuple(None if l is None else l - u for l, u in zip(pool_limits(pool), used))
                multiplier = 1 - Decimal(share) / 100 * saving
                groups = [(requests(w), count_of(w), w.get("spread"), w.get("arch")) for w in ws]
                cost, names, out = pool_cost(pool, groups, zones, multiplier, region, limits)
                total, nodes, left = total + cost, nodes + names, left + out
                used = [used[0] + sum(pool.types[x][1] for x in names), used[1] + sum(pool.types[x][2] for x in names), used[2] + len(names)]
            return total, nodes, left

        if pool.spec.get("replicas") is not None:
            volume = pool.volume(region) or Decimal(0)
            share = 100 if pool.capacity == {"spot"} else assumed.get("spotSharePercent", FACTS["spot_share_percent"])
            multiplier = 1 - (Decimal(share) / 100 * saving if "spot" in pool.capacity else 0)
            cheapest = min((Decimal(row[0]) * HOURS * multiplier + volume, n) for n, row in pool.types.items())
            idle = pool.spec["replicas"] * cheapest[0]
            entry = {"idle": idle, "expected": idle, "max": pool_max(pool, region), "nodes": [cheapest[1]] * pool.spec["replicas"]}
        else:
            idle, _, _ = cost_of(lambda w: w.get("minReplicas", 0))
            expected, nodes, left = cost_of(lambda w: w["replicas"])
            entry = {"idle": idle, "expected": expected if workloads else None, "max": pool_max(pool, region), "nodes": nodes, "left_out": left}
        result[name] = entry
    result_homeless = homeless
    return {**result, **({"": {"left_out": result_homeless}} if result_homeless else {})}


# ---- fixed and usage lines

def fixed(spec, today):
    region = spec["region"]
    price = lambda key: service(region, key) if table(region) is not None else None
    types = table(region) or {}
    lines = {}

    def add(name, quantity, each):
        lines[name] = None if each is None else Decimal(quantity) * each

    standard, extended = FACTS["support"][spec["cluster"]["version"]]
    add("control plane", HOURS, price("eks.control_plane.standard" if today < standard else "eks.control_plane.extended_total"))
    system = spec.get("systemNodes", {})
    kind, count, gib = system.get("instanceType", "t3.medium"), system.get("count", 2), system.get("volumeGiB", 20)
    add("system nodes", HOURS * count, Decimal(types[kind][0]) if kind in types else None)
    add("volumes", count * gib, price("ebs.gp3.storage"))
    network = spec.get("network", {})
    zones = network.get("zones", 3)
    gateways = {"perZone": zones, "single": 1, "none": 0}[network.get("natGateways", "perZone")]
    if gateways:
        add("NAT gateways", HOURS * gateways, price("nat.gateway"))
        add("public IPv4", HOURS * gateways, price("ipv4.public"))
    if spec["cluster"].get("secretsEncryption", True):
        add("KMS keys", 1, price("kms.key"))
    paid = [e for e in network.get("endpoints", ["s3"]) if e not in ("s3", "dynamodb")]
    if network.get("endpoints", ["s3"]):
        add("VPC endpoints", HOURS * zones * len(paid), price("vpce.interface"))
    return lines


def usage(spec):
    region, assumed = spec["region"], spec.get("cost", {}).get("assumptions", {})
    price = lambda key: service(region, key) if table(region) is not None else None
    lines = {}
    has_nat = spec.get("network", {}).get("natGateways", "perZone") != "none"
    if "natGb" in assumed and has_nat:
        lines["NAT data"] = assumed["natGb"] * price("nat.data") if price("nat.data") is not None else None
    if "egressGb" in assumed:
        left, total = assumed["egressGb"], Decimal(0)
        for key, room in (("first_10tb", 10240), ("next_40tb", 40960), ("next_100tb", 102400), ("over_150tb", 10**12)):
            part = min(left, room)
            total, left = total + part * price("data.egress." + key), left - part
        lines["internet egress"] = total
    if "crossAzGb" in assumed:
        lines["cross-zone traffic"] = assumed["crossAzGb"] * 2 * price("data.cross_az")
    if "sqsMillions" in assumed:
        lines["SQS requests"] = assumed["sqsMillions"] * price("sqs.standard")
    return lines


def truth(fixture):
    def side(spec):
        return {"fixed": fixed(spec, fixture["today"]), "usage": usage(spec), "pools": pools(spec, spec["region"])}

    def total(found):
        figures = list(found["fixed"].values()) + list(found["usage"].values()) + [p.get("expected") for p in found["pools"].values()]
        return sum((f for f in figures if f is not None), Decimal(0))

    spec = merge(BASE, fixture["spec"])
    found = side(spec)
    found["total"] = total(found)
    if "base" in fixture:
        found["delta"] = found["total"] - total(side(merge(spec, fixture["base"])))
    return found


def plain(value):
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def main(arguments):
    names = [a for a in arguments if not a.startswith("-")]
    paths = sorted((HERE / "fixtures").glob("*.json"))
    chosen = [p for p in paths if not names or p.stem in names]
    truths = {}
    for path in chosen:
        began = datetime.datetime.now()
        truths[path.stem] = plain(truth(load(path)))
        print(f"{path.stem}: {(datetime.datetime.now() - began).total_seconds():.1f} s", file=sys.stderr)
    text = json.dumps(truths, indent=1, sort_keys=True) + "\n"
    target = HERE / "truths.json"
    if names:
        print(text)
    elif "--check" in arguments:
        if target.read_text() != text:
            sys.exit("truths.json is not what the script finds")
    else:
        target.write_text(text)


main(sys.argv[1:])
