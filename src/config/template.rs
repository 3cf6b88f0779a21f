//! The `backfill.toml` that `install --print-config` prints: every key that this version has, with its default.

/// The commented configuration file. As it stands it sets nothing.
#[must_use]
pub fn template() -> &'static str {
    TEMPLATE
}

const TEMPLATE: &str = r##"# backfill: a safe copy of production for developers.
# One file may serve both sides. Every key below is commented out and shows its default or an example.
# Layers: flag > environment > .env > this file > default. Secrets belong in the environment or in .env.

# The shared secret of both sides, 32 characters at least (openssl rand -hex 32). BACKFILL_TOKEN.
# While it is changed, a list: the server takes every one of them, the client sends the first.
# token = "..."

# What this machine is called. BACKFILL_ENV, APP_ENV or RAILS_ENV. Unset means production.
# environment = "production"

# Tables that are not copied; * is any run of characters. Names that do not exist are fine.
# exclude_tables = ["telescope_*", "failed_jobs"]

# The source for serve, the target for pull.
[database]

# DATABASE_URL, DB_URL, or DB_HOST, DB_PORT, DB_DATABASE, DB_USERNAME, DB_PASSWORD, DB_SOCKET.
# url = "mysql://user:password@127.0.0.1:3306/app"

# Encryption: disable, prefer, require, verify-ca or verify-identity.
# tls = "prefer"

# A PEM file with the authorities to trust; only with verify-ca and verify-identity.
# ca = "ca.pem"

# The machine beside the production database.
[server]

# serve refuses to start without it. BACKFILL_SERVER_ENABLED.
# enabled = false

# Where to listen. Another address than loopback needs HTTPS (tls_cert and tls_key), or allow_http.
# bind = "127.0.0.1:8765"

# Set it only when a proxy that speaks HTTPS is in front.
# allow_http = false

# HTTPS: PEM files of the certificate chain and of its key; relative to this file.
# tls_cert = "server.pem"
# tls_key = "server.key"

# Path before every endpoint. The client uses it too.
# route_prefix = "api/backfill"

# Connections to the source in use over all runs.
# threads = 8

# Where the copies of a run are kept. database: in a schema of their own; tables: in the source database, under names
# that begin with _backfill_temp_, for accounts that cannot have another one; select: nowhere, rows are masked while they
# are read, all tables at one moment. BACKFILL_TEMP_STRATEGY.
# temp_strategy = "database"

# This schema instead of a new one: created when missing, never dropped. BACKFILL_TEMP_DATABASE.
# temp_database = "backfill_work"

# Another account for the copies, so that the one above needs SELECT alone. BACKFILL_TEMP_USERNAME, _PASSWORD.
# temp_username = "backfill_temp"
# temp_password = "..."

# Rows per batch.
# chunk_size = 5000

# Addresses that may ask; an empty list lets everybody ask who has the token.
# allow_ips = []

# Runs at a time; more are told to come back later.
# max_runs = 2

# Seconds until a run that nobody asks about ends.
# idle_timeout = 900

# Seconds until a stream that nobody reads ends.
# stall_timeout = 120

# Sanitized data that may wait for slow clients.
# spool_max = "1GiB"

# update: mask by UPDATE on the copy; copy: mask while copying.
# mask_at = "update"

# For the strategy select. tables: LOCK TABLES ... READ while the snapshots of a run open, so that several connections can
# read one moment; none: nothing is ever locked.
# snapshot_lock = "none"

# How DATETIME columns are to be read where limits count days: their offset from UTC.
# datetime_timezone = "+00:00"

# zstd level, 1 to 19.
# compression_level = 1

# The developer's machine.
[client]

# The server, without the route prefix; https, or http to this machine. BACKFILL_SOURCE_URL.
# source_url = "https://app.example"

# Allows plain http to another machine: only where nobody can listen on the way.
# allow_http = false

# pull works only where the environment is one of these.
# allowed_environments = ["local", "staging"]

# Seconds without progress on one request.
# timeout = 300

# Connections to the target.
# parallel = 4

