//! The simulated region as one function.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, DATE, HeaderValue};
use http::{Request, Response};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::state::{Account, Action, Millis, RegionState, Served, Span, State};
use super::wire::{self, Answer, Call, Fault};
use super::{aws, kube};

/// What a service is given for one call: the account's global state, the region's, the time, and a source of chance.
#[derive(Debug)]
pub struct Here<'a> {
    /// Sandbox time.
    pub now: Millis,
    /// 12 digits.
    pub account: &'a str,
    /// `us-east-1`.
    pub name: &'a str,
    /// ARN of who calls.
    pub caller: &'a str,
    /// Global state.
    pub iam: &'a mut aws::iam::State,
    /// The region's state.
    pub region: &'a mut RegionState,
    /// See [`State::spans`].
    pub spans: &'a mut Vec<Span>,
    /// See [`State::served`].
    pub served: Option<&'a Served>,
    seed: u64,
    draws: &'a mut u64,
}

impl Here<'_> {
    /// `aws`, `aws-us-gov` or `aws-cn`.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        if self.name.starts_with("us-gov-") {
            "aws-us-gov"
        } else if self.name.starts_with("cn-") {
            "aws-cn"
        } else {
            "aws"
        }
    }

    /// An ARN of this region and account.
    #[must_use]
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition(), self.name, self.account)
    }

    /// Sixty-four random bits, the same in every run with the same seed and history.
    pub fn draw(&mut self) -> u64 {
        *self.draws += 1;
        let mut rng = fastrand::Rng::with_seed(self.seed ^ self.draws.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        rng.u64(..)
    }

    /// Sixty-four bits of chance that belong to a name, whatever was drawn before: what happens in a cluster does not move
    /// what happens in the region.
    #[must_use]
    pub fn chance(&self, of: &str) -> u64 {
        let digest = Sha256::digest(format!("{}/{}/{of}", self.seed, self.account).as_bytes());
        digest[..8].iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte))
    }

    /// A moment between `from` and `to` seconds from now.
    pub fn due(&mut self, from: f64, to: f64) -> Millis {
        #[expect(clippy::cast_precision_loss, reason = "a share of the range needs no more than 53 bits")]
        let share = (self.draw() >> 11) as f64 / (1_u64 << 53) as f64;
        #[expect(clippy::cast_possible_truncation, reason = "durations are minutes, not centuries")]
        let wait = ((from + (to - from) * share) * 1000.0) as Millis;
        self.now + wait
    }

    /// A new id, `prefix-` and 17 hex digits, as EC2 makes them.
    pub fn id(&mut self, prefix: &str) -> String {
        let (high, low) = (self.draw(), self.draw());
        format!("{prefix}-0{:08x}{:08x}", high >> 32, low >> 32)
    }

    /// `length` random characters of `alphabet`.
    pub fn letters(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length)
            .map(|_| {
                let at = usize::try_from(self.draw() >> 8).unwrap_or_default() % letters.len();
                letters[at]
            })
            .collect()
    }

    /// Records that `id` begins now, could not have begun before `after`, and is ready at `ready`.
    pub fn span(&mut self, id: impl Into<String>, after: impl IntoIterator<Item = String>, ready: Millis) {
        let (id, after) = (id.into(), after.into_iter().collect());
        self.spans.push(Span { id, after, start: self.now, ready });
    }
}

/// What comes of one request.
#[derive(Debug)]
pub enum Outcome {
    /// An answer, after so many milliseconds.
    Answer(Response<Bytes>, u64),
    /// The connection breaks.
    Cut,
}

/// The account an access key belongs to, and who calls: keys of the sandbox are `ASIA…` or `AKIA…` followed by the
/// account's 12 digits, or are session keys that STS has given out; any other key is the first account's administrator.
fn caller(state: &State, access_key: &str) -> (String, String) {
    for (id, account) in &state.accounts {
        if let Some(arn) = account.iam.session(access_key) {
            return (id.clone(), arn);
        }
    }
    let digits = access_key.get(4..16).filter(|digits| digits.chars().all(|digit| digit.is_ascii_digit()));
    let id = digits.map(str::to_owned).or_else(|| state.accounts.keys().next().cloned());
    let id = id.unwrap_or_else(|| "123456789012".to_owned());
    let arn = format!("arn:aws:iam::{id}:user/sandbox");
    (id, arn)
}

