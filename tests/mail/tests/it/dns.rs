//! Knot, asked by Python.

use tlsrpt_mail_peers::{Authority, Clients, Dns, Peers};

/// Asks for an address as a program does that knows nothing of name servers.
const RESOLVE: &str = "
import socket, sys
try:
    print(socket.gethostbyname(sys.argv[1]))
except socket.gaierror as error:
    print({socket.EAI_NONAME: 'no such name', socket.EAI_AGAIN: 'no answer'}[error.errno])
";

#[test]
fn a_name_server_knows_what_it_is_told_while_it_runs_and_that_there_is_nothing_else() {
    let Some(peers) = Peers::here() else { return };
    let mut dns = Dns::start(&peers, "mx.reports.example. A 127.0.0.9");
    let clients = Clients::new(&peers, &Authority::new());
    clients.machine().name_server(dns.machine().address());
    let ask = |name: &str| clients.python(RESOLVE, &[name], b"").succeeded().trim().to_owned();

    assert_eq!(ask("mx.reports.example"), "127.0.0.9");
    assert_eq!(ask("other.example"), "no such name");
    dns.add("other.example. A 127.0.0.10");
    assert_eq!(ask("other.example"), "127.0.0.10");
    dns.remove("mx.reports.example. A 127.0.0.9");
    assert_eq!(ask("mx.reports.example"), "no such name");
    dns.stop();
    assert_eq!(ask("other.example"), "no answer");
    dns.start_again();
    assert_eq!(ask("other.example"), "127.0.0.10");
}
