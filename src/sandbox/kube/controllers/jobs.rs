//! Jobs: pods that run to their end.

use serde_json::{Value as Json, json};

use super::inside::Inside;
use super::meta::{leaving, name, owned_by, set_condition, uid};
use super::pod_maker;
use crate::sandbox::kube::store::{Key, text, time};

const JOBS: &str = "jobs.batch";
const SOURCE: &str = "job-controller";

pub(super) fn run(inside: &mut Inside<'_, '_>) {
    let jobs: Vec<Json> = inside.store.list(JOBS).filter(|job| !leaving(job)).cloned().collect();
    for job in jobs {
        let now = inside.now();
        let done = super::meta::is_true(&job, "Complete") || super::meta::is_true(&job, "Failed");
        if done {
            ended(inside, &job);
            continue;
        }
        if job["spec"]["suspend"] == true {
            continue;
        }
        let number = |field: &str, default: i64| job["spec"][field].as_i64().unwrap_or(default);
        let (wanted, width, retries) = (number("completions", 1), number("parallelism", 1), number("backoffLimit", 6));
        let count = |inside: &Inside<'_, '_>, phases: &[&str]| {
            let fits = |pod: &&Json| owned_by(pod, uid(&job)) && phases.contains(&text(pod, "/status/phase"));
            i64::try_from(inside.store.list("pods").filter(fits).count()).unwrap_or_default()
        };
        let (succeeded, failed) = (count(inside, &["Succeeded"]), count(inside, &["Failed"]));
        let mut active = count(inside, &["Pending", "Running", ""]);
        while failed <= retries && active < width.min(wanted - succeeded) {
            let suffix = inside.suffix(&format!("job/{}/{}", uid(&job), inside.store.version()), 5);
            let pod = format!("{}-{suffix}", name(&job));
            let labels = json!({"batch.kubernetes.io/job-name": name(&job), "job-name": name(&job), "batch.kubernetes.io/controller-uid": uid(&job)});
            let made = pod_maker::make(inside, &job, &job["spec"]["template"], &pod, SOURCE, |pod| {
                for (key, value) in labels.as_object().into_iter().flatten() {
                    pod["metadata"]["labels"][key] = value.clone();
                }
            });
            if made.is_none() {
                break;
            }
            active += 1;
        }
        let began =
            if job["status"]["startTime"].is_null() { json!(time(now)) } else { job["status"]["startTime"].clone() };
        inside.store.change(JOBS, &Key::of(&job), |job| {
            job["status"]["startTime"] = began;
            for (field, value) in [("active", active), ("succeeded", succeeded), ("failed", failed)] {
                if value > 0 {
                    job["status"][field] = json!(value);
                } else if let Some(status) = job["status"].as_object_mut() {
                    status.remove(field);
                }
            }
            if succeeded >= wanted {
                job["status"]["completionTime"] = json!(time(now));
                set_condition(
                    job,
                    now,
                    "Complete",
                    "True",
                    "CompletionsReached",
                    "Reached expected number of succeeded pods",
                );
            } else if failed > retries {
                set_condition(
                    job,
                    now,
                    "Failed",
                    "True",
                    "BackoffLimitExceeded",
                    "Job has reached the specified backoff limit",
                );
            }
        });
    }
}

/// A finished job goes after its time to live.
fn ended(inside: &mut Inside<'_, '_>, job: &Json) {
    let Some(keep) = job["spec"]["ttlSecondsAfterFinished"].as_i64() else { return };
    let since = super::meta::since(job, "Complete").max(super::meta::since(job, "Failed"));
    if inside.reached(since + keep * 1000) {
        inside.delete(JOBS, &Key::of(job), 0);
    }
}
