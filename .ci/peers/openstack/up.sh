#!/bin/bash
# Real OpenStack "Zed" control plane from Debian 12 packages, on 127.0.0.1 only, without systemd.
# Idempotent: run on a bare machine (installs), or on a stopped / half-up one (starts what is missing).
# Stop: ./down.sh      Stop and forget everything: ./down.sh --wipe      Sample resources: ./seed.sh
set -euo pipefail
BASE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RUN=${OSLAB_RUN:-${TMPDIR:-/tmp}/maestro-openstack}
ETC=$RUN/etc LOG=$RUN/log PIDS=$RUN/pid ST=$RUN/state
PW=oslab                                   # every password in this lab; it listens on loopback only
DBPORT=13306 MQPORT=5672
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin   # the system's python3, not a pyenv shim
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy || true
PY=/usr/bin/python3
umask 022
T0=$(date +%s); say() { printf '[%4ss] %s\n' $(( $(date +%s) - T0 )) "$*" >&2; }
mkdir -p "$ETC" "$LOG" "$PIDS" "$ST"/{lock,images,nova,neutron,cinder,octavia,keystone,rabbit}

# ------------------------------------------------------------------ packages
PKGS="keystone nova-common neutron-common glance-common cinder-common placement-common octavia-common
      mariadb-server rabbitmq-server uwsgi-core uwsgi-plugin-python3 python3-openstackclient python3-octaviaclient"
missing=$(for p in $PKGS; do dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || echo "$p"; done)
if [ -n "$missing" ]; then
  say "installing:" $missing
  for p in keystone:keystone nova-common:nova neutron-common:neutron glance-common:glance cinder-common:cinder \
           placement-common:placement octavia-common:octavia; do
    echo "${p%%:*} ${p##*:}/configure_db boolean false"
  done | debconf-set-selections
  # maintainer scripts must not start daemons of their own
  if [ ! -e /usr/sbin/policy-rc.d ]; then printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; made_policy=1; fi
  apt-get update -q -o DPkg::Lock::Timeout=180 >"$LOG/apt.log" 2>&1 || true
  apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=180 -o Dpkg::Options::=--force-confold $missing </dev/null >>"$LOG/apt.log" 2>&1 \
    || { tail -20 "$LOG/apt.log" >&2; exit 1; }
  [ -z "${made_policy:-}" ] || rm -f /usr/sbin/policy-rc.d
  say "packages installed"
fi

# ------------------------------------------------------------------ helpers
alive() { local f=$PIDS/$1 p s; [ -s "$f" ] || return 1; read -r p s <"$f"; [ -e "/proc/$p" ] && [ "$(cut -d' ' -f22 /proc/$p/stat 2>/dev/null)" = "$s" ]; }
start() { # start NAME command...   (pid and its start time go to $PIDS/NAME; the daemon leads its own session)
  local n=$1; shift
  if alive "$n"; then return 0; fi
  (cd "$ST"; exec setsid "$@" </dev/null >>"$LOG/$n.log" 2>&1) &
  local p=$!; sleep 0.1; echo "$p $(cut -d' ' -f22 /proc/$p/stat 2>/dev/null || echo 0)" >"$PIDS/$n"
}
wait_port() { # NAME PORT [seconds]
  local i; for ((i=0; i<${3:-90}*5; i++)); do (exec 3<>/dev/tcp/127.0.0.1/$2) 2>/dev/null && return 0
    alive "$1" || { say "$1 died:"; tail -15 "$LOG/$1.log" >&2; exit 1; }; sleep 0.2; done; say "$1: port $2 never opened"; tail -15 "$LOG/$1.log" >&2; exit 1; }
once() { # once TAG command...   runs until it has succeeded once
  local t=$1; shift; [ -e "$ST/done.$t" ] && return 0
  "$@" >>"$LOG/setup.log" 2>&1 || { say "setup step $t failed"; tail -15 "$LOG/setup.log" >&2; exit 1; }; touch "$ST/done.$t"; }
