//! A client that speaks SMTP line by line.

use std::io::BufRead as _;
use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::authority::Trust;
use crate::channel::Channel;

pub(crate) struct SmtpClient {
    channel: Channel,
    buffer: Vec<u8>,
}

impl SmtpClient {
    /// Connects and reads the greeting.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::greeted(Channel::connect(address).await).await
    }

    /// The same from another of this machine's addresses.
    pub(crate) async fn connect_from(source: IpAddr, address: SocketAddr) -> Self {
        Self::greeted(Channel::connect_from(source, address).await).await
    }

    /// Connects to where it is not wanted: what it is told until the end.
    pub(crate) async fn turned_away(address: SocketAddr) -> String {
        Self { channel: Channel::connect(address).await, buffer: Vec::new() }.rest().await
    }

    /// Connects with TLS from the first octet and reads the greeting.
    pub(crate) async fn connect_tls(address: SocketAddr, trust: &Trust) -> Self {
        Self::greeted(Channel::connect(address).await.secure(trust).await.unwrap()).await
    }

    async fn greeted(channel: Channel) -> Self {
        let mut client = Self { channel, buffer: Vec::new() };
        let greeting = client.reply().await;
        assert!(greeting.starts_with("220"), "{greeting}");
        client
    }

    pub(crate) async fn log_in(&mut self, user: &str, password: &str) {
        let ehlo = self.command("EHLO client.example").await;
        assert!(ehlo.starts_with("250"), "{ehlo}");
        let token = STANDARD.encode(format!("\0{user}\0{password}"));
        let reply = self.command(&format!("AUTH PLAIN {token}")).await;
        assert!(reply.starts_with("235"), "{reply}");
    }

    pub(crate) async fn command(&mut self, text: &str) -> String {
        self.send(format!("{text}\r\n").as_bytes()).await;
        self.reply().await
    }

    /// A whole transaction; answers the reply to the message, or the first refusal.
    pub(crate) async fn submit(&mut self, from: &str, to: &[&str], message: &[u8]) -> String {
        match self.hand_in(from, to, message).await {
            Ok(()) => self.reply().await,
            Err(refusal) => refusal,
        }
    }

    /// The same up to the end of the message; the reply is not read.
    pub(crate) async fn hand_in(
        &mut self,
        from: &str,
        to: &[&str],
        message: &[u8],
    ) -> Result<(), String> {
        let reply = self.command(&format!("MAIL FROM:<{from}>")).await;
        if !reply.starts_with("250") {
            return Err(reply);
        }
        for recipient in to {
            let reply = self.command(&format!("RCPT TO:<{recipient}>")).await;
            if !reply.starts_with("250") {
                return Err(reply);
            }
        }
        let reply = self.command("DATA").await;
        assert!(reply.starts_with("354"), "{reply}");
        self.send(&stuffed(message)).await;
        Ok(())
    }

    /// MAIL with these parameters and RCPT, all of which are taken.
    pub(crate) async fn begin(&mut self, mail: &str, to: &[&str]) {
        let reply = self.command(&format!("MAIL FROM:{mail}")).await;
        assert!(reply.starts_with("250 2.1.0 "), "{reply}");
        for recipient in to {
            let reply = self.command(&format!("RCPT TO:<{recipient}>")).await;
            assert!(reply.starts_with("250 2.1.5 "), "{reply}");
        }
    }

    /// DATA and a message; answers its reply.
    pub(crate) async fn data(&mut self, message: &[u8]) -> String {
        let reply = self.command("DATA").await;
        assert!(reply.starts_with("354 "), "{reply}");
        self.send(&stuffed(message)).await;
        self.reply().await
    }

    pub(crate) async fn chunk(&mut self, octets: &[u8]) -> String {
        let command = format!("BDAT {}\r\n", octets.len());
        self.send(&[command.as_bytes(), octets].concat()).await;
        self.reply().await
    }

    pub(crate) async fn last_chunk(&mut self, octets: &[u8]) -> String {
        let command = format!("BDAT {} LAST\r\n", octets.len());
        self.send(&[command.as_bytes(), octets].concat()).await;
        self.reply().await
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.channel.write(bytes).await;
    }

    /// STARTTLS and the handshake.
    pub(crate) async fn start_tls(mut self, trust: &Trust) -> Self {
        let reply = self.command("STARTTLS").await;
        assert!(reply.starts_with("220 2.0.0 "), "{reply}");
        assert!(self.buffer.is_empty(), "words behind the answer to STARTTLS");
        Self { channel: self.channel.secure(trust).await.unwrap(), ..self }
    }

    /// Everything up to the end of the stream, whatever it is.
    pub(crate) async fn rest(mut self) -> String {
        while self.channel.read(&mut self.buffer).await > 0 {}
        String::from_utf8_lossy(&self.buffer).into_owned()
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.drain(..=end).collect();
                return Some(String::from_utf8(line).unwrap());
            }
            if self.channel.read(&mut self.buffer).await == 0 {
                return None;
            }
        }
    }

    /// One reply, lines joined; empty at the end of the stream.
    pub(crate) async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let Some(line) = self.line().await else { return reply };
            let last = line.as_bytes().get(3) != Some(&b'-');
            reply.push_str(&line);
            if last {
                return reply.trim_end().to_owned();
            }
        }
    }
}

/// Dots doubled at line starts, and the end mark (RFC 5321 §4.5.2).
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 16);
    let mut rest = message;
    // The library looks for the octet quickly, and large messages have few of them.
    while rest.read_until(b'.', &mut out).unwrap() > 0 {
        if out == b"." || out.ends_with(b"\n.") {
            out.push(b'.');
        }
    }
    if !message.is_empty() && !message.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}
