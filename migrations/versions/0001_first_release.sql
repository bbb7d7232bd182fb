-- The tables of the first release.

-- Accounts

CREATE TABLE accounts (
    id uuid CONSTRAINT pk_accounts PRIMARY KEY,
    email varchar(320) NOT NULL CONSTRAINT uq_accounts_email UNIQUE,
    password_hash text NOT NULL,
    public_key text NOT NULL,
    created_at timestamptz NOT NULL,
    key_proved_at timestamptz
);

CREATE TABLE account_keys (
    account_id uuid CONSTRAINT pk_account_keys PRIMARY KEY CONSTRAINT fk_account_keys_account_id REFERENCES accounts ON DELETE CASCADE,
    wrapped text NOT NULL
);

CREATE TABLE secrets (
    id uuid CONSTRAINT pk_secrets PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT fk_secrets_account_id REFERENCES accounts ON DELETE CASCADE,
    name varchar(128) NOT NULL,
    sealed text,
    kept text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT uq_secrets_account_id_name UNIQUE (account_id, name)
);

CREATE TABLE idempotency_keys (
    account_id uuid NOT NULL CONSTRAINT fk_idempotency_keys_account_id REFERENCES accounts ON DELETE CASCADE,
    key varchar(255) NOT NULL,
    fingerprint varchar(64) NOT NULL,
    subject uuid NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (account_id, key)
);
CREATE INDEX ix_idempotency_keys_account_id_created_at ON idempotency_keys (account_id, created_at);

CREATE TABLE audit_events (
    id uuid CONSTRAINT pk_audit_events PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT fk_audit_events_account_id REFERENCES accounts ON DELETE CASCADE,
    kind varchar(40) NOT NULL,
    session_id uuid,
    agent_id varchar(128),
    at timestamptz NOT NULL
);
CREATE INDEX ix_audit_events_account_id_id ON audit_events (account_id, id);

-- Agents and the channels that notify them

CREATE TABLE agents (
    account_id uuid NOT NULL CONSTRAINT fk_agents_account_id REFERENCES accounts ON DELETE CASCADE,
    id varchar(128) NOT NULL,
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    revoked_at timestamptz,
    notified_stamp bigint NOT NULL,
    pulled_stamp bigint NOT NULL,
    name varchar(128),
    CONSTRAINT pk_agents PRIMARY KEY (account_id, id)
);

CREATE TABLE channels (
    id uuid CONSTRAINT pk_channels PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT fk_channels_account_id REFERENCES accounts ON DELETE CASCADE,
    agent_id varchar(128) NOT NULL,
    kind varchar(16) NOT NULL,
    endpoint text NOT NULL,
    public_key varchar(88),
    key_id varchar(64),
    secret text NOT NULL,
    secret_before text,
    secret_before_until timestamptz,
    state varchar(16) NOT NULL,
    failures integer NOT NULL,
    last_error varchar(32),
    last_delivered_at timestamptz,
    last_stamp bigint,
    told_stamp bigint NOT NULL,
    next_try_at timestamptz,
    queued_until timestamptz,
    leased_until timestamptz,
    test_id uuid,
    tested_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT uq_channels_account_id_agent_id_endpoint UNIQUE (account_id, agent_id, endpoint)
);
CREATE INDEX ix_channels_next_try_at ON channels (next_try_at);

-- Sessions

CREATE TABLE sessions (
    id uuid CONSTRAINT pk_sessions PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT fk_sessions_account_id REFERENCES accounts ON DELETE CASCADE,
    agent_id varchar(128),
    counter bigint NOT NULL,
    created_at timestamptz NOT NULL,
    rotated_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_reason varchar(40),
    proved_at timestamptz NOT NULL,
    amr varchar(40) NOT NULL,
    pending boolean NOT NULL,
    tries integer NOT NULL
);
CREATE INDEX ix_sessions_account_id ON sessions (account_id);

CREATE TABLE challenges (
    session_id uuid NOT NULL CONSTRAINT fk_challenges_session_id REFERENCES sessions ON DELETE CASCADE,
    purpose varchar(32) NOT NULL,
    value text NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_challenges PRIMARY KEY (session_id, purpose)
);

-- Second factors

CREATE TABLE factors (
    id uuid CONSTRAINT pk_factors PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT fk_factors_account_id REFERENCES accounts ON DELETE CASCADE,
    kind varchar(16) NOT NULL,
    name varchar(128) NOT NULL,
    created_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    used_at timestamptz,
    secret text,
    last_step bigint,
    credential_id bytea CONSTRAINT uq_factors_credential_id UNIQUE,
    public_key bytea,
    sign_count bigint
);
CREATE INDEX ix_factors_account_id ON factors (account_id);

