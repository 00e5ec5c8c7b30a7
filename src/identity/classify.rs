//! What kind of identity one event shows, how sure that is, and on what evidence.
//!
//! A pure function of the principal and the event: whoever keeps the identity merges the answers of many
//! events, where the higher confidence wins.
//!
//! | evidence | confidence |
//! |---|---|
//! | principal type: `AWSService`, service-linked role, root, a system uid | 85–100 |
//! | a role named like one of AWS's own, path unknown | 70 |
//! | session: instance, function, pod, pipeline, single sign-on | 85–95 |
//! | session: console sign-in of a user | 80 |
//! | name | 50–75 |
//! | client or console, where nothing else speaks | 30–40 |
//! | default | 10–20 |

use crate::activity::{Class, Classification, CredentialKind, Event, Evidence, Interactive, Kind};
use crate::normalize::linux::LinuxPrincipal;
use crate::normalize::{AwsPrincipal, Principal};
use crate::text::is_mail_address;

use super::words::{self, Hint};

type Verdict = (Kind, Classification);

/// The kind and class that one event gives reason for.
#[must_use]
pub fn classify(principal: &Principal<'_>, event: &Event<'_>) -> (Kind, Classification) {
    match principal {
        Principal::Aws(aws) => classify_aws(aws, event),
        Principal::Linux(linux) => classify_linux(linux, event),
    }
}

const fn verdict(kind: Kind, class: Class, confidence: u8, evidence: Evidence) -> Verdict {
    (kind, Classification { class, confidence, evidence })
}

fn classify_aws(aws: &AwsPrincipal<'_>, event: &Event<'_>) -> Verdict {
    let role = role(aws);
    by_type(aws)
        .or_else(|| role.as_ref().and_then(by_reserved_role))
        .or_else(|| by_workload(event))
        .or_else(|| by_provider(aws))
        .unwrap_or_else(|| match role {
            Some(role) => classify_role(role.name, event),
            None => classify_user(aws, event),
        })
}

/// What the provider itself states.
fn by_type(aws: &AwsPrincipal<'_>) -> Option<Verdict> {
    let stated = |kind, class, confidence| Some(verdict(kind, class, confidence, Evidence::PrincipalType));
    match aws.principal_type.as_str() {
        "AWSService" => stated(Kind::ProviderService, Class::NonHuman, 100),
        "Root" => stated(Kind::Human, Class::Human, 90),
        "IdentityCenterUser" => stated(Kind::Human, Class::Human, 95),
        "SAMLUser" | "Directory" => stated(Kind::Human, Class::Human, 85),
        "AWSAccount" => Some(verdict(Kind::Unknown, Class::NonHuman, 20, Evidence::Default)),
        _ => None,
    }
}

/// A role by its name and, where the record has the role's own ARN, its path (`/` or `/a/b/` without the first slash).
struct Role<'p> {
    path: Option<&'p str>,
    name: &'p str,
}

/// The role behind a session; `None` for what is no role.
fn role<'p>(aws: &'p AwsPrincipal<'_>) -> Option<Role<'p>> {
    /// Fields of an ARN before the resource: `arn:aws:iam::111122223333:role/app`.
    const FIELDS: usize = 5;
    let resource_of = |arn: &'p str| {
        memchr::memchr_iter(b':', arn.as_bytes()).nth(FIELDS - 1).map(|colon| &arn[colon + 1..])
    };
    let issuer = aws.issuer_arn.as_deref().and_then(resource_of);
    let resource = issuer.or_else(|| aws.arn.as_deref().and_then(resource_of))?;
    if let Some(session) = resource.strip_prefix("assumed-role/") {
        return Some(Role { path: None, name: session.split('/').next()? });
    }
    let path_and_name = resource.strip_prefix("role/")?;
    let name_at = path_and_name.rfind('/').map_or(0, |slash| slash + 1);
    let (path, name) = path_and_name.split_at(name_at);
    Some(Role { path: Some(path), name })
}

/// Roles that AWS makes. Their paths are reserved, so that nobody else can make a role look like one; by the name alone,
/// where the path is not known, it is only likely.
fn by_reserved_role(role: &Role<'_>) -> Option<Verdict> {
    let confidence = |path: &str, name: &str| match role.path {
        Some(known) => known.starts_with(path).then_some(100),
        None => role.name.starts_with(name).then_some(70),
    };
    if let Some(confidence) = confidence("aws-service-role/", "AWSServiceRoleFor") {
        return Some(verdict(Kind::ProviderService, Class::NonHuman, confidence, Evidence::PrincipalType));
    }
    let confidence = confidence("aws-reserved/sso.amazonaws.com/", "AWSReservedSSO_")?;
    Some(verdict(Kind::Human, Class::Human, confidence.min(95), Evidence::Session))
}

