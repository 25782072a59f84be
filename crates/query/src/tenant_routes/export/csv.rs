//! A line of CSV (RFC 4180).

/// What a cell may not begin with, since a spreadsheet takes it for a formula; senders choose much of what stands in a report.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Puts the cells behind `out`, with the line's end.
pub(super) fn write_line<'a>(out: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    for (at, cell) in cells.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_cell(out, cell);
    }
    out.push_str("\r\n");
}

/// Quoted where RFC 4180 2.6 wants it. A text that a spreadsheet would run gets a `'` before it, which shows it as a text.
fn write_cell(out: &mut String, cell: &str) {
    let is_formula = cell.starts_with(FORMULA_STARTS);
    let is_quoted = cell.contains(['"', ',', '\r', '\n']) || cell.starts_with(' ') || cell.ends_with(' ');
    if is_quoted {
        out.push('"');
    }
    if is_formula {
        out.push('\'');
    }
    if is_quoted {
        out.push_str(&cell.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cells: &[&str], line: &str) {
        let mut out = String::new();
        write_line(&mut out, cells.iter().copied());
        assert_eq!(out, format!("{line}\r\n"));
    }

    #[test]
    fn cells_with_commas_quotes_and_line_ends_are_quoted_and_no_others() {
        check(&["a", "", "b c", "x=1"], "a,,b c,x=1");
        check(&["a,b", "say \"no\"", "two\r\nlines", " blank "], "\"a,b\",\"say \"\"no\"\"\",\"two\r\nlines\",\" blank \"");
    }

    #[test]
    fn no_cell_is_a_formula_to_a_spreadsheet() {
        check(&["=1+1", "+49", "-1", "@cmd", "\tx"], "'=1+1,'+49,'-1,'@cmd,'\tx");
        check(&["=HYPERLINK(\"http://x\",\"y\")"], "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
    }
}
