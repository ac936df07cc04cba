//! The sign-in against the simulated tenant.
