//! What a request is, whatever its ids: the name by which faults, holds and the journal speak of it.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Token,
    /// The page that a browser is sent to.
    Authorize,
    /// `POST /{tenant}/oauth2/v2.0/devicecode`
    DeviceCode,
    AdminConsent,
    /// A button of a sign-in page, or the page for device codes.
    SignInPage,
    /// OpenID configuration, keys, instance discovery.
    Discovery,
    /// `GET /me`
    User,
    Batch,
    /// `GET /mailFolders` and `GET /mailFolders/{id}/childFolders`
    ListFolders,
    FolderDelta,
    GetFolder,
    CreateFolder,
    /// `PATCH /mailFolders/{id}`
    RenameFolder,
    MoveFolder,
    CopyFolder,
    DeleteFolder,
    PermanentDeleteFolder,
    ListMessages,
    MessageDelta,
    GetMessage,
    /// `GET /messages/{id}/$value`
    Mime,
    CreateMime,
    CreateJson,
    Patch,
    Move,
    Copy,
    Delete,
    PermanentDelete,
    Send,
    SendMail,
    ListAttachments,
    GetAttachment,
    AddAttachment,
    DeleteAttachment,
    CreateUploadSession,
    /// A piece of an attachment, at an upload URL.
    UploadPiece,
    /// Anything the simulator does not know.
    Other,
}

impl Kind {
    /// Asked of the sign-in host, not of Graph.
    pub fn is_sign_in(self) -> bool {
        matches!(
            self,
            Self::Token
                | Self::Authorize
                | Self::DeviceCode
                | Self::AdminConsent
                | Self::SignInPage
                | Self::Discovery
        )
    }
}
