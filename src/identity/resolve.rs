//! From a principal to the stable name that everything is kept under.
//!
//! Where the provider has a name of its own for the principal, that name is the id: the ARN of the role,
//! never of its session. Where it has none, the id is built from what the log does say:
//!
//! | `userIdentity.type` | id |
//! |---|---|
//! | `AssumedRole`, `Role` | `arn:aws:iam::<account>:role/<path><name>` |
//! | `IAMUser`, `FederatedUser` | `arn:aws:iam::<account>:user/<path><name>` (of a federated user: its issuer's) |
//! | `Root` | `arn:aws:iam::<account>:root` |
//! | `AWSService` | `aws-service:<service principal>` |
//! | `AWSAccount` | `aws-account:<account>`, with `:<unique id>` where the record has one |
//! | `IdentityCenterUser` | `aws-identity-center:<store>:<user id>` |
//! | `WebIdentityUser`, `SAMLUser` | `aws-web-identity:<provider>:<subject>`, `aws-saml:<provider>:<name>` |
//! | `Directory`, `Unknown`, none | the ARN, else `aws-user:<account>:<name>` |
//! | any of these without what it needs | `aws-account:<account>:<unique id>` |
//!
//! A principal of another account is not given the name `…:root`, although policies write it so: it would be
//! taken for that account's root user.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::activity::{Event, Identity};
use crate::normalize::linux::LinuxPrincipal;
use crate::normalize::{AwsPrincipal, Error, Principal, identity_center_id};
use crate::text::Text;

use super::classify::classify;

/// The stable identity behind a principal, with the kind and class that this one event gives reason for.
///
/// # Errors
/// [`Error::NoIdentity`] where the principal holds nothing that would name the same actor again.
pub fn resolve<'a>(principal: Principal<'a>, event: &Event<'a>) -> Result<Identity<'a>, Error> {
    let (kind, classification) = classify(&principal, event);
    let (id, unique_id) = match &principal {
        Principal::Aws(aws) => (aws_id(aws, event), aws_unique_id(aws)),
        Principal::Linux(linux) => (linux_id(linux), None),
    };
    let id = id.ok_or_else(|| Error::no_identity(&type_of(&principal)))?;
    Ok(Identity { id, unique_id, kind, classification })
}

fn type_of<'a>(principal: &Principal<'a>) -> Text<'a> {
    match principal {
        Principal::Aws(aws) => aws.principal_type.clone(),
        Principal::Linux(_) => "linux".into(),
    }
}

fn linux_id<'a>(linux: &LinuxPrincipal<'a>) -> Option<Text<'a>> {
    let is_named = !linux.host.is_empty() && !linux.account.is_empty();
    is_named.then(|| format!("linux:{}:{}", linux.host, linux.account).into())
}

fn aws_id<'a>(aws: &AwsPrincipal<'a>, event: &Event<'a>) -> Option<Text<'a>> {
    let by_type = match aws.principal_type.as_str() {
        "AWSService" => service_id(aws, event),
        "AWSAccount" => account_id(aws),
        "IdentityCenterUser" => person_id(aws).or_else(|| named_id(aws)),
        "WebIdentityUser" => web_identity_id(aws),
        "SAMLUser" => saml_id(aws),
        "IAMUser" | "Root" => arn_id(aws).or_else(|| iam_id(aws, event)),
        _ => issuer_id(aws).or_else(|| arn_id(aws)).or_else(|| other_id(aws, event)),
    };
    by_type.or_else(|| aws_unique_id(aws).and_then(|_| account_id(aws)))
}

/// The role or user that issued the session.
fn issuer_id<'a>(aws: &AwsPrincipal<'a>) -> Option<Text<'a>> {
    aws.issuer_arn.as_ref().filter(|arn| arn.starts_with("arn:")).map(without_session)
}

fn arn_id<'a>(aws: &AwsPrincipal<'a>) -> Option<Text<'a>> {
    aws.arn.as_ref().filter(|arn| arn.starts_with("arn:")).map(without_session)
}

/// A session's ARN as its role's; the role's path is not in a session's ARN and is lost. Other ARNs as they are.
fn without_session<'a>(arn: &Text<'a>) -> Text<'a> {
    role_of_session(arn).map_or_else(|| arn.clone(), Text::from)
}

/// `arn:aws:sts::111122223333:assumed-role/app/session` → `arn:aws:iam::111122223333:role/app`.
fn role_of_session(arn: &str) -> Option<String> {
    static SERVICE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(":sts:"));
    let named = arn.strip_prefix("arn:")?;
    let at = SERVICE.find(named.as_bytes())?;
    let (partition, rest) = (&named[..at], &named[at + SERVICE.needle().len()..]);
    let (region_and_account, session) = rest.split_once(":assumed-role/")?;
    let (_, account) = region_and_account.split_once(':')?;
    let role = session.split('/').next()?;
    Some(format!("arn:{partition}:iam::{account}:role/{role}"))
}

