#!/bin/bash
# Bring up a real Odoo 19 (Debian's odoo-19 package, unpacked, never installed) with a venv, a PostgreSQL cluster,
# one database of base and contacts, admin/admin and an API key. Steps whose result is there are skipped; each start has a
# fresh copy of the initialised database. The mirror and the package index are the machine's own.
#
#   start_odoo.sh DIR HTTP_PORT [WORKERS=2]
#
# ODOO_EXTRA holds further options of the server. Leaves in DIR: server (how to reach it), api_key, odoo.pid, stop.sh.
set -euo pipefail
DIR=${1:?target directory}; PORT=${2:-8069}; WORKERS=${3:-2}
TEMPLATE=odoo19_template; DB=$TEMPLATE; MODULES=contacts; PGPORT=$((PORT > 50000 ? PORT - 10000 : PORT + 10000))
SUITE=sid; EXTRA=${ODOO_EXTRA:-}; PYTHON=${PYTHON:-python3}; ROLE=odoo
mkdir -p "$DIR"; DIR=$(cd "$DIR" && pwd); cd "$DIR"
T0=$(date +%s.%N)
say() { printf '[%6.1fs] %s\n' "$(echo "$(date +%s.%N) - $T0" | bc 2>/dev/null || awk -v a="$T0" -v b="$(date +%s.%N)" 'BEGIN{print b-a}')" "$*" >&2; }

# an Odoo of an earlier, killed run: only if the number still belongs to one that was started here
if [ -f odoo.pid ] && tr '\0' ' ' <"/proc/$(cat odoo.pid)/cmdline" 2>/dev/null | grep -qF "$DIR"; then
  kill "$(cat odoo.pid)" || true
  for i in $(seq 50); do kill -0 "$(cat odoo.pid)" 2>/dev/null || break; sleep 0.1; done
fi
rm -f odoo.pid
# ---- 1. the package -------------------------------------------------------
SITE=$DIR/x/usr/lib/python3/dist-packages
if [ ! -f "$DIR/x/.done" ]; then
  if ! ls "$DIR"/odoo-19_*_all.deb >/dev/null 2>&1; then
    SRC=/etc/apt/sources.list.d/debian.sources
    MIRROR=$(sed -n 's/^URIs:[[:space:]]*//p' $SRC 2>/dev/null | head -1)
    KEYRING=$(sed -n 's/^Signed-By:[[:space:]]*//p' $SRC 2>/dev/null | head -1)
    [ -n "$MIRROR" ] || MIRROR=$(awk '$1=="deb"{for(i=2;i<=NF;i++) if($i ~ /^https?:/){print $i; exit}}' /etc/apt/sources.list)
    [ -n "$MIRROR" ] || { echo "no Debian mirror configured" >&2; exit 1; }
    mkdir -p apt/lists/partial apt/cache/archives/partial apt/state
    echo "deb [signed-by=${KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}] $MIRROR $SUITE main" > apt/sources.list
    APT=(-o Dir::Etc::sourcelist="$DIR/apt/sources.list" -o Dir::Etc::sourceparts=-
         -o Dir::State::lists="$DIR/apt/lists" -o Dir::Cache="$DIR/apt/cache"
         -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
         -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false)
    say "apt-get update (private state, $SUITE)"; apt-get "${APT[@]}" -qq update >&2
    say "download odoo-19"; apt-get "${APT[@]}" -qq download odoo-19 >&2
  fi
  say "unpack $(ls odoo-19_*_all.deb)"
  # without translations: 303 MB instead of 1.2 GB; dist-packages/addons is no use to the server
  mkdir -p x
  dpkg-deb --fsys-tarfile odoo-19_*_all.deb |
    tar -x -C x --exclude=./usr/lib/python3/dist-packages/addons --exclude='*.po' --exclude='*.pot'
  touch x/.done
fi
# ---- 2. the venv ----------------------------------------------------------
if [ ! -f venv/.done ]; then
  say "venv"
  [ -x venv/bin/python ] || "$PYTHON" -m venv venv
  cat > req.txt <<'E'
