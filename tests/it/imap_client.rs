//! A client that speaks IMAP word for word and lets a second decoder read every answer.

use imap_codec::ResponseCodec;
use imap_codec::decode::{Decoder, ResponseDecodeError};

use crate::authority::Trust;
use crate::channel::Channel;

const SIGN_OF_LIFE: &[u8] = b"* OK Still working\r\n";

pub(crate) struct ImapClient {
    pub(crate) greeting: String,
    channel: Channel,
    buffer: Vec<u8>,
    tags: u32,
    recent: Recent,
}

/// Which session is the first to hear of a message matters to few conversations.
#[derive(Clone, Copy, PartialEq)]
enum Recent {
    LeftOut,
    Told,
}

/// The answer to one command: untagged lines (literals included) and the tagged one.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) untagged: Vec<Vec<u8>>,
    pub(crate) tagged: String,
}

impl ImapClient {
    /// Connects and reads the greeting.
    pub(crate) async fn connect(address: std::net::SocketAddr) -> Self {
        Self::greeted(Channel::connect(address).await).await
    }

    /// Connects with TLS from the first octet and reads the greeting.
    pub(crate) async fn connect_tls(address: std::net::SocketAddr, trust: &Trust) -> Self {
        Self::greeted(Channel::connect(address).await.secure(trust).await.unwrap()).await
    }

    async fn greeted(channel: Channel) -> Self {
        let mut client = Self {
            greeting: String::new(),
            channel,
            buffer: Vec::new(),
            tags: 0,
            recent: Recent::LeftOut,
        };
        client.greeting = client.text().await;
        assert!(client.greeting.starts_with("* OK"), "{}", client.greeting);
        client
    }

    /// From now on answers tell what is recent.
    pub(crate) fn telling_recent(mut self) -> Self {
        self.recent = Recent::Told;
        self
    }

    /// Sends a command under a fresh tag and reads its whole answer.
    pub(crate) async fn command(&mut self, text: &str) -> Answer {
        self.command_bytes(text.as_bytes()).await
    }

    pub(crate) async fn command_bytes(&mut self, bytes: &[u8]) -> Answer {
        let tag = self.begin(bytes).await;
        self.answer(&tag).await
    }

    /// Sends a command and does not wait; the tag names its answer.
    pub(crate) async fn begin(&mut self, bytes: &[u8]) -> String {
        self.tags += 1;
        let tag = format!("t{}", self.tags);
        self.send(&[tag.as_bytes(), b" ", bytes, b"\r\n"].concat()).await;
        tag
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.channel.write(bytes).await;
    }

    /// STARTTLS and the handshake.
    pub(crate) async fn start_tls(mut self, trust: &Trust) -> Self {
        self.command("STARTTLS").await.ok().silent();
        assert!(self.buffer.is_empty(), "words behind the answer to STARTTLS");
        Self { channel: self.channel.secure(trust).await.unwrap(), ..self }
    }

    /// COMPRESS DEFLATE, and from then on both sides do.
    pub(crate) async fn compress(&mut self) {
        self.command("COMPRESS DEFLATE").await.ok().silent();
        assert!(self.buffer.is_empty(), "words behind the answer to COMPRESS");
        self.channel.compress();
    }

    /// Octets received so far, as they came over the wire.
    pub(crate) fn octets(&self) -> usize {
        self.channel.received
    }

    /// Everything up to the end of the stream, whatever it is.
    pub(crate) async fn rest(mut self) -> String {
        while self.channel.read(&mut self.buffer).await > 0 {}
        String::from_utf8_lossy(&self.buffer).into_owned()
    }

