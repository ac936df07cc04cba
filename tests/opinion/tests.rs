//! That the reader notices what is wrong, and takes what is right.

use super::{Listener, read, read_greeting};

#[test]
fn wrong_lines_are_noticed() {
    let mut taken = Vec::new();
    for line in [
        "* 3 EXIST\r\n",
        "* EXISTS 3\r\n",
        "* 0 EXPUNGE\r\n",
        "*  3 EXISTS\r\n",
        "* 3 EXISTS \r\n",
        "* 3 EXISTS\n",
        "* 3 EXISTS\r\n* 4 EXISTS\r\n",
        "* FLAGS \\Seen\r\n",
        "* LIST () \"/\"\r\n",
        "* LIST () / INBOX\r\n",
        "* LIST () \"/\" two words\r\n",
        "* LIST () \"/\" a (\"CHILDINFO\" \"SUBSCRIBED\")\r\n",
        "* STATUS INBOX (MESSAGES)\r\n",
        "* STATUS INBOX (MESSAGES 1 SIZE -1)\r\n",
        "* SEARCH 1,2\r\n",
        "* SEARCH 1 2 MODSEQ 3\r\n",
        "* ESEARCH (TAG t1) ALL 1\r\n",
        "* ESEARCH (TAG \"t1\") UID ALL 1:*\r\n",
        "* ESEARCH (TAG \"t1\") UID COUNT\r\n",
        "* VANISHED 1:*\r\n",
        "* VANISHED (EARLY) 1\r\n",
        "* 1 FETCH (FLAGS (\\Seen)\r\n",
        "* 1 FETCH (FLAGS (\\Seen) UID)\r\n",
        "* 1 FETCH (MODSEQ 5)\r\n",
        "* 1 FETCH (BODY[] {3}\r\nab)\r\n",
        "* 1 FETCH (EMAILID (a b!))\r\n",
        "* 1 FETCH (SAVEDATE \"yesterday\")\r\n",
        "* 1 FETCH (PREVIEW words)\r\n",
        "* OK\r\n",
        "* OK [UIDNEXT x] text\r\n",
        "* OK [HIGHESTMODSEQ] text\r\n",
        "* NO [NOSUCHCODE] text\r\n",
        "t1 NO [MODIFIED a] text\r\n",
        "t1 OK [COPYUID 1 1:2] text\r\n",
        "t1 OK [APPENDUID 1 *] text\r\n",
        "t1 YES text\r\n",
        "* WORDS\r\n",
        "+\r\n",
        "* BYE\u{0}\r\n",
        "* 1 FETCH (UID 1 \u{0})\r\n",
    ] {
        taken.extend(read(line.as_bytes()).is_ok().then_some(line));
    }
    assert!(taken.is_empty(), "taken for IMAP: {taken:?}");
    for line in ["* 3 EXISTS\r\n", "* OK\r\n", "OK hello\r\n", "* NO hello\r\n"] {
        assert!(read_greeting(line.as_bytes()).is_err(), "{line:?} is taken for a greeting");
    }
}

#[test]
fn lines_of_extensions_are_understood() {
    let mut problems = Vec::new();
    for line in [
        "* ESEARCH (TAG \"t1\") UID MIN 1 MAX 9 COUNT 4 ALL 1:3,9 MODSEQ 7\r\n",
        "* ESEARCH (TAG \"t1\")\r\n",
        "* ESEARCH (TAG \"t1\") UID PARTIAL (-1:-100 NIL)\r\n",
        "* LIST (\\NonExistent) \"/\" \"a b\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n",
        "* LIST () \"/\" a (OLDNAME (b))\r\n",
        "* STATUS INBOX (MESSAGES 1 SIZE 4294967296 MAILBOXID (a_1-b) APPENDLIMIT NIL)\r\n",
        "* 1 FETCH (UID 2 EMAILID (a) THREADID NIL SAVEDATE \" 1-Jan-2026 00:00:00 +0000\")\r\n",
        "* 1 FETCH (PREVIEW {3}\r\na\"b FLAGS (\\Seen $x) MODSEQ (5))\r\n",
        "* VANISHED (EARLIER) 1:3,5\r\n",
        "* 1 FETCH (BODY (\"message\" \"global\" NIL NIL NIL \"7BIT\" 7))\r\n",
        "* 1 FETCH (BODY (\"message\" \"global\" NIL NIL NIL \"7BIT\" 7 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) (\"text\" \"plain\" NIL NIL NIL \"7BIT\" 4 1) 3))\r\n",
        "* 1 FETCH (BODY[] {3}\r\na\u{0}b)\r\n",
        "t1 OK [APPENDUID 1 2:3] text\r\n",
        "* OK [MAILBOXID (abc)] text\r\n",
        "+ \r\n",
        "+ VXNlcm5hbWU6\r\n",
        "+ Go on\r\n",
    ] {
        problems.extend(read(line.as_bytes()).err().map(|problem| (line, problem)));
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
#[should_panic(expected = "no response begins with WORDS")]
fn a_wrong_line_ends_the_conversation() {
    let mut listener = Listener::default();
    listener.hear(b"* OK hello\r\n* 1 EXI");
    listener.hear(b"STS\r\n* WORDS\r\n");
}