asn1crypto
Babel
beautifulsoup4
cbor2
chardet
cryptography
python-dateutil
docutils
geoip2
gevent
greenlet
idna
Jinja2
libsass
lxml
lxml_html_clean
MarkupSafe
num2words
openpyxl
pyOpenSSL
Pillow
polib
psutil
psycopg2-binary
pypdf
pytz
qrcode
reportlab
requests
rjsmin
pyserial
python-stdnum
urllib3
pyusb
vobject
Werkzeug<3.1
xlrd
XlsxWriter
xlwt
zeep
freezegun
python-magic
passlib
setuptools<80
E
  venv/bin/pip install -q --only-binary=:all: -r req.txt 2> >(grep -v '^WARNING: Location' >&2)
  echo "$SITE" > "$(venv/bin/python -c 'import site;print(site.getsitepackages()[0])')/odoo19.pth"
  touch venv/.done
fi
# ---- 3. PostgreSQL --------------------------------------------------------
PGBIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1 || true)
if [ -z "$PGBIN" ]; then
  say "install postgresql"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >&2
  PGBIN=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
fi
if [ "$(id -u)" = 0 ]; then PGUSER_OS=postgres; as_pg() { setpriv --reuid=postgres --regid=postgres --init-groups env -i PATH="$PATH" HOME=/tmp LANG=C.UTF-8 "$@"; }
else PGUSER_OS=$(id -un); as_pg() { "$@"; }; fi
as_pg test -x "$DIR" || { echo "the user $PGUSER_OS cannot enter $DIR: choose a directory outside private homes, e.g. below /var/tmp" >&2; exit 1; }
if [ ! -f pg/data/PG_VERSION ]; then
  say "initdb ($PGBIN)"
  mkdir -p pg/data pg/run; [ "$(id -u)" = 0 ] && chown -R "$PGUSER_OS" pg
  (cd pg && as_pg "$PGBIN/initdb" -D "$DIR/pg/data" -U "$PGUSER_OS" -A trust -E UTF8 --locale=C.UTF-8 >initdb.log)
  cat >> pg/data/postgresql.conf <<E
listen_addresses = '127.0.0.1'
port = $PGPORT
unix_socket_directories = '$DIR/pg/run'
max_connections = 100
shared_buffers = 256MB
E
fi
PGO=""; [ "${ODOO_PGFAST:-1}" = 1 ] && PGO="-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
# a PostgreSQL that an earlier run left is used again
if as_pg "$PGBIN/pg_ctl" -D "$DIR/pg/data" status >/dev/null 2>&1; then PGPORT=$(sed -n 4p pg/data/postmaster.pid); fi
if ! as_pg "$PGBIN/pg_isready" -q -h "$DIR/pg/run" -p "$PGPORT"; then
  say "start postgres on port $PGPORT"
  (cd pg && as_pg "$PGBIN/pg_ctl" -D "$DIR/pg/data" -o "-p $PGPORT $PGO" -l "$DIR/pg/log" -w start >/dev/null 2>&1 9>&-)
fi
PSQL=("$PGBIN/psql" -h "$DIR/pg/run" -p "$PGPORT" -XtAq)
if [ "$(as_pg "${PSQL[@]}" -U "$PGUSER_OS" -d postgres -c "select 1 from pg_roles where rolname='$ROLE'")" != 1 ]; then
  as_pg "${PSQL[@]}" -U "$PGUSER_OS" -d postgres -c "create role $ROLE superuser login"
