//! What a cause is, and the order of causes.

/// How sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// It is so, and it breaks something now.
    Certain,
    /// What is seen fits nothing better.
    Likely,
    /// Nothing is broken by it yet.
    Warning,
}

impl Certainty {
    /// As reports say it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Warning => "warning",
        }
    }
}

/// What a cause is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The environment: it concerns whatever wants a node.
    Environment,
    /// A pool or a class by name.
    Pool(String),
    /// A node by name, or an instance by id.
    Node(String),
    /// One pod, `namespace/name`.
    Pod(String),
}

/// Why something does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// A kebab word of [`codes`](super::codes).
    pub code: &'static str,
    /// What is wrong; a fragment without a full stop.
    pub title: String,
    /// See [`Certainty`].
    pub certainty: Certainty,
    /// What it is about.
    pub subject: Subject,
    /// What was seen, one fact each.
    pub evidence: Vec<String>,
    /// What to do.
    pub help: &'static str,
    /// The command that does it or shows more.
    pub command: String,
}

impl Cause {
    /// A cause about the environment as a whole.
    pub(super) fn new(code: &'static str, title: impl Into<String>, evidence: Vec<String>) -> Self {
        let known = super::codes().iter().find(|doc| doc.code == code);
        Self {
            code,
            title: title.into(),
            certainty: Certainty::Certain,
            subject: Subject::Environment,
            evidence,
            help: known.map_or("", |doc| doc.help),
            command: String::new(),
        }
    }

    pub(super) fn about(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self
    }

    pub(super) const fn likely(mut self) -> Self {
        self.certainty = Certainty::Likely;
        self
    }

    pub(super) const fn warning(mut self) -> Self {
        self.certainty = Certainty::Warning;
        self
    }

    pub(super) fn run(mut self, command: impl Into<String>) -> Self {
        self.command = command.into();
        self
    }

    /// How deep it lies: what explains others has the smaller number. The order of the table of codes.
    #[must_use]
    pub fn rank(&self) -> usize {
        super::codes().iter().position(|doc| doc.code == self.code).unwrap_or(usize::MAX)
    }
}

/// The likeliest first: what is wrong before what is only a warning, then what lies deeper. With a pod, what is about it
/// comes before everything, and other pods are of no interest.
pub(super) fn order(causes: &mut Vec<Cause>, pod: Option<&str>) {
    let own = |cause: &Cause| matches!((&cause.subject, pod), (Subject::Pod(name), Some(pod)) if name == pod);
    if pod.is_some() {
        causes.retain(|cause| own(cause) || !matches!(cause.subject, Subject::Pod(_)));
    }
    causes.sort_by(|one, other| {
        let key = |cause: &Cause| {
            let warning = cause.certainty == Certainty::Warning;
            (warning, !own(cause), cause.rank(), cause.certainty, cause.subject.clone())
        };
        key(one).cmp(&key(other))
    });
    causes.dedup();
}
