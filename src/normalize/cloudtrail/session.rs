//! What a session tells: what ran it, who is behind it, and whether a person sits at it.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::record::Record;
use crate::activity::{Credential, CredentialKind, Interactive, Issued};
use crate::normalize::client::{is_browser, is_console};
use crate::normalize::fold::fold;
use crate::normalize::identity_center_id;
use crate::text::{Text, is_mail_address};

/// Session names that services give to the sessions which they run jobs in.
const SERVICE_SESSIONS: [(&str, &str); 3] = [
    ("SageMaker", "sagemaker:SageMaker"),
    ("GlueJobRunnerSession", "glue:GlueJobRunnerSession"),
    ("AWSCloudFormation", "cloudformation:AWSCloudFormation"),
];

/// Name of the acting session, from `principalId` (`AROA…:name`) or from the session's ARN.
pub(super) fn session<'a>(record: &Record<'a>) -> Option<Text<'a>> {
    let identity = &record.user_identity;
    let is_session = |text: &&Text<'a>| text.starts_with("AROA");
    let by_id = identity.principal_id.as_ref().filter(is_session).map(|id| id.map_part(behind_colon));
    let by_arn = || identity.arn.as_ref().map(|arn| arn.map_part(session_of_arn));
    by_id.filter(|name| !name.is_empty()).or_else(by_arn).filter(|name| !name.is_empty())
}

fn behind_colon(principal_id: &str) -> &str {
    principal_id.split_once(':').map_or("", |(_, name)| name)
}

fn session_of_arn(arn: &str) -> &str {
    let session = arn.split_once(":assumed-role/").and_then(|(_, rest)| rest.split_once('/'));
    session.map_or("", |(_, name)| name)
}

/// What ran the session: `ec2:i-0abc…`, `lambda:resize`, `pod:shop-cart`, `github:GitHubActions`, or the session's folded name.
///
/// Taken, in this order, from where the credentials were issued to, the instance id as session name, the identity
/// provider, the runtime in the user agent, and the shape of the session's name. Names are folded as [`fold`]
/// says; an instance id is kept, as it is what an instance's credentials are bound to.
pub(super) fn workload<'a>(record: &Record<'a>, session: Option<&Text<'a>>) -> Option<Text<'a>> {
    by_scope(record)
        .or_else(|| session.and_then(|session| by_instance(record, session)))
        .or_else(|| by_provider(record, session))
        .or_else(|| session.and_then(|session| by_runtime(record, session)))
        .or_else(|| session.and_then(by_name))
}

/// `arn:aws:lambda:eu-west-1:111122223333:function:resize` → `lambda:resize`.
fn by_scope<'a>(record: &Record<'a>) -> Option<Text<'a>> {
    let scope = &record.user_identity.in_scope_of;
    let arn = scope.credentials_issued_to.as_ref().or(scope.source_arn.as_ref())?;
    let service = arn.split(':').nth(2)?;
    let name = match arn.split_once(":function:") {
        Some((_, function)) => function.split(':').next()?,
        None => arn.rsplit([':', '/']).next()?,
    };
    Some(format!("{service}:{}", fold_unless_instance(name)).into())
}

fn fold_unless_instance(name: &str) -> Text<'_> {
    let name = Text::from(name);
    if is_instance_id(&name) { name } else { fold(&name) }
}

/// An instance's role: its sessions are named after the instance, and say how the metadata service gave them out.
fn by_instance<'a>(record: &Record<'a>, session: &Text<'a>) -> Option<Text<'a>> {
    if is_instance_id(session) {
        return Some(prefixed("ec2", session));
    }
    let is_delivered = record.user_identity.session_context.ec2_role_delivery.is_some();
    is_delivered.then(|| prefixed("ec2", &fold(session)))
}