ep() { $PY -c "import sys; sys.argv[0]='$2'; from $1 import main; sys.exit(main())" "${@:3}"; }
db() { echo "mysql+pymysql://oslab:$PW@127.0.0.1:$DBPORT/$1?charset=utf8"; }
MQ="rabbit://oslab:$PW@127.0.0.1:$MQPORT/"
authtoken() { cat <<E
[keystone_authtoken]
www_authenticate_uri = http://127.0.0.1:5000/v3
auth_url = http://127.0.0.1:5000/v3
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = $1
password = $PW
service_token_roles = service,admin
$(case $1 in # without it a service refuses application credentials that have access rules
nova) echo service_type = compute;; neutron) echo service_type = network;; glance) echo service_type = image;;
cinder) echo service_type = volumev3;; octavia) echo service_type = load-balancer;; placement) echo service_type = placement;; esac)
E
}
client() { cat <<E
[$1]
auth_url = http://127.0.0.1:5000/v3
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = $2
password = $PW
region_name = RegionOne
E
}
tail_common() { cat <<E   # $1, $2: the policy defaults of the next release (a reader may read and no more), and token scopes
[oslo_policy]
enforce_new_defaults = ${1:-true}
enforce_scope = ${2:-true}
[oslo_concurrency]
lock_path = $ST/lock
[oslo_messaging_notifications]
driver = noop
E
}

