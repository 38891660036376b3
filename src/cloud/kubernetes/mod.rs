//! The way into a cluster: whose token, to which address, over which road.
//!
//! | file | what it does |
//! |---|---|
//! | `dial.rs` | from a cluster's name to a client, one for each endpoint and run |
//! | `in_process.rs` | a client for a simulated cluster |
//! | `objects.rs` | reading and writing any object, by server-side apply |
//! | `text.rs` | what the API server says as plain text |
//! | `errors.rs` | the API server's answers in the engine's few classes |
//! | `access.rs` | one cluster and how to get in: a client for us, a kubeconfig for children |
//! | `token.rs` | bearer tokens, signed by us; the exec plugin's answer |
//! | `live.rs` | a `kube::Client` to a real endpoint: TLS by the cluster's CA, time-outs, `--kubeconfig` |
//! | `road.rs` | how its bytes get there: directly, by a proxy, through a tunnel |
//! | `tunnel.rs` | `connect: ssm`: the tunnel over a system node |
//! | `opening.rs` | `connect: runner-cidr`: the endpoint opened for a while, and closed whatever happens |
//! | `kubeconfig.rs` | kubeconfig files: made, and merged into one that is there |

mod access;
mod dial;
pub mod errors;
mod in_process;
pub mod kubeconfig;
pub mod live;
pub mod objects;
pub mod opening;
pub mod road;
mod text;
pub mod token;
pub mod tunnel;

pub use access::{Access, Connection};
pub use dial::{Dial, Doors};
pub use errors::FIELD_CONFLICT;
pub use kube::Client;
pub use objects::{Api, MANAGER, Place};
pub use text::text;