CREATE TABLE recovery_codes (
    account_id uuid NOT NULL CONSTRAINT fk_recovery_codes_account_id REFERENCES accounts ON DELETE CASCADE,
    digest varchar(64) NOT NULL,
    CONSTRAINT pk_recovery_codes PRIMARY KEY (account_id, digest)
);

-- Sync: current states

CREATE TABLE sync_heads (
    account_id uuid CONSTRAINT pk_sync_heads PRIMARY KEY CONSTRAINT fk_sync_heads_account_id REFERENCES accounts ON DELETE CASCADE,
    stamp bigint NOT NULL,
    horizon bigint NOT NULL,
    link bytea NOT NULL,
    states bigint NOT NULL,
    bytes bigint NOT NULL,
    stored_bytes bigint NOT NULL
);

CREATE TABLE sync_states (
    account_id uuid NOT NULL CONSTRAINT fk_sync_states_account_id REFERENCES accounts ON DELETE CASCADE,
    type varchar(16) NOT NULL,
    entity_id varchar(256) NOT NULL,
    version varchar(256) NOT NULL,
    clock jsonb NOT NULL,
    encrypted_data text NOT NULL,
    data_hash bytea NOT NULL,
    digest bytea NOT NULL,
    agent_id varchar(128) NOT NULL,
    stamp bigint NOT NULL,
    deleted boolean NOT NULL,
    kept smallint NOT NULL,
    CONSTRAINT pk_sync_states PRIMARY KEY (account_id, type, entity_id),
    CONSTRAINT uq_sync_states_account_id_stamp UNIQUE (account_id, stamp)
);
CREATE INDEX ix_sync_states_account_id_type_stamp ON sync_states (account_id, type, stamp);

