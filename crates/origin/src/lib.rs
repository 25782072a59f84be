//! Who sent a mail: DKIM, SPF and the connecting host's name, and the verdict that follows.
