//! What is known of a domain now, and the conditions that it makes.

use tlsrpt_advisor::State;
use tlsrpt_report::{Day, Domain, ResultType};

use crate::kind::Kind;

/// Days without a failure of its class after which the next one is news.
pub const QUIET_DAYS: i32 = 28;

/// Failures of one result type at one receiving mail server of a domain's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureClass {
    /// What went wrong.
    pub result: ResultType,
    /// Where; empty when reports do not say.
    pub receiving_mx: String,
    /// First reported day of those that were looked at.
    pub first_seen: Day,
    /// Last reported day.
    pub last_seen: Day,
    /// Failed sessions of those days.
    pub failed_sessions: u64,
}

/// What is known of one domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainView {
    /// The domain.
    pub domain: Domain,
    /// How far it is.
    pub state: State,
    /// The first day of that.
    pub since: Option<Day>,
    /// Failures that stop mail under `enforce`, of the last [`QUIET_DAYS`] days at least.
    pub blocking: Vec<FailureClass>,
    /// Reporters that usually report and stopped, each with its last reported day.
    pub silent_reporters: Vec<(String, Day)>,
}

/// Something that a tenant may be told of. Kind, domain and subject are what it is known by; the rest may change while it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What kind.
    pub kind: Kind,
    /// Of which domain.
    pub domain: Domain,
    /// Of what of it: the result type and the mail server, or the reporter; empty when it is the domain as a whole.
    pub subject: String,
    /// From which reported day on.
    pub since: Option<Day>,
    /// What happened, in a sentence.
    pub summary: String,
    /// What to look at first, in a sentence.
    pub look_first: String,
}

impl DomainView {
    /// The conditions that hold on `today`.
    #[must_use]
    pub fn conditions(&self, today: Day) -> Vec<Condition> {
        let of_state = match self.state {
            State::AtRisk => Some(self.at_risk()),
            State::ReadyForTesting => Some(self.ready(Kind::ReadyForTesting, "testing")),
            State::ReadyForEnforce => Some(self.ready(Kind::ReadyForEnforce, "enforce")),
            State::NoReports | State::Baseline | State::Testing | State::Enforce => None,
        };
        let classes = self.blocking.iter().filter(|class| is_recent(class, today)).map(|class| self.failure_class(class));
        let silent = self.silent_reporters.iter().map(|(reporter, last)| self.silent(reporter, *last));
        of_state.into_iter().chain(classes).chain(silent).collect()
    }

    fn at_risk(&self) -> Condition {
        // What fails most is what to look at.
        let worst = self.blocking.iter().max_by_key(|class| (class.last_seen, class.failed_sessions, &class.receiving_mx));
        let look_first = worst.map_or_else(
            || "Look at the failures of the last days by result type and mail server.".to_owned(),
            |class| format!("Most lately `{}`{}: {}", class.result.as_str(), at(class), class.result.explanation().look_first),
        );
        let summary = format!("Senders refuse mail to {}: its policy is in mode `enforce`, and deliveries fail.", self.domain);
        Condition { kind: Kind::AtRisk, domain: self.domain.clone(), subject: String::new(), since: self.since, summary, look_first }
    }

    fn ready(&self, kind: Kind, mode: &str) -> Condition {
        Condition {
            kind,
            domain: self.domain.clone(),
            subject: String::new(),
            since: self.since,
            summary: format!("{} may publish its MTA-STS policy in mode `{mode}`: the reports of the last weeks allow it.", self.domain),
            look_first: "Compare the policy with the domain's MX records before you publish it.".to_owned(),
        }
    }

    fn failure_class(&self, class: &FailureClass) -> Condition {
        let explanation = class.result.explanation();
        Condition {
            kind: Kind::FailureClass,
            domain: self.domain.clone(),
            subject: format!("{} {}", class.result.as_str(), class.receiving_mx).trim_end().to_owned(),
            since: Some(class.first_seen),
            summary: format!(
                "New failures `{}`{} of {}, {} sessions so far: under `enforce` such mail is refused.",
                class.result.as_str(),
                at(class),
                self.domain,
                class.failed_sessions
            ),
            look_first: explanation.look_first.to_owned(),
        }
    }

    fn silent(&self, reporter: &str, last: Day) -> Condition {
        Condition {
            kind: Kind::ReporterSilent,
            domain: self.domain.clone(),
            subject: reporter.to_owned(),
            since: Some(last),
            summary: format!("{reporter} usually reports on {} and stopped: its last report is of {last}.", self.domain),
            look_first: format!("Look whether the TXT record `_smtp._tls.{}` is still there and right.", self.domain),
        }
    }
}

fn is_recent(class: &FailureClass, today: Day) -> bool {
    class.last_seen > today.plus(-QUIET_DAYS)
}

fn at(class: &FailureClass) -> String {
    if class.receiving_mx.is_empty() { String::new() } else { format!(" at {}", class.receiving_mx) }
}
