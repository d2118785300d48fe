//! Requests, files, sockets, processes, and the environment.

use azure_functions::{bindings::*, func};
use std::fs;

#[func]
async fn requests(_context: DurableOrchestrationContext) {
    reqwest::get("http://localhost").await;
    let _client = reqwest::Client::new();
    ureq::get("http://localhost");
}

#[func]
async fn files(_context: DurableOrchestrationContext) {
    let _ = std::fs::read_to_string("a");
    let _ = fs::write("a", "b");
    let _ = std::fs::File::open("a");
    let _ = std::io::stdin();
}

#[func]
async fn sockets_and_processes(_context: DurableOrchestrationContext) {
    let _ = std::net::TcpStream::connect("localhost:1");
    let _ = std::process::Command::new("ls").status();
    std::process::exit(1);
}

#[func]
async fn environment(context: DurableOrchestrationContext) {
    context.set_custom_status(env!("CARGO_PKG_NAME"));
    context.set_custom_status(std::env::var("HOME").ok());
    let _ = std::env::args();
}

// What these crates look like from here.

mod reqwest {
    pub async fn get(_: &str) {}

    pub struct Client;

    impl Client {
        pub fn new() {}
    }
}

mod ureq {
    pub fn get(_: &str) {}
}

fn main() {}
