//! The codes of this room, for `rem-ci explain`.

/// Every code with its explanation.
pub const CODES: &[(&str, &str)] = &[
    (
        "action-input",
        "An input of the action is not what it can be, or the command means nothing on this event. `command` is plan, apply, plan-destroy, destroy, \
         drift, changed or nothing; `environment` is the name of one, or several with spaces; `expect-plan` is `sha256:` and 64 hex digits.",
    ),
    (
        "approval-forged",
        "Something says that this plan was approved, and the state bucket has no such approval, or one of another pull request, commit, account or \
         plan. Anybody who can write to the repository can set a status; only the plan role can write an approval, and only once. Nothing was \
         applied. Look at who set the status `rem-ci/plan/ENV`; make the change again by a new pull request.",
    ),
    (
        "approval-not-kept",
        "The environment's file names no state bucket, so no approval of a plan can be kept and compared. Plans and comments work; an apply needs \
         the reviewers of the GitHub environment, who see the plan of that very moment. `rem-ci bootstrap` makes the bucket.",
    ),
    (
        "approvals-too-many",
        "So many commits have touched this environment since it was last applied that their pull requests are not looked up one by one. Apply it \
         by hand with the digest of a new plan, behind the reviewers of the GitHub environment; from there on it goes by itself again.",
    ),
    (
        "checkout-shallow",
        "What has to be compared is not in the checkout. `actions/checkout` brings one commit unless it is told `fetch-depth: 0`, as the workflows that \
         `rem-ci init` writes do.",
    ),
    (
        "environment-name",
        "The stem of the file, `name` in it, and the GitHub environment whose reviewers and role it uses have to be one name; or a job for dev could \
         be made to work on prod.",
    ),
    (
        "event-payload",
        "The file that GITHUB_EVENT_PATH names is not what GitHub writes there: not JSON, longer than 25 MB, of another repository, or with something \
         else where a commit or a branch should be.",
    ),
    (
        "event-refused",
        "On pull_request_target and workflow_run a workflow has the rights and secrets of the default branch while it looks at code of somebody's \
         pull request. rem-ci does nothing then, whatever it is asked for. `on: pull_request` is enough: its plans have a role of their own.",
    ),
    (
        "event-unknown",
        "rem-ci knows what to do on pull_request (plan), merge_group (plan again), push (apply), workflow_dispatch (destroy, apply, drift) and \
         schedule (drift).",
    ),
    (
        "gate-open",
        "Nothing was approved in a pull request, so people at the gate have to approve; and the GitHub environment of this job has no required \
         reviewers, so nobody did. Give it some (Settings, Environments), or bring the change by a pull request.",
    ),
    (
        "guard-account",
        "The pull request changes `account` of an environment that exists. Plans and applies use roles of the environment's own account, so this \
         would be another environment under the same name. Add a new one, and destroy the old one by its own file.",
    ),
    (
        "guard-changed",
        "The pull request changes what guards it: policy, waivers, protect, a budget, its roles or its bucket. Its own plan is judged by what the base branch \
         says of them. The change counts for pull requests that come after it is merged.",
    ),
    (
        "matrix-too-large",
        "A matrix makes 256 jobs at most. `rem-ci changed --matrix --group` puts environments of one account and region into one job, which is \
         good for plans.",
    ),
    (
        "merge-ambiguous",
        "Two pull requests say that the same commit merged them. Which of the two was looked at nobody can tell, so neither counts.",
    ),
    (
        "merge-conflict",
        "The pull request cannot be merged with its base branch as it is now, so what it would do cannot be planned. Merge the base branch into it.",
    ),
    (
        "merged-fork",
        "The pull request came from a fork. Those are never planned with the cloud, so there is no plan that somebody could have approved. Behind the \
         reviewers of the GitHub environment a new plan can be applied.",
    ),
    (
        "not-a-workflow",
        "`rem-ci action` is started by action.yml in a GitHub workflow, where the runner says what happened. On a laptop the verbs are plan, apply, \
         verify, drift and destroy.",
    ),
    (
        "not-approved",
        "The default branch says something that no merged pull request with an approved plan has brought: a direct push, as a rule. Nothing is applied \
         but by the reviewers of the GitHub environment, who see the new plan.",
    ),
    (
        "not-default-branch",
        "Only what is merged is applied, and an environment is destroyed by the workflow of the default branch alone: other branches can be written \
         by one person.",
    ),
    (
        "not-reviewed",
        "`policy.requireReview` asks for somebody else's approval of exactly the commit that was merged. Nobody who belongs to the repository has given \
         one, or the pull request was pushed to afterwards. Switch on \"dismiss stale approvals\" and \"require approval of the most recent push\".",
    ),
    (
        "orphaned",
        "An environment's file was deleted or renamed. What it made is still there and costs money: deleting a file destroys nothing. Bring it \
         back, run the destroy workflow, then delete it.",
    ),
    (
        "plan-failed",
        "The pull request was merged although its plan had failed, was refused, or was stale. Require the status `rem-ci/plan/ENV` in the rules of \
         the branch.",
    ),
    (
        "plan-missing",
        "The pull request was merged without a plan of this environment by rem-ci: it had not begun, was made without AWS, or its status is \
         somebody else's. Require the status `rem-ci/plan/ENV` in the rules of the branch.",
    ),
    (
        "plan-unfinished",
        "The pull request was merged while its plan was still being made, so nobody can have looked at it. Require the status `rem-ci/plan/ENV` in \
         the rules of the branch.",
    ),
    (
        "role-account",
        "A role under `roles` is not one of the environment's own account. Each environment has its own roles, in its own account, and nothing goes \
         from one to another.",
    ),
    (
        "role-missing",
        "The environment's file names no role for what is to be done. `rem-ci bootstrap` makes the roles for plan, apply and destroy and writes them \
         into the file.",
    ),
    ("stopped", "The run was cancelled while it only looked. Nothing was changed; run it again."),
    (
        "superseded",
        "By the time this run looked, something newer was there: another commit of the pull request, or of the default branch. Its own run does what \
         is to be done. An old run that is started again does not put an old file over a newer one.",
    ),
];
