#[derive(Debug, clap::Args)]
pub struct Options;
pub async fn run(_o: Options) -> anyhow::Result<()> { Ok(()) }
