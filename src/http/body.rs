//! Reading answers: into memory up to a limit, or into a file.

use std::fmt;
use std::io;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use tokio::io::AsyncWriteExt as _;

use super::HttpClient;
use super::client::describe;

/// Why a body did not arrive.
#[derive(Debug)]
pub(super) enum Broken {
    Cut(String),
    Stalled,
    TooLarge,
    Disk(io::Error),
}

/// The whole body.
pub(super) async fn read(response: &mut Response, client: &HttpClient) -> Result<Bytes, Broken> {
    let announced = response.content_length();
    let mut body = BytesMut::new();
    while let Some(chunk) = next(response, client).await? {
        if body.len() + chunk.len() > client.limits.json_body {
            return Err(Broken::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    complete(announced, body.len() as u64)?;
    Ok(body.freeze())
}

/// The whole body into `file`, which is created or emptied first. Answers the number of octets.
pub(super) async fn store(
    response: &mut Response,
    client: &HttpClient,
    file: &Path,
) -> Result<u64, Broken> {
    let announced = response.content_length();
    let mut target = tokio::fs::File::create(file).await.map_err(Broken::Disk)?;
    let mut written = 0_u64;
    while let Some(chunk) = next(response, client).await? {
        target.write_all(&chunk).await.map_err(Broken::Disk)?;
        written += chunk.len() as u64;
    }
    target.flush().await.map_err(Broken::Disk)?;
    complete(announced, written)?;
    Ok(written)
}

async fn next(response: &mut Response, client: &HttpClient) -> Result<Option<Bytes>, Broken> {
    let chunk = client.clock.timeout(client.limits.idle, response.chunk()).await;
    let chunk = chunk.map_err(|_| Broken::Stalled)?;
    chunk.map_err(|error| Broken::Cut(describe(&error)))
}

/// The length is known only where the body was not compressed.
fn complete(announced: Option<u64>, received: u64) -> Result<(), Broken> {
    match announced {
        Some(announced) if announced != received => {
            Err(Broken::Cut(format!("{received} of {announced} bytes")))
        }
        _ => Ok(()),
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut(cause) => write!(f, "the answer was cut: {cause}"),
            Self::Stalled => f.write_str("the answer stalled"),
            Self::TooLarge => f.write_str("the answer is too large"),
            Self::Disk(error) => write!(f, "cannot write the answer: {error}"),
        }
    }
}
