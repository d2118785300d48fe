//! What `use` declarations inside the body bring.

use azure_functions::{bindings::*, func};

#[func]
async fn imported(context: DurableOrchestrationContext) {
    use std::{thread, time::SystemTime as Clock};
    let later = || Clock::now();
    context.set_custom_status(format!("{:?} {:?}", later(), Clock::now()));
    {
        use std::env::var as setting;
        context.set_custom_status(setting("HOME").ok());
    }
    thread::spawn(|| ());
    let setting = |_: &str| ();
    setting("HOME");
}

fn main() {}
