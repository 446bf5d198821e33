//! Secrets that only their words tell, in a log.

use cli::masked::mask;

#[test]
fn values_that_are_called_secret_are_blacked_out_and_nothing_around_them() {
    for (line, masked) in [
        ("Authorization: Bearer abc.d-ef_g== next", "Authorization: Bearer [secret] next"),
        ("authorization=bearer\tabcdef, more", "authorization=bearer\t[secret], more"),
        ("password=hunter2 user=me", "password=[secret] user=me"),
        ("PASSWORD = hunter2", "PASSWORD = [secret]"),
        ("db_password='two words' x", "db_password='[secret]' x"),
        ("?token=abc&page=2", "?token=[secret]&page=2"),
        (r#"{"api_key": "a b", "height": 7}"#, r#"{"api_key": "[secret]", "height": 7}"#),
        (r#"{"line":"{\"secret\":\"abc\"}"}"#, r#"{"line":"{\"secret\":\"[secret]\"}"}"#),
        ("token=Bearer abc x", "token=Bearer [secret] x"),
        ("two: token=a, secret=b", "two: token=[secret], secret=[secret]"),
        ("a password=a\nb key=c\n", "a password=[secret]\nb key=[secret]\n"),
        ("password='never closed", "password='[secret]"),
        ("ünï password=größe ende", "ünï password=[secret] ende"),
    ] {
        assert_eq!(mask(line), masked, "{line}");
    }
    for plain in [
        "",
        "the bearer",
        "bearer",
        "key: rpc.listen was changed",
        "a token of this node, and its keys",
        "password= ",
        "height=7 hash=ab token",
        "no newline at the end\n\n",
    ] {
        assert_eq!(mask(plain), plain, "nothing here is a secret");
    }
}
