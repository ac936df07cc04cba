//! From a path to what it addresses. Segments are case-insensitive, ids are not, and `x('id')` means `x/id`.

use axum::http::Method;

use crate::call::Call;
use crate::kind::Kind;

/// What is addressed, with the ids still as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Batch,
    User,
    Folders { parent: Option<String> },
    FolderDelta,
    Folder(String),
    FolderAction(String, Action),
    Messages { folder: Option<String> },
    MessageCount { folder: Option<String> },
    MessageDelta(String),
    Message(String),
    Mime(String),
    MessageAction(String, Action),
    Attachments(String),
    UploadSession(String),
    Attachment(String, String),
    AttachmentMime(String, String),
    SendMail,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Move,
    Copy,
    Send,
    PermanentDelete,
}

/// Whose mailbox, and what in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// None is `/me`.
    pub(crate) user: Option<String>,
    pub(crate) route: Route,
}

impl Address {
    /// `path` is what follows `/v1.0`, percent-encoded.
    pub(crate) fn parse(path: &str) -> Self {
        let segments = segments(path);
        let words: Vec<&str> = segments.iter().map(String::as_str).collect();
        match words.split_first() {
            Some((first, [])) if is(first, "$batch") => Self { user: None, route: Route::Batch },
            Some((first, rest)) if is(first, "me") => Self { user: None, route: Route::of(rest) },
            Some((first, [user, rest @ ..])) if is(first, "users") => {
                Self { user: Some((*user).to_owned()), route: Route::of(rest) }
            }
            _ => Self { user: None, route: Route::Unknown },
        }
    }
}

impl Route {
    fn of(words: &[&str]) -> Self {
        match words {
            [] => Self::User,
            [one] if is(one, "sendMail") => Self::SendMail,
            [first, rest @ ..] if is(first, "mailFolders") => Self::in_folders(rest),
            [first, rest @ ..] if is(first, "messages") => Self::in_messages(None, rest),
            _ => Self::Unknown,
        }
    }

