//! Whether anybody sees a site's password.

use crate::site::{PASSWORD, Site};
use crate::vendor::world;

/// From now on: whatever process has the password in its arguments or its environment.
pub fn watch(site: &Site) {
    let pattern = world().join("pattern");
    std::fs::write(&pattern, PASSWORD).expect("a pattern"); // not by a command, which would be seen
    site.host.put(&pattern, "/root/pattern");
    site.sh("chmod 600 /root/pattern; mkdir /root/watch; (setsid bash -c 'while test -e /root/pattern; do \
            grep -lsaFf /root/pattern /proc/[0-9]*/cmdline /proc/[0-9]*/environ >> /root/watch/seen; done' \
            >/dev/null 2>&1 &)")
        .expect(0);
}

/// Not in a process, in a log, in the journal, nor in a file that anybody can read who is not root.
pub fn none_was_seen(site: &Site) {
    assert_eq!(site.sh("cat /root/watch/seen").expect(0).stdout, "");
    site.sh("! journalctl --no-pager -o export | grep -aFf /root/pattern").expect(0);
    site.sh("! grep -rlsaFf /root/pattern /var/log").expect(0);
    site.sh("! docker ps -q | xargs docker inspect | grep -aFf /root/pattern").expect(0);
    site.sh(
        "! for s in $(docker service ls -q); do docker service logs $s 2>&1; done | grep -aFf /root/pattern",
    )
    .expect(0);
    let all = "find / \\( -path /proc -o -path /sys \\) -prune -o -type f -size -64M -readable -print0";
    let readable = site.sh(&format!(
        "setpriv --reuid=65534 --regid=65534 --clear-groups bash -c \"pattern=\\$(cat) && {all} | xargs -0 grep -lsaF -e \\\"\\$pattern\\\"\" < /root/pattern; true"
    ));
    assert_eq!(readable.stdout, "");
    let kept =
        site.sh("grep -rlsaFf /root/pattern /root/site.toml /var/lib/wt-install /opt /etc /run; true").stdout;
    assert_eq!(kept, "/root/site.toml\n/var/lib/wt-install/site.toml\n");
    site.sh("rm -r /root/pattern /root/watch").expect(0);
}
