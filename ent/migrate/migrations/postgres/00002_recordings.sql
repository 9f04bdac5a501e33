-- +goose Up
DROP INDEX "outboxmessage_next_attempt_at";
CREATE INDEX "outboxmessage_next_attempt_at" ON "outbox_messages" ("next_attempt_at") WHERE delivered_at IS NULL AND failed_at IS NULL;
CREATE TABLE "recordings" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "mode" character varying NOT NULL, "status" character varying NOT NULL DEFAULT 'INITIATED', "reason" character varying NOT NULL DEFAULT '', "options" jsonb NOT NULL, "started_by" uuid NOT NULL, "egress_id" character varying NULL, "started_at" timestamptz NULL, "ended_at" timestamptz NULL, "size" bigint NULL, "duration" bigint NULL, "expires_at" timestamptz NULL, "transcript" character varying NOT NULL DEFAULT 'NONE', "room_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "recordings_rooms_recordings" FOREIGN KEY ("room_id") REFERENCES "rooms" ("id") ON DELETE CASCADE);
CREATE UNIQUE INDEX "recordings_egress_id_key" ON "recordings" ("egress_id");
CREATE UNIQUE INDEX "recording_unfinished" ON "recordings" ("room_id") WHERE ended_at IS NULL;
CREATE INDEX "recording_room_id_created_at_id" ON "recordings" ("room_id", "created_at", "id");
CREATE INDEX "recording_created_at_id" ON "recordings" ("created_at", "id");
CREATE INDEX "recording_expires_at" ON "recordings" ("expires_at");
CREATE TABLE "recording_accesses" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "recording_id" uuid NOT NULL, "user_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "recording_accesses_recordings_accesses" FOREIGN KEY ("recording_id") REFERENCES "recordings" ("id") ON DELETE CASCADE, CONSTRAINT "recording_accesses_users_recording_accesses" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE NO ACTION);
CREATE UNIQUE INDEX "recordingaccess_user_id_recording_id" ON "recording_accesses" ("user_id", "recording_id");
CREATE INDEX "recordingaccess_recording_id" ON "recording_accesses" ("recording_id");
