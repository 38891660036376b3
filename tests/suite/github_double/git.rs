//! Commits, branches, and the ways in which a pull request comes to its base.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::state::{Actor, Home, Pull, Review, State};

/// A commit: its tree is whole, path -> content (or the blob's name, where it was imported).
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) sha: String,
    pub(crate) parents: Vec<String>,
    pub(crate) tree: BTreeMap<String, String>,
    pub(crate) author: String,
    /// The order in which they came.
    pub(crate) order: usize,
}

/// How a pull request is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Merge,
    Squash,
    Rebase,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Git {
    pub(crate) commits: BTreeMap<String, Commit>,
    pub(crate) branches: BTreeMap<String, String>,
}

impl Git {
    /// A commit on top of a branch (which begins here if it is not there). `None` deletes a file.
    pub(crate) fn commit(&mut self, branch: &str, changes: &[(&str, Option<&str>)], author: &str) -> String {
        let parent = self.branches.get(branch).cloned();
        let mut tree = parent.as_ref().map(|sha| self.commits[sha].tree.clone()).unwrap_or_default();
        for (path, content) in changes {
            match content {
                Some(content) => tree.insert((*path).to_owned(), (*content).to_owned()),
                None => tree.remove(*path),
            };
        }
        let sha = self.add(parent.into_iter().collect(), tree, author);
        self.branches.insert(branch.to_owned(), sha.clone());
        sha
    }

    /// A branch that begins where another is.
    pub(crate) fn branch(&mut self, name: &str, from: &str) {
        let sha = self.branches[from].clone();
        self.branches.insert(name.to_owned(), sha);
    }

    pub(crate) fn add(&mut self, parents: Vec<String>, tree: BTreeMap<String, String>, author: &str) -> String {
        let order = self.commits.len();
        let mut hash = Sha256::new();
        hash.update(format!("{order}\n{}\n{tree:?}\n{author}", parents.join(",")).as_bytes());
        let sha = hex::encode(hash.finalize())[..40].to_owned();
        self.commits.insert(sha.clone(), Commit { sha: sha.clone(), parents, tree, author: author.to_owned(), order });
        sha
    }

