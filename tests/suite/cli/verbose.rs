//! `--verbose`: every request, a line each, on stderr, and no secret in it.

use std::cell::RefCell;
use std::rc::Rc;

use regex_lite::Regex;
use rem_ci::engine::calls::{self, Call};
use rem_ci::sandbox::state::Action;

use super::{Place, document};
use crate::common::{Region, environment, look, virtual_time};
use crate::fault::{fault, set_faults};

#[test]
fn every_request_is_a_line_on_stderr() {
    let place = Place::new();
    let run = place.ends(0, &["plan", "dev", "--sandbox", "-v", "--format", "json"]);
    let calls = document(&run)["environments"][0]["reads"]["calls"].as_u64().expect("a number");
    let shape = Regex::new("^[A-Z][A-Za-z0-9 ]+ [A-Z][A-Za-z]+: [0-9]{3} in [0-9]+ ms, try 1$").expect("a pattern");
    let odd: Vec<_> = run.err.lines().filter(|line| !shape.is_match(line)).collect();
    assert_eq!(odd, Vec::<&str>::new());
    assert_eq!(run.err.lines().count() as u64, calls);
    assert!(run.err.starts_with("STS GetCallerIdentity: 200 in 40 ms, try 1\n"), "{}", run.err);
    let whole = place.ends(0, &["apply", "dev", "--sandbox", "--yes", "-v"]);
    assert!(whole.err.contains("EKS CreateCluster: 200"), "{}", whole.err);
    // Account, key, signature, tokens: none of it is in a line.
    for secret in ["AKIA", "Signature", "Credential", "X-Amz", "SAND", "123456789012"] {
        let lines: Vec<_> =
            whole.err.lines().filter(|line| line.contains(" ms, try ") && line.contains(secret)).collect();
        assert_eq!(lines, Vec::<&str>::new());
    }
    assert_eq!(place.ends(0, &["plan", "dev", "--sandbox"]).err, "");
    place.ends(64, &["plan", "dev", "--sandbox", "-v", "--quiet"]);
}

#[test]
fn tries_and_answers_that_never_came_are_told_apart() {
    virtual_time(async {
        let loaded = environment("dev");
        let region = Region::new(7, &loaded.spec.account);
        set_faults(
            &region,
            vec![
                fault("ec2", "DescribeVpcs", 1, Action::Throttle),
                fault("sts", "GetCallerIdentity", 1, Action::CutBefore),
            ],
        );
        let heard: Rc<RefCell<Vec<Call>>> = Rc::default();
        let ear = Rc::clone(&heard);
        let listener = Rc::new(move |call: &Call| ear.borrow_mut().push(call.clone()));
        calls::heard(listener, look(&loaded, &region.world(&loaded))).await.expect("a look");
        let of = |operation: &str| {
            let heard = heard.borrow();
            let calls = heard.iter().filter(|call| call.operation == operation);
            calls.map(|call| (call.attempt, call.status)).collect::<Vec<_>>()
        };
        assert_eq!(of("DescribeVpcs")[..2], [(1, Some(503)), (2, Some(200))]);
        assert_eq!(of("GetCallerIdentity"), [(1, None), (2, Some(200))]);
    });
}
