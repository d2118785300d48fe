//! Why a server cannot be spoken to.

/// A text is no address of a server, or this build cannot speak to it. The text itself is not shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerAddressError {
    /// Neither an address nor a connection string.
    #[error(
        "the address of the Durable Task server cannot be used: {0}; expected http://HOST:PORT, HOST:PORT, or \
         `Endpoint=…;Authentication=…;TaskHub=…`"
    )]
    Malformed(String),
    /// The connection string names a way to authenticate that there is not: this one, or `…` where the value is more than a word.
    #[error(
        "the connection string of the Durable Task server has `Authentication={0}`: expected None, DefaultAzure, ManagedIdentity, \
         WorkloadIdentity, Environment, or AzureCLI"
    )]
    Authentication(String),
    /// The name of the task hub cannot be sent.
    #[error("the name of the task hub is empty, or has a character that no header can carry")]
    TaskHub,
    /// What it asks for is a feature that is off.
    #[error(
        "the Durable Task server asks for {0}: enable the feature `durable-task-scheduler` of the crate `azure-functions`, or of \
         `azure-functions-durable` in a program that depends on that crate alone"
    )]
    Feature(&'static str),
    /// Tokens would be sent without encryption.
    #[error(
        "the Durable Task server is at an address without encryption, over which no token is sent: write https:// in place of http://, or \
         `Authentication=None` where the server asks for no token"
    )]
    PlainToken,
    /// There is nothing by which a server with TLS could be known.
    #[error(
        "this machine has no usable certificates of authorities ({0}), so a Durable Task server with TLS cannot be known: install the \
         package `ca-certificates`"
    )]
    Certificates(#[source] std::io::Error),
    /// There is no source of tokens.
    #[error("tokens for the Durable Task server cannot be had: {0}")]
    Credential(#[source] Box<dyn std::error::Error + Send + Sync>),
}
