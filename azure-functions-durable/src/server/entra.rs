//! Tokens of Microsoft Entra ID, through `azure_identity`.

use super::connection_string::{Credential, CredentialKind};
use super::error::ServerAddressError;
use super::tokens::{AccessToken, TokenError, TokenSource};
use azure_core::credentials::{Secret, TokenCredential};
use azure_identity::{
    AzureCliCredential, ClientSecretCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use std::env;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

/// What tokens for the Durable Task Scheduler are for.
const SCOPE: &str = "https://durabletask.io/.default";

/// No credential has given a token yet.
const NONE_YET: usize = usize::MAX;

/// One credential, or several of which the first that works is used from then on.
pub(super) struct Entra {
    credentials: Vec<Arc<dyn TokenCredential>>,
    works: AtomicUsize,
}

impl Entra {
    pub(super) fn new(credential: &Credential) -> Result<Self, ServerAddressError> {
        // Requests for tokens are made with TLS; without this, reqwest has no cryptography. Another choice of the app's stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let credentials = match credential.kind {
            CredentialKind::Default => chain(credential)?,
            kind => vec![of_kind(kind, credential)?],
        };
        Ok(Self {
            credentials,
            works: AtomicUsize::new(NONE_YET),
        })
    }
}

/// The order of .NET's `DefaultAzureCredential`: what the environment describes, then the identity of the machine, then the developer's.
fn chain(credential: &Credential) -> Result<Vec<Arc<dyn TokenCredential>>, ServerAddressError> {
    let mut chain = Vec::new();
    for kind in [CredentialKind::Environment, CredentialKind::WorkloadIdentity] {
        // The environment describes none.
        chain.extend(of_kind(kind, credential).ok());
    }
    for kind in [CredentialKind::ManagedIdentity, CredentialKind::AzureCli] {
        chain.push(of_kind(kind, credential)?);
    }
    Ok(chain)
}

fn of_kind(kind: CredentialKind, credential: &Credential) -> Result<Arc<dyn TokenCredential>, ServerAddressError> {
    let failed = |error: azure_core::Error| ServerAddressError::Credential(Box::new(error));
    Ok(match kind {
        CredentialKind::Default | CredentialKind::ManagedIdentity => {
            let user_assigned_id = credential.client_id.clone().map(UserAssignedId::ClientId);
            let options = ManagedIdentityCredentialOptions {
                user_assigned_id,
                ..ManagedIdentityCredentialOptions::default()
            };
            ManagedIdentityCredential::new(Some(options)).map_err(failed)?
        }
        CredentialKind::WorkloadIdentity => {
            let options = WorkloadIdentityCredentialOptions {
                client_id: credential.client_id.clone(),
                tenant_id: credential.tenant_id.clone(),
                token_file_path: credential.token_file.as_ref().map(Into::into),
                ..WorkloadIdentityCredentialOptions::default()
            };
            WorkloadIdentityCredential::new(Some(options)).map_err(failed)?
        }
        CredentialKind::Environment => {
            let variable = |name: &str| {
                let value = env::var(name).ok().filter(|value| !value.is_empty());
                value.ok_or_else(|| ServerAddressError::Credential(format!("the variable {name} is not set").into()))
            };
            let (tenant, client) = (variable("AZURE_TENANT_ID")?, variable("AZURE_CLIENT_ID")?);
            let secret = Secret::new(variable("AZURE_CLIENT_SECRET")?);
            ClientSecretCredential::new(&tenant, client, secret, None).map_err(failed)?
        }
        CredentialKind::AzureCli => AzureCliCredential::new(None).map_err(failed)?,
    })
}

impl TokenSource for Entra {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<AccessToken, TokenError>> + Send + '_>> {
        Box::pin(async {
            let works = self.works.load(Ordering::Relaxed);
            let mut reasons = Vec::new();
            for (number, credential) in self.credentials.iter().enumerate() {
                if works != NONE_YET && works != number {
                    continue;
                }
                match credential.get_token(&[SCOPE], None).await {
                    Ok(token) => {
                        self.works.store(number, Ordering::Relaxed);
                        let expires = SystemTime::from(token.expires_on);
                        return Ok(AccessToken::new(token.token.secret(), expires));
                    }
                    Err(error) => reasons.push(error.to_string()),
                }
            }
            Err(TokenError::failed(reasons.join("; ")))
        })
    }
}

impl fmt::Debug for Entra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entra")
            .field("credentials", &self.credentials.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ServerAddress;

    #[tokio::test]
    async fn each_way_to_authenticate_of_a_connection_string_can_be_had() {
        for kind in ["DefaultAzure", "ManagedIdentity", "AzureCLI"] {
            let text = format!("Endpoint=https://x.durabletask.io;Authentication={kind};TaskHub=a");
            text.parse::<ServerAddress>().unwrap().channel().unwrap();
        }
        // No tenant and no token file, in the string or the environment.
        let text = "Endpoint=https://x.durabletask.io;Authentication=WorkloadIdentity;TokenFilePath=/none;TenantID=t;ClientID=c";
        let error = text.parse::<ServerAddress>().unwrap().channel();
        assert!(error.is_ok() || error.unwrap_err().to_string().contains("tokens"));
    }
}
