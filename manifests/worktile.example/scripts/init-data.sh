#!/bin/sh
# Creates the company and its administrator. wt-install runs this once, on the host, when the services are up. In:
# WT_STACK (the stack's name), WT_HOME, WT_DATA, and nothing else of the operator's environment.
#
# Write such a script so that running it twice is harmless: a machine can lose its power between the last line here and
# the note that it ran. Pass no secret as an argument, where every user of the host could read it; web has it as a file.
set -eu

: "${WT_STACK:?the name of the stack}"
WAIT=300 # seconds

container() {
    docker ps --quiet --no-trunc --filter "label=com.docker.swarm.service.name=${WT_STACK}_web" \
        --filter status=running --filter health=healthy | head -n 1
}

waited=0
id=$(container)
while [ -z "$id" ]; do
    if [ "$waited" -ge "$WAIT" ]; then
        echo "init-data: no healthy container of service \`${WT_STACK}_web\` after $WAIT seconds" >&2
        exit 1
    fi
    sleep 1
    waited=$((waited + 1))
    id=$(container)
done

exec docker exec "$id" node /app/init-data.js --conf /conf/independence.js --password-file /run/secrets/admin-password
