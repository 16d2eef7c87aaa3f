//! What was found: violations, how often each rule was looked at, and what could not be judged.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use crate::rule::{Level, Rule};

/// Different sentences kept for each rule; more are counted.
const SENTENCES_MAX: usize = 25;
/// Longest piece of a foreign text that is repeated in a sentence, in characters.
const QUOTE_MAX: usize = 120;
const NOTES_MAX: usize = 100;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub rule: Rule,
    /// How binding it is here.
    pub level: Level,
    /// Section of draft-pantos-hls-rfc8216bis-22.
    pub section: &'static str,
    /// The playlist or media it was seen in.
    pub url: String,
    /// When, since the first observation.
    pub at: Duration,
    /// What was expected, and what was seen.
    pub message: String,
    /// How many times the same was seen again.
    pub again: u64,
}

/// The outcome.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was broken, by rule and time.
    pub violations: Vec<Violation>,
    /// How many violations there were altogether, by rule: of a rule that is broken again and again only some
    /// are listed.
    pub broken: BTreeMap<Rule, u64>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// Rules that could not be judged here, and why.
    pub not_applicable: BTreeMap<Rule, String>,
    /// How many times each rule was looked at.
    pub checked: BTreeMap<Rule, u64>,
}

impl Report {
    /// Is any MUST or PROFILE rule broken?
    #[must_use]
    pub fn fails(&self) -> bool {
        self.violations.iter().any(|violation| violation.level != Level::Should)
    }

    /// The numbers of all broken rules, in order.
    #[must_use]
    pub fn broken_numbers(&self) -> Vec<u8> {
        let rules: BTreeSet<u8> = self.violations.iter().map(|violation| violation.rule.number()).collect();
        rules.into_iter().collect()
    }
}

/// Collects findings.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    began: Option<Instant>,
    at: Duration,
    url: String,
    checked: BTreeMap<Rule, u64>,
    broken: BTreeMap<Rule, u64>,
    violations: BTreeMap<(Rule, String, String), Violation>,
    sentences: BTreeMap<Rule, usize>,
    notes: Vec<String>,
}

impl Sink {
    /// What comes next is about `url`, seen at `now`.
    pub(crate) fn about(&mut self, url: &str, now: Instant) {
        let began = *self.began.get_or_insert(now);
        self.at = now.saturating_duration_since(began);
        if self.url != url {
            url.clone_into(&mut self.url);
        }
    }

    /// Counts a look at `rule`, and notes a violation at its own level unless `kept`.
    pub(crate) fn check(&mut self, rule: u8, kept: bool, message: impl FnOnce() -> String) {
        self.check_as(rule, Rule(rule).facts().level, kept, message);
    }

    /// As [`Sink::check`], at a level of its own: some rules have a MUST and a SHOULD half.
    pub(crate) fn check_as(&mut self, rule: u8, level: Level, kept: bool, message: impl FnOnce() -> String) {
        let rule = Rule(rule);
        *self.checked.entry(rule).or_default() += 1;
        if kept {
            return;
        }
        *self.broken.entry(rule).or_default() += 1;
        let message = message();
        let key = (rule, self.url.clone(), message.clone());
        if let Some(known) = self.violations.get_mut(&key) {
            known.again += 1;
            return;
        }
        let sentences = self.sentences.entry(rule).or_default();
        if *sentences >= SENTENCES_MAX {
            return;
        }
        *sentences += 1;
        let section = rule.facts().section;
        let (url, at) = (self.url.clone(), self.at);
        self.violations.insert(key, Violation { rule, level, section, url, at, message, again: 0 });
    }

    /// Says something that breaks no rule.
    pub(crate) fn note(&mut self, note: String) {
        if self.notes.len() < NOTES_MAX && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    pub(crate) fn report(&self) -> Report {
        let mut violations: Vec<_> = self.violations.values().cloned().collect();
        violations.sort_by(|a, b| (a.rule, a.at, &a.message).cmp(&(b.rule, b.at, &b.message)));
        Report {
            violations,
            broken: self.broken.clone(),
            notes: self.notes.clone(),
            not_applicable: BTreeMap::new(),
            checked: self.checked.clone(),
        }
    }
}

/// Foreign text in a sentence of ours: short, and without characters that move a terminal's cursor.
pub(crate) fn quote(text: &str) -> String {
    let mut short: String = text.chars().take(QUOTE_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}
