//! AWS's price lists: GetProducts with credentials, the public bulk files without.

use std::io::{Seek as _, Write as _};

use aws_sdk_pricing::types::{Filter, FilterType};
use http_body_util::BodyExt as _;

use super::config::live;
use super::errors::failed;

/// Where AWS serves its bulk files, with no sign-in (AWS Price List, "Getting price list files manually").
pub const BULK: &str = "https://pricing.us-east-1.amazonaws.com";

/// Largest bulk file that is taken, in bytes: us-east-1's is about half of it.
const LARGEST: u64 = 1 << 30;

/// All products of EC2 that a node of Karpenter's may be billed as, a JSON text each.
///
/// # Errors
/// No credentials, or a call that failed, as a lower-case fragment.
pub async fn products(region: &str) -> Result<Vec<String>, String> {
    // The service lives in few regions and knows of all.
    let config = live("us-east-1").await.map_err(|error| error.to_string())?;
    let client = aws_sdk_pricing::Client::new(&config);
    let mut all = Vec::new();
    // The two questions that Karpenter asks: shared tenancy, and dedicated for bare metal.
    for (tenancy, family) in [("Shared", "Compute Instance"), ("Dedicated", "Compute Instance (bare metal)")] {
        let mut token = None;
        loop {
            let given = [
                ("regionCode", region),
                ("operatingSystem", "Linux"),
                ("preInstalledSw", "NA"),
                ("capacitystatus", "Used"),
                ("marketoption", "OnDemand"),
                ("tenancy", tenancy),
                ("productFamily", family),
            ];
            let mut call = client.get_products().service_code("AmazonEC2").set_next_token(token);
            for (field, value) in given {
                let filter = Filter::builder().r#type(FilterType::TermMatch).field(field).value(value).build();
                call = call.filters(filter.map_err(|error| error.to_string())?);
            }
            let page = call.send().await.map_err(failed("pricing:GetProducts")).map_err(|error| error.to_string())?;
            all.extend(page.price_list.unwrap_or_default());
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
    }
    Ok(all)
}

/// The bulk file of EC2 for a region, in a file that goes with its handle; complete, or an error.
///
/// # Errors
/// Why it could not be had, as a lower-case fragment.
pub async fn bulk(endpoint: &str, region: &str) -> Result<std::fs::File, String> {
    let path = format!("/offers/v1.0/aws/AmazonEC2/current/{region}/index.json");
    let url = format!("{}{path}", endpoint.trim_end_matches('/'));
    let text = |error: &dyn std::fmt::Display| format!("{url}: {error}");
    // The Kubernetes client is a plain HTTP client as long as nobody gives it a token.
    let mut config = kube::Config::new(endpoint.trim_end_matches('/').parse().map_err(|error| text(&error))?);
    config.connect_timeout = Some(std::time::Duration::from_secs(5));
    let client = kube::Client::try_from(config).map_err(|error| text(&error))?;
    let request = http::Request::get(&path).body(kube::client::Body::empty()).map_err(|error| text(&error))?;
    let response = client.send(request).await.map_err(|error| text(&error))?;
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
    Ok(file)
}

/// A file without a name: gone when it is closed, whatever happens.
fn scratch() -> std::io::Result<std::fs::File> {
    use rustix::fs::{Mode, OFlags, open};
    let folder = std::env::temp_dir();
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(open(&folder, flags, Mode::RUSR | Mode::WUSR)?.into())
}
