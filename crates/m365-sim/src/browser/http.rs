//! Just enough HTTP/1.1 for a browser of tests: plain text, one request for each connection.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An `http` address. Its fragment stays in the browser.
pub(super) struct Url {
    pub(super) authority: String,
    target: String,
}

pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Url {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("http://")?;
        let rest = rest.split('#').next().unwrap_or(rest);
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(at);
        let target = if target.starts_with('/') { target.into() } else { format!("/{target}") };
        Some(Self { authority: authority.to_owned(), target })
    }

    /// The address that a link on this page leads to.
    pub(super) fn join(&self, link: &str) -> Option<String> {
        if link.contains("://") {
            return Some(link.to_owned());
        }
        link.starts_with('/').then(|| format!("http://{}{link}", self.authority))
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

pub(super) async fn request(
    url: &Url,
    body: Option<String>,
    cookie: Option<&str>,
) -> io::Result<Answer> {
    let address = match url.authority.rsplit_once(':') {
        Some((_, port)) if !port.contains(']') => url.authority.clone(),
        _ => format!("{}:80", url.authority),
    };
    let mut stream = TcpStream::connect(address).await?;
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut head = format!(
        "{method} {} HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\nConnection: close\r\n",
        url.target, url.authority
    );
    if let Some(cookie) = cookie {
        head.push_str(&format!("Cookie: {cookie}\r\n"));
    }
    if let Some(body) = &body {
        let kind = "application/x-www-form-urlencoded";
        head.push_str(&format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len()));
    }
    stream.write_all(format!("{head}\r\n{}", body.unwrap_or_default()).as_bytes()).await?;
    read(&mut stream).await
}

async fn read(stream: &mut TcpStream) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        more(stream, &mut bytes).await?;
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let mut answer = Answer { status, headers: headers.collect(), body: String::new() };
    let mut body = bytes.split_off(head_end + 4);
    let length = answer.header("content-length").and_then(|length| length.parse().ok());
    match length {
        Some(length) => {
            while body.len() < length {
                more(stream, &mut body).await?;
            }
        }
        // Until the end of the connection; a chunked body is unpacked below.
        None => drop(stream.read_to_end(&mut body).await?),
    }
    if answer.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        body = unchunked(&body);
    }
    answer.body = String::from_utf8_lossy(&body).into_owned();
    Ok(answer)
}

async fn more(stream: &mut TcpStream, into: &mut Vec<u8>) -> io::Result<()> {
    if stream.read_buf(into).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// RFC 9112 section 7.1, without extensions and trailers.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(at) = body.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&body[..at]).ok();
        let size = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let chunk = size.filter(|size| *size > 0).and_then(|size| body.get(at + 2..at + 2 + size));
        let Some(chunk) = chunk else { break };
        whole.extend_from_slice(chunk);
        body = body.get(at + 4 + chunk.len()..).unwrap_or_default();
    }
    whole
}
