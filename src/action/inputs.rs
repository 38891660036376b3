//! What the workflow asks for, by variables alone, and what that means on an event.

use super::role;
use crate::github::event::{Event, Happened};
use crate::problem::{Exit, Problem};
use crate::run::Halt;

/// `REM_CI_COMMAND`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Command {
    /// The event decides.
    #[default]
    Auto,
    /// `plan`.
    Plan,
    /// `apply`.
    Apply,
    /// `plan-destroy`.
    PlanDestroy,
    /// `destroy`.
    Destroy,
    /// `drift`.
    Drift,
    /// `changed`.
    Changed,
}

/// The action's inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// What to do.
    pub command: Command,
    /// Environments by name; none means all that are touched.
    pub environments: Vec<String>,
    /// To destroy: the name again.
    pub confirm: String,
    /// The digest that was looked at before a gate.
    pub expect_plan: Option<String>,
}

fn usage(title: String, help: &str) -> Halt {
    Halt::new(Exit::Usage, Problem::error("action-input", title, help))
}

impl Inputs {
    /// Reads them.
    ///
    /// # Errors
    /// When one is not what it can be.
    pub fn of(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Halt> {
        let given = |name: &str| variable(name).map(|value| value.trim().to_owned()).unwrap_or_default();
        let command = match given("REM_CI_COMMAND").as_str() {
            "" => Command::Auto,
            "plan" => Command::Plan,
            "apply" => Command::Apply,
            "plan-destroy" => Command::PlanDestroy,
            "destroy" => Command::Destroy,
            "drift" => Command::Drift,
            "changed" => Command::Changed,
            other => {
                let title = format!("`command` is {other}");
                return Err(usage(title, "plan, apply, plan-destroy, destroy, drift, changed, or nothing"));
            }
        };
        let environment = given("REM_CI_ENVIRONMENT");
        let names = environment.split([' ', ',', '\n']).filter(|name| !name.is_empty());
        let environments: Vec<String> = names.map(str::to_owned).collect();
        if let Some(name) = environments.iter().find(|name| !role::is_name(name)) {
            let title = format!("`environment` is {name}, which no environment can be called");
            return Err(usage(title, "a name of lower-case letters, digits and hyphens: the stem of its file"));
        }
        let expect_plan = Some(given("REM_CI_EXPECT_PLAN")).filter(|digest| !digest.is_empty());
        let hex = |digest: &String| {
            let hex = digest.strip_prefix("sha256:").unwrap_or_default();
            hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if let Some(digest) = expect_plan.as_ref().filter(|digest| !hex(digest)) {
            let title = format!("`expect-plan` is {digest}, which is no digest");
            return Err(usage(title, "`sha256:` and 64 hex digits, as the plan says it"));
        }
        Ok(Self { command, environments, confirm: given("REM_CI_CONFIRM"), expect_plan })
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Plan a pull request.
    Plan,
    /// Plan a merge group, and see whether it is within what was approved.
    Group,
    /// Plan what is merged, before a gate.
    Gate,
    /// Apply what is merged.
    Apply,
    /// Plan an end, before a gate.
    PlanDestroy,
    /// End an environment.
    Destroy,
    /// Look for drift.
    Drift,
    /// List what is touched.
    Changed,
}

/// What a command means on an event.
///
/// # Errors
/// When it means nothing there, or the run is not on the default branch where it has to be.
pub fn job(happened: &Happened, command: Command) -> Result<Job, Halt> {
    let job = match (&happened.event, command) {
        (_, Command::Changed) => Job::Changed,
        (Event::PullRequest(_), Command::Auto | Command::Plan) => Job::Plan,
        (Event::MergeGroup(_), Command::Auto | Command::Plan) => Job::Group,
        (Event::Push(_), Command::Auto | Command::Apply) | (Event::Dispatch, Command::Apply) => Job::Apply,
        (Event::Push(_) | Event::Dispatch, Command::Plan) => Job::Gate,
        (Event::Dispatch, Command::PlanDestroy) => Job::PlanDestroy,
        (Event::Dispatch, Command::Destroy) => Job::Destroy,
        (Event::Schedule, Command::Auto) | (Event::Schedule | Event::Dispatch, Command::Drift) => Job::Drift,
        (event, _) => {
            let title = format!("this command means nothing on {}", event.name());
            let help = "plan: pull_request, merge_group, push, workflow_dispatch; apply: push, workflow_dispatch; destroy: workflow_dispatch; \
                        drift: schedule, workflow_dispatch";
            return Err(usage(title, help));
        }
    };
    let anywhere = matches!(job, Job::Plan | Job::Group | Job::Changed);
    if !anywhere && !happened.on_default_branch() {
        let title = format!("{} is not the default branch, {}", happened.run.reference, happened.default_branch);
        let help = "only what is merged is applied, and only from there is anything destroyed: run the workflow on the default branch";
        return Err(Halt::new(Exit::Refused, Problem::error("not-default-branch", title, help)));
    }
    Ok(job)
}

#[cfg(test)]
mod tests {
    use super::{Command, Inputs, Job, job};
    use crate::github::event::{Event, Happened, Push, Run};
    use crate::problem::Exit;

    fn inputs(pairs: &[(&str, &str)]) -> Result<Inputs, Exit> {
        let find = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Inputs::of(&find).map_err(|halt| halt.exit)
    }

    #[test]
    fn inputs_are_names_and_digests() {
        assert_eq!(inputs(&[]), Ok(Inputs::default()));
        let digest = format!("sha256:{}", "ab".repeat(32));
        let read = inputs(&[
            ("REM_CI_COMMAND", "destroy"),
            ("REM_CI_ENVIRONMENT", "dev, prod"),
            ("REM_CI_CONFIRM", "dev"),
            ("REM_CI_EXPECT_PLAN", &digest),
        ]);
        let read = read.expect("good");
        assert_eq!((read.command, read.environments.len(), read.confirm.as_str()), (Command::Destroy, 2, "dev"));
        assert_eq!(read.expect_plan, Some(digest));
        for (name, value) in [
            ("REM_CI_COMMAND", "rm -rf"),
            ("REM_CI_ENVIRONMENT", "../prod"),
            ("REM_CI_ENVIRONMENT", "PROD"),
            ("REM_CI_EXPECT_PLAN", "sha256:xyz"),
            ("REM_CI_EXPECT_PLAN", "abcdef"),
        ] {
            assert_eq!(inputs(&[(name, value)]), Err(Exit::Usage), "{name}={value}");
        }
    }

    fn happened(event: Event, reference: &str) -> Happened {
        let run = Run {
            server_url: "https://github.com".to_owned(),
            api_url: "https://api.github.com".to_owned(),
            repository: "acme/platform".to_owned(),
            repository_id: 42,
            sha: "1".repeat(40),
            reference: reference.to_owned(),
            id: 1,
            number: 1,
            attempt: 1,
            actor: "ann".to_owned(),
        };
        Happened { run, default_branch: "main".to_owned(), public: false, event }
    }

    #[test]
    fn what_changes_something_is_on_the_default_branch() {
        let push = || Event::Push(Push { before: None, after: "1".repeat(40), forced: false, deleted: false });
        let main = "refs/heads/main";
        assert_eq!(job(&happened(push(), main), Command::Auto).ok(), Some(Job::Apply));
        assert_eq!(job(&happened(push(), main), Command::Plan).ok(), Some(Job::Gate));
        assert_eq!(job(&happened(Event::Schedule, main), Command::Auto).ok(), Some(Job::Drift));
        assert_eq!(job(&happened(Event::Dispatch, main), Command::Destroy).ok(), Some(Job::Destroy));
        let refused = |event, reference: &str, command| {
            let halt = job(&happened(event, reference), command).unwrap_err();
            (halt.exit, halt.problems[0].code)
        };
        let elsewhere = (Exit::Refused, "not-default-branch");
        for reference in ["refs/heads/other", "refs/heads/main2", "refs/tags/main", "main"] {
            assert_eq!(refused(push(), reference, Command::Auto), elsewhere, "{reference}");
            assert_eq!(refused(Event::Dispatch, reference, Command::Destroy), elsewhere, "{reference}");
        }
        let nothing = (Exit::Usage, "action-input");
        assert_eq!(refused(push(), main, Command::Destroy), nothing);
        assert_eq!(refused(Event::Dispatch, main, Command::Auto), nothing);
        assert_eq!(refused(Event::Schedule, main, Command::Apply), nothing);
    }
}
