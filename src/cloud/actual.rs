//! What AWS has billed, from Cost Explorer.

use std::collections::BTreeMap;

use aws_sdk_costexplorer::types::{
    DateInterval, Expression, Granularity, GroupDefinition, GroupDefinitionType, MatchOption, TagValues,
};
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::config::live;
use super::errors::failed;

/// Unblended USD by service for everything that carries our tag of this environment, from a day to the day before another. The tag
/// `rem-ci:environment` must have been activated as a cost allocation tag; AWS takes a day to show it.
///
/// # Errors
/// No credentials, or a call that failed, as a lower-case fragment.
pub async fn by_service(environment: &str, from: Date, to: Date) -> Result<BTreeMap<String, Decimal>, String> {
    // The service is global and lives in us-east-1.
    let config = live("us-east-1").await.map_err(|error| error.to_string())?;
    let client = aws_sdk_costexplorer::Client::new(&config);
    let period = DateInterval::builder().start(from.to_string()).end(to.to_string()).build();
    let period = period.map_err(|error| error.to_string())?;
    let tag = TagValues::builder().key("rem-ci:environment").values(environment).match_options(MatchOption::Equals);
    let ours = Expression::builder().tags(tag.build()).build();
    let service = GroupDefinition::builder().r#type(GroupDefinitionType::Dimension).key("SERVICE").build();
    let mut sums: BTreeMap<String, Decimal> = BTreeMap::new();
    let mut token = None;
    loop {
        let call = client.get_cost_and_usage().time_period(period.clone()).granularity(Granularity::Monthly);
        let call = call.metrics("UnblendedCost").filter(ours.clone()).group_by(service.clone());
        let page = call.set_next_page_token(token).send().await.map_err(failed("ce:GetCostAndUsage"));
        let page = page.map_err(|error| error.to_string())?;
        for group in page.results_by_time().iter().flat_map(aws_sdk_costexplorer::types::ResultByTime::groups) {
            let amount =
                group.metrics().and_then(|metrics| metrics.get("UnblendedCost")).and_then(|cost| cost.amount());
            let amount = amount.and_then(|amount| amount.parse::<Decimal>().ok());
            let name = group.keys().first().cloned().unwrap_or_default();
            *sums.entry(name).or_default() += amount.ok_or("Cost Explorer gave a figure that is no decimal")?;
        }
        token = page.next_page_token().map(str::to_owned);
        if token.is_none() {
            return Ok(sums);
        }
    }
}
