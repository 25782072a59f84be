//! What is known of mails, and verdicts that are not the last word.

use tlsrpt_record::{Channel, MailFacts, Origin};
use tlsrpt_report::{Trust, UnixMillis};
use tlsrpt_store::{Envelope, Fate, Fates, SubmissionFilter};

use crate::support::{Sent, figures, insert, noon, policy, sent, store, tenant};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn report() -> Vec<tlsrpt_record::PolicyRecord<'static>> {
    vec![policy("acme", "example.com", 1)]
}

#[tokio::test]
async fn the_operator_sees_who_sent_a_mail_and_how_and_nothing_of_it_where_there_is_no_mail() {
    let store = store().await;
    let mail = sent(noon(0), 1, report()).mail(Trust::DkimAligned, false);
    let post = sent(noon(0), 2, vec![policy("acme", "example.org", 2)]);
    insert(&store, &[mail.clone(), post.clone()]).await;
    let item = store.submission(mail.id()).await.unwrap().unwrap();
    assert_eq!(item.sender.as_deref(), Some("Google <noreply@google.com>"));
    assert_eq!(item.subject.as_deref(), Some("Report Domain: example.com"));
    assert_eq!((&*item.trust, item.signer.as_deref(), item.deferred), ("dkim-aligned", Some("google.com"), Some(false)));
    assert_eq!(item.authentication.as_deref(), Some("dkim=pass header.d=google.com"));
    let envelope = Envelope {
        helo: Some("mail.google.com".to_owned()),
        mail_from: Some(String::new()),
        recipients: vec!["in-box@reports.example".to_owned(), "other@reports.example".to_owned()],
        tls: Some("TLSv1.3".to_owned()),
    };
    assert_eq!(item.envelope, Some(envelope));
    let item = store.submission(post.id()).await.unwrap().unwrap();
    assert_eq!((item.sender, item.subject, item.envelope, item.signer, item.deferred), (None, None, None, None, None));
}

#[tokio::test]
async fn submissions_are_listed_by_the_way_they_came_in() {
    let store = store().await;
    let mail = sent(noon(0), 1, report()).mail(Trust::None, false);
    let reject = sent(noon(0), 3, vec![]).mail(Trust::None, false).rejected("no-report");
    insert(&store, &[mail.clone(), sent(noon(0), 2, vec![policy("acme", "example.org", 2)]), reject.clone()]).await;
    let list = async |filter: SubmissionFilter| -> Vec<_> {
        store.submissions(&filter, 10, None).await.unwrap().0.into_iter().map(|item| item.submission_id).collect()
    };
    let smtp = SubmissionFilter { channel: Some(Channel::Smtp), ..SubmissionFilter::default() };
    assert_eq!(list(smtp.clone()).await, [reject.id(), mail.id()]);
    assert_eq!(list(SubmissionFilter { reason: Some("no-report".to_owned()), ..smtp.clone() }).await, [reject.id()]);
    assert_eq!(list(SubmissionFilter { fate: Some(Fate::Stored), ..smtp.clone() }).await, [mail.id()]);
    assert_eq!(list(SubmissionFilter { fate: Some(Fate::Rejected), reason: Some("x".to_owned()), ..smtp }).await, []);
    assert_eq!(list(SubmissionFilter { channel: Some(Channel::Import), ..SubmissionFilter::default() }).await, []);
}

#[tokio::test]
async fn a_replay_brings_back_all_that_was_known_of_a_mail_its_verdict_included() {
    let store = store().await;
    let mail = sent(noon(0), 1, report()).mail(Trust::DkimAligned, false);
    insert(&store, std::slice::from_ref(&mail)).await;
    let again = store.submission_raw(mail.id()).await.unwrap().unwrap();
    assert_eq!((again.channel, again.trust, again.replay), (Channel::Smtp, Trust::DkimAligned, true));
    assert_eq!(again.payload, mail.payload);
    let origin = Origin { authentication: "dkim=pass header.d=google.com".to_owned(), signer: "google.com".to_owned(), deferred: false };
    let facts = MailFacts {
        helo: Some("mail.google.com".to_owned()),
        mail_from: Some(String::new()),
        recipients: vec!["in-box@reports.example".to_owned(), "other@reports.example".to_owned()],
        tls: Some("TLSv1.3".to_owned()),
        origin: Some(origin),
    };
    assert_eq!(again.mail, Some(facts));
    let post = sent(noon(0), 2, vec![policy("acme", "example.org", 2)]);
    insert(&store, std::slice::from_ref(&post)).await;
    assert_eq!(store.submission_raw(post.id()).await.unwrap().unwrap().mail, None);
}

