//! Linux auth log lines: sshd, sudo and cron.

use serde_json::json;

use super::member::Member;
use super::random::Random;
use crate::term::stable_hash;
use crate::time::EventTime;

/// One line of a Linux auth log, before it is written in one of the syslog forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthLine {
    /// When, in whole seconds.
    pub time: EventTime,
    /// Host.
    pub host: String,
    /// `sshd`, `sudo`, `CRON`.
    pub program: &'static str,
    /// Process id.
    pub pid: u64,
    /// Text of the line.
    pub message: String,
    /// Whether the account was refused.
    pub is_denied: bool,
}

/// The line that one action of a Linux account leaves: `ssh`, `sudo <command>` or `cron <command>`.
pub(super) fn line(member: &Member, action: &str, time: EventTime, random: &mut Random) -> AuthLine {
    let (verb, command) = action.split_once(' ').unwrap_or((action, ""));
    let account = &member.name;
    let (program, message) = match verb {
        "sudo" => ("sudo", sudo(account, command, false)),
        "cron" => ("CRON", format!("({account}) CMD ({command})")),
        _ => ("sshd", accepted(account, &home_address(member, random), &key(account), random)),
    };
    AuthLine {
        time,
        host: member.places[0].clone(),
        program,
        pid: 1_000 + random.below(60_000),
        message,
        is_denied: false,
    }
}

/// An accepted public key login.
pub(super) fn accepted(account: &str, ip: &str, fingerprint: &str, random: &mut Random) -> String {
    let port = 32_768 + random.below(28_000);
    format!("Accepted publickey for {account} from {ip} port {port} ssh2: ED25519 SHA256:{fingerprint}")
}

/// A command run by sudo; with a terminal where a person typed it.
pub(super) fn sudo(account: &str, command: &str, by_hand: bool) -> String {
    let terminal = if by_hand { "pts/0" } else { "unknown" };
    format!("{account} : TTY={terminal} ; PWD=/ ; USER=root ; COMMAND={command}")
}

/// Fingerprint of the account's usual key.
pub(super) fn key(account: &str) -> String {
    Random::new(stable_hash(account), "ssh key")
        .text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 43)
}

/// The address that the account's logins come from: its controller's, in the host's own network.
fn home_address(member: &Member, random: &mut Random) -> String {
    let own = stable_hash(&member.id);
    format!("10.{}.{}.{}", 40 + own % 8, own / 8 % 200, 10 + random.below(3))
}

impl AuthLine {
    /// As RFC 3164 writes it, in UTC, without a year.
    #[must_use]
    pub fn to_rfc3164(&self) -> String {
        let Self { host, message, .. } = self;
        let priority = self.facility() * 8 + 6;
        format!(
            "<{priority}>{} {host} {}: {message}",
            self.time.to_utc().format("%b %e %H:%M:%S"),
            self.tag()
        )
    }

    /// As RFC 5424 writes it.
    #[must_use]
    pub fn to_rfc5424(&self) -> String {
        let Self { host, program, pid, message, time, .. } = self;
        let priority = self.facility() * 8 + 6;
        format!("<{priority}>1 {} {host} {program} {pid} - - {message}", time.to_rfc3339())
    }

    /// As a journald export in JSON.
    #[must_use]
    pub fn to_journald(&self) -> String {
        json!({
            "__REALTIME_TIMESTAMP": (self.time.millis() * 1_000).to_string(),
            "_HOSTNAME": self.host, "SYSLOG_IDENTIFIER": self.program, "SYSLOG_FACILITY": self.facility().to_string(),
            "PRIORITY": "6", "_PID": self.pid.to_string(), "_TRANSPORT": "syslog", "MESSAGE": self.message,
        })
        .to_string()
    }

    fn tag(&self) -> String {
        match self.program {
            "sudo" => "sudo".into(),
            program => format!("{program}[{}]", self.pid),
        }
    }

    /// `authpriv` (10), for cron `cron` (9): RFC 5424, table 1.
    const fn facility(&self) -> u8 {
        if self.program.len() == 4 && self.program.as_bytes()[0] == b'C' { 9 } else { 10 }
    }
}
