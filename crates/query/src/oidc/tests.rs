//! What is taken and what is refused, token by token, without an issuer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use ring::hmac;
use serde_json::{Value, json};
use tlsrpt_registry::{Scope, Scopes};
use tlsrpt_report::UnixMillis;

use super::{
    Audience, Issuer, OidcConfig, Refusal, TOKEN_MAX_BYTES, TokenGrant, claims, is_token,
    jws::Jws,
    keys::Keys,
    signer::{Signer, base64url},
};

const ISSUER: &str = "https://login.example/realms/mail";
const AUDIENCE: &str = "https://reports.example";
const NOW: i64 = 1_800_000_000;

const ALGORITHMS: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

fn config() -> OidcConfig {
    OidcConfig::new(Issuer::parse(ISSUER).unwrap(), Audience::parse(AUDIENCE).unwrap())
}

fn claims_of_acme() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 300, "sub": "alice", "tenant": "acme", "scope": "openid read"})
}

/// The claims with this one changed; null takes it away.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims_of_acme();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().shift_remove(name)),
        value => claims[name] = value,
    }
    claims
}

fn set(keys: &[Value]) -> Keys {
    Keys::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn check_by(config: &OidcConfig, keys: &Keys, token: &str) -> Result<TokenGrant, Refusal> {
    claims::grant(&Jws::parse(token)?.verified(keys)?, config, UnixMillis(NOW * 1000))
}

fn check(keys: &Keys, token: &str) -> Result<TokenGrant, Refusal> {
    check_by(&config(), keys, token)
}

#[test]
fn a_token_of_each_algorithm_opens_its_tenant_with_its_scopes() {
    for algorithm in ALGORITHMS {
        let signer = Signer::new("1", algorithm);
        let grant =
            check(&set(&[signer.jwk()]), &signer.token(&claims_of_acme())).unwrap_or_else(|refusal| panic!("{algorithm}: {refusal:?}"));
        assert_eq!((grant.tenant.as_str(), &*grant.subject), ("acme", "alice"));
        assert_eq!(grant.scopes, [Scope::Read].into_iter().collect::<Scopes>());
        // Another key of the same name and kind signed none of it.
        let other = Signer::new("1", algorithm);
        assert_eq!(check(&set(&[other.jwk()]), &signer.token(&claims_of_acme())), Err(Refusal::Signature), "{algorithm}");
    }
}

#[test]
fn a_signature_of_rfc_8037_is_verified() {
    // RFC 8037 A.2 and A.4: the payload is no claims, and that is found out only after the signature.
    let keys = set(&[json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})]);
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
                 hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(Jws::parse(token).unwrap().verified(&keys).unwrap(), b"Example of Ed25519 signing");
}

