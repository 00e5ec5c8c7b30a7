//! Words in names that tell what kind of identity stands behind them.
//!
//! The words are those that teams commonly name machine accounts by, and the products whose setup guides
//! propose a name. A word alone is weak evidence: [`classify`](super::classify()) lets every trait of a session outweigh it.

use crate::activity::{Class, Kind};

/// IAM names end at 64 characters, Linux account names at 32; what stands behind that is not looked at.
const MAX_NAME_BYTES: usize = 128;

/// What a word speaks for. Where several words speak, the first in this order wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hint {
    AiAgent,
    Automation,
    Device,
    Service,
    /// A role or account meant for people with rights, which pipelines use as well.
    Privileged,
}

impl Hint {
    /// The kind that the hint speaks for, where it speaks for one.
    pub(super) const fn kind(self) -> Option<Kind> {
        match self {
            Self::AiAgent => Some(Kind::AiAgent),
            Self::Automation => Some(Kind::Automation),
            Self::Device => Some(Kind::Device),
            Self::Service => Some(Kind::ServiceAccount),
            Self::Privileged => None,
        }
    }

    /// The class that the hint speaks for.
    pub(super) const fn class(self) -> Class {
        match self {
            Self::Privileged => Class::Mixed,
            _ => Class::NonHuman,
        }
    }
}

/// In order, for [`WORDS_FROM`].
#[rustfmt::skip]
const WORDS: &[(&str, Hint)] = &[
    ("actions", Hint::Automation), ("admin", Hint::Privileged), ("administrator", Hint::Privileged),
    ("agent", Hint::Service), ("agentcore", Hint::AiAgent), ("aiagent", Hint::AiAgent),
    ("airflow", Hint::Automation), ("ansible", Hint::Automation), ("api", Hint::Service), ("app", Hint::Service),
    ("argo", Hint::Automation), ("argocd", Hint::Automation), ("atlantis", Hint::Automation),
    ("automation", Hint::Automation), ("backup", Hint::Automation), ("backups", Hint::Automation),
    ("bamboo", Hint::Automation), ("batch", Hint::Automation), ("bedrock", Hint::AiAgent), ("bot", Hint::Service),
    ("breakglass", Hint::Privileged), ("buildkite", Hint::Automation), ("camera", Hint::Device),
    ("cd", Hint::Automation), ("cdk", Hint::Automation), ("chatbot", Hint::AiAgent), ("ci", Hint::Automation),
    ("cicd", Hint::Automation), ("circleci", Hint::Automation), ("claude", Hint::AiAgent),
    ("codebuild", Hint::Automation), ("codedeploy", Hint::Automation), ("codepipeline", Hint::Automation),
    ("copilot", Hint::AiAgent), ("cron", Hint::Automation), ("daemon", Hint::Service), ("deploy", Hint::Automation),
    ("deployer", Hint::Automation), ("deployment", Hint::Automation), ("device", Hint::Device),
    ("dynatrace", Hint::Service), ("etl", Hint::Automation), ("exporter", Hint::Service),
    ("github", Hint::Automation), ("gitlab", Hint::Automation), ("gpt", Hint::AiAgent),
    ("integration", Hint::Service), ("iot", Hint::Device), ("jenkins", Hint::Automation), ("job", Hint::Automation),
    ("jobs", Hint::Automation), ("kiosk", Hint::Device), ("lambda", Hint::Service), ("langchain", Hint::AiAgent),
    ("llm", Hint::AiAgent), ("machine", Hint::Service), ("mcp", Hint::AiAgent), ("monitoring", Hint::Service),
    ("openai", Hint::AiAgent), ("packer", Hint::Automation), ("pipeline", Hint::Automation),
    ("printer", Hint::Device), ("pulumi", Hint::Automation), ("replication", Hint::Automation),
    ("robot", Hint::Service), ("rpa", Hint::Automation), ("runner", Hint::Automation), ("sa", Hint::Service),
    ("scanner", Hint::Service), ("scheduler", Hint::Automation), ("sensor", Hint::Device),
    ("service", Hint::Service), ("smtp", Hint::Service), ("spacelift", Hint::Automation), ("srv", Hint::Service),
    ("svc", Hint::Service), ("sync", Hint::Automation), ("system", Hint::Service),
    ("teamcity", Hint::Automation), ("terraform", Hint::Automation), ("tf", Hint::Automation),
    ("tfc", Hint::Automation), ("veeam", Hint::Automation), ("worker", Hint::Service), ("workflow", Hint::Automation),
];

/// The strongest hint that the words of `name` give.
///
/// Words are parted by everything that is no letter or digit and by capitals; digits at a word's end do not count, and two
/// neighbours that only a capital parts are also read as one (`GitHub`).
pub(super) fn hint(name: &str) -> Option<Hint> {
    let bytes = &name.as_bytes()[..name.len().min(MAX_NAME_BYTES)];
    let mut strongest = None;
    let mut previous = 0..0;
    let mut start = 0;
    while let Some(word) = next_word(bytes, start) {
        start = word.end;
        let alone = look_up(&bytes[word.clone()]);
        let joined =
            (previous.end == word.start).then(|| look_up(&bytes[previous.start..word.end])).flatten();
        strongest = [strongest, alone, joined].into_iter().flatten().min();
        previous = word;
    }
    strongest
}