# ------------------------------------------------------------------ configuration (rewritten each time)
mkdir -p "$ETC"/{keystone,nova,neutron,glance,cinder,placement,octavia}
cat >"$ETC/keystone/keystone.conf" <<E
[DEFAULT]
use_stderr = true
[database]
connection = $(db keystone)
[cache]
enabled = true
backend = oslo_cache.dict
[token]
provider = fernet
[fernet_tokens]
key_repository = $ST/keystone/fernet
[credential]
key_repository = $ST/keystone/credential
[fernet_receipts]
key_repository = $ST/keystone/fernet
E
cat >"$ETC/placement/placement.conf" <<E
[DEFAULT]
use_stderr = true
[placement_database]
connection = $(db placement)
[api]
auth_strategy = keystone
$(authtoken placement)
E
cp /usr/share/glance-common/glance-api-paste.ini "$ETC/glance/"
cat >"$ETC/glance/glance-api.conf" <<E
[DEFAULT]
use_stderr = true
bind_host = 127.0.0.1
bind_port = 9292
workers = 0
enabled_backends = file:file
enforce_secure_rbac = true
transport_url = $MQ
[database]
connection = $(db glance)
[glance_store]
default_backend = file
[file]
filesystem_store_datadir = $ST/images
[os_glance_staging_store]
filesystem_store_datadir = $ST/staging
[os_glance_tasks_store]
filesystem_store_datadir = $ST/tasks
[paste_deploy]
flavor = keystone
config_file = $ETC/glance/glance-api-paste.ini
$(authtoken glance)
$(tail_common)
E
cp /usr/share/neutron-common/api-paste.ini "$ETC/neutron/"
cat >"$ETC/neutron/neutron.conf" <<E
[DEFAULT]
use_stderr = true
bind_host = 127.0.0.1
bind_port = 9696
api_paste_config = $ETC/neutron/api-paste.ini
state_path = $ST/neutron
core_plugin = ml2
service_plugins = router,qos,trunk
api_workers = 1
rpc_workers = 1
rpc_state_report_workers = 0
transport_url = $MQ
auth_strategy = keystone
notify_nova_on_port_status_changes = true
notify_nova_on_port_data_changes = true
dhcp_agents_per_network = 1
[agent]
root_helper =
[database]
connection = $(db neutron)
$(authtoken neutron)
$(client nova nova)
$(client placement placement)
$(tail_common false false)
[ml2]
type_drivers = flat,vlan,vxlan
tenant_network_types = vxlan
mechanism_drivers = openvswitch
extension_drivers = port_security,qos
[ml2_type_flat]
flat_networks = *
[ml2_type_vlan]
network_vlan_ranges = physnet1:100:199
[ml2_type_vxlan]
vni_ranges = 1:1000
[securitygroup]
enable_security_group = true
E
cp /usr/share/nova-common/api-paste.ini "$ETC/nova/"
cat >"$ETC/nova/nova.conf" <<E
[DEFAULT]
use_stderr = true
my_ip = 127.0.0.1
state_path = $ST/nova
transport_url = $MQ
enabled_apis = osapi_compute
osapi_compute_listen = 127.0.0.1
osapi_compute_listen_port = 8774
osapi_compute_workers = 1
compute_driver = fake.FakeDriver
vif_plugging_is_fatal = false
vif_plugging_timeout = 0
allow_resize_to_same_host = true
instance_usage_audit = false
[api]
auth_strategy = keystone
[wsgi]
api_paste_config = $ETC/nova/api-paste.ini
[conductor]
workers = 1
[scheduler]
workers = 1
discover_hosts_in_cells_interval = 30
[vnc]
enabled = false
[glance]
api_servers = http://127.0.0.1:9292
[cinder]
os_region_name = RegionOne
$(client cinder nova | tail -n +2)
$(authtoken nova)
$(client placement placement)
$(client neutron neutron)
$(client service_user nova)
send_service_user_token = true
$(tail_common)
E
cat >"$ETC/nova/db.conf" <<E   # not for nova-compute, which must reach the database through the conductor only
[api_database]
connection = $(db nova_api)
[database]
connection = $(db nova)
E
cp /usr/share/cinder-common/api-paste.ini "$ETC/cinder/"; cp /etc/cinder/resource_filters.json "$ETC/cinder/"
cat >"$ETC/cinder/cinder.conf" <<E
[DEFAULT]
use_stderr = true
my_ip = 127.0.0.1
state_path = $ST/cinder
transport_url = $MQ
auth_strategy = keystone
api_paste_config = $ETC/cinder/api-paste.ini
resource_query_filters_file = $ETC/cinder/resource_filters.json
osapi_volume_listen = 127.0.0.1
osapi_volume_listen_port = 8776
osapi_volume_workers = 1
enabled_backends = fake
default_volume_type = __DEFAULT__
glance_api_servers = http://127.0.0.1:9292
backup_driver = cinder.tests.unit.backup.fake_service.FakeBackupService
[fake]
volume_driver = cinder.tests.fake_driver.FakeLoggingVolumeDriver
volume_backend_name = fake
[database]
connection = $(db cinder)
$(authtoken cinder)
$(client nova nova)
$(client service_user cinder)
send_service_user_token = true
$(tail_common true false)
E
AMP_FLAVOR=amphora AMP_NET=$(cat "$ST/octavia/net" 2>/dev/null || echo 00000000-0000-0000-0000-000000000000)
octavia_conf() { cat >"$ETC/octavia/octavia.conf" <<E
[DEFAULT]
use_stderr = true
transport_url = $MQ
[api_settings]
bind_host = 127.0.0.1
bind_port = 9876
auth_strategy = keystone
enabled_provider_drivers = amphora:The Octavia Amphora driver.
default_provider_driver = amphora
healthcheck_enabled = true
[database]
connection = $(db octavia)
[health_manager]
heartbeat_key = $PW
bind_ip = 127.0.0.1
bind_port = 5555
controller_ip_port_list = 127.0.0.1:5555
health_update_threads = 1
stats_update_threads = 1
# never fail over an amphora because the lab was down for a while
heartbeat_timeout = 1000000000
[certificates]
cert_manager = local_cert_manager
cert_generator = local_cert_generator
ca_certificate = $ST/octavia/ca.pem
ca_private_key = $ST/octavia/ca.key
server_certs_key_passphrase = insecure-key-do-not-use-this-key
[controller_worker]
workers = 1
# the amphorae are servers of the (fake-driver) nova, on a real neutron network; only the agent inside them is a no-op
compute_driver = compute_nova_driver
network_driver = allowed_address_pairs_driver
amphora_driver = amphora_noop_driver
image_driver = image_glance_driver
volume_driver = volume_noop_driver
amp_boot_network_list = $AMP_NET
amp_flavor_id = $AMP_FLAVOR
amp_image_tag = amphora
amp_active_wait_sec = 1
amp_active_retries = 120
client_ca = $ST/octavia/ca.pem
loadbalancer_topology = SINGLE
[networking]
retry_interval = 1
[oslo_messaging]
topic = octavia_prov
rpc_thread_pool_size = 2
[task_flow]
max_workers = 2
[neutron]
region_name = RegionOne
[nova]
region_name = RegionOne
enable_anti_affinity = false
[glance]
region_name = RegionOne
[driver_agent]
status_socket_path = $ST/octavia/status.sock
stats_socket_path = $ST/octavia/stats.sock
get_socket_path = $ST/octavia/get.sock
[audit]
enabled = false
$(authtoken octavia)
$(client service_auth octavia)
[oslo_concurrency]
lock_path = $ST/lock
E
}
octavia_conf
once octavia-ca openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=oslab -keyout "$ST/octavia/ca.key" -out "$ST/octavia/ca.pem"