#[test]
fn without_a_signature_of_the_issuers_nothing_is_opened() {
    let signer = Signer::new("1", "RS256");
    let jwk = signer.jwk();
    let keys = set(std::slice::from_ref(&jwk));
    let token = signer.token(&claims_of_acme());
    assert!(check(&keys, &token).is_ok());

    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    for none in ["none", "None", "NONE", ""] {
        let header = base64url(json!({"alg": none, "kid": "1"}).to_string());
        for signature in ["", signature] {
            assert_eq!(check(&keys, &format!("{header}.{payload}.{signature}")), Err(Refusal::Algorithm), "{none}");
        }
    }
    // The public key as a shared secret, in each form in which it is public.
    let modulus = jwk["n"].as_str().unwrap();
    let raw = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, modulus).unwrap();
    for secret in [jwk.to_string().into_bytes(), modulus.as_bytes().to_vec(), raw] {
        let signed = format!("{}.{payload}", base64url(json!({"alg": "HS256", "kid": "1"}).to_string()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
        assert_eq!(check(&keys, &format!("{signed}.{}", base64url(tag))), Err(Refusal::Algorithm));
    }
    // Nothing but the signature of this very text.
    assert_eq!(check(&keys, &format!("{signed}.")), Err(Refusal::Signature));
    assert_eq!(
        check(&keys, &format!("{header}.{}.{signature}", base64url(with("tenant", json!("beta")).to_string()))),
        Err(Refusal::Signature)
    );
    // A key of the attacker's own, that the header brings along or names the place of.
    let attacker = Signer::new("evil", "RS256");
    for header in [
        json!({"alg": "RS256", "jwk": attacker.jwk()}),
        json!({"alg": "RS256", "kid": "1", "jwk": attacker.jwk()}),
        json!({"alg": "RS256", "kid": "1", "jku": "https://evil.example/jwks", "x5u": "https://evil.example/x5u"}),
    ] {
        assert_eq!(check(&keys, &attacker.token_headed(&header, &claims_of_acme())), Err(Refusal::Signature), "{header}");
    }
}

#[test]
fn a_key_checks_what_it_is_for_and_nothing_else() {
    let (rsa, p256, p384) = (Signer::new("rsa", "RS256"), Signer::new("p256", "ES256"), Signer::new("p384", "ES384"));
    let keys = set(&[rsa.numbers(), p256.jwk(), p384.jwk(), rsa.jwk()]);
    let headed = |signer: &Signer, algorithm: &str, kid: &str| {
        check(&keys, &signer.token_headed(&json!({"alg": algorithm, "kid": kid}), &claims_of_acme()))
    };
    assert!(headed(&rsa, "RS256", "rsa").is_ok() && headed(&p256, "ES256", "p256").is_ok());
    // The key of one algorithm, by the name of another.
    for (signer, algorithm, kid) in [
        (&rsa, "ES256", "rsa"),
        (&rsa, "RS512", "rsa"),
        (&rsa, "PS256", "rsa"),
        (&rsa, "RS256", "p256"),
        (&p256, "ES384", "p256"),
        (&p256, "RS256", "p256"),
        (&p384, "ES256", "p384"),
        (&p256, "EdDSA", "p256"),
    ] {
        assert_eq!(headed(signer, algorithm, kid), Err(Refusal::Algorithm), "{algorithm} {kid}");
    }
    assert_eq!(headed(&p256, "ES256", "p512"), Err(Refusal::UnknownKey));

    // Keys for something else are as none.
    for members in [
        json!({"kid": "rsa", "use": "enc"}),
        json!({"kid": "rsa", "key_ops": ["encrypt", "wrapKey"]}),
        json!({"kid": "rsa", "alg": "RSA-OAEP"}),
        json!({"kid": "rsa", "alg": "HS256"}),
        json!({"kid": "rsa", "alg": "ES256"}),
    ] {
        let keys = set(&[rsa.jwk_with(&members)]);
        assert_eq!(check(&keys, &rsa.token(&claims_of_acme())), Err(Refusal::UnknownKey), "{members}");
    }
    for members in [json!({"kid": "rsa"}), json!({"kid": "rsa", "use": "sig"}), json!({"kid": "rsa", "key_ops": ["verify"]})] {
        assert!(check(&set(&[rsa.jwk_with(&members)]), &rsa.token(&claims_of_acme())).is_ok(), "{members}");
    }
}

#[test]
fn a_token_without_a_key_id_is_taken_when_there_is_one_key_that_fits() {
    let (one, two, other) = (Signer::new("1", "ES256"), Signer::new("2", "ES256"), Signer::new("3", "EdDSA"));
    let token = one.token_headed(&json!({"alg": "ES256"}), &claims_of_acme());
    assert!(check(&set(&[one.jwk(), other.jwk()]), &token).is_ok());
    assert_eq!(check(&set(&[one.jwk(), two.jwk()]), &token), Err(Refusal::UnknownKey));
    assert_eq!(check(&set(&[other.jwk()]), &token), Err(Refusal::UnknownKey));
}

#[test]
fn keys_that_are_not_understood_are_passed_over() {
    let good = Signer::new("good", "ES256");
    let numbers = good.numbers();
    let (x, y) = (&numbers["x"], &numbers["y"]);
    let keys = set(&[
        json!("key"),
        json!({}),
        json!({"kty": "oct", "k": "AAAA", "kid": "good"}),
        json!({"kty": "EC", "crv": "P-521", "x": x, "y": y, "kid": "a"}),
        json!({"kty": "EC", "crv": "P-384", "x": x, "y": y, "kid": "b"}),
        json!({"kty": "EC", "crv": "P-256", "x": x, "kid": "c"}),
        json!({"kty": "EC", "crv": "P-256", "x": "!", "y": y, "kid": "d"}),
        json!({"kty": "RSA", "n": x, "e": "AQAB", "kid": "short"}),
        json!({"kty": "RSA", "n": "AAAA", "e": "AQAB", "kid": "zero"}),
        json!({"kty": "OKP", "crv": "X25519", "x": x, "kid": "e"}),
        json!({"kty": "ML-DSA", "kid": "f"}),
        good.jwk(),
    ]);
    assert_eq!(keys.len(), 1);
    assert!(check(&keys, &good.token(&claims_of_acme())).is_ok());
    for document in ["", "[]", "{}", r#"{"keys":{}}"#, "<html>"] {
        assert!(Keys::read(document.as_bytes()).is_err(), "{document}");
    }
    // However many there are.
    assert_eq!(set(&vec![good.jwk(); 1_000]).len(), 64);
}

#[test]
fn each_claim_is_checked() {
    let signer = Signer::new("1", "EdDSA");
    let keys = set(&[signer.jwk()]);
    let refused = |claims: &Value, refusal: Refusal| assert_eq!(check(&keys, &signer.token(claims)), Err(refusal), "{claims}");
    let taken = |claims: &Value| assert!(check(&keys, &signer.token(claims)).is_ok(), "{claims}");

    for other in [json!(null), json!("https://login.example/realms/mail/"), json!("https://LOGIN.example/realms/mail"), json!([ISSUER])] {
        refused(&with("iss", other), Refusal::Issuer);
    }
    for other in [json!(null), json!("other"), json!([]), json!(["other"]), json!({AUDIENCE: 1}), json!("https://reports.example ")] {
        refused(&with("aud", other), Refusal::Audience);
    }
    taken(&with("aud", json!(["other", AUDIENCE])));
    for other in [json!(null), json!(NOW - 60), json!(0), json!(-1), json!("2100-01-01"), json!((NOW + 300).to_string()), json!(true)] {
        refused(&with("exp", other), Refusal::Expired);
    }
    // Within the skew; RFC 7519 2 has fractions too.
    taken(&with("exp", json!(NOW - 59)));
    taken(&with("exp", json!(1_799_999_940.5)));
    for other in [json!(NOW + 61), json!("now"), json!(1e300)] {
        refused(&with("nbf", other), Refusal::NotYet);
    }
    taken(&with("nbf", json!(NOW + 60)));
    for other in [json!(null), json!(""), json!(7), json!("a\nb"), json!("zoë"), json!("x".repeat(256))] {
        refused(&with("sub", other), Refusal::Subject);
    }
    taken(&with("sub", json!("x".repeat(255))));
    for other in [json!(null), json!(""), json!("Acme"), json!("acme/../beta"), json!(["acme"]), json!(1), json!("x".repeat(64))] {
        refused(&with("tenant", other), Refusal::Tenant);
    }
}

#[test]
fn tokens_of_another_kind_are_refused() {
    let signer = Signer::new("1", "EdDSA");
    let keys = set(&[signer.jwk()]);
    let headed = |header: Value| check(&keys, &signer.token_headed(&header, &claims_of_acme())).err();
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "JWT", "jwt"] {
        assert_eq!(headed(json!({"alg": "EdDSA", "typ": typ})), None, "{typ}");
    }
    for typ in ["", "logout+jwt", "dpop+jwt", "secevent+jwt", "application/", "JWE", "application/application/jwt"] {
        assert_eq!(headed(json!({"alg": "EdDSA", "typ": typ})), Some(Refusal::WrongType), "{typ}");
    }
    // What ID tokens and bound tokens have, and access tokens have not.
    for (claim, value) in [
        ("at_hash", json!("x")),
        ("c_hash", json!("x")),
        ("s_hash", json!("x")),
        ("token_use", json!("id")),
        ("typ", json!("ID")),
        ("typ", json!("Refresh")),
        ("cnf", json!({"jkt": "x"})),
    ] {
        assert_eq!(check(&keys, &signer.token(&with(claim, value))), Err(Refusal::WrongType), "{claim}");
    }
    for (claim, value) in [("token_use", "access"), ("typ", "Bearer")] {
        assert!(check(&keys, &signer.token(&with(claim, json!(value)))).is_ok(), "{claim}");
    }
    // An extension that has to be understood.
    let header = json!({"alg": "EdDSA", "crit": ["b64"], "b64": false});
    assert_eq!(headed(header), Some(Refusal::Malformed));
}