#[tokio::test]
async fn a_tenant_sees_who_signed_its_report_before_and_after_it_became_its_own() {
    let store = store().await;
    let mail = sent(noon(0), 1, vec![policy("", "example.com", 1)]).mail(Trust::DkimAligned, false);
    insert(&store, &[mail]).await;
    let acme = tenant("acme");
    let key = policy("", "example.com", 1).key;
    assert_eq!(store.tenant(acme.clone()).report(key).await.unwrap(), None);
    store.adopt(&acme, &["example.com".to_owned()]).await.unwrap();
    let report = store.tenant(acme.clone()).report(key).await.unwrap().unwrap();
    assert_eq!(report.report.signer.as_deref(), Some("google.com"));
    assert_eq!(report.authentication.as_deref(), Some("dkim=pass header.d=google.com"));
    let raw = store.tenant(acme).raw(key).await.unwrap().unwrap();
    assert_eq!(raw.channel, Channel::Smtp);
}

#[tokio::test]
async fn a_verdict_that_is_not_there_yet_loses_to_every_other_and_gives_way_to_the_one_that_comes() {
    for verdict in Trust::ALL {
        let store = store().await;
        let deferred = sent(noon(0), 1, report()).mail(Trust::None, true);
        insert(&store, std::slice::from_ref(&deferred)).await;
        assert_eq!(figures(&store, "acme").await, (10, 0, 1), "it counts at once");
        let known = deferred.clone().replayed(60, report()).mail(verdict, false);
        insert(&store, &[known]).await;
        let report = store.tenant(tenant("acme")).report(policy("acme", "example.com", 1).key).await.unwrap().unwrap();
        assert_eq!(report.report.item.trust, verdict.as_str());
        assert_eq!(figures(&store, "acme").await, (10, 0, 1));
        // A late redelivery of what was before changes nothing.
        insert(&store, std::slice::from_ref(&deferred)).await;
        let report = store.tenant(tenant("acme")).report(policy("acme", "example.com", 1).key).await.unwrap().unwrap();
        assert_eq!(report.report.item.trust, verdict.as_str());
    }
    let store = store().await;
    let deferred = sent(noon(0), 1, report()).mail(Trust::None, true);
    let post = sent(noon(1), 2, report());
    insert(&store, &[deferred.clone(), post.clone()]).await;
    let fate = async |sent: &Sent| store.submission(sent.id()).await.unwrap().unwrap().fate;
    assert_eq!((fate(&deferred).await, fate(&post).await), (Fate::Duplicate, Fate::Stored));
    let known = deferred.clone().replayed(60, report()).mail(Trust::DkimAligned, false);
    insert(&store, &[known]).await;
    assert_eq!((fate(&deferred).await, fate(&post).await), (Fate::Stored, Fate::Duplicate));
    assert_eq!(store.fates(None, None).await.unwrap(), Fates { stored: 1, duplicate: 1, ..Fates::default() });
}

#[tokio::test]
async fn deferred_verdicts_are_due_ever_more_rarely_and_for_three_days() {
    let store = store().await;
    let received = noon(0);
    let tried = |n, after_ms| {
        let mut mail = sent(received, n, vec![policy("acme", "example.com", n)]).mail(Trust::None, true);
        mail.outcome.normalized_at = UnixMillis(received.0 + after_ms);
        mail
    };
    // Tried at once, and last after ten hours; one whose verdict is there.
    let (at_once, late) = (tried(1, 0), tried(2, 10 * HOUR));
    let known = sent(received, 3, vec![policy("acme", "example.com", 3)]).mail(Trust::DkimAligned, false);
    insert(&store, &[at_once.clone(), late.clone(), known]).await;
    let due = async |after_ms: i64| store.deferred(UnixMillis(received.0 + after_ms), 5 * MINUTE, 10).await.unwrap();
    assert_eq!(due(5 * MINUTE - 1).await, []);
    assert_eq!(due(5 * MINUTE).await, [at_once.id()]);
    assert_eq!(due(15 * HOUR - 1).await, [at_once.id()]);
    assert_eq!(due(15 * HOUR).await, [at_once.id(), late.id()]);
    assert_eq!(store.deferred(UnixMillis(received.0 + 15 * HOUR), 0, 1).await.unwrap(), [at_once.id()], "no more than asked for");
    assert_eq!(due(72 * HOUR).await.len(), 2);
    assert_eq!(due(72 * HOUR + 1).await, []);
    // Tried again, it is not due at once.
    let mut again = at_once.clone().replayed(0, vec![policy("acme", "example.com", 1)]);
    again.outcome.normalized_at = UnixMillis(received.0 + 15 * HOUR);
    insert(&store, &[again]).await;
    assert_eq!(due(15 * HOUR + MINUTE).await, [late.id()]);
}
