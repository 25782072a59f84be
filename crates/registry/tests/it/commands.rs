//! What each command does and refuses.

use tlsrpt_registry::{ADDRESS_CHARS, CommandError, NAME_MAX_CHARS, NewKey, TenantId};
use tlsrpt_report::UnixMillis;

use crate::harness::{Fixture, domain, opens, tenant};

/// A registry with the tenants `acme` and `bolt`.
async fn two_tenants() -> (Fixture, TenantId, TenantId) {
    let fixture = Fixture::new().await;
    for id in ["acme", "bolt"] {
        fixture.registry.create_tenant(tenant(id), id.to_owned()).await.unwrap();
    }
    (fixture, tenant("acme"), tenant("bolt"))
}

#[tokio::test]
async fn all_that_was_answered_is_there_after_a_restart() {
    let (fixture, acme, bolt) = two_tenants().await;
    let registry = &fixture.registry;
    registry.claim_domain(&acme, domain("example.com")).await.unwrap();
    registry.claim_domain(&bolt, domain("gone.example")).await.unwrap();
    registry.release_domain(&bolt, &domain("gone.example")).await.unwrap();
    let (key, secret) = registry.create_key(&acme, NewKey::named("ci")).await.unwrap();
    let (dropped, dropped_secret) = registry.create_key(&acme, NewKey::named("old")).await.unwrap();
    registry.delete_key(&acme, &dropped.id).await.unwrap();
    let tenants = registry.tenants(None, 10);
    let domains = registry.domains(&acme);

    let fixture = fixture.restart().await;
    let registry = &fixture.registry;
    assert_eq!(registry.tenants(None, 10), tenants);
    assert_eq!(registry.domains(&acme), domains);
    assert_eq!(registry.domains(&bolt), []);
    assert_eq!(registry.keys(&acme), [key]);
    assert_eq!(opens(registry, &secret), Some(acme));
    assert_eq!(opens(registry, &dropped_secret), None);
}

#[tokio::test]
async fn the_owner_is_the_closest_parent_by_labels_and_never_by_substring() {
    let (fixture, acme, bolt) = two_tenants().await;
    let registry = &fixture.registry;
    registry.claim_domain(&acme, domain("example.co")).await.unwrap();
    registry.claim_domain(&acme, domain("example.org")).await.unwrap();
    registry.claim_domain(&bolt, domain("mail.example.org")).await.unwrap();
    let owner = |name: &str| registry.owner_of(&domain(name));
    for (name, expected) in [
        ("example.co", Some(&acme)),
        ("a.b.example.co", Some(&acme)),
        ("example.com", None),
        ("badexample.co", None),
        ("co", None),
        ("example.org", Some(&acme)),
        ("www.example.org", Some(&acme)),
        ("mail.example.org", Some(&bolt)),
        ("mx.mail.example.org", Some(&bolt)),
        ("mail.example.org.test", None),
        ("xmail.example.org", Some(&acme)),
    ] {
        assert_eq!(owner(name).as_ref(), expected, "{name}");
    }
}

#[tokio::test]
async fn one_domain_is_one_however_it_is_spelt() {
    let (fixture, acme, bolt) = two_tenants().await;
    let registry = &fixture.registry;
    let (claimed, new) = registry.claim_domain(&acme, domain("Bücher.Example.")).await.unwrap();
    assert!(new);
    assert_eq!(claimed.domain.as_str(), "xn--bcher-kva.example");
    let again = registry.claim_domain(&acme, domain(" XN--BCHER-KVA.example ")).await.unwrap();
    assert_eq!(again, (claimed, false), "one's own again is no change");
    let error = registry.claim_domain(&bolt, domain("BÜCHER.example")).await.unwrap_err();
    assert!(matches!(&error, CommandError::DomainTaken { .. }), "{error}");
    assert!(!error.to_string().contains("acme"), "who owns it is nobody else's business: {error}");
}

#[tokio::test]
async fn a_public_suffix_and_a_single_label_cannot_be_claimed() {
    let (fixture, acme, _) = two_tenants().await;
    for name in ["com", "co.uk", "github.io", "localhost"] {
        let error = fixture.registry.claim_domain(&acme, domain(name)).await.unwrap_err();
        assert!(matches!(error, CommandError::PublicSuffix { .. }), "{name}: {error}");
    }
    fixture.registry.claim_domain(&acme, domain("corp.internal")).await.unwrap();
}

