//! The engine on toy resources: what must never happen, over random graphs, failures and kills.

mod toy;

use std::collections::BTreeSet;
use std::rc::Rc;

use proptest::prelude::*;

use super::kind::{AnyKind, Facts, Kind};
use super::{
    Action, Address, Event, Graph, Open, Outcome, Owner, Plan, Ready, Resource, Setting, Snapshot, Stop, Swept, Value,
    apply, kind, read,
};
use toy::{Fault, Toy, World};

fn owner() -> Owner {
    Owner { environment: "prod".to_owned(), stack: "0123456789abcdef".to_owned() }
}

fn kind_of(name: &str) -> Option<&'static dyn AnyKind<World>> {
    (name == "toy").then(kind::<Toy>)
}

fn about(name: &str) -> Option<&'static Kind> {
    kind_of(name).map(AnyKind::kind)
}

fn graph(needs: &[Vec<usize>], size: u8) -> Graph<World> {
    let mut graph = Graph::default();
    let mut refs = Vec::new();
    for (index, needs) in needs.iter().enumerate() {
        let needs = needs.iter().map(|need| Clone::clone(&refs[*need])).collect();
        refs.push(graph.add(toy(index, needs, size)));
    }
    graph
}

fn toy(index: usize, needs: Vec<super::Ref<Toy>>, size: u8) -> Toy {
    Toy { index, needs, size, leans: Vec::new(), was: None }
}

async fn look(world: &World, graph: &Graph<World>, incomplete: bool) -> Plan {
    let kinds = read(world, &[kind::<Toy>()], graph, &owner(), incomplete).await;
    Plan::make(graph, &Snapshot { kinds, ..Snapshot::default() }, &owner(), &about)
}

async fn run(world: &World, plan: &Plan, stop: &Stop, sink: &dyn Fn(&Event)) -> Outcome {
    let owner = owner();
    let setting = Setting { world, kind_of: &kind_of, owner: &owner, approval: "a", gate: &Open, sink, stop };
    apply(plan, &setting).await
}

fn virtual_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(future)
}

fn words(plan: &Plan) -> BTreeSet<&'static str> {
    plan.steps.iter().map(|step| step.action.word()).collect()
}

