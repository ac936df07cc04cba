//! A mail client of a few lines.

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) async fn connect(address: &str) -> Self {
        let mut client = Self(BufReader::new(TcpStream::connect(address).await.unwrap()));
        client.line().await;
        client
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).await.unwrap();
        assert!(read > 0, "connection lost");
        line.trim_end().to_owned()
    }

    /// The tagged answer of an IMAP command.
    pub(crate) async fn imap(&mut self, command: &str) -> String {
        self.0.write_all(format!("t {command}\r\n").as_bytes()).await.unwrap();
        loop {
            let line = self.line().await;
            if let Some(answer) = line.strip_prefix("t ") {
                return answer.to_owned();
            }
        }
    }

    /// An IMAP command that must succeed.
    pub(crate) async fn ok(&mut self, command: &str) {
        let answer = self.imap(command).await;
        assert!(answer.starts_with("OK"), "{command}: {answer}");
    }

    /// The last line of an SMTP reply.
    pub(crate) async fn smtp(&mut self, command: &str) -> String {
        self.0.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
        loop {
            let line = self.line().await;
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }
}

/// Whether a login is taken, on a connection of its own.
pub(crate) async fn logs_in(address: &str, user: &str, password: &str) -> bool {
    let mut client = Client::connect(address).await;
    client.imap(&format!("LOGIN {user} {password}")).await.starts_with("OK")
}
