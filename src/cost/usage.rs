//! The lines that belong to a whole environment: traffic and logs by declared assumption, and what Karpenter may start.
//!
//! They are computed once from the Spec, for what exists: no NAT data without a NAT gateway. A quantity that nobody has
//! declared is a line without quantity: listed, not counted, never taken for 0.

use rust_decimal::Decimal;

use super::line::{Line, LineClass, Rates};
use super::pack::{PoolCost, Pools};
use crate::config::Spec;
use crate::engine::Address;

/// Traffic through NAT gateways.
pub const NAT_DATA: &str = "NAT data";
/// Traffic out to the internet.
pub const EGRESS: &str = "internet egress";
/// Traffic between zones.
pub const CROSS_AZ: &str = "cross-zone traffic";
/// Control-plane logs.
pub const LOGS: &str = "logs";
/// Interruption queue.
pub const SQS: &str = "SQS requests";
/// Traffic through interface endpoints.
pub const ENDPOINT_DATA: &str = "endpoint data";
/// Load balancers that controllers in the cluster make.
pub const LOAD_BALANCERS: &str = "load balancers";
/// Requests to KMS.
pub const KMS_REQUESTS: &str = "KMS requests";
/// What Karpenter may start.
pub const NODE_POOLS: &str = "node pools";

/// Which things that carry usage exist on one side of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// A cluster: nodes that send to the internet and to other zones.
    pub cluster: bool,
    /// A NAT gateway.
    pub nat_gateway: bool,
    /// A control-plane log group.
    pub log_group: bool,
    /// The interruption queue.
    pub queue: bool,
    /// An interface endpoint.
    pub interface_endpoint: bool,
    /// Days that the log group keeps.
    pub retention_days: i32,
}

impl Present {
    /// What stands at the given addresses, by the names of their kinds. Retention is the Spec's, where logs are kept.
    pub fn of<'a>(spec: &Spec, addresses: impl IntoIterator<Item = &'a Address>) -> Self {
        let mut present = Self { retention_days: spec.cluster.logging.retention_days, ..Self::default() };
        for address in addresses {
            let free = matches!(address.key(), Some("s3" | "dynamodb"));
            match address.kind() {
                "cluster" => present.cluster = true,
                "nat-gateway" => present.nat_gateway = true,
                "log-group" => present.log_group = true,
                "queue" | "sqs-queue" => present.queue = true,
                kind if kind.contains("endpoint") && !free => present.interface_endpoint = true,
                _ => {}
            }
        }
        present
    }
}

/// One item of a declared quantity.
struct Usage<'a> {
    key: &'static str,
    component: &'static str,
    declared: Option<u64>,
    assumption: &'a str,
}

impl Usage<'_> {
    fn line(&self, rates: &Rates, item: &str, quantity: Option<Decimal>, unit: &'static str, key: &str) -> Line {
        let unit_price = rates.price(key);
        let note = match (quantity, self.declared, unit_price) {
            (None, _, _) => format!("cost.assumptions.{} is not declared", self.assumption),
            (_, _, None) => rates.no_price(self.component),
            (_, Some(declared), _) => format!("{}: {declared} assumed", self.assumption),
            (_, None, _) => String::new(),
        };
        let line = Line::fixed(self.component, item, Decimal::ZERO, unit, unit_price);
        Line { quantity, class: LineClass::Usage, ..line }.note(note)
    }

    fn address(&self) -> Address {
        Address::single("usage", self.key)
    }

    /// One line, or one per tier where `tiers` (key, size; the last without end) has several.
    fn tiered(&self, rates: &Rates, unit: &'static str, tiers: &[(&str, &str, u64)]) -> (Address, Vec<Line>) {
        let Some(declared) = self.declared else {
            return (self.address(), vec![self.line(rates, tiers[0].1, None, unit, tiers[0].0)]);
        };
        let mut left = declared;
        let mut lines = Vec::new();
        for (key, item, size) in tiers {
            let part = left.min(*size);
            if part > 0 || lines.is_empty() {
                lines.push(self.line(rates, item, Some(Decimal::from(part)), unit, key));
            }
            left -= part;
        }
        (self.address(), lines)
    }
}

