//! Sessions of Systems Manager: who may begin one, on what, with which document. Nothing is forwarded: the stream's other end
//! is the business of AWS's plugin.
//!
//! Source: Systems Manager API reference, `StartSession`; user guide, "Start a session (port forwarding to remote host)".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::sandbox::region::{Here, text, texts};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// Documents that every account has, and the parameters that each must have.
const DOCUMENTS: &[(&str, &[&str])] = &[
    (SHELL, &[]),
    ("AWS-StartPortForwardingSession", &["portNumber"]),
    ("AWS-StartPortForwardingSessionToRemoteHost", &["host", "portNumber"]),
];

/// What is started when no document is named: a shell of a user that may become root.
pub const SHELL: &str = "SSM-SessionManagerRunShell";

/// An agent registers so long after its instance runs, milliseconds.
const AGENT: Millis = 5_000;

/// The service's state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Sessions that have not ended, by id.
    pub sessions: BTreeMap<String, Session>,
}

/// One session.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    /// `i-…`
    pub target: String,
    /// Its document.
    pub document: String,
    /// As sent.
    pub parameters: Json,
    /// When it began.
    pub began: Millis,
}

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    match call.operation.as_str() {
        "StartSession" => Some(start(here, &call.params)),
        "TerminateSession" => {
            let id = text(&call.params, "SessionId").to_owned();
            // That there is none is no error: sessions end by themselves.
            here.region.ssm.sessions.remove(&id);
            Some(Ok(json!({ "SessionId": id })))
        }
        _ => None,
    }
}

fn start(here: &mut Here<'_>, params: &Json) -> Answer {
    let target = text(params, "Target");
    let connected = here.region.ec2.instances.get(target).is_some_and(|instance| {
        instance.going.is_none() && here.now >= instance.ready + AGENT && instance.instance_profile.is_some()
    });
    let document = Some(text(params, "DocumentName")).filter(|name| !name.is_empty()).unwrap_or(SHELL).to_owned();
    let Some((_, needed)) = DOCUMENTS.iter().find(|(name, _)| *name == document) else {
        return Err(Fault::new("InvalidDocument", format!("Document with name {document} does not exist.")));
    };
    let given = &params["Parameters"];
    if let Some(missing) = needed.iter().find(|name| texts(given, name).is_empty()) {
        return Err(Fault::new("InvalidParameters", format!("Parameter \"{missing}\" is missing.")));
    }
    if !connected {
        return Err(Fault::new("TargetNotConnected", format!("{target} is not connected.")));
    }
    let id = format!("rem-ci-{}", here.letters("abcdefghijklmnopqrstuvwxyz0123456789", 17));
    let token = here.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 64);
    let stream = format!("wss://ssmmessages.{}.amazonaws.com/v1/data-channel/{id}?role=publish_subscribe", here.name);
    let session = Session { target: target.to_owned(), document, parameters: given.clone(), began: here.now };
    here.region.ssm.sessions.insert(id.clone(), session);
    Ok(json!({ "SessionId": id, "TokenValue": token, "StreamUrl": stream }))
}
