//! The views for whoever reads the database beside the service: they show what its own statements show.

use std::collections::BTreeMap;

use clickhouse::Row;
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde::Deserialize;
use tlsrpt_record::{FailureRecord, PolicyRecord};
use tlsrpt_report::{PolicyClass, ResultType, Trust};
use tlsrpt_store::{
    FailureDimension, FailureOrder, Filter, IncidentDimension, IncidentFilter, IncidentSort, SeriesDimension, Step, Store, StoreConfig,
};

use crate::support::{DAY, POINTS_MAX, PolicyExt as _, Sent, client, config, failure, insert, noon, policy, sent, store_in, tenant};

const OWNERS: [&str; 3] = ["acme", "beta", ""];
const DOMAINS: [&str; 3] = ["example.com", "example.net", "mail.example.com"];
const ORGANIZATIONS: [&str; 3] = ["Example Mail", " example mail", "Other"];
/// Days before the receipt; none: undated.
const REPORTED_BEFORE: [Option<i32>; 7] = [Some(0), Some(1), Some(5), Some(9), Some(20), Some(39), None];
const CLASSES: [PolicyClass; 4] = [PolicyClass::Sts, PolicyClass::Tlsa, PolicyClass::NoPolicyFound, PolicyClass::Other];
const RESULTS: [ResultType; 2] = [ResultType::CertificateExpired, ResultType::StarttlsNotSupported];
const ADDRESSES: [Option<&str>; 4] = [Some("192.0.2.7"), Some("192.0.2.200"), Some("2001:db8:7:1::1"), None];

/// Report (and so its day and organisation), domain (and so owner), class, sessions, and failure details by result, MX, address and sessions.
type Drawn = (u128, usize, usize, u64, u64, Vec<(usize, bool, usize, u64)>, Trust);

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let details = prop::collection::vec((0..RESULTS.len(), any::<bool>(), 0..ADDRESSES.len(), 0u64..9), 0..4);
    let trust = prop::sample::select(Trust::ALL.to_vec());
    // Great, and their sums still exact.
    let sessions = prop_oneof![4 => 0u64..1000, 1 => Just(1 << 48)];
    let one = (0u128..12, 0..DOMAINS.len(), 0..CLASSES.len(), sessions, 0u64..50, details, trust);
    prop::collection::vec(one, 20..60)
}

fn row(one: &Drawn) -> PolicyRecord<'static> {
    let (report, domain, class, ok, bad, details, _) = one;
    let days = REPORTED_BEFORE[*report as usize % REPORTED_BEFORE.len()].map(|days| DAY.plus(-days));
    let organization = ORGANIZATIONS[*report as usize % ORGANIZATIONS.len()];
    let mut row = policy(OWNERS[*domain], DOMAINS[*domain], *report).class(CLASSES[*class]).sessions(*ok, *bad).from(organization);
    row = match days {
        Some(day) => row.day(day),
        None => row.undated(),
    };
    for &(result, other_mx, address, sessions) in details {
        row = row.detail(FailureRecord {
            result: RESULTS[result],
            sending_ip: ADDRESSES[address].map(|ip| ip.parse().unwrap()),
            receiving_mx: if other_mx { "mx2.example.com" } else { "mx1.example.com" },
            sessions: Some(sessions),
            ..failure()
        });
    }
    row
}

/// What a name or a group has: numbers as they are compared, whole.
type Figures = BTreeMap<String, Vec<u64>>;

#[derive(Row, Deserialize)]
struct FiguresRow {
    name: String,
    figures: Vec<f64>,
}

/// What a statement answers that has the columns `name` and `figures`.
async fn view(config: &StoreConfig, sql: &str) -> Figures {
    let rows: Vec<FiguresRow> = client(config).query_raw(sql).fetch_all().await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    rows.into_iter().map(|row| (row.name, row.figures.into_iter().map(|figure| figure as u64).collect())).collect()
}