/// Whether a call changes anything: its name says so in every API used here.
#[must_use]
pub fn mutates(operation: &str) -> bool {
    !["Describe", "List", "Get", "Head", "Simulate"].iter().any(|verb| operation.starts_with(verb))
}

/// Answers one request at `now`.
pub fn answer(state: &mut State, now: Millis, request: &Request<Bytes>) -> Outcome {
    let id = format!("{:08x}-sandbox", state.draws);
    let call = match wire::parse(request) {
        Ok(call) => call,
        Err(fault) => return Outcome::Answer(wire::write("", "", &Err(fault), &id), 0),
    };
    let action = injected(state, &call.service, &call.operation);
    let mut slow = 0;
    let early = match &action {
        Some(Action::CutBefore) => return Outcome::Cut,
        Some(Action::Error(code)) => Some(Fault::new(code, "injected")),
        Some(Action::Deny) => Some(denied(&call, "injected")),
        Some(Action::Throttle) => Some(throttled(&call)),
        Some(Action::Internal) => Some(Fault::new("InternalError", "injected").status(500)),
        Some(Action::Slow(millis)) => {
            slow = *millis;
            None
        }
        Some(Action::CutAfter | Action::Truncate) | None => None,
    };
    let answer = early.map_or_else(|| dispatch(state, now, &call), Err);
    if action == Some(Action::CutAfter) {
        return Outcome::Cut;
    }
    let mut response = wire::write(&call.service, &call.operation, &answer, &id);
    if action == Some(Action::Truncate) {
        let body = response.body().clone();
        *response.body_mut() = body.slice(..body.len() / 2);
        // As every service announces it: by this its client knows that something is missing.
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    // Who judges a lease by a service's clock gets the sandbox's, in errors too.
    if let Some(date) = http_date(now).and_then(|date| HeaderValue::from_str(&date).ok()) {
        response.headers_mut().insert(DATE, date);
    }
    Outcome::Answer(response, slow)
}

/// The fault that a rule injects into a call, if any does.
pub(super) fn injected(state: &mut State, service: &str, operation: &str) -> Option<Action> {
    let mut chosen = None;
    for rule in &mut state.faults {
        let hit = [(&rule.service, service), (&rule.operation, operation)]
            .iter()
            .all(|(want, have)| want.as_str() == "*" || want == have);
        if hit {
            rule.seen += 1;
            if rule.nth == 0 || rule.nth == rule.seen {
                chosen = chosen.or_else(|| Some(rule.action.clone()));
            }
        }
    }
    chosen
}

/// A denial as the service spells it.
#[must_use]
pub fn denied(call: &Call, why: &str) -> Fault {
    let code = match call.service.as_str() {
        "ec2" => "UnauthorizedOperation",
        "iam" | "sts" | "autoscaling" | "elasticloadbalancing" | "s3" => "AccessDenied",
        _ => "AccessDeniedException",
    };
    let message = format!("not authorized to perform: {}:{} ({why})", call.service, call.operation);
    Fault::new(code, message).status(403)
}

/// Throttling as the service spells it.
fn throttled(call: &Call) -> Fault {
    let (code, status) = match call.service.as_str() {
        "ec2" => ("RequestLimitExceeded", 503),
        "iam" | "sts" | "autoscaling" | "elasticloadbalancing" => ("Throttling", 400),
        "s3" => ("SlowDown", 503),
        _ => ("ThrottlingException", 400),
    };
    Fault::new(code, "Rate exceeded").status(status)
}

/// Runs `f` with the services' view of one account and region.
pub fn with_here<T>(
    state: &mut State,
    now: Millis,
    account_id: &str,
    region: &str,
    caller: &str,
    f: impl FnOnce(&mut Here<'_>) -> T,
) -> T {
    let State { accounts, seed, draws, spans, served, .. } = state;
    let Account { regions, iam } = accounts.entry(account_id.to_owned()).or_default();
    let region_state = regions.entry(region.to_owned()).or_default();
    f(&mut Here {
        now,
        account: account_id,
        name: region,
        caller,
        iam,
        region: region_state,
        spans,
        served: served.as_ref(),
        seed: *seed,
        draws,
    })
}

fn dispatch(state: &mut State, now: Millis, call: &Call) -> Answer {
    let (mut account_id, caller) = caller(state, &call.access_key);
    // Nobody has signed AssumeRoleWithWebIdentity: the role says whose call it is.
    let of_role = text(&call.params, "RoleArn").split(':').nth(4);
    if let Some(account) = of_role.filter(|id| call.access_key.is_empty() && state.accounts.contains_key(*id)) {
        account.clone_into(&mut account_id);
    }
    with_here(state, now, &account_id, &call.region, &caller, |here| {
        settle(here);
        aws::iam::authorize(here, call)?;
        match call.service.as_str() {
            "ec2" => aws::ec2::handle(here, call),
            "eks" => aws::eks::handle(here, call),
            "iam" => aws::iam::handle(here, call),
            "sts" => aws::sts::handle(here, call),
            "autoscaling" => aws::autoscaling::handle(here, call),
            "elasticloadbalancing" => aws::elb::handle(here, call),
            "sqs" => aws::sqs::handle(here, call),
            "events" => aws::events::handle(here, call),
            "kms" => aws::kms::handle(here, call),
            "logs" => aws::logs::handle(here, call),
            "ssm" => aws::ssm::handle(here, call),
            "s3" => aws::s3::handle(here, call),
            "scheduler" => aws::scheduler::handle(here, call),
            "servicequotas" => aws::quotas::handle(here, call),
            other => Err(unsupported(other, &call.operation)),
        }
    })
}

/// Lets time pass: every service brings what is due by `here.now` to its end. What lives in clusters lives between EKS's
/// own moments.
pub fn settle(here: &mut Here<'_>) {
    let now = here.now;
    let next = |here: &Here<'_>| {
        let due = [here.region.eks.next_due(), here.region.scheduler.next_due()];
        due.into_iter().flatten().min().filter(|at| *at < now && !here.region.kube.clusters.is_empty())
    };
    while let Some(at) = next(here) {
        here.now = at;
        aws::scheduler::settle(here);
        aws::eks::settle(here);
        kube::controllers::settle(here);
    }
    here.now = now;
    aws::scheduler::settle(here);
    aws::eks::settle(here);
    aws::ec2::settle(here);
    aws::elb::settle(here);
    aws::sqs::settle(here);
    aws::kms::settle(here);
    kube::controllers::settle(here);
}

/// For operations that the sandbox does not know.
#[must_use]
pub fn unsupported(service: &str, operation: &str) -> Fault {
    Fault::new("UnknownOperationException", format!("the sandbox does not simulate {service}:{operation}")).status(501)
}

/// A text parameter; empty when it is not there.
#[must_use]
pub fn text<'a>(params: &'a Json, key: &str) -> &'a str {
    params.get(key).and_then(Json::as_str).unwrap_or_default()
}