# ------------------------------------------------------------------ mariadb and rabbitmq
chown -R mysql: "$ST/mysql" 2>/dev/null || { mkdir -p "$ST/mysql"; chown mysql: "$ST/mysql"; }
SOCK=$ST/mysql/mysqld.sock
once mysql-init mariadb-install-db --no-defaults --user=mysql --datadir="$ST/mysql/data" --auth-root-authentication-method=normal --skip-test-db
start mariadb mariadbd --no-defaults --user=mysql --datadir="$ST/mysql/data" --socket="$SOCK" --pid-file="$ST/mysql/pid" \
  --bind-address=127.0.0.1 --port=$DBPORT --max-connections=1000 --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=256M \
  --skip-name-resolve --character-set-server=utf8mb3 --collation-server=utf8mb3_general_ci --skip-log-bin
mkdir -p "$ST/rabbit"
cat >"$ST/rabbit/rabbitmq.conf" <<E
listeners.tcp.1 = 127.0.0.1:$MQPORT
default_user = oslab
default_pass = $PW
default_permissions.configure = .*
default_permissions.read = .*
default_permissions.write = .*
E
echo '[].' >"$ST/rabbit/enabled_plugins"; : >"$ST/rabbit/env"
start epmd epmd -address 127.0.0.1
start rabbitmq env HOME="$ST/rabbit" RABBITMQ_NODENAME=oslab@localhost RABBITMQ_CONF_ENV_FILE="$ST/rabbit/env" \
  RABBITMQ_CONFIG_FILE="$ST/rabbit/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$ST/rabbit/enabled_plugins" \
  RABBITMQ_MNESIA_BASE="$ST/rabbit/mnesia" RABBITMQ_LOG_BASE="$LOG/rabbit" RABBITMQ_LOGS=- RABBITMQ_DIST_PORT=25672 \
  ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none" \
  /usr/lib/rabbitmq/bin/rabbitmq-server
wait_port mariadb $DBPORT; wait_port rabbitmq $MQPORT
mkdb() { mariadb --no-defaults --socket="$SOCK" -uroot -e "$(for d in keystone placement glance neutron nova_api nova nova_cell0 cinder octavia; do
  echo "CREATE DATABASE IF NOT EXISTS $d CHARACTER SET utf8mb3;"; done)
  CREATE USER IF NOT EXISTS 'oslab'@'%' IDENTIFIED BY '$PW'; GRANT ALL ON *.* TO 'oslab'@'%';"; }
once mysql-dbs mkdb
say "mariadb and rabbitmq up"

# ------------------------------------------------------------------ schemas
K="--config-file $ETC/keystone/keystone.conf"
keystone_setup() {
  mkdir -p "$ST"/keystone/{fernet,credential}; chmod 700 "$ST"/keystone/{fernet,credential}
  keystone-manage $K db_sync && keystone-manage $K fernet_setup --keystone-user root --keystone-group root &&
  keystone-manage $K credential_setup --keystone-user root --keystone-group root &&
  keystone-manage $K bootstrap --bootstrap-password $PW --bootstrap-username admin --bootstrap-project-name admin --bootstrap-role-name admin \
    --bootstrap-service-name keystone --bootstrap-region-id RegionOne --bootstrap-admin-url http://127.0.0.1:5000/v3/ \
    --bootstrap-public-url http://127.0.0.1:5000/v3/ --bootstrap-internal-url http://127.0.0.1:5000/v3/
}
N="--config-file $ETC/nova/nova.conf --config-file $ETC/nova/db.conf"
nova_setup() { nova-manage $N api_db sync && nova-manage $N cell_v2 map_cell0 --database_connection "$(db nova_cell0)" && nova-manage $N db sync &&
  { nova-manage $N cell_v2 list_cells | grep -qw cell1 || nova-manage $N cell_v2 create_cell --name cell1; }; }
once keystone-db keystone_setup
if [ ! -e "$ST/done.schemas" ]; then
  once placement-db placement-manage --config-file "$ETC/placement/placement.conf" db sync & j1=$!
  (once glance-db glance-manage --config-file "$ETC/glance/glance-api.conf" db_sync
   once cinder-db cinder-manage --config-file "$ETC/cinder/cinder.conf" db sync
   once octavia-db octavia-db-manage --config-file "$ETC/octavia/octavia.conf" upgrade head) & j2=$!
  once neutron-db neutron-db-manage --config-file "$ETC/neutron/neutron.conf" upgrade heads & j3=$!
  once nova-db nova_setup
  wait $j1; wait $j2; wait $j3; touch "$ST/done.schemas"
  say "schemas ready"
fi

