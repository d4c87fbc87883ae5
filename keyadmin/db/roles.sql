-- The privileges of the application's role and of the call path's. Run it as the owner of the tables, after every
-- migration and in one transaction. It may be run again.

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {app}, {calls};
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {app}, {calls};
GRANT USAGE ON SCHEMA public TO {app}, {calls};

-- The call path: reads what decides a call, counts, and replaces the digest of a secret that a call has shown.
GRANT SELECT ON secret, key, key_scope, key_channel, channel, tier, organisation, bot, membership, allow_list_entry,
    scope, scope_route, version, meter, django_migrations TO {calls};
GRANT SELECT (id, email, name, is_active, system_role) ON person TO {calls};
GRANT UPDATE (digest, pepper_id) ON secret TO {calls};
GRANT UPDATE ON meter TO {calls};
-- For /readyz and /metrics. Payloads of jobs cannot be read.
GRANT SELECT (created_at, due_at, failed_at) ON outbox_job TO {calls};
GRANT SELECT ON worker_process, maintenance_run TO {calls};
GRANT SELECT, INSERT, UPDATE ON usage_hour, last_denial, scope_day, secret_use TO {calls};
GRANT SELECT, INSERT, UPDATE, DELETE ON address_day TO {calls};

-- The application: all tables, also those of later versions. History can only be read and appended to.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {app};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {app};
REVOKE UPDATE, DELETE ON event FROM {app};
REVOKE INSERT, DELETE ON chain_head FROM {app};
REVOKE DELETE ON chain_check FROM {app};
REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {app};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {app};
