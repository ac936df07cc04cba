//! Everything that nobody outside Microsoft knows for sure, or that differs between tenants, as one struct.
//!
//! The defaults are the behaviour most reports agree on. Every field can be set from Rust, from the `[switches]` table
//! of a seed file and through `POST /sim/switches`.

use serde::{Deserialize, Serialize};

pub use crate::entra::switch::{
    ConditionalAccess, EntraSwitches, OtherEntries, PersonalMail, UserConsent,
};
pub use crate::entra::{BareScopes, CloudInstance};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    pub login: LoginSwitches,
    pub entra: EntraSwitches,
    pub folders: FolderSwitches,
    pub messages: MessageSwitches,
    pub delta: DeltaSwitches,
    pub sending: SendingSwitches,
    pub limits: LimitSwitches,
}

/// The token endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginSwitches {
    /// What a refresh does to the refresh token it was given. Default: it stays valid.
    pub rotation: Rotation,
    /// How granted scopes are spelled in the answer. Default: bare names.
    pub scope_form: ScopeForm,
    /// Life of an access token in seconds. Default 3599.
    pub access_token_seconds: u64,
    /// The same if the client said `cp1`. Default 24 h.
    pub continuous_token_seconds: u64,
    /// A refresh token unused for this many days is answered with AADSTS70008. Default 90.
    pub refresh_token_days: u64,
    /// A refresh that answers a claims challenge. Default: it is honoured.
    pub claims_at_refresh: ClaimsAtRefresh,
    /// A refresh answer carries a new refresh token. Default true.
    pub issue_refresh_token: bool,
    /// Scopes left out of every grant although they were asked for: a partial grant. Default none.
    pub withheld_scopes: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    #[default]
    OldStaysValid,
    /// The old token dies with its first use.
    Strict,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeForm {
    #[default]
    Bare,
    /// `https://graph.microsoft.com/Mail.ReadWrite`
    Prefixed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimsAtRefresh {
    #[default]
    Honoured,
    /// `interaction_required`, without claims of its own, until someone signs in with those claims.
    NeedsSignIn,
}

/// Folder listings and folder edits. Names and extra folders count for mailboxes made afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FolderSwitches {
    /// Display names of the distinguished folders. Default English.
    pub language: Language,
    /// Well-known names that this mailbox does not have: 404. Default `clutter`.
    pub absent: Vec<String>,
    /// A `mailSearchFolder` appears in listings. Default false.
    pub search_folder: bool,
    /// Folders of class `IPF.Contact` and `IPF.Appointment` appear in listings. Default false.
    pub foreign_classes: bool,
    /// Where `DELETE` puts a folder. Default: below Deleted Items, with its id.
    pub delete: FolderDelete,
    /// Status of a move and a copy: the page says 200, some callers met 201. Default 200.
    pub relocate_status: u16,
    /// A change of the counts alone makes a folder appear in the folder delta. Default true.
    pub delta_reports_counts: bool,
    /// The folder delta tells a folder that was renamed or moved as removed, and not otherwise. Default false.
    pub delta_shows_only_removal: bool,
    /// The first walk through the folder delta leaves these out, by name. Default none.
    pub delta_leaves_out: Vec<String>,
    /// Runs of blanks in a name that a create or a rename gives become one. Default false.
    pub squeezes_blanks: bool,
    /// Rows of a list without `$top`. Default 10.
    pub page: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    #[default]
    English,
    German,
    French,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FolderDelete {
    #[default]
    DeletedItems,
    Purge,
}

/// Reading, creating and changing messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MessageSwitches {
    /// What `$value` shows of mail that came as MIME. Default: the same bytes.
    pub mime: MimeFidelity,
    /// A MIME create at `/mailFolders/{id}/messages`. Default refused.
    pub folder_mime_create: FolderMimeCreate,
    /// What a create from MIME makes: Microsoft announced non-draft creates. Default always a draft.
    pub mime_create: MimeCreate,
    /// MIME with bare LF is answered 400. Default true.
    pub refuse_bare_lf: bool,
    /// Where `DELETE` puts a message. Default Recoverable Items.
    pub delete: MessageDelete,
    /// `SystemTime 0x0E06` in a PATCH moves `receivedDateTime`. Default false.
    pub delivery_time_patchable: bool,
    /// The article number (0x0E23) changes with every PATCH. Default false.
    pub patch_renumbers: bool,
    /// A PATCH of isRead moves `lastModifiedDateTime`. Default false.
    pub read_moves_last_modified: bool,
    /// An extended property is shown back with lower-case hex and no leading zeros. Default true.
    pub normalise_property_ids: bool,
    /// Ids in either form are accepted in URLs without the header. Default true.
    pub accept_either_id: bool,
    /// Every list page holds at most this many rows, whatever `$top` says. Default none.
    pub short_pages: Option<usize>,
    /// The first page of every list is empty but has a nextLink. Default false.
    pub empty_first_page: bool,
    /// A `$filter` on more than one property is "too complex". Default false.
    pub filter_by_one: bool,
    /// Rows of a list without `$top`. Default 10.
    pub page: usize,
    /// Most `internetMessageHeaders` a create takes. Default 5.
    pub custom_headers: usize,
    /// What attachments can be added to after its creation. Default any message.
    pub attach_to: AttachTo,
    /// What becomes of a message's MIME when an attachment is added. Default: written anew from its properties.
    pub attaching: Attaching,
    /// Bytes that the `size` of an attachment counts beside its content. Default 0.
    pub attachment_overhead: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attaching {
    /// Header fields, one text, one HTML and the attachments are kept, the structure is not.
    #[default]
    Rebuilt,
    /// The MIME stays as it is, within a multipart/mixed with what was added.
    Kept,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachTo {
    #[default]
    Anything,
    Drafts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MimeFidelity {
    #[default]
    ByteExact,
    /// Built again from the parts: other boundaries, encodings and header order, the same at each read.
    Regenerated,
    /// As `Regenerated`, with another boundary at each read.
    RegeneratedEachTime,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FolderMimeCreate {
    /// 400 UnableToDeserializePostBody
    #[default]
    Refused,
    Accepted,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MimeCreate {
    #[default]
    Draft,
    /// Only outside Drafts the item is not a draft.
    FinalOutsideDrafts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageDelete {
    #[default]
    RecoverableItems,
    DeletedItems,
}

/// The message delta.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeltaSwitches {
    /// Under immutable ids a message moved away and back is reported as removed only. Default true.
    pub away_and_back_hole: bool,
    /// Under immutable ids a message that is moved in is not reported until it changes. Default false.
    pub move_shows_only_removal: bool,
    /// A change of isRead alone arrives as id, isRead and parentFolderId, and only if isRead is selected. Default true.
    pub short_read_change: bool,
    /// Every round repeats this many log entries of the round before. Default 0.
    pub replay: usize,
    /// Every entry comes twice. Default false.
    pub duplicates: bool,
    /// Every round comes newest change first. Default false.
    pub reorder: bool,
    /// Changes become visible to delta only after this many seconds. Default 0.
    pub late_seconds: u64,
    /// Every round starts with an empty page that has a nextLink. Default false.
    pub empty_first_page: bool,
    /// The last page of a round comes again and again, each time with a nextLink. Default false.
    pub endless: bool,
    /// `$expand` in a delta. Default honoured.
    pub expand: DeltaExpand,
    /// Rows of a page without `Prefer: odata.maxpagesize`. Default 10.
    pub page: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeltaExpand {
    #[default]
    Honoured,
    Ignored,
    /// 400
    Refused,
}

/// `send` and `sendMail`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SendingSwitches {
    /// Seconds between the 202 and the message leaving Drafts. Default 0: at once.
    pub delay_seconds: u64,
    /// What a draft looks like in the meantime. Default: no draft any more.
    pub waiting: Waiting,
    /// What a second `send` of it comes to, if it looks like a draft still. Default: an error.
    pub sent_again: SentAgain,
    /// The immutable id of a draft is the id of its copy in Sent Items. Default true.
    pub id_survives_send: bool,
    /// Unknown recipients at the tenant's own domains come back as a report in the Inbox. Default true.
    pub reports: bool,
    /// `From` may be another address: alias or send-as right, as `user=address`. Default none.
    pub send_as: Vec<String>,
    /// `From` is another address of the sender's own mailbox. Default kept.
    pub from_alias: FromAlias,
    /// Of a message sent in another mailbox's name a copy is filed there as well. Default false.
    pub copy_for_from: bool,
    /// The Bcc field is taken out before delivery. Default true.
    pub bcc_removed: bool,
    /// Header names that are lost on the way out of a MIME send. Default none.
    pub lost_headers: Vec<String>,
    /// Most recipients of one message. Default 500.
    pub recipients: usize,
    /// Largest message in bytes. Default 35 MiB.
    pub message_bytes: usize,
    /// When that is looked at, where a draft grows by attachments. Default: when it is sent.
    pub size_check: SizeCheck,
    /// Messages a mailbox may send in 24 hours; more are 429 ErrorExceededMessageLimit. Default 10,000.
    pub messages_per_day: usize,
    /// Messages a minute; more wait in Drafts. Default 30.
    pub messages_per_minute: usize,
}

/// What a message looks like that was accepted and has not left Drafts yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    #[default]
    NoDraft,
    /// A draft with the bit "submitted" in its flags.
    Submitted,
    /// A draft like any other.
    Draft,
}

/// What a second `send` of such a message comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SentAgain {
    #[default]
    Refused,
    /// It reaches its recipients once more.
    Doubled,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SizeCheck {
    #[default]
    AtSend,
    AtAttach,
}

/// What a tenant makes of a sender that is an alias.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromAlias {
    #[default]
    Kept,
    /// 403 ErrorSendAsDenied
    Denied,
}

/// Throttling and sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSwitches {
    /// Requests in flight per app and mailbox. Default 4.
    pub concurrent: usize,
    /// Requests per app and mailbox in `window_seconds`. Default 10,000.
    pub requests: usize,
    /// Default 600.
    pub window_seconds: u64,
    /// Uploaded bytes per app and mailbox in five minutes. Default 150 MB.
    pub upload_bytes: usize,
    /// Largest request in bytes. Default 4 MiB.
    pub request_bytes: usize,
    /// What a larger request is told. Default 413.
    pub oversize: Oversize,
    /// Form of `Retry-After` on a 429 that a limit causes. Default whole seconds.
    pub retry_after: RetryForm,
    /// Steps of one batch that run side by side. Default 4.
    pub batch_parallel: usize,
    /// Answers of a batch come in another order than its steps. Default true.
    pub batch_shuffles: bool,
    /// Milliseconds of real time before each answer. Default 0.
    pub latency_millis: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oversize {
    #[default]
    Status413,
    Status400,
    /// 200 and nothing done: the trap of microsoft-graph-docs#13979.
    SilentOk,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryForm {
    #[default]
    Seconds,
    Decimal,
    HttpDate,
    Missing,
}

impl Default for LoginSwitches {
    fn default() -> Self {
        Self {
            rotation: Rotation::default(),
            scope_form: ScopeForm::default(),
            access_token_seconds: 3599,
            continuous_token_seconds: 86_400,
            refresh_token_days: 90,
            claims_at_refresh: ClaimsAtRefresh::default(),
            issue_refresh_token: true,
            withheld_scopes: Vec::new(),
        }
    }
}

impl Default for FolderSwitches {
    fn default() -> Self {
        Self {
            language: Language::default(),
            absent: vec!["clutter".into()],
            search_folder: false,
            foreign_classes: false,
            delete: FolderDelete::default(),
            relocate_status: 200,
            delta_reports_counts: true,
            delta_shows_only_removal: false,
            delta_leaves_out: Vec::new(),
            squeezes_blanks: false,
            page: 10,
        }
    }
}

impl Default for MessageSwitches {
    fn default() -> Self {
        Self {
            mime: MimeFidelity::default(),
            folder_mime_create: FolderMimeCreate::default(),
            mime_create: MimeCreate::default(),
            refuse_bare_lf: true,
            delete: MessageDelete::default(),
            delivery_time_patchable: false,
            patch_renumbers: false,
            read_moves_last_modified: false,
            normalise_property_ids: true,
            accept_either_id: true,
            short_pages: None,
            empty_first_page: false,
            filter_by_one: false,
            page: 10,
            custom_headers: 5,
            attach_to: AttachTo::default(),
            attaching: Attaching::default(),
            attachment_overhead: 0,
        }
    }
}

impl Default for DeltaSwitches {
    fn default() -> Self {
        Self {
            away_and_back_hole: true,
            move_shows_only_removal: false,
            short_read_change: true,
            replay: 0,
            duplicates: false,
            reorder: false,
            late_seconds: 0,
            empty_first_page: false,
            endless: false,
            expand: DeltaExpand::default(),
            page: 10,
        }
    }
}

impl Default for SendingSwitches {
    fn default() -> Self {
        Self {
            delay_seconds: 0,
            waiting: Waiting::default(),
            sent_again: SentAgain::default(),
            id_survives_send: true,
            reports: true,
            send_as: Vec::new(),
            from_alias: FromAlias::default(),
            copy_for_from: false,
            bcc_removed: true,
            lost_headers: Vec::new(),
            recipients: 500,
            message_bytes: 35 * 1024 * 1024,
            size_check: SizeCheck::default(),
            messages_per_day: 10_000,
            messages_per_minute: 30,
        }
    }
}

impl Default for LimitSwitches {
    fn default() -> Self {
        Self {
            concurrent: 4,
            requests: 10_000,
            window_seconds: 600,
            upload_bytes: 150_000_000,
            request_bytes: 4 * 1024 * 1024,
            oversize: Oversize::default(),
            retry_after: RetryForm::default(),
            batch_parallel: 4,
            batch_shuffles: true,
            latency_millis: 0,
        }
    }
}
