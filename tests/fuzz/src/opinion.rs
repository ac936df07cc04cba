//! What a codec that is not ours makes of our answers.

use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder as _;
use imap_codec::imap_types::response::Response;

/// One whole response, and nothing behind it.
pub(crate) fn response(bytes: &[u8]) -> Response<'_> {
    match ResponseCodec::default().decode(bytes) {
        Ok(([], response)) => response,
        other => {
            panic!("not IMAP to another reader: {:?}: {other:?}", bytes.escape_ascii().to_string())
        }
    }
}