#[tokio::test]
async fn a_deleted_tenant_gives_its_domains_and_keys_up_and_its_id_and_address_to_nobody() {
    let (fixture, acme, bolt) = two_tenants().await;
    let registry = &fixture.registry;
    let address = registry.tenant(&acme).unwrap().address;
    registry.claim_domain(&acme, domain("example.com")).await.unwrap();
    let (_, secret) = registry.create_key(&acme, NewKey::named("ci")).await.unwrap();
    registry.delete_tenant(&acme).await.unwrap();

    let fixture = fixture.restart().await;
    let registry = &fixture.registry;
    assert_eq!(registry.tenant(&acme), None);
    assert_eq!(registry.tenant_by_address(&address), None);
    assert_eq!(opens(registry, &secret), None);
    assert_eq!(registry.owner_of(&domain("example.com")), None);
    assert_eq!((registry.domains(&acme), registry.keys(&acme)), (Vec::new(), Vec::new()));
    registry.claim_domain(&bolt, domain("example.com")).await.unwrap();
    let error = registry.create_tenant(acme.clone(), "Again".to_owned()).await.unwrap_err();
    assert!(matches!(error, CommandError::TenantTaken { .. }), "{error}");
    assert!(matches!(registry.delete_tenant(&acme).await, Err(CommandError::NoTenant { .. })));
}

#[tokio::test]
async fn what_a_deleted_tenants_traces_are_found_by_is_kept_until_it_is_erased_and_no_longer() {
    let (fixture, acme, bolt) = two_tenants().await;
    let address = fixture.registry.tenant(&acme).unwrap().address;
    let (key, _) = fixture.registry.create_key(&acme, NewKey::named("ci")).await.unwrap();
    assert!(fixture.registry.deleted(None, 10).is_empty());
    fixture.registry.delete_tenant(&acme).await.unwrap();

    let fixture = fixture.restart().await;
    let registry = &fixture.registry;
    let deleted = registry.deleted_one(&acme).unwrap();
    assert_eq!((deleted.address, deleted.keys, deleted.erased_at), (Some(address), vec![key.id], None));
    assert_eq!(registry.deleted(None, 10).into_iter().map(|deleted| deleted.id).collect::<Vec<_>>(), std::slice::from_ref(&acme));
    assert!(matches!(registry.erased(&bolt, UnixMillis(7)).await, Err(CommandError::NoTenant { .. })), "it is there");
    registry.erased(&acme, UnixMillis(7)).await.unwrap();
    registry.erased(&acme, UnixMillis(8)).await.unwrap();

    let fixture = fixture.restart().await;
    let registry = &fixture.registry;
    let deleted = registry.deleted_one(&acme).unwrap();
    assert_eq!((deleted.address, deleted.keys, deleted.erased_at), (None, Vec::new(), Some(UnixMillis(7))));
    let error = registry.create_tenant(acme, "Again".to_owned()).await.unwrap_err();
    assert!(matches!(error, CommandError::TenantTaken { .. }), "its id stays taken: {error}");
}

#[tokio::test]
async fn an_address_is_found_whatever_its_case_and_nothing_else_is() {
    let (fixture, acme, bolt) = two_tenants().await;
    let registry = &fixture.registry;
    let address = registry.tenant(&acme).unwrap().address;
    assert_eq!(address.len(), ADDRESS_CHARS);
    assert_ne!(address, registry.tenant(&bolt).unwrap().address);
    assert_eq!(registry.tenant_by_address(&address), Some(acme.clone()));
    assert_eq!(registry.tenant_by_address(&address.to_uppercase()), Some(acme));
    for other in ["", &address[1..], &format!("{address}a"), "acme", &"é".repeat(ADDRESS_CHARS / 2)] {
        assert_eq!(registry.tenant_by_address(other), None, "{other:?}");
    }
}

