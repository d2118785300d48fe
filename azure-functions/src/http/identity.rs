//! The identity of the caller, as the platform has authenticated it.

use crate::rpc::{NullableString, RpcClaim, RpcClaimsIdentity, nullable_string};

/// An identity of the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimsIdentity {
    /// How the caller was authenticated.
    pub authentication_type: Option<String>,
    /// Type of the claim that holds the name.
    pub name_claim_type: Option<String>,
    /// Type of the claims that hold roles.
    pub role_claim_type: Option<String>,
    /// What is claimed.
    pub claims: Vec<Claim>,
}

/// A statement about the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// What it is about.
    pub claim_type: String,
    /// What it says.
    pub value: String,
}

impl From<&RpcClaimsIdentity> for ClaimsIdentity {
    fn from(identity: &RpcClaimsIdentity) -> Self {
        Self {
            authentication_type: text(identity.authentication_type.as_ref()),
            name_claim_type: text(identity.name_claim_type.as_ref()),
            role_claim_type: text(identity.role_claim_type.as_ref()),
            claims: identity
                .claims
                .iter()
                .map(|claim| Claim {
                    claim_type: claim.r#type.clone(),
                    value: claim.value.clone(),
                })
                .collect(),
        }
    }
}

impl From<&ClaimsIdentity> for RpcClaimsIdentity {
    fn from(identity: &ClaimsIdentity) -> Self {
        Self {
            authentication_type: nullable(identity.authentication_type.as_ref()),
            name_claim_type: nullable(identity.name_claim_type.as_ref()),
            role_claim_type: nullable(identity.role_claim_type.as_ref()),
            claims: identity
                .claims
                .iter()
                .map(|claim| RpcClaim {
                    r#type: claim.claim_type.clone(),
                    value: claim.value.clone(),
                })
                .collect(),
        }
    }
}

fn nullable(text: Option<&String>) -> Option<NullableString> {
    Some(NullableString {
        string: Some(nullable_string::String::Value(text?.clone())),
    })
}

fn text(nullable: Option<&NullableString>) -> Option<String> {
    let nullable_string::String::Value(text) = nullable?.string.as_ref()?;
    Some(text.clone())
}