/// What the session was bound to.
fn by_workload(event: &Event<'_>) -> Option<Verdict> {
    let (runtime, name) = event.workload.as_deref()?.split_once(':')?;
    let kind = match runtime {
        // A session's name that fits no known runtime.
        "session" => return None,
        "github" | "codebuild" => Kind::Automation,
        "bedrock" => Kind::AiAgent,
        _ if words::hint(name) == Some(Hint::AiAgent) => Kind::AiAgent,
        _ => Kind::Workload,
    };
    Some(verdict(kind, Class::NonHuman, 95, Evidence::Session))
}

/// Who vouched for the session.
fn by_provider(aws: &AwsPrincipal<'_>) -> Option<Verdict> {
    let provider = aws.identity_provider.as_deref()?;
    if is_pipeline_provider(provider) {
        return Some(verdict(Kind::Automation, Class::NonHuman, 90, Evidence::Session));
    }
    if provider.contains("oidc.eks.") {
        return Some(verdict(Kind::Workload, Class::NonHuman, 90, Evidence::Session));
    }
    let is_human = provider.contains(":saml-provider/") || provider.contains("cognito-identity");
    is_human.then(|| verdict(Kind::Human, Class::Human, 75, Evidence::Session))
}

fn is_pipeline_provider(provider: &str) -> bool {
    [
        "token.actions.githubusercontent.com",
        "gitlab",
        "circleci",
        "bitbucket",
        "buildkite",
        "app.terraform.io",
    ]
    .iter()
    .any(|pipeline| provider.contains(pipeline))
}

fn classify_role(role: &str, event: &Event<'_>) -> Verdict {
    let hint = words::hint(role);
    let session_is_person = event.session.as_deref().is_some_and(is_mail_address);
    if session_is_person && hint.is_none_or(|hint| hint == Hint::Privileged) {
        return verdict(Kind::CloudRole, Class::Human, 70, Evidence::Session);
    }
    match hint {
        Some(Hint::Service) => verdict(Kind::CloudRole, Class::NonHuman, 60, Evidence::Name),
        Some(hint) => by_hint(hint, Kind::CloudRole),
        None => by_client(event, Kind::CloudRole),
    }
}

fn by_hint(hint: Hint, otherwise: Kind) -> Verdict {
    let confidence = if hint == Hint::Privileged { 50 } else { 75 };
    verdict(hint.kind().unwrap_or(otherwise), hint.class(), confidence, Evidence::Name)
}

/// One console session does not make a machine's role a person's: it only leaves the class open.
fn by_client(event: &Event<'_>, kind: Kind) -> Verdict {
    if !event.interactive.is_empty() {
        return verdict(kind, Class::Mixed, 40, Evidence::Session);
    }
    match &event.client {
        Some(client) if is_sdk(&client.family) => verdict(kind, Class::NonHuman, 30, Evidence::Client),
        _ => verdict(kind, Class::NonHuman, 20, Evidence::Default),
    }
}

fn is_sdk(family: &str) -> bool {
    family.starts_with("aws-sdk-") || matches!(family, "Boto3" | "Botocore" | "Terraform")
}

fn classify_user(aws: &AwsPrincipal<'_>, event: &Event<'_>) -> Verdict {
    let name = aws.user_name.as_deref().or_else(|| aws.arn.as_deref()?.rsplit('/').next());
    if let Some(verdict) = name.and_then(by_user_name) {
        return verdict;
    }
    let signs = event.interactive;
    if signs.contains(Interactive::CONSOLE) || signs.contains(Interactive::BROWSER) {
        return verdict(Kind::Human, Class::Human, 80, Evidence::Session);
    }
    if signs.contains(Interactive::MFA) || name.is_some_and(is_mail_address) {
        return verdict(Kind::Human, Class::Human, 70, Evidence::Session);
    }
    by_credential(event)
}

fn by_user_name(name: &str) -> Option<Verdict> {
    // Names that AWS itself gives: a Bedrock API key's user, an SES SMTP credential's user.
    if name.starts_with("BedrockAPIKey-") || name.starts_with("ses-smtp-user") {
        return Some(verdict(Kind::ApiKey, Class::NonHuman, 90, Evidence::Name));
    }
    let hint = words::hint(name).filter(|hint| *hint != Hint::Privileged)?;
    Some(by_hint(hint, Kind::ServiceAccount))
}

/// A user known by keys only: more likely a machine where the program is an SDK.
fn by_credential(event: &Event<'_>) -> Verdict {
    let has_key = event.credential.as_ref().is_some_and(|shown| shown.kind == CredentialKind::LongTerm);
    let kind = if has_key { Kind::ApiKey } else { Kind::Unknown };
    by_client(event, kind)
}