    /// Takes all commits and branches of a real repository, under their own names.
    pub(crate) fn import(&mut self, repository: &Path) {
        let git = |arguments: &[&str]| {
            let run = Command::new("git").arg("-C").arg(repository).args(arguments).output().expect("git");
            assert!(run.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
            String::from_utf8(run.stdout).expect("text")
        };
        for line in git(&["rev-list", "--all", "--reverse", "--topo-order", "--parents"]).lines() {
            let mut words = line.split(' ').map(str::to_owned);
            let sha = words.next().expect("a commit");
            if self.commits.contains_key(&sha) {
                continue;
            }
            let listed = git(&["ls-tree", "-r", &sha]);
            let file = |line: &str| {
                let (mode, path) = line.split_once('\t').expect("a file");
                (path.to_owned(), mode.rsplit(' ').next().expect("a blob").to_owned())
            };
            let tree = listed.lines().map(file).collect();
            let order = self.commits.len();
            let author = git(&["show", "-s", "--format=%an", &sha]).trim().to_owned();
            self.commits.insert(sha.clone(), Commit { sha, parents: words.collect(), tree, author, order });
        }
        for line in git(&["for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads"]).lines() {
            let (name, sha) = line.split_once(' ').expect("a branch");
            self.branches.insert(name.to_owned(), sha.to_owned());
        }
    }

    /// Everything that a commit's history holds, itself included.
    pub(crate) fn history(&self, sha: &str) -> BTreeSet<String> {
        let (mut seen, mut ahead) = (BTreeSet::new(), vec![sha.to_owned()]);
        while let Some(sha) = ahead.pop() {
            if let Some(commit) = self.commits.get(&sha)
                && seen.insert(sha)
            {
                ahead.extend(commit.parents.iter().cloned());
            }
        }
        seen
    }

    /// What `head` has and `base` has not, the oldest first.
    pub(crate) fn between(&self, base: &str, head: &str) -> Vec<&Commit> {
        let old = self.history(base);
        let mut new: Vec<&Commit> = self.history(head).difference(&old).map(|sha| &self.commits[sha]).collect();
        new.sort_by_key(|commit| commit.order);
        new
    }

    /// The newest commit that both histories hold.
    pub(crate) fn fork_point(&self, one: &str, other: &str) -> Option<&Commit> {
        let (one, other) = (self.history(one), self.history(other));
        one.intersection(&other).map(|sha| &self.commits[sha]).max_by_key(|commit| commit.order)
    }

    /// (path, status) of what differs between two trees.
    pub(crate) fn differences(&self, from: &str, to: &str) -> Vec<(String, &'static str)> {
        let none = BTreeMap::new();
        let tree = |sha: &str| self.commits.get(sha).map_or(&none, |commit| &commit.tree);
        let (from, to) = (tree(from), tree(to));
        let paths: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
        let status = |path: &String| match (from.get(path), to.get(path)) {
            (None, Some(_)) => Some("added"),
            (Some(_), None) => Some("removed"),
            (Some(old), Some(new)) if old != new => Some("modified"),
            _ => None,
        };
        paths.into_iter().filter_map(|path| Some((path.clone(), status(path)?))).collect()
    }

    /// The tree of `onto` with what `head` changed since their histories parted.
    fn merged_tree(&self, onto: &str, head: &str) -> BTreeMap<String, String> {
        let mut tree = self.commits[onto].tree.clone();
        let from = self.fork_point(onto, head).expect("a common ancestor").sha.clone();
        for (path, _) in self.differences(&from, head) {
            match self.commits[head].tree.get(&path) {
                Some(content) => tree.insert(path, content.clone()),
                None => tree.remove(&path),
            };
        }
        tree
    }
}

impl State {
    /// Opens a pull request of a branch against another.
    pub(crate) fn open_pull(&mut self, head: &str, base: &str, author: &Actor, title: &str) -> u64 {
        let number = self.number();
        let pull = Pull {
            number,
            title: title.to_owned(),
            author: author.clone(),
            head_branch: head.to_owned(),
            head_sha: self.git.branches[head].clone(),
            home: Home::Own,
            base_branch: base.to_owned(),
            base_sha: self.git.branches[base].clone(),
            open: true,
            draft: false,
            merged_at: None,
            merge_sha: None,
            introduced: Vec::new(),
            reviews: Vec::new(),
            created: self.now,
        };
        self.pulls.insert(number, pull);
        self.trial(number);
        number
    }

    /// Its head is in a fork.
    #[expect(clippy::wrong_self_convention, reason = "it is the pull request that is from there")]
    pub(crate) fn from_fork(&mut self, number: u64, id: u64, full_name: &str) {
        self.pulls.get_mut(&number).expect("a pull request").home = Home::Fork(id, full_name.to_owned());
    }

    /// Pushes to the head of an open pull request.
    pub(crate) fn push(&mut self, number: u64, changes: &[(&str, Option<&str>)]) -> String {
        let pull = self.pulls[&number].clone();
        let sha = self.git.commit(&pull.head_branch, changes, &pull.author.login);
        self.pushed(number, &sha);
        sha
    }

    /// The head of an open pull request is another commit now.
    pub(crate) fn pushed(&mut self, number: u64, sha: &str) {
        let base = self.git.branches[&self.pulls[&number].base_branch].clone();
        let pull = self.pulls.get_mut(&number).expect("a pull request");
        sha.clone_into(&mut pull.head_sha);
        pull.base_sha = base;
        self.trial(number);
    }

    /// The trial merge, `refs/pull/N/merge`; it is not made anew when the base moves.
    fn trial(&mut self, number: u64) {
        let pull = self.pulls[&number].clone();
        if pull.home == Home::Own {
            let tree = self.git.merged_tree(&pull.base_sha, &pull.head_sha);
            let sha = self.git.add(vec![pull.base_sha, pull.head_sha], tree, "GitHub");
            self.pulls.get_mut(&number).expect("a pull request").merge_sha = Some(sha);
        }
    }

