//! The connection string of the Durable Task Scheduler, as its .NET packages read it.

use super::error::ServerAddressError;

/// What it says.
pub(super) struct ConnectionString {
    pub(super) endpoint: String,
    pub(super) task_hub: Option<String>,
    pub(super) authentication: Authentication,
}

/// How a server is told who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Authentication {
    /// It is not.
    None,
    /// With a token of Microsoft Entra ID.
    Token(Credential),
}

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Credential {
    pub(super) kind: CredentialKind,
    /// Of a managed or workload identity.
    pub(super) client_id: Option<String>,
    pub(super) tenant_id: Option<String>,
    /// File with the token of a workload identity.
    pub(super) token_file: Option<String>,
}

/// Where a token comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CredentialKind {
    /// The first of the others that works.
    Default,
    ManagedIdentity,
    WorkloadIdentity,
    Environment,
    AzureCli,
}

impl ConnectionString {
    /// Of an address alone.
    pub(super) fn of_endpoint(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            task_hub: None,
            authentication: Authentication::None,
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, ServerAddressError> {
        let malformed = |why: &str| ServerAddressError::Malformed(why.to_owned());
        let (mut endpoint, mut task_hub, mut kind) = (None, None, None);
        let (mut client_id, mut tenant_id, mut token_file) = (None, None, None);
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| malformed("the connection string has a part without `=`"))?;
            let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
            match name.trim().to_ascii_lowercase().as_str() {
                "endpoint" => endpoint = value,
                "taskhub" => task_hub = value,
                "authentication" => kind = value,
                "clientid" => client_id = value,
                "tenantid" => tenant_id = value,
                "tokenfilepath" => token_file = value,
                // Of other SDKs, or newer.
                _ => {}
            }
        }
        let endpoint = endpoint.ok_or_else(|| malformed("the connection string has no `Endpoint`"))?;
        let kind = kind.ok_or_else(|| malformed("the connection string has no `Authentication`"))?;
        let kind = match kind.to_ascii_lowercase().as_str() {
            "none" => None,
            "defaultazure" => Some(CredentialKind::Default),
            "managedidentity" => Some(CredentialKind::ManagedIdentity),
            "workloadidentity" => Some(CredentialKind::WorkloadIdentity),
            "environment" => Some(CredentialKind::Environment),
            "azurecli" => Some(CredentialKind::AzureCli),
            _ => return Err(ServerAddressError::Authentication(shown(kind))),
        };
        Ok(Self {
            // What .NET takes for an address without a scheme.
            endpoint: match endpoint.contains("://") {
                true => endpoint,
                false => format!("https://{endpoint}"),
            },
            task_hub,
            authentication: match kind {
                None => Authentication::None,
                Some(kind) => Authentication::Token(Credential {
                    kind,
                    client_id,
                    tenant_id,
                    token_file,
                }),
            },
        })
    }
}

/// A value as a message may show it. What is no word may be more of the string than was meant, and have a secret.
fn shown(value: String) -> String {
    const LONGEST_WORD: usize = 32;
    let is_word = value.len() <= LONGEST_WORD && value.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_word { value } else { "…".to_owned() }
}
