//! What the console says.

use std::fmt::Write as _;

use super::Health;
use crate::auth::SignInState;

pub(super) fn home(connections: &[Health]) -> String {
    let mut rows = String::new();
    for health in connections {
        let (state, advice) = describe(health);
        let address = escaped(&health.address);
        let _ = write!(
            rows,
            "<tr><td>{address}</td><td>graph</td><td>{state}</td><td>{advice}</td></tr>"
        );
    }
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Footbridge</title>\
         <style>body{{font:16px sans-serif;margin:2em}}td,th{{padding:.3em 1em;text-align:left}}</style>\
         <h1>Footbridge</h1><table><tr><th>Connection</th><th>Kind</th><th>State</th><th>What to do</th></tr>\
         {rows}</table></html>"
    )
}

/// Prometheus text format.
pub(super) fn metrics(connections: &[Health]) -> String {
    let mut text = String::from(
        "# HELP footbridge_connection_ready The folder tree and the inbox are known.\n\
         # TYPE footbridge_connection_ready gauge\n",
    );
    for health in connections {
        let address = label(&health.address);
        let ready = u8::from(health.ready);
        let _ = writeln!(text, "footbridge_connection_ready{{connection=\"{address}\"}} {ready}");
    }
    text.push_str(
        "# HELP footbridge_sign_in_needed A person has to sign in again.\n\
         # TYPE footbridge_sign_in_needed gauge\n",
    );
    for health in connections {
        let address = label(&health.address);
        let needed = u8::from(matches!(health.sign_in, SignInState::NeedsSignIn { .. }));
        let _ = writeln!(text, "footbridge_sign_in_needed{{connection=\"{address}\"}} {needed}");
    }
    text.push_str(
        "# HELP footbridge_sign_in_renewed_timestamp_seconds When the sign-in was last renewed; it lapses after 90 days without.\n\
         # TYPE footbridge_sign_in_renewed_timestamp_seconds gauge\n",
    );
    for health in connections {
        let Some(renewed) = health.renewed else { continue };
        let address = label(&health.address);
        let _ = writeln!(
            text,
            "footbridge_sign_in_renewed_timestamp_seconds{{connection=\"{address}\"}} {}",
            renewed.0
        );
    }
    text
}

fn describe(health: &Health) -> (&'static str, String) {
    match &health.sign_in {
        SignInState::NeedsSignIn { cause } => {
            ("sign-in needed", format!("Sign in again: {}", escaped(cause)))
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

fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_service_said_becomes_markup() {
        let health = Health {
            address: "ada@contoso.example".to_owned(),
            ready: false,
            sign_in: SignInState::NeedsSignIn { cause: "<script>x</script>".to_owned() },
            renewed: None,
        };
        assert!(!home(&[health]).contains("<script>"));
    }
}
