# For the scripts beside it: the containers of a stack on this host.

# Prints the ID of a healthy container of the service $1 of $WT_STACK, or nothing.
healthy_container() {
    docker ps --quiet --no-trunc --filter "label=com.docker.swarm.service.name=${WT_STACK}_$1" \
        --filter status=running --filter health=healthy | head -n 1
}
