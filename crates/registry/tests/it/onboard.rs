//! Many tenants at once.

use tlsrpt_registry::{CommandError, NewKey, Onboarding, Registry};
use tlsrpt_report::UnixMillis;

use crate::harness::{Fixture, domain, now, opens, tenant};

fn bring(id: &str, name: Option<&str>, domains: &[&str], keys: &[&str]) -> Onboarding {
    Onboarding {
        tenant: tenant(id),
        name: name.map(str::to_owned),
        domains: domains.iter().map(|name| domain(name)).collect(),
        keys: keys.iter().map(|name| NewKey::named(*name)).collect(),
    }
}

/// `new`, `same`, or why it was refused.
async fn outcomes(registry: &Registry, wanted: &[Onboarding]) -> Vec<String> {
    let outcomes = registry.onboard(wanted).await.unwrap();
    let word = |outcome: Result<tlsrpt_registry::Onboarded, CommandError>| match outcome {
        Ok(onboarded) if onboarded.is_unchanged() => "same".to_owned(),
        Ok(_) => "new".to_owned(),
        Err(error) => format!("{error:?}").split([' ', '(']).next().unwrap().to_owned(),
    };
    outcomes.into_iter().map(word).collect()
}

#[tokio::test]
async fn one_batch_brings_tenants_domains_and_keys_and_the_same_again_changes_nothing() {
    let fixture = Fixture::new().await;
    let registry = &fixture.registry;
    let batch = [
        bring("acme", Some("Acme"), &[], &[]),
        bring("acme", None, &["example.com"], &[]),
        bring("acme", None, &[], &["ci"]),
        bring("bolt", Some("Bolt"), &["bolt.example", "bolt.example", "other.example"], &["ci", "grafana"]),
    ];
    let onboarded = registry.onboard(&batch).await.unwrap();
    let onboarded: Vec<_> = onboarded.into_iter().map(Result::unwrap).collect();
    let parts: Vec<_> = onboarded.iter().map(|line| (line.is_new, line.new_domains, line.new_keys.len())).collect();
    assert_eq!(parts, [(true, 0, 0), (false, 1, 0), (false, 0, 1), (true, 2, 2)]);
    assert_eq!(onboarded[1].address, registry.tenant(&tenant("acme")).unwrap().address);
    assert_eq!(opens(registry, &onboarded[2].new_keys[0].1), Some(tenant("acme")));
    assert_eq!(opens(registry, &onboarded[3].new_keys[1].1), Some(tenant("bolt")));

    let fixture = fixture.restart().await;
    let registry = &fixture.registry;
    let revision = registry.revision();
    assert_eq!(outcomes(registry, &batch).await, ["same"; 4]);
    assert_eq!(registry.revision(), revision, "nothing was written");
    assert_eq!(registry.owner_of(&domain("mx.other.example")), Some(tenant("bolt")));
    assert_eq!(opens(registry, &onboarded[3].new_keys[0].1), Some(tenant("bolt")));
}

#[tokio::test]
async fn a_refused_line_leaves_nothing_of_itself_and_the_lines_beside_it_alone() {
    let fixture = Fixture::new().await;
    let registry = &fixture.registry;
    registry.create_tenant(tenant("gone"), "Gone".to_owned()).await.unwrap();
    registry.delete_tenant(&tenant("gone")).await.unwrap();
    registry.create_tenant(tenant("old"), "Old".to_owned()).await.unwrap();
    registry.claim_domain(&tenant("old"), domain("taken.example")).await.unwrap();
    let expired = NewKey { expires_at: Some(UnixMillis(1)), ..NewKey::named("late") };
    let batch = [
        bring("a", Some("A"), &["a.example"], &[]),
        bring("b", Some("B"), &["b.example", "taken.example"], &["ci"]),
        bring("b", None, &["b.example"], &[]),
        bring("c", Some("C"), &["a.example"], &[]),
        bring("d", Some("D"), &["co.uk"], &[]),
        bring("gone", Some("Again"), &[], &[]),
        bring("old", Some("Another"), &["old.example"], &[]),
        bring("e", Some(""), &[], &[]),
        Onboarding { keys: vec![expired], ..bring("f", Some("F"), &["f.example"], &[]) },
        bring("a", Some("A"), &["b.example"], &["ci"]),
    ];
    let refused = ["DomainTaken", "NoTenant", "DomainTaken", "PublicSuffix", "TenantTaken", "TenantNamed", "Name", "Expiry"];
    let expected: Vec<&str> = ["new"].into_iter().chain(refused).chain(["new"]).collect();
    assert_eq!(outcomes(registry, &batch).await, expected);
    let there: Vec<String> = registry.tenants(None, 10).into_iter().map(|tenant| tenant.id.to_string()).collect();
    assert_eq!(there, ["a", "old"]);
    assert_eq!(registry.owner_of(&domain("b.example")), Some(tenant("a")));
    assert_eq!(registry.owner_of(&domain("f.example")), None);
    assert_eq!(registry.domains(&tenant("old")).len(), 1);
}

