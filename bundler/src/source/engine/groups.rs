use std::cmp::Reverse;
use std::collections::HashMap;

use wt_manifests::ImageName;

/// A second export pays when it makes the larger one this much smaller than one for all: percent.
const WORTH_IT: u64 = 80;

/// An image and about how many bytes each of its layers has.
pub struct Weighed {
    name: ImageName,
    layers: HashMap<String, u64>,
}

impl Weighed {
    /// `sizes` are those of the steps that made the image; where they are not as many as the layers, `total` is spread.
    pub fn new(name: ImageName, layers: Vec<String>, sizes: Vec<u64>, total: u64) -> Self {
        let mut sizes: Vec<u64> = sizes.into_iter().filter(|size| *size > 0).collect();
        if sizes.len() != layers.len() {
            sizes = vec![total / (layers.len() as u64).max(1); layers.len()];
        }
        Self { name, layers: layers.into_iter().zip(sizes).collect() }
    }

    fn weight(&self) -> u64 {
        self.layers.values().sum()
    }
}

/// Images that are exported together.
#[derive(Default)]
struct Group {
    names: Vec<ImageName>,
    layers: HashMap<String, u64>,
}

impl Group {
    fn weight(&self) -> u64 {
        self.layers.values().sum()
    }

    fn weight_with(&self, image: &Weighed) -> u64 {
        let new = image.layers.iter().filter(|(layer, _)| !self.layers.contains_key(*layer));
        self.weight() + new.map(|(_, size)| size).sum::<u64>()
    }

    fn add(&mut self, image: Weighed) {
        self.names.push(image.name);
        self.layers.extend(image.layers);
    }
}

/// In two groups of about the same weight that share little, or in one where that is as good.
pub fn split(mut images: Vec<Weighed>) -> Vec<Vec<ImageName>> {
    images.sort_by_key(|image| Reverse(image.weight()));
    let mut all = Group::default();
    let (mut one, mut two) = (Group::default(), Group::default());
    for image in images {
        let (in_one, in_two) = (one.weight_with(&image), two.weight_with(&image));
        let cost_one = (in_one.max(two.weight()), in_one + two.weight());
        let cost_two = (in_two.max(one.weight()), in_two + one.weight());
        all.names.push(image.name.clone());
        all.layers.extend(image.layers.clone());
        if cost_one <= cost_two { one.add(image) } else { two.add(image) }
    }
    if one.weight().max(two.weight()) * 100 > all.weight() * WORTH_IT {
        return vec![all.names];
    }
    [one.names, two.names].into_iter().filter(|names| !names.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str, layers: &[(&str, u64)]) -> Weighed {
        let (layers, sizes) = layers.iter().map(|(id, size)| ((*id).to_owned(), *size)).unzip();
        Weighed::new(format!("{name}:1").parse().unwrap(), layers, sizes, 0)
    }

    fn names(groups: Vec<Vec<ImageName>>) -> Vec<Vec<String>> {
        groups.into_iter().map(|group| group.iter().map(ToString::to_string).collect()).collect()
    }

    #[test]
    fn images_that_share_much_are_exported_together() {
        let base = ("base", 10);
        let groups = split(vec![
            image("web", &[base, ("packages", 50)]),
            image("build", &[base, ("packages", 50), ("tools", 20)]),
            image("java", &[base, ("java", 60)]),
            image("redis", &[base, ("redis", 1)]),
        ]);
        assert_eq!(names(groups), [["build:1", "web:1"], ["java:1", "redis:1"]]);
    }

    #[test]
    fn what_does_not_divide_is_exported_at_once() {
        let base = ("base", 100);
        let groups = split(vec![image("a", &[base, ("a", 1)]), image("b", &[base, ("b", 1)])]);
        assert_eq!(names(groups), [["a:1", "b:1"]]);
        assert_eq!(names(split(vec![image("a", &[base])])), [["a:1"]]);
        assert_eq!(names(split(vec![image("a", &[("empty", 0)])])), [["a:1"]]);
        assert_eq!(split(Vec::new()).len(), 0);
    }
}