#[tokio::test]
async fn a_key_opens_its_own_tenant_only_and_only_whole() {
    let (fixture, acme, bolt) = two_tenants().await;
    let registry = &fixture.registry;
    let (key, secret) = registry.create_key(&acme, NewKey::named("ci")).await.unwrap();
    let (_, other) = registry.create_key(&bolt, NewKey::named("ci")).await.unwrap();
    assert!(secret.starts_with(&format!("tlsrpt_{}_", key.id)), "{secret}");
    assert_eq!(opens(registry, &secret), Some(acme.clone()));
    assert_eq!(opens(registry, &other), Some(bolt.clone()));
    let crossed = format!("tlsrpt_{}_{}", key.id, other.rsplit('_').next().unwrap());
    for wrong in ["", &secret[..secret.len() - 1], &format!("{secret}a"), &secret.to_uppercase(), &crossed, &key.id] {
        assert_eq!(opens(registry, wrong), None, "{wrong:?}");
    }
    let error = registry.delete_key(&bolt, &key.id).await.unwrap_err();
    assert!(matches!(error, CommandError::NoKey { .. }), "another tenant's key is no key: {error}");
    assert_eq!(registry.keys(&acme), [key]);
}

#[tokio::test]
async fn names_have_1_to_200_characters_and_no_control_characters() {
    let (fixture, acme, _) = two_tenants().await;
    let registry = &fixture.registry;
    for bad in [String::new(), "x".repeat(NAME_MAX_CHARS + 1), "a\nb".to_owned(), "\u{7f}".to_owned()] {
        let key = registry.create_key(&acme, NewKey::named(bad.clone())).await.unwrap_err();
        assert!(matches!(key, CommandError::Name { .. }), "{bad:?}");
        assert!(matches!(registry.create_tenant(tenant("new"), bad).await, Err(CommandError::Name { .. })));
    }
    registry.create_tenant(tenant("new"), "ü".repeat(NAME_MAX_CHARS)).await.unwrap();
}

#[tokio::test]
async fn commands_on_what_is_not_there_are_refused_and_change_nothing() {
    let (fixture, acme, _) = two_tenants().await;
    let registry = &fixture.registry;
    let nobody = tenant("nobody");
    let revision = registry.revision();
    assert!(matches!(registry.claim_domain(&nobody, domain("a.example")).await, Err(CommandError::NoTenant { .. })));
    assert!(matches!(registry.create_key(&nobody, NewKey::named("ci")).await, Err(CommandError::NoTenant { .. })));
    assert!(matches!(registry.release_domain(&acme, &domain("a.example")).await, Err(CommandError::NoDomain { .. })));
    assert!(matches!(registry.delete_key(&acme, "k").await, Err(CommandError::NoKey { .. })));
    assert!(matches!(registry.create_tenant(acme, "Again".to_owned()).await, Err(CommandError::TenantTaken { .. })));
    assert_eq!(registry.revision(), revision);
}

#[tokio::test]
async fn the_revision_rises_with_every_change() {
    let (fixture, acme, _) = two_tenants().await;
    let registry = &fixture.registry;
    let mut last = registry.revision();
    for name in ["a.example", "b.example"] {
        registry.claim_domain(&acme, domain(name)).await.unwrap();
        assert!(registry.revision() > last);
        last = registry.revision();
    }
}

#[tokio::test]
async fn tenants_are_listed_page_by_page_in_order() {
    let fixture = Fixture::new().await;
    for id in ["c", "a", "e", "b", "d"] {
        fixture.registry.create_tenant(tenant(id), id.to_owned()).await.unwrap();
    }
    fixture.registry.delete_tenant(&tenant("c")).await.unwrap();
    let page = |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(tenant);
        fixture.registry.tenants(after.as_ref(), limit).into_iter().map(|tenant| tenant.name).collect()
    };
    assert_eq!(page(None, 2), ["a", "b"]);
    assert_eq!(page(Some("b"), 2), ["d", "e"]);
    assert_eq!(page(Some("e"), 2), Vec::<String>::new());
}

#[tokio::test]
async fn a_command_is_refused_while_the_log_is_closed() {
    let (fixture, acme, _) = two_tenants().await;
    fixture.log.close();
    let error = fixture.registry.claim_domain(&acme, domain("a.example")).await.unwrap_err();
    assert!(matches!(error, CommandError::Unavailable(_)), "{error}");
    assert_eq!(fixture.registry.owner_of(&domain("a.example")), None);
}
