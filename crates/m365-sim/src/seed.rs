//! Filling a tenant: a TOML description, or a person's own mail from files.
