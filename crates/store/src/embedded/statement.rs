//! Just enough of ClickHouse's lexer to know where a statement ends, where an INSERT's data begins, and what it names.

use super::exception::Exception;

/// A lexical unit of SQL; comments and blanks are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A bare word: keyword, identifier or number.
    Word,
    /// An identifier in backquotes or double quotes.
    Quoted,
    /// A string in single quotes, or a heredoc.
    Text,
    /// Any other byte.
    Sign(u8),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    start: usize,
    pub(super) end: usize,
}

pub(super) struct Lexer<'text> {
    text: &'text [u8],
    at: usize,
}

impl<'text> Lexer<'text> {
    pub(super) fn new(text: &'text [u8]) -> Self {
        Self { text, at: 0 }
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn rest(&self) -> &'text [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Moves behind the next `needle`, or to the end.
    fn skip_past(&mut self, needle: &[u8]) {
        let found = self.rest().windows(needle.len()).position(|window| window == needle);
        self.at = found.map_or(self.text.len(), |found| self.at + found + needle.len());
    }

    fn skip_blanks_and_comments(&mut self) {
        while self.at < self.text.len() {
            match (self.byte(0), self.byte(1)) {
                (b'-', b'-') | (b'#', b' ' | b'!') => self.skip_past(b"\n"),
                (b'/', b'*') => {
                    self.at += 2;
                    self.skip_past(b"*/");
                }
                // The no-break space and the byte order mark count as blanks, as in ClickHouse.
                (0xC2, 0xA0) => self.at += 2,
                (0xEF, 0xBB) if self.byte(2) == 0xBF => self.at += 3,
                (byte, _) if byte.is_ascii_whitespace() || byte == 0x0B => self.at += 1,
                _ => break,
            }
        }
    }

    fn skip_quoted(&mut self, quote: u8) {
        self.at += 1;
        while self.at < self.text.len() {
            match self.byte(0) {
                b'\\' => self.at += 2,
                byte if byte == quote && self.byte(1) == quote => self.at += 2,
                byte if byte == quote => {
                    self.at += 1;
                    return;
                }
                _ => self.at += 1,
            }
        }
        self.at = self.text.len();
    }

    /// The tag of a heredoc, `$tag$`, if one begins here.
    fn heredoc(&self) -> Option<&'text [u8]> {
        let length = self.rest().iter().skip(1).position(|byte| *byte == b'$')? + 2;
        let tag = self.rest().get(..length)?;
        tag.get(1..length - 1)?.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').then_some(tag)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.skip_blanks_and_comments();
        let start = self.at;
        let first = *self.text.get(start)?;
        let kind = match first {
            b'\'' => {
                self.skip_quoted(b'\'');
                Kind::Text
            }
            b'`' | b'"' => {
                self.skip_quoted(first);
                Kind::Quoted
            }
            b'$' if self.heredoc().is_some() => {
                let tag = self.heredoc().unwrap_or_default();
                self.at += tag.len();
                self.skip_past(tag);
                Kind::Text
            }
            byte if is_word(byte) => {
                while is_word(self.byte(0)) && self.at < self.text.len() {
                    self.at += 1;
                }
                Kind::Word
            }
            byte => {
                self.at += 1;
                Kind::Sign(byte)
            }
        };
        Some(Token { kind, start, end: self.at.min(self.text.len()) })
    }
}

/// One statement, and the data that follows an INSERT.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Statement {
    /// An INSERT that takes data.
    Insert {
        /// Length of the statement without FORMAT or VALUES.
        head_length: usize,
        /// The format it names.
        format: Option<String>,
        /// Where data begins in the text.
        data_at: usize,
    },
    /// Anything else.
    Other {
        /// Length without a closing semicolon and what follows.
        length: usize,
        /// The format that a FORMAT clause names.
        format: Option<String>,
        /// Its result is no plain sequence of rows (WITH TOTALS, settings of arrays of rows): it is given whole.
        whole: bool,
    },
}

impl Statement {
    /// Reads the statement at the beginning of `text`. For an INSERT, `text` may hold a part of the data, or none.
    ///
    /// # Errors
    /// Several statements at once, files of the client (INTO OUTFILE, FROM INFILE), a semicolon between FORMAT and data.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Exception> {
        let tokens = Tokens { text };
        match tokens.insert() {
            Some(insert) => insert,
            None => tokens.other(),
        }
    }
}

/// What tokens say.
pub(super) struct Tokens<'text> {
    pub(super) text: &'text [u8],
}