fn service_id<'a>(aws: &AwsPrincipal<'a>, event: &Event<'a>) -> Option<Text<'a>> {
    let service = aws.invoked_by.as_ref().or(event.origin.provider_service.as_ref())?;
    Some(format!("aws-service:{service}").into())
}

fn account_id<'a>(aws: &AwsPrincipal<'a>) -> Option<Text<'a>> {
    let account = aws.account.as_ref()?;
    Some(match aws_unique_id(aws) {
        Some(unique_id) => format!("aws-account:{account}:{unique_id}").into(),
        None => format!("aws-account:{account}").into(),
    })
}

fn person_id<'a>(aws: &AwsPrincipal<'a>) -> Option<Text<'a>> {
    Some(identity_center_id(aws.identity_store.as_ref()?, aws.on_behalf_of.as_ref()?).into())
}

/// GitHub puts the branch or pull request into the subject: only the repository is lasting.
fn web_identity_id<'a>(aws: &AwsPrincipal<'a>) -> Option<Text<'a>> {
    let subject = aws.user_name.as_ref().or(aws.principal_id.as_ref())?;
    let lasting = match subject.strip_prefix("repo:").and_then(|rest| rest.split(':').next()) {
        Some(repository) => &subject[..repository.len() + "repo:".len()],
        None => subject,
    };
    Some(format!("aws-web-identity:{}:{lasting}", provider_name(aws)).into())
}

fn saml_id<'a>(aws: &AwsPrincipal<'a>) -> Option<Text<'a>> {
    let name = aws.user_name.as_ref().or(aws.principal_id.as_ref())?;
    Some(format!("aws-saml:{}:{name}", provider_name(aws)).into())
}

/// The identity provider without the ARN around it.
fn provider_name<'p>(aws: &'p AwsPrincipal<'_>) -> &'p str {
    let provider = aws.identity_provider.as_deref().unwrap_or_default();
    let provider = provider.split_once("-provider/").map_or(provider, |(_, name)| name);
    provider.strip_prefix("https://").unwrap_or(provider)
}

/// A user or root by name and account: what a failed sign-in records instead of an ARN.
fn iam_id<'a>(aws: &AwsPrincipal<'a>, event: &Event<'a>) -> Option<Text<'a>> {
    let account = aws.account.as_ref().or(event.account.as_ref())?;
    let partition = partition_of(event.region.as_deref().unwrap_or_default());
    if aws.principal_type == "Root" {
        return Some(format!("arn:{partition}:iam::{account}:root").into());
    }
    let user = aws.user_name.as_ref()?;
    Some(format!("arn:{partition}:iam::{account}:user/{user}").into())
}

/// The partition that a region lies in.
fn partition_of(region: &str) -> &'static str {
    /// Partitions by what their regions begin with (AWS General Reference, and the endpoint metadata of AWS' SDKs).
    const PARTITIONS: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    let known = PARTITIONS.into_iter().find(|(prefix, _)| region.starts_with(prefix));
    known.map_or("aws", |(_, partition)| partition)
}

/// What is left to go by where the type is unknown and there is no ARN.
fn other_id<'a>(aws: &AwsPrincipal<'a>, event: &Event<'a>) -> Option<Text<'a>> {
    person_id(aws)
        .or_else(|| named_id(aws))
        .or_else(|| aws.invoked_by.as_ref().and_then(|_| service_id(aws, event)))
}

fn named_id<'a>(aws: &AwsPrincipal<'a>) -> Option<Text<'a>> {
    let account = aws.account.as_ref()?;
    let name = aws.user_name.as_ref()?;
    Some(format!("aws-user:{account}:{name}").into())
}

/// The unique id (`AROA…`, `AIDA…`) of the role or user: of the issuer, or in front of the session name.
fn aws_unique_id<'a>(aws: &AwsPrincipal<'a>) -> Option<Text<'a>> {
    let candidate = aws.issuer_principal_id.as_ref().or(aws.principal_id.as_ref())?;
    let id = candidate.map_part(|text| text.split(':').next().unwrap_or_default());
    (id.starts_with("AROA") || id.starts_with("AIDA")).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_lies_in_its_partition() {
        for (region, expected) in [
            ("eu-west-1", "aws"),
            ("", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            assert_eq!(partition_of(region), expected, "{region}");
        }
    }

    #[test]
    fn a_session_is_its_role_s_in_every_partition() {
        for partition in ["aws", "aws-cn", "aws-us-gov", "aws-iso"] {
            let session = format!("arn:{partition}:sts::111122223333:assumed-role/app/i-0abc");
            let role = format!("arn:{partition}:iam::111122223333:role/app");
            assert_eq!(role_of_session(&session), Some(role));
        }
    }
}
