//! Removing what is a tenant's, all of it or what its retention has passed, and nothing else.

use std::collections::BTreeSet;

use serde_json::json;
use tlsrpt_record::{Channel, Content, PolicyRecord, SubmissionId};
use tlsrpt_report::{ReportKey, UnixMillis, parse, redact};
use tlsrpt_store::{Erasure, ErasureState, Fate, Fates, Selection, Store, StoreConfig};

use crate::support::{PolicyExt as _, Sent, client, config, figures, id, insert, noon, policy, sent, store_in, tenant};

const ADDRESS: &str = "k3y2a7address";
const MARK: &str = "acme-secret-mark";

/// A report as its sender wrote it, about these domains.
fn document(domains: &[&str], report: u128) -> String {
    let block = |domain: &&str| {
        let mark = if domain.contains("acme") { MARK } else { "of-others" };
        json!({"policy": {"policy-type": "sts", "policy-domain": domain, "mx-host": [mark]},
               "summary": {"total-successful-session-count": 10, "total-failure-session-count": 0}})
    };
    json!({"organization-name": "Example Mail", "report-id": format!("r{report}"),
           "date-range": {"start-datetime": "2026-05-13T00:00:00Z", "end-datetime": "2026-05-13T23:59:59Z"},
           "policies": domains.iter().map(block).collect::<Vec<_>>()})
    .to_string()
}

fn mail(document: &str) -> Vec<u8> {
    format!(
        "From: Example Mail <reports@mail.example>\r\nTo: {ADDRESS}@here.example\r\nSubject: Report Domain: acme.example ({MARK})\r\n\
         TLS-Report-Domain: acme.example\r\nContent-Type: multipart/report; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nfor {MARK}\r\n--b\r\nContent-Type: application/tlsrpt+json\r\n\r\n{document}\r\n--b--\r\n"
    )
    .into_bytes()
}

/// Which documents are in a payload, each with the blocks of these keys alone.
fn shown(channel: Channel, id: SubmissionId, payload: &[u8], keys: &[ReportKey]) -> Vec<String> {
    let content = Content::open(channel, payload);
    let documents = content.documents(id.received_at()).unwrap();
    documents
        .into_iter()
        .map(|(document, context)| {
            let report = parse(document, &context).unwrap();
            let own: BTreeSet<usize> =
                report.policies.iter().filter(|policy| keys.contains(&policy.key)).map(|policy| policy.index as usize).collect();
            redact(document, |index| own.contains(&index)).unwrap()
        })
        .collect()
}

/// A submission of that document, with the rows that the normalizer makes of it: acme's and beta's domains are theirs.
fn submission(at: UnixMillis, n: u128, channel: Channel, document: &str) -> Sent {
    let payload = if channel == Channel::Smtp { mail(document) } else { document.as_bytes().to_vec() };
    let content = Content::open(channel, &payload);
    let documents = content.documents(id(at, n).received_at()).unwrap();
    let rows: Vec<PolicyRecord<'static>> = documents
        .into_iter()
        .flat_map(|(document, context)| {
            let report = parse(document, &context).unwrap();
            report.policies.iter().map(|policy| (policy.key, policy.domain.clone().unwrap().to_string())).collect::<Vec<_>>()
        })
        .map(|(key, domain)| {
            let owner = ["acme", "beta"].into_iter().find(|owner| domain.contains(owner)).unwrap_or("");
            PolicyRecord { key, ..policy(owner, crate::support::leak(domain), n) }
        })
        .collect();
    let mut sent = sent(at, n, rows);
    sent.outcome.channel = channel;
    sent.payload = payload;
    sent
}

struct Ledger {
    store: Store,
    config: StoreConfig,
    own: Sent,
    again: Sent,
    shared: Sent,
    mail: Sent,
    beta: Sent,
    beta_to_acme: Sent,
    reject: Sent,
    unclaimed: Sent,
}