#[test]
fn scopes_and_the_tenant_come_from_the_claims_that_are_named() {
    let signer = Signer::new("1", "EdDSA");
    let keys = set(&[signer.jwk()]);
    let scopes = |config: &OidcConfig, claims: &Value| check_by(config, &keys, &signer.token(claims)).unwrap().scopes;
    let some = |scopes: &[Scope]| scopes.iter().copied().collect::<Scopes>();
    let plain = config();
    for (claim, expected) in [
        (json!(null), &[] as &[Scope]),
        (json!(""), &[]),
        (json!("openid admin READ"), &[]),
        (json!("metrics  read fly"), &[Scope::Read, Scope::Metrics]),
        (json!(["export", 7, "read export"]), &[Scope::Export]),
        (json!({"read": true}), &[]),
    ] {
        assert_eq!(scopes(&plain, &with("scope", claim.clone())), some(expected), "{claim}");
    }
    let named = OidcConfig {
        tenant_claim: "https://reports.example/tenant".to_owned(),
        scopes_claim: "permissions".to_owned(),
        scope_prefix: "tlsrpt:".to_owned(),
        ..config()
    };
    let mut claims = with("https://reports.example/tenant", json!("beta"));
    claims["permissions"] = json!(["tlsrpt:metrics", "read", "other:export"]);
    let grant = check_by(&named, &keys, &signer.token(&claims)).unwrap();
    assert_eq!((grant.tenant.as_str(), grant.scopes), ("beta", some(&[Scope::Metrics])));
    // A claim with a meaning of its own may be the tenant's too.
    let by_client = OidcConfig { tenant_claim: "sub".to_owned(), ..config() };
    assert_eq!(check_by(&by_client, &keys, &signer.token(&claims)).unwrap().tenant.as_str(), "alice");
}

