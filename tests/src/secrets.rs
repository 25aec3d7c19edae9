//! Whether anybody sees a site's passwords.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::site::{CHECK_PASSWORD, PASSWORD, SMTP_PASSWORD, Site};
use crate::vendor::world;

/// From now on: whatever process has a password in its arguments or its environment, as it is or as a mail server is
/// told it.
pub fn watch(site: &Site) {
    let told = ["worktile@example.com", SMTP_PASSWORD].map(|word| format!("\0{word}")).concat();
    let told = STANDARD.encode(told);
    let pattern = world().join("pattern");
    // not by a command, which would be seen
    std::fs::write(&pattern, [PASSWORD, SMTP_PASSWORD, CHECK_PASSWORD, &told].join("\n")).expect("a pattern");
    site.host.put(&pattern, "/root/pattern");
    site.sh("chmod 600 /root/pattern; mkdir /root/watch; (setsid bash -c 'while test -e /root/pattern; do \
            grep -lsaFf /root/pattern /proc/[0-9]*/cmdline /proc/[0-9]*/environ >> /root/watch/seen; \
            echo >> /root/watch/looks; done' >/dev/null 2>&1 &)")
        .expect(0);
}

/// Not in a process, in a log, in the journal, nor in a file that anybody can read who is not root.
pub fn none_was_seen(site: &Site) {
    assert_eq!(site.sh("cat /root/watch/seen").expect(0).stdout, "");
    // a watch that would have seen one
    site.sh("test $(wc -l < /root/watch/looks) -gt 100").expect(0);
    site.sh("env X=\"$(head -n 1 /root/pattern)\" sleep 60 & sleeper=$!; \
             for i in $(seq 100); do grep -q /$sleeper/environ /root/watch/seen && break; sleep 0.1; done; kill $sleeper; \
             grep /$sleeper/environ /root/watch/seen")
        .expect(0);
    site.sh("! journalctl --no-pager -o export | grep -aFf /root/pattern").expect(0);
    site.sh("! grep -rlsaFf /root/pattern /var/log").expect(0);
    site.sh("! (docker ps -q; docker service ls -q; docker secret ls -q) | xargs docker inspect | grep -aFf /root/pattern").expect(0);
    site.sh("! docker config ls -q | xargs docker config inspect -f '{{printf \"%s\" .Spec.Data}}' | grep -aFf /root/pattern").expect(0);
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
    site.sh("rm /root/pattern").expect(0);
    site.within(20, "rm -r /root/watch"); // once the last look has ended
}