impl Ledger {
    async fn fill() -> Self {
        let config = config();
        let store = store_in(&config).await;
        let mut filled = Self {
            own: submission(noon(0), 1, Channel::Https, &document(&["acme.example"], 1)),
            again: submission(noon(1), 2, Channel::Https, &document(&["acme.example"], 1)),
            shared: submission(noon(0), 3, Channel::Https, &document(&["acme.example", "beta.example", "nobody.example"], 3)),
            mail: submission(noon(0), 4, Channel::Smtp, &document(&["beta.example", "acme.example"], 4))
                .mail(tlsrpt_report::Trust::DkimAligned, false),
            beta: submission(noon(0), 5, Channel::Https, &document(&["beta.example"], 5)),
            beta_to_acme: submission(noon(0), 6, Channel::Https, &document(&["beta.example"], 6)),
            reject: sent(noon(2), 7, vec![]).rejected("no-report"),
            unclaimed: submission(noon(0), 8, Channel::Https, &document(&["nobody.example"], 8)),
            store,
            config,
        };
        filled.mail.outcome.mail.as_mut().unwrap().recipients = vec!["K3Y2A7ADDRESS+tlsrpt@here.example", "other@here.example"];
        filled.mail.outcome.mail.as_mut().unwrap().subject = "Report Domain: acme.example (acme-secret-mark)";
        filled.mail.outcome.address = None;
        for sent in [&mut filled.beta_to_acme, &mut filled.reject] {
            sent.outcome.address = Some(ADDRESS);
        }
        filled.reject.payload = MARK.as_bytes().to_vec();
        // A version of each that was superseded stays on the disk until a merge.
        insert(&filled.store, &filled.all()).await;
        let replays: Vec<Sent> =
            [&filled.own, &filled.shared].into_iter().map(|sent| sent.clone().replayed(60, policies_of(sent))).collect();
        insert(&filled.store, &replays).await;
        filled
    }

    fn all(&self) -> Vec<Sent> {
        [&self.own, &self.again, &self.shared, &self.mail, &self.beta, &self.beta_to_acme, &self.reject, &self.unclaimed]
            .map(Clone::clone)
            .to_vec()
    }

    async fn fates(&self) -> Fates {
        self.store.fates(None, None).await.unwrap()
    }

    async fn fate(&self, sent: &Sent) -> Option<Fate> {
        self.store.submission(sent.id()).await.unwrap().map(|item| item.fate)
    }

    /// What beta sees of the payloads behind its reports.
    async fn betas_view(&self) -> Vec<Vec<String>> {
        let mut views = Vec::new();
        for sent in [&self.shared, &self.mail, &self.beta, &self.beta_to_acme] {
            let key = policies_of(sent).iter().find(|policy| policy.tenant == "beta").unwrap().key;
            let raw = self.store.tenant(tenant("beta")).raw(key).await.unwrap().unwrap();
            views.push(shown(raw.channel, raw.submission_id, &raw.payload, &raw.own_keys));
        }
        views
    }

    async fn count(&self, sql: &str) -> u64 {
        client(&self.config).query(sql).fetch_one().await.unwrap()
    }

    /// Rows of any table, superseded ones included, that hold something of acme's.
    async fn traces(&self) -> u64 {
        let in_ledger = format!(
            "SELECT count() FROM submissions WHERE position(payload, '{MARK}') > 0 OR position(base64Encode(payload), 'YWNtZ') > 0 \
             OR position(subject, '{MARK}') > 0 OR position(lower(address), '{ADDRESS}') > 0 \
             OR arrayExists(r -> position(lower(r), '{ADDRESS}') > 0, recipients)"
        );
        self.count(&in_ledger).await + self.count("SELECT count() FROM reports WHERE tenant = 'acme'").await
    }
}

fn policies_of(sent: &Sent) -> Vec<PolicyRecord<'static>> {
    match &sent.outcome.outcome {
        tlsrpt_record::Outcome::Stored(policies) => policies.clone(),
        tlsrpt_record::Outcome::Rejected { .. } => Vec::new(),
    }
}

fn selection() -> Selection {
    Selection::all_of(&tenant("acme"), Some(ADDRESS))
}

