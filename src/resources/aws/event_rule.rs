//! EventBridge rule on the default bus, with its targets.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::{RuleState, Tag, Target};
use futures_util::future::{try_join, try_join_all};

use super::derived;
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::cost::{Line, Rates, lines};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Resource,
    Scope, Value,
};

/// A rule. Its targets cannot be tagged and are a field of it.
#[derive(Clone, Debug)]
pub struct EventRule {
    /// Where it stands.
    pub address: Address,
    /// A derived name, 64 characters at most.
    pub name: String,
    /// For people.
    pub description: String,
    /// Which events it takes.
    pub pattern: serde_json::Value,
    /// ARNs of what it sends them to, by target id; five at most.
    pub targets: BTreeMap<String, Value>,
    /// Free tags.
    pub tags: BTreeMap<String, String>,
}

impl Resource for EventRule {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "event-rule",
        noun: "EventBridge rule",
        actions: &[
            "events:ListRules",
            "events:DescribeRule",
            "events:ListTargetsByRule",
            "events:ListTagsForResource",
            "events:PutRule",
            "events:PutTargets",
            "events:RemoveTargets",
            "events:TagResource",
            "events:UntagResource",
            "events:DeleteRule",
        ],
        fields: &[
            Field::replaces("name", Order::CreateFirst, "Name, unique on its bus, 64 characters at most."),
            Field::in_place("description", "Description."),
            Field::in_place("pattern", "Which events it takes, as JSON."),
            Field::in_place("state", "`ENABLED`, or nothing is sent."),
            Field::in_place("targets", "ARNs of what the events go to, by target id."),
            Field::in_place("tags", "Tags."),
        ],
        rank: 30,
        custody: Custody::Owned,
        patience: Patience::INSTANT,
        docs: "A rule on the default event bus. PutRule resets what it is not told, so every field goes with every call. \
               Source: EventBridge API reference, PutRule, PutTargets, DeleteRule.",
    };

    fn address(&self) -> Address {
        self.address.clone()
    }

    fn want(&self, _facts: &Facts) -> Fields {
        derived::fields([
            ("name", Some(Value::text(&self.name))),
            ("description", Some(Value::text(&self.description))),
            // Not a policy: in a pattern, a list of one is not the same as its one.
            ("pattern", Some(Value::text(&self.pattern))),
            ("state", Some(Value::text(RuleState::Enabled.as_str()))),
            ("targets", (!self.targets.is_empty()).then(|| Value::map(self.targets.clone()))),
            ("tags", Some(Value::tags(&self.tags))),
        ])
    }

    fn cost(_fields: &Fields, rates: &Rates) -> Vec<Line> {
        vec![lines::event_rule(rates)]
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let mut rules = Vec::new();
        let mut token = None;
        loop {
            let call = world.events.list_rules().name_prefix(derived::prefix(&scope.environment));
            let page = call.set_next_token(token).send().await.map_err(failed("events:ListRules"))?;
            rules.extend(page.rules.unwrap_or_default());
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        let rules = rules.into_iter().filter_map(|rule| {
            let pattern = rule.event_pattern.as_deref().map(canonical);
            Some(Rule { name: rule.name?, arn: rule.arn?, pattern, state: rule.state, description: rule.description })
        });
        let rules = rules.filter(|rule| !derived::is_anothers(scope, &rule.name));
        let reads = rules.map(|rule| async move {
            let whole = try_join(targets(world, &rule.name), tags(world, &rule.arn)).await;
            Ok::<_, Failure>(gone_is_none(whole)?.map(|(targets, tags)| live(&rule, &targets, tags, scope)))
        });
        Ok(try_join_all(reads).await?.into_iter().flatten().collect())
    }

    async fn read(world: &Cloud, scope: &Scope, id: &str) -> Read<Option<Live>> {
        let answer = world.events.describe_rule().name(id).send().await.map_err(failed("events:DescribeRule"));
        let Some(found) = gone_is_none(answer)? else { return Ok(None) };
        let rule = Rule {
            name: id.to_owned(),
            arn: found.arn.unwrap_or_default(),
            pattern: found.event_pattern.as_deref().map(canonical),
            state: found.state,
            description: found.description,
        };
        let whole = try_join(targets(world, id), tags(world, &rule.arn)).await;
        Ok(gone_is_none(whole)?.map(|(targets, tags)| live(&rule, &targets, tags, scope)))
    }

    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        put(world, want, Some(event_tags(&cx.all_tags(want)))).await?;
        let name = derived::text(want, "name");
        put_targets(world, name, want).await.map_err(|failure| match failure.class {
            // The rule was made a moment ago.
            Class::Gone => Failure { class: Class::Passing, ..failure },
            _ => failure,
        })?;
        Ok(name.to_owned())
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        let changed = |field: &str| changes.iter().any(|change| change.field == field);
        if ["description", "pattern", "state"].into_iter().any(changed) {
            // PutRule takes no tags on a rule that is there.
            put(world, want, None).await?;
        }
        if changed("targets") {
            put_targets(world, &live.id, want).await?;
            let keep = want.get("targets");
            let have = live.fields.get("targets").into_iter().flat_map(Value::text_entries);
            let surplus = have.filter(|(id, _)| keep.and_then(|keep| keep.get(id)).is_none());
            remove_targets(world, &live.id, surplus.map(|(id, _)| id.to_owned()).collect()).await?;
        }
        if changed("tags") {
            let arn = live.name("arn");
            let surplus = derived::surplus_tags(live, want);
            if !surplus.is_empty() {
                let call = world.events.untag_resource().resource_arn(arn).set_tag_keys(Some(surplus));
                call.send().await.map_err(failed("events:UntagResource"))?;
            }
            let call = world.events.tag_resource().resource_arn(arn).set_tags(Some(event_tags(&cx.all_tags(want))));
            call.send().await.map_err(failed("events:TagResource"))?;
        }
        Ok(())
    }

    async fn delete(world: &Cloud, _cx: &Cx, live: &Live) -> Result<(), Failure> {
        let Some(targets) = gone_is_none(targets(world, &live.id).await)? else { return Ok(()) };
        let ids = targets.into_iter().map(|target| target.id).collect();
        gone_is_none(remove_targets(world, &live.id, ids).await)?;
        let gone = world.events.delete_rule().name(&live.id).send().await.map_err(failed("events:DeleteRule"));
        gone_is_none(gone).map(drop)
    }
}