/// A list parameter; a single value counts as a list of one.
#[must_use]
pub fn list(params: &Json, key: &str) -> Vec<Json> {
    match params.get(key) {
        Some(Json::Array(items)) => items.clone(),
        Some(Json::Null) | None => Vec::new(),
        Some(one) => vec![one.clone()],
    }
}

/// A list parameter of texts.
#[must_use]
pub fn texts(params: &Json, key: &str) -> Vec<String> {
    list(params, key).iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// One page of `items`: as many as `size` from where `token` says, and the next token, which is a plain offset.
#[must_use]
pub fn page<T: Clone>(items: &[T], token: &str, size: usize) -> (Vec<T>, Option<String>) {
    let from = token.parse::<usize>().unwrap_or_default().min(items.len());
    let to = (from + size.max(1)).min(items.len());
    (items[from..to].to_vec(), (to < items.len()).then(|| to.to_string()))
}

/// RFC 3339 with milliseconds, as EC2 and IAM print times.
#[must_use]
pub fn iso(millis: Millis) -> String {
    jiff::Timestamp::from_millisecond(millis).map(|time| format!("{time:.3}")).unwrap_or_default()
}

/// RFC 1123, as HTTP prints times.
#[must_use]
pub fn http_date(millis: Millis) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(millis).ok()?;
    Some(time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

/// Seconds since 1970 with a fraction, as the JSON protocols print times.
#[must_use]
pub fn epoch(millis: Millis) -> Json {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century fit in 53 bits")]
    let seconds = millis as f64 / 1000.0;
    json!(seconds)
}