    /// Past the compression.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.channel.write_raw(bytes).await;
    }

    /// A line as text, its end cut.
    pub(crate) async fn text(&mut self) -> String {
        let line = self.line().await.expect("a line");
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// Whether the bridge ends the connection without another word.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.line().await.is_none()
    }

    /// Begins IDLE and waits until the bridge says that it idles.
    pub(crate) async fn idle(&mut self) -> String {
        let tag = self.begin(b"IDLE").await;
        assert!(self.text().await.starts_with("+ "), "a continuation");
        tag
    }

    /// Ends IDLE.
    pub(crate) async fn done(&mut self, tag: &str) -> Answer {
        self.send(b"DONE\r\n").await;
        self.answer(tag).await
    }

    /// The UIDs of the selected folder, ascending.
    pub(crate) async fn uids(&mut self) -> Vec<u32> {
        self.command("UID SEARCH ALL").await.ok().search()
    }

    /// The bytes of a message, not marked as read by that.
    pub(crate) async fn message(&mut self, uid: u32) -> Vec<u8> {
        let answer = self.command(&format!("UID FETCH {uid} BODY.PEEK[]")).await.ok();
        answer.literal().unwrap_or_else(|| panic!("no message {uid}: {answer}"))
    }

    /// Everything up to the tagged answer.
    pub(crate) async fn answer(&mut self, tag: &str) -> Answer {
        let mut untagged = Vec::new();
        loop {
            let line = self.line().await.unwrap_or_else(|| panic!("connection lost before {tag}"));
            match line.strip_prefix(format!("{tag} ").as_bytes()) {
                Some(rest) => {
                    let tagged = String::from_utf8(rest.trim_ascii_end().to_vec()).unwrap();
                    return Answer { untagged, tagged };
                }
                None => untagged.push(line),
            }
        }
    }

    /// Sends a message by APPEND with a synchronising literal.
    pub(crate) async fn append(&mut self, arguments: &str, message: &[u8]) -> Answer {
        let command = format!("APPEND {arguments} {{{}}}", message.len());
        let tag = self.begin(command.as_bytes()).await;
        let line = self.line().await.expect("a continuation or a refusal");
        if !line.starts_with(b"+") {
            let text = String::from_utf8(line.trim_ascii_end().to_vec()).unwrap();
            let tagged = text.strip_prefix(&format!("{tag} ")).expect("tagged").to_owned();
            return Answer { untagged: Vec::new(), tagged };
        }
        self.send(&[message, b"\r\n"].concat()).await;
        self.answer(&tag).await
    }

    /// One response with its literals, or `None` at the end of the stream.
    pub(crate) async fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = response_end(&self.buffer) {
                let line: Vec<u8> = self.buffer.drain(..end).collect();
                second_opinion(&line);
                if line == SIGN_OF_LIFE {
                    continue; // It depends on how time passes, and says nothing.
                }
                match self.recent {
                    Recent::Told => return Some(line),
                    Recent::LeftOut if line.ends_with(b" RECENT\r\n") => continue,
                    Recent::LeftOut => return Some(without_recent(&line)),
                }
            }
            if self.channel.read(&mut self.buffer).await == 0 {
                return None;
            }
        }
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert!(self.tagged.starts_with("OK"), "{self}");
        self
    }

    #[track_caller]
    pub(crate) fn no(self, code: &str) -> Self {
        assert!(self.tagged.starts_with(&format!("NO [{code}")), "wanted NO [{code}]: {self}");
        self
    }

    #[track_caller]
    pub(crate) fn bad(self) -> Self {
        assert!(self.tagged.starts_with("BAD"), "{self}");
        self
    }

    /// The untagged lines as text, line ends cut.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = |line: &Vec<u8>| String::from_utf8_lossy(line).trim_end().to_owned();
        self.untagged.iter().map(text).collect()
    }

    pub(crate) fn has(&self, line: &str) -> bool {
        self.lines().iter().any(|known| known == line)
    }

    #[track_caller]
    pub(crate) fn expect(self, line: &str) -> Self {
        assert!(self.has(line), "wanted {line:?} in {self}");
        self
    }

    #[track_caller]
    pub(crate) fn lacks(self, text: &str) -> Self {
        assert!(!self.to_string().contains(text), "{text:?} should not be in {self}");
        self
    }

    /// Nothing but the tagged line.
    #[track_caller]
    pub(crate) fn silent(self) -> Self {
        assert!(self.untagged.is_empty(), "{self}");
        self
    }

    /// The numbers of a SEARCH response.
    #[track_caller]
    pub(crate) fn search(&self) -> Vec<u32> {
        let lines = self.lines();
        let line = lines.iter().find_map(|line| line.strip_prefix("* SEARCH"));
        let numbers = line.unwrap_or_else(|| panic!("no SEARCH in {self}")).split_whitespace();
        numbers.map(|number| number.parse().unwrap()).collect()
    }

    /// What follows a response code, up to its bracket: of the tagged line or of an untagged one.
    #[track_caller]
    pub(crate) fn code(&self, name: &str) -> String {
        let begin = format!("[{name} ");
        let lines = self.lines();
        let mut all = lines.iter().chain([&self.tagged]);
        let found = all.find_map(|line| Some(line.split_once(&begin)?.1.split_once(']')?.0));
        found.unwrap_or_else(|| panic!("no {name} in {self}")).to_owned()
    }

    /// The content of the first literal of all untagged lines.
    pub(crate) fn literal(&self) -> Option<Vec<u8>> {
        self.untagged.iter().find_map(|line| {
            let start = line.windows(3).position(|three| three == b"}\r\n")? + 3;
            let open = line[..start].iter().rposition(|byte| *byte == b'{')?;
            let digits = std::str::from_utf8(&line[open + 1..start - 3]).ok()?;
            let length: usize = digits.parse().ok()?;
            line.get(start..start + length).map(<[u8]>::to_vec)
        })
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in self.lines() {
            writeln!(f, "{line}")?;
        }
        f.write_str(&self.tagged)
    }
}

