//! `footbridge explain`: what a number on Microsoft's page means. Many of them are shown only there.

use anyhow::anyhow;
use clap::Args;
use serde_json::json;

use super::print;
use crate::auth::aadsts;

#[derive(Args, Debug)]
pub(super) struct Explain {
    /// The number, or any text that holds it.
    #[arg(required = true, value_name = "AADSTSnnnnn")]
    text: Vec<String>,
    #[arg(long)]
    json: bool,
}

pub(super) fn run(wanted: &Explain) -> anyhow::Result<()> {
    let codes = codes(&wanted.text.join(" "));
    if codes.is_empty() {
        return Err(anyhow!("name the number that Microsoft's page shows, such as AADSTS50105"));
    }
    if wanted.json {
        let lines = codes.iter().map(|code| {
            let advice = aadsts::advice(*code);
            let (meaning, cure) = (advice.map(|a| a.meaning), advice.map(|a| a.cure));
            json!({"code": format!("AADSTS{code}"), "meaning": meaning, "cure": cure})
        });
        print(&serde_json::Value::from_iter(lines).to_string())?;
    }
    let mut unknown = Vec::new();
    for code in codes {
        match aadsts::advice(code) {
            Some(advice) if !wanted.json => print(&text(code, advice))?,
            Some(_) => {}
            None => unknown.push(code),
        }
    }
    match unknown.first() {
        None => Ok(()),
        Some(code) => Err(anyhow!(
            "AADSTS{code} is not known here; Microsoft explains it on \
             https://login.microsoftonline.com/error?code={code}"
        )),
    }
}

fn text(code: u64, advice: &aadsts::Advice) -> String {
    format!("AADSTS{code}: {}\nwhat to do: {}", advice.meaning, advice.cure)
}

/// Each number once. One that stands alone needs no `AADSTS` before it.
fn codes(text: &str) -> Vec<u64> {
    let alone = text.split_whitespace().filter_map(|word| word.parse().ok());
    let mut found = Vec::new();
    for code in aadsts::codes_in(&text.to_ascii_uppercase()).into_iter().chain(alone) {
        if !found.contains(&code) {
            found.push(code);
        }
    }
    found
}
