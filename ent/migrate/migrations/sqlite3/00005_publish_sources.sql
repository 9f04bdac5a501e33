-- +goose Up
-- Earlier servers stored an empty text for a source that was not written in capitals. Which one it was is not known: the
-- others stay, and where there are none the server's defaults hold.
UPDATE `rooms` SET `publish_sources` = (
  SELECT CASE WHEN count(*) > 0 THEN json_group_array(`value`) END
  FROM json_each(CAST(`publish_sources` AS text)) WHERE `value` <> ''
) WHERE CAST(`publish_sources` AS text) LIKE '[%""%]';
UPDATE `users` SET `default_publish_sources` = (
  SELECT CASE WHEN count(*) > 0 THEN json_group_array(`value`) END
  FROM json_each(CAST(`default_publish_sources` AS text)) WHERE `value` <> ''
) WHERE CAST(`default_publish_sources` AS text) LIKE '[%""%]';
