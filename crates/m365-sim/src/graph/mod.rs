//! Microsoft Graph mail, v1.0, as the reference describes it.

pub(crate) mod attachments;
pub(crate) mod auth;
pub(crate) mod batch;
pub(crate) mod create;
pub(crate) mod cursor;
pub(crate) mod delta;
pub(crate) mod extended;
pub(crate) mod filter;
pub(crate) mod filter_grammar;
pub(crate) mod folder_delta;
pub(crate) mod folders;
pub(crate) mod list;
pub(crate) mod messages;
pub(crate) mod patch;
pub(crate) mod query;
pub(crate) mod render;
pub(crate) mod route;
pub(crate) mod send;
pub(crate) mod upload;
pub(crate) mod writable;

use axum::http::Method;
use jiff::Timestamp;
use serde_json::json;

use crate::call::{Call, Problem, Reply, percent_encode};
use crate::entra::Home;
use crate::folder::ROOT;
use crate::ids::{self, Named, guid};
use crate::item::Item;
use crate::mailbox::Store;
use crate::switch::{Oversize, PersonalMail};
use crate::tenant::State;

use auth::Session;
use route::{Action, Address, Route};

/// Everything one request works with.
pub(crate) struct Desk<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) call: &'a Call,
    pub(crate) session: &'a Session,
    pub(crate) now: Timestamp,
}

/// Answers one request that is not a batch.
pub(crate) fn answer(
    state: &mut State,
    call: &Call,
    address: &Address,
    session: &Session,
    now: Timestamp,
) -> Result<Reply, Problem> {
    let kind = address.route.kind(call);
    session.may(kind, state.switches.entra.other_entries)?;
    let limits = &state.switches.limits;
    if call.body.len() > limits.request_bytes {
        let text = "The maximum request length supported is 4MB.";
        return match limits.oversize {
            Oversize::Status413 => Err(Problem::new(413, "RequestEntityTooLarge", text)),
            Oversize::Status400 => Err(Problem::bad("BadRequest", text)),
            Oversize::SilentOk => Ok(Reply::empty(200)),
        };
    }
    let mut desk = Desk { state, call, session, now };
    let reply = desk.dispatch(&address.route)?;
    Ok(match call.preference("IdType") {
        Some(form) => reply.with("Preference-Applied", format!("IdType=\"{form}\"")),
        None => reply,
    })
}

