//! sudo, su and pkexec: one account acting as another.

use crate::text::Text;

use super::command;
use super::reading::{AUTH_STEP, Act, OTHER_MESSAGE, Reading};

/// Reads one message of sudo: `alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/bin/apt update`, with a reason
/// before `TTY=` where it was refused.
pub(super) fn read(message: &str) -> Reading<'_> {
    let Some((account, rest)) = message.trim_start().split_once(" : ") else {
        return Reading::Skip(OTHER_MESSAGE);
    };
    let (reason, fields) = split_reason(rest);
    if reason.starts_with("(command continued)") || !fields.contains("TTY=") {
        return Reading::Skip(OTHER_MESSAGE);
    }
    let tty = fields.split_once("TTY=").map_or("", |(_, rest)| rest.split(' ').next().unwrap_or_default());
    let mut act = Act::new(account.trim_end(), "sudo", "exec").at_tty(tty);
    act.target = field(fields, " ; USER=").map(|value| first_field(value).into());
    act.resource = field(fields, " ; COMMAND=").and_then(command::path).map(Text::from);
    if !reason.is_empty() {
        act = act.denied(refusal(reason));
    }
    act.reading()
}

/// What stands before the fields: empty, or why sudo refused.
fn split_reason(rest: &str) -> (&str, &str) {
    match rest.find("TTY=") {
        Some(0) => ("", rest),
        // `HOST=` comes first where sudo logs it; it is a field, too.
        Some(_) if rest.starts_with("HOST=") => ("", rest),
        Some(at) => (&rest[..at], &rest[at..]),
        None => (rest, ""),
    }
}

/// The value after `name`, where it stands exactly once.
///
/// The working directory and the arguments are the user's choice and may read ` ; USER=…`: where the line names two, neither is
/// believed.
fn field<'m>(fields: &'m str, name: &str) -> Option<&'m str> {
    let (_, value) = fields.split_once(name)?;
    (!value.contains(name)).then_some(value)
}

fn first_field(value: &str) -> &str {
    value.split(" ; ").next().unwrap_or_default()
}

/// The reason as a bounded code.
fn refusal(reason: &str) -> &'static str {
    const CODES: [(&str, &str); 6] = [
        ("command not allowed", "not_allowed"),
        ("NOT in sudoers", "not_in_sudoers"),
        ("NOT authorized", "not_in_sudoers"),
        ("incorrect password", "auth_failed"),
        ("password is required", "auth_failed"),
        ("not allowed", "not_allowed"),
    ];
    CODES.iter().find(|(text, _)| reason.contains(text)).map_or("refused", |(_, code)| code)
}

/// Reads one message of su: `(to postgres) alice on pts/0`, `FAILED SU (to root) alice on pts/0`,
/// `Successful su for postgres by alice`, `FAILED su for root by alice`.
pub(super) fn read_su(message: &str) -> Reading<'_> {
    // `+ /dev/pts/0 alice:root` tells the same as `Successful su`.
    if message.starts_with("+ ") || message.starts_with("- ") {
        return Reading::Skip(AUTH_STEP);
    }
    let Some((is_failed, target, account, tty)) = util_linux_su(message).or_else(|| shadow_su(message))
    else {
        return Reading::Skip(OTHER_MESSAGE);
    };
    let mut act = Act::new(account, "su", "switch").at_tty(tty);
    act.target = Some(target.into());
    if is_failed {
        act = act.denied("auth_failed");
    }
    act.reading()
}

type Su<'m> = (bool, &'m str, &'m str, &'m str);

fn util_linux_su(message: &str) -> Option<Su<'_>> {
    let (verdict, rest) = message.split_once("(to ")?;
    let (target, rest) = rest.split_once(") ")?;
    let (account, tty) = rest.rsplit_once(" on ")?;
    Some((verdict.starts_with("FAILED"), target, account, tty))
}

fn shadow_su(message: &str) -> Option<Su<'_>> {
    let (verdict, rest) = message.split_once(" su for ")?;
    let (target, account) = rest.rsplit_once(" by ")?;
    Some((verdict.starts_with("FAILED"), target, account, ""))
}

/// Reads one message of pkexec: `alice: Executing command [USER=root] [TTY=/dev/pts/0] [CWD=/home/alice] [COMMAND=/usr/bin/id]`.
pub(super) fn read_pkexec(message: &str) -> Reading<'_> {
    let Some((account, rest)) = message.split_once(": Executing command [USER=") else {
        return Reading::Skip(OTHER_MESSAGE);
    };
    let bracketed = |name: &str| field(rest, name).and_then(|value| value.split(']').next());
    let mut act = Act::new(account, "pkexec", "exec").at_tty(bracketed("[TTY=").unwrap_or_default());
    act.target = rest.split(']').next().map(Text::from);
    act.resource = bracketed("[COMMAND=").and_then(command::path).map(Text::from);
    act.reading()
}
