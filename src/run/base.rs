//! What an environment costs, against what it costs on its base branch.

use super::{Look, Looked, look};
use crate::config::Loaded;
use crate::cost::Bill;
use crate::guard::{self, Verb, budget};
use crate::problem::Problem;

/// Sets a look's bill against the base's, and asks the budget again. Without a base, as for a new environment, nothing was before.
///
/// # Errors
/// None of its own: a base is looked at without AWS.
pub async fn against(
    looked: &mut Looked,
    loaded: &Loaded,
    base: Option<&Loaded>,
    name: &str,
    today: jiff::civil::Date,
) -> Result<(), super::Halt> {
    let mut bill = looked.bill.clone();
    let old = match base {
        Some(base) => {
            let ask = Look { verb: Verb::Apply, after_incomplete: false, acknowledged: &[], today };
            Some(look(base, None, ask).await?.bill)
        }
        None => None,
    };
    let nothing = Bill { entries: Vec::new(), ..bill.clone() };
    bill = bill.against(&old.unwrap_or(nothing), name);
    let ours = |problem: &Problem| budget::CODES.contains(&problem.code);
    looked.findings.retain(|problem| !ours(problem));
    let mut again = budget::findings(&looked.spec, &bill, &|path| loaded.places.at(path));
    guard::set_aside(&mut again, &looked.spec, today, &looked.spec.acknowledge);
    looked.findings.extend(again);
    looked.bill = bill;
    Ok(())
}
