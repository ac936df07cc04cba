//! `PATCH /messages/{id}`: 200 and the message. (reference B.2)

use bytes::Bytes;
use jiff::Timestamp;

use crate::call::{Problem, Reply};
use crate::item::Source;
use crate::mailbox::Touch;
use crate::mime::{Composed, addresses, with_header, without, word};
use crate::view::{Body, Mailbox};

use super::Desk;
use super::create::apply_extra;
use super::messages;
use super::query::Selection;
use super::writable::Edit;

pub(crate) fn answer(desk: &mut Desk<'_>, id: &str) -> Result<Reply, Problem> {
    let key = desk.item(id)?;
    messages::unchanged(desk, key)?;
    let edit = Edit::parse(&desk.call.json().map_err(|_| Problem::post_body())?)?;
    if edit.needs_draft() && !desk.found(key)?.draft {
        let text = "This operation is only allowed on draft items.";
        return Err(Problem::bad("ErrorInvalidPropertySet", text));
    }
    apply(desk, key, &edit)?;
    messages::entity(desk, key, 200, &Selection::default())
}

fn apply(desk: &mut Desk<'_>, key: u64, edit: &Edit) -> Result<(), Problem> {
    let switches = desk.state.switches.messages.clone();
    let now = desk.now;
    let bytes = edited(desk.found(key)?.source.bytes(), edit);
    let store = desk.store_mut();
    if let Some(read) = edit.read {
        store.set_read(key, read);
    }
    if let Some(received) =
        edit.property("SystemTime 0xe06").filter(|_| switches.delivery_time_patchable)
        && let Ok(received) = received.parse::<Timestamp>()
    {
        store.set_received(key, received);
    }
    let item = store.items.get_mut(&key).ok_or_else(Problem::not_found)?;
    if let Some(bytes) = bytes {
        item.source = Source::mime(bytes);
    }
    if !edit.only_read() {
        apply_extra(item.extra_mut(), edit);
    }
    let short = edit.only_read() && !switches.read_moves_last_modified;
    store.touch(key, if short { Touch::Read } else { Touch::Content }, now);
    if switches.patch_renumbers {
        store.renumber(key);
    }
    Ok(())
}

/// New bytes, if the edit reaches into them. Headers are replaced in place; a new body rebuilds the message.
fn edited(bytes: Bytes, edit: &Edit) -> Option<Bytes> {
    let mut now = bytes.clone();
    if let Some(body) = &edit.body {
        let mut composed = Composed::of(&now);
        (composed.text, composed.html) = match body {
            Body::Text(text) => (Some(text.clone()), None),
            Body::Html(html) => (None, Some(html.clone())),
        };
        now = composed.write(crate::ids::tag("patched"));
    }
    let plain =
        [("Subject", edit.subject.as_deref().map(word)), ("Message-ID", edit.message_id.clone())];
    for (name, value) in plain {
        if let Some(value) = value {
            now = with_header(&now, name, &value);
        }
    }
    let one = |person: &Option<Mailbox>| person.clone().map(|person| vec![person]);
    let lists = [
        ("From", one(&edit.from)),
        ("Sender", one(&edit.sender)),
        ("To", edit.to.clone()),
        ("Cc", edit.cc.clone()),
        ("Bcc", edit.bcc.clone()),
        ("Reply-To", edit.reply_to.clone()),
    ];
    for (name, list) in lists {
        match list.as_deref() {
            None => {}
            Some([]) => now = without(&now, &[name]),
            Some(list) => now = with_header(&now, name, &addresses(list)),
        }
    }
    (now != bytes).then_some(now)
}