/// What the listing and the description of a rule have in common.
struct Rule {
    name: String,
    arn: String,
    pattern: Option<String>,
    state: Option<RuleState>,
    description: Option<String>,
}

fn live(rule: &Rule, targets: &[Target], tags: BTreeMap<String, String>, scope: &Scope) -> Live {
    let mut live = Live::new(&rule.name);
    live.names.insert("name".to_owned(), rule.name.clone());
    live.names.insert("arn".to_owned(), rule.arn.clone());
    live.tags = tags;
    live.fields = derived::fields([
        ("name", Some(Value::text(&rule.name))),
        ("description", rule.description.as_deref().filter(|text| !text.is_empty()).map(Value::text)),
        ("pattern", rule.pattern.as_deref().map(Value::text)),
        ("state", rule.state.as_ref().map(|state| Value::text(state.as_str()))),
        (
            "targets",
            (!targets.is_empty()).then(|| Value::tags(targets.iter().map(|it| (it.id.clone(), destination(it))))),
        ),
        ("tags", Some(live.free_tags())),
    ]);
    derived::claim(&mut live, scope);
    live
}

/// A target's ARN, and that there is more to it than its ARN where somebody gave it an input, a role or a queue for what
/// cannot be delivered: putting the target again takes that off.
fn destination(target: &Target) -> String {
    let plain = Target::builder().id(target.id()).arn(target.arn()).build();
    match plain {
        Ok(plain) if plain == *target => target.arn().to_owned(),
        _ => format!("{}, altered", target.arn()),
    }
}

