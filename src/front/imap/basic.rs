//! CAPABILITY, ID, NAMESPACE: answers that need no mailbox.

use wire::imap::{Data, IdField, Namespace};

use super::connection::Connection;
use super::ending::Ending;
use super::{Standing, capabilities};
use crate::mailbox::FolderPath;

pub(super) fn capability(connection: &mut Connection, standing: Standing) -> Ending {
    connection.data(&Data::Capability(capabilities(standing)));
    Ending::ok("CAPABILITY done")
}

/// RFC 2971.
pub(super) fn id(connection: &mut Connection) -> Ending {
    let field = |name: &'static str, value: &'static str| IdField {
        name: name.into(),
        value: Some(value.into()),
    };
    let fields = vec![field("name", "footbridge"), field("version", env!("CARGO_PKG_VERSION"))];
    connection.data(&Data::Id(Some(fields)));
    Ending::ok("ID done")
}

/// RFC 2342: everything is the user's own.
pub(super) fn namespace(connection: &mut Connection) -> Ending {
    let own = Namespace { prefix: String::new(), delimiter: Some(FolderPath::SEPARATOR) };
    connection.data(&Data::Namespace {
        personal: vec![own],
        other_users: Vec::new(),
        shared: Vec::new(),
    });
    Ending::ok("NAMESPACE done")
}
