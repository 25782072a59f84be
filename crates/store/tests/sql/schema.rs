//! Migrations.

use tlsrpt_report::{PolicyClass, PolicyMode, ResultType, Trust};
use tlsrpt_store::{Store, StoreError};

use crate::support::{client, config, id, noon};

#[tokio::test]
async fn migrating_twice_runs_everything_once() {
    let store = Store::new(&config());
    store.ping().await.unwrap();
    assert_eq!(
        store.migrate().await.unwrap(),
        ["001_reports_and_submissions", "002_mails", "003_keys", "004_audit", "005_erasures", "006_notices", "007_counted"]
    );
    assert!(store.migrate().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_migration_that_crashed_in_the_middle_is_completed() {
    let config = config();
    let store = Store::new(&config);
    store.migrate().await.unwrap();
    client(&config).query("DROP TABLE submissions SYNC").execute().await.unwrap();
    client(&config).query("TRUNCATE TABLE migrations").execute().await.unwrap();
    assert_eq!(store.migrate().await.unwrap().len(), 7);
    assert_eq!(store.fates(None, None).await.unwrap(), tlsrpt_store::Fates::default());
}

/// While roles are updated one by one, those of before go on: what they do not know has its default.
#[tokio::test]
async fn rows_of_a_writer_from_before_the_columns_for_mails_are_those_of_no_mail() {
    let config = config();
    let store = Store::new(&config);
    store.migrate().await.unwrap();
    let id = id(noon(0), 1);
    client(&config)
        .query(
            "INSERT INTO submissions (submission_id, received_at, channel, trust, payload) \
             VALUES (toUUID(?), fromUnixTimestamp64Milli(toInt64(?), 'UTC'), 'https', 'none', 'x')",
        )
        .bind(id.to_string())
        .bind(noon(0).0)
        .execute()
        .await
        .unwrap();
    let item = store.submission(id).await.unwrap().unwrap();
    assert_eq!((item.sender, item.envelope, item.authentication, item.signer, item.deferred), (None, None, None, None, None));
    assert_eq!(store.submission_raw(id).await.unwrap().unwrap().mail, None);
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let config = config();
    let store = Store::new(&config);
    store.migrate().await.unwrap();
    client(&config).query("INSERT INTO migrations VALUES (999, 'future', now64())").execute().await.unwrap();
    let error = store.migrate().await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 999, .. }), "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_worth_another_try_and_a_wrong_password_is_not() {
    let gone = Store::new(&tlsrpt_store::StoreConfig { url: "http://127.0.0.1:9".to_owned(), ..config() });
    assert!(gone.ping().await.unwrap_err().is_retryable());
    let wrong = Store::new(&tlsrpt_store::StoreConfig { password: "wrong".to_owned(), ..config() });
    assert!(!wrong.ping().await.unwrap_err().is_retryable());
}

/// The database's enumerations are the code's: names by serde, numbers by discriminant.
#[tokio::test]
async fn every_name_in_the_schema_is_the_one_in_the_code() {
    let config = config();
    Store::new(&config).migrate().await.unwrap();
    let client = client(&config);
    let check = async |column: &str, names: Vec<(String, i8)>| {
        let listed: String = client
            .query("SELECT type FROM system.columns WHERE database = ? AND table = 'reports' AND name = ?")
            .bind(&config.database)
            .bind(column)
            .fetch_one()
            .await
            .unwrap();
        for (name, number) in &names {
            assert!(listed.contains(&format!("'{name}' = {number}")), "{column} lacks {name} = {number}: {listed}");
        }
        let unknown = usize::from(listed.contains("= -1"));
        assert_eq!(listed.matches(" = ").count(), names.len() + unknown, "{column} has names that the code lacks: {listed}");
    };
    fn name(value: impl serde::Serialize) -> String {
        serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
    }
    check("trust", Trust::ALL.map(|trust| (trust.as_str().to_owned(), trust as i8)).to_vec()).await;
    use PolicyClass::{NoPolicyFound, Sts, Tlsa};
    check("policy_type", [Sts, Tlsa, NoPolicyFound, PolicyClass::Other].map(|class| (name(class), class as i8)).to_vec()).await;
    use PolicyMode::{Enforce, Testing};
    check("policy_mode", [PolicyMode::None, Testing, Enforce].map(|mode| (name(mode), mode as i8)).to_vec()).await;
    use ResultType as R;
    let results = [
        R::StarttlsNotSupported,
        R::CertificateHostMismatch,
        R::CertificateExpired,
        R::CertificateNotTrusted,
        R::ValidationFailure,
        R::TlsaInvalid,
        R::DnssecInvalid,
        R::DaneRequired,
        R::StsPolicyFetchError,
        R::StsPolicyInvalid,
        R::StsWebpkiInvalid,
        R::Other,
    ];
    check("failures.result_type", results.map(|result| (name(result), result as i8)).to_vec()).await;
}