/// JSON with sorted keys and without white space.
fn canonical(pattern: &str) -> String {
    serde_json::from_str::<serde_json::Value>(pattern).map_or_else(|_| pattern.to_owned(), |json| json.to_string())
}

fn event_tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    // A tag with key and value always builds: those are all it requires.
    tags.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

async fn targets(world: &Cloud, rule: &str) -> Read<Vec<Target>> {
    let mut targets = Vec::new();
    let mut token = None;
    loop {
        let call = world.events.list_targets_by_rule().rule(rule).set_next_token(token);
        let page = call.send().await.map_err(failed("events:ListTargetsByRule"))?;
        targets.extend(page.targets.unwrap_or_default());
        token = page.next_token;
        if token.is_none() {
            return Ok(targets);
        }
    }
}

async fn tags(world: &Cloud, arn: &str) -> Read<BTreeMap<String, String>> {
    let call = world.events.list_tags_for_resource().resource_arn(arn);
    let answer = call.send().await.map_err(failed("events:ListTagsForResource"))?;
    Ok(answer.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect())
}

async fn put(world: &Cloud, want: &Fields, tags: Option<Vec<Tag>>) -> Result<(), Failure> {
    let call = world
        .events
        .put_rule()
        .name(derived::text(want, "name"))
        .description(derived::text(want, "description"))
        .event_pattern(derived::text(want, "pattern"))
        .state(RuleState::from(derived::text(want, "state")))
        .set_tags(tags);
    call.send().await.map(drop).map_err(failed("events:PutRule"))
}

async fn put_targets(world: &Cloud, rule: &str, want: &Fields) -> Result<(), Failure> {
    let wanted = want.get("targets").into_iter().flat_map(Value::text_entries);
    let targets: Vec<_> = wanted.filter_map(|(id, arn)| Target::builder().id(id).arn(arn).build().ok()).collect();
    if targets.is_empty() {
        return Ok(());
    }
    let call = world.events.put_targets().rule(rule).set_targets(Some(targets));
    let answer = call.send().await.map_err(failed("events:PutTargets"))?;
    // The call succeeds as a whole even where single targets did not.
    refused(
        "events:PutTargets",
        answer.failed_entries().iter().map(|entry| (entry.error_code(), entry.error_message())),
    )
}

async fn remove_targets(world: &Cloud, rule: &str, ids: Vec<String>) -> Result<(), Failure> {
    if ids.is_empty() {
        return Ok(());
    }
    let call = world.events.remove_targets().rule(rule).set_ids(Some(ids));
    let answer = call.send().await.map_err(failed("events:RemoveTargets"))?;
    refused(
        "events:RemoveTargets",
        answer.failed_entries().iter().map(|entry| (entry.error_code(), entry.error_message())),
    )
}

fn refused<'a>(
    call: &str,
    mut entries: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>,
) -> Result<(), Failure> {
    let Some((code, message)) = entries.next() else { return Ok(()) };
    let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
    let class = crate::cloud::classify(code, message, 400);
    Err(Failure { class, call: call.to_owned(), code: code.to_owned(), message: message.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_keeps_its_lists_of_one() {
        assert_eq!(
            canonical("{\"source\": [\"aws.ec2\"], \"detail-type\": [\"x\"]}"),
            r#"{"detail-type":["x"],"source":["aws.ec2"]}"#
        );
    }

    #[test]
    fn a_target_that_somebody_altered_differs() {
        let target = Target::builder().id("queue").arn("arn:aws:sqs:us-east-1:1:q");
        assert_eq!(destination(&target.clone().build().unwrap()), "arn:aws:sqs:us-east-1:1:q");
        assert_ne!(destination(&target.input("{}").build().unwrap()), "arn:aws:sqs:us-east-1:1:q");
    }

    #[test]
    fn a_target_that_was_not_taken_is_a_failure() {
        assert!(refused("events:PutTargets", std::iter::empty()).is_ok());
        let failure = refused("events:PutTargets", [(Some("ConcurrentModificationException"), None)].into_iter());
        assert_eq!(failure.unwrap_err().class, Class::Passing);
    }
}
