//! `cargo func publish`, which others' tools have: says what to do instead.

use super::command_result::CommandResult;

/// Publishing is Azure's business: says how to hand a package over.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the function app on Azure.
    #[arg(default_value = "APP")]
    app: String,
    /// Whatever else the command line has.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<String>,
}

/// What is refused.
#[derive(Debug, thiserror::Error)]
#[error(
    "`cargo func` does not publish, the Azure CLI does: pack the app with `cargo func pack --output {app}.zip`, then run \
     `az functionapp deployment source config-zip --resource-group GROUP --name {app} --src {app}.zip`"
)]
struct Refused {
    app: String,
}

impl Args {
    pub(super) fn run(self) -> CommandResult {
        Err(Refused { app: self.app }.into())
    }
}