fn classify_linux(linux: &LinuxPrincipal<'_>, event: &Event<'_>) -> Verdict {
    /// `SYS_UID_MAX` of `login.defs` on Debian and Red Hat: accounts below are made by packages, not for people.
    const FIRST_LOGIN_UID: u32 = 1_000;
    let account = linux.account.as_str();
    if linux.uid == Some(0) || account == "root" {
        return verdict(Kind::ServiceAccount, Class::Mixed, 60, Evidence::PrincipalType);
    }
    if linux.uid.is_some_and(|uid| uid < FIRST_LOGIN_UID) {
        let kind = words::hint(account).and_then(Hint::kind).unwrap_or(Kind::ServiceAccount);
        return verdict(kind, Class::NonHuman, 90, Evidence::PrincipalType);
    }
    if let Some(hint) = words::hint(account).filter(|hint| *hint != Hint::Privileged) {
        return by_hint(hint, Kind::ServiceAccount);
    }
    if words::is_daemon_account(account) || account.ends_with('$') {
        return verdict(Kind::ServiceAccount, Class::NonHuman, 75, Evidence::Name);
    }
    classify_login(linux, event)
}

/// An account whose name says nothing: how it came in decides.
fn classify_login(linux: &LinuxPrincipal<'_>, event: &Event<'_>) -> Verdict {
    if event.service == "cron" {
        return verdict(Kind::Unknown, Class::NonHuman, 30, Evidence::Client);
    }
    let shows_password =
        event.credential.as_ref().is_some_and(|shown| shown.kind == CredentialKind::Password);
    if shows_password || !event.interactive.is_empty() {
        return verdict(Kind::Human, Class::Human, 60, Evidence::Session);
    }
    match linux.uid {
        Some(_) => verdict(Kind::Human, Class::Human, 40, Evidence::Default),
        None => verdict(Kind::Unknown, Class::Mixed, 10, Evidence::Default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Format;
    use crate::normalize::Normalized;
    use crate::normalize::testing::{context, record};

    /// A call by a role's session, for its event.
    const CALL: &str = r#"{"eventTime":"2026-01-31T09:30:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject",
        "userIdentity":{"type":"AssumedRole"}}"#;

    fn event() -> Event<'static> {
        match crate::normalize::normalize(&record(Format::CloudTrail, CALL), &context()).unwrap() {
            Normalized::Activity(_, event) => *event,
            Normalized::Skipped(reason) => panic!("{reason}"),
        }
    }

    fn role_session(issuer: Option<&'static str>, session: &'static str) -> Principal<'static> {
        Principal::Aws(AwsPrincipal {
            principal_type: "AssumedRole".into(),
            arn: Some(session.into()),
            issuer_arn: issuer.map(Into::into),
            ..AwsPrincipal::default()
        })
    }

    #[test]
    fn a_name_like_that_of_a_service_linked_role_does_not_make_one() {
        let session = "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForEvil/x";
        let check = |issuer: Option<&'static str>, kind: Kind, confidence: u8| {
            let found = classify(&role_session(issuer, session), &event());
            assert_eq!((found.0, found.1.confidence), (kind, confidence), "{issuer:?}");
        };
        let real = "arn:aws:iam::111122223333:role/aws-service-role/evil.amazonaws.com/AWSServiceRoleForEvil";
        check(Some(real), Kind::ProviderService, 100);
        check(Some("arn:aws:iam::111122223333:role/AWSServiceRoleForEvil"), Kind::CloudRole, 60);
        check(None, Kind::ProviderService, 70);
    }

    #[test]
    fn a_person_in_the_session_name_outweighs_no_name_of_a_machine() {
        let check = |role: &'static str, class: Class| {
            let found = classify(
                &role_session(None, role),
                &Event { session: Some("alice@example.com".into()), ..event() },
            );
            assert_eq!(found.1.class, class, "{role}");
        };
        check("arn:aws:sts::111122223333:assumed-role/analyst/alice@example.com", Class::Human);
        check("arn:aws:sts::111122223333:assumed-role/admin/alice@example.com", Class::Human);
        check("arn:aws:sts::111122223333:assumed-role/github-deploy/alice@example.com", Class::NonHuman);
    }

    #[test]
    fn linux_accounts() {
        let check = |account: &'static str, uid: Option<u32>, kind: Kind, class: Class| {
            let principal = LinuxPrincipal { host: "web-1".into(), account: account.into(), uid };
            let found = classify(&Principal::Linux(principal), &event());
            assert_eq!((found.0, found.1.class), (kind, class), "{account} {uid:?}");
        };
        check("root", None, Kind::ServiceAccount, Class::Mixed);
        check("toor", Some(0), Kind::ServiceAccount, Class::Mixed);
        check("www-data", None, Kind::ServiceAccount, Class::NonHuman);
        check("unheard", Some(999), Kind::ServiceAccount, Class::NonHuman);
        check("jenkins", Some(1001), Kind::Automation, Class::NonHuman);
        check("svc_billing", None, Kind::ServiceAccount, Class::NonHuman);
        check("WEB-1$", None, Kind::ServiceAccount, Class::NonHuman);
        check("alice", Some(1000), Kind::Human, Class::Human);
        check("alice", None, Kind::Unknown, Class::Mixed);
    }
}
