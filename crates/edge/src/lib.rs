//! The receivers: HTTPS and SMTP
