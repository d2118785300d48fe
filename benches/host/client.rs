//! The smallest HTTP client that will do: one keep-alive connection, one request at a time, bodies with a known length.
//! It shares the cores with what is measured, so it must cost next to nothing.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::Failure;

const CONTINUATION: &str = "x-ms-continuation-token";

pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(port: u16) -> Result<Self, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::new(),
        })
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<(u16, String), Failure> {
        self.request(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            .await
    }

    pub(crate) async fn delete(&mut self, path: &str) -> Result<(u16, String), Failure> {
        self.request(format!("DELETE {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            .await
    }

    /// The page of a list that follows the one with this token, and its own token.
    pub(crate) async fn page(&mut self, path: &str, token: &str) -> Result<(String, String), Failure> {
        let (status, body) = self
            .request(format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\n{CONTINUATION}: {token}\r\n\r\n"
            ))
            .await?;
        if status != 200 {
            return Err(format!("{path}: {status} {body}").into());
        }
        let head = std::str::from_utf8(&self.received)?;
        let next = header(head, CONTINUATION).unwrap_or_default().to_owned();
        Ok((body, next))
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Result<(u16, String), Failure> {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        self.request(head + body).await
    }

    async fn request(&mut self, request: String) -> Result<(u16, String), Failure> {
        self.stream.write_all(request.as_bytes()).await?;
        self.received.clear();
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err("the host closed the connection".into());
            }
            if let Some(response) = response(&self.received)? {
                return Ok(response);
            }
        }
    }
}

/// Status and body, once all of it is there.
fn response(received: &[u8]) -> Result<Option<(u16, String)>, Failure> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&received[..end])?;
    let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
    let length: usize = header(head, "content-length").ok_or("no Content-Length")?.parse()?;
    let body = &received[end + 4..];
    if body.len() < length {
        return Ok(None);
    }
    Ok(Some((status, String::from_utf8(body.to_vec())?)))
}

fn header<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    head.lines().take_while(|line| !line.is_empty()).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(wanted).then_some(value.trim())
    })
}
