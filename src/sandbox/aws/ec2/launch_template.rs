//! Launch templates and their versions.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::common::{self, Listing, born, ended, find, find_mut, forget, invalid, need, paged, tag_set, tags_of};
use crate::sandbox::region::{Here, iso, list, text, texts};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// One launch template.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LaunchTemplate {
    /// Unique in the region.
    pub name: String,
    /// When.
    pub created: Millis,
    /// ARN of who made it.
    pub created_by: String,
    /// Number of the default version.
    pub default: u64,
    /// Number of the newest version; numbers are not used again.
    pub latest: u64,
    /// By number.
    pub versions: BTreeMap<u64, Version>,
}

/// One version of a launch template.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Version {
    /// May be empty.
    pub description: String,
    /// When.
    pub created: Millis,
    /// Launch template data as responses print it (`instanceType`, `blockDeviceMappingSet`…).
    pub data: Json,
}

/// What `LaunchTemplateData` may hold (RequestLaunchTemplateData).
const MEMBERS: &[&str] = &[
    "BlockDeviceMapping",
    "CapacityReservationSpecification",
    "CpuOptions",
    "CreditSpecification",
    "DisableApiStop",
    "DisableApiTermination",
    "EbsOptimized",
    "ElasticGpuSpecification",
    "ElasticInferenceAccelerator",
    "EnclaveOptions",
    "HibernationOptions",
    "IamInstanceProfile",
    "ImageId",
    "InstanceInitiatedShutdownBehavior",
    "InstanceMarketOptions",
    "InstanceRequirements",
    "InstanceType",
    "KernelId",
    "KeyName",
    "LicenseSpecification",
    "MaintenanceOptions",
    "MetadataOptions",
    "Monitoring",
    "NetworkInterface",
    "NetworkPerformanceOptions",
    "Operator",
    "Placement",
    "PrivateDnsNameOptions",
    "RamDiskId",
    "SecondaryInterface",
    "SecurityGroup",
    "SecurityGroupId",
    "TagSpecification",
    "UserData",
];

/// Request members as responses name them: lists end in `Set`, and some have another name altogether.
fn printed(inside: &str, name: &str, listed: bool) -> String {
    match (inside, name) {
        ("NetworkInterface", "SecurityGroupId") => "groupSet".to_owned(),
        (_, "LicenseSpecification") => "licenseSet".to_owned(),
        (_, name) if listed => format!("{}Set", common::camel(name)),
        (_, name) => common::camel(name),
    }
}

fn translated(inside: &str, value: &Json) -> Json {
    match value {
        Json::Object(entries) => Json::Object(
            entries
                .iter()
                .map(|(name, value)| (printed(inside, name, value.is_array()), translated(name, value)))
                .collect::<Map<_, _>>(),
        ),
        Json::Array(items) => Json::Array(items.iter().map(|item| translated(inside, item)).collect()),
        other => other.clone(),
    }
}

/// Checks and translates the request's data.
fn data(call: &Call) -> Result<Json, Fault> {
    let Some(given @ Json::Object(_)) = call.params.get("LaunchTemplateData") else {
        return Err(Fault::new("MissingParameter", "The request must contain the parameter LaunchTemplateData"));
    };
    if let Some(name) = given.as_object().into_iter().flat_map(Map::keys).find(|name| !MEMBERS.contains(&name.as_str()))
    {
        return Err(Fault::new("UnknownParameter", format!("The parameter {name} is not recognized")));
    }
    if base64::engine::general_purpose::STANDARD.decode(text(given, "UserData")).is_err() {
        return Err(Fault::new("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data."));
    }
    if !list(given, "NetworkInterface").is_empty() && !list(given, "SecurityGroupId").is_empty() {
        let message =
            "Network interfaces and an instance-level security groups may not be specified on the same request";
        return Err(Fault::new("InvalidParameterCombination", message));
    }
    for mapping in list(given, "BlockDeviceMapping") {
        let size = text(&mapping["Ebs"], "VolumeSize");
        if !size.is_empty() && !size.parse::<u32>().is_ok_and(|size| (1..=65536).contains(&size)) {
            return Err(invalid(format!("Value ({size}) for parameter volumeSize is invalid.")));
        }
    }
    Ok(translated("", given))
}

impl LaunchTemplate {
    fn print(&self, here: &Here<'_>, id: &str) -> Json {
        json!({
            "launchTemplateId": id,
            "launchTemplateName": self.name,
            "createTime": iso(self.created),
            "createdBy": self.created_by,
            "defaultVersionNumber": self.default,
            "latestVersionNumber": self.latest,
            "tagSet": tag_set(&here.region.ec2, id),
        })
    }

    fn print_version(&self, id: &str, number: u64, version: &Version) -> Json {
        json!({
            "launchTemplateId": id,
            "launchTemplateName": self.name,
            "versionNumber": number,
            "versionDescription": (!version.description.is_empty()).then_some(&version.description),
            "createTime": iso(version.created),
            "createdBy": self.created_by,
            "defaultVersion": number == self.default,
            "launchTemplateData": version.data,
        })
    }