fi
# ---- 4. configuration and database ---------------------------------------
cat > odoo.conf <<E
[options]
db_host = $DIR/pg/run
db_port = $PGPORT
db_user = $ROLE
addons_path = $SITE/odoo/addons
data_dir = $DIR/data
admin_passwd = admin
http_interface = 127.0.0.1
http_port = $PORT
gevent_port = $((PORT + 3))
max_cron_threads = 0
E
ODOO=("$DIR/venv/bin/python" -W ignore "$SITE/../../../bin/odoo")
export HOME=$DIR PYTHONUNBUFFERED=1
if [ "$("${PSQL[@]}" -U $ROLE -d postgres -c "select 1 from pg_database where datname='$DB'")" != 1 ] ||
   [ "$("${PSQL[@]}" -U $ROLE -d "$DB" -c "select count(*) from ir_module_module where name='base' and state='installed'" 2>/dev/null)" != 1 ]; then
  say "create database $DB with base,$MODULES"
  "${ODOO[@]}" server -c odoo.conf -d "$DB" -i "base,$MODULES" --without-demo --stop-after-init --no-http >init.log 2>&1 || { tail -30 init.log >&2; exit 1; }
fi
if [ ! -s api_key ] || [ ! -f api_key.$DB ]; then
  say "API key"
  "${ODOO[@]}" shell -c odoo.conf -d "$DB" --no-http --log-level=error >apikey.log 2>&1 <<E
user = env.ref('base.user_admin')
key = env(user=user.id)['res.users.apikeys']._generate(None, 'bulk test', None)
env.cr.commit()
open('$DIR/api_key', 'w').write(key)
E
  [ -s api_key ] || { cat apikey.log >&2; exit 1; }
  touch "api_key.$DB"
fi
say "copy the database"
RUN=odoo19
"${PSQL[@]}" -U $ROLE -d postgres -c "drop database if exists $RUN with (force)" -c "create database $RUN template $TEMPLATE"
rm -rf "data/filestore/$RUN"; [ ! -d "data/filestore/$TEMPLATE" ] || cp -r "data/filestore/$TEMPLATE" "data/filestore/$RUN"
DB=$RUN
printf '%s\n' "url=http://127.0.0.1:$PORT" "database=$DB" "psql=$PGBIN/psql" "socket=$DIR/pg/run" "port=$PGPORT" > server
cat > stop.sh <<E
#!/bin/bash
# stops only this directory's odoo and postgres, by pid
if [ -f $DIR/odoo.pid ] && kill \$(cat $DIR/odoo.pid) 2>/dev/null; then
  p=\$(cat $DIR/odoo.pid); for i in \$(seq 100); do kill -0 \$p 2>/dev/null || break; sleep 0.1; done
fi
rm -f $DIR/odoo.pid
[ "\${1:-}" = odoo ] || { pm=\$(head -1 $DIR/pg/data/postmaster.pid 2>/dev/null) && kill -INT \$pm; }
E
chmod +x stop.sh
# ---- 5. start -------------------------------------------------------------
if [ -f odoo.pid ] && kill -0 "$(cat odoo.pid)" 2>/dev/null; then
  say "already running, pid $(cat odoo.pid)"
else
  say "start odoo: port $PORT, workers $WORKERS"
  setsid "${ODOO[@]}" server -c odoo.conf -d "$DB" --workers="$WORKERS" --db-filter="^$DB\$" \
     --log-level=warn --log-handler=odoo.addons.rpc.controllers:ERROR $EXTRA >>odoo.log 2>&1 </dev/null &
  echo $! > odoo.pid
fi
for i in $(seq 300); do
  if curl -fsS -o /dev/null "http://127.0.0.1:$PORT/web/health" 2>/dev/null; then break; fi
  kill -0 "$(cat odoo.pid)" 2>/dev/null || { tail -30 odoo.log >&2; exit 1; }
  sleep 0.2
done
# first request loads the registry in a worker: make that happen now
curl -fsS -o /dev/null -X POST "http://127.0.0.1:$PORT/json/2/res.users/context_get" -H @<(printf "Authorization: bearer %s" "$(cat api_key)") \
   -H "X-Odoo-Database: $DB" -H 'Content-Type: application/json' -d '{}' || { tail -30 odoo.log >&2; exit 1; }
say "ready: http://127.0.0.1:$PORT, pid $(cat odoo.pid)"