async fn erase_entries(store: &Store) -> (u64, u64) {
    let (mut after, mut found) = (None, (0, 0));
    loop {
        let page = store.erase_entries(&selection(), after, noon(10)).await.unwrap();
        found = (found.0 + page.removed, found.1 + page.narrowed);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

#[tokio::test]
async fn of_an_erased_tenant_nothing_is_left_and_of_all_others_everything_is() {
    let ledger = Ledger::fill().await;
    let store = &ledger.store;
    assert_eq!(ledger.fates().await, Fates { stored: 5, duplicate: 1, unclaimed: 1, rejected: 1 });
    let (betas, before) = (figures(store, "beta").await, ledger.betas_view().await);
    assert!(ledger.traces().await > 0 && store.selected_rows(&selection()).await.unwrap() >= 3);

    assert_eq!(store.entries_left(&selection()).await.unwrap(), 6);
    let (removed, narrowed) = erase_entries(store).await;
    assert_eq!(narrowed, 3, "the shared report, the shared mail, and what was sent to the address");
    assert!(removed >= 6, "three entries whole, and the versions before the others: {removed}");
    assert_eq!(store.entries_left(&selection()).await.unwrap(), 0);
    // Between the steps too every submission of the ledger has one fate.
    let between = ledger.fates().await;
    assert_eq!(between, Fates { stored: 4, duplicate: 0, unclaimed: 1, rejected: 0 });
    assert!(store.erase_rows(&selection()).await.unwrap() >= 3);

    assert_eq!(store.selected_rows(&selection()).await.unwrap(), 0);
    assert_eq!(ledger.traces().await, 0, "superseded versions are gone too");
    assert_eq!(figures(store, "acme").await, (0, 0, 0));
    assert_eq!(figures(store, "beta").await, betas);
    assert_eq!(ledger.betas_view().await, before, "byte for byte");
    assert_eq!(ledger.fates().await, between);
    for gone in [&ledger.own, &ledger.again, &ledger.reject] {
        assert_eq!(ledger.fate(gone).await, None);
    }
    let item = store.submission(ledger.mail.id()).await.unwrap().unwrap();
    assert_eq!((item.subject, item.envelope.unwrap().recipients), (None, vec!["other@here.example".to_owned()]));
    assert_eq!((item.fate, item.report_keys.len()), (Fate::Stored, 1));
    assert_eq!(item.authentication.as_deref(), Some("dkim=pass header.d=google.com"), "the verdict on what was signed stays");
    let item = store.submission(ledger.beta_to_acme.id()).await.unwrap().unwrap();
    assert_eq!((item.address, item.payload_bytes), (None, ledger.beta_to_acme.payload.len() as u64));
    let item = store.submission(ledger.shared.id()).await.unwrap().unwrap();
    assert_eq!((item.report_keys.len(), item.address.as_deref()), (2, Some("in-box")), "the part that nobody owns is nobody's still");
    assert_eq!(ledger.fate(&ledger.unclaimed).await, Some(Fate::Unclaimed));

    assert_eq!(erase_entries(store).await, (0, 0), "doing it again finds nothing");
    assert_eq!(store.erase_rows(&selection()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_crash_between_any_two_steps_and_a_late_redelivery_are_mended_by_doing_it_again() {
    let ledger = Ledger::fill().await;
    let store = &ledger.store;
    let (betas, before) = (figures(store, "beta").await, ledger.betas_view().await);
    // The entries are done and the rows are not; then the log delivers all of it once more, as it was.
    erase_entries(store).await;
    insert(store, &ledger.all()).await;
    assert!(ledger.traces().await > 0);
    assert_eq!(ledger.betas_view().await, before, "what was inserted last is not what counts: it is older");
    erase_entries(store).await;
    store.erase_rows(&selection()).await.unwrap();
    assert_eq!(ledger.traces().await, 0);
    // And once more after everything was done, by a normalizer with an older view.
    insert(store, &ledger.all()).await;
    assert_eq!(store.entries_left(&selection()).await.unwrap(), 6);
    erase_entries(store).await;
    store.erase_rows(&selection()).await.unwrap();
    assert_eq!(ledger.traces().await, 0);
    assert_eq!((figures(store, "beta").await, ledger.betas_view().await), (betas, before));
}

#[tokio::test]
async fn a_history_that_went_to_another_tenant_is_that_tenants_and_leaves_no_trace_at_the_one_before() {
    let ledger = Ledger::fill().await;
    let store = &ledger.store;
    store.move_history(&tenant("acme"), &tenant("gamma"), &["acme.example".to_owned()]).await.unwrap();
    let gammas = figures(store, "gamma").await;
    assert_eq!(gammas, (30, 0, 3));
    erase_entries(store).await;
    store.erase_rows(&selection()).await.unwrap();
    assert_eq!(figures(store, "gamma").await, gammas);
    assert_eq!(ledger.fate(&ledger.own).await, Some(Fate::Stored));
    assert_eq!(ledger.count("SELECT count() FROM reports WHERE tenant = 'acme'").await, 0, "tombstones are traces");
    let key = policies_of(&ledger.own)[0].key;
    let raw = store.tenant(tenant("gamma")).raw(key).await.unwrap().unwrap();
    assert_eq!(raw.payload, ledger.own.payload);
}

#[tokio::test]
async fn what_was_nobodys_before_it_was_the_tenants_leaves_no_tombstone_and_does_not_come_back() {
    let ledger = Ledger::fill().await;
    let store = &ledger.store;
    let adopted = submission(noon(0), 9, Channel::Https, &document(&["acme.example"], 9));
    let mut nobodys = adopted.clone();
    nobodys.outcome.outcome =
        tlsrpt_record::Outcome::Stored(policies_of(&adopted).into_iter().map(|policy| PolicyRecord { tenant: "", ..policy }).collect());
    insert(store, &[nobodys]).await;
    assert_eq!(store.adopt(&tenant("acme"), &["acme.example".to_owned()]).await.unwrap(), 1);
    erase_entries(store).await;
    store.erase_rows(&selection()).await.unwrap();
    assert_eq!(ledger.count("SELECT count() FROM reports WHERE policy_domain = 'acme.example'").await, 0);
    assert_eq!(store.unclaimed_domains(None, 10).await.unwrap(), ["nobody.example"]);
    assert_eq!(ledger.traces().await, 0);
}

#[tokio::test]
async fn a_retention_removes_what_is_filed_under_earlier_days_and_no_other_tenants_rows() {
    let config = config();
    let store = store_in(&config).await;
    let day = crate::support::DAY;
    let of = |owner: &'static str, n: u128, days: i32| policy(owner, "example.com", n).day(day.plus(days));
    let all = [
        sent(noon(0), 1, vec![of("acme", 1, -3)]),
        sent(noon(0), 2, vec![of("acme", 2, -2)]),
        sent(noon(0), 3, vec![of("beta", 3, -3)]),
        sent(noon(0), 4, vec![of("acme", 4, -3), policy("beta", "beta.example", 4).day(day.plus(-3))]),
        // Without a day the receipt counts.
        sent(noon(-3), 5, vec![policy("acme", "example.com", 5).undated()]),
        sent(noon(0), 6, vec![policy("acme", "example.com", 6).undated()]),
    ];
    insert(&store, &all).await;
    let betas = figures(&store, "beta").await;
    let selection = Selection::before(&[tenant("acme"), tenant("gamma")], day.plus(-2));
    assert_eq!(store.selected_rows(&selection).await.unwrap(), 3);
    assert_eq!(store.erase_entries(&selection, None, noon(1)).await.unwrap().narrowed, 1);
    assert_eq!(store.erase_rows(&selection).await.unwrap(), 3);
    assert_eq!(store.selected_rows(&selection).await.unwrap(), 0);
    assert_eq!(figures(&store, "acme").await, (20, 0, 2));
    assert_eq!(figures(&store, "beta").await, betas);
    assert_eq!(store.fates(None, None).await.unwrap(), Fates { stored: 4, ..Fates::default() });
    let gone = store.submission(all[0].id()).await.unwrap();
    assert!(gone.is_none() && store.submission(all[1].id()).await.unwrap().is_some());
}

#[tokio::test]
async fn files_that_held_what_was_removed_are_counted_until_the_database_removes_them() {
    let ledger = Ledger::fill().await;
    let table = crate::support::holding("reports");
    let keep_for = async |seconds: u32| {
        let alter = format!("ALTER TABLE {table} MODIFY SETTING old_parts_lifetime = {seconds}");
        client(&ledger.config).query(&alter).execute().await.unwrap();
    };
    keep_for(86_400).await;
    ledger.store.erase_rows(&selection()).await.unwrap();
    let now = || UnixMillis(i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap());
    let removed_at = now();
    assert!(ledger.store.replaced_files(removed_at).await.unwrap() > 0);
    assert_eq!(
        ledger.store.replaced_files(UnixMillis(removed_at.0 - 3_600_000)).await.unwrap(),
        0,
        "what was replaced later is another matter"
    );
    keep_for(0).await;
    let began = std::time::Instant::now();
    while ledger.store.replaced_files(removed_at).await.unwrap() > 0 {
        assert!(began.elapsed() < std::time::Duration::from_secs(120), "the database never removes them");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn of_what_is_noted_of_an_erasure_the_latest_counts() {
    let store = store_in(&config()).await;
    let (acme, beta) = (tenant("acme"), tenant("beta"));
    assert!(store.erasures(std::slice::from_ref(&acme)).await.unwrap().is_empty());
    let begun = Erasure::requested(noon(0));
    let mut later = Erasure { state: ErasureState::WaitingForLog, raw_before: Some(noon(1)), narrowed: 7, ..begun };
    (later.reports.removed, later.key_use.left) = (5, 2);
    store.save_erasure(&acme, &later, noon(2)).await.unwrap();
    store.save_erasure(&acme, &begun, noon(1)).await.unwrap();
    store.save_erasure(&beta, &begun, noon(3)).await.unwrap();
    let noted = store.erasures(&[acme, beta, tenant("gamma")]).await.unwrap();
    assert_eq!((noted.len(), noted["acme"], noted["beta"]), (2, later, begun));
}

#[tokio::test]
async fn when_keys_of_an_erased_tenant_were_used_is_removed_and_no_others() {
    let store = store_in(&config()).await;
    let uses = [("k1", 1_700_000_000), ("k2", 1_700_000_001), ("k3", 1_700_000_002)];
    store.note_key_uses(&uses.map(|(id, at)| (id.into(), tlsrpt_report::UnixSeconds(at))).into()).await.unwrap();
    let keys = ["k1", "k3"].map(str::to_owned);
    assert_eq!(store.key_uses_left(&keys).await.unwrap(), 2);
    assert_eq!(store.erase_key_uses(&keys).await.unwrap(), 2);
    assert_eq!(store.key_uses_left(&keys).await.unwrap(), 0);
    assert_eq!(store.key_uses(["k1", "k2", "k3"].map(str::to_owned).to_vec()).await.unwrap().len(), 1);
}
