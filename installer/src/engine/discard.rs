//! Images that a site needs no more: taken away where nobody else uses them. Other tags of an image, and containers and
//! services of others, keep it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bollard::query_parameters::{
    ListContainersOptions, ListImagesOptions, ListServicesOptions, RemoveImageOptions,
};
use wt_keys::Sha256Digest;
use wt_manifests::ImageName;
use wt_manifests::image::Image;

use super::images::EngineImage;
use super::layers::chain_ids;
use super::{Engine, STACK_LABEL, StoreKind};
use crate::{Error, Result};

const IN_USE: u16 = 409;

/// What is to be taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discard {
    pub images: Vec<Discarded>,
    /// What stays, and who uses it.
    pub used: Vec<(ImageName, String)>,
    /// The layers that go with them: their digests as the bundle stores them.
    pub layers: BTreeSet<Sha256Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discarded {
    pub name: ImageName,
    /// What the engine is told: the name where it is this image's, else the ID.
    reference: String,
}

/// Who uses an image: by its ID, or by a name.
type Users = BTreeMap<String, String>;

impl Engine {
    /// Of `doomed`, what is here, is none of `needed`, and used by nobody; a stack that goes first does not count.
    pub fn plan_discard(&self, doomed: &[Image], needed: &[Image], going: Option<&str>) -> Result<Discard> {
        let mut here = Vec::new();
        for image in self.ask("list its images", self.docker.list_images(None::<ListImagesOptions>))? {
            here.extend(self.image(&image.id)?); // one that is gone meanwhile is no matter
        }
        Ok(Discard::new(doomed, needed, self.info.store, &here, &self.users(going)?))
    }

