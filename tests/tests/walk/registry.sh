# Sourced by the walk, in a mount namespace of its own: `registry.example.com` on a loopback address, with TLS and a
# password, and the nine images of worktile.example, all made of the stand-in. Leaves ca.crt and auth.json here.
HOST=registry.example.com
ADDRESS=127.0.0.77

cp /etc/hosts hosts
echo "$ADDRESS $HOST" >>hosts
mount --bind hosts /etc/hosts

mkdir tls
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=test CA' \
    -addext 'keyUsage=critical,keyCertSign' -keyout tls/ca.priv -out ca.crt 2>/dev/null
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test -keyout tls/server.priv -out tls/server.csr 2>/dev/null
printf 'subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth\n' "$HOST" >tls/extensions
openssl x509 -req -in tls/server.csr -CA ca.crt -CAkey tls/ca.priv -CAcreateserial -days 2 -extfile tls/extensions -out tls/server.pem 2>/dev/null
cp ca.crt tls/
# INSECURE: for this test only
PASSWORD=insecure-test-password
# shellcheck disable=SC2016
echo 'builder:$2y$05$abcdefghijklmnopqrstuu9TgchRto1XluRjgGwwiDLysZN.t8.CK' >tls/htpasswd
echo "{\"auths\":{\"$HOST\":{\"username\":\"builder\",\"password\":\"$PASSWORD\"}}}" >auth.json
chmod 600 auth.json
cat >registry.yml <<CONFIG
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $PWD/registry}}
http: {addr: "$ADDRESS:443", tls: {certificate: $PWD/tls/server.pem, key: $PWD/tls/server.priv}}
auth: {htpasswd: {realm: test, path: $PWD/tls/htpasswd}}
CONFIG
setpriv --pdeathsig KILL docker-registry serve registry.yml >registry.log 2>&1 &
for _ in {1..100}; do
    if (exec 3<>"/dev/tcp/$ADDRESS/443") 2>/dev/null; then break; fi
    sleep 0.1
done

mkdir one
ln -s "$PWD/manifests/v5.2/rootfs/standin" one/root
printf 'product = "one"\nversion = "1.0.0"\nplatform = "linux/amd64"\n[[image]]\nname = "one:1"\nsource = "rootfs:root/"\nentrypoint = ["/standin", "web"]\n' >one/release.toml
echo 'services: {one: {image: "one:1"}}' >one/stack.yaml
wt-bundle build ./one --key vendor/bundle.key -o one.tar.zst --quiet
zstd -q -d one.tar.zst -o one.tar
for name in web im box hook mongodb redis elasticsearch seaweedfs nginx; do
    skopeo copy --quiet --dest-cert-dir tls --dest-creds "builder:$PASSWORD" docker-archive:one.tar "docker://$HOST/worktile/$name:5.2.0"
done
