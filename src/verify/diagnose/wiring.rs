//! Interruption: the queue, what feeds it, and whether the controller was told of it.

use super::controller::{deployment, environment};
use super::{Case, Cause};
use crate::verify::interruption;
use crate::verify::observed::Queue;

/// More messages than this wait only where nobody takes them: Karpenter takes ten at a time, every few seconds.
const WAITING: i64 = 10;

pub(super) fn causes(case: &Case<'_>) -> Vec<Cause> {
    let mut found = Vec::new();
    let aws = &case.seen.aws;
    let apply = format!("rem-ci apply {}", case.spec.name);
    if let (Some(queue), Some(rules)) = (aws.queue.known(), aws.rules.known()) {
        let (arn, policy) =
            (queue.as_ref().map(|queue| queue.arn.as_str()), queue.as_ref().map(|queue| queue.policy.as_str()));
        let facts = interruption::facts(rules, arn, policy, &case.spec.karpenter.version);
        let broken: Vec<_> = facts.into_iter().filter(|(holds, _)| !holds).map(|(_, text)| text).collect();
        if !broken.is_empty() {
            let title = "interruption notices do not reach the queue";
            found.push(Cause::new("cause-queue-not-wired", title, broken).run(&*apply));
        }
    }
    let told = case.seen.kube.deployments.known().and_then(|all| deployment(all, &case.spec.karpenter.namespace));
    let Some(told) = told.map(|one| environment(one, "INTERRUPTION_QUEUE")) else { return found };
    let wanted = case.id.derived("interruption");
    if told.is_empty() {
        let seen = vec![
            "INTERRUPTION_QUEUE of the controller is empty".to_owned(),
            format!("the queue of this environment is {wanted}"),
            "the chart reads settings.interruptionQueue and ignores settings.interruptionQueueName".to_owned(),
        ];
        let title = "the controller was not told of the interruption queue";
        found.push(Cause::new("cause-queue-unset", title, seen).run(apply));
    } else if told != wanted {
        let seen = vec![format!("INTERRUPTION_QUEUE is {told}"), format!("the queue of this environment is {wanted}")];
        found.push(Cause::new("cause-queue-other", "the controller reads another queue", seen).run(apply));
    } else if let Some(Some(Queue { name, waiting, in_flight, .. })) = aws.queue.known()
        && *waiting > WAITING
    {
        let seen = vec![format!("{name}: {waiting} messages wait, {in_flight} are being handled")];
        let command =
            format!("kubectl -n {} logs -l app.kubernetes.io/name=karpenter --tail=100", case.spec.karpenter.namespace);
        found
            .push(Cause::new("cause-queue-unread", "nobody takes messages from the queue", seen).likely().run(command));
    }
    found
}
