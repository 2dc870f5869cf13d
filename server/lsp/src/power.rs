//! Whether the machine runs on battery, as Linux tells in `/sys/class/power_supply`. Other systems are not asked; there
//! the governor goes by the load alone. Reading takes the kernel some ms on machines whose firmware is slow, so it is done
//! off the loop, at most once a minute, and only while somebody types.

use std::fs;
use std::path::Path;

/// Where the power comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Supply {
    /// The system does not tell.
    #[default]
    Unknown,
    /// Plugged in, or a machine that is told to have no battery.
    Mains,
    /// A battery is being drained.
    Battery,
}

impl Supply {
    /// What the system says now.
    pub(crate) fn now() -> Supply {
        if cfg!(target_os = "linux") {
            Supply::read(Path::new("/sys/class/power_supply"))
        } else {
            Supply::Unknown
        }
    }

    /// The name to branch on.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Supply::Unknown => "unknown",
            Supply::Mains => "mains",
            Supply::Battery => "battery",
        }
    }

    /// From a folder with one folder for each supply, which holds `type`, `online`, `status` and `scope` (Linux,
    /// `Documentation/ABI/testing/sysfs-class-power`).
    fn read(folder: &Path) -> Supply {
        let Ok(entries) = fs::read_dir(folder) else {
            return Supply::Unknown;
        };
        let mut supply = Supply::Unknown;
        for entry in entries.flatten() {
            let value = |name: &str| {
                let text = fs::read_to_string(entry.path().join(name)).unwrap_or_default();
                text.trim().to_owned()
            };
            match value("type").as_str() {
                // The battery of a mouse or a headset.
                _ if value("scope") == "Device" => {}
                "Mains" | "USB" | "Wireless" if value("online") == "1" => return Supply::Mains,
                "Battery" if value("status") == "Discharging" => supply = Supply::Battery,
                "Battery" | "Mains" if supply == Supply::Unknown => supply = Supply::Mains,
                _ => {}
            }
        }
        supply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Supplies by name, each with its files, and what they say together.
    fn check(supplies: &[(&str, &[(&str, &str)])], expected: Supply) {
        let folder = tempfile::tempdir().unwrap();
        for (name, files) in supplies {
            let supply = folder.path().join(name);
            fs::create_dir(&supply).unwrap();
            for (file, text) in *files {
                fs::write(supply.join(file), format!("{text}\n")).unwrap();
            }
        }
        assert_eq!(Supply::read(folder.path()), expected, "{supplies:?}");
    }

    #[test]
    fn supplies_as_machines_have_them() {
        const DRAINED: &[(&str, &str)] = &[("type", "Battery"), ("status", "Discharging")];
        const FULL: &[(&str, &str)] = &[("type", "Battery"), ("status", "Full")];
        const OUT: &[(&str, &str)] = &[("type", "Mains"), ("online", "0")];
        const IN: &[(&str, &str)] = &[("type", "Mains"), ("online", "1")];
        check(&[], Supply::Unknown);
        check(&[("BAT0", DRAINED), ("AC", OUT)], Supply::Battery);
        // A weak charger: drained although plugged in.
        check(&[("BAT0", DRAINED), ("AC", IN)], Supply::Mains);
        check(&[("BAT0", FULL)], Supply::Mains);
        check(&[("AC", OUT)], Supply::Mains);
        check(&[("BAT0", FULL), ("BAT1", DRAINED)], Supply::Battery);
        let mouse = [
            ("type", "Battery"),
            ("status", "Discharging"),
            ("scope", "Device"),
        ];
        check(&[("hidpp_battery_0", &mouse)], Supply::Unknown);
        check(&[("odd", &[])], Supply::Unknown);
        assert_eq!(Supply::read(Path::new("/nowhere/at/all")), Supply::Unknown);
    }
}
