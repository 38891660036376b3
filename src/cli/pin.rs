//! `rem-ci pin ENV`

use std::path::PathBuf;

use super::{Common, Say, apply};
use crate::cloud::helm::{Chart, resolve, signed};
use crate::config::pin;
use crate::problem::{Exit, Problem};
use crate::run::Halt;
use crate::view::text;

/// Arguments of `pin`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Asks the registry which manifest karpenter.version names, has cosign check that Karpenter's own release workflow signed it,
and writes its digest into the file, beside the version. From then on an apply takes that chart and no other, whatever the
tag or a mirror says. A chart of your own bears no such signature: write its digest by hand (sha256 of the .tgz file).")]
pub(super) struct Args {
    /// The environment: a name or a path
    #[arg(value_name = "ENV")]
    pub(super) environment: String,
    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,
}

pub(super) async fn run(args: &Args, say: &Say) -> Result<Exit, Halt> {
    let loaded = Common::load(&args.environment)?;
    let chart = Chart::of(&loaded.spec.karpenter);
    let digest = resolve(&chart).await?;
    signed(&chart, &digest).await.map_err(|failure| {
        let help = "nothing was written; without this signature nobody knows who made the chart";
        Halt::new(Exit::Refused, Problem::error("chart-unsigned", failure.message, help))
    })?;
    say.aside(&format!("{chart}: signed by Karpenter's release workflow\n"));
    if chart.digest.as_ref() == Some(&digest) {
        return Ok(say.result(&format!("{digest} is pinned already\n")));
    }
    let edit = pin::chart_digest(&loaded.places, &digest).ok_or_else(|| by_hand(&digest))?;
    // Messages name files as they are opened from here.
    let path = PathBuf::from(&edit.file);
    let old = std::fs::read_to_string(&path).map_err(|error| cannot(&path, &error))?;
    let new = edit.apply(&old).ok_or_else(|| by_hand(&digest))?;
    let before = edit.before.as_ref().map(|before| format!("  - {}\n", text::visible(before))).unwrap_or_default();
    let (file, after) = (text::visible(&edit.file), text::visible(&edit.after));
    say.result(&format!("{file}:{}\n{before}  + {after}\n", edit.line));
    if !args.yes {
        apply::confirmed("Write this? Only yes is yes: ", "pass --yes")?;
    }
    write(&path, &new)?;
    // What was written must say just that, and nothing else may have moved.
    let mut wanted = loaded.spec.clone();
    wanted.karpenter.chart_digest = Some(digest.clone());
    if Common::load(&args.environment).is_ok_and(|again| again.spec == wanted) {
        return Ok(Exit::Done);
    }
    write(&path, &old)?;
    Err(by_hand(&digest))
}

fn by_hand(digest: &str) -> Halt {
    let title = "the place for chartDigest cannot be told from the file's text";
    let help = format!("write it by hand, beside karpenter.version: chartDigest: {digest}");
    Halt::new(Exit::Failed, Problem::error("pin", title, help))
}

fn cannot(path: &std::path::Path, error: &std::io::Error) -> Halt {
    let title = format!("cannot edit {}: {error}", path.display());
    Halt::new(Exit::Failed, Problem::error("pin", title, "check the file's permissions and the disk"))
}

fn write(path: &std::path::Path, content: &str) -> Result<(), Halt> {
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    let mode = std::fs::metadata(path).map(|meta| meta.permissions());
    let written = std::fs::write(&draft, content)
        .and_then(|()| mode.map_or(Ok(()), |mode| std::fs::set_permissions(&draft, mode)))
        .and_then(|()| std::fs::rename(&draft, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written.map_err(|error| cannot(path, &error))
}
