//! Microsoft Graph behind the seam.
