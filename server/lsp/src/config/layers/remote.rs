//! The sections about remote models laid over the settings so far. What a workspace file says here only
//! narrows: it switches off, lowers a limit, and adds files that stay.

use foretoken_engine::privacy::Level;
use foretoken_engine::route::NanoUsd;
use foretoken_remote::audit::Keep;
use foretoken_remote::reports::Dsn;

use super::Layer;
use super::merge::{ListOf, Merge};
use crate::config::endpoints::{Endpoints, dollars};
use crate::config::options::{
    AuditOptions, Field, KeepOption, LevelOption, MemoryOptions, RemoteOptions, ReportsOptions,
};
use crate::config::reports::proxy;
use crate::config::settings::Exclude;

impl Merge<'_> {
    pub(super) fn remote(&mut self, options: &RemoteOptions) {
        self.unknown("remote.", &options.unknown);
        let restrict = matches!(self.layer, Layer::Workspace(_));
        if !(restrict && options.enabled.value == Some(true))
            && let Some(enabled) = self.take("remote.enabled", &options.enabled)
        {
            self.to.settings.remote.enabled = enabled;
        }
        if let Some(level) = self.take("remote.level", &options.level) {
            let level = match level {
                LevelOption::Public => Level::Public,
                LevelOption::InHouse => Level::InHouse,
                LevelOption::Local => Level::Local,
            };
            let before = self.to.settings.remote.level;
            self.to.settings.remote.level = match restrict {
                true => before.tightened(level),
                false => level,
            };
        }
        if let Some(patterns) = self.take("remote.localOnly", &options.local_only) {
            if !restrict {
                self.to.settings.remote.local_only = Exclude::none();
            }
            let list: ListOf = |settings| &mut settings.remote.local_only;
            self.patterns("remote.localOnly", &patterns, list);
        }
        let region = self.take_if("remote.region", &options.region, |name| !name.is_empty());
        if region.is_some() {
            self.to.settings.remote.region = region;
        }
        if !(restrict && options.tools.value == Some(true))
            && let Some(tools) = self.take("remote.tools", &options.tools)
        {
            self.to.settings.remote.tools = tools;
        }
        self.budgets(options, restrict);
        if let Some(list) = self.take("remote.endpoints", &options.endpoints) {
            let (endpoints, problems) = Endpoints::read(list);
            self.to.settings.remote.endpoints = endpoints;
            for problem in problems {
                let sentence = format!("In {}: {problem}", self.layer);
                self.report("remote.endpoints", sentence);
            }
        }
    }

    fn budgets(&mut self, options: &RemoteOptions, restrict: bool) {
        let daily = self.budget("remote.dailyBudget", &options.daily_budget);
        let monthly = self.budget("remote.monthlyBudget", &options.monthly_budget);
        let request = self.budget("remote.requestBudget", &options.request_budget);
        let remote = &mut self.to.settings.remote;
        let limits = [
            (&mut remote.daily_budget, daily),
            (&mut remote.monthly_budget, monthly),
            (&mut remote.request_budget, request),
        ];
        for (limit, new) in limits {
            *limit = match (*limit, new) {
                (Some(old), Some(new)) if restrict => Some(old.min(new)),
                (old, new) => new.or(old),
            };
        }
    }

    /// The user's own: no other layer than the file and the environment may say anything here.
    pub(super) fn memory(&mut self, options: &MemoryOptions) {
        self.unknown("memory.", &options.unknown);
        if let Some(style) = self.take("memory.style", &options.style) {
            self.to.settings.memory.style = style;
        }
    }

    /// As [`Merge::memory`].
    pub(super) fn audit(&mut self, options: &AuditOptions) {
        self.unknown("audit.", &options.unknown);
        let keep = |option| match option {
            KeepOption::Off => Keep::Off,
            KeepOption::Hash => Keep::Hash,
            KeepOption::Full => Keep::Full,
        };
        if let Some(enabled) = self.take("audit.enabled", &options.enabled) {
            self.to.settings.audit.enabled = enabled;
        }
        if let Some(option) = self.take("audit.prompt", &options.prompt) {
            self.to.settings.audit.prompt = keep(option);
        }
        if let Some(option) = self.take("audit.answer", &options.answer) {
            self.to.settings.audit.answer = keep(option);
        }
        let days = &options.retention_days;
        let days = self.take_if("audit.retentionDays", days, |days| {
            (1..=3_650).contains(days)
        });
        if let Some(days) = days {
            self.to.settings.audit.retention_days = days;
        }
    }

    /// Where failures are reported; the user's own too.
    pub(super) fn reports(&mut self, options: &ReportsOptions) {
        self.unknown("reports.", &options.unknown);
        if let Some(written) = self.take("reports.dsn", &options.dsn) {
            let read = Dsn::parse(&written);
            if let Err(reason) = &read {
                let sentence = format!(
                    "`reports.dsn` in {} {reason}; nothing is reported.",
                    self.layer
                );
                self.report("reports.dsn", sentence);
            }
            // A word that is no DSN does not leave that of a layer below in force: reports must not go where
            // the user has just taken them away from.
            self.to.settings.reports.dsn = read.ok();
        }
        let way = self.take_if("reports.proxy", &options.proxy, |way| proxy(way).is_some());
        if let Some(way) = way.as_deref().and_then(proxy) {
            self.to.settings.reports.proxy = way;
        }
        let file = self.take_if("reports.caFile", &options.ca_file, |text| !text.is_empty());
        if let Some(file) = file {
            self.to.settings.reports.ca_file = Some(self.path(&file));
        }
    }

    fn budget(&mut self, path: &'static str, field: &Field<f64>) -> Option<NanoUsd> {
        let amount = self.take_if(path, field, |amount| dollars(*amount).is_some());
        amount.and_then(dollars)
    }
}
