#!/bin/sh
# Starts PostgreSQL: as the official image's own script does, but without root, and also in an image without that script.
# The first start makes the database. Each start gives the role its password: the vault of a project that was taken down is a new one.
set -eu
umask 077

say() { echo "start: $*" >&2; }

if [ -s "$PGDATA/PG_VERSION" ]; then
	read -r had <"$PGDATA/PG_VERSION"
	has=$(postgres --version)
	case $has in
	*") $had."* | *") $had "* | *") $had") ;;
	*)
		say "the volume is from PostgreSQL $had, and this is $has. Go back to the image of that version, save with \`stackctl backup\`," \
			"remove the volume, and restore"
		exit 1
		;;
	esac
else
	say "making the database"
	# What an interrupted first start has left.
	rm -rf "$PGDATA" "$PGDATA.new"
	initdb --pgdata "$PGDATA.new" --username postgres --encoding UTF8 --locale C --auth-local peer --auth-host scram-sha-256 >/tmp/initdb 2>&1 || {
		sed 's/^/initdb: /' /tmp/initdb >&2
		exit 1
	}
	# Only the one role may come by the network, and only to its database.
	echo 'local all postgres peer
host stackctl stackctl all scram-sha-256' >"$PGDATA.new/pg_hba.conf"
	# Without this file it is not complete: so an end in between begins again.
	mv "$PGDATA.new" "$PGDATA"
fi

# quoted prints the password as a string of SQL.
quoted() { sed -e "s/'/''/g" -e "s/.*/'&'/" "$PASSWORD_FILE"; }

password=$(quoted)
# The password goes to a server without network by its standard input: it is in no argument.
{
	echo 'set client_min_messages = error'
	echo 'create role stackctl login'
	echo "alter role stackctl password $password"
	echo 'create database stackctl owner stackctl'
} | postgres --single -D "$PGDATA" -c log_min_messages=panic -c log_min_error_statement=panic postgres >/dev/null

# `stackctl rotate` replaces the file while this runs.
follow() {
	known=$password
	while sleep 1; do
		now=$(quoted) || continue
		[ "$now" != "$known" ] || continue
		if echo "alter role stackctl password $now" | psql --quiet --no-psqlrc -v ON_ERROR_STOP=1 --dbname postgres >/dev/null 2>&1; then
			known=$now
			say "the role has its new password"
		fi
	done
}
follow &

exec postgres -D "$PGDATA" \
	-c listen_addresses='*' -c unix_socket_directories="$PGHOST" -c password_encryption=scram-sha-256 \
	-c timezone=GMT -c log_timezone=GMT -c jit=off -c max_connections=20 -c shared_buffers=32MB \
	-c max_wal_size=256MB -c log_checkpoints=off -c log_statement=none -c idle_in_transaction_session_timeout=60s
