//! The client's half of HTTP/2 with one gRPC stream, on a blocking socket: no more than a worker needs that wants to be as fast as can be.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

/// Flags of SETTINGS and PING; of HEADERS and DATA.
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

const INITIAL_WINDOW_SIZE: u16 = 4;

/// Of the only stream, and of the connection.
const STREAM: u32 = 1;
const CONNECTION: u32 = 0;

/// What the protocol allows before anything was settled.
const DEFAULT_WINDOW: i64 = 65_535;
const MAX_FRAME: usize = 16_384;
/// What the other side may send ahead.
const WINDOW: u32 = 16 << 20;

/// A gRPC message begins with a byte that says whether it is compressed, and four with its length.
const PREFIX: usize = 5;

pub(crate) struct Stream {
    socket: TcpStream,
    received: Vec<u8>,
    /// How much of it has been read.
    read: usize,
    /// The payload of the stream that is no whole message yet.
    messages: Vec<u8>,
    /// Frames that leave with the next [`flush`](Self::flush).
    frames: Vec<u8>,
    /// Messages that the windows of the other side have had no room for.
    waiting: Vec<u8>,
    stream_window: i64,
    connection_window: i64,
    /// What the other side sends ahead of a stream's first frame.
    initial_window: i64,
    /// Received since the other side was last told that it may go on.
    consumed: u32,
}

impl Stream {
    /// Opens the stream of a gRPC method.
    pub(crate) fn open(authority: &str, path: &str) -> io::Result<Self> {
        let socket = TcpStream::connect(authority)?;
        socket.set_nodelay(true)?;
        let mut frames = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let window = WINDOW.to_be_bytes();
        let mut setting = INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
        setting.extend(window);
        frame(&mut frames, SETTINGS, 0, CONNECTION, &setting);
        frame(&mut frames, WINDOW_UPDATE, 0, CONNECTION, &window);
        frame(&mut frames, HEADERS, END_HEADERS, STREAM, &headers(authority, path));
        Ok(Self {
            socket,
            received: Vec::with_capacity(1 << 18),
            read: 0,
            messages: Vec::new(),
            frames,
            waiting: Vec::new(),
            stream_window: DEFAULT_WINDOW,
            connection_window: DEFAULT_WINDOW,
            initial_window: DEFAULT_WINDOW,
            consumed: 0,
        })
    }

    /// Sends a message with the next [`flush`](Self::flush).
    pub(crate) fn send(&mut self, message: &[u8]) {
        self.waiting.push(0);
        self.waiting.extend(length(message.len()));
        self.waiting.extend(message);
    }

