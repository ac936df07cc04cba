//! The numbers, in the text format of Prometheus.

use std::fmt::Write as _;

use super::Health;
use crate::account::QueueFigures;
use crate::auth::{Lapse, SignInState};
use crate::metrics::{Fate, Submission};

/// `NAME{connection="USER"} VALUE`, one line for each connection that has a value.
pub(super) fn text(connections: &[Health]) -> String {
    let mut page = Page::default();
    let one = |is_so: bool| Some(i64::from(is_so));
    page.gauge(
        "footbridge_connection_ready",
        "The folder tree and the inbox are known.",
        connections,
        |health| one(health.ready),
    );
    page.gauge(
        "footbridge_sign_in_needed",
        "A person has to sign in again.",
        connections,
        |health| one(matches!(health.sign_in.state, SignInState::NeedsSignIn { .. })),
    );
    page.gauge(
        "footbridge_sign_in_renewed_timestamp_seconds",
        "When the sign-in was last renewed.",
        connections,
        |health| health.sign_in.renewed.map(|at| at.0),
    );
    page.gauge(
        "footbridge_sign_in_lapses_timestamp_seconds",
        "When the sign-in ends at the latest if nothing renews it; a policy may end it sooner. Absent where not known.",
        connections,
        |health| match health.sign_in.lapse() {
            Lapse::By(end) => Some(end.0),
            Lapse::NoSignIn | Lapse::Unknown => None,
        },
    );
    states(&mut page, connections);
    counters(&mut page, connections);
    mail(&mut page, connections);
    page.0
}

fn states(page: &mut Page, connections: &[Health]) {
    let name = "footbridge_sign_in_state";
    page.head(name, "gauge", "1 for the state that the sign-in is in.");
    for health in connections {
        for state in ["refreshing", "fresh", "troubled", "needed"] {
            let is_so = health.sign_in.state.name() == state;
            page.line(name, &health.user, Some(("state", state)), i64::from(is_so));
        }
    }
}

fn counters(page: &mut Page, connections: &[Health]) {
    let name = "footbridge_token_refreshes_total";
    page.head(name, "counter", "Token refreshes since the start, by outcome.");
    for Health { user, sign_in, .. } in connections {
        page.line(name, user, Some(("outcome", "done")), sign_in.refreshes.done);
        page.line(name, user, Some(("outcome", "failed")), sign_in.refreshes.failed);
    }
    let name = "footbridge_graph_requests_total";
    page.head(name, "counter", "Attempts at requests to Graph since the start, by outcome.");
    for Health { user, requests, .. } in connections {
        for fate in Fate::ALL {
            page.line(name, user, Some(("outcome", fate.name())), requests.of(fate));
        }
    }
}

fn mail(page: &mut Page, connections: &[Health]) {
    let name = "footbridge_submissions_total";
    page.head(name, "counter", "Messages handed in since the start, by outcome.");
    for Health { user, submissions, .. } in connections {
        for outcome in Submission::ALL {
            page.line(name, user, Some(("outcome", outcome.name())), submissions.of(outcome));
        }
    }
    let name = "footbridge_queue_messages";
    page.head(name, "gauge", "Messages that were accepted and are not sent yet, by state.");
    for Health { user, queue, .. } in connections {
        let QueueFigures { waiting, trying, held, failed, damaged, .. } = *queue;
        for (state, messages) in [
            ("waiting", waiting),
            ("trying", trying),
            ("held", held),
            ("failed", failed),
            ("damaged", damaged),
        ] {
            page.line(name, user, Some(("state", state)), messages);
        }
    }
    let name = "footbridge_queue_bytes";
    page.gauge(name, "Octets of these messages.", connections, |health| {
        i64::try_from(health.queue.bytes).ok()
    });
    page.gauge(
        "footbridge_queue_oldest_timestamp_seconds",
        "When the oldest of these messages was accepted. Absent where there is none.",
        connections,
        |health| health.queue.oldest.map(|at| at.0),
    );
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(
        &mut self,
        name: &str,
        user: &str,
        more: Option<(&str, &str)>,
        value: impl std::fmt::Display,
    ) {
        let more = more.map(|(label, value)| format!(",{label}=\"{value}\"")).unwrap_or_default();
        let _ = writeln!(self.0, "{name}{{connection=\"{}\"{more}}} {value}", escaped(user));
    }

    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        connections: &[Health],
        value: impl Fn(&Health) -> Option<i64>,
    ) {
        self.head(name, "gauge", help);
        for health in connections {
            if let Some(value) = value(health) {
                self.line(name, &health.user, None, value);
            }
        }
    }
}

/// As the format wants label values.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_end_itself() {
        assert_eq!(escaped("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
    }
}
