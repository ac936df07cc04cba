//! The simulated tenant as a program: prints one JSON line when it is ready, then serves until it is interrupted.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use m365_sim::seed::{self, Seed};
use m365_sim::{Clock, Role, Tenant};
use serde_json::json;
use tokio::net::TcpListener;

/// Scopes of the refresh tokens that are printed.
const SCOPES: &str = "Mail.ReadWrite Mail.Send User.Read offline_access openid profile";

/// A simulated Microsoft 365 tenant.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8365")]
    listen: SocketAddr,
    /// A person of the tenant; may be given more than once. Without --seed and --user: the demo mailbox.
    #[arg(long)]
    user: Vec<String>,
    /// One of them who may consent for the whole organisation; may be given more than once.
    #[arg(long)]
    admin: Vec<String>,
    /// Generated messages in each inbox.
    #[arg(long, default_value_t = 0)]
    messages: u32,
    /// An .eml file, an mbox, a Maildir or a folder of them, for the first person's inbox.
    #[arg(long)]
    mail: Option<PathBuf>,
    /// A TOML description of people, folders and mail.
    #[arg(long)]
    seed: Option<PathBuf>,
    /// The client id that the printed refresh tokens are for.
    #[arg(long, default_value = "demo")]
    client_id: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let tenant = tenant(&options)?;
    let listener = TcpListener::bind(options.listen).await.context("cannot listen")?;
    let running = tenant.serve(listener).await;
    let people = tenant.users().into_iter().map(|user| {
        let token = tenant.grant(&user, &options.client_id, SCOPES);
        json!({"address": user, "client_id": options.client_id, "refresh_token": token})
    });
    let ready = json!({"ready": true, "url": running.url(), "users": people.collect::<Vec<_>>()});
    writeln!(std::io::stdout(), "{ready}")?;
    tokio::signal::ctrl_c().await?;
    running.shutdown().await;
    Ok(())
}

fn tenant(options: &Options) -> anyhow::Result<Tenant> {
    let tenant = match &options.seed {
        Some(path) => {
            let text = fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            seeded(&text)?
        }
        None if options.user.is_empty() => seeded(seed::DEMO)?,
        None => Tenant::builder().build(),
    };
    for user in &options.user {
        let name = user.split('@').next().unwrap_or(user);
        tenant.add_user(user, name);
    }
    for user in &options.admin {
        tenant.entra().set_role(user, Role::Administrator);
    }
    let first = options.user.first().cloned().or_else(|| tenant.users().into_iter().next());
    let first = first.context("the tenant has no people")?;
    for user in tenant.users().iter().filter(|_| options.messages > 0) {
        tenant.person(user).inbox().seed(options.messages);
    }
    if let Some(path) = &options.mail {
        let mail =
            seed::load_mail(path).with_context(|| format!("cannot read {}", path.display()))?;
        seed::put_mail(&tenant.person(&first), mail, tenant.clock().now());
    }
    Ok(tenant)
}

fn seeded(text: &str) -> anyhow::Result<Tenant> {
    let seed = Seed::parse(text).map_err(anyhow::Error::msg)?;
    Ok(seed.build(Clock::real()))
}