# ------------------------------------------------------------------ keystone, then its catalogue
uw() { # NAME PORT THREADS WSGI-FILE [pyargv]
  start "$1" uwsgi --plugin python3 --master --lazy-apps --enable-threads --processes 1 --threads "$3" --buffer-size 65535 --add-header "Connection: close" --die-on-term \
    --http-socket "127.0.0.1:$2" --wsgi-file "$4" --need-app --thunder-lock ${5:+--pyargv "$5"}; }
export OS_KEYSTONE_CONFIG_FILES=$ETC/keystone/keystone.conf OS_PLACEMENT_CONFIG_DIR=$ETC/placement
uw keystone 5000 4 /usr/bin/keystone-wsgi-public
wait_port keystone 5000
catalogue() { $PY - "$PW" <<'E'
import sys, openstack
pw = sys.argv[1]
c = openstack.connect(auth_url='http://127.0.0.1:5000/v3', username='admin', password=pw, project_name='admin',
                      user_domain_id='default', project_domain_id='default', region_name='RegionOne', load_envvars=False, load_yaml_config=False)
i = c.identity
def one(lst, **k):
    for x in lst:
        if all(getattr(x, a) == b for a, b in k.items()): return x
svc_proj = i.find_project('service', domain_id='default') or i.create_project(name='service', domain_id='default')
role = {r.name: r for r in i.roles()}
for n in ('service', 'load-balancer_admin', 'load-balancer_member', 'load-balancer_observer', 'member', 'reader'):
    if n not in role: role[n] = i.create_role(name=n)
for u in ('nova', 'placement', 'glance', 'neutron', 'cinder', 'octavia'):
    x = i.find_user(u, domain_id='default') or i.create_user(name=u, password=pw, domain_id='default')
    for r in ('admin', 'service'):
        i.assign_project_role_to_user(svc_proj, x, role[r])
adm, admp = i.find_user('admin', domain_id='default'), i.find_project('admin', domain_id='default')
i.assign_project_role_to_user(admp, adm, role['load-balancer_admin'])
svcs = list(i.services()); eps = list(i.endpoints())
for typ, name, url in (('compute', 'nova', 'http://127.0.0.1:8774/v2.1'), ('placement', 'placement', 'http://127.0.0.1:8778'),
        ('image', 'glance', 'http://127.0.0.1:9292'), ('network', 'neutron', 'http://127.0.0.1:9696'),
        ('volumev3', 'cinderv3', 'http://127.0.0.1:8776/v3/%(project_id)s'), ('load-balancer', 'octavia', 'http://127.0.0.1:9876')):
    s = one(svcs, type=typ) or i.create_service(type=typ, name=name)
    for iface in ('public', 'internal', 'admin'):
        if not one(eps, service_id=s.id, interface=iface):
            i.create_endpoint(service_id=s.id, interface=iface, url=url, region_id='RegionOne')
E
}
once catalogue catalogue
say "keystone up"

# ------------------------------------------------------------------ the rest
uw placement 8778 4 /usr/bin/placement-api
start glance      $PY -c "from glance.cmd.api import main; main()" --config-file "$ETC/glance/glance-api.conf"
start neutron     neutron-server --config-file "$ETC/neutron/neutron.conf"
wait_port placement 8778
start nova-conductor $PY -c "from nova.cmd.conductor import main; main()" $N
start nova-scheduler $PY -c "from nova.cmd.scheduler import main; main()" $N
start nova-api       $PY -c "from nova.cmd.api_os_compute import main; main()" $N
for h in compute-1 compute-2; do
  printf '[DEFAULT]\nhost = %s\nstate_path = %s\n' $h "$ST/nova-$h" >"$ETC/nova/$h.conf"; mkdir -p "$ST/nova-$h"
  start nova-$h $PY "$BASE/fake_compute.py" --config-file "$ETC/nova/nova.conf" --config-file "$ETC/nova/$h.conf"