    fn users(&self, going: Option<&str>) -> Result<Users> {
        let goes = |labels: Option<&HashMap<String, String>>| {
            going.is_some() && labels.and_then(|labels| labels.get(STACK_LABEL)).map(String::as_str) == going
        };
        let mut users = Users::new();
        let all = ListContainersOptions { all: true, ..ListContainersOptions::default() };
        for container in self.ask("list its containers", self.docker.list_containers(Some(all)))? {
            if goes(container.labels.as_ref()) {
                continue;
            }
            let name = container.names.unwrap_or_default().first().cloned().unwrap_or_default();
            let name = format!("the container {}", name.trim_start_matches('/'));
            users.extend(container.image_id.map(|id| (id, name)));
        }
        let services = match self.runtime.block_on(self.docker.list_services(None::<ListServicesOptions>)) {
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 503, .. }) => Vec::new(),
            answer => answer.map_err(Error::engine("list its services"))?,
        };
        for spec in services.into_iter().filter_map(|service| service.spec) {
            if goes(spec.labels.as_ref()) {
                continue;
            }
            let name = format!("the service {}", spec.name.unwrap_or_default());
            let container = spec.task_template.and_then(|template| template.container_spec);
            users.extend(container.and_then(|container| container.image).map(|image| (image, name)));
        }
        Ok(users)
    }

    /// Takes them away; what somebody began to use meanwhile stays. Returns how many went.
    pub fn discard(&self, discard: &Discard) -> Result<usize> {
        let mut count = 0;
        for image in &discard.images {
            let question = self.docker.remove_image(&image.reference, None::<RemoveImageOptions>, None);
            match self.ask_for("remove an image", question) {
                Ok(removed) => count += usize::from(removed.is_some()),
                Err(Error::Engine { source, .. }) if is_conflict(&source) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }
}

/// Somebody uses it, or has its name.
pub(super) fn is_conflict(error: &bollard::errors::Error) -> bool {
    matches!(error, bollard::errors::Error::DockerResponseServerError { status_code: IN_USE, .. })
}

impl Discard {
    fn new(
        doomed: &[Image],
        needed: &[Image],
        store: StoreKind,
        here: &[EngineImage],
        users: &Users,
    ) -> Self {
        let kept: HashSet<String> = needed.iter().map(|image| image.name.canonical()).collect();
        let needed: HashSet<Sha256Digest> = needed.iter().map(|image| store.image_id(image)).collect();
        let (mut discard, mut gone, mut seen) = (Self::default(), HashSet::new(), HashSet::new());
        for image in doomed {
            let id = store.image_id(image);
            let Some(found) = here.iter().find(|found| found.id == id) else { continue };
            if !seen.insert((id, &image.name)) {
                continue;
            }
            let named = |tag: &&String| is_name(tag, &image.name);
            if needed.contains(&id) {
                // it stays, under the names that are needed
                let by_name = kept.contains(&image.name.canonical())
                    || users.keys().any(|what| is_name(what, &image.name));
                let tag = found.tags.iter().find(named).filter(|_| !by_name && found.tags.len() > 1);
                discard
                    .images
                    .extend(tag.map(|tag| Discarded { name: image.name.clone(), reference: tag.clone() }));
                continue;
            }
            let user = users.iter().find(|(what, _)| **what == id.to_oci() || is_name(what, &image.name));
            match found.tags.iter().find(named) {
                _ if user.is_some() => {
                    discard.used.extend(user.map(|(_, user)| (image.name.clone(), user.clone())));
                    continue;
                }
                Some(tag) => {
                    discard.images.push(Discarded { name: image.name.clone(), reference: tag.clone() });
                }
                None if found.tags.is_empty() => {
                    discard.images.push(Discarded { name: image.name.clone(), reference: id.to_oci() });
                }
                None => {} // only somebody else's tags are left on it
            }
            let ours = |tag: &String| doomed.iter().any(|image| is_name(tag, &image.name));
            if found.tags.iter().all(ours) {
                gone.insert(id);
            }
        }
        let staying = here.iter().filter(|found| !gone.contains(&found.id));
        let staying: HashSet<Sha256Digest> = staying.flat_map(|found| chain_ids(&found.layers)).collect();
        for image in doomed.iter().filter(|image| gone.contains(&store.image_id(image))) {
            let layers = image.stored().iter().zip(chain_ids(&image.layers));
            discard
                .layers
                .extend(layers.filter(|(_, chain)| !staying.contains(chain)).map(|(layer, _)| *layer));
        }
        discard
    }
}

pub(super) fn is_name(tag: &str, name: &ImageName) -> bool {
    tag.parse::<ImageName>().is_ok_and(|tag| tag.canonical() == name.canonical())
}

#[cfg(test)]
mod tests {
    use super::super::layers::tests::{digest, image};
    use super::*;

    fn here(image: &Image, tags: &[&str]) -> EngineImage {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        EngineImage { id: image.config, layers: image.layers.clone(), tags }
    }

    fn plan(doomed: &[Image], needed: &[Image], engine: &[EngineImage], users: &[(String, &str)]) -> Discard {
        let users = users.iter().map(|(what, who)| (what.clone(), (*who).to_owned())).collect();
        Discard::new(doomed, needed, StoreKind::Classic, engine, &users)
    }

    fn references(discard: &Discard) -> Vec<&str> {
        discard.images.iter().map(|image| image.reference.as_str()).collect()
    }

    #[test]
    fn what_nobody_needs_goes_and_only_layers_that_nothing_else_has() {
        let (web, im) = (image("web", &["base", "web"]), image("im", &["base", "im"]));
        let engine = [here(&web, &["acme/web:1"]), here(&im, &["acme/im:1"])];
        let discard = plan(std::slice::from_ref(&web), std::slice::from_ref(&im), &engine, &[]);
        assert_eq!(references(&discard), ["acme/web:1"]);
        assert_eq!(discard.layers, BTreeSet::from([digest("web")]));
        let both = plan(&[web.clone(), im.clone()], &[], &engine, &[]);
        assert_eq!((both.images.len(), both.layers.len()), (2, 3));
        assert_eq!(plan(&[web], &[im], &[], &[]), Discard::default(), "it is gone already");
    }

    #[test]
    fn a_name_that_nobody_needs_goes_though_its_image_stays() {
        let (old, new) =
            (image("web", &["web"]), Image { name: "acme/web:2".parse().unwrap(), ..image("web", &["web"]) });
        let engine = [here(&old, &["acme/web:1", "acme/web:2"])];
        let discard = plan(
            std::slice::from_ref(&old),
            std::slice::from_ref(&new),
            &engine,
            &[(old.config.to_oci(), "x")],
        );
        assert_eq!(references(&discard), ["acme/web:1"]);
        assert!(discard.layers.is_empty());
        let by_name = [("acme/web:1".to_owned(), "the container x")];
        assert_eq!(plan(&[old], &[new], &engine, &by_name), Discard::default());
    }

    #[test]
    fn what_is_needed_or_used_or_has_a_name_of_somebody_elses_stays() {
        let web = image("web", &["web"]);
        let doomed = std::slice::from_ref(&web);
        let engine = [here(&web, &["acme/web:1"])];
        assert_eq!(plan(doomed, doomed, &engine, &[]), Discard::default());
        for what in [web.config.to_oci(), "docker.io/acme/web:1".to_owned()] {
            let used = plan(doomed, &[], &engine, &[(what, "the container x")]);
            assert_eq!(used.used, [(web.name.clone(), "the container x".to_owned())]);
            assert!(used.images.is_empty() && used.layers.is_empty());
        }
        let shared = plan(doomed, &[], &[here(&web, &["mine/web:2", "acme/web:1"])], &[]);
        assert_eq!(references(&shared), ["acme/web:1"]);
        assert!(shared.layers.is_empty());
        let theirs = plan(doomed, &[], &[here(&web, &["mine/web:2"])], &[]);
        assert_eq!(theirs, Discard::default());
        let nameless = plan(doomed, &[], &[here(&web, &[])], &[]);
        assert_eq!(references(&nameless), [web.config.to_oci()]);
    }
}
