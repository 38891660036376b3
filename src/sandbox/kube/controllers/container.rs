//! What a container does: how long its image takes to come, when it is ready, whether it ends.

use serde_json::Value as Json;

use super::inside::Inside;
use super::karpenter;
use super::meta::{items, name, owner};
use crate::sandbox::kube::store::text;
use crate::sandbox::state::Millis;

/// How a pod's containers fare on their node.
pub(super) enum Fate {
    /// They run; ready after so many milliseconds.
    Runs(Millis),
    /// They run to their end, so many milliseconds long.
    Ends(Millis),
    /// An image does not exist.
    NoImage(String),
    /// They end at once, with this as the last line of their log.
    Crashes(String),
}

/// What becomes of a pod once its images are there.
pub(super) fn fate(inside: &mut Inside<'_, '_>, pod: &Json) -> Fate {
    let image = |container: &Json| container["image"].as_str().unwrap_or_default().to_owned();
    let images: Vec<String> = items(pod, "/spec/containers").iter().map(image).collect();
    if let Some(lost) = images.iter().find(|image| image.contains("/does-not-exist")) {
        return Fate::NoImage(lost.clone());
    }
    if karpenter::is_controller(pod)
        && let Some(why) = karpenter::unsound(inside, pod)
    {
        return Fate::Crashes(why);
    }
    let job = owner(pod).is_some_and(|owner| owner["kind"] == "Job");
    let forever = images.iter().any(|image| image.contains("pause"));
    if job || (!forever && ["Never", "OnFailure"].contains(&text(pod, "/spec/restartPolicy"))) {
        return Fate::Ends(inside.span(&format!("runs/{}", name(pod)), 4, 9));
    }
    let key = format!("starts/{}", name(pod));
    // Karpenter answers its probes after its caches are full; CoreDNS and the rest within seconds.
    Fate::Runs(if karpenter::is_controller(pod) { inside.span(&key, 8, 15) } else { inside.span(&key, 1, 3) })
}

/// How long the images take: seconds, less for what sits on the machine image already.
pub(super) fn pull(inside: &Inside<'_, '_>, pod: &Json) -> Millis {
    inside.span(&format!("pull/{}", name(pod)), 1, 4)
}
