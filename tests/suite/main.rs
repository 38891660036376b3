//! One test binary for everything above the unit tests: whole environments in the simulated region.
//!
//! | module | what it shows |
//! |---|---|
//! | `action.rs` | `rem-ci action` from event to end |
//! | `architecture.rs` | the walls of the house |
//! | `authz.rs` | what the kinds declare is enough for a role, and hardly more |
//! | `bill.rs` | what the shipped environments cost, to the cent |
//! | `clash.rs` | neighbours in one account |
//! | `cli.rs` | the real binary: exit codes, streams, help, bad files |
//! | `common.rs` | a region in virtual time, an environment, a run |
//! | `conformance.rs` | every field of every kind: drifted by hand, shown, repaired |
//! | `contract.rs` | every request written down, for AWS's own API models |
//! | `cost.rs` | `rem-ci cost`: workloads, base, budget, forms; no kind forgotten |
//! | `credentials.rs` | sessions shorter than the run |
//! | `cuts.rs` | killed or cut at every single call, then run again |
//! | `destroy.rs` | protection, what goes, what stays, what was forgotten |
//! | `drain.rs` | a cluster full of other people's things comes to its end |
//! | `diagnose.rs` | broken worlds, what verify and diagnose say of each; where pods land; the canary |
//! | `fault.rs` | a film of a run, faults, what a region holds |
//! | `github.rs` | the GitHub client: faults, limits, races, pages |
//! | `github_double/` | the GitHub that tests speak to: in process, or over loopback |
//! | `litter.rs` | what Karpenter, controllers and the CSI driver make for a cluster, put into a region |
//! | `kube_api.rs` | the simulated Kubernetes API through a real client |
//! | `late.rs` | listings that lag behind what was made a moment ago |
//! | `lock.rs` | one run at a time: folder, lease, frozen holders, unlock |
//! | `money.rs` | fixed monthly cost, to the cent |
//! | `moved.rs` | another owner, account or region in the file of what runs |
//! | `moto.rs` | the kinds against a simulator that is not ours |
//! | `opening.rs` | `connect: runner-cidr`, killed anywhere |
//! | `objects.rs` | inside the cluster: other managers, renamed pools, an endpoint that does not answer |
//! | `packaged.rs` | action.yml's steps as a runner runs them; workflows, templates, releases |
//! | `prices.rs` | price lists at the wire: bulk file, GetProducts; torn, absurd |
//! | `privilege.rs` | the roles that bootstrap makes: trust, what they are enough for, secrets, escalation, the bucket |
//! | `reads.rs` | each read denied, throttled out, cut short, failing |
//! | `secrets.rs` | where credentials are from in the Action, and where they never go |
//! | `security_list.rs` | SECURITY.md names tests that are there |
//! | `signals.rs` | stopped and killed |
//! | `speed.rs` | apply and destroy against the region's own critical path; calls and rounds of a plan |
//! | `subnets.rs` | what a cluster holds of its network |
//! | `truth.rs` | node pools and fixed lines against what trying everything finds |
//! | `versions.rs` | the original's versions, in and out of what AWS offers |
//! | `whole.rs` | plan, apply, plan again, destroy, for every shipped environment |
//! | `worlds.rs` | `tests/worlds/`: what is live, and the plan that comes of it |

mod action;
mod architecture;
mod authz;
mod bill;
mod clash;
mod cli;
mod common;
mod conformance;
mod contract;
mod cost;
mod credentials;
mod cuts;
mod destroy;
mod diagnose;
mod drain;
mod fault;
mod github;
mod github_double;
mod kube_api;
mod late;
mod litter;
mod lock;
mod money;
mod moto;
mod moved;
mod objects;
mod opening;
mod packaged;
mod prices;
mod privilege;
mod reads;
mod secrets;
mod security_list;
mod signals;
mod speed;
mod subnets;
mod truth;
mod versions;
mod whole;
mod worlds;
