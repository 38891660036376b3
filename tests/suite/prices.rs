//! `rem-ci prices`, the real binary, against price lists at the wire: the bulk format and GetProducts, whole, torn and absurd.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Read as _, Write as _};
use std::net::TcpListener;

use rust_decimal::Decimal;

use crate::cli::{Place, document, run};

/// Twenty-five types, some with another price than us-east-1 has.
fn products(factor: u32) -> BTreeMap<String, serde_json::Value> {
    let book = rem_ci::cost::Book::embedded("us-east-1").expect("a book");
    let of = |(name, price): (&str, &rem_ci::cost::InstancePrice)| {
        let usd = price.usd_per_hour * rust_decimal::Decimal::from(factor);
        let product = serde_json::json!({
            "sku": name, "productFamily": "Compute Instance",
            "attributes": {"instanceType": name, "vcpu": "2", "memory": "8 GiB", "operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA",
                           "capacitystatus": "Used", "regionCode": "eu-west-1", "marketoption": "OnDemand", "physicalProcessor": "x"},
        });
        let term = serde_json::json!({"x.y": {"priceDimensions": {"z": {"unit": "Hrs", "pricePerUnit": {"USD": usd.to_string()}}}}});
        (name.to_owned(), serde_json::json!({"product": product, "term": term}))
    };
    book.instances()
        .filter(|(name, _)| name.starts_with("m7i.") || name.starts_with("m6i") || name.starts_with("c7i."))
        .map(of)
        .collect()
}

/// What the lists of services say of a region, as AWS shapes them: offer, family, usage type, unit, and USD by where a tier begins.
type Listed = (&'static str, &'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Those of eu-west-1.
const SERVICES: [Listed; 14] = [
    ("AmazonEKS", "Compute", "EU-AmazonEKS-Hours:perCluster", "Hours", &[("0", "0.1000000000")]),
    ("AmazonEKS", "Compute", "EU-AmazonEKS-Hours:extendedSupport", "Hours", &[("0", "0.5000000000")]),
    ("AmazonEC2", "NAT Gateway", "EU-NatGateway-Hours", "Hrs", &[("0", "0.0480000000")]),
    ("AmazonEC2", "NAT Gateway", "EU-NatGateway-Bytes", "GB", &[("0", "0.0480000000")]),
    ("AmazonEC2", "Storage", "EU-EBS:VolumeUsage.gp3", "GB-Mo", &[("0", "0.0880000000")]),
    ("AmazonEC2", "Storage", "EU-EBS:VolumeUsage.gp2", "GB-Mo", &[("0", "0.1100000000")]),
    ("AmazonEC2", "Provisioned Throughput", "EU-EBS:VolumeP-Throughput.gp3", "GiBps-mo", &[("0", "45.0560000000")]),
    ("AmazonVPC", "", "EU-PublicIPv4:InUseAddress", "Hrs", &[("0", "0.0050000000")]),
    ("AmazonVPC", "VpcEndpoint", "EU-VpcEndpoint-Hours", "Hrs", &[("0", "0.0110000000")]),
    (
        "AmazonVPC",
        "VpcEndpoint",
        "EU-VpcEndpoint-Bytes",
        "GB",
        &[("0", "0.0100000000"), ("1048576", "0.0060000000"), ("5242880", "0.0040000000")],
    ),
    ("awskms", "Encryption Key", "eu-west-1-KMS-Keys", "Keys", &[("0", "1.0000000000")]),
    ("AmazonCloudWatch", "Data Payload", "EU-DataProcessing-Bytes", "GB", &[("0", "0.5700000000")]),
    ("AmazonCloudWatch", "Data Payload", "EU-VendedLog-Bytes", "GB", &[("0", "0.5700000000")]),
    ("AWSQueueService", "API Request", "EU-Requests-Tier1", "Requests", &[("0", "0.0000004000")]),
];

/// Product and term of a service's price.
fn service(row: usize) -> (serde_json::Value, serde_json::Value) {
    let (_, family, usage, unit, tiers) = SERVICES[row];
    let mut product = serde_json::json!({
        "sku": usage, "attributes": {"usagetype": usage, "regionCode": "eu-west-1", "operation": "x"},
    });
    if !family.is_empty() {
        product["productFamily"] = family.into();
    }
    let dimensions: serde_json::Map<String, serde_json::Value> = tiers
        .iter()
        .map(|(from, usd)| {
            let dimension =
                serde_json::json!({"unit": unit, "beginRange": from, "endRange": "Inf", "pricePerUnit": {"USD": usd}});
            (format!("{usage}.{from}"), dimension)
        })
        .collect();
    (product, serde_json::json!({"x.y": {"priceDimensions": dimensions}}))
}

/// The bulk file of an offer.
fn list(offer: &str, factor: u32) -> String {
    let (mut sold, mut terms) = (serde_json::Map::new(), serde_json::Map::new());
    if offer == "AmazonEC2" {
        for (name, both) in products(factor) {
            sold.insert(name.clone(), both["product"].clone());
            terms.insert(name, both["term"].clone());
        }
        let mut windows = sold["m7i.large"].clone();
        windows["attributes"]["operatingSystem"] = "Windows".into();
        sold.insert("windows".to_owned(), windows);
    }
    for row in (0..SERVICES.len()).filter(|row| SERVICES[*row].0 == offer) {
        let (product, term) = service(row);
        sold.insert(format!("service-{row}"), product);
        terms.insert(format!("service-{row}"), term);
    }
    serde_json::json!({
        "formatVersion": "v1.0", "offerCode": offer, "version": "20261120", "publicationDate": "2026-11-20T10:00:00Z",
        "products": sold, "terms": {"OnDemand": terms, "Reserved": {"a": {}}},
    })
    .to_string()
}

fn bulk(factor: u32) -> String {
    list("AmazonEC2", factor)
}

/// The list that a request asks for.
fn asked(head: &str, factor: u32) -> String {
    let path = head.split(' ').nth(1).expect("a path");
    let offer =
        path.strip_prefix("/offers/v1.0/aws/").and_then(|rest| rest.strip_suffix("/current/eu-west-1/index.json"));
    list(offer.unwrap_or_else(|| panic!("{head}")), factor)
}

/// Serves whatever `answer` makes of a request's head and body, until the process ends.
fn serve(answer: impl Fn(&str, &str) -> (String, Option<usize>) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut read = Vec::new();
            let mut chunk = [0; 4096];
            let (head, body) = loop {
                let Ok(count) = stream.read(&mut chunk) else { break (String::new(), String::new()) };
                read.extend_from_slice(&chunk[..count]);
                let text = String::from_utf8_lossy(&read).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head
                    .to_lowercase()
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
                if count == 0 || body.len() >= length.unwrap_or(0) {
                    break (head.to_owned(), body.to_owned());
                }
            };
            let (text, cut) = answer(&head, &body);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                text.len()
            );
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&text.as_bytes()[..cut.unwrap_or(text.len())]);
        }
    });
    format!("http://{address}")
}

