//! A schedule as five cron parts with a preset and a time zone, and back.
//!
//! Rules: what is sent is understood exactly, or refused with the part that is not; nothing is put right in silence, and what was sent is
//! shown again as it was. All five parts count, as in a line of cron. A preset says what the others must be: `hourly` runs every day, at an
//! hour that is `*` or a pattern (`*/6`); `daily` and `weekly` at some hours; `monthly` on some days of the month; `custom` says nothing.
//! A part that is not sent stays, or, when the preset is another one, is what is usual for it. Each part is tried alone, so that a problem
//! names it. What no cron part can say, such as every 36 hours, is shown as `custom` with empty parts.

use model::{CronLine, Problem, Schedule, TimeOfDay, Weekday, When, Zone};
use serde_json::{Value, json};
use service::AppSettings;

use super::errors::Refusal;
use super::fields::Fields;

const PRESETS: [&str; 5] = ["hourly", "daily", "weekly", "monthly", "custom"];
const NAMES: [&str; 5] = ["minute", "hour", "day_of_month", "month", "day_of_week"];
/// Of one part: every minute by its number is shorter.
const LONGEST: usize = 200;
/// What a part is where a preset needs one and nobody has named it.
const USUAL: [&str; 5] = ["0", "3", "1", "*", "0"];

/// What a preset lets a part be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum May {
    /// `*` and nothing else.
    Every,
    /// Anything but `*`.
    Some,
    /// Anything but one plain number.
    Pattern,
    Anything,
}

impl May {
    /// For each part, in the order of [`NAMES`].
    fn of_preset(preset: &str) -> Option<[May; 5]> {
        use May::{Anything, Every, Pattern, Some as At};
        Some(match preset {
            "hourly" => [At, Pattern, Every, Every, Every],
            "daily" => [At, At, Every, Every, Every],
            "weekly" => [At, At, Every, Every, At],
            "monthly" => [At, At, At, Every, Every],
            "custom" => [Anything; 5],
            _ => return None,
        })
    }

    fn admits(self, part: &str) -> bool {
        let is_any = part == "*";
        match self {
            May::Every => is_any,
            May::Some => !is_any,
            May::Pattern => part.parse::<u32>().is_err(),
            May::Anything => true,
        }
    }

    /// What a part is that was not named, or is of another preset.
    fn usual(self, at: usize) -> &'static str {
        match self {
            May::Some => USUAL[at],
            // Nobody who names the month alone wants it every minute.
            May::Anything if at < 2 => USUAL[at],
            _ => "*",
        }
    }

    fn refusal(self, part: &str, preset: &str) -> String {
        let wanted = match self {
            May::Every => "this part is “*”",
            May::Some => "this part is not “*”",
            May::Pattern => "this part is “*” or a pattern such as “*/6”",
            May::Anything => "this part is a cron part",
        };
        format!(
            "“{part}” does not go with the preset “{preset}”, in which {wanted}. Send the preset “custom” to run by all five parts."
        )
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    preset: String,
    /// In the order of [`NAMES`], which is that of a cron line.
    line: [String; 5],
    timezone: String,
}

fn any() -> String {
    "*".to_owned()
}

impl Parts {
    /// As somebody gave it, while it means that; else as it can be said.
    pub(super) fn of(settings: &AppSettings) -> Self {
        let given = settings.words.as_ref().and_then(Parts::remembered);
        let means = |parts: &Parts| parts.meant().is_ok_and(|schedule| schedule == settings.schedule);
        given
            .filter(means)
            .unwrap_or_else(|| Parts::saying(&settings.schedule))
    }

    fn remembered(words: &Value) -> Option<Self> {
        let text = |name: &str| words.get(name)?.as_str().map(str::to_owned);
        let mut line: [String; 5] = Default::default();
        for (part, name) in line.iter_mut().zip(NAMES) {
            *part = text(name)?;
        }
        Some(Parts {
            preset: text("preset")?,
            line,
            timezone: text("timezone")?,
        })
    }

    fn saying(schedule: &Schedule) -> Self {
        let clock = |at: &TimeOfDay| {
            let text = at.to_string();
            let (hour, minute) = text.split_once(':').unwrap_or(("0", "0"));
            let plain = |digits: &str| digits.parse().unwrap_or(0_u8).to_string();
            (plain(minute), plain(hour))
        };
        let (preset, line) = match &schedule.when {
            When::Hourly { minute } => ("hourly", [minute.to_string(), any(), any(), any(), any()]),
            When::Daily { at } => {
                let (minute, hour) = clock(at);
                ("daily", [minute, hour, any(), any(), any()])
            }
            When::Weekly { day, at } => {
                let (minute, hour) = clock(at);
                ("weekly", [minute, hour, any(), any(), number_of(*day)])
            }
            // The last day of a short month stands for one that it lacks, which only that of the 31st can say.
            When::Monthly { day, at } if !matches!(day, 29 | 30) => {
                let (minute, hour) = clock(at);
                let day = if *day == 31 {
                    "L".to_owned()
                } else {
                    day.to_string()
                };
                ("custom", [minute, hour, day, any(), any()])
            }
            When::Cron(line) => {
                let text = line.to_string();
                let mut fields = text.split(' ').map(str::to_owned);
                (
                    "custom",
                    std::array::from_fn(|_| fields.next().unwrap_or_else(any)),
                )
            }
            When::Off | When::Every(_) | When::Monthly { .. } => {
                ("custom", std::array::from_fn(|_| String::new()))
            }
        };
        Parts {
            preset: preset.to_owned(),
            line,
            timezone: schedule.zone.to_string(),
        }
    }

