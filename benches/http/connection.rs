//! One kept-alive HTTP/1.1 connection, and what is asked on it. A client of a few lines, since the driver must cost less than the fastest server.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use httparse::{EMPTY_HEADER, Response, Status, parse_chunk_size};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A POST whose body is `body` with its `{}` filled in.
#[derive(Deserialize)]
pub(crate) struct Ask {
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

/// An [`Ask`] as it is sent.
pub(crate) struct Question {
    head: String,
    before: String,
    after: String,
}

impl Question {
    pub(crate) fn new(ask: &Ask, address: SocketAddr) -> Self {
        let mut head = format!("POST {} HTTP/1.1\r\nhost: {address}\r\n", ask.path);
        ask.headers.iter().for_each(|(name, value)| head.extend([name, ": ", value, "\r\n"]));
        let (before, after) = ask.body.split_once("{}").unwrap_or((&ask.body, ""));
        Self { head, before: before.to_owned(), after: after.to_owned() }
    }
}

pub(crate) struct Connection {
    stream: TcpStream,
    sent: String,
    received: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|why| format!("{address}: {why}"))?;
        stream.set_nodelay(true).map_err(|why| why.to_string())?;
        Ok(Self { stream, sent: String::new(), received: Vec::with_capacity(4096) })
    }

    /// The whole answer, which must be 200 or 201.
    pub(crate) async fn ask(&mut self, question: &Question, filling: &str) -> Result<Vec<u8>, String> {
        let Question { head, before, after } = question;
        self.sent.clear();
        let length = before.len() + filling.len() + after.len();
        write!(self.sent, "{head}content-length: {length}\r\n\r\n{before}{filling}{after}").map_err(|why| why.to_string())?;
        self.stream.write_all(self.sent.as_bytes()).await.map_err(|why| why.to_string())?;
        self.received.clear();
        loop {
            if self.stream.read_buf(&mut self.received).await.map_err(|why| why.to_string())? == 0 {
                return Err("the server has closed the connection".to_owned());
            }
            match whole(&self.received)? {
                Some((200 | 201, body)) => return Ok(body),
                Some((status, body)) => return Err(format!("status {status}: {}", String::from_utf8_lossy(&body))),
                None => {}
            }
        }
    }
}

/// Status and body, when all of it has come.
fn whole(received: &[u8]) -> Result<Option<(u16, Vec<u8>)>, String> {
    let mut headers = [EMPTY_HEADER; 64];
    let mut head = Response::new(&mut headers);
    let Status::Complete(begin) = head.parse(received).map_err(|why| why.to_string())? else { return Ok(None) };
    let length = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body = match length.map(|header| String::from_utf8_lossy(header.value).parse::<usize>()) {
        Some(Ok(length)) => received.get(begin..begin + length).map(<[u8]>::to_vec),
        Some(Err(why)) => return Err(format!("content-length: {why}")),
        None => joined(&received[begin..])?,
    };
    Ok(head.code.zip(body))
}

/// Of a body in chunks.
fn joined(mut chunks: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    loop {
        let Ok(Status::Complete((begin, length))) = parse_chunk_size(chunks) else { return Ok(None) };
        let end = begin + usize::try_from(length).map_err(|why| why.to_string())?;
        let (Some(chunk), Some(rest)) = (chunks.get(begin..end), chunks.get(end + 2..)) else { return Ok(None) };
        if chunk.is_empty() {
            return Ok(Some(body));
        }
        body.extend_from_slice(chunk);
        chunks = rest;
    }
}