fn dag() -> impl Strategy<Value = Vec<Vec<usize>>> {
    proptest::collection::vec(proptest::collection::vec(any::<prop::sample::Index>(), 0..3), 1..12).prop_map(|raw| {
        let needs = raw.into_iter().enumerate();
        needs
            .map(|(index, picks)| {
                let unique: BTreeSet<usize> =
                    picks.iter().filter(|_| index > 0).map(|pick| pick.index(index.max(1))).collect();
                unique.into_iter().collect()
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A first apply makes everything once, needs first; a second finds nothing to do; destroy ends it in reverse.
    #[test]
    fn converges_in_order(needs in dag()) {
        virtual_time(async {
            let world = World::default();
            let graph = graph(&needs, 1);
            let plan = look(&world, &graph, false).await;
            let outcome = run(&world, &plan, &Stop::default(), &|_| {}).await;
            prop_assert!(outcome.complete(), "{:?}", outcome.reports);
            world.check_order(&needs)?;
            let again = look(&world, &graph, false).await;
            prop_assert_eq!(words(&again), BTreeSet::from(["keep"]));
            let kinds = read(&world, &[kind::<Toy>()], &graph, &owner(), false).await;
            let snapshot = Snapshot { kinds, ..Snapshot::default() };
            let end = Plan::destroy(&graph, &snapshot, &owner(), &about, &|_| false);
            let outcome = run(&world, &end, &Stop::default(), &|_| {}).await;
            prop_assert!(outcome.complete(), "{:?}", outcome.reports);
            prop_assert!(world.is_empty());
            world.check_end_order(&needs)
        })?;
    }

    /// Cut at any call, before or after its effect, then killed: the next run converges, and nothing is there twice.
    #[test]
    fn survives_a_kill_at_any_call(needs in dag(), at in 0_usize..60, after in any::<bool>()) {
        virtual_time(async {
            let world = World::default();
            let graph = graph(&needs, 1);
            world.fault(at, Fault::Kill { after });
            let killed = Rc::clone(&world.killed);
            let stop = Stop::default();
            let whole = async {
                let plan = look(&world, &graph, false).await;
                run(&world, &plan, &stop, &|_| {}).await
            };
            tokio::select! {
                _ = whole => {}
                () = killed.notified() => {}
            }
            world.heal();
            let plan = look(&world, &graph, true).await;
            prop_assert!(!words(&plan).contains("replace") && !words(&plan).contains("delete"));
            let outcome = run(&world, &plan, &Stop::default(), &|_| {}).await;
            prop_assert!(outcome.complete(), "{:?}", outcome.reports);
            prop_assert!(!world.twins(), "something was made twice");
            prop_assert_eq!(words(&look(&world, &graph, false).await), BTreeSet::from(["keep"]));
            Ok(())
        })?;
    }

    /// A lost answer (the connection breaks, the process lives) is looked into, not repeated blindly.
    #[test]
    fn survives_a_cut_at_any_call(needs in dag(), at in 0_usize..60, after in any::<bool>()) {
        virtual_time(async {
            let world = World::default();
            let graph = graph(&needs, 1);
            let plan = look(&world, &graph, false).await;
            world.fault(world.calls() + at, Fault::Cut { after });
            let outcome = run(&world, &plan, &Stop::default(), &|_| {}).await;
            prop_assert!(outcome.complete(), "{:?}", outcome.reports);
            prop_assert!(!world.twins(), "something was made twice");
            Ok(())
        })?;
    }

    /// What fails takes only its own branch with it.
    #[test]
    fn a_failure_stops_only_what_depends_on_it(needs in dag(), pick in any::<prop::sample::Index>()) {
        virtual_time(async {
            let world = World::default();
            let graph = graph(&needs, 1);
            let bad = pick.index(needs.len());
            world.refuse(bad);
            let plan = look(&world, &graph, false).await;
            let outcome = run(&world, &plan, &Stop::default(), &|_| {}).await;
            let mut lost = BTreeSet::from([bad]);
            for (index, needs) in needs.iter().enumerate() {
                if needs.iter().any(|need| lost.contains(need)) {
                    lost.insert(index);
                }
            }
            for index in 0..needs.len() {
                prop_assert_eq!(world.has(index), !lost.contains(&index), "toy {}", index);
            }
            prop_assert_eq!(outcome.skipped.len(), lost.len() - 1);
            Ok(())
        })?;
    }

    /// Whatever cannot be read is neither made, changed nor deleted, nor is anything that needs it.
    #[test]
    fn unknown_is_never_absent(needs in dag()) {
        virtual_time(async {
            let world = World::default();
            let graph = graph(&needs, 1);
            world.fault(0, Fault::Deny);
            let plan = look(&world, &graph, false).await;
            prop_assert_eq!(words(&plan), BTreeSet::from(["unknown"]));
            let outcome = run(&world, &plan, &Stop::default(), &|_| {}).await;
            prop_assert!(outcome.reports.is_empty() && world.is_empty());
            Ok(())
        })?;
    }

    /// `new ⊑ approved` holds for the plan itself, and for no plan with another value in it.
    #[test]
    fn nothing_beyond_the_approved(needs in dag()) {
        virtual_time(async {
            let world = World::default();
            let approved = look(&world, &graph(&needs, 1), false).await.canonical();
            prop_assert!(approved.beyond(&approved).is_empty());
            let other = look(&world, &graph(&needs, 2), false).await.canonical();
            prop_assert!(!other.beyond(&approved).is_empty());
            prop_assert_ne!(other.digest(), approved.digest());
            Ok(())
        })?;
    }
}

#[test]
fn an_approved_update_stays_in_its_bounds() {
    virtual_time(async {
        let world = World::default();
        let needs = vec![vec![], vec![0], vec![1]];
        run(&world, &look(&world, &graph(&needs, 1), false).await, &Stop::default(), &|_| {}).await;
        let approved = look(&world, &graph(&needs, 2), false).await.canonical();
        let stronger = look(&world, &graph(&needs, 3), false).await.canonical();
        assert!(approved.beyond(&approved).is_empty());
        assert_eq!(stronger.beyond(&approved).len(), 3, "another value than approved, three times");
        let done = look(&world, &graph(&needs, 1), false).await.canonical();
        assert!(done.beyond(&approved).is_empty(), "what is already as it should be needs no approval");
        assert_eq!(approved.beyond(&done).len(), 3);
    });
}

#[test]
fn a_replace_cascades_and_is_made_in_the_right_order() {
    virtual_time(async {
        let world = World::default();
        let needs = vec![vec![], vec![0], vec![]];
        run(&world, &look(&world, &graph(&needs, 1), false).await, &Stop::default(), &|_| {}).await;
        world.fail_forever(0);
        let plan = look(&world, &graph(&needs, 1), false).await;
        let actions: Vec<&str> = plan.steps.iter().map(|step| step.action.word()).collect();
        assert_eq!(actions, ["replace", "replace", "keep"]);
        assert_eq!(plan.steps[0].reason.as_deref(), Some("BROKEN"));
        let outcome = run(&world, &plan, &Stop::default(), &|_| {}).await;
        assert!(outcome.complete(), "{:?}", outcome.reports);
        let order: Vec<String> =
            outcome.reports.iter().map(|report| format!("{} {}", report.action, report.address)).collect();
        assert_eq!(order, ["delete toy/toy/1", "delete toy/toy/0", "create toy/toy/0", "create toy/toy/1"]);
        assert_eq!(words(&look(&world, &graph(&needs, 1), false).await), BTreeSet::from(["keep"]));
    });
}

#[test]
fn an_orphan_is_deleted_and_a_foreign_one_is_not() {
    virtual_time(async {
        let world = World::default();
        run(&world, &look(&world, &graph(&[vec![], vec![]], 1), false).await, &Stop::default(), &|_| {}).await;
        world.plant("stranger", "fedcba9876543210");
        let smaller = graph(&[vec![]], 1);
        let plan = look(&world, &smaller, false).await;
        assert_eq!(plan.step(&Address::keyed("toy", "toy", "1")).map(|step| step.action.clone()), Some(Action::Delete));
        assert_eq!(plan.sorted.strays.len(), 1);
        run(&world, &plan, &Stop::default(), &|_| {}).await;
        assert!(world.has(0) && !world.has(1) && world.has_id("stranger"));
    });
}

#[test]
fn a_stop_ends_nothing_in_the_middle_and_starts_nothing_new() {
    virtual_time(async {
        let world = World::default();
        let graph = graph(&[vec![], vec![0], vec![1]], 1);
        let plan = look(&world, &graph, false).await;
        let stop = Stop::default();
        let told = stop.clone();
        let outcome = run(&world, &plan, &stop, &move |event| {
            if matches!(event.what, super::Happening::Done { .. }) {
                told.tell();
            }
        })
        .await;
        assert!(outcome.interrupted && !outcome.complete());
        assert_eq!(outcome.skipped.len(), 2);
        assert!(world.has(0) && !world.has(1));
    });
}

#[test]
fn parallel_branches_take_the_longest_and_not_the_sum() {
    virtual_time(async {
        let world = World::default();
        // 0 takes 1 s, 1 takes 2 s and so on; 7 needs only 0.
        let needs: Vec<Vec<usize>> = (0..8).map(|index| if index == 7 { vec![0] } else { vec![] }).collect();
        let outcome = run(&world, &look(&world, &graph(&needs, 1), false).await, &Stop::default(), &|_| {}).await;
        let path: Vec<String> = outcome.critical_path.iter().map(|(address, _)| address.to_string()).collect();
        assert_eq!(path, ["toy/toy/0", "toy/toy/7"]);
        assert!(outcome.took.as_secs_f64() < 9.0 + 1.5, "{:?}", outcome.took);
        let slack = |index: usize| {
            outcome.reports.iter().find(|r| r.address.key() == Some(&index.to_string())).map(|r| r.slack)
        };
        assert_eq!(slack(7), Some(std::time::Duration::ZERO));
        assert!(slack(1) > Some(std::time::Duration::from_secs(5)));
    });
}

#[test]
fn a_missing_edge_cannot_be_written() {
    let graph = graph(&[vec![], vec![0]], 1);
    assert_eq!(graph.nodes()[1].needs, [0]);
    let want = graph.nodes()[1].want(&Facts::default());
    assert!(matches!(want["needs"].items(), [Value::Ref { .. }]));
    assert_eq!(Toy::KIND.name, "toy");
    assert_eq!(Ready::Yes, Ready::Yes);
}

#[test]
fn what_leans_on_another_ends_before_it_and_is_not_made_after_it() {
    virtual_time(async {
        let world = World::default();
        let mut graph = Graph::default();
        // The first takes nine seconds to be made; the second would be done long before.
        graph.add(toy(9, Vec::new(), 1));
        graph.add(Toy { leans: vec![9], ..toy(0, Vec::new(), 1) });
        let made = run(&world, &look(&world, &graph, false).await, &Stop::default(), &|_| {}).await;
        assert!(made.complete());
        let report = |outcome: &Outcome, index| {
            let found = outcome.reports.iter().find(|report| report.address == Toy::at(index));
            found.map(|report| (report.start, report.end)).expect("a report")
        };
        assert!(report(&made, 0).1 < report(&made, 9).1);
        super::wait::pause(std::time::Duration::from_mins(1)).await;
        let kinds = read(&world, &[kind::<Toy>()], &graph, &owner(), false).await;
        let snapshot = Snapshot { kinds, ..Snapshot::default() };
        let plan = Plan::destroy(&graph, &snapshot, &owner(), &about, &|_| false);
        let ended = run(&world, &plan, &Stop::default(), &|_| {}).await;
        assert!(ended.complete());
        assert!(report(&ended, 0).1 <= report(&ended, 9).0);
    });
}

#[test]
fn what_was_renamed_is_made_under_its_new_name_before_the_old_one_ends() {
    virtual_time(async {
        let world = World::default();
        assert!(
            run(&world, &look(&world, &graph(&[vec![]], 1), false).await, &Stop::default(), &|_| {}).await.complete()
        );
        super::wait::pause(std::time::Duration::from_mins(1)).await;
        let mut graph = Graph::default();
        graph.add(Toy { was: Some(0), ..toy(5, Vec::new(), 1) });
        let plan = look(&world, &graph, false).await;
        let reason = |index| plan.step(&Toy::at(index)).and_then(|step| step.reason.clone());
        assert_eq!(reason(0).as_deref(), Some("moved to toy/toy/5"));
        assert_eq!(reason(5).as_deref(), Some("moved from toy/toy/0"));
        let outcome = run(&world, &plan, &Stop::default(), &|_| {}).await;
        let at = |index| outcome.reports.iter().find(|report| report.address == Toy::at(index)).expect("a report");
        assert!(at(5).end <= at(0).start);
    });
}

#[test]
fn what_cannot_be_asked_is_planned_from_what_was_applied() {
    let plan = |graph: &Graph<World>, swept| {
        let kinds = [("toy".to_owned(), swept)].into_iter().collect();
        Plan::make(graph, &Snapshot { kinds, ..Snapshot::default() }, &owner(), &about)
    };
    let (two, other) = (graph(&[vec![], vec![0]], 1), graph(&[vec![]], 2));
    let applied = plan(&two, Swept::Known(Vec::new())).canonical().nodes;
    let same = plan(&two, Swept::Assumed(applied.clone()));
    assert_eq!(words(&same), BTreeSet::from(["keep"]));
    assert!(same.steps.iter().all(|step| step.assumed));
    assert_ne!(same.canonical().digest(), plan(&two, Swept::Known(Vec::new())).canonical().digest());
    let changed = plan(&other, Swept::Assumed(applied));
    let of = |index| changed.step(&Toy::at(index)).expect("a step");
    assert_eq!((of(0).action.word(), of(1).action.word()), ("update", "delete"));
    assert_eq!(of(0).changes[0].before, Some(Value::text(1)));
    assert!(of(1).assumed);
    let denied = super::Failure::fatal("toy", "no");
    assert_eq!(words(&plan(&two, Swept::Unknown(denied))), BTreeSet::from(["unknown"]));
}