#[tokio::test]
async fn a_key_whose_namesake_has_expired_is_made_anew() {
    let fixture = Fixture::new().await;
    let registry = &fixture.registry;
    let soon = NewKey { expires_at: Some(UnixMillis(now().0 + 3_000)), ..NewKey::named("ci") };
    let batch = [Onboarding { keys: vec![soon], ..bring("a", Some("A"), &[], &[]) }];
    assert_eq!(outcomes(registry, &batch).await, ["new"]);
    let wanted = [bring("a", None, &[], &["ci"])];
    assert_eq!(outcomes(registry, &wanted).await, ["same"]);
    tokio::time::sleep(std::time::Duration::from_millis(3_050)).await;
    assert_eq!(outcomes(registry, &wanted).await, ["new"]);
}

#[tokio::test]
async fn settings_and_names_change_alone_and_stay_after_a_restart() {
    use tlsrpt_registry::{RuleSettings, SettingsChange, TenantSettings};
    let fixture = Fixture::new().await;
    let registry = &fixture.registry;
    let acme = tenant("acme");
    let made = registry.create_tenant(acme.clone(), "Acme".to_owned()).await.unwrap();
    assert_eq!(made.settings, TenantSettings::default());
    let days = Some(90_u64.try_into().unwrap());
    registry.change_settings(&acme, SettingsChange { retention_days: Some(days), ..Default::default() }).await.unwrap();
    let trust = Some(tlsrpt_report::Trust::DkimOther);
    let changed = registry.change_settings(&acme, SettingsChange { minimum_trust: Some(trust), ..Default::default() }).await.unwrap();
    assert_eq!(changed.settings, TenantSettings { retention_days: days, minimum_trust: trust, ..Default::default() });
    let renamed = registry.rename_tenant(&acme, "Acme & Sons".to_owned()).await.unwrap();
    assert_eq!((&*renamed.name, &renamed.address, renamed.settings), ("Acme & Sons", &made.address, changed.settings));
    let revision = registry.revision();
    registry.rename_tenant(&acme, "Acme & Sons".to_owned()).await.unwrap();
    assert_eq!(registry.revision(), revision, "the same name again is no change");
    let fixture = fixture.restart().await;
    let registry = &fixture.registry;
    assert_eq!(registry.tenant(&acme), Some(renamed));
    let unset = SettingsChange { retention_days: Some(None), ..Default::default() };
    let changed = registry.change_settings(&acme, unset).await.unwrap();
    assert_eq!(changed.settings, TenantSettings { minimum_trust: trust, ..Default::default() });
    let numbers = SettingsChange { testing_days: Some(Some(21)), sessions_min: Some(Some(1_000)), ..Default::default() };
    registry.change_settings(&acme, numbers).await.unwrap();
    let changed = registry.change_settings(&acme, SettingsChange { testing_days: Some(None), ..Default::default() }).await.unwrap();
    let rule = RuleSettings { sessions_min: Some(1_000), ..Default::default() };
    assert_eq!(changed.settings, TenantSettings { minimum_trust: trust, rule, ..Default::default() });
    assert!(matches!(registry.rename_tenant(&tenant("nobody"), "N".to_owned()).await, Err(CommandError::NoTenant { .. })));
}
