//! What the console says.

use std::fmt::Write as _;

use super::Health;
use crate::account::QueueFigures;
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
        let queue = queued(&health.queue);
        let _ = write!(
            rows,
            "<tr><td>{user}</td><td>graph</td><td>{state}</td><td>{renewed}</td><td>{left}</td>\
             <td>{queue}</td><td>{advice}</td></tr>"
        );
    }
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Footbridge</title>\
         <style>body{{font:16px sans-serif;margin:2em}}td,th{{padding:.3em 1em;text-align:left}}</style>\
         <h1>Footbridge</h1><table><tr><th>Connection</th><th>Kind</th><th>State</th><th>Last refresh</th><th>Sign-in good for</th><th>Queue</th><th>What to do</th></tr>\
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

/// What of the queue a person should know at a glance.
fn queued(queue: &QueueFigures) -> String {
    let QueueFigures { waiting, trying, held, failed, damaged, oldest, .. } = *queue;
    let counts =
        [(waiting + trying, "waiting"), (held, "held"), (failed, "given up"), (damaged, "damaged")];
    let told = counts.iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = told.map(|(count, word)| format!("{count} {word}")).collect();
    if told.is_empty() {
        return "empty".to_owned();
    }
    let since = oldest.and_then(|at| jiff::Timestamp::from_second(at.0).ok());
    let since = since.map(|at| format!(", since {at}")).unwrap_or_default();
    format!("{}{since}", told.join(", "))
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
            submissions: Default::default(),
            queue: QueueFigures::default(),
        };
        assert!(!home(&[health]).contains("<script>"));
    }
}
