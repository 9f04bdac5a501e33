-- +goose Up
ALTER TABLE `recording_accesses` ADD COLUMN `email` text NOT NULL DEFAULT ('');
ALTER TABLE `room_accesses` ADD COLUMN `email` text NOT NULL DEFAULT ('');
-- Who has never signed in has been named by an address. Of the others it is not known, so hosts do not see it any more.
UPDATE `recording_accesses` SET `email` = (SELECT `email` FROM `users` WHERE `users`.`id` = `user_id`)
WHERE `user_id` IN (SELECT `id` FROM `users` WHERE `subject` IS NULL);
UPDATE `room_accesses` SET `email` = (SELECT `email` FROM `users` WHERE `users`.`id` = `user_id`)
WHERE `user_id` IN (SELECT `id` FROM `users` WHERE `subject` IS NULL);
-- The end of a ban told the account of who was banned.
UPDATE `audit_events` SET `target_id` = NULL
WHERE `action` = 'LIFT_BAN' AND `target_id` IN (SELECT `id` FROM `users`);