    /// Somebody approves the head as it is.
    pub(crate) fn approve(&mut self, number: u64, author: &Actor) {
        let at = self.now;
        let pull = self.pulls.get_mut(&number).expect("a pull request");
        let sha = pull.head_sha.clone();
        pull.reviews.push(Review { author: author.clone(), state: "APPROVED".to_owned(), sha, at });
    }

    /// Merges a pull request; says what its base is then.
    pub(crate) fn merge(&mut self, number: u64, how: How) -> String {
        let pull = self.pulls[&number].clone();
        let onto = self.git.branches[&pull.base_branch].clone();
        let (head, author) = (pull.head_sha.clone(), pull.author.login.clone());
        let introduced = match how {
            How::Merge => {
                let tree = self.git.merged_tree(&onto, &head);
                vec![self.git.add(vec![onto, head], tree, &author)]
            }
            How::Squash => {
                let tree = self.git.merged_tree(&onto, &head);
                vec![self.git.add(vec![onto], tree, &author)]
            }
            How::Rebase => {
                let theirs: Vec<_> = self.git.between(&onto, &head).into_iter().cloned().collect();
                let mut at = onto;
                let mut made = Vec::new();
                for commit in theirs {
                    let mut tree = self.git.commits[&at].tree.clone();
                    for (path, _) in self.git.differences(&commit.parents[0], &commit.sha) {
                        match commit.tree.get(&path) {
                            Some(content) => tree.insert(path, content.clone()),
                            None => tree.remove(&path),
                        };
                    }
                    at = self.git.add(vec![at], tree, &commit.author);
                    made.push(at.clone());
                }
                made
            }
        };
        let tip = introduced.last().expect("a commit").clone();
        self.git.branches.insert(pull.base_branch.clone(), tip.clone());
        self.merged(number, introduced);
        tip
    }

    /// A pull request has become these commits of its base, the last of which GitHub calls its merge.
    pub(crate) fn merged(&mut self, number: u64, introduced: Vec<String>) {
        let now = self.now;
        let pull = self.pulls.get_mut(&number).expect("a pull request");
        pull.open = false;
        pull.merged_at = Some(now);
        pull.merge_sha = introduced.last().cloned();
        pull.introduced = introduced;
    }

    /// Puts pull requests into the merge queue, as one group: (its branch, the base before, its head). [`Self::dequeue`] ends it.
    pub(crate) fn enqueue(&mut self, numbers: &[u64]) -> (String, String, String) {
        let base = self.pulls[&numbers[0]].base_branch.clone();
        let before = self.git.branches[&base].clone();
        let mut at = before.clone();
        for number in numbers {
            let pull = self.pulls[number].clone();
            let tree = self.git.merged_tree(&at, &pull.head_sha);
            at = self.git.add(vec![at, pull.head_sha], tree, &pull.author.login);
            self.pulls.get_mut(number).expect("a pull request").introduced = vec![at.clone()];
        }
        // Only the last one is in the name.
        let branch = format!("gh-readonly-queue/{base}/pr-{}-{before}", numbers.last().expect("a pull request"));
        self.git.branches.insert(branch.clone(), at.clone());
        (branch, before, at)
    }

    /// The group has passed: the base moves to its head, all its pull requests are merged.
    pub(crate) fn dequeue(&mut self, numbers: &[u64], branch: &str) -> String {
        let head = self.git.branches.remove(branch).expect("the queue's branch");
        self.git.branches.insert(self.pulls[&numbers[0]].base_branch.clone(), head.clone());
        for number in numbers {
            let introduced = self.pulls[number].introduced.clone();
            self.merged(*number, introduced);
        }
        head
    }

    /// The pull requests of a commit: that have it in their head, or brought it to their base (not told until `lag` is over).
    pub(crate) fn pulls_of(&self, sha: &str) -> Vec<&Pull> {
        let told = |pull: &&Pull| {
            let brought = pull.introduced.iter().any(|one| one == sha)
                && pull.merged_at.is_some_and(|at| at + self.lag <= self.now);
            brought || self.git.between(&pull.base_sha, &pull.head_sha).iter().any(|commit| commit.sha == sha)
        };
        self.pulls.values().filter(told).collect()
    }
}
