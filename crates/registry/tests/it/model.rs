//! Random commands against a model that is too simple to be wrong.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tlsrpt_registry::{CommandError, NewKey, Onboarded, Onboarding, RegistrySize, TenantId};

use crate::harness::{Fixture, domain, opens, tenant};

const TENANTS: [&str; 3] = ["acme", "bolt", "core"];
const DOMAINS: [&str; 6] = ["example.org", "mail.example.org", "a.mail.example.org", "badexample.org", "example.co", "x.test"];

#[derive(Clone, Debug)]
enum Step {
    Create(usize),
    Delete(usize),
    Claim(usize, usize),
    Release(usize, usize),
    AddKey(usize),
    DropKey(usize, usize),
    /// Lines of tenant, whether it is named, domains, and whether it brings a key.
    Onboard(Vec<(usize, bool, Vec<usize>, bool)>),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let (tenant, name, names) = (0..TENANTS.len(), 0..DOMAINS.len(), 0..DOMAINS.len());
    prop_oneof![
        3 => tenant.clone().prop_map(Step::Create),
        1 => tenant.clone().prop_map(Step::Delete),
        8 => (tenant.clone(), name.clone()).prop_map(|(tenant, name)| Step::Claim(tenant, name)),
        4 => (tenant.clone(), name).prop_map(|(tenant, name)| Step::Release(tenant, name)),
        3 => tenant.clone().prop_map(Step::AddKey),
        2 => (tenant.clone(), 0..4_usize).prop_map(|(tenant, key)| Step::DropKey(tenant, key)),
        4 => prop::collection::vec((tenant, any::<bool>(), prop::collection::vec(names, 0..3), any::<bool>()), 0..6).prop_map(Step::Onboard),
        1 => Just(Step::Restart),
    ]
}

#[derive(Default)]
struct Model {
    /// Whether each tenant that ever was is there.
    tenants: BTreeMap<TenantId, bool>,
    claims: BTreeMap<&'static str, TenantId>,
    /// Tenant, key id, secret.
    keys: Vec<(TenantId, String, String)>,
    /// Secrets that must open nothing any more.
    dead: Vec<String>,
}

impl Model {
    fn is_live(&self, id: &TenantId) -> bool {
        self.tenants.get(id) == Some(&true)
    }

    /// The claim with the longest name that is `name` or ends in a dot and it.
    fn owner_of(&self, name: &str) -> Option<TenantId> {
        let covers = |claimed: &str| name == claimed || name.ends_with(&format!(".{claimed}"));
        self.claims.iter().filter(|(claimed, _)| covers(claimed)).max_by_key(|(claimed, _)| claimed.len()).map(|(_, id)| id.clone())
    }

    /// One line of a batch: refused and without a trace, or all of it, as the commands one by one would have done it.
    fn onboard(&mut self, wanted: &Onboarding, domains: &[usize], outcome: Result<Onboarded, CommandError>) {
        let id = &wanted.tenant;
        let is_new = !self.tenants.contains_key(id);
        let fits = if is_new { wanted.name.is_some() } else { self.is_live(id) };
        let names: BTreeSet<&'static str> = domains.iter().map(|&d| DOMAINS[d]).collect();
        let is_free = names.iter().all(|name| self.claims.get(name).is_none_or(|owner| owner == id));
        let Ok(onboarded) = outcome else {
            assert!(!fits || !is_free, "{wanted:?}: {outcome:?}");
            return;
        };
        assert!(fits && is_free, "{wanted:?}: {onboarded:?}");
        assert_eq!(onboarded.is_new, is_new);
        assert_eq!(onboarded.new_domains, names.iter().filter(|name| !self.claims.contains_key(*name)).count());
        assert_eq!(onboarded.new_keys.is_empty(), wanted.keys.is_empty() || self.keys.iter().any(|(owner, ..)| owner == id));
        self.tenants.insert(id.clone(), true);
        self.claims.extend(names.into_iter().map(|name| (name, id.clone())));
        self.keys.extend(onboarded.new_keys.into_iter().map(|(key, secret)| (id.clone(), key.id, secret)));
    }

    fn drop_keys(&mut self, dead: impl Fn(&TenantId, &str) -> bool) {
        let (gone, kept) = std::mem::take(&mut self.keys).into_iter().partition(|(tenant, id, _)| dead(tenant, id));
        self.keys = kept;
        self.dead.extend(gone.into_iter().map(|(_, _, secret)| secret));
    }
}

fn onboarding(t: usize, named: bool, domains: &[usize], key: bool) -> Onboarding {
    Onboarding {
        tenant: tenant(TENANTS[t]),
        name: named.then(|| "Name".to_owned()),
        domains: domains.iter().map(|&d| domain(DOMAINS[d])).collect(),
        keys: key.then(|| NewKey::named("key")).into_iter().collect(),
    }
}

