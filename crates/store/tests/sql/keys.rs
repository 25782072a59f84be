//! When keys were last used.

use std::collections::BTreeMap;

use tlsrpt_report::UnixSeconds;

use crate::support::store;

#[tokio::test]
async fn of_all_uses_of_a_key_the_latest_is_shown_whatever_order_they_were_noted_in() {
    let store = store().await;
    let note = async |uses: &[(&str, i64)]| {
        let uses: BTreeMap<Box<str>, UnixSeconds> = uses.iter().map(|&(id, at)| (id.into(), UnixSeconds(at))).collect();
        store.note_key_uses(&uses).await.unwrap();
    };
    note(&[("a", 1_700_000_200), ("b", 1_700_000_000)]).await;
    note(&[("a", 1_700_000_100), ("c", 1_700_000_300)]).await;
    let shown = store.key_uses(["a", "b", "never"].map(str::to_owned).to_vec()).await.unwrap();
    let expected = [("a", 1_700_000_200), ("b", 1_700_000_000)].map(|(id, at)| (id.to_owned(), UnixSeconds(at)));
    assert_eq!(shown, BTreeMap::from(expected));
    assert_eq!(store.key_uses(Vec::new()).await.unwrap(), BTreeMap::new());
}
