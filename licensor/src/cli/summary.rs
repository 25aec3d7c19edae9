use std::fmt::Write as _;

use crate::grade::usable;
use crate::request::Node;
use crate::verdict::Terms;
use crate::{Component, Grade, License, Request};

/// The worst of the nodes.
pub fn grade(request: &Request) -> Grade {
    request.nodes.iter().map(grade_of).max_by_key(|grade| *grade as u8).unwrap_or(Grade::C) // a request has a node
}

/// What is about to be signed, and for which machines.
pub fn summary(request: &Request, license: &License, whose_product: &str) -> String {
    let mut text = format!("request {} of {}\n", request.request_id, request.collected_at);
    let _ = writeln!(text, "license of `{}`{whose_product} for {} node(s)", license.product, license.nodes);
    Terms::of(license).describe(&mut text);
    for node in &request.nodes {
        let _ = writeln!(
            text,
            "  machine     `{}`, grade {}: {}",
            node.label,
            grade_of(node),
            bound(node, counted)
        );
        if let Some(info) = &node.info {
            let gib = info.memory_bytes >> 30;
            let _ = writeln!(
                text,
                "              {} x {}, {gib} GiB, {}, {}",
                info.cores, info.cpu, info.hostname, info.os
            );
        }
    }
    text
}

/// What speaks against signing for a node; `None` where nothing does.
pub fn warning(node: &Node) -> Option<String> {
    let copyable = usable(node.environment, &node.components).all(|component| component.kind.is_in_a_file());
    let meaning = match grade_of(node) {
        Grade::A => return None,
        _ if copyable => {
            " and to nothing of its hardware; a copy of its disk has these too and passes for it on any machine"
        }
        Grade::B => "; a copy of its disk could pass for it",
        Grade::C => "; many machines could pass for it",
    };
    let bound = bound(node, |component| component.kind.to_string());
    Some(format!(
        "warning: `{}` can be told from others only in part: it is bound to {bound}{meaning}",
        node.label
    ))
}

fn grade_of(node: &Node) -> Grade {
    Grade::of(node.environment, &node.components)
}

fn bound(node: &Node, shown: impl Fn(&Component) -> String) -> String {
    usable(node.environment, &node.components).map(shown).collect::<Vec<_>>().join(", ")
}

/// Each value may be another machine's: the desk sees how many there are.
fn counted(component: &Component) -> String {
    match component.tags.len() {
        1 => component.kind.to_string(),
        several => format!("{} ({several} values)", component.kind),
    }
}