/// `i-` and 8 or 17 hexadecimal digits.
fn is_instance_id(name: &str) -> bool {
    name.strip_prefix("i-").is_some_and(|id| matches!(id.len(), 8 | 17) && is_hex(id))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A session that an OIDC provider vouched for: GitHub's pipelines, pods of an EKS cluster.
fn by_provider<'a>(record: &Record<'a>, session: Option<&Text<'a>>) -> Option<Text<'a>> {
    let provider = provider(record)?;
    if provider.contains("token.actions.githubusercontent.com") {
        return Some(prefixed("github", &fold(session?)));
    }
    let (_, cluster) = provider.contains("oidc.eks.").then(|| provider.split_once("/id/")).flatten()?;
    Some(format!("eks:{cluster}").into())
}

/// Who vouched for the session or the user.
pub(super) fn provider<'r, 'a>(record: &'r Record<'a>) -> Option<&'r Text<'a>> {
    let identity = &record.user_identity;
    identity
        .session_context
        .web_id_federation_data
        .federated_provider
        .as_ref()
        .or(identity.identity_provider.as_ref())
}

/// The runtime that an SDK found itself in: `exec-env/AWS_Lambda_python3.12`.
fn by_runtime<'a>(record: &Record<'a>, session: &Text<'a>) -> Option<Text<'a>> {
    let environment = environments(record.user_agent.as_deref()?).next()?;
    let runtime = if environment.starts_with("AWS_Lambda") {
        "lambda"
    } else if environment.starts_with("AWS_ECS") {
        "ecs"
    } else {
        return None;
    };
    Some(prefixed(runtime, &fold(session)))
}

/// What stands behind each `exec-env/` of a user agent.
fn environments(agent: &str) -> impl Iterator<Item = &str> {
    static MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("exec-env/"));
    MARK.find_iter(agent.as_bytes()).map(|at| &agent[at + MARK.needle().len()..])
}

fn by_name<'a>(session: &Text<'a>) -> Option<Text<'a>> {
    if let Some((_, workload)) = SERVICE_SESSIONS.iter().find(|(name, _)| *session == *name) {
        return Some((*workload).into());
    }
    if let Some(pod) = session.strip_prefix("eks-") {
        return Some(pod_identity(pod));
    }
    // The id of an ECS task.
    if session.len() == 32 && is_hex(session) {
        return Some("ecs:*".into());
    }
    if session.starts_with("AWSCodeBuild-") {
        return Some("codebuild:*".into());
    }
    // A person's mail address names the person, who is in `session`.
    (!session.contains('@')).then(|| prefixed("session", &fold(session)))
}

/// EKS Pod Identity names its sessions `eks-<cluster>-<pod>-<uuid>`: `pod:<cluster>-<pod>`, without the suffixes that
/// Kubernetes draws anew for each pod.
fn pod_identity(cluster_and_pod: &str) -> Text<'static> {
    /// A UUID with the dash in front of it.
    const UUID_BYTES: usize = 37;
    let end = cluster_and_pod.len().saturating_sub(UUID_BYTES);
    let pod = cluster_and_pod.get(..end).filter(|_| cluster_and_pod.as_bytes().get(end) == Some(&b'-'));
    prefixed("pod", &fold(&without_drawn_suffix(pod.unwrap_or(cluster_and_pod)).into()))
}

/// `cart-7d9f8b6c5-x2x7q` → `cart`: the hash of a deployment's template (8 to 10 characters) and the pod's own five.
fn without_drawn_suffix(pod: &str) -> &str {
    let without = |name: &str, lengths: std::ops::RangeInclusive<usize>| {
        let (rest, suffix) = name.rsplit_once('-')?;
        (lengths.contains(&suffix.len()) && suffix.bytes().all(is_drawn)).then_some(rest.len())
    };
    let Some(end) = without(pod, 5..=5) else { return pod };
    &pod[..without(&pod[..end], 8..=10).unwrap_or(end)]
}

/// Kubernetes draws suffixes from letters that form no words (`k8s.io/apimachinery/pkg/util/rand`).
fn is_drawn(byte: u8) -> bool {
    b"bcdfghjklmnpqrstvwxz2456789".contains(&byte)
}

