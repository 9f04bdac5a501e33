-- +goose Up
-- Earlier servers stored an empty text for a source that was not written in capitals. Which one it was is not known: the
-- others stay, and where there are none the server's defaults hold.
UPDATE "rooms" SET "publish_sources" = (
  SELECT jsonb_agg("source") FROM jsonb_array_elements("publish_sources") AS "source" WHERE "source" <> '""'
) WHERE "publish_sources" @> '[""]';
UPDATE "users" SET "default_publish_sources" = (
  SELECT jsonb_agg("source") FROM jsonb_array_elements("default_publish_sources") AS "source" WHERE "source" <> '""'
) WHERE "default_publish_sources" @> '[""]';
