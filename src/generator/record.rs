//! One API call as CloudTrail writes it.

use serde::Serialize;
use serde_json::Value;

use crate::time::EventTime;

/// A CloudTrail record, with its fields in the order in which AWS writes them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiCall {
    /// `1.08` to `1.11`.
    pub event_version: &'static str,
    /// Who.
    pub user_identity: UserIdentity,
    /// When, in whole seconds: `2026-01-31T09:30:00Z`.
    pub event_time: String,
    /// `s3.amazonaws.com`.
    pub event_source: String,
    /// `GetObject`.
    pub event_name: String,
    /// Region.
    pub aws_region: String,
    /// Address, or the name of the service that called.
    #[serde(rename = "sourceIPAddress")]
    pub source_ip: String,
    /// Client program.
    pub user_agent: String,
    /// Provider's error code, where it did not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<&'static str>,
    /// Provider's words for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// What was asked.
    pub request_parameters: Value,
    /// What was answered, for calls that change something.
    pub response_elements: Value,
    /// Signature and transfer details of data events.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub additional_event_data: Value,
    /// Request id.
    #[serde(rename = "requestID")]
    pub request_id: String,
    /// Unique id.
    #[serde(rename = "eventID")]
    pub event_id: String,
    /// Whether it only reads.
    pub read_only: bool,
    /// Resources acted on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Resource>,
    /// `AwsApiCall`, `AwsConsoleSignIn`.
    pub event_type: &'static str,
    /// Whether it is a management event.
    pub management_event: bool,
    /// Account that the record was delivered to.
    pub recipient_account_id: String,
    /// VPC endpoint it passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_endpoint_id: Option<String>,
    /// `Management` or `Data`.
    pub event_category: &'static str,
    /// TLS of the connection; absent for calls by services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_details: Option<TlsDetails>,
    /// `"true"` for console sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_credential_from_console: Option<&'static str>,
}

/// CloudTrail's `userIdentity`.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserIdentity {
    /// `IAMUser`, `AssumedRole`, `AWSService`, …
    #[serde(rename = "type")]
    pub principal_type: &'static str,
    /// `AIDA…`, `AROA…:session`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// ARN, of the session for roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// `AKIA…`, `ASIA…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// Name of a user, or the subject of a web identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// Session of temporary credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_context: Option<SessionContext>,
    /// Service that acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoked_by: Option<String>,
    /// Provider of a web identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_provider: Option<String>,
    /// Compute that the credentials were issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_scope_of: Option<InScopeOf>,
}

/// CloudTrail's `sessionContext`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionContext {
    /// The role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_issuer: Option<SessionIssuer>,
    /// Web identity behind the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_id_federation_data: Option<WebIdFederationData>,
    /// Age and MFA.
    pub attributes: SessionAttributes,
    /// `1.0` or `2.0` for instance roles: the IMDS version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ec2_role_delivery: Option<&'static str>,
}

/// The role that issued a session.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionIssuer {
    /// `Role`.
    #[serde(rename = "type")]
    pub issuer_type: &'static str,
    /// `AROA…`.
    pub principal_id: String,
    /// ARN of the role.
    pub arn: String,
    /// Account of the role.
    pub account_id: String,
    /// Name of the role.
    pub user_name: String,
}

/// The web identity behind a session.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebIdFederationData {
    /// ARN or URL of the provider.
    pub federated_provider: String,
    /// Claims; AWS logs none for most providers.
    pub attributes: Value,
}

/// Age and MFA of a session.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionAttributes {
    /// When it began.
    pub creation_date: String,
    /// `"true"` or `"false"`.
    pub mfa_authenticated: &'static str,
}

/// Compute that credentials were issued to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InScopeOf {
    /// `AWS::Lambda::Function`, `AWS::EC2::Instance`.
    pub issuer_type: &'static str,
    /// ARN of the function or instance.
    pub credentials_issued_to: String,
}

/// A resource acted on.
#[derive(Clone, Debug, Serialize)]
pub struct Resource {
    /// Account that owns it.
    #[serde(rename = "accountId")]
    pub account_id: String,
    /// `AWS::S3::Object`.
    #[serde(rename = "type")]
    pub resource_type: &'static str,
    /// ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
}

/// TLS of the connection.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsDetails {
    /// `TLSv1.3`.
    pub tls_version: &'static str,
    /// Cipher.
    pub cipher_suite: &'static str,
    /// Host that the client asked for.
    pub client_provided_host_header: String,
}

impl ApiCall {
    /// The record as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // A struct of strings and JSON values always serialises.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Makes it a call in another region.
    pub(super) fn set_region(&mut self, region: &str) {
        if let Some(tls) = &mut self.tls_details {
            tls.client_provided_host_header =
                tls.client_provided_host_header.replace(&self.aws_region, region);
        }
        region.clone_into(&mut self.aws_region);
    }

    /// Whether the call was refused for lack of rights.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(
            self.error_code,
            Some("AccessDenied" | "AccessDeniedException" | "Client.UnauthorizedOperation")
        )
    }
}

/// CloudTrail's time: whole seconds, `2026-01-31T09:30:00Z`.
pub(super) fn trail_time(time: EventTime) -> String {
    time.to_utc().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
