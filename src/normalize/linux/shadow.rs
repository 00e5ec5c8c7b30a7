//! Changes to accounts and groups, as the shadow tools (useradd, usermod, passwd, …) log them.
//!
//! They run as root, and as root's doing they count, unless a line names who did it.

use super::reading::{Act, OTHER_MESSAGE, Reading, is_account};

const SERVICE: &str = "shadow";
const ROOT: &str = "root";

/// Whether this program is one of the shadow tools.
pub(super) fn is_tool(program: &str) -> bool {
    matches!(
        program,
        "useradd"
            | "usermod"
            | "userdel"
            | "groupadd"
            | "groupmod"
            | "groupdel"
            | "gpasswd"
            | "passwd"
            | "chpasswd"
            | "chage"
            | "chfn"
            | "chsh"
            | "newusers"
            | "groupmems"
    )
}

/// Reads one message of a shadow tool.
pub(super) fn read(message: &str) -> Reading<'_> {
    let act = created(message)
        .or_else(|| membership(message))
        .or_else(|| gpasswd(message))
        .or_else(|| password(message))
        .or_else(|| changed(message));
    act.map_or(Reading::Skip(OTHER_MESSAGE), Act::reading)
}

/// `password changed for alice`, by pam_unix in the name of passwd or chpasswd.
pub(super) fn password_changed(text: &str) -> Reading<'_> {
    match text.strip_prefix("password changed for ") {
        Some(name) => by_root("passwd", "user", name).map_or(Reading::Skip(OTHER_MESSAGE), Act::reading),
        None => Reading::Skip(OTHER_MESSAGE),
    }
}

/// `new user: name=svc, UID=1001, …`, `new group: name=svc, GID=1001`
fn created(message: &str) -> Option<Act<'_>> {
    let name = |rest: &'_ str| rest.find([',', ' ']).unwrap_or(rest.len());
    if let Some(rest) = message.strip_prefix("new user: name=") {
        return by_root("useradd", "user", &rest[..name(rest)]);
    }
    let rest = message
        .strip_prefix("new group: name=")
        .or_else(|| message.strip_prefix("group added to /etc/group: name="))?;
    by_root("groupadd", "group", &rest[..name(rest)])
}

/// `add 'svc' to group 'sudo'`, `delete 'svc' from group 'sudo'`; the shadow file's twin line is left out.
fn membership(message: &str) -> Option<Act<'_>> {
    let (operation, rest, link) = match message.strip_prefix("add '") {
        Some(rest) => ("add_group_member", rest, "' to group '"),
        None => ("remove_group_member", message.strip_prefix("delete '")?, "' from group '"),
    };
    let (member, group) = rest.split_once(link)?;
    let mut act = by_root(operation, "group", unquoted(group))?;
    act.target = is_account(member).then(|| member.into());
    Some(act)
}

/// `user svc added by alice to group docker`, `user svc removed by alice from group docker`
fn gpasswd(message: &str) -> Option<Act<'_>> {
    let rest = message.strip_prefix("user ")?;
    let (operation, (member, rest), link) = match rest.split_once(" added by ") {
        Some(parts) => ("add_group_member", parts, " to group "),
        None => ("remove_group_member", rest.split_once(" removed by ")?, " from group "),
    };
    let (by, group) = rest.split_once(link)?;
    let mut act = Act::new(by, SERVICE, operation).on(format!("group:{}", named(group)?));
    act.target = is_account(member).then(|| member.into());
    Some(act)
}

/// `password for 'svc' changed by 'root'`, `changed password expiry for svc`
fn password(message: &str) -> Option<Act<'_>> {
    if let Some(name) = message.strip_prefix("changed password expiry for ") {
        return by_root("chage", "user", unquoted(name.trim_start_matches('\'')));
    }
    let (name, by) = message.strip_prefix("password for ")?.split_once(" changed by ")?;
    let name = named(unquoted(name.trim_start_matches('\'')))?;
    Some(Act::new(unquoted(by.trim_start_matches('\'')), SERVICE, "passwd").on(format!("user:{name}")))
}

/// `delete user 'svc'`, `removed group 'svc' …`, `change user 'svc' password`, `lock user 'svc' password`, …
fn changed(message: &str) -> Option<Act<'_>> {
    const STARTS: [(&str, &str, &str); 10] = [
        ("delete user '", "userdel", "user"),
        ("removed group '", "groupdel", "group"),
        ("remove group '", "groupdel", "group"),
        ("group '", "groupdel", "group"),
        ("change user '", "usermod", "user"),
        ("changed user '", "usermod", "user"),
        ("change GID for '", "usermod", "user"),
        ("lock user '", "lock", "user"),
        ("unlock user '", "unlock", "user"),
        ("members of group ", "set_group_members", "group"),
    ];
    STARTS.iter().find_map(|(start, operation, kind)| {
        let rest = message.strip_prefix(start)?;
        by_root(operation, kind, rest.find(['\'', ' ']).map_or(rest, |end| &rest[..end]))
    })
}

fn by_root<'m>(operation: &'static str, kind: &str, name: &str) -> Option<Act<'m>> {
    Some(Act::new(ROOT, SERVICE, operation).on(format!("{kind}:{}", named(name)?)))
}

/// The name, if it can be one.
fn named(name: &str) -> Option<&str> {
    is_account(name).then_some(name)
}

fn unquoted(text: &str) -> &str {
    text.split('\'').next().unwrap_or(text)
}
