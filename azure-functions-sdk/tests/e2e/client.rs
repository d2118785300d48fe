//! A client that keeps its connection and never sends a request twice, and where it finds the host.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use crate::host::LIMIT;

/// Where the host can be reached at present, for all clients.
#[derive(Default)]
pub(crate) struct Address(Mutex<Option<String>>);

impl Address {
    pub(crate) fn set(&self, address: &str) {
        *self.0.lock().unwrap() = Some(address.to_owned());
    }

    /// No client connects any more: a host that ends may still take connections.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap() = None;
    }

    fn connect(&self) -> TcpStream {
        let deadline = Instant::now() + LIMIT;
        loop {
            let address = self.0.lock().unwrap().clone();
            if let Some(Ok(stream)) = address.map(TcpStream::connect) {
                stream.set_nodelay(true).unwrap();
                stream.set_read_timeout(Some(LIMIT)).unwrap();
                return stream;
            }
            assert!(Instant::now() < deadline, "no host can be reached");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

pub(crate) struct Client<'a> {
    address: &'a Address,
    connection: Option<BufReader<TcpStream>>,
}

impl<'a> Client<'a> {
    pub(crate) fn new(address: &'a Address) -> Self {
        Self {
            address,
            connection: None,
        }
    }

    /// Sends one request as soon as there is a host; gives back status and body. `None` if the connection broke: only
    /// the host knows whether it got the request.
    pub(crate) fn send(&mut self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let stream = self
            .connection
            .get_or_insert_with(|| BufReader::new(self.address.connect()));
        let answer = exchange(stream, method, path, body);
        if answer.is_none() {
            self.connection = None;
        }
        answer
    }
}

fn exchange(stream: &mut BufReader<TcpStream>, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.get_mut().write_all(request.as_bytes()).ok()?;
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            Some(_) => {}
            None if line == "\r\n" => break,
            None => return None,
        }
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).ok()?;
    Some((status, String::from_utf8(answer).ok()?))
}
