//! Keys: what they open, until when, and what follows them.

use std::time::Duration;

use tlsrpt_registry::{CommandError, NewKey, OVERLAP_MAX, Role, Scope, Scopes};
use tlsrpt_report::UnixMillis;

use crate::harness::{Fixture, now, opens, tenant};

const DAY: Duration = Duration::from_secs(86_400);

fn after(at: UnixMillis, time: Duration) -> UnixMillis {
    UnixMillis(at.0 + i64::try_from(time.as_millis()).unwrap())
}

async fn acme() -> (Fixture, tlsrpt_registry::TenantId) {
    let fixture = Fixture::new().await;
    let acme = tenant("acme");
    fixture.registry.create_tenant(acme.clone(), "Acme".to_owned()).await.unwrap();
    (fixture, acme)
}

#[tokio::test]
async fn a_key_opens_its_scopes_until_it_expires_and_after_a_restart_too() {
    let (fixture, acme) = acme().await;
    let (until, scopes) = (after(now(), DAY), [Scope::Read, Scope::Metrics].into_iter().collect::<Scopes>());
    let wanted = NewKey { name: "grafana".to_owned(), scopes, expires_at: Some(until) };
    let (key, secret) = fixture.registry.create_key(&acme, wanted).await.unwrap();
    assert_eq!((key.scopes, key.expires_at), (scopes, Some(until)));
    let fixture = fixture.restart().await;
    let grant = |at| fixture.registry.authenticate(&secret, at);
    let granted = grant(UnixMillis(until.0 - 1)).unwrap();
    assert_eq!((granted.tenant, &*granted.key_id, granted.scopes), (acme.clone(), &*key.id, scopes));
    assert_eq!(grant(until), None, "from that moment on");
    assert_eq!(fixture.registry.keys(&acme), [key], "it is listed all the same");
}

