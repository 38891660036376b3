//! EC2NodeClasses, ours and others': Karpenter frees their instance profiles while it still runs.

use std::time::Duration;

use super::objects::{finalizers, karpenter_runs, leaving, name};
use super::work::{Look, Pace, Stay, Work, some};
use crate::engine::Address;
use crate::resources::k8s::hold::{Hold, Inside, Part, Thing};

/// A few calls to IAM each.
const PACE: Pace = Pace::secs(10, 600);

/// After this nobody will take the finalizer off; the profile goes with the node role, or by the sweep.
const PATIENCE: Duration = Duration::from_mins(2);

pub(super) fn address() -> Address {
    Address::single("karpenter", "node-classes")
}

/// Ends all node classes and waits until they are gone.
pub(super) async fn end(work: &Work<'_>, hold: &Hold, inside: &Inside) -> Result<(), Stay> {
    if inside.classes.is_empty() {
        return Ok(());
    }
    work.stage(&address(), PACE, async |since| {
        let inside = hold.read(Part::Classes).await?;
        let runs = karpenter_runs(&inside);
        for class in &inside.classes {
            if !leaving(class) {
                hold.delete(Thing::Class, class, None).await?;
                work.note(format!("deleted EC2NodeClass {}", name(class)));
            } else if !finalizers(class).is_empty() && (!runs || since >= PATIENCE) {
                let held = finalizers(class).join(", ");
                hold.let_go(Thing::Class, class).await?;
                work.note(format!("took {held} off EC2NodeClass {}: nobody else did", name(class)));
            }
        }
        if inside.classes.is_empty() {
            return Ok(Look::Over);
        }
        let names: Vec<&str> = inside.classes.iter().map(name).collect();
        Ok(Look::Wait(format!("waiting for {}", some(&names))))
    })
    .await
}
