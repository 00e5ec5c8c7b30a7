//! OpenSSH's server. The formats are those of `auth_log` and its neighbours in auth.c, packet.c and session.c.
//!
//! Names in these lines may be hostile: anybody on the network chooses the user name of an attempt, may put
//! `root from 192.0.2.1 port 22 ssh2` into it, and offers certificates whose key id reads the same. sshd tells the two cases
//! apart for us: the word `invalid user` comes first where it found no such account. So a line with that mark is never
//! searched for names, and in all others, where the name is one of the host's own accounts, the **first** address after the name
//! counts; whatever the peer chose comes behind it.

use crate::activity::{CredentialKind, Interactive, Usage};

use super::reading::{AUTH_STEP, Act, DISCONNECT, OTHER_MESSAGE, Reading, UNKNOWN_ACCOUNT};
use super::remote;

const SERVICE: &str = "sshd";

/// Reads one message of sshd (or of sshd-session and sshd-auth, its parts since 9.8).
pub(super) fn read(message: &str) -> Reading<'_> {
    let message = strip_any(message, &["error: ", "fatal: "]).unwrap_or(message);
    if let Some(skip) = known_skip(message) {
        return Reading::Skip(skip);
    }
    let act = accepted(message)
        .or_else(|| failed(message))
        .or_else(|| given_up(message))
        .or_else(|| refused(message))
        .or_else(|| session(message));
    act.map_or(Reading::Skip(OTHER_MESSAGE), Act::reading)
}

/// Lines whose fact is told by another line, or that name no account of the host.
fn known_skip(message: &str) -> Option<&'static str> {
    const NO_ACCOUNT: [&str; 2] = ["invalid user ", "illegal user "];
    /// Every client begins with the method `none`, to learn which others there are.
    const PROBE: &str = "Failed none ";
    const STEPS: [&str; 5] = ["Postponed ", "Partial ", "PAM: ", "Accepted key ", "Accepted certificate "];
    if let Some(rest) = about_account(message) {
        return NO_ACCOUNT
            .iter()
            .any(|mark| rest.starts_with(mark))
            .then_some(UNKNOWN_ACCOUNT)
            .or_else(|| message.starts_with(PROBE).then_some(AUTH_STEP));
    }
    if strip_any(message, &["Invalid user ", "Illegal user ", "input_userauth_request: invalid user "])
        .is_some()
    {
        return Some(UNKNOWN_ACCOUNT);
    }
    if STEPS.iter().any(|step| message.starts_with(step)) {
        return Some(AUTH_STEP);
    }
    [
        "Disconnected from ",
        "Received disconnect ",
        "Connection closed by ",
        "Connection reset by ",
        "Close session: ",
    ]
    .iter()
    .any(|start| message.starts_with(start))
    .then_some(DISCONNECT)
}

/// The part of a line that starts with an account, or with the mark that it is none.
fn about_account(message: &str) -> Option<&str> {
    verdict(message, "Accepted ")
        .or_else(|| verdict(message, "Failed "))
        .map(|(_method, rest)| rest)
        .or_else(|| strip_any(message, &GIVEN_UP).filter(|rest| is_about_user(rest)))
        .or_else(|| message.strip_prefix(TOO_MANY))
}

/// Method and account of `Accepted METHOD for …` or `Failed METHOD for …`. A method is one word.
fn verdict<'m>(message: &'m str, word: &str) -> Option<(&'m str, &'m str)> {
    let (method, rest) = message.strip_prefix(word)?.split_once(' ')?;
    Some((method, rest.strip_prefix("for ")?))
}

fn is_about_user(rest: &str) -> bool {
    strip_any(rest, &["invalid user ", "illegal user ", "authenticating user "]).is_some()
}

/// `Accepted publickey for deploy from 203.0.113.9 port 50022 ssh2: ED25519 SHA256:…`
fn accepted(message: &str) -> Option<Act<'_>> {
    let (method, rest) = verdict(message, "Accepted ")?;
    let Login { account, address, detail } = login(rest)?;
    let act = Act::new(account, SERVICE, "login").at_address(address);
    Some(with_credential(act, method, detail))
}

/// `Failed password for deploy from 203.0.113.9 port 50022 ssh2`
fn failed(message: &str) -> Option<Act<'_>> {
    let (_method, rest) = verdict(message, "Failed ")?;
    let Login { account, address, .. } = login(rest)?;
    Some(attempt(account, "auth_failed").at_address(address))
}

const GIVEN_UP: [&str; 4] =
    ["Connection closed by ", "Connection reset by ", "Disconnected from ", "Disconnecting "];
const TOO_MANY: &str = "maximum authentication attempts exceeded for ";

/// `Connection closed by authenticating user deploy 203.0.113.9 port 50022 [preauth]`: often the only trace of a refused key,
/// since sshd logs `Failed publickey` at a higher log level only.
fn given_up(message: &str) -> Option<Act<'_>> {
    if let Some(rest) = message.strip_prefix(TOO_MANY) {
        let Login { account, address, .. } = login(rest)?;
        return Some(attempt(account, "max_auth_attempts").at_address(address));
    }
    let rest = strip_any(message, &GIVEN_UP)?.strip_prefix("authenticating user ")?;
    let (account, address) = split_address(rest, " ", is_port)?;
    Some(attempt(account, "closed_preauth").at_address(address))
}

