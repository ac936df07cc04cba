//! What the authorization endpoint sends back through the browser (reference A.2).

use std::fmt;

use reqwest::Url;

use super::SignInError;
use crate::auth::EntraError;
use crate::http::Secret;

/// The end of the browser's part, not yet matched with a sign-in.
#[derive(Clone)]
pub struct Redirect {
    pub(super) state: String,
    pub(super) answer: Answer,
}

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Code(Secret),
    Refused(EntraError),
}

impl Redirect {
    /// The address bar's whole text, or what follows its question mark.
    ///
    /// # Errors
    /// `NotARedirect`; `Refused` if it is the text of an error page, which leads nowhere.
    pub fn pasted(text: &str) -> Result<Self, SignInError> {
        let text = text.trim().trim_matches(['"', '\'', '<', '>']);
        let query = match text.split_once('?') {
            Some((_, query)) => query,
            None => text,
        };
        let query = query.split('#').next().unwrap_or_default();
        let told = || match EntraError::of_page(text) {
            Some(error) => SignInError::Refused(error),
            None => SignInError::NotARedirect,
        };
        Self::of_query(query).ok_or_else(told)
    }

    /// `code=…&state=…` or `error=…&error_description=…&state=…`.
    pub(super) fn of_query(query: &str) -> Option<Self> {
        let url = Url::parse(&format!("http://localhost/?{query}")).ok()?;
        let value = |wanted: &str| {
            url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let state = value("state")?;
        let answer = match (value("code"), value("error")) {
            (_, Some(error)) => {
                let description = value("error_description").unwrap_or_default();
                Answer::Refused(EntraError::of_redirect(&error, &description))
            }
            (Some(code), None) => Answer::Code(Secret::new(code)),
            (None, None) => return None,
        };
        Some(Self { state, answer })
    }
}

/// Holds a code, and a state that guards it.
impl fmt::Debug for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redirect(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_however_it_was_copied() {
        for text in [
            "http://localhost:5123/?code=abc&state=s1&session_state=x#",
            "  \"http://localhost:5123/?state=s1&code=abc\"\n",
            "code=abc&state=s1",
        ] {
            let redirect = Redirect::pasted(text).unwrap();
            assert_eq!(redirect.state, "s1");
            assert!(matches!(redirect.answer, Answer::Code(code) if code == Secret::new("abc")));
        }
        for text in ["", "http://localhost:5123/", "abc", "http://localhost/?code=abc"] {
            assert!(matches!(Redirect::pasted(text), Err(SignInError::NotARedirect)), "{text}");
        }
    }

    #[test]
    fn an_error_is_read_with_its_code() {
        let text = "error=access_denied&error_description=AADSTS65004%3a+no&state=s";
        let redirect = Redirect::pasted(text).unwrap();
        assert!(matches!(redirect.answer, Answer::Refused(error) if error.error_codes == [65004]));
    }
}