# Rows per batch; the smaller of both sides' numbers holds.
# chunk_size = 5000

# The history of pulls; relative to this file.
# state_file = "backfill-state.json"

# Create tables that the target lacks.
# create_missing_tables = true

# Tables that are not replaced where they exist.
# keep_tables = ["migrations", "schema_migrations", "ar_internal_metadata", "django_migrations", "flyway_schema_history", "alembic_version", "_prisma_migrations", "knex_migrations*", "phinxlog", "doctrine_migration_versions"]

# The target's binlog while loading: auto, off or on.
# binlog = "auto"

# So many seconds before the newest row that it knows a delta pull begins: for transactions that were still open then.
# delta_overlap = 300

# After a pull. A command line for sh, run in the folder of this file, with what happened as JSON on its stdin and in
# BACKFILL_EVENT_* variables; or an https:// address, to which the JSON is posted. The README shows it.
[hooks]
# sync_completed = "php artisan cache:clear"
# sync_failed = "https://chat.example/hooks/backfill"

[privacy]

# open: columns without a rule are served; warn: those that look sensitive are named too; strict: a table with a column
# that neither a rule nor `keep` names is refused.
# policy = "warn"

# Columns that are harmless as they are, as TABLE.COLUMN: `backfill scan` and warnings pass over them.
# keep = ["products.*", "orders.status", "*.created_at"]

# With a key the masks email, name, phone, text, address, token, and first_name to digits below are functions of the old
# values: the same value has the same mask in every table and every pull. 32 characters at least, best in .env:
# BACKFILL_MASK_KEY. Keep it: with another one every mask is another one. Make one with `openssl rand -hex 32`.
# key = "..."

# Looks at every text of a column without a rule while it is sent: what is also a value that a rule replaces, or looks
# like an e-mail address, a phone number, a card, an IBAN, an IP address, a token or a password hash, ends the run.
# leak_check = false

# TABLE.COLUMN, * is any run of characters: columns that the leak check leaves alone.
# leak_check_except = ["shops.contact"]

# How columns are masked, one table at a time: email, name, phone, text, hash, null, address, local_ip, token, sql,
# fixed, keep, truncate, json, shift, noise, first_name, last_name, full_name, street, city, company, pick, ip, digits.
# Values that match a pattern of `exclude` stay, and so do rows for which the SQL condition `where` is false. The README
# shows every type.
# [sanitize.users]
# email = { type = "email", exclude = ["*@yourcompany.com"] }
# name = { type = "name", where = "role <> 'staff'" }
# password = { type = "hash", unusable = true }
# iban = { type = "keep", first = 2, last = 4, mask = "*" }
# login = { type = "sql", expression = "CONCAT('user', {id})" }
# plan = { type = "fixed", value = "free" }
# zip = { type = "truncate", length = 2 }
# born_on = { type = "shift", days = 90 }
# salary = { type = "noise", percent = 10 }
# customer = "full_name"
# tier = { type = "pick", values = ["basic", "pro"] }
# settings = { type = "json", paths = { "$.email" = "email", "$.contacts[*].phone" = "phone" } }

# By column name in any table; a rule of the table itself wins.
# [sanitize."*"]
# remember_token = "null"

# Which rows are wanted of a table; the rows that they reference come along, and tables below lose the rows whose
# parents are not kept. The newest max_rows by order_by (default: the primary key; direction: "desc" or "asc");
# keep_days: by order_by or created_at; where: an SQL condition; percent; all: every row and every parent it needs.
# [limits]
# activity_log = { max_rows = 1000, order_by = "created_at" }
# notifications = { keep_days = 30, max_rows = 2000 }
# orders = { where = "status <> 'draft'", percent = 10 }
# cars = { all = true }

# A foreign key that the schema does not declare, for the rows that have the values of `when` (default: all).
# [[relations]]
# table = "comments"
# columns = ["commentable_id"]
# references = "posts"
# referenced_columns = ["id"]
# when = { commentable_type = "App\\Models\\Post" }
"##;
