//! Lines that PAM modules write in the name of the program that called them: `pam_unix(sshd:session): session opened for user …`.

use crate::activity::Usage;
use crate::text::Text;

use super::reading::{AUTH_STEP, Act, OTHER_MESSAGE, Reading, SESSION_CLOSED, SESSION_OPENED, is_account};
use super::shadow;

/// Longest service name: those under /etc/pam.d are short.
const MAX_SERVICE: usize = 32;
/// Services with a line of their own for every login, job or session, which is counted instead.
const TOLD_ELSEWHERE: [&str; 6] = ["sshd", "sshd-session", "cron", "crond", "systemd-user", "polkit-1"];
/// Services that let one account take on another: their session is the other account's use.
const SWITCHES: [&str; 7] = ["sudo", "sudo-i", "su", "su-l", "runuser", "runuser-l", "pkexec"];

/// Reads a message if a PAM module wrote it.
pub(super) fn read(message: &str) -> Option<Reading<'_>> {
    let (module, rest) = message.strip_prefix("pam_")?.split_once('(')?;
    let (call, text) = rest.split_once("): ")?;
    let (service, stage) = call.split_once(':')?;
    if !is_service(service) {
        return Some(Reading::Skip(OTHER_MESSAGE));
    }
    Some(match stage {
        "session" => session(service, text),
        "auth" if matches!(module, "unix" | "sss") => auth(service, text),
        "chauthtok" => shadow::password_changed(text),
        _ => Reading::Skip(AUTH_STEP),
    })
}

/// `session opened for user postgres(uid=115) by alice(uid=1000)`; older: `… user postgres by alice(uid=1000)`, `… by (uid=0)`.
fn session<'m>(service: &'m str, text: &'m str) -> Reading<'m> {
    let Some(rest) = text.strip_prefix("session opened for user ") else {
        return Reading::Skip(if text.starts_with("session closed") {
            SESSION_CLOSED
        } else {
            OTHER_MESSAGE
        });
    };
    if TOLD_ELSEWHERE.contains(&service) {
        return Reading::Skip(SESSION_OPENED);
    }
    let (user, by) = rest.split_once(" by ").unwrap_or((rest, ""));
    let (account, uid) = split_uid(user);
    let (caller, _) = split_uid(by);
    let mut act = Act::new(account, short(service), "session");
    act.uid = uid;
    // Without a name behind `by` it is the system itself: a service manager or a login program.
    act.caller = (is_switch(service) && is_account(caller)).then(|| Text::from(caller));
    act.reading()
}

/// `authentication failure; logname= uid=0 euid=0 tty=tty1 ruser= rhost=  user=alice`. The user is there only where it exists.
fn auth<'m>(service: &'m str, text: &'m str) -> Reading<'m> {
    // sshd, sudo and su report the failure themselves, with more to it.
    if TOLD_ELSEWHERE.contains(&service) || is_switch(service) {
        return Reading::Skip(AUTH_STEP);
    }
    let Some(rest) = text.strip_prefix("authentication failure; ") else { return Reading::Skip(AUTH_STEP) };
    let Some((fields, account)) = rest.rsplit_once(" user=") else { return Reading::Skip(AUTH_STEP) };
    let host = fields.split_once(" rhost=").map_or("", |(_, host)| host.trim_end());
    let mut act = Act::new(account, short(service), "login").denied("auth_failed").at_address(host);
    act.usage = Usage::Unproven;
    act.reading()
}

/// `su-l` and `sudo-i` are the same programs with a login shell.
fn short(service: &str) -> &str {
    if is_switch(service) { service.split('-').next().unwrap_or(service) } else { service }
}

fn is_switch(service: &str) -> bool {
    SWITCHES.contains(&service)
}

fn is_service(service: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !service.is_empty() && service.len() <= MAX_SERVICE && service.bytes().all(allowed)
}

/// Name and number of `postgres(uid=115)`, or of `postgres`.
fn split_uid(text: &str) -> (&str, Option<u32>) {
    match text.split_once("(uid=") {
        Some((name, uid)) => (name, uid.split(')').next().and_then(|uid| uid.parse().ok())),
        None => (text, None),
    }
}
