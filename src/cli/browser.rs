//! The person's browser, opened for them where there is one.

use std::convert::Infallible;
use std::process::Stdio;

use tokio::process::Command;

use super::note;
use crate::config;

/// What becomes of an address that was printed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Opening {
    Here,
    /// Somebody will open it, here or elsewhere.
    ByHand,
}

/// Stands for the address in a command of `$BROWSER`.
const PLACE: &str = "%s";

impl Opening {
    pub(super) fn unless(no_browser: bool) -> Self {
        if no_browser { Self::ByHand } else { Self::Here }
    }
}

/// Opens the page if that is wanted; ends only by being dropped.
pub(super) async fn show(url: &str, opening: Opening) -> Infallible {
    if let Opening::Here = opening {
        let commands = commands();
        if !commands.is_empty() {
            note("opening it in a browser; if none comes up, open the address yourself");
        }
        if !open(&commands, url).await {
            note(
                "no browser could be opened: open the address in one on this machine; \
                 from another machine, end this and use --paste or --sign-in paste",
            );
        }
    }
    std::future::pending().await
}

/// What may open an address here, best first, each as words: the commands of `$BROWSER`, or what
/// this desktop has for it.
fn commands() -> Vec<Vec<String>> {
    listed(config::browsers(), config::has_display())
}

/// Answers whether one of the commands took the address. A browser that stays in the foreground is
/// waited for.
async fn open(commands: &[Vec<String>], url: &str) -> bool {
    for words in commands {
        let mut command = command(words, url);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.status().await {
            Ok(end) if end.success() => return true,
            Ok(end) => tracing::info!("{}: {end}", words.join(" ")),
            Err(error) => tracing::info!("{}: {error}", words.join(" ")),
        }
    }
    false
}

/// `$BROWSER` is a list by colons, and may lead to a browser where no display is.
fn listed(browsers: Option<String>, has_display: bool) -> Vec<Vec<String>> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let list = match browsers {
        Some(list) => list,
        None if has_display => opener.to_owned(),
        None => return Vec::new(),
    };
    let words = |entry: &str| entry.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    list.split(':').map(words).filter(|words| !words.is_empty()).collect()
}

/// No shell comes near the address.
fn command(words: &[String], url: &str) -> Command {
    let mut words = words.iter();
    let mut command = Command::new(words.next().map_or("", String::as_str));
    let mut placed = false;
    for word in words {
        placed |= word.contains(PLACE);
        command.arg(word.replace(PLACE, url));
    }
    if !placed {
        command.arg(url);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(browsers: Option<&str>, has_display: bool) -> Vec<String> {
        let commands = listed(browsers.map(str::to_owned), has_display);
        let shown = |words: &Vec<String>| {
            let command = command(words, "http://a/?b=$c&d");
            let command = command.as_std();
            let words = std::iter::once(command.get_program()).chain(command.get_args());
            words.map(|word| word.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        };
        commands.iter().map(shown).collect()
    }

    #[test]
    fn the_persons_own_choice_comes_before_the_desktops() {
        assert_eq!(typed(Some("lynx"), true), ["lynx http://a/?b=$c&d"]);
        assert_eq!(typed(None, false), [""; 0]);
        let opened = typed(None, true);
        assert!(opened.len() == 1 && opened[0].ends_with("open http://a/?b=$c&d"), "{opened:?}");
    }

    #[test]
    fn a_list_of_browsers_is_tried_in_order_and_may_say_where_the_address_goes() {
        let found = typed(Some("firefox -P work::w3m -o u=%s -T"), false);
        assert_eq!(found, ["firefox -P work http://a/?b=$c&d", "w3m -o u=http://a/?b=$c&d -T"]);
    }
}