    /// The number that `$Latest`, `$Default` or digits mean.
    fn number(&self, id: &str, version: &str) -> Result<u64, Fault> {
        let number = match version {
            "$Latest" => Some(self.latest),
            "$Default" => Some(self.default),
            digits => digits.parse().ok(),
        };
        number.filter(|number| self.versions.contains_key(number)).ok_or_else(|| unknown_version(id, version))
    }
}

fn unknown_version(id: &str, version: &str) -> Fault {
    let message = format!("Could not find the specified version {version} for the launch template with ID {id}.");
    Fault::new("InvalidLaunchTemplateId.VersionNotFound", message)
}

/// A version of a launch template and its number: what node groups launch from. `version` is a number, `$Latest` or
/// `$Default`.
///
/// # Errors
/// `InvalidLaunchTemplateId.NotFound`, `InvalidLaunchTemplateId.VersionNotFound`
pub fn version<'a>(here: &'a Here<'_>, id: &str, version: &str) -> Result<(u64, &'a Version), Fault> {
    let template = find(&here.region.ec2.launch_templates, "lt", id)?;
    let number = template.number(id, version)?;
    let found = template.versions.get(&number).ok_or_else(|| unknown_version(id, version))?;
    Ok((number, found))
}

/// The id of the template with this name.
#[must_use]
pub fn id_of(here: &Here<'_>, name: &str) -> Option<String> {
    let mut templates = here.region.ec2.launch_templates.iter();
    templates.find(|(_, template)| template.name == name).map(|(id, _)| id.clone())
}

/// The id that a request names by id or by name.
fn named(here: &Here<'_>, call: &Call) -> Result<String, Fault> {
    match (text(&call.params, "LaunchTemplateId"), text(&call.params, "LaunchTemplateName")) {
        ("", "") => {
            Err(Fault::new("MissingParameter", "Either a launch template ID or a launch template name is required"))
        }
        (id, "") => find(&here.region.ec2.launch_templates, "lt", id).map(|_| id.to_owned()),
        ("", name) => id_of(here, name).ok_or_else(unnamed),
        _ => {
            let message = "You may specify a launch template ID or a launch template name, but not both";
            Err(Fault::new("InvalidParameterCombination", message))
        }
    }
}

fn unnamed() -> Fault {
    let message = "At least one of the launch templates specified in the request does not exist.";
    Fault::new("InvalidLaunchTemplateName.NotFoundException", message)
}

pub(super) fn create(here: &mut Here<'_>, call: &Call) -> Answer {
    let tags = tags_of(call, "launch-template")?;
    let name = need(call, "LaunchTemplateName")?;
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "().-/_".contains(letter);
    if !(3..=128).contains(&name.chars().count()) || !name.chars().all(fits) {
        let message = "A launch template name must be between 3 and 128 characters, and may contain letters, numbers, and the following characters: - ( ) . / _.";
        return Err(Fault::new("InvalidLaunchTemplateName.MalformedException", message));
    }
    let data = data(call)?;
    if id_of(here, &name).is_some() {
        let message = "Launch template name already in use.";
        return Err(Fault::new("InvalidLaunchTemplateName.AlreadyExistsException", message));
    }
    let id = here.id("lt");
    let description = text(&call.params, "VersionDescription").to_owned();
    let template = LaunchTemplate {
        name,
        created: here.now,
        created_by: here.caller.to_owned(),
        default: 1,
        latest: 1,
        versions: BTreeMap::from([(1, Version { description, created: here.now, data })]),
    };
    here.region.ec2.launch_templates.insert(id.clone(), template.clone());
    let now = here.now;
    born(here, &id, tags, &[], now);
    Ok(json!({ "launchTemplate": template.print(here, &id) }))
}