fn tables(place: &Place) -> Vec<String> {
    let Ok(folder) = std::fs::read_dir(place.path().join("prices")) else { return Vec::new() };
    let mut names: Vec<String> =
        folder.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn the_bulk_file_becomes_a_table_that_prices_a_new_region() {
    let place = Place::new();
    let server = serve(|head, _| (asked(head, 2), None));
    let refresh = place.ends(0, &["prices", "refresh", "eu-west-1", "--from", &server]);
    assert!(
        refresh.out.contains("eu-west-1: ") && refresh.out.contains(" of 2026-11-20: 0 prices changed"),
        "{}",
        refresh.out
    );
    assert_eq!(tables(&place), ["ec2-eu-west-1.json"]);
    let shown = document(&place.ends(0, &["prices", "show", "eu-west-1", "ap-south-1", "--format", "json"]));
    assert_eq!(
        (&shown["regions"][0]["date"], &shown["regions"][1]["date"]),
        (&"2026-11-20".into(), &serde_json::Value::Null)
    );
    let dev = place.read("environments/dev.yaml").replace("region: us-east-1", "region: eu-west-1");
    let dev = dev.replace("budget: {fixed: {warn: 220, fail: 300}}", "budget: {}");
    let dev = format!("{dev}\nsystemNodes: {{instanceType: m7i.large, count: 2}}\n");
    place.write("environments/dev.yaml", dev);
    let json = document(&place.ends(0, &["cost", "dev", "--offline", "--format", "json"]));
    let lines = json["environments"][0]["cost"]["lines"].as_array().expect("lines").clone();
    let system = lines.iter().find(|line| line["component"] == "system nodes").expect("a line");
    assert_eq!(system["unit_price"], "0.2016", "twice 0.1008");
    // So have the services: every fixed line of a new region has its own price.
    let price = |component: &str| {
        // Of logs, those taken in: what is kept has no price in this list.
        let kept = |line: &serde_json::Value| component == "logs" && line["unit"] == "GB-month";
        let line = lines.iter().find(|line| line["component"] == component && !kept(line));
        line.map(|line| line["unit_price"].as_str().unwrap_or("none").to_owned()).unwrap_or_default()
    };
    let expected = [
        ("control plane", "0.1"),
        ("NAT gateways", "0.048"),
        ("NAT data", "0.048"),
        ("public IPv4", "0.005"),
        ("volumes", "0.088"),
        ("KMS keys", "1"),
        ("logs", "0.57"),
        ("event rules", "0"),
    ];
    for (component, usd) in expected {
        let found: Decimal = price(component).parse().unwrap_or_else(|_| panic!("{component}: {}", price(component)));
        assert_eq!(found, usd.parse::<Decimal>().expect("a decimal"), "{component}");
    }
    let table: serde_json::Value = serde_json::from_str(&place.read("prices/ec2-eu-west-1.json")).expect("JSON");
    let services = &table["services"];
    assert_eq!(services["eks.control_plane.extended_total"], "0.6", "the surcharge and what it is on top of");
    assert_eq!(services["sqs.standard"], "0.4", "a million requests");
    assert_eq!(services["ebs.gp3.throughput_above_125"], "0.044", "a MiB/s of a GiB/s");
    assert_eq!(services["vpce.data.over_5pb"], "0.004");
    assert_eq!(services.as_object().map(serde_json::Map::len), Some(14));
    // What the lists do not have is said.
    assert!(
        refresh.out.contains("no price of ebs.gp3.iops_above_3000, kms.requests, logs.storage, alb.hour, alb.lcu"),
        "{}",
        refresh.out
    );
}

#[test]
fn the_api_gives_the_same_page_by_page() {
    let place = Place::new();
    let server = serve(|head, body| {
        assert!(head.to_lowercase().contains("x-amz-target: awspricelistservice.getproducts"), "{head}");
        let question: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let filters = question["Filters"].as_array().expect("filters").clone();
        let filter =
            |field: &str| filters.iter().find(|filter| filter["Field"] == field).map(|filter| filter["Value"].clone());
        assert_eq!(filter("regionCode"), Some("eu-west-1".into()), "{body}");
        if filter("operatingSystem").is_none() {
            let family = filter("productFamily");
            let fits = |row: &usize| {
                let (offer, of, ..) = SERVICES[*row];
                question["ServiceCode"] == offer && family.as_ref().is_none_or(|family| *family == of)
            };
            let found = (0..SERVICES.len()).filter(fits).map(|row| {
                let (product, term) = service(row);
                let whole = serde_json::json!({"serviceCode": SERVICES[row].0, "product": product, "terms": {"OnDemand": term}});
                whole.to_string()
            });
            let page = serde_json::json!({"FormatVersion": "aws_v1", "PriceList": found.collect::<Vec<_>>()});
            return (page.to_string(), None);
        }
        let all = products(1);
        let list: Vec<String> = all
            .values()
            .map(|both| {
                let sku = both["product"]["sku"].as_str().expect("a sku").to_owned();
                let terms: serde_json::Value = serde_json::json!({"OnDemand": both["term"]});
                let _ = sku;
                serde_json::json!({"serviceCode": "AmazonEC2", "product": both["product"], "terms": terms}).to_string()
            })
            .collect();
        let (first, rest) = list.split_at(10);
        let page = match (body.contains("bare metal"), body.contains("NextToken")) {
            (true, _) => serde_json::json!({"FormatVersion": "aws_v1", "PriceList": []}),
            (_, false) => serde_json::json!({"FormatVersion": "aws_v1", "PriceList": first, "NextToken": "2"}),
            _ => serde_json::json!({"FormatVersion": "aws_v1", "PriceList": rest}),
        };
        (page.to_string(), None)
    });
    let mut command = place.command(&["prices", "refresh", "eu-west-1", "--api"]);
    let types = serve(|_, body| (described(body), None));
    command.env("AWS_ENDPOINT_URL_PRICING", &server).env("AWS_ENDPOINT_URL_EC2", &types);
    command.env("AWS_ACCESS_KEY_ID", "AKIA").env("AWS_SECRET_ACCESS_KEY", "x");
    let refresh = run(&mut command);
    assert_eq!(refresh.code, 0, "{}", refresh.err);
    let table: serde_json::Value = serde_json::from_str(&place.read("prices/ec2-eu-west-1.json")).expect("JSON");
    assert_eq!(table["instance_types"].as_object().expect("types").len(), products(1).len());
    assert_eq!(table["instance_types"]["m7i.large"][0], "0.1008");
    assert_eq!(table["services"]["nat.gateway"], "0.048");
    assert_eq!(table["services"].as_object().map(serde_json::Map::len), Some(14));
}

/// A type that is newer than all embedded tables.
fn newest() -> (serde_json::Value, serde_json::Value) {
    let some = products(1);
    let mut product = some["m7i.large"]["product"].clone();
    product["sku"] = "m99z.large".into();
    product["attributes"]["instanceType"] = "m99z.large".into();
    let term = serde_json::json!({"x.y": {"priceDimensions": {"z": {"unit": "Hrs", "pricePerUnit": {"USD": "0.5"}}}}});
    (product, term)
}

/// `DescribeInstanceTypes` in two pages: m7i.large as it is not, and the newest type, with two network cards of which the second is
/// the default one.
fn described(body: &str) -> String {
    assert!(body.contains("Action=DescribeInstanceTypes"), "{body}");
    let (name, cpu, mib, more) = if body.contains("NextToken=2") {
        ("m99z.large", 2, 9000, "")
    } else {
        ("m7i.large", 2, 8192, "<nextToken>2</nextToken>")
    };
    let card = |index: u8, interfaces: u8| {
        format!(
            "<item><networkCardIndex>{index}</networkCardIndex><maximumNetworkInterfaces>{interfaces}</maximumNetworkInterfaces></item>"
        )
    };
    format!(
        "<DescribeInstanceTypesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><instanceTypeSet><item>\
         <instanceType>{name}</instanceType><supportedUsageClasses><item>on-demand</item></supportedUsageClasses><hypervisor>nitro</hypervisor>\
         <processorInfo><supportedArchitectures><item>arm64</item></supportedArchitectures></processorInfo>\
         <vCpuInfo><defaultVCpus>{cpu}</defaultVCpus></vCpuInfo><memoryInfo><sizeInMiB>{mib}</sizeInMiB></memoryInfo>\
         <networkInfo><maximumNetworkInterfaces>9</maximumNetworkInterfaces><defaultNetworkCardIndex>1</defaultNetworkCardIndex>\
         <networkCards>{}{}</networkCards><ipv4AddressesPerInterface>10</ipv4AddressesPerInterface></networkInfo>\
         <gpuInfo><gpus><item><name>RTX PRO 9</name><manufacturer>NVIDIA</manufacturer><count>2</count></item></gpus></gpuInfo>\
         </item></instanceTypeSet>{more}</DescribeInstanceTypesResponse>",
        card(0, 7),
        card(1, 3)
    )
}

#[test]
fn a_type_newer_than_the_tables_is_packed_once_ec2_has_described_it() {
    let answer = |_: &str, body: &str| {
        let question: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let here =
            question["ServiceCode"] == "AmazonEC2" && body.contains("operatingSystem") && !body.contains("bare metal");
        let text = |product: &serde_json::Value, term: &serde_json::Value| {
            let terms = serde_json::json!({"OnDemand": term});
            serde_json::json!({"serviceCode": "AmazonEC2", "product": product, "terms": terms}).to_string()
        };
        let (product, term) = newest();
        let all = products(1);
        let list = all.values().map(|both| text(&both["product"], &both["term"])).chain([text(&product, &term)]);
        let list: Vec<String> = if here { list.collect() } else { Vec::new() };
        (serde_json::json!({"FormatVersion": "aws_v1", "PriceList": list}).to_string(), None)
    };
    let place = Place::new();
    let pricing = serve(answer);
    let refresh = |ec2: &str| {
        let mut command = place.command(&["prices", "refresh", "eu-west-1", "--api"]);
        command.env("AWS_ENDPOINT_URL_PRICING", &pricing).env("AWS_ENDPOINT_URL_EC2", ec2);
        command.env("AWS_ACCESS_KEY_ID", "AKIA").env("AWS_SECRET_ACCESS_KEY", "x");
        let refresh = run(&mut command);
        assert_eq!(refresh.code, 0, "{}", refresh.err);
        (
            refresh.out,
            serde_json::from_str::<serde_json::Value>(&place.read("prices/ec2-eu-west-1.json")).expect("JSON"),
        )
    };
    let denied = serve(|_, _| ("<Response><Errors>".to_owned(), None));
    let dev = place.read("environments/dev.yaml").replace("region: us-east-1", "region: eu-west-1");
    let dev = dev.replace("budget: {fixed: {warn: 220, fail: 300}}", "budget: {}");
    let pools = "nodePools:\n  stateful: null\n  burst: null\n  general-purpose: {requirements: [{key: \
                 node.kubernetes.io/instance-type, operator: In, values: [m99z.large]}]}\n";
    let dev = dev.replace("nodePools:\n  general-purpose: {limits: {cpu: 20, memory: 80Gi}}\n  stateful: null\n  burst: {limits: {cpu: 20, memory: 40Gi}}\n", pools);
    let web = "workloads: {web: {replicas: 2, requests: {cpu: 1000m, memory: 1Gi}, pool: general-purpose}}";
    place.write("environments/dev.yaml", format!("{dev}\n{web}\n"));
    let pool = || {
        let json = document(&place.ends(0, &["cost", "dev", "--offline", "--format", "json"]));
        json["environments"][0]["cost"]["pools"][0].clone()
    };
    // Without what EC2 says there is a price and no size: said, and nothing guessed.
    let (out, table) = refresh(&denied);
    assert!(out.contains("sizes of instance types were not refreshed") && out.contains("1 types are too new"), "{out}");
    assert!(table.get("facts").is_none(), "{table}");
    assert_eq!(pool()["expected"], serde_json::Value::Null);
    let (out, table) = refresh(&serve(|_, body| (described(body), None)));
    assert!(!out.contains("too new") && !out.contains("not refreshed"), "{out}");
    // Three interfaces of ten addresses, of the default card: 3 x 9 + 2.
    assert_eq!(table["facts"]["m99z.large"], serde_json::json!([29, false, "rtx-pro-9", 2]));
    assert_eq!(table["instance_types"]["m99z.large"], serde_json::json!(["0.5", 2, 9000, "arm64", false, true]));
    assert_eq!(table["instance_types"]["m7i.large"][3], "arm64", "what EC2 says goes before what is embedded");
    let found = pool();
    assert_eq!(found["nodes"][0]["instance_type"], "m99z.large", "{found}");
    // A refresh that may not ask EC2 keeps what the last one heard.
    let (out, again) = refresh(&denied);
    assert!(!out.contains("too new"), "{out}");
    assert_eq!((&again["facts"], &again["instance_types"]), (&table["facts"], &table["instance_types"]));
}

#[test]
fn what_is_torn_or_absurd_changes_nothing() {
    let place = Place::new();
    place.ends(0, &["prices", "refresh", "eu-west-1", "--from", &serve(|head, _| (asked(head, 1), None))]);
    let before = place.read("prices/ec2-eu-west-1.json");
    let cut = serve(|_, _| {
        let text = bulk(1);
        let half = text.len() / 2;
        (text, Some(half))
    });
    let torn = serve(|_, _| {
        let text = bulk(1);
        (text[..text.len() / 2].to_owned(), None)
    });
    let empty = serve(|_, _| (bulk(1).replace("eu-west-1", "eu-west-2"), None));
    let free = serve(|_, _| (bulk(0), None));
    for server in [&cut, &torn, &empty, &free, &"http://127.0.0.1:1".to_owned()] {
        let run = place.ends(1, &["prices", "refresh", "eu-west-1", "--from", server]);
        assert!(run.err.contains("price-list"), "{}", run.err);
    }
    // The second of two is torn: the first is not written either.
    let mixed =
        serve(|head, _| if head.contains("eu-west-1") { (asked(head, 2), None) } else { ("{".to_owned(), None) });
    // Neither is anything where one of the smaller lists is another's, or torn.
    let other = serve(|head, _| (if head.contains("AmazonVPC") { bulk(1) } else { asked(head, 1) }, None));
    place.ends(1, &["prices", "refresh", "eu-west-1", "--from", &other]);
    place.ends(1, &["prices", "refresh", "eu-west-1", "eu-west-2", "--from", &mixed]);
    let dear = serve(|head, _| (asked(head, 6), None));
    let moved = place.ends(4, &["prices", "refresh", "eu-west-1", "--from", &dear]);
    assert!(moved.err.contains("price-moved") && moved.err.contains("--accept"), "{}", moved.err);
    assert_eq!(
        (place.read("prices/ec2-eu-west-1.json"), tables(&place)),
        (before.clone(), vec!["ec2-eu-west-1.json".to_owned()])
    );
    place.ends(0, &["prices", "refresh", "eu-west-1", "--from", &dear, "--accept"]);
    assert_ne!(place.read("prices/ec2-eu-west-1.json"), before);
    // A table that is none is said, and not used.
    place.write("prices/ec2-us-east-1.json", "{}");
    let run = place.ends(0, &["cost", "prod", "--offline"]);
    assert!(run.out.contains("price-table") && run.out.contains("247.44"), "{}", run.out);
}

/// `rem-ci sandbox serve`, ended when it is dropped.
struct Region {
    child: std::process::Child,
    endpoint: String,
}

impl Region {
    fn served(place: &Place) -> Self {
        let mut serve = std::process::Command::new(env!("CARGO_BIN_EXE_rem-ci"));
        serve.args(["sandbox", "serve", "--account", "123456789012", "--state", "served.json"]);
        serve.current_dir(place.path()).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
        let mut child = serve.spawn().expect("it starts");
        let mut lines = std::io::BufReader::new(child.stdout.take().expect("its lines")).lines();
        let first = lines.next().expect("a line").expect("text");
        let endpoint = first.strip_prefix("export AWS_ENDPOINT_URL=").expect("an address").to_owned();
        Self { child, endpoint }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_was_billed_stands_beside_what_was_estimated() {
    let place = Place::new();
    let server = serve(|head, body| {
        assert!(head.to_lowercase().contains("x-amz-target: awsinsightsindexservice.getcostandusage"), "{head}");
        let asked: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let tag = serde_json::json!({"Key": "rem-ci:environment", "Values": ["prod"], "MatchOptions": ["EQUALS"]});
        assert_eq!(asked["Filter"]["Tags"], tag);
        let group = |service: &str, amount: &str| serde_json::json!({"Keys": [service], "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": "USD"}}});
        let (groups, next) = match asked["NextPageToken"].as_str() {
            None => (group("Amazon Elastic Container Service for Kubernetes", "74.4000000001"), Some("2")),
            Some(_) => (group("AmazonCloudWatch", "11.5"), None),
        };
        let period = &asked["TimePeriod"];
        let page =
            serde_json::json!({"ResultsByTime": [{"TimePeriod": period, "Groups": [groups]}], "NextPageToken": next});
        (page.to_string(), None)
    });
    // Everything else is asked of a region behind real HTTP.
    let region = Region::served(&place);
    let actual = |server: &str, format: &str| {
        let mut command = place.command(&["cost", "prod", "--actual", "--format", format]);
        command.env("AWS_ENDPOINT_URL", &region.endpoint).env("AWS_ENDPOINT_URL_COST_EXPLORER", server);
        run(command.env("AWS_ACCESS_KEY_ID", "AKIA123456789012SAND").env("AWS_SECRET_ACCESS_KEY", "sandbox"))
    };
    let json = actual(&server, "json");
    assert_eq!(json.code, 0, "{}", json.err);
    let json: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    let rows = json["environments"][0]["actual"]["rows"].as_array().expect("rows").clone();
    let figures = |service: &str| {
        let row = rows.iter().find(|row| row["service"] == service).expect(service);
        ["estimated", "billed"].map(|side| row[side].as_str().map(|text| text.parse::<Decimal>().expect("a decimal")))
    };
    let usd = |text: &str| Some(text.parse::<Decimal>().expect("a decimal"));
    assert_eq!(figures("Amazon Elastic Container Service for Kubernetes"), [usd("73"), usd("74.4000000001")]);
    assert_eq!(figures("AmazonCloudWatch")[1], usd("11.5"));
    let human = actual(&server, "human");
    assert!(human.out.contains("74.40"), "{}", human.out);
    // What cannot be asked is an error, never an empty column.
    let refused = actual(&serve(|_, _| ("{\"no\": 1".to_owned(), None)), "human");
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.err.contains("actual-cost"), "{}", refused.err);
}