impl Tokens<'_> {
    pub(super) fn is(&self, token: Token, keyword: &str) -> bool {
        token.kind == Kind::Word && self.bytes(token).eq_ignore_ascii_case(keyword.as_bytes())
    }

    fn bytes(&self, token: Token) -> &[u8] {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    pub(super) fn name(&self, token: Token) -> String {
        String::from_utf8_lossy(self.bytes(token)).into_owned()
    }

    /// None when it is no INSERT with data.
    fn insert(&self) -> Option<Result<Statement, Exception>> {
        let mut tokens = Lexer::new(self.text).peekable();
        if !self.is(tokens.next()?, "INSERT") {
            return None;
        }
        // The table's name may be any word, so it is passed before keywords are looked for.
        for keyword in ["INTO", "TABLE", "FUNCTION"] {
            if tokens.peek().is_some_and(|token| self.is(*token, keyword)) {
                tokens.next();
            }
        }
        let mut end = tokens.next().map_or(self.text.len(), |table| table.end);
        while tokens.next_if(|token| token.kind == Kind::Sign(b'.')).is_some() {
            end = tokens.next().map_or(self.text.len(), |table| table.end);
        }
        let mut depth = 0_usize;
        while let Some(token) = tokens.next() {
            match token.kind {
                Kind::Sign(b'(') => {
                    depth += 1;
                    // INSERT INTO t (SELECT …): a query, no list of columns.
                    if tokens.peek().is_some_and(|next| self.is(*next, "SELECT") || self.is(*next, "WITH")) {
                        return None;
                    }
                }
                Kind::Sign(b')') => depth = depth.saturating_sub(1),
                Kind::Sign(b';') if depth == 0 => {
                    return Some(Ok(Statement::Insert { head_length: token.start, format: None, data_at: token.end }));
                }
                Kind::Word if depth == 0 => {
                    if ["SELECT", "WITH", "FROM", "WATCH"].iter().any(|keyword| self.is(token, keyword)) {
                        return None;
                    }
                    if self.is(token, "VALUES") {
                        let format = Some("Values".to_owned());
                        return Some(Ok(Statement::Insert { head_length: token.start, format, data_at: token.end }));
                    }
                    if self.is(token, "FORMAT") && tokens.peek().is_some_and(|next| next.kind == Kind::Word) {
                        let format = tokens.next()?;
                        return Some(self.data_after(format.end).map(|data_at| Statement::Insert {
                            head_length: token.start,
                            format: Some(self.name(format)),
                            data_at,
                        }));
                    }
                }
                _ => {}
            }
            end = token.end;
        }
        Some(Ok(Statement::Insert { head_length: end, format: None, data_at: self.text.len() }))
    }

    /// Data begins behind the blanks after the format's name and one line break.
    fn data_after(&self, mut at: usize) -> Result<usize, Exception> {
        let byte = |at: usize| self.text.get(at).copied();
        if byte(at) == Some(b';') {
            // A lone semicolon closes the statement; with data behind it, it is ClickHouse's error.
            if (Lexer { text: self.text, at: at + 1 }).next().is_none() {
                return Ok(self.text.len());
            }
            return Err(Exception::new(62, "SYNTAX_ERROR", "You have excessive ';' symbol before data for INSERT"));
        }
        while matches!(byte(at), Some(b' ' | b'\t' | 0x0C)) {
            at += 1;
        }
        if byte(at) == Some(b'\r') {
            at += 1;
        }
        if byte(at) == Some(b'\n') {
            at += 1;
        }
        Ok(at)
    }

    fn other(&self) -> Result<Statement, Exception> {
        let mut tokens = Lexer::new(self.text).peekable();
        let (mut format, mut whole, mut depth, mut length) = (None, false, 0_usize, 0);
        while let Some(token) = tokens.next() {
            match token.kind {
                Kind::Sign(b'(') => depth += 1,
                Kind::Sign(b')') => depth = depth.saturating_sub(1),
                Kind::Sign(b';') => {
                    if tokens.any(|next| next.kind != Kind::Sign(b';')) {
                        return Err(Exception::new(62, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed)"));
                    }
                    break;
                }
                Kind::Word if self.is(token, "FORMAT") && depth == 0 => {
                    if let Some(name) = tokens.peek().filter(|next| next.kind == Kind::Word) {
                        format = Some(self.name(*name));
                    }
                }
                Kind::Word if self.is(token, "FROM") && tokens.peek().is_some_and(|next| self.is(*next, "INFILE")) => {
                    return Err(Exception::new(78, "UNKNOWN_TYPE_OF_QUERY", "FROM INFILE is for clients: send the data itself"));
                }
                Kind::Word if self.is(token, "INTO") && tokens.peek().is_some_and(|next| self.is(*next, "OUTFILE")) => {
                    return Err(Exception::new(358, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed"));
                }
                Kind::Word if ["TOTALS", "extremes", "output_format_json_array_of_rows"].iter().any(|word| self.is(token, word)) => {
                    whole = true;
                }
                _ => {}
            }
            length = token.end;
        }
        if length == 0 {
            return Err(Exception::new(62, "SYNTAX_ERROR", "Syntax error: Empty query"));
        }
        Ok(Statement::Other { length, format, whole })
    }
}

/// Whether a statement sets something for the statements after it: settings, the database, temporary tables.
pub(super) fn changes_session(sql: &[u8]) -> bool {
    let tokens = Tokens { text: sql };
    let mut words = Lexer::new(sql);
    let Some(first) = words.next() else { return false };
    let is_temporary = || words.take(3).any(|word| tokens.is(word, "TEMPORARY"));
    tokens.is(first, "SET") || tokens.is(first, "USE") || (tokens.is(first, "CREATE") && is_temporary())
}
