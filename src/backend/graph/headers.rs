//! Headers of many messages in one answer (reference B.4, B.5, F.8).

use super::Graph;
use super::fault::about_folder;
use super::message::iso;
use super::model::{Collection, Message};
use super::path::encode;
use super::property::{HEADERS, expand_property};
use crate::backend::{RemoteHeader, RemoteHeaders, Urgency};
use crate::http::Request;
use crate::mailbox::{Cursor, Outcome, RemoteId, Timestamp};

/// Rows of one answer: headers of some kilobytes each, and answers are read into memory.
const TOP: &str = "$top=500";

/// Longer headers are not taken from a listing, in octets: such a message is fetched.
const LONGEST: usize = 64 * 1024;

impl Graph {
    pub(super) async fn list_headers(
        &self,
        folder: &RemoteId,
        from: Timestamp,
        next: Option<&Cursor>,
    ) -> Outcome<RemoteHeaders> {
        let route = "GET messages headers";
        let request = match next {
            Some(cursor) => Request::follow(route, cursor.as_str()),
            None => {
                let folder = self.prefix.folder(folder.as_str());
                let filter = encode(&format!("receivedDateTime ge {}", iso(from)));
                let expand = expand_property(HEADERS);
                let query = format!("$select=id,receivedDateTime&$filter={filter}&{expand}");
                let path = format!("{folder}/messages?{query}&$orderby=receivedDateTime&{TOP}");
                Request::get(route, path)
            }
        };
        let patience = self.http.patience(Urgency::Interactive);
        let page: Collection<Message> =
            self.http.json(&request, patience).await.map_err(about_folder)?;
        let told = |row: &Message| RemoteHeader {
            message: row.remote_id(),
            header: row.property(HEADERS).and_then(whole_header),
        };
        let list = page.value.iter().map(told).collect();
        Ok(RemoteHeaders { list, next: page.next.map(Cursor::new) })
    }
}

/// The header block with its line ends as RFC 5322 has them and the blank line behind it. `None` if it is no
/// whole header: the property may hold less on items that were not received.
fn whole_header(text: &str) -> Option<Vec<u8>> {
    if text.len() > LONGEST {
        return None;
    }
    let lines = text.lines().map(|line| line.trim_end_matches('\r'));
    // Exchange may put a line of its own before the first field.
    let lines = lines.skip_while(|line| !is_field(line)).take_while(|line| !line.is_empty());
    let mut header = Vec::with_capacity(text.len() + 2);
    let (mut from, mut date) = (false, false);
    for line in lines {
        from |= starts(line, "From:");
        date |= starts(line, "Date:");
        header.extend_from_slice(line.as_bytes());
        header.extend_from_slice(b"\r\n");
    }
    header.extend_from_slice(b"\r\n");
    (from && date).then_some(header)
}

fn is_field(line: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

fn starts(line: &str, name: &str) -> bool {
    line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_header_counts_as_one() {
        let text = "Microsoft Mail Internet Headers Version 2.0\nReceived: x\r\n\ty\r\nFrom: a@x\nDate: d\n\nbody";
        let header = whole_header(text).unwrap();
        assert_eq!(header, b"Received: x\r\n\ty\r\nFrom: a@x\r\nDate: d\r\n\r\n");
        assert_eq!(whole_header("Received: x\r\nDate: d\r\n"), None);
        assert_eq!(whole_header(""), None);
        assert_eq!(whole_header(&format!("From: a\r\nDate: {}\r\n", "d".repeat(LONGEST))), None);
    }
}