/// The usage lines and node-pool lines of one side of a plan.
///
/// Facts: "Amazon EC2 On-Demand Pricing" (data transfer tiers of 10,240, 40,960 and 102,400 GB; a GB between zones is
/// billed once at either end), "Amazon VPC pricing", "AWS PrivateLink pricing", "Amazon CloudWatch pricing", "Amazon SQS
/// pricing". Free tiers belong to the account, not to an environment, and are not applied.
#[must_use]
pub fn environment(spec: &Spec, present: Present, rates: &Rates, pools: &Pools) -> Vec<(Address, Vec<Line>)> {
    const REST: u64 = u64::MAX;
    let assumed = rates.assumptions;
    let mut all = Vec::new();
    let usage = |key, component, declared, assumption| Usage { key, component, declared, assumption };
    if present.nat_gateway {
        let nat = usage("nat-data", NAT_DATA, assumed.nat_gb, "natGb");
        all.push(nat.tiered(rates, "GB", &[("nat.data", "", REST)]));
    }
    if present.cluster {
        let egress = usage("egress", EGRESS, assumed.egress_gb, "egressGb");
        let tiers = [
            ("data.egress.first_10tb", "first 10 TB", 10_240),
            ("data.egress.next_40tb", "next 40 TB", 40_960),
            ("data.egress.next_100tb", "next 100 TB", 102_400),
            ("data.egress.over_150tb", "over 150 TB", REST),
        ];
        all.push(egress.tiered(rates, "GB", &tiers));
        let between = usage("cross-az", CROSS_AZ, assumed.cross_az_gb, "crossAzGb");
        let quantity = between.declared.map(|gb| Decimal::from(gb) * Decimal::TWO);
        let line = between.line(rates, "both ends", quantity, "GB", "data.cross_az");
        all.push((between.address(), vec![line]));
    }
    if present.log_group {
        let logs = usage("logs", LOGS, assumed.logs_gb, "logsGb");
        let taken_in = logs.declared.map(Decimal::from);
        // What is kept once the retention has passed: a day's share of a month, times the days. AWS bills it compressed,
        // by a factor that it does not promise, so this is an upper bound.
        let days = Decimal::from(present.retention_days) * Decimal::from(24) / rates.hours_per_month;
        let kept = taken_in.map(|gb| (gb * days).round_dp(6).normalize());
        let ingest = logs.line(rates, "taken in", taken_in, "GB", "logs.ingest");
        let item = format!("kept {} days, uncompressed", present.retention_days);
        let store = logs.line(rates, &item, kept, "GB-month", "logs.storage");
        all.push((logs.address(), if logs.declared.is_some() { vec![ingest, store] } else { vec![ingest] }));
    }
    if present.queue {
        let queue = usage("sqs", SQS, assumed.sqs_millions, "sqsMillions");
        all.push(queue.tiered(rates, "million", &[("sqs.standard", "", REST)]));
    }
    if present.interface_endpoint {
        let endpoint = usage("endpoint-data", ENDPOINT_DATA, assumed.endpoint_gb, "endpointGb");
        let tiers = [
            ("vpce.data.first_1pb", "first PB", 1_048_576),
            ("vpce.data.next_4pb", "next 4 PB", 4_194_304),
            ("vpce.data.over_5pb", "over 5 PB", REST),
        ];
        all.push(endpoint.tiered(rates, "GB", &tiers));
    }
    if present.cluster {
        // Named only where declared: most clusters have none of ours, and a Secret is rarely read.
        if let Some(count) = assumed.load_balancers {
            all.push(load_balancers(spec, count, rates));
        }
        if assumed.kms_millions.is_some() {
            let kms = usage("kms-requests", KMS_REQUESTS, assumed.kms_millions, "kmsMillions");
            let quantity = kms.declared.map(|millions| Decimal::from(millions) * Decimal::ONE_HUNDRED);
            all.push((kms.address(), vec![kms.line(rates, "", quantity, "10,000", "kms.requests")]));
        }
        let line = |cost: &PoolCost| (Address::keyed("karpenter", "node-pool", &cost.pool), vec![node_pool(cost)]);
        all.extend(pools.pools.iter().map(line));
    }
    all
}

/// Load balancers by the hour, with one public address in each zone. ("Elastic Load Balancing pricing": an Application Load Balancer; its
/// capacity units follow from traffic and are not in it.)
fn load_balancers(spec: &Spec, count: u64, rates: &Rates) -> (Address, Vec<Line>) {
    let zones = match &spec.network.zones {
        crate::config::spec::Zones::Count(count) => u64::from(*count),
        crate::config::spec::Zones::Ids(ids) => ids.len() as u64,
    };
    let balancers =
        Usage { key: "load-balancers", component: LOAD_BALANCERS, declared: Some(count), assumption: "loadBalancers" };
    let lines = vec![
        balancers.line(rates, "capacity units apart", Some(rates.hours(count)), "hour", "alb.hour"),
        balancers.line(rates, "public IPv4", Some(rates.hours(count * zones)), "hour", "ipv4.public"),
    ];
    (balancers.address(), lines)
}

/// A NodePool's line: expected, with idle and max beside it.
#[must_use]
pub fn node_pool(cost: &PoolCost) -> Line {
    let line = Line::fixed(NODE_POOLS, &cost.pool, Decimal::ONE, "month", cost.expected);
    let quantity = cost.expected.map(|_| Decimal::ONE);
    Line { quantity, class: LineClass::NodePool, idle: cost.idle, max: cost.max, ..line }.note(cost.notes.join("; "))
}
