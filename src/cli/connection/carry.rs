//! `connection export` and `import`: a connection on its way to another machine.
//!
//! Both machines then renew the same sign-in. Entra lets the older token live (reference A.3); where a
//! tenant does not, import means moving: remove the connection where it came from.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};

use super::existing;
use crate::auth::{Secret, TokenVault as _, export as sealing};
use crate::cli::vaults::Vaults;
use crate::cli::{print, prompt};
use crate::config::Config;
use crate::config::connections::{Connection, Connections};

/// What a sealed file holds.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Carried {
    connection: Connection,
    refresh_token: String,
}

const DOES_NOT_OPEN: &str = "the file cannot be opened: wrong passphrase, or it was damaged or cut short \
    on its way, or it is no exported connection. Nothing was changed: try the passphrase again, or \
    export the connection anew";

pub(super) async fn export(
    config: &Config,
    user: &str,
    out: &Path,
    passphrase_file: Option<&Path>,
) -> anyhow::Result<()> {
    let connection = existing(config, user)?;
    let vault = Vaults::unlock(config)?.of(&connection.user());
    let passphrase = passphrase(passphrase_file)?;
    let token = {
        let _lock = vault.lock().await?;
        vault.load().await?
    };
    let token = token.ok_or_else(|| anyhow!("nobody has signed in to this connection yet"))?;
    let carried = Carried { connection, refresh_token: token.expose().to_owned() };
    let content = Secret::new(serde_json::to_string(&carried)?);
    let sealed = sealing::sealed(&content, &passphrase)?;
    let options = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(out);
    let mut file = options.with_context(|| out.display().to_string())?;
    file.write_all(&sealed)?;
    file.sync_all()?;
    print(&format!("exported: {}", out.display()))
}

pub(super) async fn import(
    config: &Config,
    file: &Path,
    passphrase_file: Option<&Path>,
    replace: bool,
) -> anyhow::Result<()> {
    let sealed = fs::read(file).with_context(|| file.display().to_string())?;
    let vaults = Vaults::unlock(config)?;
    let content = sealing::opened(&sealed, &passphrase(passphrase_file)?)
        .map_err(|_| anyhow!(DOES_NOT_OPEN))?;
    let carried: Carried = serde_json::from_str(content.expose())
        .map_err(|_| anyhow!("the file comes from another release of this program"))?;
    let user = carried.connection.user();
    if Connections::load(&config.state_dir)?.find(&user).is_some() && !replace {
        return Err(anyhow!("{user} is connected already; use --replace to take the file's"));
    }
    let vault = vaults.of(&user);
    {
        let _lock = vault.lock().await?;
        vault.save(&Secret::new(carried.refresh_token)).await?;
    }
    Connections::edit(&config.state_dir, |connections| {
        connections.list.retain(|old| !old.user().eq_ignore_ascii_case(&user));
        connections.list.push(carried.connection);
        anyhow::Ok(())
    })?;
    print(&format!("imported: {user}"))
}

fn passphrase(file: Option<&Path>) -> anyhow::Result<Secret> {
    let Some(file) = file else { return prompt::secret("passphrase of the file: ") };
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}
