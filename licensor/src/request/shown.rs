use std::fmt;

use super::Request;
use crate::Grade;
use crate::fingerprint::describe;

/// Every field, as it is sent: what a site is shown before it sends it, and a desk before it signs.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<14} {}", "request", self.request_id)?;
        writeln!(f, "{:<14} {}", "reason", self.reason)?;
        if let Some(license) = self.previous_license {
            writeln!(f, "{:<14} {license}", "license before")?;
        }
        writeln!(f, "{:<14} {} {}", "product", self.product, self.release)?;
        writeln!(f, "{:<14} {}", "customer", self.customer_hint)?;
        writeln!(f, "{:<14} {}", "collected", self.collected_at)?;
        if let Some(usage) = &self.usage {
            let modules = usage.modules.join(", ");
            writeln!(f, "{:<14} {} users, modules {modules}, on {}", "used", usage.users, usage.counted_at)?;
        }
        let key = serde_json::to_string(&self.install_key).map_err(|_| fmt::Error)?;
        writeln!(f, "{:<14} {}, whose key is {}", "signed by", self.install_key.id(), key.trim_matches('"'))?;
        for node in &self.nodes {
            let grade = Grade::of(node.environment, &node.components);
            writeln!(f, "\n{:<14} {}, {}, grade {grade}", "node", node.label, node.environment)?;
            if let Some(collected_at) = node.collected_at {
                writeln!(f, "{:<14} {collected_at}", "collected")?;
            }
            describe(f, &node.components, node.info.as_ref())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::request::{Occasion, Usage};
    use crate::testkit::{Machine, install_key, now, request};
    use crate::{Id, Info};

    fn words(value: &Value) -> Vec<String> {
        match value {
            Value::Null => vec![],
            Value::Array(items) => items.iter().flat_map(words).collect(),
            Value::Object(fields) => fields.values().flat_map(words).collect(),
            Value::String(text) => vec![text.clone()],
            other => vec![other.to_string()],
        }
    }

    #[test]
    fn nothing_is_sent_that_is_not_shown() {
        for machine in [Machine::metal(), Machine::junk(), Machine::container()] {
            let mut request = request(&machine, &install_key(1));
            request.reason = Occasion::AddNode;
            request.previous_license = Some(Id::from_bytes([5; 16]));
            let modules = vec!["messages".into(), "drive".into()];
            request.usage = Some(Usage { users: 8191, modules, counted_at: now().plus_days(7) });
            request.nodes[0].collected_at = Some(now().plus_days(3));
            request.nodes[0].info = Some(Info {
                model: "Example Server 9".into(),
                cpu: "Example 3000".into(),
                cores: 48,
                memory_bytes: 34_359_738_369,
                hostname: "db7".into(),
                os: "Debian GNU/Linux 12".into(),
                kernel: "6.1.0-99".into(),
            });
            let shown = request.to_string();
            for word in words(&serde_json::to_value(&request).unwrap()) {
                assert!(shown.contains(&word), "`{word}` is sent, and not shown:\n{shown}");
            }
        }
    }
}