fn prefixed(runtime: &str, name: &Text<'_>) -> Text<'static> {
    [runtime, ":", name.as_str()].concat().into()
}

/// Signs of a person.
pub(super) fn interactive(record: &Record<'_>) -> Interactive {
    let agent = record.user_agent.as_deref().unwrap_or_default();
    let signs = [
        (is_console_session(record) || is_console(agent), Interactive::CONSOLE),
        (is_browser(agent), Interactive::BROWSER),
        (is_single_sign_on(record), Interactive::SSO),
        (has_mfa(record), Interactive::MFA),
        (environments(agent).any(|environment| environment.starts_with("CloudShell")), Interactive::TTY),
        (session(record).is_some_and(|session| is_mail_address(&session)), Interactive::NAMED),
        (is_workstation(agent), Interactive::WORKSTATION),
    ];
    signs
        .into_iter()
        .filter(|(is_seen, _)| *is_seen)
        .fold(Interactive::default(), |all, (_, sign)| all.union(sign))
}

/// Whether the client says that it runs on a Mac, in the words of AWS' libraries. Windows and Linux are servers, too.
fn is_workstation(agent: &str) -> bool {
    agent.contains("os/macos") || agent.contains(" Darwin/")
}

/// The flag stands at the top of the record, in the session context, or among the session's attributes.
fn is_console_session(record: &Record<'_>) -> bool {
    let identity = &record.user_identity;
    let context = &identity.session_context;
    record.session_credential_from_console == Some(true)
        || context.session_credential_from_console == Some(true)
        || context.attributes.session_credential_from_console == Some(true)
        || record.event_source.as_deref() == Some("signin.amazonaws.com")
        || identity.invoked_by.as_deref() == Some("signin.amazonaws.com")
        || matches!(record.event_type.as_deref(), Some("AwsConsoleSignIn" | "AwsConsoleAction"))
}

fn is_single_sign_on(record: &Record<'_>) -> bool {
    let context = &record.user_identity.session_context;
    [&context.session_issuer.arn, &record.user_identity.arn]
        .into_iter()
        .flatten()
        .any(|arn| arn.contains("/AWSReservedSSO_"))
}

fn has_mfa(record: &Record<'_>) -> bool {
    record.user_identity.session_context.attributes.mfa_authenticated == Some(true)
        || record.additional_event_data.mfa_used.as_deref() == Some("Yes")
}

/// The credential shown: an access key, a sign-in's password, or a token of Identity Center.
pub(super) fn credential<'a>(record: &Record<'a>) -> Option<Credential<'a>> {
    let identity = &record.user_identity;
    if let Some(id) = &identity.access_key_id {
        return Some(Credential { kind: key_kind(id, identity.kind.as_deref()), id: id.clone() });
    }
    if let Some(id) = &identity.credential_id {
        return Some(Credential { kind: CredentialKind::Token, id: id.clone() });
    }
    let signs_in = record.event_name.as_deref() == Some("ConsoleLogin")
        && matches!(identity.kind.as_deref(), Some("IAMUser" | "Root"));
    signs_in.then(|| Credential { kind: CredentialKind::Password, id: "console-password".into() })
}

fn key_kind(id: &str, principal_type: Option<&str>) -> CredentialKind {
    match (id.get(..4), principal_type) {
        (Some("AKIA"), _) => CredentialKind::LongTerm,
        (Some("ASIA"), _) | (_, Some("AssumedRole" | "FederatedUser")) => CredentialKind::Temporary,
        _ => CredentialKind::LongTerm,
    }
}

/// The credential that a call gave out: a session of a role or of a federated user, or a user's new key.
pub(super) fn issued<'a>(record: &Record<'a>) -> Option<Issued<'a>> {
    let answer = &record.response_elements;
    let id = answer.credentials.access_key_id.as_ref().or(answer.access_key.access_key_id.as_ref())?;
    let user = answer.assumed_role_user.arn.as_ref().or(answer.federated_user.arn.as_ref());
    let session = user.map(|arn| arn.map_part(|arn| arn.rsplit(['/', ':']).next().unwrap_or_default()));
    Some(Issued { id: id.clone(), session: session.filter(|name| !name.is_empty()) })
}

/// Who took on this identity, where the log tells: the source identity that the session was made with, the Identity
/// Center user it acts for, or the identity provider that vouched for it.
pub(super) fn caller<'a>(record: &Record<'a>) -> Option<Text<'a>> {
    let identity = &record.user_identity;
    let context = &identity.session_context;
    if let Some(source) = &context.source_identity {
        return Some(format!("source-identity:{source}").into());
    }
    let person = &identity.on_behalf_of;
    let acts_itself = identity.kind.as_deref() == Some("IdentityCenterUser");
    if let (false, Some(store), Some(user)) = (acts_itself, &person.identity_store_arn, &person.user_id) {
        return Some(identity_center_id(store, user).into());
    }
    context.web_id_federation_data.federated_provider.clone()
}
