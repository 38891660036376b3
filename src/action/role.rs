//! Which role a job may take: its environment's own, of its environment's own account (`security.md` R4).

use crate::config::spec::Spec;
pub use crate::model::access::Job as Role;
use crate::problem::Problem;

/// The role's ARN, if it is one that this environment may use.
///
/// # Errors
/// When there is none, or it is of another account.
pub fn of(spec: &Spec, role: Role) -> Result<&str, Box<Problem>> {
    let named = match role {
        Role::Plan => &spec.roles.plan,
        Role::Apply => &spec.roles.apply,
        Role::Destroy => &spec.roles.destroy,
    };
    let Some(arn) = named else {
        let title = format!("{} names no role for this: roles.{} is not set", spec.name, role.word());
        let help = "run `rem-ci bootstrap`, which makes the roles and writes them into the file";
        return Err(Box::new(Problem::error("role-missing", title, help)));
    };
    if account(arn) == Some(&spec.account) {
        return Ok(arn);
    }
    let title = format!("roles.{} is {arn}, which is not of account {}", role.word(), spec.account);
    let help = "each environment has its own roles in its own account; correct the ARN, or `account`";
    Err(Box::new(Problem::error("role-account", title, help)))
}

/// The account of a role's ARN: `arn:PARTITION:iam::ACCOUNT:role/…`.
fn account(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts[..] {
        ["arn", partition, "iam", "", account, resource]
            if partition.starts_with("aws") && resource.starts_with("role/") =>
        {
            Some(account)
        }
        _ => None,
    }
}

/// Refuses an environment whose file, name and GitHub environment are not one and the same: `asked` is the file's stem, which
/// is what a job is told to work on.
///
/// # Errors
/// When the file calls itself something else.
pub fn named(spec: &Spec, asked: &str) -> Result<(), Box<Problem>> {
    if spec.name == asked {
        return Ok(());
    }
    let title = format!("environments/{asked}.yaml calls itself {}", spec.name);
    let help = "the file's stem, `name` and the GitHub environment are one name";
    Err(Box::new(Problem::error("environment-name", title, help)))
}

/// Whether a text can be an environment's name: nothing else is ever made into a path, a key or a context.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= 32
        && text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && text.bytes().all(letter)
        && !text.ends_with("-destroy")
}

#[cfg(test)]
mod tests {
    use super::{Role, account, is_name, named, of};

    #[test]
    fn only_roles_of_the_environments_account() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut spec = crate::config::load("dev", root, jiff::civil::date(2026, 11, 24)).expect("dev").spec;
        assert_eq!(of(&spec, Role::Plan).unwrap_err().code, "role-missing");
        let ours = "arn:aws:iam::123456789012:role/rem-ci-access/dev-plan";
        spec.roles.plan = Some(ours.to_owned());
        assert_eq!(of(&spec, Role::Plan).ok(), Some(ours));
        assert_eq!(of(&spec, Role::Apply).unwrap_err().code, "role-missing");
        for other in [
            "arn:aws:iam::999999999999:role/rem-ci-access/dev-plan",
            "arn:aws:iam::123456789012:user/somebody",
            "arn:aws:sts::123456789012:assumed-role/dev-plan/me",
            "arn:other:iam::123456789012:role/dev-plan",
            "123456789012",
            "",
        ] {
            spec.roles.plan = Some(other.to_owned());
            assert_eq!(of(&spec, Role::Plan).unwrap_err().code, "role-account", "{other}");
        }
        assert_eq!(account("arn:aws-us-gov:iam::123456789012:role/x"), Some("123456789012"));
        assert!(named(&spec, "dev").is_ok());
        assert_eq!(named(&spec, "prod").unwrap_err().code, "environment-name");
    }

    #[test]
    fn names() {
        for good in ["dev", "a", "prod-eu-1"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "Prod", "1dev", "prod/x", "..", "prod-destroy", "a b", "ü", "a\n", &"a".repeat(33)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
