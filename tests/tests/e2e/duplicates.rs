//! One report, however it comes, counts once.

use tlsrpt_tests::{Encoding, Generator, Policy, Report, Setup, Size, Totals, fate_of, settled, wide_period};

#[tokio::test]
async fn one_report_in_every_encoding_with_and_without_an_address_counts_once() {
    let service = Setup::new().start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let domains = ["small.example", "medium.example", "large.example"];
    let access = operator.tenant("acme", &domains).await;
    let mut reports = Generator::new(40);
    let mut totals = Totals::default();
    for (round, (domain, size)) in domains.into_iter().zip([Size::Small, Size::Medium, Size::Large]).enumerate() {
        let report = reports.report(domain, size);
        totals.add(&report);
        let mut fates = Vec::new();
        let mut ids = Vec::new();
        for (number, encoding) in Encoding::ALL.into_iter().enumerate() {
            let payload = report.encode(encoding);
            ids.push(if number % 2 == 0 { sender.send(payload).await } else { sender.send_to(&access.address, payload).await });
        }
        let ledger = settled(&operator, ((round + 1) * ids.len()) as u64).await;
        assert_eq!((ledger.stored, ledger.duplicate), (round as u64 + 1, ((round + 1) * (ids.len() - 1)) as u64), "{ledger:?}");
        for id in &ids {
            fates.push(fate_of(&operator, id).await);
        }
        // The one that was received first is the one that counts.
        assert_eq!(fates, ["stored", "duplicate", "duplicate", "duplicate", "duplicate", "duplicate"], "{size:?}");
    }
    let summary = service.tenant(&access.key).json(&format!("/v1/summary?{}", wide_period())).await;
    assert_eq!(Totals::of_summary(&summary), totals);
    service.finish().await;
}

#[tokio::test]
async fn reports_that_differ_in_one_part_of_their_identity_are_different_reports() {
    let service = Setup::new().start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let access = operator.tenant("acme", &["one.example", "two.example"]).await;
    let base = Report::new("Sender", "r-1", vec![Policy::sts("one.example", 10, 0)]);
    let with_policy = |policy: Policy| Report { policies: vec![policy], ..base.clone() };
    let distinct = [
        base.clone(),
        Report { organization: "Other sender".to_owned(), ..base.clone() },
        Report { report_id: "r-2".to_owned(), ..base.clone() },
        Report { day: base.day.plus(-1), ..base.clone() },
        with_policy(Policy::sts("two.example", 10, 0)),
        with_policy(Policy { mode: "enforce", ..Policy::sts("one.example", 10, 0) }),
        with_policy(Policy { policy_type: "no-policy-found", ..Policy::sts("one.example", 10, 0) }),
    ];
    let same = [
        Report { organization: "  SENDER ".to_owned(), ..base.clone() },
        with_policy(Policy::sts("ONE.Example.", 10, 0)),
        // Other numbers under the same identity: the first receipt counts, and neither is added to the other.
        with_policy(Policy::sts("one.example", 99, 5)),
    ];
    for report in distinct.iter().chain(&same) {
        sender.send(report.encode(Encoding::Plain)).await;
    }
    let ledger = settled(&operator, 10).await;
    assert_eq!((ledger.stored, ledger.duplicate), (7, 3), "{ledger:?}");
    let summary = service.tenant(&access.key).json(&format!("/v1/summary?{}", wide_period())).await;
    let totals = Totals::of_summary(&summary);
    assert_eq!((totals.successful, totals.failed), (70, 0), "{summary}");
    service.finish().await;
}

#[tokio::test]
async fn the_same_report_from_many_senders_at_once_counts_once() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    let access = operator.tenant("acme", &["example.com"]).await;
    let report = Generator::new(41).report("example.com", Size::Small);
    let mut sending = tokio::task::JoinSet::new();
    for number in 0..60 {
        let (sender, payload) = (service.sender(), report.encode(Encoding::ALL[number % Encoding::ALL.len()]));
        sending.spawn(async move { sender.send(payload).await });
    }
    assert_eq!(sending.join_all().await.len(), 60);
    let ledger = settled(&operator, 60).await;
    assert_eq!((ledger.stored, ledger.duplicate), (1, 59), "{ledger:?}");
    let mut totals = Totals::default();
    totals.add(&report);
    let summary = service.tenant(&access.key).json(&format!("/v1/summary?{}", wide_period())).await;
    assert_eq!(Totals::of_summary(&summary), totals);
    service.finish().await;
}
