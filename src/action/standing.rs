//! Whether a run still has a say: an old run, a run again of an old one, or one that waited long at a gate, does not put an
//! old file over a newer one (`security.md` A7, A8).

use std::collections::BTreeSet;

use super::desk::{Desk, halted, invalid};
use super::touched;
use crate::config::Loaded;
use crate::problem::{Exit, Problem};
use crate::run::Halt;

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// What is checked out says of this environment what the tip of the default branch says.
    Current,
    /// The tip says something else, and the run of its push will do that.
    Superseded(String),
}

/// Looks at the tip of the default branch.
///
/// # Errors
/// What GitHub or git say.
pub(super) async fn of(desk: &Desk<'_>, loaded: &Loaded) -> Result<Standing, Halt> {
    let branch = &desk.happened.default_branch;
    let tip = desk.hub().branch(branch).await.map_err(halted)?.ok_or_else(|| {
        let title = format!("there is no branch {branch} any more");
        Halt::new(Exit::Refused, Problem::error("not-default-branch", title, "nothing is applied but what it says"))
    })?;
    let tip = tip.commit.sha;
    if tip == desk.sha() {
        return Ok(Standing::Current);
    }
    let name = &loaded.spec.name;
    if desk.git.commit(&tip).map_err(invalid)?.is_some() {
        let differs = touched::between(&desk.git, desk.sha(), &tip, desk.today()).map_err(invalid)?;
        let gone = differs.orphaned.contains(name);
        let same = !gone && differs.environments.iter().all(|found| found.name != *name);
        return Ok(if same { Standing::Current } else { Standing::Superseded(tip) });
    }
    // The tip came after the checkout: GitHub says which files differ.
    let compared = desk.hub().compare(desk.sha(), &tip).await.map_err(halted)?;
    let prefix = desk.git.prefix().map_err(invalid)?;
    let files: BTreeSet<String> = loaded.files.iter().map(|file| format!("{prefix}{file}")).collect();
    let hit = |path: &String| files.contains(path);
    let differs =
        compared.files.iter().any(|file| hit(&file.filename) || file.previous_filename.as_ref().is_some_and(hit));
    let ahead = compared.status == "ahead" || compared.status == "identical";
    Ok(if differs || !compared.complete || !ahead { Standing::Superseded(tip) } else { Standing::Current })
}

/// The end of a run that has no say any more.
pub(super) fn superseded(desk: &Desk<'_>, name: &str, tip: &str) -> Problem {
    let title = format!("{name} is another on {} by now, at {}", desk.happened.default_branch, short(tip));
    let help = "this run stands down: the run of the newer commit applies what both have brought";
    Problem::warning("superseded", title, help)
}

/// `abc1234`.
pub(super) fn short(sha: &str) -> String {
    sha.chars().take(7).collect()
}
