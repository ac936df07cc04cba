//! `POST /sendMail` and `POST /messages/{id}/send`: 202, accepted. (reference B.8)

use crate::call::{Problem, Reply};
use crate::item::{NewItem, Source};
use crate::post::{SaveCopy, Submission};
use crate::switch::SentAgain;

use super::Desk;
use super::create::{mime_body, new_item};
use super::writable::Edit;

pub(crate) fn send_mail(desk: &mut Desk<'_>) -> Result<Reply, Problem> {
    let now = desk.now;
    let (new, save) = if desk.call.is_mime() {
        let bytes = mime_body(desk.call, &desk.state.switches.messages)?;
        let source = Source::mime(bytes);
        // MIME mode knows no saveToSentItems. (reference B.8)
        (NewItem { source, draft: true, read: true, received: now, extra: None }, SaveCopy::Yes)
    } else {
        json_message(desk)?
    };
    check(desk, &new.source)?;
    let drafts = desk.folder("drafts")?;
    let item = desk.store_mut().add_item(drafts, new, now);
    submit(desk, item, save)
}

pub(crate) fn send_draft(desk: &mut Desk<'_>, id: &str) -> Result<Reply, Problem> {
    let key = desk.item(id)?;
    let item = desk.found(key)?;
    let may_be_doubled = desk.state.switches.sending.sent_again == SentAgain::Doubled;
    if !item.draft || item.submitted.is_some() && !may_be_doubled {
        let text = "The operation can only be performed on a draft item.";
        return Err(Problem::bad("ErrorInvalidRequest", text));
    }
    check(desk, &item.source.clone())?;
    submit(desk, key, SaveCopy::Yes)
}

fn json_message(desk: &Desk<'_>) -> Result<(NewItem, SaveCopy), Problem> {
    let body = desk.call.json().map_err(|_| Problem::post_body())?;
    let mut save = SaveCopy::Yes;
    for (name, value) in body.as_object().into_iter().flatten() {
        match name.to_ascii_lowercase().as_str() {
            "message" => {}
            "savetosentitems" if value == false || value == "false" => save = SaveCopy::No,
            "savetosentitems" => {}
            _ => return Err(Problem::post_body()),
        }
    }
    let message =
        body.get("message").or_else(|| body.get("Message")).ok_or_else(Problem::post_body)?;
    let edit = Edit::parse(message)?;
    Ok((new_item(desk.store(), &edit, desk.now), save))
}

fn check(desk: &Desk<'_>, source: &Source) -> Result<(), Problem> {
    let mailbox = desk.session.mailbox.clone();
    let user = desk.session.user.clone();
    let now = desk.now;
    desk.state.may_send(&mailbox, &user, source, now)?;
    // In someone else's name that takes a permission of its own. (reference B.8)
    if desk.state.is_anothers(&mailbox, source) && !desk.session.holds("Mail.Send.Shared") {
        let text = "Access is denied. Check credentials and try again.";
        return Err(Problem::new(403, "ErrorAccessDenied", text));
    }
    Ok(())
}

fn submit(desk: &mut Desk<'_>, item: u64, save: SaveCopy) -> Result<Reply, Problem> {
    let submission = Submission { mailbox: desk.session.mailbox.clone(), item, save };
    let now = desk.now;
    desk.state.submit(submission, now);
    Ok(Reply::empty(202))
}
