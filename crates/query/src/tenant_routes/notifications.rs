//! `/v1/notifications`: what the tenant was told, and what it wants to be told.

use axum::Json;
use serde::Serialize;
use serde_json::Value;
use tlsrpt_notify::{Address, Kind, Kinds, MAIL_MAX_ADDRESSES, NoticeKey, QuietHours, Settings, URL_MAX_BYTES, WebhookUrl, test_notice};
use tlsrpt_registry::WantedNotifications;
use tlsrpt_report::Domain;
use tlsrpt_store::{NoticeChannel, NoticeItem};
use utoipa::ToSchema;

use crate::{
    auth::{Notify, TenantKey},
    body_fields::{Fields, FromFields, Given, invalid},
    clock::now,
    description::{Created, Done},
    notifications::Undelivered,
    parameters::{Asked, Nothing, Page},
    problem::{Kind as ProblemKind, Problem, sentence},
};

const KINDS: [(&str, Kind); 5] = {
    let [a, b, c, d, e] = Kind::ALL;
    [(a.as_str(), a), (b.as_str(), b), (c.as_str(), c), (d.as_str(), d), (e.as_str(), e)]
};

/// What a tenant wants to be told; never a secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotificationSettings {
    /// Where each notice is sent; null: nowhere.
    webhook_url: Option<String>,
    /// Until when the secret before the last one signs too.
    #[schema(format = DateTime)]
    old_secret_until: Option<String>,
    /// Where digests are sent.
    mail_to: Vec<String>,
    /// Whether the operator has set a relay that takes them.
    mail_available: bool,
    /// What the tenant is told of.
    kinds: Kinds,
    quiet_hours: Option<QuietTimes>,
    /// Whether it is told of a domain at risk in quiet hours too.
    breakthrough: bool,
}

/// When a tenant is told nothing, every day.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuietTimes {
    /// Hours and minutes.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    from: String,
    /// Hours and minutes.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    to: String,
    /// By which clock: a name of IANA's.
    time_zone: String,
}

impl NotificationSettings {
    /// As they are shown; all kinds and no way to be told when nothing is set.
    pub(crate) fn of(settings: Option<&Settings>, mail_available: bool) -> Self {
        let webhook = settings.and_then(|settings| settings.webhook.as_ref());
        let old = webhook.and_then(|webhook| webhook.old_secret.as_ref()).filter(|old| now() < old.until);
        let hours = settings.and_then(|settings| settings.quiet_hours.as_ref());
        Self {
            webhook_url: webhook.map(|webhook| webhook.url.as_str().to_owned()),
            old_secret_until: old.map(|old| old.until.rfc3339()),
            mail_to: settings.iter().flat_map(|settings| &settings.mail_to).map(|to| to.as_str().to_owned()).collect(),
            mail_available,
            kinds: settings.map(|settings| settings.kinds).unwrap_or_default(),
            quiet_hours: hours.map(|hours| QuietTimes { from: hours.from(), to: hours.to(), time_zone: hours.time_zone().to_owned() }),
            breakthrough: settings.is_some_and(|settings| settings.breakthrough),
        }
    }
}

/// Settings just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewNotificationSettings {
    #[serde(flatten)]
    #[schema(inline)]
    settings: NotificationSettings,
    /// The secret that signs the requests to a webhook that is new; it is shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    webhook_secret: Option<String>,
}

pub(crate) async fn show(key: TenantKey<Notify>, _: Asked<Nothing>) -> Result<Json<NotificationSettings>, Problem> {
    Ok(Json(NotificationSettings::of(key.notifications().as_ref(), key.courier().sends_mail())))
}

/// All settings; what is left out is as when nothing was ever set.
#[derive(ToSchema)]
#[schema(example = json!({
    "webhook_url": "https://hooks.acme.example/tls-reports", "mail_to": ["postmaster@acme.example"], "kinds": ["at-risk", "failure-class"],
    "quiet_hours": {"from": "22:00", "to": "07:00", "time_zone": "Europe/Berlin"}, "breakthrough": true
}))]
#[allow(dead_code, reason = "some fields are described here and read by name")]
pub(crate) struct WantedSettings {
    /// Where each notice is sent; an https URL.
    #[schema(value_type = Option<String>, max_length = 2000, required = false)]
    webhook_url: Option<WebhookUrl>,
    /// Where digests are sent.
    #[schema(value_type = Option<Vec<String>>, max_items = 5, required = false)]
    mail_to: Vec<Address>,
    /// What to be told of; everything when it is left out.
    #[schema(value_type = Option<Vec<Kind>>, required = false)]
    kinds: Kinds,
    /// When to be told nothing, every day.
    #[schema(value_type = Option<QuietTimes>, required = false)]
    quiet_hours: Option<QuietHours>,
    /// Whether to be told of a domain at risk in quiet hours too.
    #[schema(value_type = Option<bool>, required = false)]
    breakthrough: bool,
}

