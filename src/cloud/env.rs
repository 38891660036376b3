//! The process's environment: read here and nowhere else.

/// A variable, if it is set to text.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The names of variables that begin so, in order.
#[must_use]
pub fn env_names(prefix: &str) -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut names: Vec<_> = names.filter(|name| name.starts_with(prefix)).collect();
    names.sort();
    names
}

/// Who runs: the address of a workflow run, else user and machine.
#[must_use]
pub fn run_name() -> String {
    if let (Some(server), Some(repository), Some(run)) =
        (env("GITHUB_SERVER_URL"), env("GITHUB_REPOSITORY"), env("GITHUB_RUN_ID"))
    {
        return format!("{server}/{repository}/actions/runs/{run}");
    }
    let user = env("USER").or_else(|| env("LOGNAME")).unwrap_or_else(|| "somebody".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| env("HOSTNAME"));
    let host = host.as_deref().map_or("this machine", str::trim);
    format!("{user}@{host} (pid {})", std::process::id())
}
