//! A schedule as five cron parts with a preset and a time zone, and back.
//!
//! The preset says which parts count: `hourly` the minute; `daily` minute and hour; `weekly` the day of the week as well; `custom` all. Parts
//! that a preset does not count are `*`. A part that is no plain number makes a cron line of any preset. Each part is tried alone, so that a
//! problem names it. What no cron part can say, such as every 36 hours, is shown as `custom` with empty parts.

use model::{CronLine, Schedule, TimeOfDay, Weekday, When, Zone};
use serde_json::{Value, json};

use super::errors::Refusal;
use super::fields::Fields;

const PRESETS: [&str; 4] = ["hourly", "daily", "weekly", "custom"];
const NAMES: [&str; 5] = ["minute", "hour", "day_of_month", "month", "day_of_week"];

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
    pub(super) fn of(schedule: &Schedule) -> Self {
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
            When::Monthly { day, at } => {
                let (minute, hour) = clock(at);
                let day = if *day > 28 {
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
            When::Off | When::Every(_) => ("custom", std::array::from_fn(|_| String::new())),
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

    /// With what somebody sent; what he did not send stays.
    pub(super) fn changed(&self, fields: &Fields) -> Result<Parts, Refusal> {
        let mut parts = self.clone();
        if let Some(preset) = fields.text("preset")? {
            parts.preset = preset.to_lowercase();
        }
        if let Some(zone) = fields.text("timezone")? {
            parts.timezone = zone;
        }
        for (part, name) in parts.line.iter_mut().zip(NAMES) {
            if let Some(text) = fields.text(name)? {
                *part = text;
            }
        }
        let usual = ["0", "3", "*", "*", "0"].map(str::to_owned);
        let counts = match parts.preset.as_str() {
            "hourly" => [true, false, false, false, false],
            "daily" => [true, true, false, false, false],
            "weekly" => [true, true, false, false, true],
            "custom" => [true; 5],
            other => {
                let why = format!("“{other}” is none of {}.", PRESETS.join(", "));
                return Err(Refusal::field(&fields.called("preset"), why));
            }
        };
        let is_custom = parts.preset == "custom";
        for (at, part) in parts.line.iter_mut().enumerate() {
            match (counts[at], part.as_str()) {
                (false, _) => *part = any(),
                (true, "") if is_custom => *part = any(),
                // What counted for nothing before says nothing now.
                (true, "*" | "") if !is_custom => part.clone_from(&usual[at]),
                _ => {}
            }
        }
        Ok(parts)
    }

    pub(super) fn schedule(&self, fields: &Fields) -> Result<Schedule, Refusal> {
        let wrong =
            |name: &str, problem: &model::Problem| Refusal::field(&fields.called(name), problem.message());
        let zone: Zone = self
            .timezone
            .parse()
            .map_err(|problem| wrong("timezone", &problem))?;
        for (at, name) in NAMES.iter().enumerate() {
            alone(at, &self.line[at]).map_err(|problem| wrong(name, &problem))?;
        }
        let [minute, hour, .., day] = &self.line;
        let number = |text: &str| text.parse::<u8>().ok();
        let time = match (number(hour), number(minute)) {
            (Some(hour), Some(minute)) => TimeOfDay::new(hour, minute).ok(),
            _ => None,
        };
        let when = match (self.preset.as_str(), time, number(minute)) {
            ("hourly", _, Some(minute)) => Some(When::Hourly { minute }),
            ("daily", Some(at), _) => Some(When::Daily { at }),
            ("weekly", Some(at), _) => day_of(day).map(|day| When::Weekly { day, at }),
            _ => None,
        };
        match when {
            Some(when) => Ok(Schedule::new(when, zone)),
            None => {
                let line = self.line.join(" ").parse::<CronLine>();
                // Each part may be; together they are no day.
                let line = line.map_err(|problem| wrong("day_of_month", &problem))?;
                Ok(Schedule::new(When::Cron(line), zone))
            }
        }
    }
}

/// Is it a cron part at this place?
fn alone(at: usize, part: &str) -> model::Result<CronLine> {
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
mod tests {
    use axum::body::Bytes;

    use super::*;

    fn set(before: &str, sent: &str) -> Result<(String, Value), Refusal> {
        let before: Schedule = before.parse().expect("a schedule");
        let fields = Fields::read(&Bytes::copy_from_slice(sent.as_bytes()))?;
        let schedule = Parts::of(&before).changed(&fields)?.schedule(&fields)?;
        Ok((schedule.to_string(), Parts::of(&schedule).shown()))
    }

    #[test]
    fn each_preset_counts_its_parts_and_no_others() {
        for (sent, expected) in [
            (
                r#"{"preset":"hourly","minute":"5","hour":"7"}"#,
                "hourly at :05 UTC",
            ),
            (
                r#"{"preset":"daily","minute":15,"hour":"4","month":"2"}"#,
                "daily at 04:15 UTC",
            ),
            (
                r#"{"preset":"weekly","day_of_week":"1"}"#,
                "weekly on monday at 03:15 UTC",
            ),
            (
                r#"{"preset":"weekly","day_of_week":"7"}"#,
                "weekly on sunday at 03:15 UTC",
            ),
            (r#"{"preset":"weekly"}"#, "weekly on sunday at 03:15 UTC"),
            (
                r#"{"preset":"custom","day_of_month":"1-5","timezone":"Europe/Berlin"}"#,
                "cron 15 3 1-5 * * Europe/Berlin",
            ),
            (r#"{"hour":"*/6"}"#, "cron 15 */6 * * * UTC"),
            ("{}", "daily at 03:15 UTC"),
        ] {
            let (schedule, _) = set("daily at 03:15", sent).expect(sent);
            assert_eq!(schedule, expected, "{sent}");
        }
    }

    #[test]
    fn what_is_shown_reads_back_as_the_same() {
        for text in [
            "hourly at :59",
            "daily at 00:00",
            "weekly on saturday at 23:05",
            "cron 1 2 3 4 *",
        ] {
            let (schedule, shown) = set(text, "{}").expect(text);
            let (again, _) = set("daily at 01:01", &shown.to_string()).expect(text);
            assert_eq!(schedule, again);
        }
        let shown = Parts::of(&"every 36h".parse().expect("a schedule")).shown();
        assert_eq!((&shown["preset"], &shown["hour"]), (&json!("custom"), &json!("")));
    }

    #[test]
    fn a_bad_part_is_named() {
        for (sent, name) in [
            (r#"{"hour":"25"}"#, "hour: "),
            (r#"{"minute":"x"}"#, "minute: "),
            (r#"{"preset":"custom","month":"13"}"#, "month: "),
            (
                r#"{"preset":"custom","day_of_month":"30","month":"2"}"#,
                "day_of_month: ",
            ),
            (r#"{"preset":"custom","day_of_week":"1 2"}"#, "day_of_week: "),
            (r#"{"preset":"weekly","day_of_week":"9"}"#, "day_of_week: "),
            (r#"{"timezone":"Mars/Base"}"#, "timezone: "),
            (r#"{"preset":"yearly"}"#, "preset: "),
        ] {
            let refusal = set("daily at 03:15", sent).expect_err(sent);
            assert!(
                format!("{refusal:?}").contains(&format!("\"{name}")),
                "{sent}: {refusal:?}"
            );
        }
    }
}