impl FromFields for WantedSettings {
    const NAMES: &'static [&'static str] = &["webhook_url", "mail_to", "kinds", "quiet_hours", "breakthrough"];
    const IS_OPTIONAL: bool = true;
    fn read(fields: &Fields) -> Result<Self, Problem> {
        let webhook_url = match fields.value("webhook_url") {
            None | Some(Value::Null) => None,
            // Whether `http` will do is looked at with the configuration.
            Some(Value::String(url)) => Some(WebhookUrl::parse(url, true).map_err(|error| invalid("webhook_url", sentence(&error)))?),
            Some(_) => {
                return Err(invalid("webhook_url", format!("The field `webhook_url` must be a text of {URL_MAX_BYTES} bytes at most.")));
            }
        };
        let mail_to = fields.list("mail_to")?.unwrap_or_default();
        if mail_to.len() > MAIL_MAX_ADDRESSES {
            return Err(invalid("mail_to", format!("A digest goes to {MAIL_MAX_ADDRESSES} addresses at most.")));
        }
        let address =
            |value: &Value| Address::parse(value.as_str().unwrap_or_default()).map_err(|error| invalid("mail_to", sentence(&error)));
        let breakthrough = match fields.value("breakthrough") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(breakthrough)) => *breakthrough,
            Some(_) => return Err(invalid("breakthrough", "The field `breakthrough` must be true or false.".to_owned())),
        };
        Ok(Self {
            webhook_url,
            mail_to: mail_to.iter().map(address).collect::<Result<_, _>>()?,
            kinds: fields.words("kinds", &KINDS)?.map_or_else(Kinds::default, |kinds| kinds.into_iter().collect()),
            quiet_hours: quiet_hours(fields.value("quiet_hours"))?,
            breakthrough,
        })
    }
}

fn quiet_hours(value: Option<&Value>) -> Result<Option<QuietHours>, Problem> {
    let value = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value.clone(),
    };
    let all = "The field `quiet_hours` must be an object such as {\"from\":\"22:00\",\"to\":\"07:00\",\"time_zone\":\"Europe/Berlin\"}.";
    let fields = Fields::of(value).ok_or_else(|| invalid("quiet_hours", all.to_owned()))?.known(&["from", "to", "time_zone"])?;
    let hours = QuietHours::new(fields.text("from")?, fields.text("to")?, fields.text("time_zone")?);
    hours.map(Some).map_err(|error| invalid("quiet_hours", sentence(&error)))
}

/// Sets all settings anew.
pub(crate) async fn set(
    key: TenantKey<Notify>,
    _: Asked<Nothing>,
    given: Given<WantedSettings>,
) -> Result<Json<NewNotificationSettings>, Problem> {
    let WantedSettings { webhook_url: webhook, mail_to, kinds, quiet_hours, breakthrough } = given.read()?;
    if let Some(url) = &webhook
        && WebhookUrl::parse(url.as_str(), key.courier().allows_http()).is_err()
    {
        return Err(invalid("webhook_url", "A webhook is an https URL here.".to_owned()));
    }
    let wanted = WantedNotifications { webhook, mail_to, kinds, quiet_hours, breakthrough };
    let (settings, secret) = key.command(|registry, tenant| async move { registry.set_notifications(&tenant, wanted).await }).await?;
    let settings = NotificationSettings::of(Some(&settings), key.courier().sends_mail());
    Ok(Json(NewNotificationSettings { settings, webhook_secret: secret.map(|secret| secret.reveal().to_owned()) }))
}

pub(crate) async fn remove(key: TenantKey<Notify>, _: Asked<Nothing>) -> Result<Done, Problem> {
    key.command(|registry, tenant| async move { registry.delete_notifications(&tenant).await }).await?;
    Ok(Done)
}

/// A secret just made; the only answer that ever holds it.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewSecret {
    webhook_secret: String,
}

pub(crate) async fn rotate(key: TenantKey<Notify>, _: Asked<Nothing>) -> Result<Created<NewSecret>, Problem> {
    let secret = key.command(|registry, tenant| async move { registry.rotate_webhook_secret(&tenant).await }).await?;
    Ok(Created(NewSecret { webhook_secret: secret.reveal().to_owned() }))
}

/// What a try on each way came to; empty when none is set.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tries {
    tries: Vec<Try>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = NotificationTry)]
struct Try {
    channel: NoticeChannel,
    delivered: bool,
    /// Why not.
    error: Option<String>,
}

impl Try {
    fn new(channel: NoticeChannel, outcome: Result<(), Undelivered>) -> Self {
        Self { channel, delivered: outcome.is_ok(), error: outcome.err().map(|undelivered| undelivered.why) }
    }
}

/// Sends a notice of nothing by each way that is set, at once.
pub(crate) async fn test(key: TenantKey<Notify>, _: Asked<Nothing>) -> Result<Json<Tries>, Problem> {
    let courier = key.courier();
    courier.may_test(key.tenant()).map_err(|seconds| {
        let detail = "A test was sent just now. Try again in some seconds.";
        Problem::new(ProblemKind::RateLimited, detail).retry_after(seconds)
    })?;
    let Some(settings) = key.notifications() else { return Ok(Json(Tries { tries: Vec::new() })) };
    let at = now();
    let domain = Domain::parse("test.invalid").map_err(|error| Problem::internal("name a test", &error))?;
    let notice = test_notice(NoticeKey::of(key.tenant(), "test", &domain, &at.0.to_string(), 0), at);
    let mut tries = Vec::new();
    if let Some(webhook) = &settings.webhook {
        tries.push(Try::new(NoticeChannel::Webhook, courier.post(webhook, key.tenant(), &notice).await));
    }
    if !settings.mail_to.is_empty() {
        tries.push(Try::new(NoticeChannel::Mail, courier.mail(&settings.mail_to, key.tenant(), &[notice]).await));
    }
    Ok(Json(Tries { tries }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = NoticeList)]
pub(crate) struct Notices {
    notices: Vec<NoticeItem>,
    next_cursor: Option<String>,
}

pub(crate) async fn list(key: TenantKey<Notify>, Asked(page): Asked<Page>) -> Result<Json<Notices>, Problem> {
    let (notices, next_cursor) = key.queries.notices(page.limit, page.cursor.as_deref()).await?;
    Ok(Json(Notices { notices, next_cursor }))
}