    fn in_folders(words: &[&str]) -> Self {
        match words {
            [] => Self::Folders { parent: None },
            [one] if is(one, "delta") => Self::FolderDelta,
            [id] => Self::Folder((*id).to_owned()),
            [id, word] if is(word, "childFolders") => {
                Self::Folders { parent: Some((*id).to_owned()) }
            }
            // A child folder addressed below its parent is the same folder.
            [_, word, rest @ ..] if is(word, "childFolders") => Self::in_folders(rest),
            [id, word, rest @ ..] if is(word, "messages") => Self::in_messages(Some(id), rest),
            [id, word] => match Action::of(word) {
                Some(action) if action != Action::Send => {
                    Self::FolderAction((*id).to_owned(), action)
                }
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    fn in_messages(folder: Option<&str>, words: &[&str]) -> Self {
        let own = |id: &&str| (*id).to_owned();
        match words {
            [] => Self::Messages { folder: folder.map(str::to_owned) },
            [one] if is(one, "$count") => Self::MessageCount { folder: folder.map(str::to_owned) },
            [one] if is(one, "delta") => {
                folder.map_or(Self::Unknown, |id| Self::MessageDelta(id.to_owned()))
            }
            [id] => Self::Message(own(id)),
            [id, word] if is(word, "$value") => Self::Mime(own(id)),
            [id, word] if is(word, "attachments") => Self::Attachments(own(id)),
            [id, word, part] if is(word, "attachments") && is(part, "createUploadSession") => {
                Self::UploadSession(own(id))
            }
            [id, word, part] if is(word, "attachments") => Self::Attachment(own(id), own(part)),
            [id, word, part, value] if is(word, "attachments") && is(value, "$value") => {
                Self::AttachmentMime(own(id), own(part))
            }
            [id, word] => Action::of(word)
                .map_or(Self::Unknown, |action| Self::MessageAction(own(id), action)),
            _ => Self::Unknown,
        }
    }

    /// The name of this request; `call` tells a MIME body from a JSON one.
    pub(crate) fn kind(&self, call: &Call) -> Kind {
        let method = &call.method;
        match self {
            Self::Batch => Kind::Batch,
            Self::User if method == Method::GET => Kind::User,
            Self::Folders { .. } if method == Method::GET => Kind::ListFolders,
            Self::Folders { .. } if method == Method::POST => Kind::CreateFolder,
            Self::FolderDelta => Kind::FolderDelta,
            Self::Folder(_) if method == Method::GET => Kind::GetFolder,
            Self::Folder(_) if method == Method::PATCH => Kind::RenameFolder,
            Self::Folder(_) if method == Method::DELETE => Kind::DeleteFolder,
            Self::FolderAction(_, Action::Move) => Kind::MoveFolder,
            Self::FolderAction(_, Action::Copy) => Kind::CopyFolder,
            Self::FolderAction(_, _) => Kind::PermanentDeleteFolder,
            Self::Messages { .. } if method == Method::POST && call.is_mime() => Kind::CreateMime,
            Self::Messages { .. } if method == Method::POST => Kind::CreateJson,
            Self::Messages { .. } | Self::MessageCount { .. } => Kind::ListMessages,
            Self::MessageDelta(_) => Kind::MessageDelta,
            Self::Message(_) if method == Method::GET => Kind::GetMessage,
            Self::Message(_) if method == Method::PATCH => Kind::Patch,
            Self::Message(_) if method == Method::DELETE => Kind::Delete,
            Self::Mime(_) if method == Method::GET => Kind::Mime,
            Self::MessageAction(_, Action::Move) => Kind::Move,
            Self::MessageAction(_, Action::Copy) => Kind::Copy,
            Self::MessageAction(_, Action::Send) => Kind::Send,
            Self::MessageAction(_, Action::PermanentDelete) => Kind::PermanentDelete,
            Self::Attachments(_) if method == Method::GET => Kind::ListAttachments,
            Self::Attachments(_) => Kind::AddAttachment,
            Self::UploadSession(_) => Kind::CreateUploadSession,
            Self::Attachment(..) if method == Method::DELETE => Kind::DeleteAttachment,
            Self::Attachment(..) | Self::AttachmentMime(..) => Kind::GetAttachment,
            Self::SendMail => Kind::SendMail,
            _ => Kind::Other,
        }
    }
}

impl Action {
    fn of(word: &str) -> Option<Self> {
        let name = word.to_ascii_lowercase();
        match name.strip_prefix("microsoft.graph.").unwrap_or(&name) {
            "move" => Some(Self::Move),
            "copy" => Some(Self::Copy),
            "send" => Some(Self::Send),
            "permanentdelete" => Some(Self::PermanentDelete),
            _ => None,
        }
    }
}

/// Decoded segments; `mailFolders('a')` gives two, `delta()` and `microsoft.graph.delta` give `delta`.
fn segments(path: &str) -> Vec<String> {
    let mut found = Vec::new();
    for raw in path.split('/').filter(|raw| !raw.is_empty()) {
        let segment = crate::call::percent_decode(raw);
        let segment = segment.trim_end_matches("()");
        let segment = segment.strip_prefix("microsoft.graph.").unwrap_or(segment);
        match segment.strip_suffix("')").and_then(|rest| rest.split_once("('")) {
            Some((word, id)) => found.extend([word.to_owned(), id.replace("''", "'")]),
            None => found.push(segment.to_owned()),
        }
    }
    found
}

fn is(word: &str, name: &str) -> bool {
    word.eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_key_address_the_same_thing() {
        let slash = Address::parse("/me/mailFolders/AAk%3D/messages/delta");
        let paren = Address::parse("/me/mailfolders('AAk=')/messages/delta()");
        assert_eq!(slash, paren);
        assert_eq!(slash.route, Route::MessageDelta("AAk=".into()));
    }

    #[test]
    fn a_message_below_its_folder_is_the_message() {
        let short = Address::parse("/users/ada%40contoso.example/messages/x/$value");
        let long =
            Address::parse("/users/ada@contoso.example/mailFolders/inbox/messages/x/%24value");
        assert_eq!(short, long);
        assert_eq!(short.route, Route::Mime("x".into()));
    }
}
