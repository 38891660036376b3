//! Environments as the matrix of a workflow: one job each, or by account and region where there are too many.

use std::collections::BTreeMap;

use serde::Serialize;

use super::touched::Found;
use crate::problem::{Exit, Problem};
use crate::run::Halt;

/// "A matrix can generate a maximum of 256 jobs per workflow run":
/// <https://docs.github.com/en/actions/reference/limits>.
pub const MOST_JOBS: usize = 256;

/// `{"include": [...]}`, as `strategy.matrix` takes it by `fromJSON`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Matrix {
    /// The jobs.
    pub include: Vec<Job>,
}

/// One job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Job {
    /// The environment, or several with spaces between.
    pub environment: String,
    /// 12 digits; empty where the file is not valid.
    pub account: String,
    /// AWS region; empty where the file is not valid.
    pub region: String,
}

/// One job an environment, ordered by account, region and name, so that neighbours in AWS are neighbours in the list.
///
/// # Errors
/// When there are more than GitHub makes jobs of. With `group` the environments of one account and region then share jobs,
/// as plans may; an apply has a GitHub environment of its own, and cannot.
pub fn matrix(found: &[Found], group: bool) -> Result<Matrix, Halt> {
    let mut places: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for one in found {
        places.entry((&one.account, &one.region)).or_default().push(&one.name);
    }
    let job = |(account, region): (&str, &str), names: &[&str]| Job {
        environment: names.join(" "),
        account: account.to_owned(),
        region: region.to_owned(),
    };
    if found.len() <= MOST_JOBS {
        let each = places.into_iter().flat_map(|(place, mut names)| {
            names.sort_unstable();
            names.into_iter().map(move |name| job(place, &[name])).collect::<Vec<_>>()
        });
        return Ok(Matrix { include: each.collect() });
    }
    if !group {
        let title = format!("{} environments are touched, and a matrix has {MOST_JOBS} jobs at most", found.len());
        let help = "for plans pass --group, which puts environments of one account and region into one job; applies have to be spread over several \
                    merges, as each runs in its own GitHub environment";
        return Err(Halt::new(Exit::Refused, Problem::error("matrix-too-large", title, help)));
    }
    // The smallest share with which all fit. More than 256 accounts and regions cannot.
    let jobs = |share: usize| places.values().map(|names| names.len().div_ceil(share)).sum::<usize>();
    let Some(share) = (2..=found.len()).find(|share| jobs(*share) <= MOST_JOBS) else {
        let title = format!("environments of {} accounts and regions are touched", places.len());
        let help =
            format!("a matrix has {MOST_JOBS} jobs at most, and one job has one account and region: spread the change");
        return Err(Halt::new(Exit::Refused, Problem::error("matrix-too-large", title, help)));
    };
    let shared = places.iter().flat_map(|(place, names)| {
        let mut names = names.clone();
        names.sort_unstable();
        names.chunks(share).map(|names| job(*place, names)).collect::<Vec<_>>()
    });
    Ok(Matrix { include: shared.collect() })
}

#[cfg(test)]
mod tests {
    use super::{Job, MOST_JOBS, matrix};
    use crate::action::touched::Found;

    fn found(count: usize, account: &dyn Fn(usize) -> usize) -> Vec<Found> {
        (0..count).map(|at| Found::of(&format!("e{at}"), &format!("{:012}", account(at)), "us-east-1")).collect()
    }

    #[test]
    fn one_job_each_up_to_the_limit() {
        let all = matrix(&found(MOST_JOBS, &|_| 1), false).expect("they fit");
        assert_eq!(all.include.len(), MOST_JOBS);
        let halt = matrix(&found(MOST_JOBS + 1, &|_| 1), false).unwrap_err();
        assert_eq!(halt.problems[0].code, "matrix-too-large");
        let shown = serde_json::to_string(&matrix(&found(1, &|_| 7), false).expect("it fits")).expect("JSON");
        assert_eq!(shown, r#"{"include":[{"environment":"e0","account":"000000000007","region":"us-east-1"}]}"#);
    }

    #[test]
    fn grouped_by_account_and_region() {
        let all = found(1000, &|at| at % 3);
        let matrix = matrix(&all, true).expect("they fit");
        assert!(matrix.include.len() <= MOST_JOBS);
        let names: Vec<&str> = matrix.include.iter().flat_map(|job| job.environment.split(' ')).collect();
        assert_eq!(names.len(), 1000);
        for Job { environment, account, .. } in &matrix.include {
            let belongs = |name: &str| format!("{:012}", name[1..].parse::<usize>().expect("a number") % 3) == *account;
            assert!(environment.split(' ').all(belongs), "{environment} in {account}");
        }
        // One account too many.
        assert!(super::matrix(&found(257, &|at| at), true).is_err());
    }
}
