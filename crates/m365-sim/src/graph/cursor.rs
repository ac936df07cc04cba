//! Delta tokens. They carry everything the first request asked for, so later parameters change nothing. (reference B.6)

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::call::{Call, Problem, percent_encode};

use super::Desk;

/// Where a walk through a delta stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Cursor {
    mailbox: u64,
    generation: u64,
    /// None: the delta of folders.
    pub(crate) folder: Option<u32>,
    /// Baked-in options of the first request.
    pub(crate) select: Option<String>,
    pub(crate) expand: Option<String>,
    pub(crate) filter: Option<String>,
    pub(crate) change_type: Option<String>,
    pub(crate) top: Option<usize>,
    pub(crate) hidden: bool,
    pub(crate) walk: Walk,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Walk {
    /// The first round: everything that was there at change `since`, after the row `after`.
    All { since: u64, after: Option<(i64, u64)>, given: usize },
    /// A later round: changes after `since` up to `until`, `skip` of them given.
    Window { since: u64, until: u64, skip: usize },
    /// Between rounds.
    Since(u64),
}

impl Cursor {
    /// The start of a first round. `until` is the last change that may be seen.
    pub(crate) fn first(desk: &Desk<'_>, folder: Option<u32>, until: u64) -> Result<Self, Problem> {
        let query = &desk.call.query;
        let option = |name: &str| query.option(name).map(str::to_owned);
        if query.option("$deltatoken").is_some() || query.option("$search").is_some() {
            let name = if query.option("$search").is_some() { "$search" } else { "DeltaToken" };
            let text = format!("Parameter '{name}' not supported for this request.");
            return Err(Problem::bad("ErrorInvalidUrlQuery", &text));
        }
        if query
            .option("$orderby")
            .is_some_and(|order| !order.eq_ignore_ascii_case("receivedDateTime desc"))
        {
            return Err(Problem::bad(
                "ErrorInvalidUrlQuery",
                "Only $orderby=receivedDateTime desc is supported.",
            ));
        }
        Ok(Self {
            mailbox: desk.store().tag,
            generation: desk.store().cursor_generation,
            folder,
            select: option("$select"),
            expand: option("$expand"),
            filter: option("$filter"),
            change_type: option("changeType"),
            top: query.number("$top")?,
            hidden: query.option("includeHiddenFolders") == Some("true"),
            walk: Walk::All { since: until, after: None, given: 0 },
        })
    }

    /// The cursor that a link carries, if the request came from one.
    pub(crate) fn from_link(desk: &Desk<'_>, folder: Option<u32>) -> Result<Option<Self>, Problem> {
        let query = &desk.call.query;
        let token = query
            .option("$skiptoken")
            .or_else(|| query.option("$deltatoken").filter(|token| *token != "latest"));
        let Some(token) = token else { return Ok(None) };
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        let cursor: Option<Self> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let store = desk.store();
        let ours = cursor.filter(|cursor| cursor.mailbox == store.tag && cursor.folder == folder);
        let Some(cursor) = ours else {
            return Err(Problem::bad("SyncStateInvalid", "The sync state is not valid."));
        };
        if cursor.generation != store.cursor_generation {
            return Err(expired(desk.call));
        }
        Ok(Some(cursor))
    }

    pub(crate) fn at(&self, walk: Walk) -> Self {
        Self { walk, ..self.clone() }
    }

    /// An absolute link: `$deltatoken` between rounds, `$skiptoken` within one.
    pub(crate) fn link(&self, desk: &Desk<'_>) -> String {
        let path = match self.folder {
            Some(key) => {
                format!(
                    "mailFolders('{}')/messages/delta",
                    percent_encode(&desk.store().folder_id(key))
                )
            }
            None => "mailFolders/delta".to_owned(),
        };
        let json = serde_json::to_vec(self).expect("a cursor is numbers and strings");
        let name = if matches!(self.walk, Walk::Since(_)) { "$deltatoken" } else { "$skiptoken" };
        format!("{}{path}?{name}={}", desk.mailbox_url(), URL_SAFE_NO_PAD.encode(json))
    }
}

/// 410 with the restart hint. (reference B.6.3)
pub(crate) fn expired(call: &Call) -> Problem {
    let text =
        "The sync state generation is not found; generation=149;[highest=157][157][155][156].";
    let location = format!("{}{}?$deltatoken=", call.origin, call.path);
    Problem::new(410, "SyncStateNotFound", text).with("Location", location)
}

/// Rows of one page: `Prefer: odata.maxpagesize`, at most 1000.
pub(crate) fn page_size(desk: &Desk<'_>) -> usize {
    let wanted = desk.call.preference("odata.maxpagesize").and_then(|size| size.parse().ok());
    wanted.filter(|size| *size > 0).unwrap_or(desk.state.switches.delta.page).min(1000)
}