done
C="--config-file $ETC/cinder/cinder.conf"
start cinder-api       $PY -c "from cinder.cmd.api import main; main()" $C
start cinder-scheduler $PY -c "from cinder.cmd.scheduler import main; main()" $C
start cinder-volume    $PY -c "from cinder.cmd.volume import main; main()" $C
uw octavia-api 9876 2 /usr/bin/octavia-wsgi "--config-file $ETC/octavia/octavia.conf"
wait_port glance 9292; wait_port neutron 9696; wait_port nova-api 8774; wait_port cinder-api 8776; wait_port octavia-api 9876
lbnet() { $PY - "$PW" "$ST/octavia/net" <<'E'
import sys, openstack
c = openstack.connect(auth_url='http://127.0.0.1:5000/v3', username='octavia', password=sys.argv[1], project_name='service',
                      user_domain_id='default', project_domain_id='default', region_name='RegionOne', load_envvars=False, load_yaml_config=False)
n = c.network.find_network('lb-mgmt-net') or c.network.create_network(name='lb-mgmt-net')
c.network.find_subnet('lb-mgmt-subnet') or c.network.create_subnet(name='lb-mgmt-subnet', network_id=n.id, ip_version=4, cidr='192.168.240.0/24', gateway_ip=None)
c.image.find_image('amphora-x64-haproxy') or c.create_image('amphora-x64-haproxy', data=b'\0' * 65536, disk_format='raw', container_format='bare',
                                                           visibility='private', tags=['amphora'], wait=True)
c.compute.find_flavor('amphora') or c.compute.create_flavor(id='amphora', name='amphora', ram=1024, vcpus=1, disk=2, is_public=False)
open(sys.argv[2], 'w').write(n.id)
E
}
once octavia-net lbnet
AMP_NET=$(cat "$ST/octavia/net"); octavia_conf
start octavia-worker octavia-worker --config-file "$ETC/octavia/octavia.conf"
start octavia-health octavia-health-manager --config-file "$ETC/octavia/octavia.conf"
start fake-agents $PY "$BASE/fake_agents.py" --config-file "$ETC/neutron/neutron.conf"
say "APIs answer"

# ------------------------------------------------------------------ ready: both computes mapped and in placement, agents and cinder alive
ready() { $PY - "$PW" <<'E'
import sys, time, openstack
c = openstack.connect(auth_url='http://127.0.0.1:5000/v3', username='admin', password=sys.argv[1], project_name='admin',
                      user_domain_id='default', project_domain_id='default', region_name='RegionOne', load_envvars=False, load_yaml_config=False)
end = time.time() + 120; why = '?'
while time.time() < end:
    try:
        comp = [s for s in c.compute.services() if s.binary == 'nova-compute' and s.state == 'up']
        rps = list(c.placement.resource_providers())
        ag = [a for a in c.network.agents() if a.is_alive]
        vol = [s for s in c.block_storage.get('/os-services').json()['services'] if s['state'] == 'up']
        lbs = list(c.load_balancer.load_balancers()); list(c.image.images())
        why = f'{len(comp)} computes, {len(rps)} providers, {len(ag)} agents, {len(vol)} cinder services'
        if len(comp) >= 2 and len(rps) >= 2 and len(ag) >= 2 and len(vol) >= 2: print(why); sys.exit(0)
    except Exception as e: why = repr(e)[:300]
    time.sleep(1)
print(why); sys.exit(1)
E
}
ready >"$LOG/ready.log" 2>&1 || { say "not ready: $(tail -1 "$LOG/ready.log")"; exit 1; }
if [ ! -e "$ST/done.hosts" ]; then nova-manage $N cell_v2 discover_hosts >>"$LOG/setup.log" 2>&1; touch "$ST/done.hosts"; fi
say "ready: $(tail -1 "$LOG/ready.log")"

cat >"$RUN/openrc" <<E
export OS_AUTH_URL=http://127.0.0.1:5000/v3
export OS_IDENTITY_API_VERSION=3
export OS_USERNAME=admin
export OS_PASSWORD=$PW
export OS_PROJECT_NAME=admin
export OS_USER_DOMAIN_NAME=Default
export OS_PROJECT_DOMAIN_NAME=Default
export OS_REGION_NAME=RegionOne
export OS_INTERFACE=public
E
cloud() { cat <<E
  $1:
    ${4:-}
    auth:
      auth_url: http://127.0.0.1:5000/v3
      username: $2
      user_domain_name: Default
${3}
    region_name: RegionOne
    interface: public
    identity_api_version: 3
E
}
proj() { printf '      password: %s\n      project_name: %s\n      project_domain_name: Default' $PW $1; }
{ echo 'clouds:'   # all but the first need seed.sh
  cloud oslab admin "$(proj admin)"; cloud oslab-alpha alpha-user "$(proj alpha)"; cloud oslab-beta beta-user "$(proj beta)"
  cloud oslab-auditor auditor "$(proj alpha)"
  cloud oslab-appcred auditor "$(printf '      application_credential_name: discovery\n      application_credential_secret: oslab-app-secret')" 'auth_type: v3applicationcredential'
} | grep -v '^ *$' >"$RUN/clouds.yaml"
cat "$RUN/openrc"