#[test]
fn what_is_no_token_is_refused_and_never_panics() {
    let signer = Signer::new("1", "EdDSA");
    let keys = set(&[signer.jwk()]);
    let good = signer.token(&claims_of_acme());
    let header = base64url(json!({"alg": "EdDSA"}).to_string());
    let too_long = signer.token(&with("filler", json!("x".repeat(TOKEN_MAX_BYTES))));
    for token in [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "e30.e30.",
        &format!("{good}.x"),
        &format!("{good}="),
        &format!(" {good}"),
        &format!("{}.e30.AAAA", base64url("{\"alg\":1}")),
        &format!("{}.e30.AAAA", base64url("[]")),
        &too_long,
        &format!("{}.e30.AAAA", base64url("{\"alg\":\"EdDSA\",\"alg\":\"RS256\"}")),
        &signer.token_headed(&json!({"alg": "EdDSA", "kid": 1}), &claims_of_acme()),
        &signer.token_headed(&json!({"alg": "EdDSA"}), &json!("claims")),
    ] {
        assert_eq!(check(&keys, token), Err(Refusal::Malformed), "{token}");
    }
    assert_eq!(check(&keys, &format!("{header}.e30.AAAA")), Err(Refusal::Signature));
    // Every prefix, and every byte turned.
    for end in 0..good.len() {
        assert!(check(&keys, &good[..end]).is_err(), "{end}");
        let mut bytes = good.clone().into_bytes();
        bytes[end] ^= 1;
        assert!(check(&keys, &String::from_utf8(bytes).unwrap()).is_err(), "{end}");
    }
}

#[test]
fn a_token_is_told_from_a_key_by_its_form() {
    let signer = Signer::new("1", "EdDSA");
    for token in [&*signer.token(&claims_of_acme()), "a.b.c", "e30.e30."] {
        assert!(is_token(token), "{token}");
    }
    for key in ["tlsrpt_abc_def", "admin", "", "a.b", ".b.c", "a..c", "a.b.c.d", "a.b.c.", "a b.c.d", "a.b.c="] {
        assert!(!is_token(key), "{key}");
    }
}
