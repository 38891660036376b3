//! What a destroy leaves behind: everything that still carries one of the environment's tags, found by each service's own
//! describe calls, never by the tagging index, which lags.

use super::look::kept;
use super::{Halt, Looked, World};
use crate::engine::{Address, Custody, Ready, Resource as _, Swept, TAG_STACK};
use crate::resources;
use crate::resources::aws::kms_key::{self, KmsKey};
use crate::resources::aws::leftovers::{self, Found, Whose};

/// IAM actions of the audit, beside those of the kinds.
pub const AUDIT_ACTIONS: &[&str] = leftovers::FIND_ACTIONS;

/// Something that is still there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leftover {
    /// For people: `KMS key`.
    pub noun: String,
    /// Its id.
    pub id: String,
    /// Why it stays, or by which tag it was found.
    pub why: String,
}

/// Looks for everything that is left: `(leftovers, kept on purpose)`.
pub(super) async fn audit(
    world: &World,
    looked: &Looked,
    whose: &Whose,
) -> Result<(Vec<Leftover>, Vec<Leftover>), Halt> {
    let (mut left, mut stays) = (Vec::new(), Vec::new());
    let kinds = crate::engine::read(&world.cloud, resources::KINDS, &looked.graph, &looked.owner, false).await;
    for (name, swept) in kinds {
        let noun = resources::about(&name).map_or(name.clone(), |kind| kind.noun.to_owned());
        let found = match swept {
            Swept::Known(found) => found,
            Swept::Unknown(failure) => return Err(failure.into()),
            Swept::Assumed(_) => continue,
        };
        for live in found {
            // What came back under our name counts too, without our tags: EKS writes the log group anew.
            let again = live.stands_for.is_some()
                && resources::about(&name).is_some_and(|kind| kind.custody == Custody::OwnedOrAdopted);
            let ours = again || live.tags.get(TAG_STACK) == Some(&looked.owner.stack);
            let shared = resources::about(&name).is_some_and(|kind| kind.custody == Custody::Shared);
            if !ours && !shared {
                continue;
            }
            let tagged = live.tags.get(crate::engine::TAG_RESOURCE).and_then(|text| Address::parse(text));
            let address = tagged.or(live.stands_for);
            if shared {
                stays.push(Leftover { noun: noun.clone(), id: live.id, why: "shared by the account".to_owned() });
            } else if address.is_some_and(|address| kept(&looked.spec, &address)) {
                stays.push(Leftover { noun: noun.clone(), id: live.id, why: "onDestroy: keep".to_owned() });
            } else if let Ready::Leaving(word) = live.ready {
                stays.push(Leftover { noun: noun.clone(), id: live.id, why: word });
            } else {
                let why = if again { "its name".to_owned() } else { format!("tag {TAG_STACK}") };
                left.push(Leftover { noun: noun.clone(), id: live.id, why });
            }
        }
    }
    for (id, until) in kms_key::pending(&world.cloud, &looked.owner.stack).await? {
        let noun = KmsKey::KIND.noun.to_owned();
        stays.push(Leftover { noun, id, why: format!("pending deletion until {until}") });
    }
    // Wherever it is: what carries the tag outside of the environment's network is nobody's to sweep, but somebody's to know.
    let anywhere = Whose { vpc: None, ..whose.clone() };
    for found in leftovers::find(&world.cloud, &anywhere).await? {
        let leftover = Leftover { noun: found.sort.noun().to_owned(), id: found.id.clone(), why: found.why.clone() };
        // What a workload wrote is nobody's to delete but who says so.
        match data(&found) {
            Some(why) => stays.push(Leftover { why, ..leftover }),
            None => left.push(leftover),
        }
    }
    left.sort();
    left.dedup_by(|one, other| (&one.noun, &one.id) == (&other.noun, &other.id));
    stays.sort();
    Ok((left, stays))
}

/// What is in it and how much, of something that holds a workload's data.
fn data(found: &Found) -> Option<String> {
    if !found.data() {
        return None;
    }
    let claim = found.claim().map(|claim| format!(" of the claim {claim}"));
    Some(format!("{} GiB of data{}", found.gib.unwrap_or_default(), claim.unwrap_or_default()))
}