#[tokio::test]
async fn a_key_that_could_open_nothing_is_not_made() {
    let (fixture, acme) = acme().await;
    let wanted = |scopes, expires_at| NewKey { name: "ci".to_owned(), scopes, expires_at };
    let none = fixture.registry.create_key(&acme, wanted(std::iter::empty().collect(), None)).await.unwrap_err();
    assert!(matches!(none, CommandError::NoScopes), "{none}");
    let past = fixture.registry.create_key(&acme, wanted(Scopes::ALL, Some(UnixMillis(now().0 - 1)))).await.unwrap_err();
    assert!(matches!(past, CommandError::Expiry), "{past}");
    let past = fixture.registry.create_operator_key("night".to_owned(), Role::Support, Some(UnixMillis(1))).await.unwrap_err();
    assert!(matches!(past, CommandError::Expiry), "{past}");
    assert_eq!((fixture.registry.keys(&acme), fixture.registry.operator_keys()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_rotated_key_and_its_follower_both_work_during_the_overlap_and_then_the_follower_alone() {
    let (fixture, acme) = acme().await;
    let registry = &fixture.registry;
    let wanted = NewKey { scopes: [Scope::Read].into_iter().collect(), ..NewKey::named("ci") };
    let (first, first_secret) = registry.create_key(&acme, wanted).await.unwrap();
    let (second, second_secret, old) = registry.rotate_key(&acme, &first.id, DAY).await.unwrap();
    assert_eq!((&second.name, second.scopes, second.expires_at), (&first.name, first.scopes, None));
    assert_eq!((&old.id, &old.followed_by), (&first.id, &Some(second.id.clone())));
    let ends = old.expires_at.unwrap();
    assert!(ends <= after(now(), DAY) && ends > after(now(), DAY / 2));
    assert_eq!((opens(registry, &first_secret), opens(registry, &second_secret)), (Some(acme.clone()), Some(acme.clone())));
    assert!(registry.authenticate(&first_secret, ends).is_none() && registry.authenticate(&second_secret, ends).is_some());

    // The same again, because the answer was lost, say.
    let again = registry.rotate_key(&acme, &first.id, DAY).await.unwrap_err();
    assert!(matches!(&again, CommandError::KeyFollowed { by, .. } if *by == second.id), "{again}");
    let (third, _, old) = registry.rotate_key(&acme, &second.id, Duration::ZERO).await.unwrap();
    assert_eq!(opens(registry, &second_secret), None, "without an overlap it ends at once");
    assert_eq!(old.followed_by, Some(third.id));
    let ended = registry.rotate_key(&acme, &second.id, DAY).await.unwrap_err();
    assert!(matches!(ended, CommandError::KeyExpired { .. }), "{ended}");
}

#[tokio::test]
async fn a_key_that_was_made_for_a_time_is_followed_by_one_for_as_long_and_never_outlives_its_own_end() {
    let (fixture, acme) = acme().await;
    let until = after(now(), 2 * DAY);
    let (first, _) = fixture.registry.create_key(&acme, NewKey { expires_at: Some(until), ..NewKey::named("ci") }).await.unwrap();
    let (second, _, old) = fixture.registry.rotate_key(&acme, &first.id, 2 * OVERLAP_MAX).await.unwrap();
    assert_eq!(old.expires_at, Some(until));
    let lifetime = |key: &tlsrpt_registry::ApiKey| key.expires_at.unwrap().0 - key.created_at.0;
    assert_eq!(lifetime(&second), lifetime(&first));
    let (third, _) = fixture.registry.create_key(&acme, NewKey::named("other")).await.unwrap();
    let (.., old) = fixture.registry.rotate_key(&acme, &third.id, 2 * OVERLAP_MAX).await.unwrap();
    assert!(old.expires_at.unwrap() <= after(now(), OVERLAP_MAX), "the overlap is bounded");
}

#[tokio::test]
async fn another_tenants_key_cannot_be_rotated() {
    let (fixture, acme) = acme().await;
    fixture.registry.create_tenant(tenant("bolt"), "Bolt".to_owned()).await.unwrap();
    let (key, secret) = fixture.registry.create_key(&acme, NewKey::named("ci")).await.unwrap();
    let error = fixture.registry.rotate_key(&tenant("bolt"), &key.id, DAY).await.unwrap_err();
    assert!(matches!(error, CommandError::NoKey { .. }), "{error}");
    assert_eq!((fixture.registry.keys(&acme), opens(&fixture.registry, &secret)), (vec![key], Some(acme)));
}

#[tokio::test]
async fn an_operators_key_has_its_role_until_it_is_deleted_and_opens_nothing_of_a_tenants() {
    let (fixture, _) = acme().await;
    let registry = &fixture.registry;
    let (admin, admin_secret) = registry.create_operator_key("deploy".to_owned(), Role::Admin, None).await.unwrap();
    let until = after(now(), DAY);
    let (support, support_secret) = registry.create_operator_key("night".to_owned(), Role::Support, Some(until)).await.unwrap();
    assert!(support_secret.starts_with(&format!("tlsrptop_{}_", support.id)), "{support_secret}");
    assert_eq!(opens(registry, &admin_secret), None);

    let fixture = fixture.restart().await;
    let registry = &fixture.registry;
    let role = |secret: &str, at| registry.authenticate_operator(secret, at).map(|grant| grant.role);
    assert_eq!((role(&admin_secret, now()), role(&support_secret, now())), (Some(Role::Admin), Some(Role::Support)));
    assert_eq!(role(&support_secret, until), None);
    assert_eq!(role(&admin_secret[..admin_secret.len() - 1], now()), None);
    assert_eq!(role(&admin_secret.replace("tlsrptop_", "tlsrpt_"), now()), None);
    let mut both = [admin.clone(), support];
    both.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    assert_eq!(registry.operator_keys(), both, "by when they were made, those of one millisecond by their ids");
    registry.delete_operator_key(&admin.id).await.unwrap();
    assert_eq!(role(&admin_secret, now()), None);
    assert!(matches!(registry.delete_operator_key(&admin.id).await, Err(CommandError::NoKey { .. })));
    assert!(matches!(registry.create_operator_key(String::new(), Role::Admin, None).await, Err(CommandError::Name { .. })));
}
