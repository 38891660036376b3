//! `rem-ci prices refresh|show`

use std::path::{Path, PathBuf};

use super::{Common, Format, Say};
use crate::cloud::{self, Clock};
use crate::cost::{Book, Gathered, services};
use crate::problem::{Exit, Problem};
use crate::run::Halt;
use crate::view::{self, out::Stream};

/// The verbs of `prices`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Read AWS's price lists into prices/, in place of the tables that came with the program
    Refresh(Refresh),
    /// Show which tables there are, from which day
    Show(Show),
}

/// Arguments of `prices refresh`.
#[derive(Debug, clap::Args)]
pub(super) struct Refresh {
    /// AWS regions
    #[arg(required = true, value_name = "REGION")]
    regions: Vec<String>,
    /// Believe prices that moved more than fivefold
    #[arg(long)]
    accept: bool,
    /// Ask pricing:GetProducts and ec2:DescribeInstanceTypes, which want credentials, instead of reading the public files
    #[arg(long)]
    api: bool,
    /// Read the public files from here
    #[arg(long, value_name = "URL", default_value = cloud::prices::BULK, conflicts_with = "api")]
    from: String,
}

/// Arguments of `prices show`.
#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// AWS regions [default: all that have a table]
    #[arg(value_name = "REGION")]
    regions: Vec<String>,
}

pub(super) async fn run(common: &Common, verb: &Verb, say: &Say) -> Result<Exit, Halt> {
    match verb {
        Verb::Refresh(args) => refresh(args, say).await,
        Verb::Show(args) => show(common, args, say),
    }
}

fn problem(title: String, help: &str) -> Halt {
    Halt::new(Exit::Failed, Problem::error("price-list", title, help))
}

/// All regions are read and judged before the first file is written: half a refresh is none.
async fn refresh(args: &Refresh, say: &Say) -> Result<Exit, Halt> {
    let today = Clock::Wall.today().to_string();
    let (mut all, mut lines) = (Vec::new(), Vec::new());
    for region in &args.regions {
        let plain = region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !plain || region.is_empty() {
            return Err(problem(format!("`{region}` is not a region"), "name regions as AWS does: eu-west-1"));
        }
        let again = "nothing was written; try again, or the other source (--api)";
        let refused = |refused| problem(format!("{region}: {refused}"), again);
        let gathered = if args.api {
            let (products, facts) = futures_util::join!(cloud::prices::products(region), cloud::prices::facts(region));
            let products = products.map_err(|why| problem(why, again))?;
            let mut gathered = Gathered::from_products(region, &today, &products).map_err(refused)?;
            match facts {
                Ok(facts) => gathered.know(facts),
                // Prices are worth having without.
                Err(why) => lines.push(format!("{region}: sizes of instance types were not refreshed: {why}")),
            }
            gathered
        } else {
            let file = |offer| async move {
                let file = cloud::prices::bulk(&args.from, offer, region).await.map_err(|why| problem(why, again))?;
                Ok::<_, Halt>(file.map(std::io::BufReader::new))
            };
            let none = || problem(format!("{region}: AWS has no price list of EC2 for it"), "check the region's name");
            let instances = file("AmazonEC2").await?.ok_or_else(none)?;
            let mut gathered = Gathered::from_bulk(region, instances).map_err(refused)?;
            for offer in services::offers() {
                if let Some(list) = file(offer).await? {
                    gathered.add_bulk(offer, list).map_err(refused)?;
                }
            }
            gathered
        };
        all.push(gathered);
    }
    let mut far = Vec::new();
    for gathered in &mut all {
        let region = &gathered.region.clone();
        let known = Book::of(region).unwrap_or_else(|_| Book::embedded(region));
        if let Some(known) = known {
            gathered.keep_facts(known);
        }
        let moved = gathered.judged(known).map_err(|refused| {
            problem(format!("{region}: {refused}"), "nothing was written; the list may be torn, try again later")
        })?;
        for one in moved {
            let (old, new) = (one.old.normalize(), one.new.normalize());
            far.push(format!("{region} {}: {old} -> {new} USD", one.name));
        }
        let (changed, new, gone) = gathered.changes(known);
        let services = gathered.services();
        lines.push(format!(
            "{region}: {} types of {}: {changed} prices changed, {new} types new, {gone} gone; {} prices of services",
            gathered.len(),
            gathered.as_of,
            services.len()
        ));
        let unpacked: Vec<&str> = gathered.unpacked().collect();
        if !unpacked.is_empty() {
            let some: Vec<&str> = unpacked.iter().take(5).copied().collect();
            lines.push(format!(
                "{region}: {} types are too new to say what a node of them holds ({}); --api asks EC2",
                unpacked.len(),
                some.join(", ")
            ));
        }
        // What the lists did not have, and no earlier table has either.
        let missing = services::ITEMS
            .iter()
            .map(|item| item.key)
            .filter(|key| !services.contains_key(key) && known.and_then(|book| book.get(key)).is_none());
        let missing: Vec<&str> = missing.collect();
        if !missing.is_empty() {
            lines.push(format!("{region}: no price of {}", missing.join(", ")));
        }
    }
    if !far.is_empty() && !args.accept {
        let some: Vec<String> = far.iter().take(10).cloned().collect();
        let title = format!("{} prices moved more than fivefold: {}", far.len(), some.join("; "));
        let help = "look at them at AWS; if they are true, run again with --accept. Nothing was written";
        return Err(Halt::new(Exit::Refused, Problem::error("price-moved", title, help)));
    }
    write(&all)?;
    lines.extend(far.into_iter().map(|line| format!("accepted: {line}")));
    let lines: Vec<String> = lines.iter().map(|line| view::text::bounded(line, 1000)).collect();
    say.result(&format!("{}\n", lines.join("\n")));
    Ok(Exit::Done)
}

/// Drafts first, all of them, then renames: a full disk leaves the tables as they were.
fn write(all: &[Gathered]) -> Result<(), Halt> {
    let failed = |error: std::io::Error| {
        problem(format!("cannot write prices/: {error}"), "make room, or check the permissions")
    };
    let folder = Path::new("prices");
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut drafts: Vec<(PathBuf, PathBuf)> = Vec::new();
    let mut drafted = Ok(());
    for gathered in all {
        let file = folder.join(format!("ec2-{}.json", gathered.region));
        let draft = folder.join(format!(".ec2-{}.{}.tmp", gathered.region, std::process::id()));
        drafted = drafted.and_then(|()| std::fs::write(&draft, gathered.table()));
        drafts.push((draft, file));
    }
    let done = drafted.and_then(|()| drafts.iter().try_for_each(|(draft, file)| std::fs::rename(draft, file)));
    for (draft, _) in &drafts {
        let _ = std::fs::remove_file(draft);
    }
    done.map_err(failed)
}

fn show(common: &Common, args: &Show, say: &Say) -> Result<Exit, Halt> {
    let regions: Vec<String> =
        if args.regions.is_empty() { Book::regions().map(str::to_owned).collect() } else { args.regions.clone() };
    let mut rows = Vec::new();
    for region in regions {
        let book = Book::of(&region)
            .map_err(|why| problem(format!("prices/ec2-{region}.json: {why}"), "refresh it, or delete it"))?;
        rows.push(view::tables::Row::of(&region, book, Clock::Wall.today()));
    }
    Ok(say.result(&match common.shape() {
        Format::Human => view::tables::human(&rows, say.style(Stream::Stdout)),
        Format::Json => view::tables::json(&rows),
        Format::Markdown => view::tables::markdown(&rows),
    }))
}