async fn check(config: &StoreConfig, store: &Store, owner: &'static str, filter: &Filter) {
    let trust: Vec<String> = filter.trust.iter().map(|trust| format!("'{}'", trust.as_str())).collect();
    let parameters = format!("from = toDate({}), to = toDate({}), trust = [{}]", filter.from.0, filter.to.0, trust.join(", "));
    let of = format!("WHERE tenant = '{owner}'");
    let queries = store.tenant(tenant(owner));

    let sums = "[sum(successful_sessions), sum(failed_sessions), toFloat64(uniqExactArray(documents))]";
    let domains = queries.domains(filter).await.unwrap();
    let expected = domains.into_iter().map(|(name, of)| (name, vec![of.successful_sessions, of.failed_sessions, of.reports])).collect();
    let shown =
        view(config, &format!("SELECT domain AS name, {sums} AS figures FROM counted_sessions({parameters}) {of} GROUP BY domain")).await;
    assert_eq!(shown, expected, "by domain: {filter:?}");

    let reporters = queries.reporters(filter, filter.from).await.unwrap();
    let expected = reporters
        .into_iter()
        .map(|of| (of.name.to_lowercase(), vec![of.successful_sessions, of.failed_sessions, of.reports, of.verified_sessions]));
    let sums = "[sum(successful_sessions), sum(failed_sessions), toFloat64(uniqExactArray(documents)), sum(verified_sessions)]";
    let shown =
        view(config, &format!("SELECT reporter AS name, {sums} AS figures FROM counted_sessions({parameters}) {of} GROUP BY reporter"))
            .await;
    assert_eq!(shown, expected.collect(), "by reporter: {filter:?}");

    let points = queries.timeseries(filter, Step::Day, &[SeriesDimension::Domain], POINTS_MAX).await.unwrap();
    let expected = points
        .into_iter()
        .map(|point| (format!("{} {}", point.t, point.group.as_str().unwrap()), vec![point.successful_sessions, point.failed_sessions]))
        .filter(|(_, figures)| figures != &[0, 0]);
    let days = format!(
        "SELECT concat(toString(day), ' ', domain) AS name, [sum(successful_sessions), sum(failed_sessions)] AS figures \
         FROM counted_sessions({parameters}) {of} GROUP BY day, domain HAVING figures != [0, 0]"
    );
    assert_eq!(view(config, &days).await, expected.collect(), "by day: {filter:?}");

    for (names, by) in [
        ("'result_type'", &[FailureDimension::ResultType][..]),
        ("'receiving_mx'", &[FailureDimension::ReceivingMx]),
        ("'result_type', 'receiving_mx'", &[FailureDimension::ResultType, FailureDimension::ReceivingMx]),
    ] {
        let groups = queries.failures(filter, by, FailureOrder::default()).await.unwrap();
        let expected = groups.into_iter().map(|group| {
            let names = ["result_type", "receiving_mx"].into_iter().filter_map(|name| group.group.get(name)?.as_str());
            (names.collect::<Vec<_>>().join(" "), vec![group.failed_sessions])
        });
        let sql = format!(
            "SELECT arrayStringConcat(dimensions, ' ') AS name, [sum(failed_sessions)] AS figures \
             FROM counted_failures({parameters}, by = [{names}]) {of} GROUP BY dimensions"
        );
        assert_eq!(view(config, &sql).await, expected.collect(), "by {names}: {filter:?}");
    }
}

/// Whatever senders send: under several policy types, twice, better verified, undated, and for nobody.
#[tokio::test]
async fn each_view_shows_what_the_service_shows_whatever_was_reported() {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]));
    for _ in 0..4 {
        let drawn = drawn().new_tree(&mut runner).unwrap().current();
        let config = config();
        let store = store_in(&config).await;
        let mut all: Vec<Sent> = Vec::new();
        for (number, one) in drawn.iter().enumerate() {
            let at = tlsrpt_report::UnixMillis(noon(0).0 + number as i64);
            all.push(sent(at, number as u128, vec![row(one)]).trust(one.6));
        }
        all.push(sent(noon(1), 1000, Vec::new()).rejected("no-report"));
        insert(&store, &all).await;

        let verified = Filter { trust: vec![Trust::DkimOther, Trust::DkimAligned], ..Filter::period(DAY.plus(-39), DAY) };
        for filter in [Filter::period(DAY.plus(-39), DAY.plus(1)), Filter::period(DAY.plus(-10), DAY.plus(-3)), verified] {
            for owner in ["acme", "beta"] {
                check(&config, &store, owner, &filter).await;
            }
        }
        operators_figures(&config, &store).await;
    }
}

async fn operators_figures(config: &StoreConfig, store: &Store) {
    let (from, to) = (DAY.plus(-39), DAY);
    let parameters = format!("from = toDate({}), to = toDate({}), trust = []", from.0, to.0);
    let filter = IncidentFilter { from, to, trust: Vec::new(), tenants_min: 0, sort: IncidentSort::Tenants, descending: true, limit: 100 };
    let incidents = store.incidents(&filter, &[IncidentDimension::SendingNet]).await.unwrap();
    let expected = incidents
        .into_iter()
        .map(|one| (one.group["sending_net"].as_str().unwrap_or_default().to_owned(), vec![one.failed_sessions, one.tenants]));
    let sql = format!(
        "SELECT dimensions[1] AS name, [sum(failed_sessions), toFloat64(uniqExactIf(tenant, tenant != ''))] AS figures \
         FROM counted_failures({parameters}, by = ['sending_net']) GROUP BY name"
    );
    assert_eq!(view(config, &sql).await, expected.collect());

    let unclaimed = store.unclaimed(100).await.unwrap();
    let expected = unclaimed.into_iter().map(|one| (one.domain, vec![one.reports, one.sessions]));
    let everything = "from = toDate('1970-01-01'), to = toDate('2149-06-06'), trust = []";
    let sql = format!(
        "SELECT domain AS name, [toFloat64(uniqExactArray(documents)), sum(successful_sessions + failed_sessions)] AS figures \
         FROM counted_sessions({everything}) WHERE tenant = '' GROUP BY domain"
    );
    assert_eq!(view(config, &sql).await, expected.collect());

    let fates = store.fates(Some(DAY), Some(DAY.plus(1))).await.unwrap();
    let expected = [("stored", fates.stored), ("duplicate", fates.duplicate), ("unclaimed", fates.unclaimed), ("rejected", fates.rejected)];
    let expected = expected.into_iter().filter(|(_, count)| *count > 0).map(|(fate, count)| (fate.to_owned(), vec![count]));
    let (begin, end) = (DAY.start().0, DAY.plus(2).start().0);
    let sql = format!(
        "SELECT fate AS name, [toFloat64(count())] AS figures FROM counted_submissions(from = toDateTime({begin}), to = toDateTime({end})) GROUP BY fate"
    );
    assert_eq!(view(config, &sql).await, expected.collect());
}