/// A FETCH response without the flag `\Recent`.
fn without_recent(line: &[u8]) -> Vec<u8> {
    let marks: [&[u8]; 3] = [b"FLAGS (\\Recent)", b" \\Recent)", b"FLAGS ("];
    let found = |mark: &[u8]| line.windows(mark.len()).position(|part| part == mark);
    let (head, tail, put): (usize, usize, &[u8]) = match (found(marks[0]), found(marks[1])) {
        (Some(at), _) => (at, at + marks[0].len(), b"FLAGS ()"),
        (None, Some(at)) if found(marks[2]).is_some() => (at, at + marks[1].len(), b")"),
        _ => return line.to_vec(),
    };
    [&line[..head], put, &line[tail..]].concat()
}

/// The length of the first complete response in the buffer, literals followed.
fn response_end(buffer: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let end = from + buffer[from..].windows(2).position(|two| two == b"\r\n")? + 2;
        match literal_announced(&buffer[from..end - 2]) {
            Some(length) if end + length <= buffer.len() => from = end + length,
            Some(_) => return None,
            None => return Some(end),
        }
    }
}

fn literal_announced(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}")?;
    let open = line.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(&line[open + 1..]).ok()?.parse().ok()
}

/// Every line the bridge says must be read by a decoder that is not ours.
fn second_opinion(line: &[u8]) {
    if line.starts_with(b"+") {
        return; // Continuations carry free text or SASL data.
    }
    if is_newer_than_the_decoder(line) {
        return;
    }
    // Mail with NUL is served as it is; the decoder keeps to the letter of RFC 3501 §9 CHAR8.
    let line: Vec<u8> = line.iter().map(|byte| if *byte == 0 { b'?' } else { *byte }).collect();
    let codec = ResponseCodec::default();
    match codec.decode(&line) {
        Ok(([], _)) | Err(ResponseDecodeError::LiteralFound { .. }) => {}
        other => {
            panic!("not IMAP to another reader: {:?}: {other:?}", String::from_utf8_lossy(&line))
        }
    }
}

/// Extended items of LIST and STATUS; crates/wire/tests/ holds their spelling.
fn is_newer_than_the_decoder(line: &[u8]) -> bool {
    let has = |text: &str| line.windows(text.len()).any(|part| part == text.as_bytes());
    let of = |response: &str, items: &[&str]| {
        line.starts_with(response.as_bytes()) && items.iter().any(|item| has(item))
    };
    of("* LIST ", &[" (\"CHILDINFO\" ", " (\"OLDNAME\" "])
        || of("* STATUS ", &["MAILBOXID (", "SIZE ", "APPENDLIMIT "])
}