CREATE TABLE sync_siblings (
    id uuid CONSTRAINT pk_sync_siblings PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT fk_sync_siblings_account_id REFERENCES accounts ON DELETE CASCADE,
    type varchar(16) NOT NULL,
    entity_id varchar(256) NOT NULL,
    version varchar(256) NOT NULL,
    clock jsonb NOT NULL,
    encrypted_data text NOT NULL,
    data_hash bytea NOT NULL,
    agent_id varchar(128) NOT NULL,
    deleted boolean NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX ix_sync_siblings_account_id_type_entity_id ON sync_siblings (account_id, type, entity_id);

-- Sync: change log, past versions, progress of agents that pull from the start

CREATE TABLE sync_counters (
    account_id uuid NOT NULL CONSTRAINT fk_sync_counters_account_id REFERENCES accounts ON DELETE CASCADE,
    agent_id varchar(128) NOT NULL,
    counter bigint NOT NULL,
    CONSTRAINT pk_sync_counters PRIMARY KEY (account_id, agent_id)
);

CREATE TABLE sync_walks (
    account_id uuid NOT NULL CONSTRAINT fk_sync_walks_account_id REFERENCES accounts ON DELETE CASCADE,
    agent_id varchar(128) NOT NULL,
    type varchar(16) NOT NULL,
    begun bigint NOT NULL,
    since bigint NOT NULL,
    reached bigint NOT NULL,
    CONSTRAINT pk_sync_walks PRIMARY KEY (account_id, agent_id, type)
);

CREATE TABLE sync_changes (
    account_id uuid NOT NULL CONSTRAINT fk_sync_changes_account_id REFERENCES sync_heads ON DELETE CASCADE,
    stamp bigint NOT NULL,
    type varchar(16) NOT NULL,
    entity_id varchar(256) NOT NULL,
    version varchar(256) NOT NULL,
    clock jsonb NOT NULL,
    agent_id varchar(128) NOT NULL,
    deleted boolean NOT NULL,
    data_hash bytea NOT NULL,
    link bytea NOT NULL,
    CONSTRAINT pk_sync_changes PRIMARY KEY (account_id, stamp)
);

CREATE TABLE sync_pasts (
    account_id uuid NOT NULL CONSTRAINT fk_sync_pasts_account_id REFERENCES sync_heads ON DELETE CASCADE,
    type varchar(16) NOT NULL,
    entity_id varchar(256) NOT NULL,
    stamp bigint NOT NULL,
    encrypted_data text NOT NULL,
    CONSTRAINT pk_sync_pasts PRIMARY KEY (account_id, type, entity_id, stamp)
);

-- Workflow definitions and their versions

CREATE TABLE definitions (
    id uuid CONSTRAINT pk_definitions PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT fk_definitions_account_id REFERENCES accounts ON DELETE CASCADE,
    name varchar(256) NOT NULL,
    description text,
    encrypted_data text NOT NULL,
    encryption_key text NOT NULL,
    status varchar(16) NOT NULL,
    version integer NOT NULL,
    diagnostics jsonb NOT NULL,
    diagnostics_sealed text,
    checked_at timestamptz,
    reference varchar(43),
    family varchar(43),
    last_execution_id uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX ix_definitions_account_id_family ON definitions (account_id, family);
CREATE INDEX ix_definitions_account_id_id ON definitions (account_id, id);
CREATE INDEX ix_definitions_account_id_reference ON definitions (account_id, reference);
CREATE INDEX ix_definitions_account_id_status_id ON definitions (account_id, status, id);

CREATE TABLE definition_versions (
    definition_id uuid NOT NULL CONSTRAINT fk_definition_versions_definition_id REFERENCES definitions ON DELETE CASCADE,
    version integer NOT NULL,
    account_id uuid NOT NULL CONSTRAINT fk_definition_versions_account_id REFERENCES accounts ON DELETE CASCADE,
    name varchar(256) NOT NULL,
    description text,
    encrypted_data text NOT NULL,
    encryption_key text NOT NULL,
    diagnostics jsonb NOT NULL,
    diagnostics_sealed text,
    checked_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_definition_versions PRIMARY KEY (definition_id, version)
);
CREATE INDEX ix_definition_versions_account_id ON definition_versions (account_id);

-- Executions

CREATE TABLE executions (
    id uuid CONSTRAINT pk_executions PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT fk_executions_account_id REFERENCES accounts ON DELETE CASCADE,
    definition_id uuid NOT NULL CONSTRAINT fk_executions_definition_id REFERENCES definitions ON DELETE CASCADE,
    definition_version integer NOT NULL,
    status varchar(16) NOT NULL,
    input_sealed text NOT NULL,
    ordered_by uuid,
    opened_by uuid,
    paused boolean NOT NULL DEFAULT false,
    holds integer NOT NULL DEFAULT 0,
    seal_result boolean NOT NULL,
    outcome_sealed text,
    retry_of uuid,
    left_sealed text,
    ended_by varchar(16),
    created_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX ix_executions_account_id_created_at_id ON executions (account_id, created_at, id);
CREATE INDEX ix_executions_account_id_status_created_at_id ON executions (account_id, status, created_at, id);
CREATE INDEX ix_executions_definition_id_created_at_id ON executions (definition_id, created_at, id);
CREATE INDEX ix_executions_retry_of ON executions (retry_of);
CREATE INDEX ix_executions_running ON executions (account_id) WHERE status = 'running';

CREATE TABLE execution_steps (
    execution_id uuid NOT NULL CONSTRAINT fk_execution_steps_execution_id REFERENCES executions ON DELETE CASCADE,
    seq integer NOT NULL,
    place text NOT NULL,
    kind text NOT NULL,
    phase text NOT NULL,
    attempt integer NOT NULL,
    at timestamptz NOT NULL,
    error text,
    CONSTRAINT pk_execution_steps PRIMARY KEY (execution_id, seq)
);

CREATE TABLE execution_progress (
    execution_id uuid CONSTRAINT pk_execution_progress PRIMARY KEY CONSTRAINT fk_execution_progress_execution_id REFERENCES executions ON DELETE CASCADE,
    seq integer NOT NULL,
    running jsonb NOT NULL,
    started integer NOT NULL,
    completed integer NOT NULL,
    failed integer NOT NULL,
    cancelled integer NOT NULL,
    skipped integer NOT NULL,
    retrying integer NOT NULL
);

-- Bulk jobs

CREATE TABLE bulk_jobs (
    id uuid CONSTRAINT pk_bulk_jobs PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT fk_bulk_jobs_account_id REFERENCES accounts ON DELETE CASCADE,
    action varchar(16) NOT NULL,
    wanted_status varchar(16),
    definition_id uuid CONSTRAINT fk_bulk_jobs_definition_id REFERENCES definitions ON DELETE CASCADE,
    since timestamptz,
    until timestamptz NOT NULL,
    status varchar(8) NOT NULL,
    matched integer NOT NULL,
    done integer NOT NULL,
    failed integer NOT NULL,
    place varchar(64),
    created_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX ix_bulk_jobs_account_id_id ON bulk_jobs (account_id, id);
CREATE INDEX ix_bulk_jobs_ended_at ON bulk_jobs (ended_at);

-- Events and their listeners

CREATE TABLE events (
    id uuid CONSTRAINT pk_events PRIMARY KEY,
    number bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY,
    account_id uuid NOT NULL CONSTRAINT fk_events_account_id REFERENCES accounts ON DELETE CASCADE,
    execution_id uuid,
    definition_id uuid,
    lifecycle boolean NOT NULL,
    sealed text,
    created_at timestamptz NOT NULL,
    routed_at timestamptz
);
CREATE INDEX ix_events_account_id_number ON events (account_id, number) WHERE routed_at IS NULL;
CREATE INDEX ix_events_routed_at ON events (routed_at);

CREATE TABLE listeners (
    workflow_id varchar(96) NOT NULL,
    key varchar(32) NOT NULL,
    account_id uuid NOT NULL CONSTRAINT fk_listeners_account_id REFERENCES accounts ON DELETE CASCADE,
    definition_id uuid NOT NULL CONSTRAINT fk_listeners_definition_id REFERENCES definitions ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_listeners PRIMARY KEY (workflow_id, key)
);
CREATE INDEX ix_listeners_account_id_key ON listeners (account_id, key);
CREATE INDEX ix_listeners_definition_id ON listeners (definition_id);

-- Schedules

CREATE TABLE schedules (
    id uuid CONSTRAINT pk_schedules PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT fk_schedules_account_id REFERENCES accounts ON DELETE CASCADE,
    definition_id uuid NOT NULL CONSTRAINT fk_schedules_definition_id REFERENCES definitions ON DELETE CASCADE,
    trigger varchar(8),
    revision integer NOT NULL,
    every integer,
    counted_from timestamptz NOT NULL,
    cron varchar(256),
    timezone varchar(64) NOT NULL,
    start_at timestamptz,
    end_at timestamptz,
    overlap varchar(16) NOT NULL,
    catchup_seconds integer NOT NULL,
    jitter_seconds integer NOT NULL,
    paused boolean NOT NULL,
    note text,
    input_sealed text NOT NULL,
    seal_result boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX ix_schedules_account_id_id ON schedules (account_id, id);
CREATE INDEX ix_schedules_definition_id_id ON schedules (definition_id, id);
CREATE UNIQUE INDEX ix_schedules_definition_id_trigger ON schedules (definition_id, trigger);

CREATE TABLE firings (
    schedule_id uuid NOT NULL CONSTRAINT fk_firings_schedule_id REFERENCES schedules ON DELETE CASCADE,
    due_at timestamptz NOT NULL,
    execution_id uuid CONSTRAINT fk_firings_execution_id REFERENCES executions ON DELETE CASCADE,
    refusal varchar(32),
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_firings PRIMARY KEY (schedule_id, due_at)
);
CREATE INDEX ix_firings_created_at ON firings (created_at);
CREATE INDEX ix_firings_execution_id ON firings (execution_id);

-- Payloads too large for Temporal, and the outbox

CREATE TABLE claims (
    id uuid CONSTRAINT pk_claims PRIMARY KEY,
    execution_id uuid CONSTRAINT fk_claims_execution_id REFERENCES executions ON DELETE CASCADE,
    workflow_id varchar(256) NOT NULL,
    run_id varchar(64) NOT NULL,
    data bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- A claim is encrypted: compression would cost time and save no space.
ALTER TABLE claims ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE INDEX ix_claims_created_at ON claims (created_at);
CREATE INDEX ix_claims_execution_id ON claims (execution_id);
CREATE INDEX ix_claims_workflow_id_created_at ON claims (workflow_id, created_at);

CREATE TABLE outbox (
    id bigserial CONSTRAINT pk_outbox PRIMARY KEY,
    account_id uuid NOT NULL,
    kind varchar(32) NOT NULL,
    subject varchar(64) NOT NULL,
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    traceparent varchar(55)
);
CREATE INDEX ix_outbox_created_at ON outbox (created_at);
CREATE INDEX ix_outbox_due_at ON outbox (due_at);
CREATE INDEX ix_outbox_kind_account_id_subject ON outbox (kind, account_id, subject);

-- Bytes that the workflows, executions and events of an account use. Triggers insert an entry with
-- each change; no writer waits for another. Without a reference to the account: deleting it deletes
-- its rows, which inserts entries.

CREATE TABLE usage_entries (
    id bigserial CONSTRAINT pk_usage_entries PRIMARY KEY,
    account_id uuid NOT NULL,
    bytes bigint NOT NULL
);
CREATE INDEX ix_usage_entries_account_id ON usage_entries (account_id);

DO $block$
DECLARE
    counted record;
    operation record;
BEGIN
    FOR counted IN SELECT * FROM (VALUES
        ('definitions', '256 + octet_length(name) + coalesce(octet_length(description), 0)
            + octet_length(encrypted_data) + octet_length(encryption_key)
            + octet_length(diagnostics::text) + coalesce(octet_length(diagnostics_sealed), 0)'),
        ('definition_versions', '256 + octet_length(name) + coalesce(octet_length(description), 0)
            + octet_length(encrypted_data) + octet_length(encryption_key)
            + octet_length(diagnostics::text) + coalesce(octet_length(diagnostics_sealed), 0)'),
        ('executions', '256 + octet_length(input_sealed)
            + coalesce(octet_length(outcome_sealed), 0) + coalesce(octet_length(left_sealed), 0)'),
        ('events', '256 + coalesce(octet_length(sealed), 0)'),
        ('schedules', '256 + octet_length(input_sealed) + coalesce(octet_length(note), 0)')
    ) AS tables (name, size)
    LOOP
        EXECUTE replace(replace($function$
            CREATE FUNCTION count_<table>() RETURNS trigger LANGUAGE plpgsql AS $body$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    INSERT INTO usage_entries (account_id, bytes)
                    SELECT account_id, sum(<size>) FROM new_rows GROUP BY account_id;
                ELSIF TG_OP = 'DELETE' THEN
                    INSERT INTO usage_entries (account_id, bytes)
                    SELECT account_id, -sum(<size>) FROM old_rows GROUP BY account_id;
                ELSE
                    INSERT INTO usage_entries (account_id, bytes)
                    SELECT account_id, sum(bytes) FROM (
                        SELECT account_id, <size> AS bytes FROM new_rows
                        UNION ALL SELECT account_id, -(<size>) FROM old_rows
                    ) AS changes GROUP BY account_id HAVING sum(bytes) <> 0;
                END IF;
                RETURN NULL;
            END $body$ $function$, '<table>', counted.name), '<size>', counted.size);
        FOR operation IN SELECT * FROM (VALUES
            ('INSERT', 'NEW TABLE AS new_rows'),
            ('UPDATE', 'NEW TABLE AS new_rows OLD TABLE AS old_rows'),
            ('DELETE', 'OLD TABLE AS old_rows')
        ) AS operations (name, tables)
        LOOP
            EXECUTE 'CREATE TRIGGER count_' || lower(operation.name)
                || ' AFTER ' || operation.name || ' ON ' || counted.name
                || ' REFERENCING ' || operation.tables
                || ' EXECUTE FUNCTION count_' || counted.name || '()';
        END LOOP;
    END LOOP;
END $block$;

-- Steps and claims belong to an account by their execution. The deletion of an execution subtracts
-- them before they follow it.

CREATE FUNCTION count_execution_steps() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO usage_entries (account_id, bytes)
    SELECT executions.account_id, 256 * count(*) FROM new_rows
    JOIN executions ON executions.id = new_rows.execution_id GROUP BY executions.account_id;
    RETURN NULL;
END $body$;
CREATE TRIGGER count_insert AFTER INSERT ON execution_steps REFERENCING NEW TABLE AS new_rows
    EXECUTE FUNCTION count_execution_steps();

CREATE FUNCTION count_claims() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO usage_entries (account_id, bytes)
        SELECT executions.account_id, sum(256 + octet_length(data)) FROM new_rows
        JOIN executions ON executions.id = new_rows.execution_id GROUP BY executions.account_id;
    ELSE
        INSERT INTO usage_entries (account_id, bytes)
        SELECT executions.account_id, -sum(256 + octet_length(data)) FROM old_rows
        JOIN executions ON executions.id = old_rows.execution_id GROUP BY executions.account_id;
    END IF;
    RETURN NULL;
END $body$;
CREATE TRIGGER count_insert AFTER INSERT ON claims REFERENCING NEW TABLE AS new_rows
    EXECUTE FUNCTION count_claims();
CREATE TRIGGER count_delete AFTER DELETE ON claims REFERENCING OLD TABLE AS old_rows
    EXECUTE FUNCTION count_claims();

CREATE FUNCTION count_execution_parts() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    parts bigint;
BEGIN
    SELECT 256 * count(*) INTO parts FROM execution_steps WHERE execution_id = OLD.id;
    SELECT parts + coalesce(sum(256 + octet_length(data)), 0) INTO parts
    FROM claims WHERE execution_id = OLD.id;
    IF parts <> 0 THEN
        INSERT INTO usage_entries (account_id, bytes) VALUES (OLD.account_id, -parts);
    END IF;
    RETURN OLD;
END $body$;
CREATE TRIGGER count_parts BEFORE DELETE ON executions
    FOR EACH ROW EXECUTE FUNCTION count_execution_parts();