fn next_word(bytes: &[u8], from: usize) -> Option<std::ops::Range<usize>> {
    let start = from + bytes[from..].iter().position(u8::is_ascii_alphanumeric)?;
    let mut end = start + 1;
    while end < bytes.len() && !starts_word(bytes, end) {
        end += 1;
    }
    Some(start..end)
}

/// Whether a word ends before `at`: no letter or digit, or a capital after a small letter, or the last capital of several.
fn starts_word(bytes: &[u8], at: usize) -> bool {
    let (before, here) = (bytes[at - 1], bytes[at]);
    if !here.is_ascii_alphanumeric() {
        return true;
    }
    let is_capital = here.is_ascii_uppercase();
    let after_is_small = bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
    is_capital && (!before.is_ascii_uppercase() || after_is_small)
}

fn look_up(word: &[u8]) -> Option<Hint> {
    let digits = word.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let word = &word[..word.len() - digits];
    let first = word.first()?.to_ascii_lowercase();
    let nth = usize::from(first.checked_sub(b'a')?);
    let (from, to) = (*WORDS_FROM.get(nth)?, *WORDS_FROM.get(nth + 1)?);
    WORDS[from..to]
        .iter()
        .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(word))
        .map(|(_, hint)| *hint)
}

/// Where in [`WORDS`] the words with each first letter begin, and the end: every word of every name is looked up, and
/// few share both first letter and length with a known one.
const WORDS_FROM: [usize; LETTERS + 1] = words_from();

/// First letters from `a` to `z`.
const LETTERS: usize = 26;

const fn words_from() -> [usize; LETTERS + 1] {
    let mut from = [0; LETTERS + 1];
    let mut at = 0;
    let mut nth = 0;
    while nth < LETTERS {
        from[nth] = at;
        while at < WORDS.len() && WORDS[at].0.as_bytes()[0] == b'a' + nth as u8 {
            at += 1;
        }
        nth += 1;
    }
    from[LETTERS] = at;
    from
}

/// Accounts that Unix systems and their packages create for daemons, in order, for binary search.
#[rustfmt::skip]
const DAEMON_ACCOUNTS: &[&str] = &[
    "_apt", "_chrony", "adm", "apache", "backup", "bin", "centreon", "chrony", "daemon", "dbus", "elasticsearch",
    "etcd", "ftp", "games", "git", "gitlab-runner", "gnats", "grafana", "haproxy", "httpd", "irc", "jenkins",
    "kafka", "list", "lp", "mail", "man", "messagebus", "mongodb", "mysql", "nagios", "named", "news", "nginx",
    "nobody", "ntp", "operator", "oracle", "polkitd", "postfix", "postgres", "prometheus", "proxy", "rabbitmq",
    "redis", "rpc", "rpcuser", "rundeck", "sshd", "sync", "sys", "syslog", "systemd-network", "systemd-resolve",
    "systemd-timesync", "tomcat", "tss", "uucp", "vagrant", "www-data", "zabbix",
];

/// Whether `account` is one that Unix systems and their packages create for daemons.
pub(super) fn is_daemon_account(account: &str) -> bool {
    DAEMON_ACCOUNTS.binary_search(&account).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_order_and_no_word_is_lost() {
        assert!(WORDS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(DAEMON_ACCOUNTS.is_sorted_by(|a, b| a < b));
        assert!(WORDS.iter().all(|(word, hint)| look_up(word.to_uppercase().as_bytes()) == Some(*hint)));
    }

    #[test]
    fn words_are_found_however_they_are_joined() {
        let cases = [
            ("svc-billing", Some(Hint::Service)),
            ("GitHubActionsDeploy", Some(Hint::Automation)),
            ("cdk-hnb659fds-deploy-role", Some(Hint::Automation)),
            ("AmazonBedrockExecutionRoleForAgents_1", Some(Hint::AiAgent)),
            ("AWSCodeBuildRole", Some(Hint::Automation)),
            ("ci2", Some(Hint::Automation)),
            ("AdministratorAccess", Some(Hint::Privileged)),
            ("admin-pipeline", Some(Hint::Automation)),
            ("precious", None),
            ("alice", None),
            ("", None),
            ("---", None),
            ("日本語-bot", Some(Hint::Service)),
        ];
        for (name, expected) in cases {
            assert_eq!(hint(name), expected, "{name}");
        }
    }

    #[test]
    fn daemon_accounts_are_known_by_their_whole_name() {
        assert!(is_daemon_account("www-data"));
        assert!(!is_daemon_account("www"));
    }
}
