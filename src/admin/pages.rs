//! What the console says.

use std::fmt::Write as _;

use super::Health;
use crate::auth::SignInState;

pub(super) fn home(connections: &[Health]) -> String {
    let mut rows = String::new();
    for health in connections {
        let (state, advice) = describe(health);
        let user = escaped(&health.user);
        let renewed = health.sign_in.renewed.and_then(|at| jiff::Timestamp::from_second(at.0).ok());
        let renewed = renewed.map_or_else(|| "never".to_owned(), |at| at.to_string());
        let left = match health.days_left {
            Some(days) => format!("at most {days} days without use"),
            None => "not known".to_owned(),
        };
        let _ = write!(
            rows,
            "<tr><td>{user}</td><td>graph</td><td>{state}</td><td>{renewed}</td><td>{left}</td>\
             <td>{advice}</td></tr>"
        );
    }
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Footbridge</title>\
         <style>body{{font:16px sans-serif;margin:2em}}td,th{{padding:.3em 1em;text-align:left}}</style>\
         <h1>Footbridge</h1><table><tr><th>Connection</th><th>Kind</th><th>State</th><th>Last refresh</th><th>Sign-in good for</th><th>What to do</th></tr>\
         {rows}</table></html>"
    )
}

fn describe(health: &Health) -> (&'static str, String) {
    match &health.sign_in.state {
        SignInState::NeedsSignIn { cause } => {
            let command = escaped(&super::sign_in_command(&health.user));
            ("sign-in needed", format!("Run <code>{command}</code>: {}", escaped(cause)))
        }
        SignInState::Troubled { cause } => {
            ("trying again", format!("Microsoft's sign-in does not answer: {}", escaped(cause)))
        }
        SignInState::Refreshing if !health.ready => ("starting", String::new()),
        SignInState::Refreshing | SignInState::Fresh if health.ready => ("ready", String::new()),
        SignInState::Refreshing | SignInState::Fresh => ("listing folders", String::new()),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Owner, Refreshes, SignInStatus};

    #[test]
    fn nothing_that_a_service_said_becomes_markup() {
        let health = Health {
            user: "ada@contoso.example".to_owned(),
            ready: false,
            sign_in: SignInStatus {
                state: SignInState::NeedsSignIn { cause: "<script>x</script>".to_owned() },
                last_refresh: None,
                renewed: None,
                owner: Owner::Organisation,
                scopes: Vec::new(),
                refreshes: Refreshes::default(),
            },
            days_left: None,
            requests: Default::default(),
        };
        assert!(!home(&[health]).contains("<script>"));
    }
}
