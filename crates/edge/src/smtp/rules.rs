//! What sessions keep to, however they began.

/// What sessions keep to.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Hosts that mail is received for; none is any.
    pub(crate) hosts: Vec<String>,
    pub(crate) mail_max_bytes: usize,
    pub(crate) command_max_bytes: usize,
    pub(crate) commands_max: u32,
    pub(crate) bad_commands_max: u32,
    pub(crate) recipients_max: usize,
}