/// An account that exists and may not log in.
fn refused(message: &str) -> Option<Act<'_>> {
    if let Some(rest) = message.strip_prefix("ROOT LOGIN REFUSED FROM ") {
        return Some(attempt("root", "not_allowed").at_address(first_word(rest)));
    }
    if let Some(rest) = message.strip_prefix("Access denied for user ") {
        return Some(attempt(first_word(rest), "not_allowed"));
    }
    let (who, _why) = message.strip_prefix("User ")?.split_once(" not allowed because ")?;
    let (account, address) = who.split_once(" from ").unwrap_or((who, ""));
    Some(attempt(account, "not_allowed").at_address(address))
}

/// `Starting session: shell on pts/0 for alice from 203.0.113.9 port 50022 id 0` (LogLevel VERBOSE).
///
/// The client chooses the name of a subsystem, which stands before the account: here the **last** ` for ` counts.
fn session(message: &str) -> Option<Act<'_>> {
    let (what, who) = message.strip_prefix("Starting session: ")?.rsplit_once(" for ")?;
    let (account, address) = split_address(who, " from ", is_port)?;
    let operation = match first_word(what) {
        "shell" => "shell",
        "command" => "command",
        "forced-command" => "forced_command",
        "subsystem" => "subsystem",
        _ => return None,
    };
    let mut act = Act::new(account, SERVICE, operation).at_address(address);
    if operation == "shell" {
        act.interactive = Interactive::TTY;
    }
    Some(act)
}

/// An attempt without proof: it says nothing about the account's use.
fn attempt<'m>(account: &'m str, reason: &'static str) -> Act<'m> {
    let mut act = Act::new(account, SERVICE, "login").denied(reason);
    act.usage = Usage::Unproven;
    act
}

struct Login<'m> {
    account: &'m str,
    address: &'m str,
    detail: &'m str,
}

/// `NAME from ADDRESS port PORT ssh2`, then nothing, ` [preauth]` or `: ` and details of the credential.
fn login(text: &str) -> Option<Login<'_>> {
    let (account, address) = split_address(text, " from ", is_login_tail)?;
    let tail = &text[account.len()..];
    let detail = tail.split_once(" ssh2: ").map_or("", |(_, detail)| detail);
    Some(Login { account, address, detail })
}

/// Splits at the first `separator` that an address and a port follow.
fn split_address<'m>(
    text: &'m str,
    separator: &str,
    is_tail: impl Fn(&str) -> bool,
) -> Option<(&'m str, &'m str)> {
    text.match_indices(separator).find_map(|(at, _)| {
        let (address, tail) = text[at + separator.len()..].split_once(" port ")?;
        let is_address = address == "UNKNOWN" || remote::is_address(address);
        (is_address && is_tail(tail)).then_some((&text[..at], address))
    })
}

fn is_port(tail: &str) -> bool {
    let port = tail.split([' ', ':']).next().unwrap_or_default();
    port.parse::<u16>().is_ok()
}

fn is_login_tail(tail: &str) -> bool {
    let Some((port, rest)) = tail.split_once(' ') else { return false };
    let is_end = |end: &str| end.is_empty() || end.starts_with(": ") || end.starts_with(" [");
    port.parse::<u16>().is_ok() && rest.strip_prefix("ssh2").or(rest.strip_prefix("ssh1")).is_some_and(is_end)
}

/// The credential behind an accepted login.
fn with_credential<'m>(act: Act<'m>, method: &'m str, detail: &'m str) -> Act<'m> {
    match method.split('/').next().unwrap_or_default() {
        "publickey" => with_key(act, detail),
        "hostbased" => with_key(act, detail.split(',').next().unwrap_or_default()),
        "password" => act.with_credential(CredentialKind::Password, "password"),
        "keyboard-interactive" => act.with_credential(CredentialKind::Password, "keyboard-interactive"),
        "gssapi-with-mic" | "gssapi-keyex" => act.with_credential(CredentialKind::Token, gssapi_id(detail)),
        _ => act,
    }
}

/// The Kerberos principal, where sshd names it.
fn gssapi_id(detail: &str) -> &str {
    if detail.is_empty() { "gssapi" } else { first_word(detail) }
}

/// `ED25519 SHA256:…`, or `ED25519-CERT SHA256:… ID key-id (serial 7) CA ED25519 SHA256:…`.
///
/// A certificate is named by its key id and authority: key and serial change with every issue, which may be every login.
fn with_key<'m>(act: Act<'m>, detail: &'m str) -> Act<'m> {
    let certificate = detail.split_once(" ID ").and_then(|(_, rest)| rest.rsplit_once(" (serial "));
    if let Some((id, rest)) = certificate {
        let authority =
            rest.split_once(") CA ").and_then(|(_, ca)| ca.split(' ').nth(1)).unwrap_or("unknown");
        return act.with_credential(CredentialKind::Certificate, format!("{authority} {id}"));
    }
    match detail.split(' ').nth(1) {
        Some(fingerprint) if !fingerprint.is_empty() => {
            act.with_credential(CredentialKind::LongTerm, fingerprint)
        }
        _ => act,
    }
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}

fn strip_any<'m>(text: &'m str, prefixes: &[&str]) -> Option<&'m str> {
    prefixes.iter().find_map(|prefix| text.strip_prefix(prefix))
}
