//! Questions to a person, or to a script: answers are lines of standard input.

use std::io::{BufRead as _, IsTerminal as _, Write as _, stderr, stdin};
use std::process::{Command, Stdio};

use anyhow::anyhow;

use crate::auth::Secret;

/// Asks on standard error, so that standard output stays for answers.
pub(super) fn line(question: &str) -> anyhow::Result<String> {
    let mut err = stderr().lock();
    write!(err, "{question}")?;
    err.flush()?;
    let mut text = String::new();
    if stdin().lock().read_line(&mut text)? == 0 {
        return Err(anyhow!("standard input ended before an answer"));
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The same, and a terminal does not show what is typed.
pub(super) fn secret(question: &str) -> anyhow::Result<Secret> {
    let quiet = stdin().is_terminal() && echo("-echo");
    let answer = line(question);
    if quiet {
        echo("echo");
        let _ = writeln!(stderr());
    }
    answer.map(Secret::new)
}

fn echo(mode: &str) -> bool {
    Command::new("stty").arg(mode).stderr(Stdio::null()).status().is_ok_and(|end| end.success())
}