    /// Writes what there is to write, as far as the windows allow.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.waiting.len() {
            let window = usize::try_from(self.stream_window.min(self.connection_window)).unwrap_or(0);
            let part = (self.waiting.len() - sent).min(MAX_FRAME).min(window);
            if part == 0 {
                break;
            }
            frame(&mut self.frames, DATA, 0, STREAM, &self.waiting[sent..sent + part]);
            self.stream_window -= part as i64;
            self.connection_window -= part as i64;
            sent += part;
        }
        self.waiting.drain(..sent);
        if !self.frames.is_empty() {
            self.socket.write_all(&self.frames)?;
            self.frames.clear();
        }
        Ok(())
    }

    /// Waits until something has come, and hands over the messages that are whole; `false` once the other side has ended.
    pub(crate) fn receive(&mut self, mut take: impl FnMut(&mut Self, &[u8])) -> io::Result<bool> {
        self.received.drain(..self.read);
        self.read = 0;
        let filled = self.received.len();
        self.received.resize(filled + (1 << 17), 0);
        let count = self.socket.read(&mut self.received[filled..])?;
        self.received.truncate(filled + count);
        if count == 0 {
            return Ok(false);
        }
        while let Some((kind, flags, stream, range)) = next(&self.received, self.read) {
            self.read = range.end;
            match kind {
                DATA => {
                    if flags & PADDED != 0 {
                        return Err(io::Error::other("padding is not expected"));
                    }
                    self.messages.extend_from_slice(&self.received[range.clone()]);
                    self.consumed += u32::try_from(range.len()).map_err(io::Error::other)?;
                    if flags & END_STREAM != 0 {
                        return Ok(false);
                    }
                }
                HEADERS if flags & END_STREAM != 0 => return Ok(false),
                RESET | GOAWAY => return Ok(false),
                SETTINGS if flags & ACK == 0 => {
                    self.settle(range);
                    frame(&mut self.frames, SETTINGS, ACK, CONNECTION, &[]);
                }
                PING if flags & ACK == 0 => {
                    let payload = self.received[range].to_vec();
                    frame(&mut self.frames, PING, ACK, CONNECTION, &payload);
                }
                WINDOW_UPDATE => {
                    let more = i64::from(number(&self.received[range]) & 0x7fff_ffff);
                    match stream {
                        CONNECTION => self.connection_window += more,
                        _ => self.stream_window += more,
                    }
                }
                _ => {}
            }
        }
        if self.consumed > WINDOW / 4 {
            let consumed = self.consumed.to_be_bytes();
            frame(&mut self.frames, WINDOW_UPDATE, 0, CONNECTION, &consumed);
            frame(&mut self.frames, WINDOW_UPDATE, 0, STREAM, &consumed);
            self.consumed = 0;
        }
        let messages = std::mem::take(&mut self.messages);
        let mut rest = messages.as_slice();
        while let Some(message) = whole(&mut rest) {
            take(self, message);
        }
        let taken = messages.len() - rest.len();
        self.messages = messages;
        self.messages.drain(..taken);
        Ok(true)
    }

    fn settle(&mut self, settings: std::ops::Range<usize>) {
        for setting in self.received[settings].chunks_exact(6) {
            if setting[..2] == INITIAL_WINDOW_SIZE.to_be_bytes() {
                let window = i64::from(number(&setting[2..]));
                self.stream_window += window - self.initial_window;
                self.initial_window = window;
            }
        }
    }
}

/// The head of a request, with nothing that needs a table or Huffman's code. Source: RFC 7541, sections 6.1 and 6.2.2, and appendix A.
fn headers(authority: &str, path: &str) -> Vec<u8> {
    // `:method: POST` and `:scheme: http`.
    let mut block = vec![0x83, 0x86];
    // Names by their index: `:authority`, `:path`, `content-type`.
    block.push(1);
    text(&mut block, authority);
    block.push(4);
    text(&mut block, path);
    block.extend([0x0f, 31 - 15]);
    text(&mut block, "application/grpc");
    block.push(0);
    text(&mut block, "te");
    text(&mut block, "trailers");
    block
}

fn text(block: &mut Vec<u8>, text: &str) {
    assert!(text.len() < 127, "a longer one is encoded otherwise: {text}");
    block.push(text.len() as u8);
    block.extend(text.as_bytes());
}

fn frame(frames: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    frames.extend(&length(payload.len())[1..]);
    frames.extend([kind, flags]);
    frames.extend(stream.to_be_bytes());
    frames.extend(payload);
}

/// Kind, flags, stream and payload of the frame that begins there, if all of it has come.
fn next(received: &[u8], start: usize) -> Option<(u8, u8, u32, std::ops::Range<usize>)> {
    let head = received.get(start..start + 9)?;
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    let payload = start + 9..start + 9 + length;
    (payload.end <= received.len()).then(|| (head[3], head[4], number(&head[5..]), payload))
}

/// The next message, if all of it has come.
fn whole<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(rest.get(1..PREFIX)?) as usize;
    let message = rest.get(PREFIX..PREFIX + length)?;
    *rest = &rest[PREFIX + length..];
    Some(message)
}

fn number(bytes: &[u8]) -> u32 {
    bytes[..4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("no message is so long").to_be_bytes()
}