async fn run(steps: Vec<Step>) {
    let mut fixture = Fixture::new().await;
    let mut model = Model::default();
    for step in steps {
        let registry = &fixture.registry;
        match step {
            Step::Create(t) => {
                let id = tenant(TENANTS[t]);
                let created = registry.create_tenant(id.clone(), "Name".to_owned()).await;
                assert_eq!(created.is_ok(), !model.tenants.contains_key(&id));
                model.tenants.entry(id).or_insert(true);
            }
            Step::Delete(t) => {
                let id = tenant(TENANTS[t]);
                assert_eq!(registry.delete_tenant(&id).await.is_ok(), model.is_live(&id));
                if model.is_live(&id) {
                    model.tenants.insert(id.clone(), false);
                    model.claims.retain(|_, owner| *owner != id);
                    model.drop_keys(|tenant, _| *tenant == id);
                }
            }
            Step::Claim(t, d) => {
                let (id, name) = (tenant(TENANTS[t]), DOMAINS[d]);
                match (registry.claim_domain(&id, domain(name)).await, model.claims.get(name)) {
                    (Err(CommandError::NoTenant { .. }), _) => assert!(!model.is_live(&id)),
                    (Err(CommandError::DomainTaken { .. }), Some(owner)) => assert_ne!(*owner, id),
                    (Ok((_, new)), owner) => {
                        assert!(model.is_live(&id));
                        assert_eq!(new, owner.is_none());
                        assert!(owner.is_none_or(|owner| *owner == id));
                        model.claims.insert(name, id);
                    }
                    (outcome, owner) => panic!("{outcome:?} with owner {owner:?}"),
                }
            }
            Step::Release(t, d) => {
                let (id, name) = (tenant(TENANTS[t]), DOMAINS[d]);
                let released = registry.release_domain(&id, &domain(name)).await.is_ok();
                assert_eq!(released, model.claims.get(name) == Some(&id));
                if released {
                    model.claims.remove(name);
                }
            }
            Step::AddKey(t) => {
                let id = tenant(TENANTS[t]);
                match registry.create_key(&id, NewKey::named("key")).await {
                    Ok((key, secret)) => {
                        assert!(model.is_live(&id));
                        model.keys.push((id, key.id, secret));
                    }
                    Err(_) => assert!(!model.is_live(&id)),
                }
            }
            Step::DropKey(t, k) => {
                let id = tenant(TENANTS[t]);
                if let Some((owner, key, _)) = model.keys.get(k).cloned() {
                    assert_eq!(registry.delete_key(&id, &key).await.is_ok(), owner == id);
                    if owner == id {
                        model.drop_keys(|_, dead| dead == key);
                    }
                }
            }
            Step::Onboard(lines) => {
                let wanted: Vec<Onboarding> = lines.iter().map(|(t, named, domains, key)| onboarding(*t, *named, domains, *key)).collect();
                let outcomes = registry.onboard(&wanted).await.unwrap();
                assert_eq!(outcomes.len(), wanted.len());
                for ((wanted, (.., domains, _)), outcome) in wanted.iter().zip(&lines).zip(outcomes) {
                    model.onboard(wanted, domains, outcome);
                }
            }
            Step::Restart => fixture = fixture.restart().await,
        }
        check(&fixture, &model);
    }
}

/// The registry shows what the model says, from every side.
fn check(fixture: &Fixture, model: &Model) {
    let registry = &fixture.registry;
    for name in DOMAINS.iter().copied().chain(["b.example.co", "org", "example.com"]) {
        assert_eq!(registry.owner_of(&domain(name)), model.owner_of(name), "{name}");
    }
    let live: Vec<&TenantId> = model.tenants.iter().filter(|(_, live)| **live).map(|(id, _)| id).collect();
    let tenants = registry.tenants(None, 10);
    assert_eq!(tenants.iter().map(|tenant| &tenant.id).collect::<Vec<_>>(), live);
    for tenant in &tenants {
        assert_eq!(registry.tenant_by_address(&tenant.address).as_ref(), Some(&tenant.id));
        let claimed: Vec<&str> = model.claims.iter().filter(|(_, owner)| **owner == tenant.id).map(|(name, _)| *name).collect();
        let shown = registry.domains(&tenant.id);
        assert_eq!(shown.iter().map(|claimed| claimed.domain.as_str()).collect::<Vec<_>>(), claimed);
        assert_eq!(registry.keys(&tenant.id).len(), model.keys.iter().filter(|(owner, ..)| *owner == tenant.id).count());
    }
    let size = RegistrySize { tenants: live.len(), domains: model.claims.len(), keys: model.keys.len() };
    assert_eq!(registry.size(), size);
    for (owner, _, secret) in &model.keys {
        assert_eq!(opens(registry, secret).as_ref(), Some(owner));
    }
    for secret in &model.dead {
        assert_eq!(opens(registry, secret), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_commands_and_restarts_agrees_with_the_model(steps in prop::collection::vec(step(), 1..40)) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(run(steps));
    }
}