pub(super) fn create_version(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = named(here, call)?;
    let mut data = data(call)?;
    let now = here.now;
    let template = find_mut(&mut here.region.ec2.launch_templates, "lt", &id)?;
    let source = text(&call.params, "SourceVersion");
    if !source.is_empty() {
        // The new version is the source with the given members over it.
        let number = template.number(&id, source)?;
        if let (Json::Object(new), Some(Json::Object(old))) =
            (&mut data, template.versions.get(&number).map(|version| &version.data))
        {
            for (name, value) in old {
                new.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    template.latest += 1;
    let number = template.latest;
    let description = text(&call.params, "VersionDescription").to_owned();
    let version = Version { description, created: now, data };
    template.versions.insert(number, version.clone());
    let printed = template.print_version(&id, number, &version);
    here.span(format!("{id}/{number}"), [id], now);
    Ok(json!({ "launchTemplateVersion": printed }))
}

/// Up to 200; what cannot go is told in the answer.
pub(super) fn delete_versions(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = named(here, call)?;
    let template = find_mut(&mut here.region.ec2.launch_templates, "lt", &id)?;
    let (mut gone, mut kept) = (Vec::new(), Vec::new());
    for wanted in texts(&call.params, "LaunchTemplateVersion") {
        let entry = json!({ "launchTemplateId": id, "launchTemplateName": template.name, "versionNumber": wanted.parse::<u64>().ok() });
        let problem = match template.number(&id, &wanted) {
            Err(fault) => Some(("launchTemplateVersionDoesNotExist", fault.message)),
            Ok(number) if number == template.default => {
                Some(("unexpectedError", "The default version cannot be deleted".to_owned()))
            }
            Ok(number) => {
                template.versions.remove(&number);
                None
            }
        };
        match problem {
            None => gone.push(entry),
            Some((code, message)) => {
                let mut entry = entry;
                entry["responseError"] = json!({ "code": code, "message": message });
                kept.push(entry);
            }
        }
    }
    Ok(json!({
        "successfullyDeletedLaunchTemplateVersionSet": gone,
        "unsuccessfullyDeletedLaunchTemplateVersionSet": kept,
    }))
}

/// Chooses the default version: all that can be changed.
pub(super) fn modify(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = named(here, call)?;
    let wanted = match text(&call.params, "SetDefaultVersion") {
        "" => text(&call.params, "DefaultVersion"),
        wanted => wanted,
    };
    let template = find_mut(&mut here.region.ec2.launch_templates, "lt", &id)?;
    template.default = template.number(&id, wanted)?;
    let template = template.clone();
    Ok(json!({ "launchTemplate": template.print(here, &id) }))
}

pub(super) fn delete(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = named(here, call)?;
    let printed = find(&here.region.ec2.launch_templates, "lt", &id)?.print(here, &id);
    here.region.ec2.launch_templates.remove(&id);
    forget(&mut here.region.ec2, &id);
    let now = here.now;
    ended(here, &id, &[], now);
    Ok(json!({ "launchTemplate": printed }))
}

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const TEMPLATES: Listing = Listing {
        prefix: "lt",
        ids: "LaunchTemplateId",
        set: "launchTemplates",
        id: "launchTemplateId",
        filters: &[("create-time", "createTime"), ("launch-template-name", "launchTemplateName")],
        pages: Some((1, 200)),
    };
    let here = &*here;
    let names = texts(&call.params, "LaunchTemplateName");
    let templates = &here.region.ec2.launch_templates;
    if names.iter().any(|name| templates.values().all(|template| template.name != *name)) {
        return Err(unnamed());
    }
    let entries = templates
        .iter()
        .filter(|(_, template)| names.is_empty() || names.contains(&template.name))
        .map(|(id, template)| template.print(here, id))
        .collect();
    common::describe(here, call, &TEMPLATES, entries)
}

/// The versions of one template, or `$Latest` and `$Default` of all.
pub(super) fn describe_versions(here: &mut Here<'_>, call: &Call) -> Answer {
    const FILTERS: &[(&str, &str)] = &[
        ("create-time", "createTime"),
        ("iam-instance-profile", "launchTemplateData.iamInstanceProfile.arn"),
        ("image-id", "launchTemplateData.imageId"),
        ("instance-type", "launchTemplateData.instanceType"),
        ("is-default-version", "defaultVersion"),
        ("http-tokens", "launchTemplateData.metadataOptions.httpTokens"),
    ];
    let filters = common::filters(&call.params, FILTERS, &[])?;
    let wanted = texts(&call.params, "LaunchTemplateVersion");
    let templates = &here.region.ec2.launch_templates;
    let all = text(&call.params, "LaunchTemplateId").is_empty() && text(&call.params, "LaunchTemplateName").is_empty();
    let ids: Vec<String> = if all {
        if wanted.is_empty() || wanted.iter().any(|version| !version.starts_with('$')) {
            return Err(Fault::new("MissingParameter", "A launch template ID or a launch template name is required"));
        }
        templates.keys().cloned().collect()
    } else {
        vec![named(here, call)?]
    };
    let bound = |name, otherwise| text(&call.params, name).parse::<u64>().unwrap_or(otherwise);
    let (least, most) = (bound("MinVersion", 0), bound("MaxVersion", u64::MAX));
    let mut found = Vec::new();
    for id in &ids {
        let template = find(templates, "lt", id)?;
        let mut numbers = Vec::new();
        for version in &wanted {
            numbers.push(template.number(id, version)?);
        }
        for (number, version) in template.versions.iter().rev() {
            if (wanted.is_empty() || numbers.contains(number)) && (least..=most).contains(number) {
                let mut entry = template.print_version(id, *number, version);
                // Newest first, so the place in the list counts down.
                entry["place"] = json!(format!("{id}/{:020}", u64::MAX - number));
                found.push(entry);
            }
        }
    }
    found.retain(|entry| filters.iter().all(|filter| filter.matches(entry)));
    let next = paged(&mut found, call, "place", 1, 200)?;
    for entry in found.iter_mut().filter_map(Json::as_object_mut) {
        entry.remove("place");
    }
    Ok(json!({ "launchTemplateVersionSet": found, "nextToken": next }))
}
