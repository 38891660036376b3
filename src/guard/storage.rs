//! Claims that name no StorageClass get the one that is the default, and of two the newer.

use super::{Case, Guard, Verb};
use crate::problem::Problem;
use crate::resources::k8s::storage_class::ALSO_DEFAULT;

pub(super) const GUARD: Guard = Guard {
    codes: &[(
        "second-default-class",
        "Besides ours another StorageClass says that it is the default. Kubernetes takes the one that was made last, so claims that \
         name no class may get volumes that are not encrypted, or of an old type. Take the annotation \
         storageclass.kubernetes.io/is-default-class off the other class.",
    )],
    check,
};

fn check(case: &Case<'_>) -> Vec<Problem> {
    if case.verb == Verb::Destroy {
        return Vec::new();
    }
    let classes = case.plan.steps.iter().filter(|step| step.kind == "storage-class");
    classes
        .filter_map(|step| {
            let others = step.live.as_ref()?.tags.get(ALSO_DEFAULT)?;
            let title = format!("the default StorageClass is not ours alone: {others} says so too");
            let help = format!(
                "kubectl annotate storageclass {others} storageclass.kubernetes.io/is-default-class-, if nothing else needs it"
            );
            Some(Problem::warning("second-default-class", title, help).about(&step.address))
        })
        .collect()
}