    pub(super) fn shown(&self) -> Value {
        let [minute, hour, day_of_month, month, day_of_week] = &self.line;
        json!({
            "preset": self.preset, "minute": minute, "hour": hour, "day_of_month": day_of_month, "month": month,
            "day_of_week": day_of_week, "timezone": self.timezone,
        })
    }

    /// With what somebody sent; what they did not send stays.
    pub(super) fn changed(&self, fields: &Fields) -> Result<Parts, Refusal> {
        let mut parts = self.clone();
        if let Some(preset) = fields.text("preset")? {
            parts.preset = preset.to_lowercase();
        }
        if let Some(zone) = fields.text("timezone")?.filter(|zone| !zone.is_empty()) {
            parts.timezone = zone;
        }
        let Some(rules) = May::of_preset(&parts.preset) else {
            let why = format!("“{}” is none of {}.", parts.preset, PRESETS.join(", "));
            return Err(Refusal::field(&fields.called("preset"), why));
        };
        let is_other = parts.preset != self.preset;
        for (at, name) in NAMES.iter().enumerate() {
            let (rule, part) = (rules[at], &mut parts.line[at]);
            match fields.text(name)?.filter(|text| !text.is_empty()) {
                Some(sent) if !rule.admits(&sent) => {
                    let why = rule.refusal(&sent, &parts.preset);
                    return Err(Refusal::field(&fields.called(name), why));
                }
                Some(sent) => *part = sent,
                None if part.is_empty() || (is_other && !rule.admits(part)) => {
                    rule.usual(at).clone_into(part);
                }
                None => {}
            }
        }
        Ok(parts)
    }

    pub(super) fn schedule(&self, fields: &Fields) -> Result<Schedule, Refusal> {
        self.meant()
            .map_err(|(name, why)| Refusal::field(&fields.called(name), why))
    }

    /// What it says, or which part is wrong, and why.
    fn meant(&self) -> Result<Schedule, (&'static str, String)> {
        let wrong = |name: &'static str| move |problem: Problem| (name, problem.message().to_owned());
        let zone: Zone = self.timezone.parse().map_err(wrong("timezone"))?;
        for (at, name) in NAMES.iter().enumerate() {
            alone(at, &self.line[at]).map_err(wrong(name))?;
        }
        let [minute, hour, day_of_month, _, day] = &self.line;
        let is_step = |part: &str| part.starts_with('*') && part != "*";
        if (is_step(day_of_month) && day != "*") || (is_step(day) && day_of_month != "*") {
            let why = "together with a day of the week, some crons read a step as “and” and others as “or”; name the days";
            return Err(("day_of_month", why.to_owned()));
        }
        let number = |text: &str| text.parse::<u8>().ok();
        let time = match (number(hour), number(minute)) {
            (Some(hour), Some(minute)) => TimeOfDay::new(hour, minute).ok(),
            _ => None,
        };
        let when = match (self.preset.as_str(), time, number(minute)) {
            ("hourly", _, Some(minute)) if hour == "*" => Some(When::Hourly { minute }),
            ("daily", Some(at), _) => Some(When::Daily { at }),
            ("weekly", Some(at), _) => day_of(day).map(|day| When::Weekly { day, at }),
            _ => None,
        };
        match when {
            Some(when) => Ok(Schedule::new(when, zone)),
            None => {
                let line = self.line.join(" ").parse::<CronLine>();
                // Each part may be; together they are no day.
                let line = line.map_err(wrong("day_of_month"))?;
                Ok(Schedule::new(When::Cron(line), zone))
            }
        }
    }
}

/// Is it a cron part at this place?
fn alone(at: usize, part: &str) -> model::Result<CronLine> {
    if part.len() > LONGEST {
        return Err(model::Problem::invalid(format!(
            "a cron part has at most {LONGEST} bytes"
        )));
    }
    if part.contains(char::is_whitespace) {
        return Err(model::Problem::invalid(format!("“{part}” is not one cron part")));
    }
    let mut line = ["*"; 5];
    line[at] = part;
    line.join(" ").parse()
}

/// Sunday is 0.
fn number_of(day: Weekday) -> String {
    let monday_is_0 = Weekday::ALL.iter().position(|known| *known == day).unwrap_or(0);
    ((monday_is_0 + 1) % 7).to_string()
}

fn day_of(text: &str) -> Option<Weekday> {
    match text.parse::<usize>() {
        Ok(number) if number <= 7 => Weekday::ALL.get((number + 6) % 7).copied(),
        Ok(_) => None,
        Err(_) => Weekday::read(text).ok(),
    }
}

#[cfg(test)]
mod tests;
