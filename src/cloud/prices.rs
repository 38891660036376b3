//! AWS's price lists: GetProducts with credentials, the public bulk files without; and what spot costs right now.
//!
//! Neither may leave a bill without figures: what cannot be read is told, and the embedded tables stand.

use std::collections::BTreeMap;
use std::io::{Seek as _, Write as _};

use aws_sdk_ec2::types::{
    ArchitectureType, GpuInfo, InstanceTypeHypervisor, InstanceTypeInfo, NetworkCardInfo, UsageClassType,
};
use aws_sdk_pricing::types::{Filter, FilterType};
use aws_smithy_types::DateTime;
use futures_util::future::try_join_all;
use http::StatusCode;
use http_body_util::BodyExt as _;
use rust_decimal::Decimal;

use super::Cloud;
use super::config::live;
use super::errors::failed;
use crate::cost::{AllFacts, InstanceFacts, NodeFacts, services};
use crate::engine::Failure;

/// IAM actions of this room, for the roles that `bootstrap` makes.
pub const ACTIONS: &[&str] = &["ec2:DescribeSpotPriceHistory", "pricing:GetProducts"];

/// Where AWS serves its bulk files, with no sign-in (AWS Price List, "Getting price list files manually").
pub const BULK: &str = "https://pricing.us-east-1.amazonaws.com";

/// Largest bulk file that is taken, in bytes: us-east-1's is about half of it.
const LARGEST: u64 = 1 << 30;

/// All products that a node of Karpenter's may be billed as, and those of the services that an environment uses, a JSON text
/// each. The questions are asked side by side.
///
/// # Errors
/// No credentials, or a call that failed, as a lower-case fragment.
pub async fn products(region: &str) -> Result<Vec<String>, String> {
    // The service lives in few regions and knows of all.
    let config = live("us-east-1").await.map_err(|error| error.to_string())?;
    let client = aws_sdk_pricing::Client::new(&config);
    // The two questions that Karpenter asks: shared tenancy, and dedicated for bare metal.
    let instances = [("Shared", "Compute Instance"), ("Dedicated", "Compute Instance (bare metal)")];
    let instances = instances.map(|(tenancy, family)| {
        let filters = vec![
            ("operatingSystem", "Linux"),
            ("preInstalledSw", "NA"),
            ("capacitystatus", "Used"),
            ("marketoption", "OnDemand"),
            ("tenancy", tenancy),
            ("productFamily", family),
        ];
        ("AmazonEC2", filters)
    });
    let services = services::families().map(|(offer, family)| {
        let mut filters = vec![("productFamily", family)];
        filters.retain(|(_, family)| !family.is_empty());
        // Else every kind of volume.
        if offer == "AmazonEC2" && family != "NAT Gateway" {
            filters.push(("volumeApiName", "gp3"));
        }
        (offer, filters)
    });
    let asked = instances.into_iter().chain(services);
    let asked = asked.map(|(offer, filters)| listed(&client, offer, region, filters));
    Ok(try_join_all(asked).await?.concat())
}

/// All pages of one question.
async fn listed(
    client: &aws_sdk_pricing::Client,
    offer: &str,
    region: &str,
    filters: Vec<(&str, &str)>,
) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    let mut token = None;
    loop {
        let mut call = client.get_products().service_code(offer).set_next_token(token);
        for (field, value) in std::iter::once(&("regionCode", region)).chain(&filters) {
            let filter = Filter::builder().r#type(FilterType::TermMatch).field(*field).value(*value).build();
            call = call.filters(filter.map_err(|error| error.to_string())?);
        }
        let page = call.send().await.map_err(failed("pricing:GetProducts")).map_err(|error| error.to_string())?;
        all.extend(page.price_list.unwrap_or_default());
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(all);
        }
    }
}

/// What EC2 says of every instance type that the region offers.
///
/// # Errors
/// No credentials, or a call that failed, as a lower-case fragment.
pub async fn facts(region: &str) -> Result<AllFacts, String> {
    let config = live(region).await.map_err(|error| error.to_string())?;
    let client = aws_sdk_ec2::Client::new(&config);
    let mut all = AllFacts::new();
    let mut token = None;
    loop {
        let call = client.describe_instance_types().set_next_token(token).send();
        let page = call.await.map_err(failed("ec2:DescribeInstanceTypes")).map_err(|error| error.to_string())?;
        all.extend(page.instance_types().iter().filter_map(facts_of));
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(all);
        }
    }
}

