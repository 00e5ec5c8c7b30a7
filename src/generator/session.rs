//! Sessions: the temporary credentials under which roles act, and who opened them.

use serde_json::json;

use super::archetype::Principal;
use super::member::Member;
use super::networks;
use super::random::Random;
use super::record::{
    InScopeOf, SessionAttributes, SessionContext, SessionIssuer, UserIdentity, WebIdFederationData,
    trail_time,
};
use crate::term::stable_hash;
use crate::time::{EventTime, HOUR_MS, MINUTE_MS};

/// One set of credentials in use.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// `ASIA…`, or `AKIA…` of a user.
    pub(super) key: String,
    /// Role session name.
    pub(super) name: String,
    /// When it began.
    pub(super) created: EventTime,
    /// When it ends, exclusive.
    pub(super) expires: EventTime,
    /// Address that its calls come from.
    pub(super) ip: String,
    /// Whether another identity opened it by `AssumeRole`, instead of the workload that it is meant for.
    pub(super) is_chained: bool,
    /// When it was given its address.
    pub(super) since: EventTime,
}

/// A user's key lives until it is rotated.
const FOREVER: EventTime = EventTime::from_millis(i64::MAX);

impl Session {
    /// A new session of `member` at one of its places.
    pub(super) fn open(member: &Member, place: usize, time: EventTime, random: &mut Random) -> Self {
        let principal = member.archetype.principal;
        let prefix = if principal == Principal::User { "AKIA" } else { "ASIA" };
        Self {
            key: random.aws_id(prefix),
            name: name(member, place, random),
            created: time,
            expires: lifetime_ms(principal).map_or(FOREVER, |ms| time.plus_millis(ms)),
            ip: networks::address(member.archetype.origin, &member.home(), time, random),
            is_chained: false,
            since: time,
        }
    }
}

/// How long the credentials of one session are used.
pub(super) fn lifetime_ms(principal: Principal) -> Option<i64> {
    match principal {
        Principal::User | Principal::Service(_) | Principal::Linux => None,
        Principal::GitHub | Principal::CodeBuild => Some(40 * MINUTE_MS),
        Principal::Vendor | Principal::Agent | Principal::ServiceLinked(_) => Some(HOUR_MS),
        Principal::Sso => Some(8 * HOUR_MS),
        Principal::Lambda | Principal::Pod => Some(12 * HOUR_MS),
        Principal::Instance | Principal::Task | Principal::Device => Some(6 * HOUR_MS),
    }
}

fn name(member: &Member, place: usize, random: &mut Random) -> String {
    let place = member.places.get(place).map_or("", String::as_str);
    match member.archetype.principal {
        Principal::Task => random.hex(32),
        Principal::Pod => format!("botocore-session-{}", 1_700_000_000 + random.below(90_000_000)),
        Principal::GitHub => "GitHubActions".into(),
        Principal::CodeBuild => format!("AWSCodeBuild-{}", random.uuid()),
        Principal::Agent => format!("BedrockAgents-{}", &random.hex(10)),
        Principal::Vendor => format!("{}-collector", supplier(member)),
        Principal::ServiceLinked(host) => host.split('.').next().unwrap_or_default().to_owned(),
        _ => place.to_owned(),
    }
}

/// Name of the supplier behind a member; suppliers serve several teams.
pub(super) fn supplier(member: &Member) -> String {
    format!("supplier-{}", stable_hash(&member.name) % networks::SUPPLIERS)
}

/// The account of that supplier.
pub(super) fn supplier_account(member: &Member) -> String {
    format!("9999000000{:02}", stable_hash(&member.name) % networks::SUPPLIERS)
}

/// `userIdentity` of a call that `member` makes under `session`.
pub(super) fn user_identity(member: &Member, session: &Session) -> UserIdentity {
    match member.archetype.principal {
        Principal::Service(host) => UserIdentity {
            principal_type: "AWSService",
            invoked_by: Some(host.into()),
            ..UserIdentity::default()
        },
        Principal::User => user(member, session),
        _ => assumed_role(member, session),
    }
}

fn user(member: &Member, session: &Session) -> UserIdentity {
    UserIdentity {
        principal_type: "IAMUser",
        principal_id: Some(member.unique_id.clone()),
        arn: Some(member.arn()),
        account_id: Some(member.account.clone()),
        access_key_id: Some(session.key.clone()),
        user_name: Some(member.name.clone()),
        ..UserIdentity::default()
    }
}

fn assumed_role(member: &Member, session: &Session) -> UserIdentity {
    let Member { account, name, unique_id, .. } = member;
    UserIdentity {
        principal_type: "AssumedRole",
        principal_id: Some(format!("{unique_id}:{}", session.name)),
        arn: Some(format!("arn:aws:sts::{account}:assumed-role/{name}/{}", session.name)),
        account_id: Some(account.clone()),
        access_key_id: Some(session.key.clone()),
        session_context: Some(context(member, session)),
        invoked_by: invoked_by(member.archetype.principal).filter(|_| !session.is_chained),
        in_scope_of: in_scope_of(member, session).filter(|_| !session.is_chained),
        ..UserIdentity::default()
    }
}

fn context(member: &Member, session: &Session) -> SessionContext {
    let issuer = SessionIssuer {
        issuer_type: "Role",
        principal_id: member.unique_id.clone(),
        arn: member.arn(),
        account_id: member.account.clone(),
        user_name: member.name.clone(),
    };
    let principal = member.archetype.principal;
    SessionContext {
        session_issuer: Some(issuer),
        web_id_federation_data: web_identity_provider(member)
            .filter(|_| !session.is_chained)
            .map(|federated_provider| WebIdFederationData { federated_provider, attributes: json!({}) }),
        attributes: SessionAttributes {
            creation_date: trail_time(session.created),
            mfa_authenticated: if principal == Principal::Sso { "true" } else { "false" },
        },
        ec2_role_delivery: (principal == Principal::Instance && !session.is_chained).then_some("2.0"),
    }
}

fn invoked_by(principal: Principal) -> Option<String> {
    match principal {
        Principal::ServiceLinked(host) => Some(host.into()),
        Principal::Agent => Some("bedrock.amazonaws.com".into()),
        _ => None,
    }
}

fn in_scope_of(member: &Member, session: &Session) -> Option<InScopeOf> {
    let Member { region, account, .. } = member;
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:{region}:{account}:{rest}");
    match member.archetype.principal {
        Principal::Lambda => Some(InScopeOf {
            issuer_type: "AWS::Lambda::Function",
            credentials_issued_to: arn("lambda", &format!("function:{}", session.name)),
        }),
        Principal::Instance => Some(InScopeOf {
            issuer_type: "AWS::EC2::Instance",
            credentials_issued_to: arn("ec2", &format!("instance/{}", session.name)),
        }),
        _ => None,
    }
}

/// ARN of the OIDC provider that members of this sort come through.
pub(super) fn web_identity_provider(member: &Member) -> Option<String> {
    let Member { region, account, .. } = member;
    match member.archetype.principal {
        Principal::GitHub => {
            Some(format!("arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com"))
        }
        Principal::Pod => Some(format!(
            "arn:aws:iam::{account}:oidc-provider/oidc.eks.{region}.amazonaws.com/id/{:032X}",
            u128::from(stable_hash(account)) << 32 | u128::from(stable_hash(region) >> 32)
        )),
        _ => None,
    }
}
