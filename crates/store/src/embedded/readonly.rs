//! What the read-only user may ask. Which tables it may read is the engine's to say, by the role that it runs under; here is what the
//! engine lets everybody do.

use super::config::READONLY_USER;
use super::exception::Exception;
use super::statement::{Kind, Lexer, Tokens};

/// What a statement of the read-only user begins with.
const READING: [&str; 7] = ["SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS"];
/// Scalar functions that reach files, the network or other programs.
const OUTSIDE: [&str; 3] = ["catboostevaluate", "file", "reversednsquery"];
/// Tables of `system` that tell what a client may want to know of the server and of what it may read; the others tell of other users'
/// statements, of files, or of settings of the server.
const OF_SYSTEM: [&str; 22] = [
    "aggregate_function_combinators",
    "build_options",
    "collations",
    "columns",
    "completions",
    "contributors",
    "data_type_families",
    "databases",
    "dictionaries",
    "formats",
    "functions",
    "keywords",
    "licenses",
    "numbers",
    "numbers_mt",
    "one",
    "settings",
    "table_engines",
    "table_functions",
    "tables",
    "time_zones",
    "zeros",
];

/// Refuses what the read-only user must not run: statements that do not read, table functions that `outside` tells to reach files,
/// the network or other programs, the scalar functions that do, and what `system` has of others. The engine's own `readonly=1` and
/// grants stand behind this, but let some of these through: `file('/etc/passwd')` is an ordinary function, and DESCRIBE opens what it
/// describes.
///
/// # Errors
/// ACCESS_DENIED, naming what is refused.
pub(super) fn check_readonly(sql: &[u8], database: Option<&str>, outside: impl Fn(&str) -> bool) -> Result<(), Exception> {
    let denied = |what: String| Exception::new(497, "ACCESS_DENIED", format!("{what} is not allowed for a read-only user"));
    if database.is_some_and(|database| database.eq_ignore_ascii_case("system")) {
        // Its tables would not have to be named with it.
        return Err(denied("The database system as the current one".to_owned()));
    }
    let tokens = Tokens { text: sql };
    let mut all = Lexer::new(sql).skip_while(|token| token.kind == Kind::Sign(b'(')).peekable();
    match all.peek() {
        Some(first) if READING.iter().any(|keyword| tokens.is(*first, keyword)) => {}
        Some(first) => return Err(denied(format!("A statement that begins with {}", tokens.name(*first)))),
        None => return Ok(()),
    }
    let (mut of_system, mut grants) = (false, false);
    while let Some(token) = all.next() {
        if !matches!(token.kind, Kind::Word | Kind::Quoted) {
            of_system &= token.kind == Kind::Sign(b'.');
            continue;
        }
        let name = tokens.name(token);
        if token.kind == Kind::Quoted && name.contains('\\') {
            // Escapes could spell any of the names below.
            return Err(denied("A quoted name with a backslash".to_owned()));
        }
        let name = name.trim_matches(['`', '"']).to_ascii_lowercase();
        let next = all.peek().map(|next| next.kind);
        // Scalar functions can also be named without a call (`APPLY file`), so their names are refused wherever they stand.
        if OUTSIDE.contains(&name.as_str()) || (next == Some(Kind::Sign(b'(')) && outside(&name)) {
            return Err(denied(format!("The function {name}")));
        }
        if of_system && !OF_SYSTEM.contains(&name.as_str()) {
            return Err(denied(format!("system.{name}")));
        }
        if name == "processlist" || (grants && name == "for") {
            return Err(denied("What SHOW tells of others".to_owned()));
        }
        grants = name == "grants";
        of_system = name == "system" && next == Some(Kind::Sign(b'.'));
    }
    Ok(())
}

/// Makes `SHOW GRANTS` tell what the read-only user may: to the engine it is a role of another user.
pub(super) fn name_own_grants(sql: &mut Vec<u8>) {
    let at = {
        let tokens = Tokens { text: sql };
        let mut all = Lexer::new(sql);
        let mut next_is = |keyword: &str| all.next().filter(|token| tokens.is(*token, keyword));
        let grants = next_is("SHOW").and_then(|_| next_is("GRANTS"));
        grants.filter(|_| next_is("FOR").is_none()).map(|grants| grants.end)
    };
    if let Some(at) = at {
        sql.splice(at..at, format!(" FOR {READONLY_USER}").into_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::name_own_grants;

    #[test]
    fn only_grants_of_oneself_get_a_name() {
        for (sql, expected) in [
            ("SHOW GRANTS", "SHOW GRANTS FOR tlsrpt_readonly"),
            ("show /* mine */ grants FORMAT JSON;", "show /* mine */ grants FOR tlsrpt_readonly FORMAT JSON;"),
            ("SHOW GRANTS FOR default", "SHOW GRANTS FOR default"),
            ("SELECT 'SHOW GRANTS'", "SELECT 'SHOW GRANTS'"),
        ] {
            let mut text = sql.as_bytes().to_vec();
            name_own_grants(&mut text);
            assert_eq!(String::from_utf8_lossy(&text), expected);
        }
    }
}
