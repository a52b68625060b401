//! Schedules in JSON and TOML: `{"when": "daily", "at": "03:00", "zone": "Europe/Berlin"}`.
//!
//! Written as an object, so that a form can be filled in from it; read from an object or from the text of
//! `schedule::text`. Keys: `when` and, as the form needs them, `every`, `minute`, `day`, `at`, `cron`, `zone`.
//! Rules: a key that is unknown or does not belong to the form is refused by name; a key may be left out
//! where the text may leave it out.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::Value;

use super::text::{day_of_month, every, minute_of_hour};
use super::{Schedule, TimeOfDay, Weekday, When, Zone};
use crate::{Problem, Result};

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Keys {
    when: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minute: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
}

impl Keys {
    fn of(schedule: &Schedule) -> Keys {
        let zone = Some(schedule.zone.to_string());
        let keys = |when: &str| Keys {
            when: when.to_owned(),
            zone: zone.clone(),
            ..Keys::default()
        };
        let at = |at: &TimeOfDay| Some(at.to_string());
        match &schedule.when {
            When::Off => Keys {
                zone: None,
                ..keys("off")
            },
            When::Every(lapse) => Keys {
                every: Some(lapse.to_string()),
                zone: None,
                ..keys("every")
            },
            When::Hourly { minute } => Keys {
                minute: Some(*minute),
                ..keys("hourly")
            },
            When::Daily { at: time } => Keys {
                at: at(time),
                ..keys("daily")
            },
            When::Weekly { day, at: time } => Keys {
                day: Some(day.word().into()),
                at: at(time),
                ..keys("weekly")
            },
            When::Monthly { day, at: time } => Keys {
                day: Some((*day).into()),
                at: at(time),
                ..keys("monthly")
            },
            When::Cron(line) => Keys {
                cron: Some(line.to_string()),
                ..keys("cron")
            },
        }
    }

    fn present(&self) -> impl Iterator<Item = &'static str> {
        let flags = [
            ("every", self.every.is_some()),
            ("minute", self.minute.is_some()),
            ("day", self.day.is_some()),
            ("at", self.at.is_some()),
            ("cron", self.cron.is_some()),
            ("zone", self.zone.is_some()),
        ];
        flags
            .into_iter()
            .filter(|(_, there)| *there)
            .map(|(name, _)| name)
    }

    /// Which keys belong to the form.
    fn belonging(&self) -> Result<&'static [&'static str]> {
        Ok(match self.when.as_str() {
            "off" => &["zone"],
            "every" => &["every", "zone"],
            "hourly" => &["minute", "zone"],
            "daily" => &["at", "zone"],
            "weekly" | "monthly" => &["day", "at", "zone"],
            "cron" => &["cron", "zone"],
            other => {
                let known = ["off", "every", "hourly", "daily", "weekly", "monthly", "cron"];
                return Err(crate::words::unknown_word(
                    "a form of schedule (key “when”)",
                    other,
                    &known,
                ));
            }
        })
    }

    fn time(&self) -> Result<TimeOfDay> {
        self.at.as_deref().map_or(Ok(TimeOfDay::NIGHT), str::parse)
    }

    fn required<'a>(&self, key: &str, value: Option<&'a String>) -> Result<&'a str> {
        let missing = || {
            Problem::invalid(format!(
                "a schedule with when = {} needs the key “{key}”",
                self.when
            ))
        };
        value.map(String::as_str).ok_or_else(missing)
    }

    fn when(&self) -> Result<When> {
        let day = self
            .day
            .as_ref()
            .map(|day| day.as_str().map_or_else(|| day.to_string(), str::to_owned));
        Ok(match self.when.as_str() {
            "every" => every(self.required("every", self.every.as_ref())?)?,
            "hourly" => When::Hourly {
                minute: minute_of_hour(&self.minute.unwrap_or(0).to_string())?,
            },
            "daily" => When::Daily { at: self.time()? },
            "weekly" => {
                let day = day.map_or(Ok(Weekday::Monday), |day| Weekday::read(&day))?;
                When::Weekly {
                    day,
                    at: self.time()?,
                }
            }
            "monthly" => When::Monthly {
                day: day.map_or(Ok(1), |day| day_of_month(&day))?,
                at: self.time()?,
            },
            "cron" => When::Cron(self.required("cron", self.cron.as_ref())?.parse()?),
            _ => When::Off,
        })
    }

    fn schedule(&self) -> Result<Schedule> {
        let belonging = self.belonging()?;
        if let Some(stray) = self.present().find(|key| !belonging.contains(key)) {
            let message = format!(
                "the key “{stray}” does not belong to a schedule with when = {}",
                self.when
            );
            return Err(Problem::invalid(message).hint(format!("its keys are: {}", belonging.join(", "))));
        }
        let zone: Zone = self.zone.as_deref().map_or(Ok(Zone::utc()), str::parse)?;
        match self.when()? {
            when @ (When::Off | When::Every(_)) => Ok(Schedule::new(when, Zone::utc())),
            when => Ok(Schedule::new(when, zone)),
        }
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        Keys::of(self).serialize(out)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(text) => text.parse(),
            object => serde_json::from_value(object)
                .map_err(|error| Problem::invalid(error.to_string()))
                .and_then(|keys: Keys| keys.schedule()),
        }
        .map_err(D::Error::custom)
    }
}