impl Desk<'_> {
    fn dispatch(&mut self, route: &Route) -> Result<Reply, Problem> {
        match route {
            Route::User => self.user(),
            Route::Folders { parent } => self.folders(parent.as_deref()),
            Route::FolderDelta => self.only(&Method::GET).and_then(|()| folder_delta::answer(self)),
            Route::Folder(id) => self.one_folder(id),
            Route::FolderAction(id, action) => self.folder_action(id, *action),
            Route::Messages { folder } => self.messages(folder.as_deref()),
            Route::MessageCount { folder } => list::count(self, folder.as_deref()),
            Route::MessageDelta(id) => {
                self.only(&Method::GET).and_then(|()| delta::answer(self, id))
            }
            Route::Message(id) => self.one_message(id),
            Route::Mime(id) => self.only(&Method::GET).and_then(|()| messages::mime(self, id)),
            Route::MessageAction(id, action) => self.message_action(id, *action),
            Route::Attachments(id) => self.attachments(id),
            Route::UploadSession(id) => {
                self.only(&Method::POST).and_then(|()| upload::create(self, id))
            }
            Route::Attachment(id, part) => self.one_attachment(id, part),
            Route::AttachmentMime(id, part) => attachments::value(self, id, part),
            Route::SendMail => self.only(&Method::POST).and_then(|()| send::send_mail(self)),
            Route::Batch | Route::Unknown => Err(unknown_path(&self.call.path)),
        }
    }

    fn folders(&mut self, parent: Option<&str>) -> Result<Reply, Problem> {
        match self.call.method {
            Method::GET => folders::list(self, parent),
            Method::POST => folders::create(self, parent),
            _ => Err(wrong_method()),
        }
    }

    fn one_folder(&mut self, id: &str) -> Result<Reply, Problem> {
        match self.call.method {
            Method::GET => folders::show(self, id),
            Method::PATCH => folders::rename(self, id),
            Method::DELETE => folders::delete(self, id),
            _ => Err(wrong_method()),
        }
    }

    fn folder_action(&mut self, id: &str, action: Action) -> Result<Reply, Problem> {
        self.only(&Method::POST)?;
        match action {
            Action::PermanentDelete => folders::purge(self, id),
            Action::Copy => folders::copy(self, id),
            Action::Move | Action::Send => folders::relocate(self, id),
        }
    }

    fn messages(&mut self, folder: Option<&str>) -> Result<Reply, Problem> {
        match self.call.method {
            Method::GET => list::answer(self, folder),
            Method::POST if self.call.is_mime() => create::from_mime(self, folder),
            Method::POST => create::from_json(self, folder),
            _ => Err(wrong_method()),
        }
    }

    fn one_message(&mut self, id: &str) -> Result<Reply, Problem> {
        match self.call.method {
            Method::GET => messages::show(self, id),
            Method::PATCH => patch::answer(self, id),
            Method::DELETE => messages::delete(self, id),
            _ => Err(wrong_method()),
        }
    }

    fn message_action(&mut self, id: &str, action: Action) -> Result<Reply, Problem> {
        self.only(&Method::POST)?;
        match action {
            Action::Move => messages::relocate(self, id),
            Action::Copy => messages::copy(self, id),
            Action::PermanentDelete => messages::purge(self, id),
            Action::Send => send::send_draft(self, id),
        }
    }

    fn attachments(&mut self, id: &str) -> Result<Reply, Problem> {
        match self.call.method {
            Method::GET => attachments::list(self, id),
            Method::POST => attachments::add(self, id),
            _ => Err(wrong_method()),
        }
    }

    fn one_attachment(&mut self, id: &str, part: &str) -> Result<Reply, Problem> {
        match self.call.method {
            Method::GET => attachments::show(self, id, part),
            Method::DELETE => attachments::delete(self, id, part),
            _ => Err(wrong_method()),
        }
    }

    fn user(&self) -> Result<Reply, Problem> {
        self.only(&Method::GET)?;
        let store = self.store();
        let personal = self.state.directory.account(&store.address).home == Home::Personal;
        let lacks = personal && self.state.switches.entra.personal_mail == PersonalMail::Missing;
        let mail = (!lacks).then_some(&store.address);
        let mut body = json!({
            "@odata.context": format!("{}/v1.0/$metadata#users/$entity", self.call.origin),
            "id": guid(&store.address.to_lowercase()),
            "displayName": store.name,
            "mail": mail,
            "userPrincipalName": store.address,
        });
        // Told to those only who ask for it by name.
        let selected = self.call.query.option("$select").unwrap_or_default();
        if selected.split(',').any(|name| name.trim() == "proxyAddresses") {
            let further = store.aliases.iter().map(|alias| format!("smtp:{alias}"));
            let all: Vec<String> =
                std::iter::once(format!("SMTP:{}", store.address)).chain(further).collect();
            body["proxyAddresses"] = json!(all);
        }
        Ok(Reply::json(200, body))
    }

    fn only(&self, method: &Method) -> Result<(), Problem> {
        if self.call.method == method { Ok(()) } else { Err(wrong_method()) }
    }

    pub(crate) fn store(&self) -> &Store {
        self.state
            .stores
            .get(&self.session.mailbox)
            .expect("sessions are made for mailboxes that exist")
    }

    pub(crate) fn store_mut(&mut self) -> &mut Store {
        self.state
            .stores
            .get_mut(&self.session.mailbox)
            .expect("sessions are made for mailboxes that exist")
    }

    /// A folder by id or well-known name.
    pub(crate) fn folder(&self, id: &str) -> Result<u32, Problem> {
        let store = self.store();
        if let Some(key) = store.well_known(id) {
            return Ok(key);
        }
        match ids::decode(store.tag, id) {
            Some(Named::Folder(key)) if store.folders.contains_key(&key) => Ok(key),
            _ if ids::well_formed(id) || is_well_known(id) => Err(Problem::not_found()),
            _ => Err(Problem::malformed_id()),
        }
    }

    /// A message by an id of either form.
    pub(crate) fn item(&self, id: &str) -> Result<u64, Problem> {
        let store = self.store();
        let named = ids::decode(store.tag, id);
        let form = self.call.id_form();
        let either = self.state.switches.messages.accept_either_id;
        let key = match named {
            Some(Named::Ordinary { item, place }) => {
                let here = store.items.get(&item).filter(|found| found.place == place);
                here.filter(|_| either || form == ids::IdForm::Ordinary).map(|found| found.key)
            }
            Some(Named::Immutable { item }) if either || form == ids::IdForm::Immutable => {
                store.items.get(&item).map(|found| found.key)
            }
            _ if !ids::well_formed(id) => return Err(Problem::malformed_id()),
            _ => None,
        };
        key.ok_or_else(Problem::not_found)
    }

    pub(crate) fn found(&self, key: u64) -> Result<&Item, Problem> {
        self.store().items.get(&key).ok_or_else(Problem::not_found)
    }

    /// `…/v1.0/$metadata#users('ada')/` and what follows.
    pub(crate) fn context(&self, rest: &str) -> String {
        let user = percent_encode(&self.session.mailbox);
        format!("{}/v1.0/$metadata#users('{user}')/{rest}", self.call.origin)
    }

    /// `…/v1.0/me/` or `…/v1.0/users/x/`, as the request came.
    pub(crate) fn mailbox_url(&self) -> String {
        let whose = if self.session.by_name {
            format!("users/{}", percent_encode(&self.session.mailbox))
        } else {
            "me".to_owned()
        };
        format!("{}/v1.0/{whose}/", self.call.origin)
    }

    /// `destinationId` of a move or copy.
    pub(crate) fn destination(&self) -> Result<u32, Problem> {
        let body = self.call.json()?;
        match body.get("destinationId").and_then(|id| id.as_str()) {
            Some(id) => self.folder(id),
            None => Err(Problem::bad("ErrorInvalidRequest", "The destinationId is missing.")),
        }
    }

    pub(crate) fn parent_or_root(&self, parent: Option<&str>) -> Result<u32, Problem> {
        parent.map_or(Ok(ROOT), |id| self.folder(id))
    }
}

fn is_well_known(name: &str) -> bool {
    crate::folder::DISTINGUISHED.iter().any(|entry| entry.well_known.eq_ignore_ascii_case(name))
}

fn unknown_path(path: &str) -> Problem {
    let last = path.rsplit('/').next().unwrap_or_default();
    Problem::bad("BadRequest", &format!("Resource not found for the segment '{last}'."))
}

fn wrong_method() -> Problem {
    Problem::new(
        405,
        "Request_BadRequest",
        "Specified HTTP method is not allowed for the request target.",
    )
}