/// `None` where a part is missing, and for architectures that EKS has no nodes of.
fn facts_of(info: &InstanceTypeInfo) -> Option<(String, InstanceFacts)> {
    let network = info.network_info()?;
    let card =
        network.network_cards().iter().find(|card| card.network_card_index() == network.default_network_card_index());
    let interfaces =
        card.and_then(NetworkCardInfo::maximum_network_interfaces).or(network.maximum_network_interfaces())?;
    let addresses = network.ipv4_addresses_per_interface()?;
    let architectures = info.processor_info()?.supported_architectures();
    let arch = if architectures.contains(&ArchitectureType::Arm64) {
        "arm64"
    } else if architectures.contains(&ArchitectureType::X8664) {
        "x86_64"
    } else {
        return None;
    };
    let gpus = info.gpu_info().map(GpuInfo::gpus).unwrap_or_default();
    let nvidia = gpus.iter().find(|gpu| gpu.manufacturer().is_some_and(|maker| maker.eq_ignore_ascii_case("nvidia")));
    let gpu = nvidia.and_then(|gpu| {
        let name = gpu.name()?.to_lowercase().replace(' ', "-");
        Some((name, i64::from(gpu.count()?)))
    });
    let facts = InstanceFacts {
        vcpu: u32::try_from(info.v_cpu_info()?.default_v_cpus()?).ok()?,
        memory_mib: u64::try_from(info.memory_info()?.size_in_mib()?).ok()?,
        arch,
        spot: info.supported_usage_classes().contains(&UsageClassType::Spot),
        accelerated: !gpus.is_empty()
            || info.inference_accelerator_info().is_some()
            || info.neuron_info().is_some()
            || info.fpga_info().is_some()
            || info.media_accelerator_info().is_some(),
        node: NodeFacts {
            pods: NodeFacts::pods(i64::from(interfaces), i64::from(addresses)),
            xen: info.hypervisor() == Some(&InstanceTypeHypervisor::Xen),
            gpu,
        },
    };
    Some((info.instance_type()?.as_str().to_owned(), facts))
}

/// Types in one question for spot prices; EC2 takes no more than a hundred.
const SPOT_TYPES: usize = 100;

/// What spot costs right now: type and USD an hour, one for each zone that has a price.
///
/// # Errors
/// If a call fails.
pub async fn spot(cloud: &Cloud, types: &[String], millis: i64) -> Result<Vec<(String, Decimal)>, Failure> {
    // A start that is the end asks for the prices in force (EC2 API reference, DescribeSpotPriceHistory).
    let now = DateTime::from_millis(millis);
    let mut prices = BTreeMap::new();
    for some in types.chunks(SPOT_TYPES) {
        let mut token = None;
        loop {
            let mut call = cloud.ec2.describe_spot_price_history().product_descriptions("Linux/UNIX");
            call = call.start_time(now).end_time(now).set_next_token(token);
            for one in some {
                call = call.instance_types(one.as_str().into());
            }
            let page = call.send().await.map_err(failed("ec2:DescribeSpotPriceHistory"))?;
            for row in page.spot_price_history() {
                let price = row.spot_price().and_then(|price| price.parse::<Decimal>().ok());
                let (Some(kind), Some(zone), Some(price)) = (row.instance_type(), row.availability_zone(), price)
                else {
                    continue;
                };
                prices.entry((kind.as_str().to_owned(), zone.to_owned())).or_insert(price);
            }
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
    }
    Ok(prices.into_iter().map(|((kind, _), price)| (kind, price)).collect())
}

/// The bulk file of an offer for a region, in a file that goes with its handle; complete, or an error. `None` where the offer
/// has no such file: S3 says 403 of what is not there to whoever may not list.
///
/// # Errors
/// Why it could not be had, as a lower-case fragment.
pub async fn bulk(endpoint: &str, offer: &str, region: &str) -> Result<Option<std::fs::File>, String> {
    let path = format!("/offers/v1.0/aws/{offer}/current/{region}/index.json");
    let url = format!("{}{path}", endpoint.trim_end_matches('/'));
    let text = |error: &dyn std::fmt::Display| format!("{url}: {error}");
    // The Kubernetes client is a plain HTTP client as long as nobody gives it a token.
    let mut config = kube::Config::new(endpoint.trim_end_matches('/').parse().map_err(|error| text(&error))?);
    config.connect_timeout = Some(std::time::Duration::from_secs(5));
    let client = kube::Client::try_from(config).map_err(|error| text(&error))?;
    let request = http::Request::get(&path).body(kube::client::Body::empty()).map_err(|error| text(&error))?;
    let response = client.send(request).await.map_err(|error| text(&error))?;
    if matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::FORBIDDEN) {
        return Ok(None);
    }
    if !response.status().is_success() {
        return Err(format!("{url}: status {}", response.status().as_u16()));
    }
    let announced =
        response.headers().get("content-length").and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let mut body = response.into_body();
    let mut file = scratch().map_err(|error| text(&error))?;
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| text(&error))?;
        let Some(data) = frame.data_ref() else { continue };
        read += data.len() as u64;
        if read > LARGEST {
            return Err(format!("{url}: larger than 1 GiB"));
        }
        file.write_all(data).map_err(|error| text(&error))?;
    }
    if announced.is_some_and(|announced| announced != read) {
        return Err(format!("{url}: it ended after {read} of {} bytes", announced.unwrap_or_default()));
    }
    file.rewind().map_err(|error| text(&error))?;
    Ok(Some(file))
}

/// A file without a name: gone when it is closed, whatever happens.
fn scratch() -> std::io::Result<std::fs::File> {
    use rustix::fs::{Mode, OFlags, open};
    let folder = std::env::temp_dir();
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(open(&folder, flags, Mode::RUSR | Mode::WUSR)?.into())
}
